package compat

import (
	"fmt"
	"net/http"
	"testing"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// Go's projector moves no version and takes none away, so that only its marks say that it was there.
func TestOurProjectorNoticesThatGosHasChangedItsDocuments(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	processes := startRoles(t, w, "user-service", "product-service", "order-service", "query-service", "dispatcher", "projector")
	services := map[string]*platform.Process{
		"users": processes[0], "products": processes[1], "orders": processes[2], "query": processes[3],
	}
	ours, projector, s := processes[5], goProjector(t, w), shop.Across(t, services)
	ana, bruno, mouse := s.User("Ana", "ana@example.com"), s.User("Bruno", "bruno@example.com"), s.Product("Mouse", 89.9, 10)
	order := s.Order(ana, shop.Line{ProductID: mouse, Quantity: 3, UnitPrice: 89.9})
	s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" && o.Version == 2 })
	// goOnly has Go's projector alone do what `change` asks for.
	goOnly := func(change func()) {
		ours.Stop(t)
		stopGo := inBackground(t, projector.Run)
		change()
		caughtUpWith(t, w, projector)
		stopGo()
		ours = w.Start(t, "projector")
	}
	step(t, "where it has made none of its own", func(t *testing.T) {
		s := shop.Across(t, services)
		goOnly(func() {
			s.Pay(order, "pix")
			caughtUpWith(t, w, projector)
			s.OrderSoon(order, "paid, by Go", func(o shop.OrderView) bool { return o.Status == "PAID" && o.Version == 2 })
		})
		s.Put(order, "PROCESSING")
		s.OrderSoon(order, "processed at version 4", func(o shop.OrderView) bool {
			return o.Status == "PROCESSING" && o.Version == 4 && o.PaymentMethod == "pix"
		})
	})
	step(t, "and where it has brought back what ours had deleted", func(t *testing.T) {
		s := shop.Across(t, services)
		s.Want(http.StatusOK, "users", "DELETE", fmt.Sprintf("/users/%d", bruno), nil, nil)
		everythingPublished(t, w.GormDB(t))
		// Go's projector, whose lag could be asked, does not read deletions.
		s.UserGoneSoon(bruno)
		goOnly(func() {
			goRecordsInto(t, w).thrice("user.updated", userEvent(bruno, "Bruno again"))
			s.UserSoon(bruno, "back, by Go", func(u shop.UserView) bool { return u.Name == "Bruno again" })
			// The outbox may have been emptied of what is published.
			must(t, w.GormDB(t).Exec("delete from outbox where aggregate = 'user' and aggregate_id = ?", bruno).Error)
		})
		s.UserGoneSoon(bruno)
	})
}

// An order of Go's came before its user and its product, which Go's projector alone has heard of.
func TestAnOrderThatGoesOnFindsWhatGosProjectorHasTaken(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	processes := startRoles(t, w, "projector", "query-service", "dispatcher")
	g, projector := goRecordsInto(t, w), goProjector(t, w)
	s := shop.Across(t, map[string]*platform.Process{"query": processes[1]})
	g.thrice("order.created", createdEvent(7, 7, gosystem.ItemData{ProductID: 7, Quantity: 2, UnitPrice: 5}))
	s.OrderSoon(7, "there", func(o shop.OrderView) bool { return o.Total == 10 && o.User.Name == "" })
	caughtUp(t, projector)
	processes[0].Stop(t)
	stopGo := inBackground(t, projector.Run)
	g.thrice("user.created", userEvent(7, "Ana"))
	g.thrice("product.created", productEvent(7, "Mouse", 5, 10))
	caughtUp(t, projector)
	stopGo()
	w.Start(t, "projector")
	s.UserSoon(7, "adopted", func(u shop.UserView) bool { return u.Version == 1 && u.Name == "Ana" })
	g.thrice("order.paid", paidEvent(7, "pix"))
	s.OrderSoon(7, "paid, with its user and its product", func(o shop.OrderView) bool {
		return o.Status == "PAID" && o.User.Name == "Ana" && o.Items[0].Product.Name == "Mouse"
	})
}
