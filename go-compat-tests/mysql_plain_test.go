package compat

import (
	"encoding/json"
	"strconv"
	"testing"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/kafkaread"
	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

// plainStatements are those of a script: what has a default in init.sql has one in our tables too.
func plainStatements(t *testing.T, db *gorm.DB, s shop.Shop) {
	t.Helper()
	for _, statement := range []string{
		`insert into users (name, email) values ('Plain', 'plain@example.com')`,
		`insert into products (name, price, stock) values ('Plain', 1.5, 3)`,
		`insert into orders (user_id) select id from users where name = 'Plain'`,
		`insert into outbox (aggregate, event_type, payload) select 'user', 'user.created', json_object('event_id', uuid(),
			'occurred_at', date_format(utc_timestamp(), '%Y-%m-%dT%TZ'), 'user', json_object('id', id, 'name', name, 'email', email))
			from users where name = 'Plain'`,
		`insert into processed_events (event_id, service_name) values (uuid(), 'user-service')`,
	} {
		must(t, db.Exec(statement).Error)
	}
	type row struct{ User, Order int }
	made := select1[row](t, db, "select u.id as user, o.id as `order` from users u join orders o on o.user_id = u.id where u.name = 'Plain'")
	s.UserSoon(made.User, "there", func(u shop.UserView) bool { return u.Name == "Plain" })
	if stored := s.Stored(made.Order); stored.Status != "CREATED" || stored.TotalAmount != 0 || stored.CreatedAt.IsZero() {
		t.Errorf("the order is %+v", stored)
	}
}

// wantRowsAsRecords fails unless each row of Go's, which names neither, became a record with the key and the id that are in
// its value.
func wantRowsAsRecords(t *testing.T, w *platform.World) {
	t.Helper()
	keys := map[string]func(value []byte) (eventID string, key int){
		"user.created": func(value []byte) (string, int) {
			event := decoded[gosystem.UserEvent](t, value)
			return event.EventID, event.User.ID
		},
		"order.created": func(value []byte) (string, int) {
			event := decoded[gosystem.OrderCreatedEvent](t, value)
			return event.EventID, event.Order.ID
		},
	}
	for topic, read := range keys {
		for _, m := range kafkaread.Everything(t, w, topicNames(w, []string{topic})) {
			eventID, id := read(m.Value)
			if key := strconv.Itoa(id); string(m.Key) != key || kafkaread.Header(t, m, "ce_subject") != key {
				t.Errorf("%s: the key is %q, and it happened to %s", topic, m.Key, key)
			}
			if found := kafkaread.Header(t, m, "ce_id"); found != eventID {
				t.Errorf("%s: ce_id is %q, and its event is %q", topic, found, eventID)
			}
		}
	}
}

func decoded[E any](t *testing.T, value []byte) (event E) {
	t.Helper()
	must(t, json.Unmarshal(value, &event))
	return event
}
