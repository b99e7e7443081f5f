package compat

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/shop"
)

// goRows is what a Go database was filled with.
type goRows struct {
	users, products map[string]int
	orders          []shop.Stored
	created         map[int]time.Time
	byStatus        map[string]int
	// late is an order whose event, with its user's and its product's, waits in the outbox.
	late, unprocessed int
}

// fill has the Go services make users, products, and an order in each of `states`. Their events are published but
// for the last ones.
func fill(t testing.TB, db *gorm.DB, states []string) goRows {
	t.Helper()
	goSide := gosystem.Services{DB: db}
	rows := goRows{
		users: map[string]int{}, products: map[string]int{}, created: map[int]time.Time{}, byStatus: map[string]int{},
	}
	user := func(email string) uint {
		created, err := goSide.CreateUser("Ana", email)
		must(t, err)
		rows.users[email] = int(created.ID)
		return created.ID
	}
	product := func(name string, price float64) uint {
		created, err := goSide.CreateProduct(name, price, 10)
		must(t, err)
		rows.products[name] = int(created.ID)
		return created.ID
	}
	order := func(user uint, status string, total float64, items ...gosystem.OrderProduct) uint {
		created, err := goSide.CreateOrder(user, items...)
		must(t, err)
		stored := shop.Stored{ID: int(created.ID), UserID: int(user), Status: status, TotalAmount: total}
		for _, item := range items {
			stored.Items = append(stored.Items, shop.Line{
				ProductID: int(item.ProductID), Quantity: item.Quantity, UnitPrice: item.UnitPrice,
			})
		}
		rows.orders = append(rows.orders, stored)
		rows.created[stored.ID] = created.CreatedAt
		return created.ID
	}
	ana, mouse, notebook := user("ana@example.com"), product("Mouse", 89.9), product("Notebook", 3500.55)
	user("bruno@example.com")
	for _, status := range states {
		shown := status
		if status == "NOPE" {
			shown = "CREATED"
		}
		id := order(ana, shown, 3770.25, gosystem.OrderProduct{ProductID: mouse, Quantity: 3, UnitPrice: 89.9},
			gosystem.OrderProduct{ProductID: notebook, Quantity: 1, UnitPrice: 3500.55})
		switch status {
		case "PAID":
			must(t, goSide.PayOrder(id, "pix"))
		case "CANCELED":
			must(t, goSide.CancelOrder(id, "changed mind"))
		default:
			must(t, db.Exec("update orders set status = ? where id = ?", status, id).Error)
		}
		rows.byStatus[status] = int(id)
	}
	must(t, db.Exec("update outbox set processed_at = now()").Error)
	must(t, db.Exec(`insert into processed_events (event_id, service_name, processed_at)
		select json_unquote(json_extract(payload, '$.event_id')), 'product-service', now() from outbox`).Error)
	rows.late = int(order(user("late@example.com"), "CREATED", 179.8,
		gosystem.OrderProduct{ProductID: product("Keyboard", 89.9), Quantity: 2, UnitPrice: 89.9}))
	rows.unprocessed = 3
	return rows
}

// snapshot is each row of the Go tables, as Go stored it, but for the late order's total and its product's stock:
// the reservation of that order writes both.
func snapshot(t testing.TB, db *gorm.DB) []string {
	t.Helper()
	var lines []string
	for _, query := range []string{
		"select concat_ws(' ', 'user', id, name, email, created_at) from users",
		"select concat_ws(' ', 'product', id, name, price + 0, if(name = 'Keyboard', '', stock), created_at) from products",
		"select concat_ws(' ', 'order', id, user_id, status, if(id = (select max(id) from orders), '', total_amount + 0), created_at) from orders",
		"select concat_ws(' ', 'line', order_id, product_id, quantity, unit_price + 0) from order_products",
		"select concat_ws(' ', 'event', id, aggregate, event_type, payload, created_at) from outbox",
		"select concat_ws(' ', 'mark', event_id, processed_at) from processed_events where service_name = 'product-service'",
	} {
		lines = append(lines, select1[[]string](t, db, query)...)
	}
	return lines
}

// wantRows fails if a line of `before` is gone; our events and our marks may have been added.
func wantRows(t testing.TB, before, after []string) {
	t.Helper()
	left := map[string]bool{}
	for _, line := range after {
		left[line] = true
	}
	for _, line := range before {
		if !left[line] {
			t.Errorf("gone or changed: %s", line)
		}
	}
	count := func(lines []string) (rows int) {
		for _, line := range lines {
			if !strings.HasPrefix(line, "event ") && !strings.HasPrefix(line, "mark ") {
				rows++
			}
		}
		return rows
	}
	if count(before) != count(after) {
		t.Errorf("there were %d rows of state, and are %d", count(before), count(after))
	}
}

func wantPeopleAndThings(t testing.TB, s shop.Shop, rows goRows) {
	t.Helper()
	type named struct {
		ID    int     `json:"id"`
		Name  string  `json:"name"`
		Email string  `json:"email"`
		Price float64 `json:"price"`
		Stock int     `json:"stock"`
	}
	prices := map[string]float64{"Mouse": 89.9, "Notebook": 3500.55, "Keyboard": 89.9}
	check := func(service string, count int, wrong func(named) bool) {
		t.Helper()
		var list struct{ Data []named }
		s.Want(http.StatusOK, service, "GET", "/"+service, nil, &list)
		if len(list.Data) != count {
			t.Errorf("%d %s are listed of %d", len(list.Data), service, count)
		}
		for _, listed := range list.Data {
			var single struct{ Data named }
			s.Want(http.StatusOK, service, "GET", fmt.Sprintf("/%s/%d", service, listed.ID), nil, &single)
			if wrong(listed) || wrong(single.Data) || listed.ID != single.Data.ID {
				t.Errorf("%s: %+v is listed, %+v is answered", service, listed, single.Data)
			}
		}
	}
	check("users", len(rows.users), func(u named) bool { return u.Name != "Ana" || rows.users[u.Email] != u.ID })
	check("products", len(rows.products), func(p named) bool {
		return rows.products[p.Name] != p.ID || prices[p.Name] != p.Price || (p.Name != "Keyboard" && p.Stock != 10)
	})
}
