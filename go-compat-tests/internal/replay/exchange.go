// Package replay sends the requests that were recorded from the Go system to Esteira, and says in what the answers
// differ from the recorded ones.
package replay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Exchange is one recorded request and the Go system's answer.
type Exchange struct {
	Name        string          `json:"name"`
	Service     string          `json:"service"`
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	Request     json.RawMessage `json:"request"`
	RawRequest  *string         `json:"raw_request"`
	Status      int             `json:"status"`
	ContentType string          `json:"content_type"`
	Body        any             `json:"body"`
}

// Payload is the body that was sent: as it was typed, where it was not valid JSON; nil where there was none.
func (e Exchange) Payload() []byte {
	switch {
	case e.RawRequest != nil:
		return []byte(*e.RawRequest)
	case string(e.Request) == "null":
		return nil
	default:
		return e.Request
	}
}

// Load reads the recorded exchanges, in their order. A name that occurs again gets a number, so that each is unique.
func Load(t testing.TB) []Exchange {
	t.Helper()
	var exchanges []Exchange
	readTestdata(t, "exchanges.json", &exchanges)
	seen := map[string]int{}
	for index := range exchanges {
		name := exchanges[index].Name
		seen[name]++
		if count := seen[name]; count > 1 {
			exchanges[index].Name = fmt.Sprintf("%s (%d)", name, count)
		}
	}
	return exchanges
}

func readTestdata(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("testdata/%s: %v", name, err)
	}
}
