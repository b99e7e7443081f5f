package compat

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestTheGoQueryServiceServesOurViews(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	s := shop.At(t, w.Start(t))
	query := gosystem.Query{DB: w.Mongo(t)}
	begin := time.Now()
	ana := s.User("Ana Souza", "ana@example.com")
	notebook, mouse := s.Product("Notebook", 3500, 10), s.Product("Mouse", 89.9, 5)
	lines := []shop.Line{
		{ProductID: notebook, Quantity: 1, UnitPrice: 3500}, {ProductID: mouse, Quantity: 2, UnitPrice: 89.9},
	}
	paid, canceled := s.Order(ana, lines...), s.Order(ana, lines[0])
	s.Pay(paid, "pix")
	s.Cancel(canceled, "changed mind")
	s.OrderSoon(paid, "paid and reserved", func(o shop.OrderView) bool { return o.Status == "PAID" && o.Reservation == "RESERVED" })
	s.OrderSoon(canceled, "canceled", func(o shop.OrderView) bool { return o.Status == "CANCELED" })
	s.ProductSoon(notebook, "one is sold", func(p shop.ProductView) bool { return p.Stock == 9 })
	s.ProductSoon(mouse, "two are sold", func(p shop.ProductView) bool { return p.Stock == 3 })
	ctx := context.Background()

	t.Run("a user decodes", func(t *testing.T) {
		user, err := query.User(ctx, ana)
		must(t, err)
		wantDates(t, begin, &user.CreatedAt, &user.UpdatedAt)
		if want := (gosystem.UserView{ID: ana, Name: "Ana Souza", Email: "ana@example.com"}); user != want {
			t.Errorf("%+v instead of %+v", user, want)
		}
	})
	t.Run("a product decodes", func(t *testing.T) {
		product, err := query.Product(ctx, mouse)
		must(t, err)
		wantDates(t, begin, &product.CreatedAt, &product.UpdatedAt)
		if want := (gosystem.ProductView{ID: mouse, Name: "Mouse", Price: 89.9, Stock: 3}); product != want {
			t.Errorf("%+v instead of %+v", product, want)
		}
	})
	t.Run("an order decodes with its user and its products", func(t *testing.T) {
		order, err := query.Order(ctx, paid)
		must(t, err)
		wantDates(t, begin, &order.CreatedAt, &order.UpdatedAt)
		if order.UserID != ana || order.Status != "PAID" || order.Total != 3679.8 || len(order.Items) != 2 {
			t.Fatalf("%+v", order)
		}
		// The Go struct looks for `_id`, and facets have `id`: 0, as recorded.
		if want := (gosystem.UserView{Name: "Ana Souza", Email: "ana@example.com"}); order.User != want {
			t.Errorf("the user is %+v instead of %+v", order.User, want)
		}
		second := gosystem.ItemView{
			ProductID: mouse, Quantity: 2, UnitPrice: 89.9,
			Product: gosystem.ProductView{Name: "Mouse", Price: 89.9, Stock: 5},
		}
		if order.Items[1] != second {
			t.Errorf("the second line is %+v instead of %+v", order.Items[1], second)
		}
	})
	t.Run("the lists decode", func(t *testing.T) {
		var orders []gosystem.OrderView
		cursor, err := query.DB.Collection("views.orders").Find(ctx, bson.M{"status": "CANCELED"})
		must(t, err)
		must(t, cursor.All(ctx, &orders))
		if len(orders) != 1 || orders[0].ID != canceled || orders[0].Total != 3500 {
			t.Errorf("the canceled orders are %+v", orders)
		}
	})
	t.Run("every field has the BSON type that views.json has", func(t *testing.T) {
		order, user, product := document(t, w, "views.orders", paid), document(t, w, "views.users", ana),
			document(t, w, "views.products", notebook)
		wantTypes(t, order, bsontype.Double, "total_amount")
		wantTypes(t, order.Lookup("items", "0").Document(), bsontype.Double, "unit_price", "product.price")
		wantTypes(t, product, bsontype.Double, "price")
		wantIntegers(t, order, "_id", "user_id", "user.id", "items.0.product_id", "items.0.quantity", "items.0.product.id")
		wantIntegers(t, user, "_id")
		wantIntegers(t, product, "_id", "stock")
		for _, view := range []bson.Raw{order, user, product} {
			wantTypes(t, view, bsontype.DateTime, "created_at", "updated_at")
		}
		wantTypes(t, order, bsontype.String, "status", "user.name", "items.0.product.name")
	})
	t.Run("every integer is as small as the driver makes a Go int", func(t *testing.T) {
		order := document(t, w, "views.orders", paid)
		wantTypes(t, order, bsontype.Int32, "_id", "user_id", "user.id", "items.0.product_id", "items.0.quantity", "items.0.product.id")
		wantTypes(t, document(t, w, "views.users", ana), bsontype.Int32, "_id")
		wantTypes(t, document(t, w, "views.products", notebook), bsontype.Int32, "_id", "stock")
	})
}

// wantDates fails unless the dates are of this test; what follows compares without them.
func wantDates(t testing.TB, begin time.Time, dates ...*time.Time) {
	t.Helper()
	for _, date := range dates {
		if date.Before(begin.Add(-time.Minute)) || date.After(time.Now().Add(time.Minute)) {
			t.Errorf("the date is %v", *date)
		}
		*date = time.Time{}
	}
}
