package compat

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// Half of each order's life is Go's and half is ours. Who carries the events makes no difference: Go's dispatcher alone,
// which publishes ours thrice, under a clock and without headers, or ours.
func TestAnOrderLivesItsLifeInBothSystems(t *testing.T) {
	t.Parallel()
	t.Run("whose events Go's dispatcher carries", func(t *testing.T) {
		t.Parallel()
		w := platform.NewWorld(t)
		processes := startRoles(t, w, "user-service", "product-service", "order-service", "query-service", "projector")
		s := shop.Across(t, map[string]*platform.Process{
			"users": processes[0], "products": processes[1], "orders": processes[2], "query": processes[3],
		})
		producer := gosystem.NewProducer(goKafka(w))
		t.Cleanup(func() { _ = producer.Close() })
		dispatcher := &gosystem.Dispatcher{DB: w.GormDB(t), Producer: producer, Page: 20, Interval: 20 * time.Millisecond}
		inBackground(t, dispatcher.Run)
		liveInBoth(mixed{t: t, w: w, db: w.GormDB(t), s: s, goSide: gosystem.Services{DB: w.GormDB(t)}})
	})
	t.Run("whose events our dispatcher carries", func(t *testing.T) {
		t.Parallel()
		w := platform.NewWorld(t)
		s := shop.At(t, w.Start(t))
		liveInBoth(mixed{t: t, w: w, db: w.GormDB(t), s: s, goSide: gosystem.Services{DB: w.GormDB(t)}})
	})
}

// mixed is a shop that both systems serve.
type mixed struct {
	t      *testing.T
	w      *platform.World
	db     *gorm.DB
	s      shop.Shop
	goSide gosystem.Services
}

// life is an order's way through both systems, and what must be left of it.
type life struct {
	name string
	// live makes the order and takes it through its life; the answer is its id.
	live func(m mixed, user, product, quantity int) int
	// status and version are what row and view come to; told is how many of Go's events the view has.
	status        string
	version, told int
	sold          bool
}

var livesInBoth = []life{
	{"made by Go, paid and sent by ours", paidByOurs, "SHIPPED", 5, 0, true},
	{"made by ours, paid by Go, sent by ours", paidByGo, "SHIPPED", 4, 1, true},
	{"made by ours, canceled by Go", canceledByGo, "CANCELED", 2, 1, false},
	{"made by Go, canceled by ours", canceledByOurs, "CANCELED", 3, 0, false},
	{"made by Go, paid by Go, refused by the stock of ours", refusedByOurs, "CANCELED", 2, 1, false},
}

func liveInBoth(m mixed) {
	ana, err := m.goSide.CreateUser("Ana", "ana@example.com")
	must(m.t, err)
	bruno := m.s.User("Bruno", "bruno@example.com")
	mouse, err := m.goSide.CreateProduct("Mouse", 89.9, 50)
	must(m.t, err)
	cable := m.s.Product("Cabo", 9.9, 50)
	sold, orders, mutex := map[int]int{}, map[int]life{}, sync.Mutex{}
	// A group: they are lived side by side, and what follows waits for all.
	m.t.Run("of an order", func(t *testing.T) {
		for place, life := range livesInBoth {
			// Each is lived with Go's user and our product, and the other way round.
			for _, with := range []struct{ user, product int }{{int(ana.ID), cable}, {bruno, int(mouse.ID)}} {
				if life.sold {
					sold[with.product] += place + 1
				}
				t.Run(fmt.Sprintf("%s, of product %d", life.name, with.product), func(t *testing.T) {
					t.Parallel()
					own := m.of(t)
					order := life.live(own, with.user, with.product, place+1)
					own.wantLived(order, life)
					mutex.Lock()
					defer mutex.Unlock()
					orders[order] = life
				})
			}
		}
	})
	m.t.Run("a user that both rename has the last name everywhere", func(t *testing.T) {
		m.of(t).renamedByBoth(int(ana.ID), bruno)
	})
	m.t.Run("stock, rows, log and views agree, and nothing is parked or dead-lettered", func(t *testing.T) {
		m.of(t).wantAgreement(sold, orders)
	})
}

// of is the same for a subtest.
func (m mixed) of(t *testing.T) mixed {
	m.t, m.s = t, m.s.For(t)
	return m
}
