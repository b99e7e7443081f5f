package compat

import (
	"fmt"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func (m mixed) madeByGo(user, product, quantity int) int {
	m.t.Helper()
	line := gosystem.OrderProduct{ProductID: uint(product), Quantity: quantity, UnitPrice: 10}
	order, err := m.goSide.CreateOrder(uint(user), line)
	must(m.t, err)
	return int(order.ID)
}

func (m mixed) madeByOurs(user, product, quantity int) int {
	m.t.Helper()
	return m.s.Order(user, shop.Line{ProductID: product, Quantity: quantity, UnitPrice: 10})
}

func (m mixed) reserved(order int) {
	m.t.Helper()
	m.s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
}

func paidByOurs(m mixed, user, product, quantity int) int {
	order := m.madeByGo(user, product, quantity)
	m.s.Pay(order, "pix")
	reserved(m.t, m.w, order)
	m.s.Put(order, "PROCESSING")
	m.s.Put(order, "SHIPPED")
	return order
}

func paidByGo(m mixed, user, product, quantity int) int {
	order := m.madeByOurs(user, product, quantity)
	m.reserved(order)
	must(m.t, m.goSide.PayOrder(uint(order), "pix"))
	m.s.OrderSoon(order, "paid by Go", func(o shop.OrderView) bool { return o.Status == "PAID" && o.PaymentMethod == "pix" })
	m.s.Put(order, "PROCESSING")
	m.s.Put(order, "SHIPPED")
	return order
}

func canceledByGo(m mixed, user, product, quantity int) int {
	order := m.madeByOurs(user, product, quantity)
	m.reserved(order)
	must(m.t, m.goSide.CancelOrder(uint(order), "changed mind"))
	return order
}

func canceledByOurs(m mixed, user, product, quantity int) int {
	order := m.madeByGo(user, product, quantity)
	m.reserved(order)
	m.s.Cancel(order, "changed mind")
	return order
}

// refusedByOurs is paid before anybody could hear of it.
func refusedByOurs(m mixed, user, product, _ int) (order int) {
	must(m.t, m.db.Transaction(func(tx *gorm.DB) error {
		within := m
		within.goSide = gosystem.Services{DB: tx}
		order = within.madeByGo(user, product, 1_000)
		return within.goSide.PayOrder(uint(order), "pix")
	}))
	return order
}

// wantLived waits until an order's view is what its life comes to, and its row is the same.
func (m mixed) wantLived(order int, life life) {
	m.t.Helper()
	m.s.OrderSoon(order, fmt.Sprintf("%s at version %d", life.status, life.version), func(o shop.OrderView) bool {
		return o.Status == life.status && o.Version == life.version && o.Total == 10*float64(o.Items[0].Quantity) && o.User.Name != ""
	})
	row := select1[string](m.t, m.db, "select concat(status, ' ', version) from orders where id = ?", order)
	if want := fmt.Sprintf("%s %d", life.status, life.version); row != want {
		m.t.Errorf("its row is %q instead of %q", row, want)
	}
	platform.Eventually(m.t, fmt.Sprintf("its view has %d of Go's events", life.told), soon, func() error {
		if told, _ := document(m.t, m.w, "views.orders", order).Lookup("revision").AsInt64OK(); told != int64(life.told) {
			return fmt.Errorf("it has %d", told)
		}
		return nil
	})
}

// renamedByBoth: Go's events have no order, so that the next one is sent when the last has arrived.
func (m mixed) renamedByBoth(users ...int) {
	for _, user := range users {
		must(m.t, m.goSide.UpdateUser(uint(user), "By Go"))
		email := select1[string](m.t, m.db, "select email from users where id = ?", user)
		event := gosystem.UserEvent{Envelope: envelope(), User: gosystem.UserData{ID: user, Name: "By Go", Email: email}}
		must(m.t, m.db.Create(&gosystem.OutboxEvent{
			Aggregate: "user", EventType: "user.updated", Payload: string(goValue(m.t, event)),
		}).Error)
		m.s.UserSoon(user, "renamed by Go", func(u shop.UserView) bool { return u.Name == "By Go" && u.Version == 1 })
		order := m.madeByOurs(user, 1, 1)
		m.s.OrderSoon(order, "with the name that Go gave", func(o shop.OrderView) bool { return o.User.Name == "By Go" })
		m.reserved(order)
		m.s.Cancel(order, "only to see the name")
		m.s.Rename(user, "By Ours")
		m.s.UserSoon(user, "renamed by ours", func(u shop.UserView) bool { return u.Name == "By Ours" && u.Version == 2 })
		m.s.OrderSoon(order, "with the name that ours gave", func(o shop.OrderView) bool { return o.User.Name == "By Ours" })
	}
}

func (m mixed) wantAgreement(sold map[int]int, orders map[int]life) {
	everythingPublished(m.t, m.db)
	for product, quantity := range sold {
		m.s.ProductSoon(product, fmt.Sprintf("50 - %d", quantity), func(p shop.ProductView) bool { return p.Stock == 50-quantity })
		if row := select1[int](m.t, m.db, "select stock from products where id = ?", product); row != 50-quantity {
			m.t.Errorf("the row of product %d has a stock of %d instead of %d", product, row, 50-quantity)
		}
	}
	for order, life := range orders {
		m.wantLived(order, life)
	}
	wantContiguous(m.t, m.db)
	wantNothingLeft(m.t, m.w)
}
