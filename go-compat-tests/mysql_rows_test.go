package compat

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestRowsThatGoServicesWriteBesideOursAreDispatchedAndProjectedOnce(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	db := w.GormDB(t)
	process := w.Start(t)
	goSide := gosystem.Services{DB: db}
	ana, mouse, notebook := goShop(t, goSide)
	for _, product := range []gosystem.Product{mouse, notebook} {
		shop.At(t, process).ProductSoon(int(product.ID), "there", func(p shop.ProductView) bool {
			return p.Name == product.Name && p.Price == product.Price
		})
	}
	lines := []gosystem.OrderProduct{
		{ProductID: mouse.ID, Quantity: 3, UnitPrice: 89.9}, {ProductID: notebook.ID, Quantity: 1, UnitPrice: 3500},
	}
	whole := func(t testing.TB, order gosystem.Order, err error) int {
		t.Helper()
		must(t, err)
		return int(order.ID)
	}
	t.Run("an order that Go creates and Go pays", func(t *testing.T) {
		s := shop.At(t, process)
		created, err := goSide.CreateOrder(ana.ID, lines...)
		order := whole(t, created, err)
		defaults := select1[string](t, db, `select concat(reservation, refund_due) from orders where id = ?`, order)
		if defaults != "PENDING0" && defaults != "RESERVED0" {
			t.Errorf("a Go row's reservation and refund_due are %s", defaults)
		}
		must(t, goSide.PayOrder(created.ID, ""))
		view := s.OrderSoon(order, "paid and reserved", func(o shop.OrderView) bool {
			return o.Status == "PAID" && o.Reservation == "RESERVED" && o.User.Name == "Ana Souza"
		})
		if view.Total != 3769.7 || len(view.Items) != 2 || view.Items[0].Product.Name != "Mouse" {
			t.Errorf("its view is %+v", view)
		}
		wantRevision(t, w, order, 1)
		wantStored(t, s.Stored(order), shop.Stored{
			ID: order, UserID: int(ana.ID), Status: "PAID", TotalAmount: 3769.7, Items: []shop.Line{
				{ProductID: int(mouse.ID), Quantity: 3, UnitPrice: 89.9},
				{ProductID: int(notebook.ID), Quantity: 1, UnitPrice: 3500},
			},
		})
	})
	t.Run("an order that Go creates and ours pays", func(t *testing.T) {
		s := shop.At(t, process)
		created, err := goSide.CreateOrder(ana.ID, lines[0])
		order := whole(t, created, err)
		s.Pay(order, "pix")
		s.OrderSoon(order, "paid by pix and reserved, at version 3", func(o shop.OrderView) bool {
			return o.Status == "PAID" && o.PaymentMethod == "pix" && o.Reservation == "RESERVED" && o.Version == 3
		})
		if err := goSide.CancelOrder(created.ID, "late"); err == nil {
			t.Error("Go cancels what ours has paid")
		}
	})
	t.Run("an order that ours creates and Go cancels", func(t *testing.T) {
		s := shop.At(t, process)
		order := s.Order(int(ana.ID), shop.Line{ProductID: int(mouse.ID), Quantity: 2, UnitPrice: 89.9})
		s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
		must(t, goSide.CancelOrder(uint(order), "changed mind"))
		s.OrderSoon(order, "canceled for Go's reason", func(o shop.OrderView) bool {
			return o.Status == "CANCELED" && o.CancelReason == "changed mind"
		})
		path := fmt.Sprintf("/orders/%d/pay", order)
		s.Want(http.StatusBadRequest, "orders", "POST", path, map[string]any{}, nil)
	})
	t.Run("an order of Go's that overtakes its product shows the product as soon as it comes", func(t *testing.T) {
		s := shop.At(t, process)
		var late gosystem.Product
		created := gosystem.Order{}
		must(t, db.Transaction(func(tx *gorm.DB) error {
			late = gosystem.Product{Name: "Late", Price: 5, Stock: 1}
			if err := tx.Create(&late).Error; err != nil {
				return err
			}
			line := gosystem.OrderProduct{ProductID: late.ID, Quantity: 1, UnitPrice: 5}
			var err error
			created, err = gosystem.Services{DB: tx}.CreateOrder(ana.ID, line)
			return err
		}))
		order := int(created.ID)
		s.OrderSoon(order, "there", func(o shop.OrderView) bool { return o.ID == order })
		must(t, goSide.Announce(late))
		s.OrderSoon(order, "with its product's name", func(o shop.OrderView) bool {
			return len(o.Items) == 1 && o.Items[0].Product.Name == "Late" && o.Items[0].Product.Price == 5
		})
	})
	t.Run("statements that leave out what has a default in init.sql", func(t *testing.T) {
		plainStatements(t, db, shop.At(t, process))
	})
	t.Run("what Go changes without telling is told by our next command", func(t *testing.T) {
		untold(t, w, shop.At(t, process), goSide)
	})
	t.Run("our change after Go's is what the view shows, however close they are", func(t *testing.T) {
		overGo(t, shop.At(t, process), goSide)
	})
	t.Run("stock, rows and log are what these orders come to", func(t *testing.T) {
		s := shop.At(t, process)
		everythingPublished(t, db)
		s.ProductSoon(int(mouse.ID), "10 - 3 - 3", func(p shop.ProductView) bool { return p.Stock == 4 })
		s.ProductSoon(int(notebook.ID), "5 - 1", func(p shop.ProductView) bool { return p.Stock == 4 })
		stock := select1[int](t, db, "select sum(stock) from products where id in (?, ?)", mouse.ID, notebook.ID)
		if stock != 8 {
			t.Errorf("the products' rows have a stock of %d", stock)
		}
		if missing := select1[int](t, db, "select count(*) from outbox where kafka_offset is null"); missing != 0 {
			t.Errorf("%d rows were published by nobody of ours", missing)
		}
		wantRowsAsRecords(t, w)
		wantContiguous(t, db)
	})
}

