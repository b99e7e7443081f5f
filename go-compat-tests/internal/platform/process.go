package platform

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const stopTimeout = 30 * time.Second

// Process is one running instance of the program.
type Process struct {
	name    string
	command *exec.Cmd
	log     string
	// By service; a role without an API has its health on the port of its own name.
	ports map[string]int
	// Closed when it has ended, by itself or by us.
	ended chan struct{}
	// Whether it was we who ended it.
	asked bool
}

// URL is where a service ("users", "products", "orders", "query") of this process answers. A role without an API
// ("dispatcher", "projector") has its health under its own name.
func (p *Process) URL(service string) string {
	port, here := p.ports[service]
	if !here {
		panic(fmt.Sprintf("%s does not run in %s", service, p.name))
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// Stop asks the process to end, as an operator does, and waits until it has; it must end well.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if p.hasEnded() {
		t.Fatalf("%s has already ended: %v", p.name, p.command.ProcessState)
	}
	p.end(t)
}

// Kill ends the process wherever it stands.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.asked = true
	if err := p.command.Process.Kill(); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	<-p.ended
}

func (p *Process) end(t testing.TB) {
	t.Helper()
	if p.hasEnded() {
		return
	}
	p.asked = true
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		if code := p.command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("%s ended badly on SIGTERM: %v", p.name, p.command.ProcessState)
		}
	case <-time.After(stopTimeout):
		t.Errorf("%s does not end on SIGTERM", p.name)
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

func (p *Process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *Process) lastLines(count int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
