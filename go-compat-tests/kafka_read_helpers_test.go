package compat

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/contract"
	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/kafkaread"
	"esteira.dev/go-compat-tests/internal/lives"
	"esteira.dev/go-compat-tests/internal/platform"
)

// readRecord is what a Go consumer makes of one message.
type readRecord struct {
	kafka.Message
	topic    string
	event    any
	envelope gosystem.Envelope
	sequence int
}

func readAsGo(t *testing.T, w *platform.World, messages []kafka.Message) []readRecord {
	t.Helper()
	var records []readRecord
	for _, message := range messages {
		topic := strings.TrimPrefix(message.Topic, w.TopicPrefix)
		event, envelope, err := contract.DecodeEvent(topic, message.Value)
		if err != nil {
			t.Fatal(err)
		}
		sequence, err := strconv.Atoi(kafkaread.Header(t, message, "ce_sequence"))
		if err != nil {
			t.Errorf("%s: ce_sequence: %v", topic, err)
		}
		records = append(records, readRecord{message, topic, event, envelope, sequence})
	}
	return records
}

// eventsOf are the events of a topic in the order of their aggregates: topics have none across partitions.
func eventsOf(records []readRecord, topic string) []any {
	of := slices.DeleteFunc(slices.Clone(records), func(r readRecord) bool { return r.topic != topic })
	slices.SortStableFunc(of, func(a, b readRecord) int {
		return cmp.Or(lives.AggregateID(a.event)-lives.AggregateID(b.event), a.sequence-b.sequence)
	})
	events := make([]any, len(of))
	for index, r := range of {
		events[index] = lives.AnyReason(r.event)
	}
	return events
}

func expectHeaders(t *testing.T, r readRecord) {
	t.Helper()
	want := map[string]string{
		"content-type": "application/json", "ce_specversion": "1.0", "ce_type": r.topic,
		"ce_id": r.envelope.EventID, "ce_subject": string(r.Key),
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got := kafkaread.Header(t, r.Message, name); got != want[name] {
			t.Errorf("%s: header %s is %q, not %q", r.topic, name, got, want[name])
		}
	}
	if source := kafkaread.Header(t, r.Message, "ce_source"); source == "" {
		t.Errorf("%s: ce_source is empty", r.topic)
	}
	at, err := time.Parse(time.RFC3339Nano, kafkaread.Header(t, r.Message, "ce_time"))
	if err != nil || !at.Equal(r.envelope.OccurredAt) {
		t.Errorf("%s: ce_time is %v, and it occurred at %v: %v", r.topic, at, r.envelope.OccurredAt, err)
	}
	trace := kafkaread.Header(t, r.Message, "traceparent")
	if !traceContext.MatchString(trace) {
		t.Errorf("%s: traceparent is %q", r.topic, trace)
	}
	if want := lives.Trace(r.event); want != "" && trace != want {
		t.Errorf("%s: traceparent is %q, and the command's was %q", r.topic, trace, want)
	}
}

// W3C Trace Context, version 00.
var traceContext = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// untilPublished waits until every event is in its topic: exactly as many as happened.
func untilPublished(t *testing.T, w *platform.World, count int) {
	t.Helper()
	db := w.GormDB(t)
	platform.Eventually(t, "every event is published", 30*time.Second, func() error {
		var outbox struct{ Events, Waiting int }
		err := db.Raw("select count(*) events, coalesce(sum(processed_at is null), 0) waiting from outbox").Scan(&outbox).Error
		if err != nil || outbox.Waiting > 0 || outbox.Events != count {
			return fmt.Errorf("%d events in the outbox, %d are not published, %d happened: %v", outbox.Events, outbox.Waiting, count, err)
		}
		return nil
	})
}

func topicNames(w *platform.World, topics []string) []string {
	var names []string
	for _, topic := range topics {
		names = append(names, w.Topic(topic))
	}
	return names
}

func placesOf(messages []kafka.Message) []string {
	var places []string
	for _, m := range messages {
		places = append(places, fmt.Sprintf("%s/%d@%d", m.Topic, m.Partition, m.Offset))
	}
	slices.Sort(places)
	return places
}
