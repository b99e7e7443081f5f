package compat

import (
	"strings"
	"testing"
	"time"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// handledByGo comes to ours again, since Go's service was stopped between its mark and its commit.
func handledByGo(r reactions) {
	created := r.row(3)
	mark := gosystem.ProcessedEvent{EventID: created.EventID, ServiceName: "product-service", ProcessedAt: time.Now()}
	must(r.t, r.db.Create(&mark).Error)
	r.g.thrice("order.created", created)
	r.consumed()
	r.wantMoved(0, 0, 10)
	// And what ours has handled is marked for Go's.
	other := r.row(1)
	r.g.thrice("order.created", other)
	r.consumed()
	r.wantMoved(1, 0, 9)
	marks := "select count(*) from processed_events where event_id = ? and service_name = 'product-service'"
	if found := select1[int](r.t, r.db, marks, other.EventID); found != 1 {
		r.t.Errorf("there are %d marks of what ours has handled", found)
	}
}

// namedTwice is an order as Go announces it: GORM has stored its first line, and the event has both. It may ask for nothing of
// a product, too.
func namedTwice(r reactions) {
	created, cable := r.row(3), r.s.Product("Cabo", 9.9, 5)
	created.Order.Items = append(created.Order.Items, gosystem.ItemData{ProductID: r.product, Quantity: 2, UnitPrice: 89.9},
		gosystem.ItemData{ProductID: cable, Quantity: 0, UnitPrice: 9.9})
	r.g.thrice("order.created", created)
	r.s.OrderSoon(created.Order.ID, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
	r.consumed()
	r.wantMoved(1, 0, 5)
	moved := "select count(*) from outbox where event_type = 'stock.reserved' and aggregate = 'product' and aggregate_id = ?"
	if found := select1[int](r.t, r.db, moved, cable); found != 0 {
		r.t.Errorf("nothing is asked for of the cable, and it has %d stock.reserved", found)
	}
}

// Go's letters say nothing of where their originals were, so that only their own places tell them apart.
func TestDeadLettersThatGoWroteOfOneTopicAreToldApart(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	process := w.Start(t)
	g, s := goRecordsInto(t, w), shop.At(t, process)
	mouse, ana := s.Product("Mouse", 89.9, 10), s.User("Ana", "ana@example.com")
	var paid []gosystem.OrderPaidEvent
	for range 3 {
		order := s.Order(ana, shop.Line{ProductID: mouse, Quantity: 1, UnitPrice: 89.9})
		paid = append(paid, paidEvent(order, "pix"))
		must(t, g.producer.Bury(t.Context(), "order.paid", goValue(t, paid[len(paid)-1]), "documento não encontrado"))
	}
	letters := listed(t, w)
	for _, event := range paid {
		if found := letters[event.EventID]; found.State != "open" || !strings.HasPrefix(found.Letter, w.Topic("order.paid.dlq/")) {
			t.Errorf("the letter of order %d is listed as %+v", event.OrderID, found)
		}
	}
	for _, event := range paid[:2] {
		dlq(t, w, 0, "redrive", letters[event.EventID].Letter)
	}
	for _, event := range paid[:2] {
		s.OrderSoon(event.OrderID, "paid", func(o shop.OrderView) bool { return o.Status == "PAID" })
		stateSoon(t, w, event.EventID, "applied")
	}
	stateSoon(t, w, paid[2].EventID, "open")
	s.OrderSoon(paid[2].OrderID, "not paid", func(o shop.OrderView) bool { return o.Status == "CREATED" })
}
