package reddit

import (
	"bytes"
	"encoding/json"
	"html"
	"math"
	"net/url"
	"time"

	"weft/source/loose"
)

// The API's answers are bounded here, not trusted: a post has 40,000
// characters at most, a gallery 20 images, a listing 100 posts.
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

func (o object) truth(name string) bool { return string(bytes.TrimSpace(o[name])) == "true" }

func (o object) number(name string) (float64, bool) { return loose.Number(o[name]) }

// count reads a number. Nil is hidden or unknown.
func (o object) count(name string) *int64 {
	f, ok := o.number(name)
	if !ok || math.Abs(f) > 1e15 {
		return nil
	}
	n := int64(f)
	return &n
}

// moment reads seconds since 1970, which come as a float: 1458362059.0.
func (o object) moment(name string) (time.Time, bool) {
	f, ok := o.number(name)
	if !ok || f < 1 || f > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// link reads an address that a browser could open. Without raw_json=1 addresses
// come escaped for HTML, and their signatures don't fit then; none has &amp; in it.
func (o object) link(name string) string {
	s := html.UnescapeString(o.text(name))
	u, err := url.Parse(s)
	if err != nil || len(s) > maxURL || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return s
}
