// Package shop is a client of a running platform, as a shop front is: commands, and reads of what they did.
package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"esteira.dev/go-compat-tests/internal/platform"
)

const patience = 15 * time.Second

var client = &http.Client{Timeout: patience}

// Shop talks to the services of one process, or of several.
type Shop struct {
	t         testing.TB
	processes map[string]*platform.Process
}

// At is a client of a process that has every service.
func At(t testing.TB, all *platform.Process) Shop {
	return Across(t, map[string]*platform.Process{"users": all, "products": all, "orders": all, "query": all})
}

// Across is a client of services that run in processes of their own.
func Across(t testing.TB, processes map[string]*platform.Process) Shop { return Shop{t, processes} }

// Line is a line of an order.
type Line struct {
	ProductID int     `json:"product_id"`
	Quantity  int     `json:"quantity"`
	UnitPrice float64 `json:"unit_price"`
}

// User creates a user; the answer is its id.
func (s Shop) User(name, email string) int {
	s.t.Helper()
	return s.create("users", map[string]any{"name": name, "email": email})
}

// Product creates a product; the answer is its id.
func (s Shop) Product(name string, price float64, stock int) int {
	s.t.Helper()
	return s.create("products", map[string]any{"name": name, "price": price, "stock": stock})
}

// Order places an order; the answer is its id.
func (s Shop) Order(user int, lines ...Line) int {
	s.t.Helper()
	return s.create("orders", map[string]any{"user_id": user, "items": lines})
}

// Pay pays an order.
func (s Shop) Pay(order int, method string) {
	s.t.Helper()
	path := fmt.Sprintf("/orders/%d/pay", order)
	s.Want(http.StatusOK, "orders", "POST", path, map[string]any{"payment_method": method}, nil)
}

// Cancel cancels an order.
func (s Shop) Cancel(order int, reason string) {
	s.t.Helper()
	path := fmt.Sprintf("/orders/%d/cancel", order)
	s.Want(http.StatusOK, "orders", "POST", path, map[string]any{"reason": reason}, nil)
}

// Put gives an order a status.
func (s Shop) Put(order int, status string) {
	s.t.Helper()
	path := fmt.Sprintf("/orders/%d", order)
	s.Want(http.StatusOK, "orders", "PUT", path, map[string]any{"status": status}, nil)
}

// Rename renames a user.
func (s Shop) Rename(user int, name string) {
	s.t.Helper()
	s.Want(http.StatusOK, "users", "PUT", fmt.Sprintf("/users/%d", user), map[string]any{"name": name}, nil)
}

// Reprice gives a product another price.
func (s Shop) Reprice(product int, price float64) {
	s.t.Helper()
	path := fmt.Sprintf("/products/%d", product)
	s.Want(http.StatusOK, "products", "PUT", path, map[string]any{"price": price}, nil)
}

// Want makes a request, fails unless it is answered with status, and reads the answer into `into` if there is one.
func (s Shop) Want(status int, service, method, path string, body, into any) {
	s.t.Helper()
	found, answer, err := s.do(service, method, path, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if found != status {
		s.t.Fatalf("%s %s: %d instead of %d: %s", method, path, found, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

func (s Shop) create(service string, body any) int {
	s.t.Helper()
	var answer struct {
		Data struct {
			ID int `json:"id"`
		} `json:"data"`
	}
	s.Want(http.StatusCreated, service, "POST", "/"+service, body, &answer)
	return answer.Data.ID
}

func (s Shop) do(service, method, path string, body any) (int, []byte, error) {
	text := []byte{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	request, err := http.NewRequest(method, s.processes[service].URL(service)+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, read, err
}
