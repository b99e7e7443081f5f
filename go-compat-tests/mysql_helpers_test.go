package compat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
)

const soon = 20 * time.Second

// goTables are the tables that both systems write.
var goTables = []string{"users", "products", "orders", "order_products", "outbox", "processed_events"}

// must fails t with what the Go side could not do.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("the Go side: %v", err)
	}
}

// step is a subtest that the following ones build on: they are left out if it fails.
func step(t *testing.T, name string, test func(*testing.T)) {
	t.Helper()
	if !t.Run(name, test) {
		t.FailNow()
	}
}

// select1 reads one row, or all of them where T is a slice.
func select1[T any](t testing.TB, db *gorm.DB, query string, values ...any) T {
	t.Helper()
	var found T
	must(t, db.Raw(query, values...).Scan(&found).Error)
	return found
}

// columnTypes are the types of a database's columns, as "table.column" to their definition.
func columnTypes(t testing.TB, db *gorm.DB) map[string]string {
	t.Helper()
	rows := select1[[]struct{ Name, Definition string }](t, db, `select concat(table_name, '.', column_name) as name,
		concat_ws(' ', column_type, is_nullable, column_default, extra) as definition
		from information_schema.columns where table_schema = database()`)
	types := map[string]string{}
	for _, row := range rows {
		types[row.Name] = row.Definition
	}
	return types
}

// wantStill fails if a column of `before` is gone or is another one now.
func wantStill(t testing.TB, before, after map[string]string) {
	t.Helper()
	for name, definition := range before {
		want := definition
		if rest, isEnum := strings.CutPrefix(definition, "enum("); isEnum {
			// It takes none of the states that it does not list, so it becomes what AutoMigrate would make of it.
			want = "varchar(191)" + rest[strings.Index(rest, ")")+1:]
		}
		if after[name] != want {
			t.Errorf("%s was %q and is %q", name, definition, after[name])
		}
	}
}

// goKafka is the world's Kafka as the Go services see it.
func goKafka(w *platform.World) gosystem.Kafka {
	return gosystem.Kafka{Brokers: w.Brokers, Topic: w.Topic}
}

// everythingPublished waits until no outbox row is left to publish.
func everythingPublished(t testing.TB, db *gorm.DB) {
	t.Helper()
	platform.Eventually(t, "every outbox row is published", soon, func() error {
		waiting := int64(0)
		err := db.Model(&gosystem.OutboxEvent{}).Where("processed_at IS NULL").Count(&waiting).Error
		if err == nil && waiting > 0 {
			err = fmt.Errorf("%d rows wait", waiting)
		}
		return err
	})
}

// wantContiguous fails unless each aggregate's sequenced rows are first, first+1, … up to its version. A row of Go's
// was at version 1 before our first event.
func wantContiguous(t testing.TB, db *gorm.DB) {
	t.Helper()
	for table, aggregate := range map[string]string{"users": "user", "products": "product", "orders": "order"} {
		broken := select1[[]string](t, db, fmt.Sprintf(`select concat('%[2]s ', a.id, ': version ', a.version,
			', sequences ', coalesce(group_concat(o.sequence order by o.sequence), 'none')) from %[1]s a
			left join outbox o on o.aggregate = '%[2]s' and o.aggregate_id = a.id and o.sequence is not null
			group by a.id, a.version having (max(o.sequence) <> a.version) or (max(o.sequence) is null and a.version <> 1)
			or (count(o.id) not in (0, a.version, a.version - 1)) or count(distinct o.sequence) <> count(o.sequence)`,
			table, aggregate))
		for _, line := range broken {
			t.Errorf("not contiguous: %s", line)
		}
	}
}
