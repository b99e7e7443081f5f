package compat

import (
	"testing"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
)

func TestConsumerGroupsAreHandedOverBetweenGoAndOursAtTheirOffsets(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	// What Go has left when the first of ours comes: its tables with rows, and topics.
	must(t, gosystem.Unsigned.AutoMigrate(w.GormDB(t)))
	makeOrders(t, w.GormDB(t), 6)
	if _, code := w.Run(t, "topics"); code != 0 {
		t.Fatalf("esteira topics: %d", code)
	}
	sendUnreadable(t, w)
	send(t, w, 1, 2)
	goReadsAll(t, w)
	send(t, w, 3, 3)
	ours := startRoles(t, w, roles()...)
	step(t, "ours goes on where a Go member stopped, and reads nothing before that", func(t *testing.T) {
		effectsSoon(t, w, 3, 3)
		for _, m := range members {
			consumedBy(t, w, m.group, m.events...)
		}
		wantNoEffects(t, w, 1, 2)
		if letters := deadLetters(t, w); len(letters) > 0 {
			t.Errorf("ours has read what Go had committed: %s", letters[0].Value)
		}
	})
	step(t, "while ours is in a group a Go member is kept out, and ours goes on", func(t *testing.T) {
		for _, m := range members {
			wantKeptOut(t, w, m)
		}
		send(t, w, 4, 4)
		effectsSoon(t, w, 4, 4)
	})
	for _, process := range ours {
		process.Stop(t)
	}
	step(t, "a Go member goes on where ours stopped", func(t *testing.T) {
		send(t, w, 5, 5)
		goReadsAll(t, w)
	})
	readers := stay(t, w)
	for place, role := range roles() {
		ours[place] = w.StartWaiting(t, role)
	}
	step(t, "while a Go member is in a group ours is not ready and says why", func(t *testing.T) {
		for place := range members {
			ours[place].UntilNotReadyFor(t, "consumer group", "members with another")
		}
	})
	for _, reader := range readers {
		_ = reader.Close()
	}
	step(t, "and goes on by itself once that has left", func(t *testing.T) {
		for _, process := range ours {
			process.UntilReady(t)
		}
		send(t, w, 6, 6)
		effectsSoon(t, w, 6, 6)
		wantNoEffects(t, w, 1, 2)
		wantNoEffects(t, w, 5, 5)
	})
}

func roles() []string {
	var roles []string
	for _, m := range members {
		roles = append(roles, m.role)
	}
	return roles
}

// goReadsAll has Go's members of all groups read what is new, side by side.
func goReadsAll(t *testing.T, w *platform.World) {
	t.Helper()
	sideBySide(func(m member) { m.goReads(t, w) })
	if t.Failed() {
		t.FailNow()
	}
}
