package shop

import "testing"

// For is the same client for a subtest, which its failures are then of.
func (s Shop) For(t testing.TB) Shop { return Shop{t, s.processes} }
