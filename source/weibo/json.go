package weibo

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"weft/source/loose"
)

// object is a JSON object that is read field by field, since Weibo writes the
// same field now as a number, now as a string, and leaves out what it likes. A
// field of another type is as good as missing. A nil object has no fields.
type object map[string]json.RawMessage

// maxList bounds how many entries of a list are looked at: no answer of Weibo
// has more than 200 posts or 18 pictures.
const maxList = 1000

// asObject reads an object; nil if raw is none.
func asObject(raw json.RawMessage) object { return loose.Object(raw) }

// asList reads a list; nil if raw is none.
func asList(raw json.RawMessage) []json.RawMessage {
	return loose.List(raw, maxList)
}

func starts(raw json.RawMessage, c byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == c
}

// has reports whether a field is there and not null.
func (o object) has(key string) bool {
	raw := bytes.TrimSpace(o[key])
	return len(raw) > 0 && string(raw) != "null"
}

func (o object) object(key string) object          { return asObject(o[key]) }
func (o object) list(key string) []json.RawMessage { return asList(o[key]) }

// text reads a string.
func (o object) text(key string) string {
	var s string
	if !starts(o[key], '"') || json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// word reads a string, or a number as it is written. So ids over 2^53 stay
// whole: they never become a float.
func (o object) word(key string) string {
	if s := o.text(key); s != "" {
		return strings.TrimSpace(s)
	}
	var n json.Number
	if raw := bytes.TrimSpace(o[key]); len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') && json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// id reads the first of some fields that holds an id: 1 to 20 digits.
func (o object) id(keys ...string) string {
	for _, key := range keys {
		if w := o.word(key); isID(w) {
			return w
		}
	}
	return ""
}

func isID(s string) bool {
	return len(s) > 0 && len(s) <= 20 && strings.Trim(s, "0") != "" && strings.Trim(s, "0123456789") == ""
}

// number reads an integer, also where it is a string.
func (o object) number(key string) (int64, bool) {
	n, err := strconv.ParseInt(o.word(key), 10, 64)
	return n, err == nil
}

// is reports whether a field says yes: true, "true", or a number that isn't 0.
func (o object) is(key string) bool {
	switch raw := string(bytes.TrimSpace(o[key])); raw {
	case "true", `"true"`:
		return true
	default:
		n, ok := o.number(key)
		return ok && n != 0
	}
}

// count reads a counter: 6905, "6905", "7164.8万", "1.2亿" or "100万+". Nil is
// hidden or unknown, such as the word "转发" in place of a number.
func (o object) count(key string) *int64 {
	s := strings.NewReplacer(",", "", "，", "", "+", "", " ", "").Replace(o.word(key))
	unit := 1.0
	for sign, v := range map[string]float64{"万": 1e4, "亿": 1e8} {
		if rest, ok := strings.CutSuffix(s, sign); ok {
			s, unit = rest, v
		}
	}
	if len(s) > 20 || strings.Trim(s, "0123456789.") != "" {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f*unit > 1e15 {
		return nil
	}
	n := int64(math.Round(f * unit))
	return &n
}
