package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"esteira.dev/go-compat-tests/internal/contract"
)

// answer is what ours said to one request.
type answer struct {
	status      int
	contentType string
	text        []byte
	body        any
}

var client = &http.Client{Timeout: 20 * time.Second}

func send(method, url string, payload []byte) (answer, error) {
	request, err := http.NewRequest(method, url, bytes.NewReader(payload))
	if err != nil {
		return answer{}, err
	}
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, contentType: response.Header.Get("Content-Type"), text: text}
	if err := json.Unmarshal(text, &got.body); err != nil {
		return answer{}, fmt.Errorf("%s %s answers what is not JSON: %w: %q", method, url, err, text)
	}
	return got, nil
}

// family is what a client chooses its parser by. Problem details are JSON too, but only in errors.
func family(contentType string, status int) string {
	media, _, _ := strings.Cut(contentType, ";")
	if media == "application/problem+json" && status >= http.StatusBadRequest {
		return "application/json"
	}
	return media
}

// differences are all those between the recorded answer and got.
func (e Exchange) differences(got answer, ids *IDs) []Difference {
	var found []Difference
	if e.Status != got.status {
		found = append(found, Difference{"status", float64(e.Status), float64(got.status)})
	}
	recordedFamily, ourFamily := family(e.ContentType, e.Status), family(got.contentType, got.status)
	if recordedFamily != ourFamily {
		found = append(found, Difference{"content type", recordedFamily, ourFamily})
	}
	// A refusal and a success have no field in common; the status tells it all.
	sameOutcome := e.Status >= http.StatusBadRequest == (got.status >= http.StatusBadRequest)
	if recordedFamily == ourFamily && sameOutcome {
		found = append(found, Compare(e.kind(), ids, e.Body, got.body)...)
	}
	return found
}

// asAGoClientSees is got after it went through the struct of a Go client: a number that Go cannot read into an integer
// or a time that it cannot parse is an error, and a value that arrives as another one is a difference.
func (e Exchange) asAGoClientSees(got answer) (answer, error) {
	decoded, err := contract.Decode(e.Service, e.Method, e.Path, got.status, got.text)
	if err != nil {
		return answer{}, err
	}
	text, err := json.Marshal(decoded)
	if err != nil {
		return answer{}, err
	}
	got.text = text
	got.body = nil
	return got, json.Unmarshal(text, &got.body)
}

// kind is what the top of the body is about.
func (e Exchange) kind() string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(e.Path, "/q"), "/"), "/")
	return kind
}
