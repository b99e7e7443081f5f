package gosystem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// QueryGroup is the Go projector's consumer group; its name is ours too.
const QueryGroup = "query-consumer"

// QueryService is the name that the Go projector marks its events under (views.json, processed_events).
const QueryService = "query-service"

// projected are the topics that the Go projector reads: the recorded ones, and what its handlers know besides.
var projected = []string{
	"user.created", "user.updated", "product.created", "product.updated", "stock.reserved", "stock.released",
	"order.created", "order.updated", "order.paid", "order.canceled",
}

// Projector is the Go projector.
type Projector struct {
	DB    *mongo.Database
	Kafka Kafka
	// Group is the consumer group's full name.
	Group string
	// Retries are the waits before each further attempt; then the event is a dead letter. They are in line, so that an
	// event that overtook its creation holds up that too, for seconds in the recorded run.
	Retries []time.Duration
}

// Run consumes until ctx ends, and commits each offset after its event.
func (p *Projector) Run(ctx context.Context) error {
	producer := NewProducer(p.Kafka)
	defer producer.Close()
	topics := map[string]string{}
	config := kafka.ReaderConfig{
		Brokers: strings.Split(p.Kafka.Brokers, ","), GroupID: p.Group, StartOffset: kafka.FirstOffset,
		MaxWait: 50 * time.Millisecond, HeartbeatInterval: time.Second, RebalanceTimeout: 5 * time.Second,
		JoinGroupBackoff: 100 * time.Millisecond,
	}
	for _, event := range projected {
		topics[p.Kafka.Topic(event)] = event
		config.GroupTopics = append(config.GroupTopics, p.Kafka.Topic(event))
	}
	reader := kafka.NewReader(config)
	defer reader.Close()
	for ctx.Err() == nil {
		message, err := reader.FetchMessage(ctx)
		if err != nil {
			// Such as a leader that moves: the Go loop logs it and goes on.
			continue
		}
		if err := p.consume(ctx, producer, topics[message.Topic], message.Value); err != nil && ctx.Err() == nil {
			return err
		}
		// A commit that is lost is made up for by the next one.
		_ = reader.CommitMessages(ctx, message)
	}
	return nil
}

// Adopt writes the view of a user whose event nobody has any more.
func (p *Projector) Adopt(ctx context.Context, user User) error {
	event := UserEvent{newEnvelope(), UserData{ID: int(user.ID), Name: user.Name, Email: user.Email}}
	value, err := json.Marshal(event)
	if err != nil {
		return err
	}
	return p.Project(ctx, "user.created", value)
}

func (p *Projector) consume(ctx context.Context, producer *Producer, event string, value []byte) error {
	failure := p.Project(ctx, event, value)
	for _, wait := range p.Retries {
		if failure == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		failure = p.Project(ctx, event, value)
	}
	if failure != nil {
		return producer.Bury(ctx, event, value, failure.Error())
	}
	return nil
}

// Project applies one event, unless processed_events has its id. The mark is a write of its own.
func (p *Projector) Project(ctx context.Context, event string, value []byte) error {
	var envelope Envelope
	if err := json.Unmarshal(value, &envelope); err != nil {
		return err
	}
	if envelope.EventID == "" {
		return errors.New("event_id vazio")
	}
	mark := bson.M{"event_id": envelope.EventID, "service_name": QueryService}
	seen, err := p.DB.Collection("processed_events").CountDocuments(ctx, mark)
	if err != nil || seen > 0 {
		return err
	}
	if err := p.apply(ctx, event, envelope.OccurredAt, value); err != nil {
		return fmt.Errorf("%s: %w", event, err)
	}
	mark["processed_at"] = time.Now()
	_, err = p.DB.Collection("processed_events").InsertOne(ctx, mark)
	return err
}
