package lives

import (
	"fmt"
	"strings"

	"esteira.dev/go-compat-tests/internal/contract"
	"esteira.dev/go-compat-tests/internal/gosystem"
)

func user(id int, name, email string) gosystem.UserEvent {
	return gosystem.UserEvent{User: gosystem.UserData{ID: id, Name: name, Email: email}}
}

func product(id int, name string, price float64, stock int) gosystem.ProductEvent {
	return gosystem.ProductEvent{Product: gosystem.ProductData{ID: id, Name: name, Price: price, Stock: stock}}
}

func stock(order, product, quantity int) gosystem.StockEvent {
	return gosystem.StockEvent{OrderID: order, ProductID: product, Quantity: quantity}
}

func order(id, user int, total float64, items ...gosystem.ItemData) gosystem.OrderCreatedEvent {
	return gosystem.OrderCreatedEvent{
		Order: gosystem.OrderData{ID: id, UserID: user, Status: "CREATED", TotalAmount: total, Items: items},
	}
}

func item(product, quantity int, price float64) gosystem.ItemData {
	return gosystem.ItemData{ProductID: product, Quantity: quantity, UnitPrice: price}
}

// Aggregate is what an event of a topic happened to: a refused reservation has a sequence of its own.
func Aggregate(topic string) string {
	switch {
	case topic == "stock.rejected":
		return "reservation"
	case strings.HasPrefix(topic, "stock."):
		return "product"
	default:
		name, _, _ := strings.Cut(topic, ".")
		return name
	}
}

// AggregateID is whose id must be the record's key.
func AggregateID(event any) int {
	switch event := event.(type) {
	case gosystem.UserEvent:
		return event.User.ID
	case gosystem.ProductEvent:
		return event.Product.ID
	case gosystem.StockEvent:
		return event.ProductID
	case gosystem.OrderCreatedEvent:
		return event.Order.ID
	case gosystem.OrderUpdatedEvent:
		return event.OrderID
	case gosystem.OrderPaidEvent:
		return event.OrderID
	case gosystem.OrderCanceledEvent:
		return event.OrderID
	case contract.UserDeletedEvent:
		return event.UserID
	case contract.ProductDeletedEvent:
		return event.ProductID
	case contract.OrderDeletedEvent:
		return event.OrderID
	case contract.StockRejectedEvent:
		return event.OrderID
	default:
		panic(fmt.Sprintf("whose key is it? %T", event))
	}
}
