package mastodon

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"weft/source/loose"
)

// object is a JSON object whose fields are read one by one: a field of another
// type than expected is as good as missing, and the others are still there.
type object map[string]json.RawMessage

// asObject reads raw; nil if it is no object.
func asObject(raw json.RawMessage) object { return loose.Object(raw) }

// text is a string, or a number as it is written.
func (o object) text(name string) string {
	raw := bytes.TrimSpace(o[name])
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) != nil {
		return ""
	}
	return n.String()
}

// is reports whether the field says value.
func (o object) is(name string, value bool) bool {
	return strings.TrimSpace(string(o[name])) == strconv.FormatBool(value)
}

// count is a number that is there and not negative.
func (o object) count(name string) *int64 {
	n, err := strconv.ParseInt(o.text(name), 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

func (o object) object(name string) object { return asObject(o[name]) }

// list is an array's first entries, at most limit.
func (o object) list(name string, limit int) []json.RawMessage {
	return loose.List(o[name], limit)
}

// has reports whether there is a field of that name, null or not.
func (o object) has(name string) bool { return o[name] != nil }

// parseTime reads an ISO 8601 time. One without a zone is UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
