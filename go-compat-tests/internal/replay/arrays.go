package replay

import (
	"fmt"
	"maps"
	"slices"
)

// array compares resources with an id by it, so that one which only one side has shifts nothing, and lines by their place.
func (c *comparison) array(kind, path string, recorded, ours []any) {
	if !haveIDs(recorded) || !haveIDs(ours) {
		c.lines(kind, path, recorded, ours)
		return
	}
	places := map[float64]int{}
	for place, element := range ours {
		places[idOf(element)] = place
	}
	if len(places) != len(ours) {
		c.differs(path+"[repeated]", Absent, Present)
	}
	last := -1
	for _, element := range recorded {
		goID := idOf(element)
		at := fmt.Sprintf("%s[id=%v]", path, goID)
		ourID, known := c.ids.Ours(kind, goID)
		place, has := places[ourID]
		if !known || !has {
			c.differs(at, Present, Absent)
			continue
		}
		if place < last {
			c.differs(at+" in order", Present, Absent)
		}
		last = place
		delete(places, ourID)
		c.value(kind, at, "", element, ours[place])
	}
	for _, extra := range slices.Sorted(maps.Keys(places)) {
		c.differs(fmt.Sprintf("%s[our id=%v]", path, extra), Absent, Present)
	}
}

func (c *comparison) lines(kind, path string, recorded, ours []any) {
	for place := range max(len(recorded), len(ours)) {
		at := fmt.Sprintf("%s[%d]", path, place)
		switch {
		case place >= len(ours):
			c.differs(at, Present, Absent)
		case place >= len(recorded):
			c.differs(at, Absent, Present)
		default:
			c.value(kind, at, "", recorded[place], ours[place])
		}
	}
}

func haveIDs(elements []any) bool {
	return !slices.ContainsFunc(elements, func(element any) bool {
		object, is := element.(map[string]any)
		_, has := object["id"].(float64)
		return !is || !has
	})
}

func idOf(element any) float64 { return element.(map[string]any)["id"].(float64) }

func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
