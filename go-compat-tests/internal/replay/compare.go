package replay

import (
	"fmt"
	"strings"
	"time"
)

// Difference is one place in which our answer is not Go's. What one side does not have at all is Absent.
type Difference struct {
	Path string `json:"path"`
	Go   any    `json:"go"`
	Ours any    `json:"ours"`
}

// In place of the value of an element or a field of which only one side has one.
const (
	Absent  = "(absent)"
	Present = "(present)"
)

func (d Difference) String() string { return fmt.Sprintf("%s: Go %v, ours %v", d.Path, d.Go, d.Ours) }

// comparison compares JSON values: every field that Go has must be there, with its type and, unless it is a text for
// people or a time, with its value. Fields that Go does not have are additions, which are allowed.
type comparison struct {
	ids   *IDs
	found []Difference
}

// texts are for people: that they are texts is the contract, what they say is not.
var texts = map[string]bool{"message": true, "error": true, "details": true}

// kindOf says whose id a field of another resource holds.
var kindOf = map[string]string{"user_id": "users", "product_id": "products", "order_id": "orders"}

// facets are the objects of another kind within a resource.
var facets = map[string]string{"user": "users", "product": "products"}

// Compare compares two bodies about resources of one kind ("users", "products", "orders").
func Compare(kind string, ids *IDs, recorded, ours any) []Difference {
	c := comparison{ids: ids}
	c.value(kind, "body", "", recorded, ours)
	return c.found
}

func (c *comparison) differs(path string, recorded, ours any) {
	c.found = append(c.found, Difference{Path: path, Go: recorded, Ours: ours})
}

func (c *comparison) value(kind, path, field string, recorded, ours any) {
	if jsonType(recorded) != jsonType(ours) {
		c.differs(path, jsonType(recorded), jsonType(ours))
		return
	}
	switch recorded := recorded.(type) {
	case map[string]any:
		c.object(kind, path, recorded, ours.(map[string]any))
	case []any:
		c.array(kind, path, recorded, ours.([]any))
	case string:
		c.text(path, field, recorded, ours.(string))
	case float64:
		c.number(kind, path, field, recorded, ours.(float64))
	default:
		if recorded != ours {
			c.differs(path, recorded, ours)
		}
	}
}

func (c *comparison) object(kind, path string, recorded, ours map[string]any) {
	for _, field := range sortedKeys(recorded) {
		below := kind
		if facet, is := facets[field]; is {
			below = facet
		}
		if value, has := ours[field]; has {
			c.value(below, path+"."+field, field, recorded[field], value)
		} else {
			c.differs(path+"."+field, Present, Absent)
		}
	}
}

func (c *comparison) text(path, field, recorded, ours string) {
	switch {
	case texts[field]:
	case field == "timestamp" || strings.HasSuffix(field, "_at"):
		if at, err := time.Parse(time.RFC3339Nano, ours); err != nil {
			c.differs(path, "RFC 3339", ours)
		} else if _, offset := at.Zone(); offset != 0 {
			c.differs(path, "UTC", ours)
		}
	case recorded != ours:
		c.differs(path, recorded, ours)
	}
}

func (c *comparison) number(kind, path, field string, recorded, ours float64) {
	expected := recorded
	if field == "id" {
		expected = c.ids.expected(kind, recorded)
	} else if of, is := kindOf[field]; is {
		expected = c.ids.expected(of, recorded)
	}
	switch {
	case expected == ours:
	case expected == recorded:
		c.differs(path, recorded, ours)
	default:
		c.differs(path, fmt.Sprintf("%v, here %v", recorded, expected), ours)
	}
}

func jsonType(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}
