package compat

import (
	"testing"

	"gorm.io/gorm"

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