// goShop has the Go services make a user and two products.
func goShop(t testing.TB, goSide gosystem.Services) (gosystem.User, gosystem.Product, gosystem.Product) {
	t.Helper()
	user, err := goSide.CreateUser("Ana Souza", "ana@example.com")
	must(t, err)
	mouse, err := goSide.CreateProduct("Mouse", 89.9, 10)
	must(t, err)
	notebook, err := goSide.CreateProduct("Notebook", 3500, 5)
	must(t, err)
	return user, mouse, notebook
}

func TestAGoDispatcherThatPublishesOurRowsTooDoublesNothing(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	db := w.GormDB(t)
	process := w.Start(t)
	s := shop.At(t, process)
	producer := gosystem.NewProducer(goKafka(w))
	defer producer.Close()
	dispatcher := &gosystem.Dispatcher{DB: db, Producer: producer, Page: 20, Interval: time.Millisecond}
	stop := inBackground(t, dispatcher.Run)
	ana, mouse := s.User("Ana", "ana@example.com"), s.Product("Mouse", 89.9, 100_000)
	orders, sold := []int{}, 0
	for deadline := time.Now().Add(soon); dispatcher.Published() < 25; {
		if time.Now().After(deadline) {
			t.Fatalf("the Go dispatcher has won only %d rows", dispatcher.Published())
		}
		order := s.Order(ana, shop.Line{ProductID: mouse, Quantity: 2, UnitPrice: 89.9})
		if orders = append(orders, order); len(orders)%3 == 0 {
			s.Cancel(order, "changed mind")
		} else {
			s.Pay(order, "pix")
			sold += 2
		}
	}
	everythingPublished(t, db)
	s.ProductSoon(mouse, fmt.Sprintf("%d sold", sold), func(p shop.ProductView) bool { return p.Stock == 100_000-sold })
	stop()
	wantVersions(t, db, s, orders)
	if stock := select1[int](t, db, "select stock from products where id = ?", mouse); stock != 100_000-sold {
		t.Errorf("the row's stock is %d after %d were sold", stock, sold)
	}
	wantContiguous(t, db)
	t.Logf("the Go dispatcher published %d of our rows, %d orders", dispatcher.Published(), len(orders))
}

// wantVersions waits until every order's view is at its row's version, in its row's status.
func wantVersions(t testing.TB, db *gorm.DB, s shop.Shop, orders []int) {
	t.Helper()
	for _, id := range orders {
		s.OrderSoon(id, "what its row is", func(o shop.OrderView) bool {
			row := select1[struct {
				Status  string
				Version int
			}](t, db, "select status, version from orders where id = ?", id)
			return o.Status == row.Status && o.Version == row.Version
		})
	}
}

// inBackground runs until what it returns is called; an error fails t.
func inBackground(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the Go side: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}
