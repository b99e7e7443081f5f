package compat

import (
	"fmt"
	"net/http"
	"testing"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// untold has Go change a user and an order without an event, and a product with an event of what it was before.
func untold(t *testing.T, w *platform.World, s shop.Shop, goSide gosystem.Services) {
	t.Helper()
	user, err := goSide.CreateUser("Eva", "eva@example.com")
	must(t, err)
	cable, err := goSide.CreateProduct("Cable", 9.99, 5)
	must(t, err)
	order, err := goSide.CreateOrder(user.ID, gosystem.OrderProduct{ProductID: cable.ID, Quantity: 1, UnitPrice: 9.99})
	must(t, err)
	id := int(order.ID)
	s.OrderSoon(id, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
	must(t, goSide.UpdateUser(user.ID, "Eva Lima"))
	must(t, goSide.UpdateProduct(cable.ID, "USB cable", 12.5, 7))
	must(t, goSide.PutOrder(order.ID, "NOPE"))
	platform.Eventually(t, "Go's product.updated is in the view", soon, func() error {
		_, err := document(t, w, "views.products", int(cable.ID)).LookupErr("revision")
		return err
	})
	var stored struct {
		Data struct {
			Name  string
			Price float64
			Stock int
		}
	}
	s.Want(http.StatusOK, "products", "GET", fmt.Sprintf("/products/%d", cable.ID), nil, &stored)
	if data := stored.Data; data.Name != "USB cable" || data.Price != 12.5 || data.Stock != 7 {
		t.Errorf("the product that Go has changed is %+v", data)
	}
	if status := s.Stored(id).Status; status != "CREATED" {
		t.Errorf("an order of no known status is %s", status)
	}
	s.Reprice(int(cable.ID), 13)
	s.Want(http.StatusOK, "users", "PUT", fmt.Sprintf("/users/%d", user.ID), map[string]any{"email": "e@example.com"}, nil)
	s.Pay(id, "pix")
	s.ProductSoon(int(cable.ID), "a USB cable of ours", func(p shop.ProductView) bool {
		return p.Name == "USB cable" && p.Price == 13 && p.Stock == 7 && p.Version == 3
	})
	s.OrderSoon(id, "Eva Lima's and paid", func(o shop.OrderView) bool {
		return o.User.Name == "Eva Lima" && o.User.Email == "e@example.com" && o.Status == "PAID"
	})
}

// overGo has Go and then ours change the same products. Both events have the same key, so that they are in order.
func overGo(t *testing.T, s shop.Shop, goSide gosystem.Services) {
	t.Helper()
	var ids []uint
	for place := range 10 {
		product, err := goSide.CreateProduct(fmt.Sprintf("Pen %d", place), 1, 5)
		must(t, err)
		ids = append(ids, product.ID)
	}
	for _, id := range ids {
		s.ProductSoon(int(id), "there", func(p shop.ProductView) bool { return p.Price == 1 })
	}
	for _, id := range ids {
		must(t, goSide.UpdateProduct(id, "Pencil", 2, 5))
		s.Reprice(int(id), 3)
	}
	everythingPublished(t, goSide.DB)
	for _, id := range ids {
		s.ProductSoon(int(id), "ours", func(p shop.ProductView) bool { return p.Name == "Pencil" && p.Price == 3 && p.Version == 2 })
	}
}
