package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/shop"
)

func TestOurQueryServiceServesTheRecordedViewsOfTheGoProjector(t *testing.T) {
	t.Parallel()
	w := platform.NewWorld(t)
	recorded := insertRecordedViews(t, w)
	s := shop.Across(t, map[string]*platform.Process{"query": w.Start(t, "query-service")})
	for _, name := range []string{"users", "products", "orders"} {
		want := recorded["views."+name]
		t.Run("the list of "+name+" and each of them", func(t *testing.T) {
			var listed map[string]json.RawMessage
			s.Want(http.StatusOK, "query", "GET", "/q/"+name, nil, &listed)
			var views []map[string]any
			if err := json.Unmarshal(listed[name], &views); err != nil || len(views) != len(want) {
				t.Fatalf("%d of %d are listed: %v", len(views), len(want), err)
			}
			for place, document := range want {
				var single map[string]any
				s.Want(http.StatusOK, "query", "GET", fmt.Sprintf("/q/%s/%v", name, document["_id"]), nil, &single)
				wantAnswered(t, "listed", document, views[place])
				wantAnswered(t, "answered", document, single)
			}
		})
	}
}

// insertRecordedViews puts the documents of views.json into the views, with the types that it says they had.
func insertRecordedViews(t testing.TB, w *platform.World) map[string][]map[string]any {
	t.Helper()
	text, err := os.ReadFile("testdata/views.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Documents map[string][]map[string]any `json:"documents"`
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	for collection, documents := range recorded.Documents {
		for _, document := range documents {
			_, err := w.Mongo(t).Collection(collection).InsertOne(context.Background(), stored("", document))
			must(t, err)
		}
	}
	return recorded.Documents
}

// stored gives a recorded value its BSON type back: money is a double and every other number an int, dates are dates.
func stored(field string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		document := bson.M{}
		for name, inner := range value {
			document[name] = stored(name, inner)
		}
		return document
	case []any:
		list := bson.A{}
		for _, inner := range value {
			list = append(list, stored(field, inner))
		}
		return list
	case float64:
		if field == "price" || field == "unit_price" || field == "total_amount" {
			return value
		}
		return int(value)
	case string:
		if date, err := time.Parse(recordedDate, value); err == nil {
			return date
		}
	}
	return value
}

const recordedDate = "2006-01-02 15:04:05.000000"

// wantAnswered fails unless each recorded field is in the answer: `_id` as id, total_amount as total, dates in RFC 3339.
func wantAnswered(t testing.TB, what string, recorded, answered map[string]any) {
	t.Helper()
	names := map[string]string{"_id": "id", "total_amount": "total"}
	for field, want := range recorded {
		name := field
		if renamed, is := names[field]; is {
			name = renamed
		}
		got := answered[name]
		switch want := want.(type) {
		case map[string]any:
			inner, _ := got.(map[string]any)
			wantAnswered(t, what, want, inner)
		case []any:
			list, _ := got.([]any)
			if len(list) != len(want) {
				t.Errorf("%s: %s has %d entries instead of %d", what, name, len(list), len(want))
				continue
			}
			for place := range want {
				inner, _ := list[place].(map[string]any)
				wantAnswered(t, what, want[place].(map[string]any), inner)
			}
		default:
			if text, is := want.(string); is {
				if date, err := time.Parse(recordedDate, text); err == nil {
					text, _ := got.(string)
					if found, err := time.Parse(time.RFC3339, text); err != nil || !found.Equal(date) {
						t.Errorf("%s: %s is %v instead of %v", what, name, got, date)
					}
					continue
				}
			}
			if got != want {
				t.Errorf("%s: %s is %v instead of %v", what, name, got, want)
			}
		}
	}
}
