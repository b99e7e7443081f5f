package replay

import (
	"encoding/json"
	"reflect"
	"testing"
)

func parsed(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Go's order 4 is our order 3, since ours refused Go's order 3.
func shifted(t *testing.T) *IDs {
	t.Helper()
	ids := NewIDs()
	for goID, ourID := range map[float64]float64{1: 1, 4: 3} {
		if err := ids.Learn("orders", goID, ourID); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func TestAComparisonSeesEveryKindOfDifferenceAndNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		recorded, ours string
		found          []Difference
	}{
		"a field that only ours has is an addition":  {`{"a": 1}`, `{"a": 1, "b": 2}`, nil},
		"a field that ours does not have":            {`{"a": 1}`, `{}`, []Difference{{"body.a", Present, Absent}}},
		"a number that is a text":                    {`{"a": 1}`, `{"a": "1"}`, []Difference{{"body.a", "number", "string"}}},
		"null for an empty list":                     {`{"a": []}`, `{"a": null}`, []Difference{{"body.a", "array", "null"}}},
		"another value":                              {`{"a": "x"}`, `{"a": "y"}`, []Difference{{"body.a", "x", "y"}}},
		"another boolean":                            {`{"a": true}`, `{"a": false}`, []Difference{{"body.a", true, false}}},
		"what a message says is not compared":        {`{"message": "feito"}`, `{"message": "done"}`, nil},
		"that a message is a text is":                {`{"error": "x"}`, `{"error": {}}`, []Difference{{"body.error", "string", "object"}}},
		"a time is not compared":                     {`{"x_at": "2026-11-22T12:43:00Z"}`, `{"x_at": "2027-01-01T00:00:00.5Z"}`, nil},
		"a time that Go does not parse":              {`{"x_at": "2026-11-22T12:43:00Z"}`, `{"x_at": "22.11.2026"}`, []Difference{{"body.x_at", "RFC 3339", "22.11.2026"}}},
		"a time that is not in UTC":                  {`{"timestamp": "2026-11-22T12:43:00Z"}`, `{"timestamp": "2026-11-22T12:43:00+01:00"}`, []Difference{{"body.timestamp", "UTC", "2026-11-22T12:43:00+01:00"}}},
		"an order under our number":                  {`{"id": 4}`, `{"id": 3}`, nil},
		"an order under Go's number":                 {`{"id": 4}`, `{"id": 4}`, []Difference{{"body.id", "4, here 3", 4.0}}},
		"a line that refers to it":                   {`[{"order_id": 4}]`, `[{"order_id": 3}]`, nil},
		"a facet has the numbers of its own kind":    {`{"user": {"id": 4}}`, `{"user": {"id": 4}}`, nil},
		"orders are found by their number":           {`[{"id": 1}, {"id": 4}]`, `[{"id": 1}, {"id": 3}]`, nil},
		"and must be in the same order":              {`[{"id": 1}, {"id": 4}]`, `[{"id": 3}, {"id": 1}]`, []Difference{{"body[id=4] in order", Present, Absent}}},
		"an order that ours refused":                 {`[{"id": 1}, {"id": 3}]`, `[{"id": 1}]`, []Difference{{"body[id=3]", Present, Absent}}},
		"is not the one that ours has by its number": {`[{"id": 3}]`, `[{"id": 3}]`, []Difference{{"body[id=3]", Present, Absent}, {"body[our id=3]", Absent, Present}}},
		"the same order twice":                       {`[{"id": 1}]`, `[{"id": 1}, {"id": 1}]`, []Difference{{"body[repeated]", Absent, Present}}},
		"a line too few":                             {`[{"a": 1}, {"a": 2}]`, `[{"a": 1}]`, []Difference{{"body[1]", Present, Absent}}},
		"a line too many":                            {`[{"a": 1}]`, `[{"a": 1}, {"a": 2}]`, []Difference{{"body[1]", Absent, Present}}},
	} {
		t.Run(name, func(t *testing.T) {
			found := Compare("orders", shifted(t), parsed(t, c.recorded), parsed(t, c.ours))
			if !reflect.DeepEqual(found, c.found) {
				t.Errorf("found %v, not %v", found, c.found)
			}
		})
	}
}

func TestTwoOfGosOrdersAreNeverTheSameOneOfOurs(t *testing.T) {
	if err := shifted(t).Learn("orders", 6, 3); err == nil {
		t.Error("nothing was objected to")
	}
}

func TestAPathHasOurNumbersWhereTheyDiffer(t *testing.T) {
	for recorded, want := range map[string]string{
		"/orders/4/pay": "/orders/3/pay", "/q/orders/4": "/q/orders/3", "/orders/999": "/orders/999",
		"/users/4": "/users/4", "/orders/abc": "/orders/abc", "/orders": "/orders",
	} {
		if got := shifted(t).Path(recorded); got != want {
			t.Errorf("%s becomes %s, not %s", recorded, got, want)
		}
	}
}

func TestOnlyExactlyTheListedDifferencesPass(t *testing.T) {
	listed := Difference{"status", 500.0, 409.0}
	known := []Known{{
		Exchange: "delete a user", Reason: "better",
		Differences: []Differences{{Paths: []string{"status"}, Go: 500.0, Ours: 409.0}},
	}}
	for name, c := range map[string]struct {
		exchange string
		found    []Difference
		passes   bool
	}{
		"what is listed":                     {"delete a user", []Difference{listed}, true},
		"what is listed for another":         {"delete an order", []Difference{listed}, false},
		"what is listed with another value":  {"delete a user", []Difference{{"status", 500.0, 404.0}}, false},
		"one more than listed":               {"delete a user", []Difference{listed, {"body.a", Present, Absent}}, false},
		"a listed one that no longer occurs": {"delete a user", nil, false},
		"nothing where nothing is listed":    {"get a user", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := judge(c.exchange, c.found, known); (err == nil) != c.passes {
				t.Errorf("judged: %v", err)
			}
		})
	}
}
