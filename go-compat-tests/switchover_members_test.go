package compat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/platform"
)

// places are where a group has committed, of what Go's member reads.
func (m member) places(t testing.TB, w *platform.World) places {
	t.Helper()
	return committedBy(t, w, w.Group(m.group), topicNames(w, m.events)...)
}

// ends are where what Go's member reads ends.
func (m member) ends(t testing.TB, w *platform.World) places {
	t.Helper()
	return endOf(t, w, topicNames(w, m.events)...)
}

// goReads has a Go member read and commit all that is new, and leave; it must begin where the group was.
func (m member) goReads(t testing.TB, w *platform.World) {
	t.Helper()
	at, ends, count := m.places(t, w), m.ends(t, w), int64(0)
	for place, end := range ends {
		count += end - at[place]
	}
	for _, message := range readAndLeave(t, w, m.group, int(count), m.events...) {
		place := fmt.Sprintf("%s/%d", message.Topic, message.Partition)
		if at[place] != message.Offset {
			t.Errorf("%s: Go's member reads %s@%d, and the group was at %d", m.group, place, message.Offset, at[place])
		}
		at[place] = message.Offset + 1
	}
	wantPlaces(t, m.group+" after Go's member", m.places(t, w), ends)
}

// sideBySide does something with every group at the same time.
func sideBySide(do func(member)) {
	var all sync.WaitGroup
	for _, m := range members {
		all.Add(1)
		go func() {
			defer all.Done()
			do(m)
		}()
	}
	all.Wait()
}

// goMember is a member of a group as kafka-go makes it: it offers range and roundrobin.
func goMember(w *platform.World, m member) kafka.ConsumerGroupConfig {
	return kafka.ConsumerGroupConfig{
		ID: w.Group(m.group), Brokers: []string{w.Brokers}, Topics: topicNames(w, m.events),
		StartOffset: kafka.FirstOffset, HeartbeatInterval: time.Second,
	}
}

// stay has a Go member join each group, and returns when each has its partitions.
func stay(t *testing.T, w *platform.World) []*kafka.ConsumerGroup {
	t.Helper()
	var all []*kafka.ConsumerGroup
	for _, m := range members {
		group, err := kafka.NewConsumerGroup(goMember(w, m))
		must(t, err)
		t.Cleanup(func() { _ = group.Close() })
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		generation, err := group.Next(ctx)
		if err != nil || len(generation.Assignments) == 0 {
			t.Fatalf("%s: a Go member gets nothing: %v", m.group, err)
		}
		all = append(all, group)
	}
	return all
}

// wantKeptOut fails unless the group refuses a Go member.
func wantKeptOut(t *testing.T, w *platform.World, m member) {
	t.Helper()
	group, err := kafka.NewConsumerGroup(goMember(w, m))
	must(t, err)
	defer group.Close()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if _, err := group.Next(ctx); !errors.Is(err, kafka.InconsistentGroupProtocol) {
		t.Errorf("%s lets a Go member in: %v", m.group, err)
	}
}
