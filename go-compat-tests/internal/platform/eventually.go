package platform

import (
	"testing"
	"time"
)

const pollInterval = 25 * time.Millisecond

// Eventually asks until check has nothing to object to, and fails with its last objection.
func Eventually(t testing.TB, what string, timeout time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s: %v", timeout, what, err)
		}
		time.Sleep(pollInterval)
	}
}
