package compat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// letter is what `esteira dlq list --json` says of a dead letter.
type letter struct {
	Letter        string  `json:"letter"`
	OriginalTopic string  `json:"original_topic"`
	Group         *string `json:"group"`
	Aggregate     string  `json:"aggregate"`
	AggregateID   int     `json:"aggregate_id"`
	EventID       string  `json:"event_id"`
	Error         string  `json:"error"`
	State         string  `json:"state"`
}

// Go's projector gives an event up whose document is not there in time; its letter says nothing of a group, a place or
// an attempt, and its key is a clock.
func TestADeadLetterThatGoWroteCanBeListedShownRedrivenAndDiscarded(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	process := w.Start(t)
	g, s := goRecordsInto(t, w), shop.At(t, process)
	mouse := s.Product("Mouse", 89.9, 10)
	order := s.Order(s.User("Ana", "ana@example.com"), shop.Line{ProductID: mouse, Quantity: 1, UnitPrice: 89.9})
	s.OrderSoon(order, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
	paid, canceled := paidEvent(order, "pix"), canceledEvent(order, "a mistake")
	must(t, gosystem.Services{DB: w.GormDB(t)}.PutOrder(uint(order), "PAID"))
	must(t, g.producer.Bury(t.Context(), "order.paid", goValue(t, paid), "documento não encontrado"))
	must(t, g.producer.Bury(t.Context(), "order.canceled", goValue(t, canceled), "timeout"))
	letters := map[string]letter{}

	step(t, "it is listed", func(t *testing.T) {
		letters = listed(t, w)
		for event, id := range map[string]string{"order.paid": paid.EventID, "order.canceled": canceled.EventID} {
			found := letters[id]
			if found.OriginalTopic != w.Topic(event) || found.Aggregate != "order" || found.AggregateID != order ||
				found.State != "open" || found.Group != nil || !strings.HasPrefix(found.Letter, w.Topic(event)+".dlq/") {
				t.Errorf("%s is listed as %+v", event, found)
			}
		}
		if found := letters[paid.EventID].Error; found != "documento não encontrado" || len(letters) != 2 {
			t.Errorf("the error is %q, and there are %d letters", found, len(letters))
		}
	})
	step(t, "it is shown with its key, its headers and its value", func(t *testing.T) {
		var shown struct {
			letter
			Key, Headers, Value any
		}
		text := dlq(t, w, 0, "show", letters[paid.EventID].Letter, "--json")
		must(t, json.Unmarshal([]byte(text), &shown))
		if shown.letter.EventID != paid.EventID || shown.State != "open" {
			t.Errorf("it is shown as %+v", shown)
		}
		if clock := fmt.Sprint(shown.Key); len(clock) != 19 {
			t.Errorf("its key is %v, and Go's is its clock", shown.Key)
		}
		if headers := fmt.Sprint(shown.Headers); !strings.Contains(headers, "Content-Type") || !strings.Contains(headers, "Timestamp") {
			t.Errorf("its headers are %v", shown.Headers)
		}
		if value, err := json.Marshal(shown.Value); err != nil || !strings.Contains(string(value), paid.EventID) {
			t.Errorf("its value is %s: %v", value, err)
		}
	})
	step(t, "redriven, and redriven again, it takes effect once", func(t *testing.T) {
		for range 2 {
			dlq(t, w, 0, "redrive", letters[paid.EventID].Letter)
			shop.At(t, process).OrderSoon(order, "paid", func(o shop.OrderView) bool {
				return o.Status == "PAID" && o.PaymentMethod == "pix"
			})
			stateSoon(t, w, paid.EventID, "applied")
		}
		wantRevision(t, w, order, 1)
	})
	step(t, "discarded, it takes none, and both stay where they are", func(t *testing.T) {
		dlq(t, w, 0, "discard", letters[canceled.EventID].Letter, "--reason", "it was a mistake")
		stateSoon(t, w, canceled.EventID, "discarded")
		wantRevision(t, w, order, 1)
		if found := deadLetters(t, w); len(found) != 2 {
			t.Errorf("there are %d dead letters in the queues", len(found))
		}
	})
	step(t, "what is no letter is an error", func(t *testing.T) {
		dlq(t, w, 3, "show", w.Topic("order.paid")+".dlq/0/999999", "--json")
	})
}

// dlq runs `esteira dlq`, which must end with `code`.
func dlq(t testing.TB, w *platform.World, code int, args ...string) string {
	t.Helper()
	out, found := w.Run(t, append([]string{"dlq"}, args...)...)
	if found != code {
		t.Fatalf("esteira dlq %s: exit code %d instead of %d: %s", strings.Join(args, " "), found, code, out)
	}
	return out
}

// listed are the letters by the id of their event.
func listed(t testing.TB, w *platform.World) map[string]letter {
	t.Helper()
	var letters []letter
	must(t, json.Unmarshal([]byte(dlq(t, w, 0, "list", "--json")), &letters))
	byEvent := map[string]letter{}
	for _, letter := range letters {
		byEvent[letter.EventID] = letter
	}
	return byEvent
}

func stateSoon(t testing.TB, w *platform.World, eventID, state string) {
	t.Helper()
	platform.Eventually(t, "the letter is "+state, soon, func() error {
		if found := listed(t, w)[eventID].State; found != state {
			return fmt.Errorf("it is %s", found)
		}
		return nil
	})
}
