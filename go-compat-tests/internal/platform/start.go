package platform

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const startTimeout = 60 * time.Second

var portVariables = map[string]string{
	"users": "ESTEIRA_USERS_PORT", "products": "ESTEIRA_PRODUCTS_PORT",
	"orders": "ESTEIRA_ORDERS_PORT", "query": "ESTEIRA_QUERY_PORT", "console": "ESTEIRA_CONSOLE_PORT",
}

var serviceOfRole = map[string]string{
	"user-service": "users", "product-service": "products", "order-service": "orders", "query-service": "query",
}

// Start starts a role, or everything in one process where none is named, and waits until it is ready. It is ended
// with t, and what it logged is shown if t failed.
func (w *World) Start(t testing.TB, roles ...string) *Process {
	t.Helper()
	if len(roles) > 1 {
		t.Fatalf("a process has one role, or all: %v", roles)
	}
	p := &Process{name: "run", ports: map[string]int{}, ended: make(chan struct{})}
	settings := map[string]string{}
	var health int
	if len(roles) == 0 {
		for service, variable := range portVariables {
			p.ports[service] = freePort(t)
			settings[variable] = strconv.Itoa(p.ports[service])
		}
		health = p.ports["users"]
	} else {
		p.name = roles[0]
		health = freePort(t)
		p.ports[p.name] = health
		if service, has := serviceOfRole[p.name]; has {
			p.ports[service] = health
		}
		settings["PORT"] = strconv.Itoa(health)
	}
	p.command = w.command(t, settings, p.name)
	p.spawn(t)
	p.untilReady(t, health)
	return p
}

func (p *Process) spawn(t testing.TB) {
	t.Helper()
	log, err := os.CreateTemp(p.command.Dir, p.name+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	p.log = log.Name()
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.command.Wait()
		_ = log.Close()
		close(p.ended)
	}()
	t.Cleanup(func() {
		if p.hasEnded() && !p.asked {
			t.Errorf("%s ended by itself: %v", p.name, p.command.ProcessState)
		}
		p.end(t)
		if t.Failed() {
			t.Logf("the end of %s:\n%s", filepath.Base(p.log), p.lastLines(60))
		}
	})
}

func (p *Process) untilReady(t testing.TB, port int) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	url := fmt.Sprintf("http://127.0.0.1:%d/readyz", port)
	Eventually(t, p.name+" is ready", startTimeout, func() error {
		if p.hasEnded() {
			t.Fatalf("%s ended at its start: %v", p.name, p.command.ProcessState)
		}
		answer, err := client.Get(url)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, answer.Status)
		}
		return nil
	})
}
