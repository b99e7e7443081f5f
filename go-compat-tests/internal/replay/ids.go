package replay

import (
	"fmt"
	"regexp"
	"strconv"
)

// IDs says which of our rows is which of Go's: where one side refused what the other stored, the numbers shift.
type IDs struct {
	// By the kind ("users", "products", "orders"), Go's id to ours.
	ours map[string]map[float64]float64
}

// NewIDs knows nothing yet.
func NewIDs() *IDs {
	return &IDs{ours: map[string]map[float64]float64{"users": {}, "products": {}, "orders": {}}}
}

// Learn notes that the row which Go created as goID is ours under another number. No two may be the same one.
func (i *IDs) Learn(kind string, goID, ourID float64) error {
	for other, taken := range i.ours[kind] {
		if taken == ourID && other != goID {
			return fmt.Errorf("%s: %v was already given to Go's %v", kind, ourID, other)
		}
	}
	i.ours[kind][goID] = ourID
	return nil
}

// Ours is our number of Go's row, if ours has it.
func (i *IDs) Ours(kind string, goID float64) (float64, bool) {
	id, known := i.ours[kind][goID]
	return id, known
}

// expected is the number that ours should show where Go shows goID; ids of rows that nobody created stay as they are.
func (i *IDs) expected(kind string, goID float64) float64 {
	if id, known := i.Ours(kind, goID); known {
		return id
	}
	return goID
}

var resourcePath = regexp.MustCompile(`^((?:/q)?/(users|products|orders)/)(\d+)(.*)$`)

// Path is the recorded path with our numbers.
func (i *IDs) Path(path string) string {
	parts := resourcePath.FindStringSubmatch(path)
	if parts == nil {
		return path
	}
	id, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		return path
	}
	return parts[1] + strconv.FormatFloat(i.expected(parts[2], id), 'f', -1, 64) + parts[4]
}
