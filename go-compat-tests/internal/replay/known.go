package replay

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Known is one reviewed deviation from the recording, with the reason that CONTRACTS.md gives for it.
type Known struct {
	Exchange    string        `json:"exchange"`
	Reason      string        `json:"reason"`
	Differences []Differences `json:"differences"`
}

// Differences is the same Difference in several places.
type Differences struct {
	Paths []string `json:"paths"`
	Go    any      `json:"go"`
	Ours  any      `json:"ours"`
}

// LoadKnown reads the list of deviations. An entry that no exchange is called after, or without a reason, is a mistake.
func LoadKnown(t testing.TB, exchanges []Exchange) []Known {
	t.Helper()
	var known []Known
	readTestdata(t, "differences.json", &known)
	for _, entry := range known {
		named := slices.ContainsFunc(exchanges, func(e Exchange) bool { return e.Name == entry.Exchange })
		if !named || entry.Reason == "" || len(entry.Differences) == 0 {
			t.Errorf("testdata/differences.json: no such exchange, no reason or no difference: %+v", entry)
		}
	}
	return known
}

// judge holds what differs in an exchange against the list: anything that is not on it, and any of it that does not
// occur any more, is an error.
func judge(exchange string, found []Difference, known []Known) error {
	listed := listedFor(exchange, known)
	var problems []string
	for _, difference := range found {
		if !contains(listed, difference) {
			problems = append(problems, "not listed: "+difference.String())
		}
	}
	for _, difference := range listed {
		if !contains(found, difference) {
			problems = append(problems, "listed, but does not occur: "+difference.String())
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s", strings.Join(problems, "\n\t"))
	}
	return nil
}

func listedFor(exchange string, known []Known) []Difference {
	var listed []Difference
	for _, entry := range known {
		if entry.Exchange != exchange {
			continue
		}
		for _, same := range entry.Differences {
			for _, path := range same.Paths {
				listed = append(listed, Difference{Path: path, Go: same.Go, Ours: same.Ours})
			}
		}
	}
	return listed
}

func reasonsFor(exchange string, known []Known) []string {
	var reasons []string
	for _, entry := range known {
		if entry.Exchange == exchange {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}

func contains(differences []Difference, wanted Difference) bool {
	return slices.ContainsFunc(differences, func(d Difference) bool { return reflect.DeepEqual(d, wanted) })
}
