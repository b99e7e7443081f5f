package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"esteira.dev/go-compat-tests/internal/gosystem"
)

// Decode reads an answer into the struct that a Go client has for it: by the service, the method, the unprefixed
// path and the status.
func Decode(service, method, path string, status int, body []byte) (any, error) {
	into := target(service, method, strings.TrimPrefix(path, "/q"), status)
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("a Go client cannot read %s %s into %T: %w", method, path, into, err)
	}
	return into, nil
}

func target(service, method, path string, status int) any {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case status >= http.StatusBadRequest:
		return new(Failure)
	case path == "/healthz":
		return new(Health)
	case service == "query":
		return viewTarget(segments)
	case method == http.MethodDelete, len(segments) == 3, method == http.MethodPut && segments[0] == "products":
		return new(Message)
	case method == http.MethodGet && len(segments) == 1:
		return listTarget(segments[0])
	default:
		return oneTarget(segments[0])
	}
}

func viewTarget(segments []string) any {
	one := len(segments) == 2
	switch {
	case segments[0] == "users" && one:
		return new(gosystem.UserView)
	case segments[0] == "users":
		return new(UserViews)
	case segments[0] == "products" && one:
		return new(gosystem.ProductView)
	case segments[0] == "products":
		return new(ProductViews)
	case one:
		return new(gosystem.OrderView)
	default:
		return new(OrderViews)
	}
}

func listTarget(resource string) any {
	switch resource {
	case "users":
		return new(Many[User])
	case "products":
		return new(Many[Product])
	default:
		return new(Many[Order])
	}
}

func oneTarget(resource string) any {
	switch resource {
	case "users":
		return new(One[User])
	case "products":
		return new(One[Product])
	default:
		return new(One[Order])
	}
}
