package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/kafkaread"
	"esteira.dev/go-compat-tests/internal/platform"
)

// undecodable is what a Go program, or a broken one, might write; none of it is an event. Each goes to the partition of its
// place here.
var undecodable = []struct {
	name       string
	key, value []byte
	headers    []kafka.Header
	// The original's value, as the dead letter must tell it.
	event, base64 any
}{
	{
		name: "a text is there as it was", key: []byte("1795351395891041233"), value: []byte(`{"event_id": "ação`),
		headers: []kafka.Header{
			{Key: "Content-Type", Value: []byte("application/json")}, {Key: "Timestamp", Value: []byte("2026-11-22T12:43:15Z")},
			{Key: "again", Value: []byte("1")}, {Key: "again", Value: []byte{0xff}},
		},
		event: `{"event_id": "ação`,
	},
	{
		name: "bytes that are no text are there in base64", key: []byte{0x00, 0xff}, value: []byte{0xff, 0x00, 0xfe},
		base64: "/wD+",
	},
	{name: "no value at all is null", key: []byte("9")},
}

func TestAGoToolReadsWhatOursPutsIntoADeadLetterQueue(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	w.Start(t, "projector")
	topic, sent := w.Topic("order.paid"), time.Now().Truncate(time.Millisecond)
	sendUndecodable(t, w, topic, sent)
	letters := map[string]kafka.Message{}
	for _, letter := range kafkaread.AsGroup(t, w, w.Group("go-dlq-tool"), []string{topic + ".dlq"}, len(undecodable)) {
		letters[kafkaread.Header(t, letter, "dlq_partition")] = letter
	}
	for partition, original := range undecodable {
		t.Run(original.name, func(t *testing.T) {
			letter, there := letters[strconv.Itoa(partition)]
			if !there {
				t.Fatalf("no dead letter says that it came from partition %d", partition)
			}
			if !bytes.Equal(letter.Key, original.key) {
				t.Errorf("its key is %q, not %q", letter.Key, original.key)
			}
			if kept := letter.Headers[:len(original.headers)]; len(kept) > 0 && !reflect.DeepEqual(kept, original.headers) {
				t.Errorf("its headers begin with %v, and the original's were %v", kept, original.headers)
			}
			expectLetter(t, letter, topic, original.event, original.base64, sent)
			expectFailure(t, letter, w.Group("query-consumer"), sent, len(original.headers))
		})
	}
}

// expectLetter reads the value as the Go system's tools do, and then what they leave out.
func expectLetter(t *testing.T, letter kafka.Message, topic string, event, base64 any, sent time.Time) {
	t.Helper()
	var read gosystem.DeadLetter
	if err := json.Unmarshal(letter.Value, &read); err != nil {
		t.Fatalf("a Go tool cannot read %s: %v", letter.Value, err)
	}
	text, _ := event.(string)
	if read.OriginalTopic != topic || read.ErrorMessage == "" || read.OriginalEvent != text {
		t.Errorf("a Go tool reads %+v, of topic %s and event %q", read, topic, text)
	}
	if at, err := time.Parse(time.RFC3339, read.Timestamp); err != nil || at.Before(sent) || at.After(time.Now()) {
		t.Errorf("its timestamp is %q, and it was sent at %v: %v", read.Timestamp, sent, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(letter.Value, &fields); err != nil {
		t.Fatal(err)
	}
	if original, there := fields["original_event"]; !there || original != event {
		t.Errorf("original_event is %v, not %v: %s", original, event, letter.Value)
	}
	if fields["original_event_base64"] != base64 {
		t.Errorf("original_event_base64 is %v, not %v", fields["original_event_base64"], base64)
	}
}

// expectFailure reads the headers that say where the original was, how it failed, and how many headers it had.
func expectFailure(t *testing.T, letter kafka.Message, group string, sent time.Time, headers int) {
	t.Helper()
	for name, want := range map[string]string{
		"dlq_offset": "0", "dlq_timestamp": strconv.FormatInt(sent.UnixMilli(), 10), "dlq_group": group,
		"dlq_attempts": "1", "dlq_error_class": "undecodable", "dlq_header_count": strconv.Itoa(headers),
	} {
		if got := kafkaread.Header(t, letter, name); got != want {
			t.Errorf("header %s is %q, not %q", name, got, want)
		}
	}
	milliseconds, err := strconv.ParseInt(kafkaread.Header(t, letter, "dlq_first_failure"), 10, 64)
	if at := time.UnixMilli(milliseconds); err != nil || at.Before(sent) || at.After(time.Now()) {
		t.Errorf("dlq_first_failure is %v, and it was sent at %v: %v", at, sent, err)
	}
}

// sendUndecodable writes the originals with kafka-go's writer, each to the partition of its place.
func sendUndecodable(t *testing.T, w *platform.World, topic string, sent time.Time) {
	t.Helper()
	partitions := map[string]int{}
	var messages []kafka.Message
	for partition, original := range undecodable {
		partitions[string(original.key)] = partition
		messages = append(messages, kafka.Message{
			Key: original.key, Value: original.value, Headers: original.headers, Time: sent,
		})
	}
	writer := kafka.Writer{
		Addr: w.Kafka(t).Addr, Transport: w.Kafka(t).Transport, Topic: topic, RequiredAcks: kafka.RequireAll,
		BatchTimeout: 10 * time.Millisecond,
		Balancer:     kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return partitions[string(m.Key)] }),
	}
	defer writer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := writer.WriteMessages(ctx, messages...); err != nil {
		t.Fatalf("%s: %v", topic, err)
	}
}
