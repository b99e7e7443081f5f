package platform

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

var (
	portsMutex sync.Mutex
	portsGiven = map[int]bool{}
)

// freePort is a port that no other caller in this program gets, below the range that systems give to clients.
func freePort(t testing.TB) int {
	t.Helper()
	portsMutex.Lock()
	defer portsMutex.Unlock()
	for range 1000 {
		port := 20_000 + rand.IntN(12_000)
		if portsGiven[port] {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		_ = listener.Close()
		portsGiven[port] = true
		return port
	}
	t.Fatal("no free port")
	return 0
}
