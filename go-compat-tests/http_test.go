package compat

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"esteira.dev/go-compat-tests/internal/platform"
	"esteira.dev/go-compat-tests/internal/replay"
)

// The Go documentation names the routes with and without /api/v1; Go itself answered only without.
func TestEveryRecordedExchangeIsAnsweredAsGoDidOrDiffersAsListed(t *testing.T) {
	t.Parallel()
	exchanges := replay.Load(t)
	known := replay.LoadKnown(t, exchanges)
	prefixes := []string{"", "/api/v1"}
	reports := make([]*replay.Report, len(prefixes))
	// A group: the prefixes run side by side, and what follows waits for both.
	t.Run("routes", func(t *testing.T) {
		for place, prefix := range prefixes {
			t.Run("with the prefix "+strings.ReplaceAll(prefix+"/", "/", "."), func(t *testing.T) {
				t.Parallel()
				everything := platform.NewWorld(t).Start(t)
				player := replay.Player{URL: everything.URL, Prefix: prefix, Known: known}
				reports[place] = player.Play(t, exchanges)
			})
		}
	})
	for _, report := range reports {
		if report != nil {
			showReport(t, report.String())
		}
	}
}

// showReport shows a report, and leaves it in $ESTEIRA_REPORT for whoever runs the tests.
func showReport(t *testing.T, report string) {
	t.Helper()
	fmt.Println(report)
	path := os.Getenv("ESTEIRA_REPORT")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, report); err != nil {
		t.Fatal(err)
	}
}
