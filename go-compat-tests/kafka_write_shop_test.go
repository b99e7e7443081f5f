package compat

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// reactions is a shop of one user and ten mice.
type reactions struct {
	t             *testing.T
	w             *platform.World
	db            *gorm.DB
	g             goRecords
	s             shop.Shop
	user, product int
}

// row makes an order as the Go order service does, without its event.
func (r reactions) row(quantity int) gosystem.OrderCreatedEvent {
	r.t.Helper()
	item := gosystem.OrderProduct{ProductID: uint(r.product), Quantity: quantity, UnitPrice: 89.9}
	order := gosystem.Order{UserID: uint(r.user), Status: "CREATED", Items: []gosystem.OrderProduct{item}}
	must(r.t, r.db.Create(&order).Error)
	line := gosystem.ItemData{ProductID: r.product, Quantity: quantity, UnitPrice: 89.9}
	return createdEvent(int(order.ID), r.user, line)
}

// consumed waits until our services have handled every record.
func (r reactions) consumed() {
	r.t.Helper()
	consumedBy(r.t, r.w, "product-consumer", "order.created", "order.canceled")
	consumedBy(r.t, r.w, "order-consumer", "stock.reserved", "stock.rejected", "order.canceled")
}

// wantMoved fails unless the product's stock, its row's as well as its view's, is `stock` after so many moves.
func (r reactions) wantMoved(reserved, released, stock int) {
	r.t.Helper()
	for event, want := range map[string]int{"stock.reserved": reserved, "stock.released": released} {
		query := "select count(*) from outbox where aggregate = 'product' and aggregate_id = ? and event_type = ?"
		if got := select1[int](r.t, r.db, query, r.product, event); got != want {
			r.t.Errorf("%d %s instead of %d", got, event, want)
		}
	}
	if row := select1[int](r.t, r.db, "select stock from products where id = ?", r.product); row != stock {
		r.t.Errorf("the row's stock is %d instead of %d", row, stock)
	}
	r.s.ProductSoon(r.product, fmt.Sprintf("of %d", stock), func(p shop.ProductView) bool { return p.Stock == stock })
}

// wantRow fails unless an order's row is in `status` at `version`, by so many cancellations of ours.
func (r reactions) wantRow(order int, status string, version, canceled int) {
	r.t.Helper()
	got := select1[string](r.t, r.db, `select concat(o.status, ' ', o.version, ' ', count(e.id)) from orders o
		left join outbox e on e.aggregate = 'order' and e.aggregate_id = o.id and e.event_type = 'order.canceled'
			and e.sequence = o.version where o.id = ? group by o.id`, order)
	if want := fmt.Sprintf("%s %d %d", status, version, canceled); got != want {
		r.t.Errorf("order %d: status, version and cancellations are %q instead of %q", order, got, want)
	}
}
