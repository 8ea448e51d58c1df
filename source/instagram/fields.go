package instagram

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"weft/source/loose"
)

// The API's answers are bounded here, not trusted: a caption has 2,200
// characters, an album 20 images.
const (
	maxText  = 64 << 10
	maxURL   = 8 << 10
	maxMedia = 20
	maxItems = 1000
)

// object is a JSON object that is read field by field. A field that is missing
// or of another type reads as nothing, so that it costs no more than itself.
type object map[string]json.RawMessage

func asObject(raw json.RawMessage) object { return loose.Object(raw) }

func (o object) object(name string) object { return asObject(o[name]) }

func (o object) list(name string) []json.RawMessage { return asList(o[name]) }

func asList(raw json.RawMessage) []json.RawMessage { return loose.List(raw, maxItems) }

func (o object) text(name string) string { return loose.Text(o[name], maxText) }

// id reads an id, which has 17 or 18 digits: a number is taken as it is
// written, since a float would lose its last digits.
func (o object) id() string {
	s := o.text("id")
	if s == "" {
		s = string(bytes.TrimSpace(o["id"]))
	}
	if len(s) > 40 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// count reads a number, also one in quotes. Nil is hidden or unknown.
func (o object) count(name string) *int64 {
	f, ok := o.number(name)
	if !ok || f < 0 || f > 1e15 {
		return nil
	}
	n := int64(f)
	return &n
}

func (o object) number(name string) (float64, bool) { return loose.Number(o[name]) }

// link reads an address that a browser could open.
func (o object) link(name string) string {
	s := o.text(name)
	u, err := url.Parse(s)
	if err != nil || len(s) > maxURL || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return s
}
