package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// ReadRecorded reads a recorded answer: an exchange of the form {request:
// {method, url}, response: {status, headers, body}}, or a bare body. Where JSON
// is broken, the error names line and column, and the exchange holds what comes
// before that place, closed properly, so that its good part isn't lost.
func ReadRecorded(data []byte) (Exchange, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	bare := Exchange{Status: http.StatusOK, Body: data}
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return bare, errors.New("the file is empty")
	}
	if (trimmed[0] != '{' && trimmed[0] != '[') || lines(data) {
		return bare, nil
	}
	broken := check(data)
	if broken != nil {
		data = salvage(data[:broken.offset])
		bare.Body = data
	}
	var r struct {
		Request *struct {
			Method string `json:"method"`
			URL    string `json:"url"`
		} `json:"request"`
		Response *struct {
			Status  int             `json:"status"`
			Headers map[string]any  `json:"headers"`
			Body    json.RawMessage `json:"body"`
		} `json:"response"`
	}
	if json.Unmarshal(data, &r) == nil && r.Response != nil && (r.Request != nil || (r.Response.Status > 0 && r.Response.Body != nil)) {
		bare = Exchange{Status: r.Response.Status, Header: http.Header{}, Body: r.Response.Body}
		if r.Request != nil {
			bare.Method, bare.URL = r.Request.Method, r.Request.URL
		}
		for name, v := range r.Response.Headers {
			addHeader(bare.Header, name, v)
		}
		if bare.Status == 0 {
			bare.Status = http.StatusOK
		}
		var text string
		if json.Unmarshal(r.Response.Body, &text) == nil { // not JSON, or JSON as the recorder saw it
			bare.Body = []byte(text)
			if err := mend(&bare); err != nil && broken == nil {
				return bare, err
			}
		}
	}
	if broken != nil {
		if halfPost(bare.Body) {
			bare.Body = []byte("{}")
		}
		return bare, broken
	}
	return bare, nil
}

// halfPost reports whether what is left of a broken answer is one post that was
// cut within, such as an album after its second image.
func halfPost(body []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return false
	}
	for _, name := range []string{"caption", "content", "text", "timestamp", "created_at", "created_utc", "permalink", "record"} {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return false
}

// mend looks at a body that was recorded as text: where it is meant to be JSON
// and isn't, its good part is kept and the place named.
func mend(e *Exchange) error {
	body := bytes.TrimSpace(e.Body)
	if len(body) == 0 || (body[0] != '{' && body[0] != '[') || lines(body) {
		return nil
	}
	broken := check(e.Body)
	if broken == nil {
		return nil
	}
	e.Body = salvage(e.Body[:broken.offset])
	return fmt.Errorf("response.body: %w", broken)
}

// addHeader takes a text or a list of texts.
func addHeader(h http.Header, name string, v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			addHeader(h, name, one)
		}
	default:
		h.Add(name, fmt.Sprint(v))
	}
}

// lines reports whether data is a JSON value a line, and more than one of them.
// One of its lines may be broken, the first as well.
func lines(data []byte) bool {
	first, rest, more := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	if !more || len(bytes.TrimSpace(rest)) == 0 {
		return false
	}
	return json.Valid(first) || mostlyObjects(data)
}

// mostlyObjects reports whether most lines are objects. Such lines begin at the
// margin, unlike those of JSON that is written over several lines.
func mostlyObjects(data []byte) bool {
	good, all := 0, 0
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		all++
		if line[0] == '{' && json.Valid(line) {
			good++
		}
	}
	return 2*good >= all
}

// syntaxError is where JSON is broken.
type syntaxError struct {
	offset    int
	line, col int
	reason    string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: not valid JSON: %s", e.line, e.col, e.reason)
}

// check returns where data stops being JSON, nil if it is.
func check(data []byte) *syntaxError {
	if json.Valid(data) {
		return nil
	}
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	at, reason := len(data), "it ends too early"
	if s, ok := errors.AsType[*json.SyntaxError](err); ok && !errors.Is(err, io.ErrUnexpectedEOF) && int(s.Offset) <= len(data) {
		if s.Error() != "unexpected end of JSON input" {
			at, reason = max(int(s.Offset)-1, 0), s.Error()
		}
	}
	before := data[:at]
	return &syntaxError{
		offset: at, line: 1 + bytes.Count(before, []byte("\n")), col: at - bytes.LastIndexByte(before, '\n'), reason: reason,
	}
}

// salvage cuts data, the valid beginning of JSON, after the last whole element
// of a list that is in no other list, and closes what is open there. A list
// further in belongs to a post that isn't whole.
func salvage(data []byte) []byte {
	var open, closers []byte // what closes what is open, now and at the cut
	depth := 0               // of lists
	cut, text, escaped := 0, false, false
	for i, c := range data {
		switch {
		case escaped:
			escaped = false
		case text && c == '\\':
			escaped = true
		case c == '"':
			text = !text
		case text:
		case c == '{':
			open = append(open, '}')
		case c == '[':
			open = append(open, ']')
			depth++
		case (c == '}' || c == ']') && len(open) > 0:
			if c == ']' {
				depth--
			}
			open = open[:len(open)-1]
			if n := len(open); n > 0 && open[n-1] == ']' && depth == 1 {
				cut, closers = i+1, bytes.Clone(open)
			}
		}
	}
	if cut == 0 {
		return []byte("{}")
	}
	var b strings.Builder
	b.Write(data[:cut])
	for _, closer := range slices.Backward(closers) {
		b.WriteByte(closer)
	}
	return []byte(b.String())
}
