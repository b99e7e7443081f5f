package replay

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"esteira.dev/go-compat-tests/internal/platform"
)

// What follows a command by itself, reservations and views, is waited for at most this long.
const patience = 10 * time.Second

// Player replays exchanges, in order, to one fresh platform.
type Player struct {
	// URL is where a service answers.
	URL func(service string) string
	// Prefix goes before every recorded path.
	Prefix string
	Known  []Known

	ids *IDs
}

// Play sends every exchange, each as a subtest, and tells what came of it.
func (p *Player) Play(t *testing.T, exchanges []Exchange) *Report {
	t.Helper()
	p.ids = NewIDs()
	report := &Report{prefix: p.Prefix}
	for _, exchange := range exchanges {
		passed := t.Run(exchange.Name, func(t *testing.T) { p.play(t, exchange) })
		report.add(exchange, passed, reasonsFor(exchange.Name, p.Known))
	}
	return report
}

func (p *Player) play(t *testing.T, e Exchange) {
	if e.Service == "query" {
		platform.Eventually(t, e.Method+" "+e.Path, patience, func() error { return p.query(e) })
		return
	}
	got, err := send(e.Method, p.URL(e.Service)+p.path(e.Path), e.Payload())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.learn(e, got); err != nil {
		t.Error(err)
	}
	if e.kind() == "orders" && got.status == http.StatusCreated {
		p.settle(t, got)
	}
	if err := p.judge(e, got); err != nil {
		t.Errorf("%v\n\tours: %d %s %s", err, got.status, got.contentType, got.text)
	}
}

// settle waits for an order's reservation, as the recording waited between its steps: what the next order's lines say
// of the stock does then not depend on who was faster.
func (p *Player) settle(t *testing.T, created answer) {
	t.Helper()
	id, _ := idIn(created.body)
	url := fmt.Sprintf("%s%s/orders/%v", p.URL("orders"), p.Prefix, id)
	platform.Eventually(t, "the order's reservation is decided", patience, func() error {
		got, err := send(http.MethodGet, url, nil)
		if err == nil && strings.Contains(string(got.text), `"PENDING"`) {
			return fmt.Errorf("%s", got.text)
		}
		return err
	})
}

// query also asks the shorter route, without /q, which must say the same.
func (p *Player) query(e Exchange) error {
	got, err := send(e.Method, p.URL(e.Service)+p.path(e.Path), e.Payload())
	if err != nil {
		return err
	}
	if err := p.judge(e, got); err != nil {
		return fmt.Errorf("%w\n\tours: %d %s %s", err, got.status, got.contentType, got.text)
	}
	short := strings.TrimPrefix(p.ids.Path(e.Path), "/q")
	if e.Path == short || got.status != http.StatusOK {
		return nil
	}
	same, err := send(e.Method, p.URL(e.Service)+p.Prefix+short, nil)
	if err == nil && !reflect.DeepEqual(got.body, same.body) {
		return fmt.Errorf("%s%s answers %s, and with /q %s", p.Prefix, short, same.text, got.text)
	}
	return err
}

// path is a recorded path with our prefix and our numbers. One was recorded with the prefix already.
func (p *Player) path(recorded string) string {
	return p.Prefix + strings.TrimPrefix(p.ids.Path(recorded), p.Prefix)
}

func (p *Player) judge(e Exchange, got answer) error {
	found := e.differences(got, p.ids)
	if err := judge(e.Name, found, p.Known); err != nil {
		return err
	}
	if err := errorIsAText(got); err != nil {
		return err
	}
	seen, err := e.asAGoClientSees(got)
	if err != nil {
		return err
	}
	for _, difference := range e.differences(seen, p.ids) {
		if !contains(found, difference) {
			return fmt.Errorf("a Go client reads another value: %s", difference)
		}
	}
	return nil
}

// errorIsAText checks the one promise about every refusal, also those that Go did not make.
func errorIsAText(got answer) error {
	if got.status < http.StatusBadRequest {
		return nil
	}
	body, _ := got.body.(map[string]any)
	if text, is := body["error"].(string); !is || text == "" {
		return fmt.Errorf("error is not a text: %s", got.text)
	}
	return nil
}

// learn notes the number of what both sides created.
func (p *Player) learn(e Exchange, got answer) error {
	if e.Method != http.MethodPost || e.Status != http.StatusCreated || got.status != http.StatusCreated {
		return nil
	}
	goID, ok := idIn(e.Body)
	ourID, also := idIn(got.body)
	if !ok || !also {
		return fmt.Errorf("no data.id: %s", got.text)
	}
	return p.ids.Learn(e.kind(), goID, ourID)
}

func idIn(body any) (float64, bool) {
	envelope, _ := body.(map[string]any)
	data, _ := envelope["data"].(map[string]any)
	id, is := data["id"].(float64)
	return id, is
}
