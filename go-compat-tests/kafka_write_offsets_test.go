package compat

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/platform"
)

// places are offsets by "topic/partition".
type places map[string]int64

// endOf is where the topics end now.
func endOf(t testing.TB, w *platform.World, topics ...string) places {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for topic, partitions := range partitionsOf(ctx, t, w, topics) {
		for _, partition := range partitions {
			request.Topics[topic] = append(request.Topics[topic], kafka.LastOffsetOf(partition))
		}
	}
	answer, err := w.Kafka(t).ListOffsets(ctx, request)
	if err != nil {
		t.Fatalf("kafka: %v", err)
	}
	ends := places{}
	for topic, partitions := range answer.Topics {
		for _, partition := range partitions {
			ends[fmt.Sprintf("%s/%d", topic, partition.Partition)] = partition.LastOffset
		}
	}
	return ends
}

// committedBy is what a group has committed of the topics; a partition without a commit is at 0.
func committedBy(t testing.TB, w *platform.World, group string, topics ...string) places {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	request := &kafka.OffsetFetchRequest{GroupID: group, Topics: partitionsOf(ctx, t, w, topics)}
	answer, err := w.Kafka(t).OffsetFetch(ctx, request)
	if err != nil {
		t.Fatalf("kafka: %v", err)
	}
	committed := places{}
	for topic, partitions := range answer.Topics {
		for _, partition := range partitions {
			committed[fmt.Sprintf("%s/%d", topic, partition.Partition)] = max(partition.CommittedOffset, 0)
		}
	}
	return committed
}

// consumedBy waits until a group has committed all that is in the topics now.
func consumedBy(t testing.TB, w *platform.World, group string, events ...string) {
	t.Helper()
	topics := topicNames(w, events)
	ends := endOf(t, w, topics...)
	platform.Eventually(t, group+" has consumed everything", soon, func() error {
		for place, committed := range committedBy(t, w, w.Group(group), topics...) {
			if committed < ends[place] {
				return fmt.Errorf("%s is at %d of %d", place, committed, ends[place])
			}
		}
		return nil
	})
}

func wantPlaces(t testing.TB, what string, got, want places) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, not %v", what, got, want)
	}
}

// partitionsOf asks until the broker answers: a busy one may not take a connection at once.
func partitionsOf(ctx context.Context, t testing.TB, w *platform.World, topics []string) map[string][]int {
	t.Helper()
	partitions := map[string][]int{}
	platform.Eventually(t, "the partitions are told", soon, func() error {
		metadata, err := w.Kafka(t).Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
		if err != nil {
			return err
		}
		clear(partitions)
		for _, topic := range metadata.Topics {
			if topic.Error != nil {
				return fmt.Errorf("%s: %w", topic.Name, topic.Error)
			}
			for _, partition := range topic.Partitions {
				partitions[topic.Name] = append(partitions[topic.Name], partition.ID)
			}
		}
		return nil
	})
	return partitions
}

// joined is a member of a group as the Go services are, from the first record on where nothing is committed.
func joined(w *platform.World, group string, events ...string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{w.Brokers}, GroupID: w.Group(group), GroupTopics: topicNames(w, events),
		StartOffset: kafka.FirstOffset, MaxWait: 50 * time.Millisecond, HeartbeatInterval: time.Second,
		RebalanceTimeout: 5 * time.Second, JoinGroupBackoff: 100 * time.Millisecond,
	})
}

// readAndLeave joins a group, reads and commits `count` records, and leaves.
func readAndLeave(t testing.TB, w *platform.World, group string, count int, events ...string) []kafka.Message {
	t.Helper()
	reader := joined(w, group, events...)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	var messages []kafka.Message
	for len(messages) < count {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("%s: %d of %d records: %v", group, len(messages), count, err)
		}
		messages = append(messages, message)
	}
	return messages
}
