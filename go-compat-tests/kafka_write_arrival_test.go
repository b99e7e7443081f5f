package compat

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// goRecord is an event on its way into a topic.
type goRecord struct {
	topic string
	event any
}

// arrivals is how many orders of arrival are tried of each life; the first is the one in which Go writes.
const arrivals = 5

// anyOrder lets one life arrive in several orders, each as an order of its own. A round is one record of each, and
// the next waits until it is consumed: so the order of arrival is the one that the seed says.
func anyOrder(t *testing.T, w *platform.World, _ shop.Shop) {
	paid, canceled, updated := paidEvent(0, "pix"), canceledEvent(0, "stock"), updatedEvent(0, "SHIPPED")
	created := createdEvent(0, 21, gosystem.ItemData{ProductID: 21, Quantity: 2, UnitPrice: 10.5})
	lives := map[int]func(id int) []goRecord{
		// By rank, PAID does not take SHIPPED back.
		100: func(id int) []goRecord {
			created.Order.ID, paid.OrderID, updated.OrderID = id, id, id
			return []goRecord{{"order.created", created}, {"order.paid", paid}, {"order.updated", updated}}
		},
		// Go's product side cancels what is paid; CANCELED is final.
		200: func(id int) []goRecord {
			created.Order.ID, paid.OrderID, canceled.OrderID = id, id, id
			return []goRecord{{"order.created", created}, {"order.paid", paid}, {"order.canceled", canceled}}
		},
	}
	var queues [][]goRecord
	for first, life := range lives {
		for seed := range arrivals {
			queues = append(queues, arrival(life(first+seed), uint64(seed)))
		}
	}
	g, projector := goRecordsInto(t, w), goProjector(t, w)
	g.thrice("user.created", userEvent(21, "Ana"))
	g.thrice("product.created", productEvent(21, "Mouse", 10.5, 10))
	caughtUp(t, projector)
	for round := range queues[0] {
		for _, queue := range queues {
			g.once(queue[round].topic, queue[round].event)
		}
		caughtUp(t, projector)
	}
	for first, status := range map[int]string{100: "SHIPPED", 200: "CANCELED"} {
		want := withoutIdentity(t, document(t, w, "views.orders", first))
		if want["status"] != status || want["payment_method"] != "pix" || want["total_amount"] != 21.0 {
			t.Errorf("order %d: %v", first, want)
		}
		for seed := 1; seed < arrivals; seed++ {
			got := withoutIdentity(t, document(t, w, "views.orders", first+seed))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("seed %d: the view is\n%v\nand in the order of writing it is\n%v", seed, got, want)
			}
		}
	}
}

// arrival is each record three times, in the order that a seed gives; seed 0 leaves the order of writing.
func arrival(life []goRecord, seed uint64) []goRecord {
	var queue []goRecord
	for _, record := range life {
		queue = append(queue, slices.Repeat([]goRecord{record}, gosystem.Copies)...)
	}
	if seed > 0 {
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(queue), func(a, b int) { queue[a], queue[b] = queue[b], queue[a] })
	}
	return queue
}

// withoutIdentity is a view without what tells one order from the other: its id, and the order in which it remembers
// what it has applied.
func withoutIdentity(t testing.TB, view bson.Raw) map[string]any {
	t.Helper()
	var fields bson.M
	must(t, bson.Unmarshal(view, &fields))
	applied, _ := fields["applied"].(bson.A)
	ids := make([]string, len(applied))
	for place, id := range applied {
		ids[place], _ = id.(string)
	}
	slices.Sort(ids)
	rest := maps.Clone(map[string]any(fields))
	delete(rest, "_id")
	rest["applied"] = ids
	return rest
}

// sequenced is an event of ours, as far as the gate looks at it.
func sequenced(t testing.TB, event any, sequence int, more map[string]any) map[string]any {
	t.Helper()
	var fields map[string]any
	must(t, json.Unmarshal(goValue(t, event), &fields))
	fields["sequence"], fields["schema_version"] = sequence, 1
	maps.Copy(fields, more)
	return fields
}

// ourLateEvent is a race: stock is decided while the row says CREATED, then Go pays, or cancels. Topics have no order
// between them, so that our order.updated may come last; by rank it must take nothing back.
func ourLateEvent(t *testing.T, w *platform.World, s shop.Shop) {
	g := goRecordsInto(t, w)
	line := gosystem.ItemData{ProductID: 31, Quantity: 1, UnitPrice: 10}
	for id, go1 := range map[int]goRecord{
		31: {"order.paid", paidEvent(31, "pix")}, 32: {"order.canceled", canceledEvent(32, "changed mind")},
	} {
		g.once("order.created", sequenced(t, createdEvent(id, 31, line), 1, nil))
		s.OrderSoon(id, "there", func(o shop.OrderView) bool { return o.Version == 1 })
		g.thrice(go1.topic, go1.event)
		s.OrderSoon(id, "as Go says", func(o shop.OrderView) bool { return o.Status != "CREATED" })
		reserved := sequenced(t, updatedEvent(id, "CREATED"), 2, map[string]any{"reservation": "RESERVED"})
		g.once("order.updated", reserved)
	}
	for id, status := range map[int]string{31: "PAID", 32: "CANCELED"} {
		s.OrderSoon(id, "at our version 2 and "+status, func(o shop.OrderView) bool {
			return o.Version == 2 && o.Reservation == "RESERVED" && o.Status == status
		})
	}
}
