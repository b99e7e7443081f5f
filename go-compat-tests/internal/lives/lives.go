// Package lives makes every event of the platform happen, and says what a Go consumer must read of it.
package lives

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"esteira.dev/go-compat-tests/internal/contract"
	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// The trace that the command which places the first order says it belongs to.
const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// Everything makes every event happen: users and products that change and go, an order that is paid and worked
// on, one that is cancelled and deleted, one that is larger than the stock. It says what must be in which topic, by
// aggregate and in its order.
func Everything(t testing.TB, p *platform.Process) map[string][]any {
	t.Helper()
	s := shop.At(t, p)
	ana, bruno := s.User("Ana", "ana@example.com"), s.User("Bruno", "bruno@example.com")
	s.Rename(ana, "Ana S.")
	s.Rename(ana, "Ana Souza")
	s.Want(http.StatusOK, "users", http.MethodDelete, "/users/2", nil, nil)
	notebook, mouse, cable := s.Product("Notebook", 3500, 10), s.Product("Mouse", 79.9, 1), s.Product("Cabo", 9.99, 0)
	s.Reprice(notebook, 3400)
	s.Want(http.StatusOK, "products", http.MethodDelete, "/products/3", nil, nil)

	placeTraced(t, p, `{"user_id": 1, "items": [
		{"product_id": 1, "quantity": 2, "unit_price": 3400}, {"product_id": 2, "quantity": 1, "unit_price": 79.9}]}`)
	kept := 1
	reserved(s, kept)
	s.Pay(kept, "pix")
	s.Put(kept, "PROCESSING")

	given := s.Order(ana, shop.Line{ProductID: notebook, Quantity: 3, UnitPrice: 3400})
	reserved(s, given)
	s.Cancel(given, "changed mind")
	s.ProductSoon(notebook, "has its stock back", func(v shop.ProductView) bool { return v.Stock == 8 })
	s.Want(http.StatusOK, "orders", http.MethodDelete, "/orders/2", nil, nil)

	large := s.Order(ana, shop.Line{ProductID: mouse, Quantity: 5, UnitPrice: 79.9})
	s.OrderSoon(large, "is cancelled", func(v shop.OrderView) bool { return v.Status == "CANCELED" })

	return map[string][]any{
		"user.created":    {user(ana, "Ana", "ana@example.com"), user(bruno, "Bruno", "bruno@example.com")},
		"user.updated":    {user(ana, "Ana S.", "ana@example.com"), user(ana, "Ana Souza", "ana@example.com")},
		"user.deleted":    {contract.UserDeletedEvent{UserID: bruno}},
		"product.created": {product(notebook, "Notebook", 3500, 10), product(mouse, "Mouse", 79.9, 1), product(cable, "Cabo", 9.99, 0)},
		"product.updated": {product(notebook, "Notebook", 3400, 10)},
		"product.deleted": {contract.ProductDeletedEvent{ProductID: cable}},
		"stock.reserved":  {stock(kept, notebook, 2), stock(given, notebook, 3), stock(kept, mouse, 1)},
		"stock.released":  {stock(given, notebook, 3)},
		"stock.rejected": {contract.StockRejectedEvent{
			OrderID: large, Items: []contract.RejectedItem{{ProductID: mouse, Requested: 5, Available: 0}},
		}},
		"order.created": {
			order(kept, ana, 6879.9, item(notebook, 2, 3400), item(mouse, 1, 79.9)),
			order(given, ana, 10200, item(notebook, 3, 3400)),
			order(large, ana, 399.5, item(mouse, 5, 79.9)),
		},
		"order.updated": {
			gosystem.OrderUpdatedEvent{OrderID: kept, Status: "CREATED"},
			gosystem.OrderUpdatedEvent{OrderID: kept, Status: "PROCESSING"},
			gosystem.OrderUpdatedEvent{OrderID: given, Status: "CREATED"},
		},
		"order.paid": {gosystem.OrderPaidEvent{OrderID: kept, PaymentMethod: "pix"}},
		"order.canceled": {
			gosystem.OrderCanceledEvent{OrderID: given, Reason: "changed mind"},
			gosystem.OrderCanceledEvent{OrderID: large, Reason: platformsReason},
		},
		"order.deleted": {contract.OrderDeletedEvent{OrderID: given}},
	}
}

// Stands for whatever the platform says when it cancels by itself: a text for people.
const platformsReason = "(some text)"

// AnyReason is event without what the platform says when it cancels by itself.
func AnyReason(event any) any {
	if canceled, is := event.(gosystem.OrderCanceledEvent); is && strings.Contains(canceled.Reason, "stock") {
		canceled.Reason = platformsReason
		return canceled
	}
	return event
}

func reserved(s shop.Shop, order int) {
	s.OrderSoon(order, "has its stock reserved", func(v shop.OrderView) bool { return v.Reservation == "RESERVED" })
}

func placeTraced(t testing.TB, p *platform.Process, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, p.URL("orders")+"/orders", bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("traceparent", trace)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var placed contract.One[contract.Order]
	if err := json.NewDecoder(answer.Body).Decode(&placed); err != nil || answer.StatusCode != http.StatusCreated || placed.Data.ID != 1 {
		t.Fatalf("the first order: %s, %+v: %v", answer.Status, placed, err)
	}
}

// Trace is the trace that an event must carry: the order's own, and of what was done because of it.
func Trace(event any) string {
	switch event := event.(type) {
	case gosystem.OrderCreatedEvent:
		if event.Order.ID == 1 {
			return trace
		}
	case gosystem.StockEvent:
		if event.OrderID == 1 {
			return trace
		}
	}
	return ""
}
