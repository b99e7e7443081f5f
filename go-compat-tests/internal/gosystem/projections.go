package gosystem

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const (
	usersView    = "views.users"
	productsView = "views.products"
	ordersView   = "views.orders"
)

// errMissing is an event that came before its document; Go retries it, and has a dead letter then.
var errMissing = errors.New("documento não encontrado")

// apply writes what views.json shows: created_at from the event, updated_at from the clock.
func (p *Projector) apply(ctx context.Context, event string, at time.Time, value []byte) error {
	switch event {
	case "user.created", "user.updated":
		return p.user(ctx, event == "user.created", at, value)
	case "product.created", "product.updated":
		return p.product(ctx, event == "product.created", at, value)
	case "stock.reserved":
		return p.stock(ctx, -1, value)
	case "stock.released":
		return p.stock(ctx, 1, value)
	case "order.created":
		return p.order(ctx, at, value)
	case "order.updated":
		return p.status(ctx, "", value)
	case "order.paid":
		return p.status(ctx, "PAID", value)
	default:
		return p.status(ctx, "CANCELED", value)
	}
}

func (p *Projector) user(ctx context.Context, created bool, at time.Time, value []byte) error {
	var event UserEvent
	if err := json.Unmarshal(value, &event); err != nil {
		return err
	}
	set := bson.D{{Key: "name", Value: event.User.Name}, {Key: "email", Value: event.User.Email}}
	return p.upsert(ctx, usersView, event.User.ID, created, at, set)
}

func (p *Projector) product(ctx context.Context, created bool, at time.Time, value []byte) error {
	var event ProductEvent
	if err := json.Unmarshal(value, &event); err != nil {
		return err
	}
	set := bson.D{
		{Key: "name", Value: event.Product.Name}, {Key: "price", Value: event.Product.Price},
		{Key: "stock", Value: event.Product.Stock},
	}
	return p.upsert(ctx, productsView, event.Product.ID, created, at, set)
}

func (p *Projector) stock(ctx context.Context, sign int, value []byte) error {
	var event StockEvent
	if err := json.Unmarshal(value, &event); err != nil {
		return err
	}
	change := bson.M{"$inc": bson.M{"stock": sign * event.Quantity}, "$set": bson.M{"updated_at": time.Now()}}
	return matched(p.DB.Collection(productsView).UpdateOne(ctx, bson.M{"_id": event.ProductID}, change))
}

// order embeds what the views know of the user and the products now, and adds the total up in doubles.
func (p *Projector) order(ctx context.Context, at time.Time, value []byte) error {
	var event OrderCreatedEvent
	if err := json.Unmarshal(value, &event); err != nil {
		return err
	}
	order := event.Order
	set := bson.D{{Key: "user_id", Value: order.UserID}, {Key: "status", Value: order.Status}}
	total, items := 0.0, bson.A{}
	for _, item := range order.Items {
		total += item.UnitPrice * float64(item.Quantity)
		line := bson.D{
			{Key: "product_id", Value: item.ProductID}, {Key: "quantity", Value: item.Quantity},
			{Key: "unit_price", Value: item.UnitPrice},
		}
		if product, found := p.facet(ctx, productsView, item.ProductID, "name", "price", "stock"); found {
			line = append(line, bson.E{Key: "product", Value: product})
		}
		items = append(items, line)
	}
	set = append(set, bson.E{Key: "total_amount", Value: total}, bson.E{Key: "items", Value: items})
	if user, found := p.facet(ctx, usersView, order.UserID, "name", "email"); found {
		set = append(set, bson.E{Key: "user", Value: user})
	}
	return p.upsert(ctx, ordersView, order.ID, true, at, set)
}

func (p *Projector) status(ctx context.Context, status string, value []byte) error {
	var event OrderUpdatedEvent
	if err := json.Unmarshal(value, &event); err != nil {
		return err
	}
	if status == "" {
		status = event.Status
	}
	change := bson.M{"$set": bson.M{"status": status, "updated_at": time.Now()}}
	return matched(p.DB.Collection(ordersView).UpdateOne(ctx, bson.M{"_id": event.OrderID}, change))
}

func (p *Projector) facet(ctx context.Context, collection string, id int, fields ...string) (bson.D, bool) {
	var document bson.M
	if p.DB.Collection(collection).FindOne(ctx, bson.M{"_id": id}).Decode(&document) != nil {
		return nil, false
	}
	facet := bson.D{{Key: "id", Value: id}}
	for _, field := range fields {
		facet = append(facet, bson.E{Key: field, Value: document[field]})
	}
	return facet, true
}

func (p *Projector) upsert(
	ctx context.Context, collection string, id int, created bool, at time.Time, set bson.D,
) error {
	if created {
		set = append(set, bson.E{Key: "created_at", Value: at})
	}
	set = append(set, bson.E{Key: "updated_at", Value: time.Now()})
	upsert := options.Update().SetUpsert(true)
	_, err := p.DB.Collection(collection).UpdateOne(ctx, bson.M{"_id": id}, bson.M{"$set": set}, upsert)
	return err
}

func matched(result *mongo.UpdateResult, err error) error {
	if err == nil && result.MatchedCount == 0 {
		return errMissing
	}
	return err
}
