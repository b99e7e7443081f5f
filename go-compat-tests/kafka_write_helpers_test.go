package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"go.mongodb.org/mongo-driver/bson"

	"esteira.dev/go-compat-tests/internal/contract"
	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/kafkaread"
	"esteira.dev/go-compat-tests/internal/platform"
)

// goRecords writes events into a world's topics as the Go producer does, past any outbox.
type goRecords struct {
	t        testing.TB
	producer *gosystem.Producer
}

func goRecordsInto(t testing.TB, w *platform.World) goRecords {
	t.Helper()
	producer := gosystem.NewProducer(goKafka(w))
	t.Cleanup(func() { _ = producer.Close() })
	return goRecords{t, producer}
}

// thrice publishes an event as the Go dispatcher does, each time under another key.
func (g goRecords) thrice(topic string, event any) {
	g.t.Helper()
	must(g.t, g.producer.PublishThrice(context.Background(), topic, goValue(g.t, event)))
}

func (g goRecords) once(topic string, event any) {
	g.t.Helper()
	must(g.t, g.producer.Publish(context.Background(), topic, goValue(g.t, event)))
}

// goValue is a record's value: the Go dispatcher passes it through a map, so that nested keys are in alphabetical order.
func goValue(t testing.TB, event any) []byte {
	t.Helper()
	text, err := json.Marshal(event)
	must(t, err)
	var fields map[string]any
	must(t, json.Unmarshal(text, &fields))
	text, err = json.Marshal(fields)
	must(t, err)
	return text
}

func envelope() gosystem.Envelope {
	return gosystem.Envelope{EventID: uuid.NewString(), OccurredAt: time.Now().UTC()}
}

func userEvent(id int, name string) gosystem.UserEvent {
	user := gosystem.UserData{ID: id, Name: name, Email: fmt.Sprintf("user%d@example.com", id)}
	return gosystem.UserEvent{Envelope: envelope(), User: user}
}

func productEvent(id int, name string, price float64, stock int) gosystem.ProductEvent {
	product := gosystem.ProductData{ID: id, Name: name, Price: price, Stock: stock}
	return gosystem.ProductEvent{Envelope: envelope(), Product: product}
}

func stockEvent(order, product, quantity int) gosystem.StockEvent {
	return gosystem.StockEvent{Envelope: envelope(), OrderID: order, ProductID: product, Quantity: quantity}
}

// createdEvent announces a total of 0, as Go does.
func createdEvent(id, user int, items ...gosystem.ItemData) gosystem.OrderCreatedEvent {
	order := gosystem.OrderData{ID: id, UserID: user, Status: "CREATED", Items: items}
	return gosystem.OrderCreatedEvent{Envelope: envelope(), Order: order}
}

func paidEvent(id int, method string) gosystem.OrderPaidEvent {
	return gosystem.OrderPaidEvent{Envelope: envelope(), OrderID: id, PaymentMethod: method}
}

func canceledEvent(id int, reason string) gosystem.OrderCanceledEvent {
	return gosystem.OrderCanceledEvent{Envelope: envelope(), OrderID: id, Reason: reason}
}

func updatedEvent(id int, status string) gosystem.OrderUpdatedEvent {
	return gosystem.OrderUpdatedEvent{Envelope: envelope(), OrderID: id, Status: status}
}

// parkedSoon waits until `count` events of an aggregate wait in the parking place: the same event thrice is one.
func parkedSoon(t testing.TB, w *platform.World, aggregate string, id, count int) {
	t.Helper()
	parked := w.Mongo(t).Collection("views.parked")
	platform.Eventually(t, fmt.Sprintf("%d events of %s %d are parked", count, aggregate, id), soon, func() error {
		found, err := parked.CountDocuments(context.Background(), bson.M{"aggregate": aggregate, "aggregate_id": id})
		if err == nil && found != int64(count) {
			err = fmt.Errorf("%d are", found)
		}
		return err
	})
}

// wantNothingLeft fails if an event is a dead letter, or waits for anything once all is consumed.
func wantNothingLeft(t testing.TB, w *platform.World) {
	t.Helper()
	parked := w.Mongo(t).Collection("views.parked")
	platform.Eventually(t, "nothing is parked", soon, func() error {
		found, err := parked.CountDocuments(context.Background(), bson.M{})
		if err == nil && found > 0 {
			err = fmt.Errorf("%d events are", found)
		}
		return err
	})
	// Without a command service there are no reactions, and no table of theirs.
	if db := w.GormDB(t); db.Migrator().HasTable("parked_records") {
		if found := select1[int](t, db, "select count(*) from parked_records"); found != 0 {
			t.Errorf("%d records of reactions are parked", found)
		}
	}
	for _, letter := range deadLetters(t, w) {
		t.Errorf("a dead letter: %s", letter.Value)
	}
}

func deadLetters(t testing.TB, w *platform.World) []kafka.Message {
	t.Helper()
	var queues []string
	for _, topic := range contract.Topics {
		queues = append(queues, w.Topic(topic+".dlq"))
	}
	return kafkaread.Everything(t, w, queues)
}
