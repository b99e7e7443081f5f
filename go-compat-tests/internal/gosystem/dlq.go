package gosystem

import (
	"context"
	"encoding/json"
	"time"
)

// DeadLetter is what the Go system writes to a topic's dead letter queue (CONTRACTS.md, "DLQ record").
type DeadLetter struct {
	OriginalTopic string `json:"original_topic"`
	ErrorMessage  string `json:"error_message"`
	Timestamp     string `json:"timestamp"`
	OriginalEvent string `json:"original_event"`
}

// Bury writes value to the dead letter queue of event's topic, with the Go producer's key and headers.
func (p *Producer) Bury(ctx context.Context, event string, value []byte, reason string) error {
	topic := p.kafka.Topic(event)
	letter, err := json.Marshal(DeadLetter{
		OriginalTopic: topic,
		ErrorMessage:  reason,
		Timestamp:     time.Now().UTC().Format(time.RFC3339),
		OriginalEvent: string(value),
	})
	if err != nil {
		return err
	}
	return p.publishTo(ctx, topic+".dlq", letter)
}
