package compat

import (
	"context"
	"testing"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestViewsOfTheGoProjectorAreTakenOver(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	db := w.GormDB(t)
	must(t, gosystem.Unsigned.AutoMigrate(db))
	before := goRuns(t, w, db)
	process := w.Start(t)
	step(t, "every document gets a version and says what the events say", func(t *testing.T) {
		s := shop.At(t, process)
		s.UserSoon(before.ana, "at version 1", func(u shop.UserView) bool { return u.Version == 1 && u.Name == "Ana" })
		s.ProductSoon(before.mouse, "at version 1, with Go's stock", func(p shop.ProductView) bool {
			return p.Version == 1 && p.Name == "Mouse" && p.Price == 89.9 && p.Stock == 10
		})
		for id, status := range map[int]string{before.open: "CREATED", before.paid: "PAID", before.canceled: "CANCELED"} {
			s.OrderSoon(id, "at a version and "+status, func(o shop.OrderView) bool {
				return o.Version >= 1 && o.Status == status && o.Total == 269.7 && o.User.Name == "Ana" &&
					len(o.Items) == 1 && o.Items[0].Product.Name == "Mouse" && o.Items[0].Product.Price == 89.9
			})
		}
		s.OrderSoon(before.canceled, "canceled for its reason", func(o shop.OrderView) bool {
			return o.CancelReason == "changed mind"
		})
	})
	step(t, "a document whose creation no outbox row tells of is adopted", func(t *testing.T) {
		s := shop.At(t, process)
		s.UserSoon(before.stranger, "at version 1", func(u shop.UserView) bool { return u.Version == 1 && u.Name == "Stranger" })
		s.Rename(before.stranger, "Friend")
		s.UserSoon(before.stranger, "renamed", func(u shop.UserView) bool { return u.Version == 2 && u.Name == "Friend" })
	})
	t.Run("stock that Go's product side moved past the outbox stays moved", func(t *testing.T) {
		s := shop.At(t, process)
		s.ProductSoon(before.keyboard, "at version 1 with Go's 7 left", func(p shop.ProductView) bool {
			return p.Version == 1 && p.Stock == 7
		})
	})
	step(t, "our next commands reach the documents", func(t *testing.T) {
		s := shop.At(t, process)
		s.Pay(before.open, "pix")
		s.OrderSoon(before.open, "paid by pix", func(o shop.OrderView) bool {
			return o.Status == "PAID" && o.PaymentMethod == "pix" && o.Version > 1
		})
		s.Cancel(before.second, "changed mind")
		s.OrderSoon(before.second, "canceled", func(o shop.OrderView) bool { return o.Status == "CANCELED" && o.Version == 2 })
		s.Rename(before.ana, "Ana Souza")
		s.UserSoon(before.ana, "renamed", func(u shop.UserView) bool { return u.Name == "Ana Souza" && u.Version == 2 })
		for _, order := range []int{before.open, before.paid, before.canceled, before.second} {
			s.OrderSoon(order, "with its user's new name", func(o shop.OrderView) bool { return o.User.Name == "Ana Souza" })
		}
		s.Reprice(before.mouse, 79.99)
		s.ProductSoon(before.mouse, "repriced", func(p shop.ProductView) bool { return p.Price == 79.99 && p.Stock == 10 })
		wantContiguous(t, db)
	})
	step(t, "nothing was lost on the way and the next start finds nothing to do", func(t *testing.T) {
		process.Stop(t)
		process = w.Start(t)
		s := shop.At(t, process)
		s.Put(before.open, "PAID")
		order := s.Order(before.ana, shop.Line{ProductID: before.mouse, Quantity: 1, UnitPrice: 89.9})
		s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
		wantVersions(t, db, s, []int{before.open, before.second, before.paid, before.canceled, order})
	})
}

// goWorld is what the Go system left when ours took over.
type goWorld struct {
	ana, stranger, mouse, keyboard, open, second, paid, canceled int
}

// goRuns has the whole Go system run and stop: rows, an outbox that is published, views, and offsets at the end.
func goRuns(t *testing.T, w *platform.World, db *gorm.DB) goWorld {
	t.Helper()
	ctx := context.Background()
	if _, code := w.Run(t, "topics"); code != 0 {
		t.Fatalf("esteira topics: %d", code)
	}
	goSide := gosystem.Services{DB: db}
	ana, err := goSide.CreateUser("Ana", "ana@example.com")
	must(t, err)
	mouse, err := goSide.CreateProduct("Mouse", 89.9, 10)
	must(t, err)
	keyboard, err := goSide.CreateProduct("Keyboard", 250, 10)
	must(t, err)
	projector := goProjector(t, w)
	stop := inBackground(t, projector.Run)
	publish(t, w, db)
	// Go's facets are what its views have when the order comes.
	caughtUp(t, projector)
	order := func() int {
		created, err := goSide.CreateOrder(ana.ID, gosystem.OrderProduct{ProductID: mouse.ID, Quantity: 3, UnitPrice: 89.9})
		must(t, err)
		return int(created.ID)
	}
	left := goWorld{
		ana: int(ana.ID), mouse: int(mouse.ID), keyboard: int(keyboard.ID),
		open: order(), second: order(), paid: order(), canceled: order(),
	}
	publish(t, w, db)
	caughtUp(t, projector)
	must(t, goSide.PayOrder(uint(left.paid), ""))
	must(t, goSide.CancelOrder(uint(left.canceled), "changed mind"))
	publish(t, w, db)
	producer := gosystem.NewProducer(goKafka(w))
	defer producer.Close()
	_, err = producer.Reserve(ctx, left.open, left.keyboard, 3)
	must(t, err)
	must(t, db.Exec("UPDATE products SET stock = stock - 3 WHERE id = ?", left.keyboard).Error)
	caughtUp(t, projector)
	stop()
	stranger := gosystem.User{Name: "Stranger", Email: "stranger@example.com"}
	must(t, db.Create(&stranger).Error)
	left.stranger = int(stranger.ID)
	must(t, projector.Adopt(ctx, stranger))
	for group, events := range map[string][]string{
		"product-consumer": {"order.created", "order.canceled"},
		"order-consumer":   {"order.canceled"},
	} {
		must(t, goKafka(w).CommitAtEnd(ctx, w.Group(group), events...))
	}
	for _, id := range []int{left.open, left.second, left.paid, left.canceled} {
		wantNoVersion(t, w, "views.orders", id)
	}
	return left
}

// publish has a Go dispatcher publish everything that waits.
func publish(t testing.TB, w *platform.World, db *gorm.DB) {
	t.Helper()
	producer := gosystem.NewProducer(goKafka(w))
	defer producer.Close()
	dispatcher := &gosystem.Dispatcher{DB: db, Producer: producer, Page: 100}
	must(t, dispatcher.Sweep(context.Background()))
}
