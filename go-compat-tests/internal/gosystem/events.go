package gosystem

import (
	"time"

	"github.com/google/uuid"
)

// The events, as records.json shows each topic's first record.

// Envelope is what every event carries.
type Envelope struct {
	EventID    string    `json:"event_id"`
	OccurredAt time.Time `json:"occurred_at"`
}

func newEnvelope() Envelope { return Envelope{EventID: uuid.NewString(), OccurredAt: time.Now().UTC()} }

// UserEvent is user.created and user.updated.
type UserEvent struct {
	Envelope
	User UserData `json:"user"`
}

// UserData is a user as events show it.
type UserData struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// ProductEvent is product.created and product.updated.
type ProductEvent struct {
	Envelope
	Product ProductData `json:"product"`
}

// ProductData is a product as events show it.
type ProductData struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Price float64 `json:"price"`
	Stock int     `json:"stock"`
}

// OrderCreatedEvent is order.created; its total is always 0.
type OrderCreatedEvent struct {
	Envelope
	Order OrderData `json:"order"`
}

// OrderData is an order as order.created shows it.
type OrderData struct {
	ID          int        `json:"id"`
	UserID      int        `json:"user_id"`
	Status      string     `json:"status"`
	TotalAmount float64    `json:"total_amount"`
	Items       []ItemData `json:"items"`
}

// ItemData is a line of an order.
type ItemData struct {
	ProductID int     `json:"product_id"`
	Quantity  int     `json:"quantity"`
	UnitPrice float64 `json:"unit_price"`
}

// OrderPaidEvent is order.paid; without a payment method the field is left out.
type OrderPaidEvent struct {
	Envelope
	OrderID       int    `json:"order_id"`
	PaymentMethod string `json:"payment_method,omitempty"`
}

// OrderCanceledEvent is order.canceled.
type OrderCanceledEvent struct {
	Envelope
	OrderID int    `json:"order_id"`
	Reason  string `json:"reason"`
}

// OrderUpdatedEvent is order.updated, which Go's services read and never write.
type OrderUpdatedEvent struct {
	Envelope
	OrderID int    `json:"order_id"`
	Status  string `json:"status"`
}

// StockEvent is stock.reserved and stock.released.
type StockEvent struct {
	Envelope
	OrderID   int `json:"order_id"`
	ProductID int `json:"product_id"`
	Quantity  int `json:"quantity"`
}
