package gosystem

import "time"

// Sized has signed ids, strings with sizes, a payload that is no JSON column, and foreign keys to users and products.
var Sized = Flavour{
	Name: "signed ids and strings with a size",
	models: []any{
		&sizedUser{}, &sizedProduct{}, &sizedOrder{}, &sizedOrderProduct{}, &sizedOutboxEvent{}, &sizedProcessedEvent{},
	},
}

type sizedUser struct {
	ID        int64  `gorm:"primaryKey;autoIncrement"`
	Name      string `gorm:"size:100;not null"`
	Email     string `gorm:"size:191;uniqueIndex;not null"`
	CreatedAt time.Time
}

func (sizedUser) TableName() string { return "users" }

type sizedProduct struct {
	ID        int64   `gorm:"primaryKey;autoIncrement"`
	Name      string  `gorm:"size:100;not null"`
	Price     float64 `gorm:"not null"`
	Stock     int64   `gorm:"not null;default:0"`
	CreatedAt time.Time
}

func (sizedProduct) TableName() string { return "products" }

type sizedOrder struct {
	ID          int64     `gorm:"primaryKey;autoIncrement"`
	UserID      int64     `gorm:"not null;index"`
	User        sizedUser `gorm:"foreignKey:UserID"`
	Status      string    `gorm:"size:191;default:CREATED;index"`
	TotalAmount float64   `gorm:"not null;default:0"`
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Items       []sizedOrderProduct `gorm:"foreignKey:OrderID"`
}

func (sizedOrder) TableName() string { return "orders" }

type sizedOrderProduct struct {
	OrderID   int64        `gorm:"primaryKey;autoIncrement:false"`
	ProductID int64        `gorm:"primaryKey;autoIncrement:false"`
	Product   sizedProduct `gorm:"foreignKey:ProductID"`
	Quantity  int64        `gorm:"not null"`
	UnitPrice float64      `gorm:"not null"`
}

func (sizedOrderProduct) TableName() string { return "order_products" }

type sizedOutboxEvent struct {
	ID          int64  `gorm:"primaryKey;autoIncrement"`
	Aggregate   string `gorm:"size:50"`
	EventType   string `gorm:"size:50;not null"`
	Payload     string `gorm:"not null"`
	CreatedAt   time.Time
	ProcessedAt *time.Time
}

func (sizedOutboxEvent) TableName() string { return "outbox" }

type sizedProcessedEvent struct {
	EventID     string    `gorm:"primaryKey;size:36"`
	ServiceName string    `gorm:"primaryKey;size:50"`
	ProcessedAt time.Time `gorm:"not null"`
}

func (sizedProcessedEvent) TableName() string { return "processed_events" }
