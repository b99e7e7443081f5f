// Package kafkaread reads topics with kafka-go, as the Go services and their tools do.
package kafkaread

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/platform"
)

const patience = 30 * time.Second

// AsGroup joins group and reads all topics from their first record until there are count records.
func AsGroup(t testing.TB, w *platform.World, group string, topics []string, count int) []kafka.Message {
	t.Helper()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: strings.Split(w.Brokers, ","), GroupID: group, GroupTopics: topics,
		StartOffset: kafka.FirstOffset, MinBytes: 1, MaxBytes: 10e6, MaxWait: 250 * time.Millisecond,
	})
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var messages []kafka.Message
	for len(messages) < count {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("%d of %d records: %v", len(messages), count, err)
		}
		messages = append(messages, message)
	}
	return messages
}

// Everything reads what is in topics now, each partition with a reader of its own.
func Everything(t testing.TB, w *platform.World, topics []string) []kafka.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var messages []kafka.Message
	for topic, partitions := range ends(ctx, t, w, topics) {
		for _, end := range partitions {
			messages = append(messages, partition(ctx, t, w, topic, end)...)
		}
	}
	return messages
}

func partition(ctx context.Context, t testing.TB, w *platform.World, topic string, end kafka.PartitionOffsets) []kafka.Message {
	t.Helper()
	if end.LastOffset <= end.FirstOffset {
		return nil
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: strings.Split(w.Brokers, ","), Topic: topic, Partition: end.Partition,
		MinBytes: 1, MaxBytes: 10e6, MaxWait: 250 * time.Millisecond,
	})
	defer reader.Close()
	var messages []kafka.Message
	for {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("%s/%d: %v", topic, end.Partition, err)
		}
		messages = append(messages, message)
		if message.Offset+1 >= end.LastOffset {
			return messages
		}
	}
}

// ends says of each partition where its records begin and end.
func ends(ctx context.Context, t testing.TB, w *platform.World, topics []string) map[string][]kafka.PartitionOffsets {
	t.Helper()
	client := w.Kafka(t)
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		t.Fatalf("kafka: %v", err)
	}
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for _, topic := range metadata.Topics {
		if topic.Error != nil {
			t.Fatalf("%s: %v", topic.Name, topic.Error)
		}
		for _, partition := range topic.Partitions {
			request.Topics[topic.Name] = append(request.Topics[topic.Name],
				kafka.FirstOffsetOf(partition.ID), kafka.LastOffsetOf(partition.ID))
		}
	}
	answer, err := client.ListOffsets(ctx, request)
	if err != nil {
		t.Fatalf("kafka: %v", err)
	}
	return answer.Topics
}

// Header is the value of a header that is there once.
func Header(t testing.TB, message kafka.Message, name string) string {
	t.Helper()
	var values []string
	for _, header := range message.Headers {
		if header.Key == name {
			values = append(values, string(header.Value))
		}
	}
	if len(values) != 1 {
		t.Errorf("%s/%d@%d: header %s is there %d times", message.Topic, message.Partition, message.Offset, name, len(values))
		return ""
	}
	return values[0]
}
