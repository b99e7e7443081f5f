package gosystem

import (
	"encoding/json"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// Services is what the Go command services do in MySQL: one transaction with the row and its outbox row, which
// names neither the aggregate's id nor a sequence, and no touch of `version`, which they do not know.
type Services struct{ DB *gorm.DB }

// ErrState is a refused payment or cancellation.
var ErrState = errors.New("pedido não pode mudar no status atual")

// CreateUser is POST /users.
func (s Services) CreateUser(name, email string) (User, error) {
	user := User{Name: name, Email: email}
	err := s.DB.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&user).Error; err != nil {
			return err
		}
		data := UserData{ID: int(user.ID), Name: name, Email: email}
		return emit(tx, "user", "user.created", UserEvent{newEnvelope(), data})
	})
	return user, err
}

// UpdateUser is PUT /users/{id}: the recorded system has no user.updated.
func (s Services) UpdateUser(id uint, name string) error {
	return one(s.DB.Model(&User{}).Where("id = ?", id).Update("name", name))
}

// CreateProduct is POST /products.
func (s Services) CreateProduct(name string, price float64, stock int) (Product, error) {
	product := Product{Name: name, Price: price, Stock: stock}
	err := s.DB.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&product).Error; err != nil {
			return err
		}
		return Services{tx}.Announce(product)
	})
	return product, err
}

// Announce leaves a product's product.created in the outbox.
func (s Services) Announce(product Product) error {
	return emit(s.DB, "product", "product.created", ProductEvent{newEnvelope(), product.data()})
}

// UpdateProduct is PUT /products/{id}: its event announces the values before the change (records.json,
// product.updated).
func (s Services) UpdateProduct(id uint, name string, price float64, stock int) error {
	return s.DB.Transaction(func(tx *gorm.DB) error {
		var before Product
		if err := tx.First(&before, id).Error; err != nil {
			return err
		}
		changes := map[string]any{"name": name, "price": price, "stock": stock}
		if err := tx.Model(&Product{}).Where("id = ?", id).Updates(changes).Error; err != nil {
			return err
		}
		return emit(tx, "product", "product.updated", ProductEvent{newEnvelope(), before.data()})
	})
}

// CreateOrder is POST /orders: stored and announced with a total of 0, and of a product that is named twice GORM
// stores the first line only, while the event has both (exchanges.json, "the same product twice").
func (s Services) CreateOrder(userID uint, items ...OrderProduct) (Order, error) {
	order := Order{UserID: userID, Status: "CREATED", Items: items}
	err := s.DB.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&order).Error; err != nil {
			return err
		}
		data := OrderData{ID: int(order.ID), UserID: int(userID), Status: order.Status}
		for _, item := range items {
			data.Items = append(data.Items, ItemData{int(item.ProductID), item.Quantity, item.UnitPrice})
		}
		return emit(tx, "order", "order.created", OrderCreatedEvent{newEnvelope(), data})
	})
	return order, err
}

// PayOrder is POST /orders/{id}/pay.
func (s Services) PayOrder(id uint, method string) error {
	event := OrderPaidEvent{newEnvelope(), int(id), method}
	return s.advance(id, "PAID", "order.paid", event)
}

// CancelOrder is POST /orders/{id}/cancel.
func (s Services) CancelOrder(id uint, reason string) error {
	event := OrderCanceledEvent{newEnvelope(), int(id), reason}
	return s.advance(id, "CANCELED", "order.canceled", event)
}

// PutOrder is PUT /orders/{id}: any text is stored, and no event tells of it.
func (s Services) PutOrder(id uint, status string) error {
	return one(s.DB.Model(&Order{}).Where("id = ?", id).Update("status", status))
}

func (s Services) advance(id uint, status, eventType string, event any) error {
	return s.DB.Transaction(func(tx *gorm.DB) error {
		var order Order
		if err := tx.First(&order, id).Error; err != nil {
			return err
		}
		if order.Status != "CREATED" {
			return fmt.Errorf("%w: %s", ErrState, order.Status)
		}
		if err := tx.Model(&Order{}).Where("id = ?", id).Update("status", status).Error; err != nil {
			return err
		}
		return emit(tx, "order", eventType, event)
	})
}

func (p Product) data() ProductData {
	return ProductData{ID: int(p.ID), Name: p.Name, Price: p.Price, Stock: p.Stock}
}

func emit(tx *gorm.DB, aggregate, eventType string, event any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	return tx.Create(&OutboxEvent{Aggregate: aggregate, EventType: eventType, Payload: string(payload)}).Error
}

func one(result *gorm.DB) error {
	if result.Error == nil && result.RowsAffected != 1 {
		return gorm.ErrRecordNotFound
	}
	return result.Error
}
