// Package gosystem is the Go system's side of the contract: what its services do in MySQL, Kafka and MongoDB, with
// the libraries that they are made of, faults included. It knows nothing of Esteira.
package gosystem

import (
	"time"

	"gorm.io/gorm"
)

// User is the Go user service's model.
type User struct {
	ID        uint   `gorm:"primaryKey"`
	Name      string `gorm:"not null"`
	Email     string `gorm:"unique;not null"`
	CreatedAt time.Time
}

// Product is the Go product service's model.
type Product struct {
	ID        uint    `gorm:"primaryKey"`
	Name      string  `gorm:"not null"`
	Price     float64 `gorm:"not null"`
	Stock     int     `gorm:"not null"`
	CreatedAt time.Time
}

// Order is the Go order service's model. Its total stays 0 (exchanges.json, "get an order").
type Order struct {
	ID          uint   `gorm:"primaryKey"`
	UserID      uint   `gorm:"not null"`
	Status      string `gorm:"default:CREATED"`
	TotalAmount float64
	Items       []OrderProduct `gorm:"foreignKey:OrderID"`
	CreatedAt   time.Time
}

// OrderProduct is a line of an order.
type OrderProduct struct {
	OrderID   uint `gorm:"primaryKey"`
	ProductID uint `gorm:"primaryKey"`
	Quantity  int
	UnitPrice float64
}

// OutboxEvent is an event that waits for the dispatcher.
type OutboxEvent struct {
	ID          uint   `gorm:"primaryKey"`
	Aggregate   string `gorm:"not null"`
	EventType   string `gorm:"not null"`
	Payload     string `gorm:"type:json;not null"`
	CreatedAt   time.Time
	ProcessedAt *time.Time `gorm:"index"`
}

// TableName is the table of init.sql, which GORM would not guess.
func (OutboxEvent) TableName() string { return "outbox" }

// ProcessedEvent marks an event as handled by a service.
type ProcessedEvent struct {
	EventID     string `gorm:"primaryKey"`
	ServiceName string `gorm:"primaryKey"`
	ProcessedAt time.Time
}

// Flavour is a set of tags that the Go models may have: CONTRACTS.md knows what AutoMigrate makes of price, status,
// stock and dates, and the rest only perhaps.
type Flavour struct {
	Name   string
	models []any
}

// Flavours are all of them: unsigned ids with strings of no size, and signed ids with sized strings.
var Flavours = []Flavour{Unsigned, Sized}

// Unsigned is what the models of this file make: ids BIGINT UNSIGNED, names LONGTEXT, emails VARCHAR(191).
var Unsigned = Flavour{
	Name:   "unsigned ids and strings without a size",
	models: []any{&User{}, &Product{}, &Order{}, &OrderProduct{}, &OutboxEvent{}, &ProcessedEvent{}},
}

// AutoMigrate does what each Go service does when it starts: the tables are made, or retyped where they are.
func (f Flavour) AutoMigrate(db *gorm.DB) error { return db.AutoMigrate(f.models...) }
