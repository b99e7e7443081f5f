package compat

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"esteira.dev/go-compat-tests/internal/gosystem"
	"esteira.dev/go-compat-tests/internal/platform"
)

// document reads a view as it is stored.
func document(t testing.TB, w *platform.World, collection string, id int) bson.Raw {
	t.Helper()
	raw, err := w.Mongo(t).Collection(collection).FindOne(context.Background(), bson.M{"_id": id}).Raw()
	if err != nil {
		t.Fatalf("%s %d: %v", collection, id, err)
	}
	return raw
}

// wantRevision fails unless exactly `revision` unsequenced events are in an order's view.
func wantRevision(t testing.TB, w *platform.World, order int, revision int64) {
	t.Helper()
	value, err := document(t, w, "views.orders", order).LookupErr("revision")
	if found, ok := value.AsInt64OK(); err != nil || !ok || found != revision {
		t.Errorf("order %d has %v unsequenced events instead of %d", order, value, revision)
	}
}

// wantNoVersion fails unless the Go projector alone wrote a document.
func wantNoVersion(t testing.TB, w *platform.World, collection string, id int) {
	t.Helper()
	if version, err := document(t, w, collection, id).LookupErr("version"); err == nil {
		t.Errorf("%s %d of the Go projector has a version: %v", collection, id, version)
	}
}

func wantTypes(t testing.TB, view bson.Raw, want bsontype.Type, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if found := view.Lookup(strings.Split(path, ".")...).Type; found != want {
			t.Errorf("%s is a %v instead of a %v", path, found, want)
		}
	}
}

func wantIntegers(t testing.TB, view bson.Raw, paths ...string) {
	t.Helper()
	for _, path := range paths {
		found := view.Lookup(strings.Split(path, ".")...).Type
		if found != bsontype.Int32 && found != bsontype.Int64 {
			t.Errorf("%s is a %v instead of an integer", path, found)
		}
	}
}

// goProjector is the Go projector of a world, whose group is ours too. It gives up on an event that overtook its
// creation without the recorded seconds.
func goProjector(t testing.TB, w *platform.World) *gosystem.Projector {
	t.Helper()
	return &gosystem.Projector{
		DB: w.Mongo(t), Kafka: goKafka(w), Group: w.Group(gosystem.QueryGroup), Retries: []time.Duration{20 * time.Millisecond},
	}
}

// caughtUp waits until the Go projector has committed everything.
func caughtUp(t testing.TB, projector *gosystem.Projector) {
	t.Helper()
	platform.Eventually(t, "the Go projector has consumed everything", soon, func() error {
		lag, err := projector.Lag(context.Background())
		if err == nil && lag > 0 {
			err = fmt.Errorf("it is %d records behind", lag)
		}
		return err
	})
}
