package contract

import (
	"encoding/json"
	"fmt"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/topics"
)

// The events that no Go service writes; what it does write is in gosystem.

// UserDeletedEvent is user.deleted.
type UserDeletedEvent struct {
	gosystem.Envelope
	UserID int `json:"user_id"`
}

// ProductDeletedEvent is product.deleted.
type ProductDeletedEvent struct {
	gosystem.Envelope
	ProductID int `json:"product_id"`
}

// OrderDeletedEvent is order.deleted.
type OrderDeletedEvent struct {
	gosystem.Envelope
	OrderID int `json:"order_id"`
}

// StockRejectedEvent is stock.rejected.
type StockRejectedEvent struct {
	gosystem.Envelope
	OrderID int            `json:"order_id"`
	Items   []RejectedItem `json:"items"`
}

// RejectedItem is a line of which there was too little.
type RejectedItem struct {
	ProductID int `json:"product_id"`
	Requested int `json:"requested"`
	Available int `json:"available"`
}

// Topics are those that DecodeEvent knows.
var Topics = topics.All

// DecodeEvent reads a record's value into the struct of its topic, and its envelope apart.
func DecodeEvent(topic string, value []byte) (event any, envelope gosystem.Envelope, err error) {
	switch topic {
	case "user.created", "user.updated":
		return decode(value, func(e *gosystem.UserEvent) *gosystem.Envelope { return &e.Envelope })
	case "product.created", "product.updated":
		return decode(value, func(e *gosystem.ProductEvent) *gosystem.Envelope { return &e.Envelope })
	case "stock.reserved", "stock.released":
		return decode(value, func(e *gosystem.StockEvent) *gosystem.Envelope { return &e.Envelope })
	case "order.created":
		return decode(value, func(e *gosystem.OrderCreatedEvent) *gosystem.Envelope { return &e.Envelope })
	case "order.updated":
		return decode(value, func(e *gosystem.OrderUpdatedEvent) *gosystem.Envelope { return &e.Envelope })
	case "order.paid":
		return decode(value, func(e *gosystem.OrderPaidEvent) *gosystem.Envelope { return &e.Envelope })
	case "order.canceled":
		return decode(value, func(e *gosystem.OrderCanceledEvent) *gosystem.Envelope { return &e.Envelope })
	case "user.deleted":
		return decode(value, func(e *UserDeletedEvent) *gosystem.Envelope { return &e.Envelope })
	case "product.deleted":
		return decode(value, func(e *ProductDeletedEvent) *gosystem.Envelope { return &e.Envelope })
	case "order.deleted":
		return decode(value, func(e *OrderDeletedEvent) *gosystem.Envelope { return &e.Envelope })
	case "stock.rejected":
		return decode(value, func(e *StockRejectedEvent) *gosystem.Envelope { return &e.Envelope })
	default:
		return nil, gosystem.Envelope{}, fmt.Errorf("no such topic: %s", topic)
	}
}

// decode takes the envelope out of the event, so that events can be compared with what commands imply.
func decode[E any](value []byte, envelopeOf func(*E) *gosystem.Envelope) (any, gosystem.Envelope, error) {
	event := new(E)
	if err := json.Unmarshal(value, event); err != nil {
		return nil, gosystem.Envelope{}, fmt.Errorf("a Go consumer cannot read %s into %T: %w", value, event, err)
	}
	envelope := *envelopeOf(event)
	*envelopeOf(event) = gosystem.Envelope{}
	return *event, envelope, nil
}
