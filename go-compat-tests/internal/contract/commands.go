// Package contract holds what a client of the Go system declares: its structs for answers, events and dead letters.
// They know nothing of what Esteira adds, and must read it all the same.
package contract

import "time"

// User is a user of the command side.
type User struct {
	ID        uint      `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	CreatedAt time.Time `json:"created_at"`
}

// Product is a product of the command side.
type Product struct {
	ID        uint      `json:"id"`
	Name      string    `json:"name"`
	Price     float64   `json:"price"`
	Stock     int       `json:"stock"`
	CreatedAt time.Time `json:"created_at"`
}

// Order is an order of the command side.
type Order struct {
	ID          uint        `json:"id"`
	UserID      uint        `json:"user_id"`
	Status      string      `json:"status"`
	TotalAmount float64     `json:"total_amount"`
	Items       []OrderItem `json:"items"`
	CreatedAt   time.Time   `json:"created_at"`
}

// OrderItem is one line of an Order.
type OrderItem struct {
	OrderID   uint    `json:"order_id"`
	ProductID uint    `json:"product_id"`
	Quantity  int     `json:"quantity"`
	UnitPrice float64 `json:"unit_price"`
}

// One is the envelope of a single resource; a read has no message.
type One[T any] struct {
	Data    T      `json:"data"`
	Message string `json:"message,omitempty"`
}

// Many is the envelope of a list.
type Many[T any] struct {
	Data  []T `json:"data"`
	Total int `json:"total"`
}

// Message is the envelope of an outcome without a resource.
type Message struct {
	Message string `json:"message"`
}

// Failure is the body of every error.
type Failure struct {
	Error   string `json:"error"`
	Details string `json:"details,omitempty"`
}

// Health is what /healthz answers.
type Health struct {
	Status    string    `json:"status"`
	Timestamp time.Time `json:"timestamp"`
}
