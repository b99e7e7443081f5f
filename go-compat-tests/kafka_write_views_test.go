package compat

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/segmentio/kafka-go"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/kafkaread"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestRecordsThatAGoProducerWritesEndInTheRightViewsOnce(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	processes := startRoles(t, w, "projector", "query-service")
	query := map[string]*platform.Process{"query": processes[1]}
	// A group: they run side by side, and what follows waits for all.
	t.Run("of", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *platform.World, shop.Shop){
			"a shop in its usual order":                                                   usualOrder,
			"an order.paid that overtakes its order.created in another topic":             paidFirst,
			"one order's life in any order of arrival":                                    anyOrder,
			"our event that was decided before Go's, and comes after it, takes none back": ourLateEvent,
			"changes of a user that waited for its creation, in the order of happening":   changesThatWaited,
			"a payment that comes after what followed it takes no date back":              lateDate,
			"a product that comes when all of its order has come":                         productLast,
			"amounts as Go's arithmetic leaves them":                                      inDoubles,
			"orders that have their user and their product from the first moment":         alwaysWhole,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, w, shop.Across(t, query))
			})
		}
	})
	t.Run("and nothing is parked or dead-lettered", func(t *testing.T) { wantNothingLeft(t, w) })
	t.Run("but what is no event is a dead letter, as Go wrote it, and holds nobody back", func(t *testing.T) {
		noEvents(t, w, shop.Across(t, query))
	})
}

func usualOrder(t *testing.T, w *platform.World, s shop.Shop) {
	g := goRecordsInto(t, w)
	g.thrice("user.created", userEvent(1, "Ana"))
	g.thrice("product.created", productEvent(1, "Mouse", 89.9, 10))
	s.UserSoon(1, "there", func(u shop.UserView) bool { return u.Name == "Ana" && u.Version == 1 })
	s.ProductSoon(1, "there", func(p shop.ProductView) bool { return p.Stock == 10 && p.Version == 1 })
	g.thrice("order.created", createdEvent(1, 1, gosystem.ItemData{ProductID: 1, Quantity: 3, UnitPrice: 89.9}))
	g.thrice("order.created", createdEvent(2, 1, gosystem.ItemData{ProductID: 1, Quantity: 4, UnitPrice: 89.9}))
	g.thrice("user.updated", userEvent(1, "Ana Souza"))
	g.thrice("product.updated", productEvent(1, "Mouse", 79.9, 10))
	s.OrderSoon(1, "there, with its total", func(o shop.OrderView) bool {
		return o.Total == 269.7 && o.Items[0].Product.Name == "Mouse"
	})
	// Its stock is the old one, and the last arrival wins.
	s.ProductSoon(1, "repriced", func(p shop.ProductView) bool { return p.Price == 79.9 })
	g.thrice("stock.reserved", stockEvent(1, 1, 3))
	g.thrice("stock.reserved", stockEvent(2, 1, 4))
	g.thrice("order.paid", paidEvent(1, "pix"))
	g.thrice("order.canceled", canceledEvent(2, "changed mind"))
	g.thrice("stock.released", stockEvent(2, 1, 4))
	caughtUp(t, goProjector(t, w))
	s.OrderSoon(1, "paid", func(o shop.OrderView) bool {
		return o.Status == "PAID" && o.PaymentMethod == "pix" && o.User.Name == "Ana Souza" && o.Version == 1
	})
	s.OrderSoon(2, "canceled", func(o shop.OrderView) bool {
		return o.Status == "CANCELED" && o.CancelReason == "changed mind" && o.User.Name == "Ana Souza"
	})
	s.ProductSoon(1, "3 sold, once", func(p shop.ProductView) bool { return p.Stock == 7 && p.Price == 79.9 })
	wantRevision(t, w, 1, 1)
	wantRevision(t, w, 2, 1)
	for collection, want := range map[string]int64{"views.users": 1, "views.products": 4} {
		if got := document(t, w, collection, 1).Lookup("revision").AsInt64(); got != want {
			t.Errorf("%s 1 has %d unsequenced events instead of %d", collection, got, want)
		}
	}
}

func paidFirst(t *testing.T, w *platform.World, s shop.Shop) {
	g := goRecordsInto(t, w)
	g.thrice("order.paid", paidEvent(11, "boleto"))
	g.thrice("user.updated", userEvent(11, "Bruno Lima"))
	parkedSoon(t, w, "order", 11, 1)
	parkedSoon(t, w, "user", 11, 1)
	g.thrice("product.created", productEvent(11, "Cabo", 5, 1))
	s.ProductSoon(11, "there", func(p shop.ProductView) bool { return p.Stock == 1 })
	g.thrice("order.created", createdEvent(11, 11, gosystem.ItemData{ProductID: 11, Quantity: 1, UnitPrice: 5}))
	s.OrderSoon(11, "paid", func(o shop.OrderView) bool { return o.Status == "PAID" && o.PaymentMethod == "boleto" })
	g.thrice("user.created", userEvent(11, "Bruno"))
	s.OrderSoon(11, "with its product, and its user that came last", func(o shop.OrderView) bool {
		return o.User.Name == "Bruno Lima" && o.Items[0].Product.Name == "Cabo"
	})
	parkedSoon(t, w, "order", 11, 0)
	wantRevision(t, w, 11, 1)
}

// noEvents are what a broken Go service might write; each copy is a record of its own.
func noEvents(t *testing.T, w *platform.World, s shop.Shop) {
	g := goRecordsInto(t, w)
	wrong := []string{`{"event_id": "e", "order_id": 11`, `{"order_id": 11}`, string(goValue(t, map[string]any{
		"event_id": envelope().EventID, "occurred_at": envelope().OccurredAt, "order_id": "onze",
	}))}
	for _, value := range wrong {
		must(t, g.producer.PublishThrice(t.Context(), "order.canceled", []byte(value)))
	}
	g.thrice("order.canceled", canceledEvent(11, "changed mind"))
	s.OrderSoon(11, "canceled", func(o shop.OrderView) bool { return o.Status == "CANCELED" })
	var letters []kafka.Message
	queue := []string{w.Topic("order.canceled.dlq")}
	letters = append(letters, kafkaread.AsGroup(t, w, w.Group("go-tool"), queue, gosystem.Copies*len(wrong))...)
	copies := map[string]int{}
	for _, letter := range letters {
		var read gosystem.DeadLetter
		must(t, json.Unmarshal(letter.Value, &read))
		copies[read.OriginalEvent]++
		if read.OriginalTopic != w.Topic("order.canceled") || !slices.Contains(wrong, read.OriginalEvent) {
			t.Errorf("a dead letter of nothing that was wrong: %s", letter.Value)
		}
		if clock, err := strconv.ParseInt(string(letter.Key), 10, 64); err != nil || clock < 1e18 {
			t.Errorf("the key is %q, and the Go producer's is its clock", letter.Key)
		}
		if kind := kafkaread.Header(t, letter, "Content-Type"); kind != "application/json" {
			t.Errorf("the Content-Type is %q", kind)
		}
		kafkaread.Header(t, letter, "Timestamp")
	}
	for value, count := range copies {
		if count != gosystem.Copies {
			t.Errorf("%d dead letters of %d copies: %s", count, gosystem.Copies, value)
		}
	}
}
