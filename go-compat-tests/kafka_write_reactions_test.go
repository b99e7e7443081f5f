package compat

import (
	"testing"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestOurServicesReactOnceToWhatAGoProducerWrites(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	process := w.Start(t)
	t.Run("such as", func(t *testing.T) {
		for name, test := range map[string]func(reactions){
			"an order whose stock is reserved, and released when Go cancels it":    reservedAndReleased,
			"an order that is canceled before anybody has heard that it was made":  canceledFirst,
			"an order that is larger than the stock":                               largerThanTheStock,
			"a cancellation by Go's product side, which tells MySQL nothing of it": canceledByEventOnly,
			"a cancellation by Go's product side of an order that is paid":         canceledThoughPaid,
			"an event that Go's product side has handled":                          handledByGo,
			"an order that names its product twice":                                namedTwice,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := reactions{t: t, w: w, db: w.GormDB(t), g: goRecordsInto(t, w), s: shop.At(t, process)}
				r.user = r.s.User("Ana", envelope().EventID+"@example.com")
				r.product = r.s.Product("Mouse", 89.9, 10)
				test(r)
			})
		}
	})
	t.Run("and the log of every aggregate is whole, and nothing parked or dead-lettered", func(t *testing.T) {
		everythingPublished(t, w.GormDB(t))
		wantContiguous(t, w.GormDB(t))
		wantNothingLeft(t, w)
	})
}

func reservedAndReleased(r reactions) {
	created := r.row(3)
	order := created.Order.ID
	r.g.thrice("order.created", created)
	r.s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" && o.Version == 2 })
	r.consumed()
	r.wantMoved(1, 0, 7)
	must(r.t, gosystem.Services{DB: r.db}.PutOrder(uint(order), "CANCELED"))
	r.g.thrice("order.canceled", canceledEvent(order, "changed mind"))
	r.s.OrderSoon(order, "canceled", func(o shop.OrderView) bool { return o.Status == "CANCELED" && o.CancelReason == "changed mind" })
	r.consumed()
	r.wantMoved(1, 1, 10)
	r.wantRow(order, "CANCELED", 2, 0)
}

func canceledFirst(r reactions) {
	created := r.row(3)
	order := created.Order.ID
	must(r.t, gosystem.Services{DB: r.db}.PutOrder(uint(order), "CANCELED"))
	r.g.thrice("order.canceled", canceledEvent(order, "changed mind"))
	r.consumed()
	r.g.thrice("order.created", created)
	r.s.OrderSoon(order, "canceled", func(o shop.OrderView) bool { return o.Status == "CANCELED" })
	r.consumed()
	r.wantMoved(0, 0, 10)
	r.wantRow(order, "CANCELED", 1, 0)
}

func largerThanTheStock(r reactions) {
	created := r.row(11)
	order := created.Order.ID
	r.g.thrice("order.created", created)
	r.s.OrderSoon(order, "canceled by the platform", func(o shop.OrderView) bool {
		return o.Status == "CANCELED" && o.Reservation == "REJECTED" && o.Version == 2
	})
	r.consumed()
	r.wantMoved(0, 0, 10)
	r.wantRow(order, "CANCELED", 2, 1)
}

func canceledByEventOnly(r reactions) {
	order := r.s.Order(r.user, shop.Line{ProductID: r.product, Quantity: 4, UnitPrice: 89.9})
	r.s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
	r.g.thrice("order.canceled", canceledEvent(order, "estoque insuficiente"))
	r.s.OrderSoon(order, "canceled by our event", func(o shop.OrderView) bool {
		// It was reserved, and is to be released.
		return o.Status == "CANCELED" && o.CancelReason == "estoque insuficiente" && o.Version == 3 && o.Reservation == "RESERVED"
	})
	r.consumed()
	r.wantMoved(1, 1, 10)
	r.wantRow(order, "CANCELED", 3, 1)
}

func canceledThoughPaid(r reactions) {
	created := r.row(2)
	order := created.Order.ID
	r.g.thrice("order.created", created)
	r.s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
	r.s.Pay(order, "pix")
	r.g.thrice("order.canceled", canceledEvent(order, "estoque insuficiente"))
	r.s.OrderSoon(order, "canceled, and paid for", func(o shop.OrderView) bool {
		return o.Status == "CANCELED" && o.PaymentMethod == "pix" && o.Version == 4
	})
	r.consumed()
	r.wantMoved(1, 1, 10)
	r.wantRow(order, "CANCELED", 4, 1)
	if due := select1[bool](r.t, r.db, "select refund_due from orders where id = ?", order); !due {
		r.t.Error("no refund is due of an order that was paid and then canceled")
	}
}
