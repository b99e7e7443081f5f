package compat

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"esteira.dev/go-compat-tests/internal/contract"
	"esteira.dev/go-compat-tests/internal/kafkaread"
	"esteira.dev/go-compat-tests/internal/lives"
	"esteira.dev/go-compat-tests/internal/platform"
)

func TestAGoConsumerReadsEveryTopicThatOursWrites(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	want := lives.Everything(t, w.Start(t))
	count := 0
	for _, events := range want {
		count += len(events)
	}
	untilPublished(t, w, count)
	names := topicNames(w, contract.Topics)
	messages := kafkaread.AsGroup(t, w, w.Group("go-consumer"), names, count)

	t.Run("as a group as well as partition by partition", func(t *testing.T) {
		if grouped, all := placesOf(messages), placesOf(kafkaread.Everything(t, w, names)); !slices.Equal(grouped, all) {
			t.Errorf("a group reads\n%v\nand partitions have\n%v", grouped, all)
		}
	})
	records := readAsGo(t, w, messages)
	t.Run("each value into the struct of its topic, saying what happened", func(t *testing.T) {
		for _, topic := range contract.Topics {
			if got := eventsOf(records, topic); !reflect.DeepEqual(got, want[topic]) {
				t.Errorf("%s: a Go consumer reads\n%+v\nand what happened was\n%+v", topic, got, want[topic])
			}
		}
	})
	t.Run("each key the id of what it happened to, always in the same partition", func(t *testing.T) {
		partitions := map[string]int{}
		for _, r := range records {
			if id := strconv.Itoa(lives.AggregateID(r.event)); string(r.Key) != id {
				t.Errorf("%s: the key is %q, and it happened to %s", r.topic, r.Key, id)
			}
			if before, seen := partitions[string(r.Key)]; seen && before != r.Partition {
				t.Errorf("%s: key %s is in partition %d, and was in %d", r.topic, r.Key, r.Partition, before)
			}
			partitions[string(r.Key)] = r.Partition
		}
	})
	t.Run("each with the headers of its event", func(t *testing.T) {
		for _, r := range records {
			expectHeaders(t, r)
		}
	})
	t.Run("each event once, under an id of its own that sorts by time", func(t *testing.T) {
		seen := map[string]bool{}
		for _, r := range records {
			id, err := uuid.Parse(r.envelope.EventID)
			if err != nil || id.Version() != 7 || seen[r.envelope.EventID] {
				t.Errorf("%s: event_id %q: %v, version %d, seen: %v", r.topic, r.envelope.EventID, err, id.Version(), seen[r.envelope.EventID])
			}
			seen[r.envelope.EventID] = true
		}
	})
	t.Run("with sequences that count each aggregate's events from 1", func(t *testing.T) {
		sequences := map[string][]int{}
		for _, r := range records {
			of := lives.Aggregate(r.topic) + " " + string(r.Key)
			sequences[of] = append(sequences[of], r.sequence)
		}
		for of, found := range sequences {
			slices.Sort(found)
			for index, sequence := range found {
				if sequence != index+1 {
					t.Errorf("%s: %v", of, found)
					break
				}
			}
		}
	})
}
