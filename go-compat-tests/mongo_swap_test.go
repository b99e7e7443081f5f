package compat

import (
	"fmt"
	"sync"
	"testing"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestTheProjectorCanBeSwappedForGosAndBack(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	processes := startRoles(t, w, "user-service", "product-service", "order-service", "query-service", "dispatcher")
	services := map[string]*platform.Process{
		"users": processes[0], "products": processes[1], "orders": processes[2], "query": processes[3],
	}
	db, projector := w.GormDB(t), goProjector(t, w)
	stopGo := inBackground(t, projector.Run)
	s := shop.Across(t, services)
	ana, mouse := s.User("Ana", "ana@example.com"), s.Product("Mouse", 89.9, 10)
	caughtUpWith(t, w, projector)
	line := shop.Line{ProductID: mouse, Quantity: 3, UnitPrice: 89.9}
	order, other := s.Order(ana, line), s.Order(ana, line)
	reserved(t, w, order, other)
	caughtUpWith(t, w, projector)
	s.Pay(order, "pix")
	caughtUpWith(t, w, projector)
	wantNoVersion(t, w, "views.orders", order)
	stopGo()
	ours := w.Start(t, "projector")

	step(t, "documents of a Go projector that read our events come to our version", func(t *testing.T) {
		s := shop.Across(t, services)
		s.OrderSoon(order, "at version 3 with all that our events say", func(o shop.OrderView) bool {
			return o.Version == 3 && o.Status == "PAID" && o.PaymentMethod == "pix" && o.Reservation == "RESERVED" &&
				o.Total == 269.7 && o.User.Name == "Ana"
		})
		s.OrderSoon(other, "at version 2", func(o shop.OrderView) bool { return o.Version == 2 && o.Reservation == "RESERVED" })
		s.ProductSoon(mouse, "at version 3, four left", func(p shop.ProductView) bool { return p.Version == 3 && p.Stock == 4 })
		s.UserSoon(ana, "at version 1", func(u shop.UserView) bool { return u.Version == 1 && u.Name == "Ana" })
	})
	step(t, "and what comes next follows", func(t *testing.T) {
		s := shop.Across(t, services)
		s.Put(order, "PROCESSING")
		s.OrderSoon(order, "processed", func(o shop.OrderView) bool { return o.Version == 4 && o.Status == "PROCESSING" })
		s.Rename(ana, "Ana Souza")
		s.OrderSoon(other, "with the new name", func(o shop.OrderView) bool { return o.User.Name == "Ana Souza" })
	})
	ours.Stop(t)
	stopGo = inBackground(t, goProjector(t, w).Run)
	step(t, "a Go projector goes on with our documents", func(t *testing.T) {
		s := shop.Across(t, services)
		s.Put(order, "SHIPPED")
		s.Cancel(other, "changed mind")
		s.Rename(ana, "Ana S. Souza")
		late := s.Order(ana, line)
		reserved(t, w, late)
		caughtUpWith(t, w, projector)
		s.OrderSoon(order, "shipped, by Go", func(o shop.OrderView) bool { return o.Status == "SHIPPED" && o.Version == 4 })
		s.OrderSoon(other, "canceled, by Go", func(o shop.OrderView) bool { return o.Status == "CANCELED" && o.Version == 2 })
		wantNoVersion(t, w, "views.orders", late)
	})
	stopGo()
	w.Start(t, "projector")
	step(t, "ours goes on where Go stopped, and nothing is stuck", func(t *testing.T) {
		s := shop.Across(t, services)
		s.Put(order, "DELIVERED")
		s.Reprice(mouse, 79.99)
		s.Rename(ana, "Ana")
		s.OrderSoon(order, "delivered at version 6", func(o shop.OrderView) bool {
			return o.Version == 6 && o.Status == "DELIVERED" && o.User.Name == "Ana"
		})
		s.OrderSoon(other, "canceled for its reason", func(o shop.OrderView) bool {
			return o.Status == "CANCELED" && o.CancelReason == "changed mind" && o.User.Name == "Ana"
		})
		s.UserSoon(ana, "at version 4", func(u shop.UserView) bool { return u.Version == 4 && u.Name == "Ana" })
		stock := select1[struct{ Stock, Version int }](t, db, "select stock, version from products where id = ?", mouse)
		s.ProductSoon(mouse, "what its row is", func(p shop.ProductView) bool {
			return p.Price == 79.99 && p.Stock == stock.Stock && p.Version == stock.Version
		})
		wantVersions(t, db, s, []int{order, other})
		wantContiguous(t, db)
	})
}

// startRoles starts a process a role, all at the same time.
func startRoles(t *testing.T, w *platform.World, roles ...string) []*platform.Process {
	t.Helper()
	processes := make([]*platform.Process, len(roles))
	var all sync.WaitGroup
	for place, role := range roles {
		all.Add(1)
		go func() {
			defer all.Done()
			processes[place] = w.Start(t, role)
		}()
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return processes
}

// reserved waits until the stock of these orders is reserved, which no Go view shows.
func reserved(t testing.TB, w *platform.World, orders ...int) {
	t.Helper()
	db := w.GormDB(t)
	platform.Eventually(t, "the orders' stock is reserved", soon, func() error {
		waiting := int64(0)
		err := db.Model(&gosystem.Order{}).Where("id in ? and reservation <> 'RESERVED'", orders).Count(&waiting).Error
		if err == nil && waiting > 0 {
			err = fmt.Errorf("%d wait", waiting)
		}
		return err
	})
}

// caughtUpWith waits until all that our services said is published and the Go projector has consumed it.
func caughtUpWith(t testing.TB, w *platform.World, projector *gosystem.Projector) {
	t.Helper()
	everythingPublished(t, w.GormDB(t))
	caughtUp(t, projector)
}
