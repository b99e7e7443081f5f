package platform

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/topics"
)

const kafkaTimeout = 20 * time.Second

// Kafka is a plain client of the brokers. It has connections of its own: those that kafka-go shares by default remember
// for seconds which topics there were.
func (w *World) Kafka(t testing.TB) *kafka.Client {
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(strings.Split(w.Brokers, ",")...), Timeout: kafkaTimeout, Transport: transport}
}

// Topics lists the topics of this world that there are, by their full names.
func (w *World) Topics(t testing.TB) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), kafkaTimeout)
	defer cancel()
	answer, err := w.Kafka(t).Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		t.Errorf("kafka: %v", err)
		return nil
	}
	var names []string
	for _, topic := range answer.Topics {
		if strings.HasPrefix(topic.Name, w.TopicPrefix) {
			names = append(names, topic.Name)
		}
	}
	return names
}

func (w *World) dropTopicsAndGroups(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), kafkaTimeout)
	defer cancel()
	client := w.Kafka(t)
	w.dropTopics(ctx, t, client)
	groups, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		t.Errorf("kafka: %v", err)
		return
	}
	for _, group := range groups.Groups {
		if !strings.HasPrefix(group.GroupID, w.GroupPrefix) {
			continue
		}
		// A group whose members were killed is still there until their sessions time out; the broker forgets it.
		if _, err := client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group.GroupID}}); err != nil {
			t.Logf("kafka: group %s: %v", group.GroupID, err)
		}
	}
}

// dropTopics drops what the broker shows, and ours by name: a busy broker does not show yet what was just created.
func (w *World) dropTopics(ctx context.Context, t testing.TB, client *kafka.Client) {
	t.Helper()
	names := w.Topics(t)
	for _, topic := range topics.All {
		for _, name := range []string{w.Topic(topic), w.Topic(topic) + topics.DeadLetters} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	answer, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: names})
	if err != nil {
		t.Errorf("kafka: %v", err)
		return
	}
	for name, err := range answer.Errors {
		if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
			t.Errorf("kafka: %s is not deleted: %v", name, err)
		}
	}
}
