package compat

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// changesThatWaited are parked under random ids; what happened last must be what the view says.
func changesThatWaited(t *testing.T, w *platform.World, s shop.Shop) {
	const users = 10
	g, begin := goRecordsInto(t, w), time.Now().UTC().Add(-time.Minute)
	for user := 41; user < 41+users; user++ {
		for second, name := range []string{"First", "Second", "Last"} {
			event := userEvent(user, name)
			event.OccurredAt = begin.Add(time.Duration(second+1) * time.Second)
			g.once("user.updated", event)
		}
	}
	for user := 41; user < 41+users; user++ {
		parkedSoon(t, w, "user", user, 3)
		created := userEvent(user, "Created")
		created.OccurredAt = begin
		g.thrice("user.created", created)
	}
	for user := 41; user < 41+users; user++ {
		s.UserSoon(user, "what happened last", func(u shop.UserView) bool { return u.Name == "Last" })
	}
}

// lateDate has a payment come after what happened after it.
func lateDate(t *testing.T, w *platform.World, s shop.Shop) {
	g, begin := goRecordsInto(t, w), time.Now().UTC().Add(-time.Minute).Truncate(time.Second)
	created := createdEvent(61, 61, gosystem.ItemData{ProductID: 61, Quantity: 1, UnitPrice: 5})
	updated, paid := updatedEvent(61, "SHIPPED"), paidEvent(61, "pix")
	created.OccurredAt, paid.OccurredAt, updated.OccurredAt = begin, begin.Add(time.Second), begin.Add(2*time.Second)
	g.thrice("order.created", created)
	g.thrice("order.updated", updated)
	s.OrderSoon(61, "shipped", func(o shop.OrderView) bool { return o.Status == "SHIPPED" })
	g.thrice("order.paid", paid)
	view := s.OrderSoon(61, "paid", func(o shop.OrderView) bool { return o.PaymentMethod == "pix" })
	if !view.UpdatedAt.Equal(updated.OccurredAt) || view.Status != "SHIPPED" {
		t.Errorf("it was last changed at %v, and is said to be %s since %v", updated.OccurredAt, view.Status, view.UpdatedAt)
	}
}

// productLast has a product come when its order has long been there, and nothing of the order comes after it.
func productLast(t *testing.T, w *platform.World, s shop.Shop) {
	g := goRecordsInto(t, w)
	g.thrice("order.created", createdEvent(62, 62, gosystem.ItemData{ProductID: 62, Quantity: 2, UnitPrice: 5}))
	s.OrderSoon(62, "there", func(o shop.OrderView) bool { return o.Total == 10 })
	caughtUp(t, goProjector(t, w))
	g.thrice("product.created", productEvent(62, "Late", 5, 1))
	s.OrderSoon(62, "with its product's name", func(o shop.OrderView) bool { return o.Items[0].Product.Name == "Late" })
}

// inDoubles are amounts as Go's arithmetic leaves them.
func inDoubles(t *testing.T, w *platform.World, s shop.Shop) {
	g, price := goRecordsInto(t, w), 0.0
	for range 100 {
		price += 89.9
	}
	if off := price - 8990; off < 1e-12 && off > -1e-12 {
		t.Fatalf("100 × 89.9 is as good as exactly %v", price)
	}
	g.thrice("product.created", productEvent(63, "Set of a hundred", price, 1))
	s.ProductSoon(63, "of the nearest price", func(p shop.ProductView) bool { return p.Price == 8990 })
	g.thrice("order.created", createdEvent(63, 63, gosystem.ItemData{ProductID: 63, Quantity: 1, UnitPrice: price}))
	s.OrderSoon(63, "of the nearest price", func(o shop.OrderView) bool { return o.Total == 8990 && o.Items[0].UnitPrice == 8990 })
}

// alwaysWhole looks at orders while they come: what the views know of user and product is there from the first moment.
func alwaysWhole(t *testing.T, w *platform.World, s shop.Shop) {
	g := goRecordsInto(t, w)
	g.thrice("user.created", userEvent(64, "Ana"))
	g.thrice("product.created", productEvent(64, "Mouse", 5, 1))
	s.UserSoon(64, "there", func(u shop.UserView) bool { return u.Name == "Ana" })
	s.ProductSoon(64, "there", func(p shop.ProductView) bool { return p.Name == "Mouse" })
	orders := w.Mongo(t).Collection("views.orders")
	bare := map[string]int{}
	inBackground(t, func(ctx context.Context) error {
		for ctx.Err() == nil {
			for _, field := range []string{"user.name", "items.product.name"} {
				found, err := orders.CountDocuments(ctx, bson.M{"user_id": 64, field: ""})
				if err != nil {
					continue
				}
				bare[field] = max(bare[field], int(found))
			}
		}
		for field, count := range bare {
			if count > 0 {
				return fmt.Errorf("%d orders showed without %s for a while", count, field)
			}
		}
		return nil
	})
	for order := 6400; order < 6450; order++ {
		g.once("order.created", createdEvent(order, 64, gosystem.ItemData{ProductID: 64, Quantity: 1, UnitPrice: 5}))
	}
	s.OrderSoon(6449, "there", func(o shop.OrderView) bool { return o.User.Name == "Ana" && o.Items[0].Product.Name == "Mouse" })
	caughtUp(t, goProjector(t, w))
}
