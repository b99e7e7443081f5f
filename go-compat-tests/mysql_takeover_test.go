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

func TestADatabaseThatTheGoServicesMadeIsTakenOverWithoutLoss(t *testing.T) {
	t.Parallel()
	script := func(text string) func(*gorm.DB) error {
		return func(db *gorm.DB) error { return gosystem.RunInit(db, text) }
	}
	states := []string{"CREATED", "PAID", "PROCESSING", "SHIPPED", "DELIVERED", "CANCELED", "NOPE"}
	shapes := []struct {
		name   string
		make   func(*gorm.DB) error
		states []string
	}{
		{"made by init.sql with BIGINT ids", script(gosystem.InitSQL), states},
		// Its ENUM has what Go writes; it is the Go services that make another type of it.
		{"made by init.sql with INT ids and an ENUM", script(gosystem.InitSQLInt), []string{"CREATED", "PAID", "CANCELED", "NOPE"}},
		{"made by AutoMigrate with " + gosystem.Unsigned.Name, gosystem.Unsigned.AutoMigrate, states},
		{"made by AutoMigrate with " + gosystem.Sized.Name, gosystem.Sized.AutoMigrate, states},
		{"made by init.sql and then by AutoMigrate", func(db *gorm.DB) error {
			if err := gosystem.RunInit(db, gosystem.InitSQL); err != nil {
				return err
			}
			return gosystem.Unsigned.AutoMigrate(db)
		}, states},
	}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			w := platform.NewWorld(t)
			db := w.GormDB(t)
			must(t, shape.make(db))
			takenOver(t, w, db, fill(t, db, shape.states))
		})
	}
}

// takenOver starts two of our processes on a Go database at once.
func takenOver(t *testing.T, w *platform.World, db *gorm.DB, rows goRows) {
	types, before := columnTypes(t, db), snapshot(t, db)
	process := startTwo(t, w)
	t.Run("every row and every type is as it was", func(t *testing.T) {
		wantStill(t, types, columnTypes(t, db))
		wantRows(t, before, snapshot(t, db))
	})
	t.Run("every order is answered by list and by id", func(t *testing.T) {
		s := shop.At(t, process)
		listed := s.StoredOrders()
		if len(listed) != len(rows.orders) {
			t.Fatalf("%d orders are listed of %d", len(listed), len(rows.orders))
		}
		for place, want := range rows.orders {
			wantStored(t, listed[place], want)
			wantStored(t, s.Stored(want.ID), want)
			if created := listed[place].CreatedAt; created.Sub(rows.created[want.ID]).Abs() >= time.Second {
				t.Errorf("order %d was made at %v and is said to be of %v", want.ID, rows.created[want.ID], created)
			}
		}
	})
	t.Run("every user and product is answered by list and by id", func(t *testing.T) {
		wantPeopleAndThings(t, shop.At(t, process), rows)
	})
	t.Run("outbox rows that Go left are published and projected", func(t *testing.T) {
		s := shop.At(t, process)
		everythingPublished(t, db)
		view := s.OrderSoon(rows.late, "reserved", func(o shop.OrderView) bool { return o.Reservation == "RESERVED" })
		if view.Total != 179.8 || view.Status != "CREATED" || view.UserID != rows.users["late@example.com"] {
			t.Errorf("its view is %+v", view)
		}
		published := select1[int](t, db, "select count(*) from outbox where sequence is null and kafka_offset is not null")
		if published != rows.unprocessed {
			t.Errorf("%d rows of Go's were published instead of %d", published, rows.unprocessed)
		}
	})
	t.Run("what was taken over can change", func(t *testing.T) { changed(t, shop.At(t, process), db, rows) })
	t.Run("an order reaches the states that Go does not write", func(t *testing.T) {
		s := shop.At(t, process)
		s.Put(rows.late, "PROCESSING")
		s.Put(rows.late, "SHIPPED")
		s.OrderSoon(rows.late, "shipped", func(o shop.OrderView) bool { return o.Status == "SHIPPED" && o.Version == 5 })
	})
}

// startTwo starts two processes at the same time; the answer is one of them.
func startTwo(t *testing.T, w *platform.World) *platform.Process {
	t.Helper()
	var processes [2]*platform.Process
	var both sync.WaitGroup
	for place := range processes {
		both.Add(1)
		go func() {
			defer both.Done()
			processes[place] = w.Start(t)
		}()
	}
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return processes[0]
}

func changed(t *testing.T, s shop.Shop, db *gorm.DB, rows goRows) {
	t.Helper()
	byStatus := rows.byStatus
	s.Pay(byStatus["CREATED"], "pix")
	s.Cancel(byStatus["NOPE"], "of no known state")
	s.Pay(rows.late, "pix")
	s.Rename(rows.users["ana@example.com"], "Ana Souza")
	s.Reprice(rows.products["Mouse"], 79.99)
	for id, want := range map[int]string{
		byStatus["CREATED"]: "PAID 2", byStatus["NOPE"]: "CANCELED 2", rows.late: "PAID 3",
	} {
		got := select1[string](t, db, "select concat(status, ' ', version) from orders where id = ?", id)
		if got != want {
			t.Errorf("order %d is at %q instead of %q", id, got, want)
		}
	}
	if changed := select1[int](t, db, `select count(*) from users u, products p where u.id = ? and p.id = ?
		and u.name = 'Ana Souza' and u.version = 2 and p.price = 79.99`,
		rows.users["ana@example.com"], rows.products["Mouse"]); changed != 1 {
		t.Error("the user or the product is not what it was changed to")
	}
	if id := s.User("New", "new@example.com"); id <= len(rows.users) {
		t.Errorf("a new user has id %d after %d", id, len(rows.users))
	}
	s.OrderSoon(rows.late, "paid", func(o shop.OrderView) bool { return o.Status == "PAID" && o.Version == 3 })
	everythingPublished(t, db)
	for _, aggregate := range []string{"order", "user"} {
		first := fmt.Sprintf("select coalesce(min(sequence), 0) from outbox where aggregate = '%s' and sequence > 1", aggregate)
		if found := select1[int](t, db, first); found != 2 {
			t.Errorf("our first event of a Go %s has sequence %d", aggregate, found)
		}
	}
}
