package compat

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
)

// member is a consumer group whose name Go and ours share.
type member struct {
	group, role string
	// events are the topics that Go's member reads, and ours too.
	events []string
	// topic is where send writes what has an effect under a number, which effect looks for.
	topic  string
	event  func(number int) any
	effect func(t testing.TB, w *platform.World, number int) bool
}

// members are all groups. The numbers are ids of users, of orders without a row, and of orders that makeOrders made.
var members = []member{
	{
		group: "query-consumer", role: "projector", topic: "user.created",
		events: []string{
			"user.created", "user.updated", "product.created", "product.updated", "stock.reserved", "stock.released",
			"order.created", "order.updated", "order.paid", "order.canceled",
		},
		event: func(number int) any { return userEvent(number, "Ana") },
		effect: func(t testing.TB, w *platform.World, number int) bool {
			found, err := w.Mongo(t).Collection("views.users").CountDocuments(context.Background(), bson.M{"_id": number})
			must(t, err)
			return found == 1
		},
	},
	{
		group: "product-consumer", role: "product-service", topic: "order.created",
		events: []string{"order.created", "order.canceled"},
		event: func(number int) any {
			return createdEvent(1000+number, 1, gosystem.ItemData{ProductID: 1, Quantity: 1, UnitPrice: 5})
		},
		effect: func(t testing.TB, w *platform.World, number int) bool {
			return select1[bool](t, w.GormDB(t), "select count(*) from reservations where order_id = ?", 1000+number)
		},
	},
	{
		group: "order-consumer", role: "order-service", topic: "stock.reserved",
		events: []string{"stock.reserved", "order.canceled"},
		event:  func(number int) any { return stockEvent(number, 1, 1) },
		effect: func(t testing.TB, w *platform.World, number int) bool {
			return select1[bool](t, w.GormDB(t), "select reservation = 'RESERVED' from orders where id = ?", number)
		},
	},
}

// makeOrders makes orders 1, 2, … `count` as rows of the Go order service.
func makeOrders(t testing.TB, db *gorm.DB, count int) {
	t.Helper()
	orders := make([]gosystem.Order, count)
	for place := range orders {
		orders[place] = gosystem.Order{ID: uint(place + 1), UserID: 1, Status: "CREATED"}
	}
	must(t, db.Create(&gosystem.User{ID: 1, Name: "Ana", Email: "ana@example.com"}).Error)
	must(t, db.Create(&orders).Error)
}

// send writes what each group reads under the numbers first…last, thrice.
func send(t testing.TB, w *platform.World, first, last int) {
	t.Helper()
	g := goRecordsInto(t, w)
	for number := first; number <= last; number++ {
		for _, m := range members {
			g.thrice(m.topic, m.event(number))
		}
	}
}

// sendUnreadable leaves in each topic what would be a dead letter of whoever of ours read it.
func sendUnreadable(t testing.TB, w *platform.World) {
	t.Helper()
	for _, m := range members {
		must(t, goRecordsInto(t, w).producer.Publish(t.Context(), m.topic, []byte("{")))
	}
}

// effectsSoon waits until the numbers first…last have had their effect in every group.
func effectsSoon(t testing.TB, w *platform.World, first, last int) {
	t.Helper()
	for _, m := range members {
		for number := first; number <= last; number++ {
			platform.Eventually(t, fmt.Sprintf("%s has handled %s number %d", m.role, m.topic, number), soon, func() error {
				if !m.effect(t, w, number) {
					return errors.New("there is no effect")
				}
				return nil
			})
		}
	}
}

// wantNoEffects fails if one of the numbers first…last has had an effect in any group.
func wantNoEffects(t testing.TB, w *platform.World, first, last int) {
	t.Helper()
	for _, m := range members {
		for number := first; number <= last; number++ {
			if m.effect(t, w, number) {
				t.Errorf("%s has handled %s number %d, which a Go member had committed", m.role, m.topic, number)
			}
		}
	}
}
