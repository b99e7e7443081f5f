package platform

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// StartWaiting starts a role that cannot be ready yet, and does not wait for it. It is ended with t, as by Start.
func (w *World) StartWaiting(t testing.TB, role string) *Process {
	t.Helper()
	health := freePort(t)
	p := &Process{name: role, ports: map[string]int{role: health}, ended: make(chan struct{})}
	if service, has := serviceOfRole[role]; has {
		p.ports[service] = health
	}
	p.command = w.command(t, map[string]string{"PORT": strconv.Itoa(health)}, role)
	p.spawn(t)
	return p
}

// UntilReady waits until the role that StartWaiting started is ready.
func (p *Process) UntilReady(t testing.TB) {
	t.Helper()
	p.untilReady(t, p.ports[p.name])
}

// UntilNotReadyFor waits until /readyz says that the role is not ready, and why: with each of these words.
func (p *Process) UntilNotReadyFor(t testing.TB, words ...string) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	Eventually(t, fmt.Sprintf("%s is not ready and says why: %q", p.name, words), startTimeout, func() error {
		answer, err := client.Get(p.URL(p.name) + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("%s: %s", answer.Status, text)
		}
		for _, word := range words {
			if !strings.Contains(strings.ToLower(string(text)), word) {
				return fmt.Errorf("nothing of %q in %s", word, text)
			}
		}
		return nil
	})
}
