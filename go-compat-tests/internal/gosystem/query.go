package gosystem

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// The Go query service's structs, from the query answers of exchanges.json.

// UserView is a document of views.users. As a facet of an order its id decodes to 0: facets are stored with `id`.
type UserView struct {
	ID        int       `bson:"_id" json:"id"`
	Name      string    `bson:"name" json:"name"`
	Email     string    `bson:"email" json:"email"`
	CreatedAt time.Time `bson:"created_at" json:"created_at"`
	UpdatedAt time.Time `bson:"updated_at" json:"updated_at"`
}

// ProductView is a document of views.products. Nothing writes its description.
type ProductView struct {
	ID          int       `bson:"_id" json:"id"`
	Name        string    `bson:"name" json:"name"`
	Description string    `bson:"description" json:"description"`
	Price       float64   `bson:"price" json:"price"`
	Stock       int       `bson:"stock" json:"stock"`
	CreatedAt   time.Time `bson:"created_at" json:"created_at"`
	UpdatedAt   time.Time `bson:"updated_at" json:"updated_at"`
}

// OrderView is a document of views.orders: stored as total_amount, answered as total.
type OrderView struct {
	ID        int        `bson:"_id" json:"id"`
	UserID    int        `bson:"user_id" json:"user_id"`
	Status    string     `bson:"status" json:"status"`
	Total     float64    `bson:"total_amount" json:"total"`
	User      UserView   `bson:"user" json:"user"`
	Items     []ItemView `bson:"items" json:"items"`
	CreatedAt time.Time  `bson:"created_at" json:"created_at"`
	UpdatedAt time.Time  `bson:"updated_at" json:"updated_at"`
}

// ItemView is a line of an order's view.
type ItemView struct {
	ProductID int         `bson:"product_id" json:"product_id"`
	Quantity  int         `bson:"quantity" json:"quantity"`
	UnitPrice float64     `bson:"unit_price" json:"unit_price"`
	Product   ProductView `bson:"product" json:"product"`
}

// Query is the Go query service.
type Query struct{ DB *mongo.Database }

// User is GET /q/users/{id}.
func (q Query) User(ctx context.Context, id int) (view UserView, err error) {
	err = q.find(ctx, usersView, id, &view)
	return view, err
}

// Product is GET /q/products/{id}.
func (q Query) Product(ctx context.Context, id int) (view ProductView, err error) {
	err = q.find(ctx, productsView, id, &view)
	return view, err
}

// Order is GET /q/orders/{id}.
func (q Query) Order(ctx context.Context, id int) (view OrderView, err error) {
	err = q.find(ctx, ordersView, id, &view)
	return view, err
}

func (q Query) find(ctx context.Context, collection string, id int, into any) error {
	return q.DB.Collection(collection).FindOne(ctx, bson.M{"_id": id}).Decode(into)
}
