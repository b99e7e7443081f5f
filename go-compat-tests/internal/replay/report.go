package replay

import (
	"fmt"
	"strings"
)

// Report tells of every exchange that was replayed.
type Report struct {
	prefix                string
	lines                 []string
	same, listed, differs int
}

func (r *Report) add(e Exchange, passed bool, reasons []string) {
	verdict := "same"
	switch {
	case !passed:
		verdict = "DIFFERS"
		r.differs++
	case len(reasons) > 0:
		verdict = "differs as listed: " + strings.Join(reasons, "; ")
		r.listed++
	default:
		r.same++
	}
	r.lines = append(r.lines, fmt.Sprintf("%-8s %-6s %-18s %s: %s", e.Service, e.Method, e.Path, e.Name, verdict))
}

func (r *Report) String() string {
	prefix := r.prefix
	if prefix == "" {
		prefix = "no prefix"
	}
	return fmt.Sprintf("the recorded exchanges, %s\n%s\n%d exchanges: %d the same, %d differ as listed, %d DIFFER\n",
		prefix, strings.Join(r.lines, "\n"), len(r.lines), r.same, r.listed, r.differs)
}
