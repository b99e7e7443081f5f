package shop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"esteira.dev/go-compat-tests/internal/platform"
)

// Stored is what the command side answers for an order.
type Stored struct {
	ID          int       `json:"id"`
	UserID      int       `json:"user_id"`
	Status      string    `json:"status"`
	TotalAmount float64   `json:"total_amount"`
	Items       []Line    `json:"items"`
	CreatedAt   time.Time `json:"created_at"`
}

// UserView is what the query side answers for a user.
type UserView struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Email   string `json:"email"`
	Version int    `json:"version"`
}

// ProductView is what the query side answers for a product.
type ProductView struct {
	ID      int     `json:"id"`
	Name    string  `json:"name"`
	Price   float64 `json:"price"`
	Stock   int     `json:"stock"`
	Version int     `json:"version"`
}

// OrderView is what the query side answers for an order.
type OrderView struct {
	ID            int       `json:"id"`
	UserID        int       `json:"user_id"`
	Status        string    `json:"status"`
	Total         float64   `json:"total"`
	User          UserView  `json:"user"`
	Items         []ViewRow `json:"items"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	CancelReason  string    `json:"cancel_reason"`
	PaymentMethod string    `json:"payment_method"`
	Reservation   string    `json:"reservation"`
	Version       int       `json:"version"`
}

// ViewRow is a line of an order's view.
type ViewRow struct {
	Line
	Product ProductView `json:"product"`
}

// Stored reads an order from the command side.
func (s Shop) Stored(order int) Stored {
	s.t.Helper()
	var answer struct {
		Data Stored `json:"data"`
	}
	s.Want(http.StatusOK, "orders", "GET", fmt.Sprintf("/orders/%d", order), nil, &answer)
	return answer.Data
}

// StoredOrders lists the orders of the command side.
func (s Shop) StoredOrders() []Stored {
	s.t.Helper()
	var answer struct {
		Data  []Stored `json:"data"`
		Total int      `json:"total"`
	}
	s.Want(http.StatusOK, "orders", "GET", "/orders", nil, &answer)
	if answer.Total != len(answer.Data) {
		s.t.Fatalf("GET /orders: %d orders, and a total of %d", len(answer.Data), answer.Total)
	}
	return answer.Data
}

// UserSoon reads a user's view until `check` has nothing to object to.
func (s Shop) UserSoon(user int, what string, check func(UserView) bool) UserView {
	s.t.Helper()
	return soon(s, fmt.Sprintf("/q/users/%d", user), what, check)
}

// ProductSoon reads a product's view until `check` has nothing to object to.
func (s Shop) ProductSoon(product int, what string, check func(ProductView) bool) ProductView {
	s.t.Helper()
	return soon(s, fmt.Sprintf("/q/products/%d", product), what, check)
}

// OrderSoon reads an order's view until `check` has nothing to object to.
func (s Shop) OrderSoon(order int, what string, check func(OrderView) bool) OrderView {
	s.t.Helper()
	return soon(s, fmt.Sprintf("/q/orders/%d", order), what, check)
}

// UserGoneSoon reads a user's view until there is none.
func (s Shop) UserGoneSoon(user int) {
	s.t.Helper()
	path := fmt.Sprintf("/q/users/%d", user)
	platform.Eventually(s.t, path+": gone", patience, func() error {
		status, answer, err := s.do("query", "GET", path, nil)
		if err == nil && status != http.StatusNotFound {
			err = fmt.Errorf("%d: %s", status, answer)
		}
		return err
	})
}

func soon[V any](s Shop, path, what string, check func(V) bool) V {
	s.t.Helper()
	var view V
	platform.Eventually(s.t, path+": "+what, patience, func() error {
		status, answer, err := s.do("query", "GET", path, nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("%d: %s", status, answer)
		}
		var fresh V
		if err := json.Unmarshal(answer, &fresh); err != nil {
			return err
		}
		if view = fresh; !check(view) {
			return fmt.Errorf("it is %s", answer)
		}
		return nil
	})
	return view
}
