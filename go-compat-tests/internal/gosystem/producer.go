package gosystem

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Copies is how often each event of the outbox was recorded in its topic.
const Copies = 3

// Kafka says where the broker is and what its topics are called; the Go system's own names have no prefix.
type Kafka struct {
	Brokers string
	Topic   func(name string) string
}

// Producer is the Go producer.
type Producer struct {
	kafka  Kafka
	writer *kafka.Writer
	// A process of its own has metadata of its own: kafka-go's shared transport does not see new topics for seconds.
	transport *kafka.Transport
}

// NewProducer makes one; Close ends it.
func NewProducer(at Kafka) *Producer {
	transport := &kafka.Transport{}
	return &Producer{kafka: at, transport: transport, writer: &kafka.Writer{
		Addr:         kafka.TCP(strings.Split(at.Brokers, ",")...),
		Transport:    transport,
		Balancer:     &kafka.LeastBytes{},
		RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond,
	}}
}

// Close flushes and ends the producer.
func (p *Producer) Close() error {
	defer p.transport.CloseIdleConnections()
	return p.writer.Close()
}

// Publish writes value once, with the clock as its key and the two headers of records.json.
func (p *Producer) Publish(ctx context.Context, event string, value []byte) error {
	return p.publishTo(ctx, p.kafka.Topic(event), value)
}

// PublishThrice writes value as often as the Go dispatcher does, each time with another key.
func (p *Producer) PublishThrice(ctx context.Context, event string, value []byte) error {
	for range Copies {
		if err := p.Publish(ctx, event, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *Producer) publishTo(ctx context.Context, topic string, value []byte) error {
	now := time.Now()
	return p.writer.WriteMessages(ctx, kafka.Message{
		Topic: topic,
		Key:   []byte(strconv.FormatInt(now.UnixNano(), 10)),
		Value: value,
		Headers: []kafka.Header{
			{Key: "Content-Type", Value: []byte("application/json")},
			{Key: "Timestamp", Value: []byte(now.UTC().Format(time.RFC3339))},
		},
	})
}
