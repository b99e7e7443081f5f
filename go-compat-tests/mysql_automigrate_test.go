package compat

import (
	"fmt"
	"net/http"
	"testing"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestGormMayMigrateOurTablesWheneverAGoServiceStarts(t *testing.T) {
	t.Parallel()
	pairs := []struct{ first, then gosystem.Flavour }{
		{gosystem.Unsigned, gosystem.Sized},
		{gosystem.Sized, gosystem.Unsigned},
	}
	for _, flavours := range pairs {
		t.Run(flavours.first.Name, func(t *testing.T) {
			t.Parallel()
			migratedAtAnyTime(t, flavours.first, flavours.then)
		})
	}
}

func migratedAtAnyTime(t *testing.T, first, then gosystem.Flavour) {
	w := platform.NewWorld(t)
	db := w.GormDB(t)
	process := w.Start(t)
	traded := 0
	trades := func(t *testing.T) {
		traded++
		trade(t, shop.At(t, process), traded)
	}
	t.Run("before any migration a shop trades", trades)
	t.Run("while our services run every column is retyped under them", func(t *testing.T) {
		ours := columnTypes(t, db)
		migrateUnderLoad(t, db, first, shop.At(t, process))
		for column, kind := range map[string]string{
			"products.price": "double", "orders.total_amount": "double", "orders.status": "varchar(191)",
			"order_products.unit_price": "double", "users.name": retypedName(first),
		} {
			types := columnTypes(t, db)
			if got := types[column]; len(got) < len(kind) || got[:len(kind)] != kind {
				t.Errorf("%s is %q after AutoMigrate, which was to make it %s", column, got, kind)
			}
			if types[column] == ours[column] {
				t.Errorf("%s is as it was, %q: nothing was tried", column, ours[column])
			}
		}
	})
	t.Run("after it, on the same connections, a shop trades", trades)
	process.Stop(t)
	must(t, then.AutoMigrate(db))
	retyped := columnTypes(t, db)
	process = w.Start(t)
	t.Run("our next start types nothing back", func(t *testing.T) {
		wantStill(t, retyped, columnTypes(t, db))
	})
	t.Run("after a migration between two starts a shop trades", trades)
	t.Run("the log of every aggregate is whole", func(t *testing.T) {
		everythingPublished(t, db)
		wantContiguous(t, db)
	})
}

func retypedName(flavour gosystem.Flavour) string {
	if flavour.Name == gosystem.Unsigned.Name {
		return "longtext"
	}
	return "varchar(100)"
}

// migrateUnderLoad has orders placed before, during and after the migration; each must be answered.
func migrateUnderLoad(t *testing.T, db *gorm.DB, flavour gosystem.Flavour, s shop.Shop) {
	t.Helper()
	user := s.User("Load", fmt.Sprintf("load-%s@example.com", t.Name()[:8]))
	product := s.Product("Load", 0.1, 1_000)
	migrated := make(chan error, 1)
	s.Order(user, shop.Line{ProductID: product, Quantity: 3, UnitPrice: 0.1})
	go func() { migrated <- flavour.AutoMigrate(db) }()
	for {
		order := s.Order(user, shop.Line{ProductID: product, Quantity: 3, UnitPrice: 0.1})
		select {
		case err := <-migrated:
			must(t, err)
			if total := s.Stored(order).TotalAmount; total != 0.3 {
				t.Errorf("an order of 3 at 0.10 costs %v", total)
			}
			return
		default:
		}
	}
}

// trade is a shop's day: every value that AutoMigrate may have retyped is written, read and shown.
func trade(t *testing.T, s shop.Shop, day int) {
	t.Helper()
	email := fmt.Sprintf("ana-%d@example.com", day)
	ana := s.User("Ana", email)
	s.Want(http.StatusConflict, "users", "POST", "/users", map[string]any{"name": "Eva", "email": email}, nil)
	mouse, notebook := s.Product("Mouse", 89.9, 10), s.Product("Notebook", 3500.55, 4)
	lines := []shop.Line{
		{ProductID: mouse, Quantity: 3, UnitPrice: 89.9}, {ProductID: notebook, Quantity: 1, UnitPrice: 3500.55},
	}
	paid, canceled := s.Order(ana, lines...), s.Order(ana, lines[0])
	s.Pay(paid, "pix")
	s.Cancel(canceled, "changed mind")
	s.Reprice(mouse, 79.99)
	s.Rename(ana, "Ana Souza")
	for id, want := range map[int]shop.Stored{
		paid:     {ID: paid, UserID: ana, Status: "PAID", TotalAmount: 3770.25, Items: lines},
		canceled: {ID: canceled, UserID: ana, Status: "CANCELED", TotalAmount: 269.7, Items: lines[:1]},
	} {
		wantStored(t, s.Stored(id), want)
	}
	view := s.OrderSoon(paid, "paid, reserved and renamed", func(o shop.OrderView) bool {
		return o.Status == "PAID" && o.Reservation == "RESERVED" && o.User.Name == "Ana Souza"
	})
	if view.Total != 3770.25 || view.Items[0].UnitPrice != 89.9 || view.PaymentMethod != "pix" {
		t.Errorf("the paid order's view is %+v", view)
	}
	s.OrderSoon(canceled, "canceled", func(o shop.OrderView) bool { return o.Status == "CANCELED" })
	s.ProductSoon(mouse, "7 left at 79.99", func(p shop.ProductView) bool { return p.Stock == 7 && p.Price == 79.99 })
	s.ProductSoon(notebook, "3 left", func(p shop.ProductView) bool { return p.Stock == 3 })
}

func wantStored(t testing.TB, got, want shop.Stored) {
	t.Helper()
	got.CreatedAt = want.CreatedAt
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("the stored order is %+v instead of %+v", got, want)
	}
}
