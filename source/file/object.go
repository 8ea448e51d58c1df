package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"weft/models"
)

// members reads the members of a JSON object one by one and keeps the first
// error, so that the field that is wrong can be named.
type members struct {
	object map[string]json.RawMessage
	prefix string
	err    *fieldError
}

// has returns a member that is there and not null.
func (m *members) has(name string) (json.RawMessage, bool) {
	v, ok := m.object[name]
	return v, ok && m.err == nil && !bytes.Equal(bytes.TrimSpace(v), []byte("null"))
}

func (m *members) refuse(name, format string, args ...any) {
	if m.err == nil {
		m.err = refuse(m.prefix+name, format, args...)
	}
}

func (m *members) text(name string) string {
	var s string
	if v, ok := m.has(name); ok && json.Unmarshal(v, &s) != nil {
		m.refuse(name, "a text is wanted")
	}
	return s
}

// name reads a text that may be written as a number, as ids often are.
func (m *members) name(name string) string {
	if v, ok := m.has(name); ok {
		var n json.Number
		if v[0] != '"' && json.Unmarshal(v, &n) == nil {
			return n.String()
		}
	}
	return strings.TrimSpace(m.text(name))
}

func (m *members) count(name string) *int64 {
	v, ok := m.has(name)
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
	if err != nil {
		m.refuse(name, "a whole number is wanted")
		return nil
	}
	return &n
}

// into reads a member that is an object.
func (m *members) into(name string, v json.RawMessage) *members {
	object, err := parseObject(v)
	if err != nil {
		m.refuse(name, "an object is wanted")
	}
	return &members{object: object, prefix: m.prefix + name + "."}
}

// keep takes over the error of an inner object.
func (m *members) keep(inner *members) {
	if m.err == nil {
		m.err = inner.err
	}
}

// decodeObject reads one record of NDJSON, or a side-car.
func decodeObject(object map[string]json.RawMessage) (record, *fieldError) {
	m := &members{object: object}
	rec := record{
		id: m.name("id"), source: m.text("source"), url: m.text("url"), text: m.text("text"), language: m.text("language"),
		author: m.author(), images: m.images(),
		counts: models.Counts{Likes: m.count("likes"), Comments: m.count("comments"), Shares: m.count("shares")},
	}
	if _, ok := m.has("created_at"); ok {
		t, err := parseTime(m.name("created_at"))
		if err != nil {
			m.refuse("created_at", "%v", err)
		}
		rec.created = t
	}
	if v, ok := m.has("hashtags"); ok {
		if err := json.Unmarshal(v, &rec.hashtags); err != nil {
			rec.hashtags = splitTags(m.text("hashtags"))
		}
	}
	return rec, m.err
}

// author reads an author, who may be no more than a handle.
func (m *members) author() models.Author {
	v, ok := m.has("author")
	if !ok {
		return models.Author{}
	}
	if v[0] == '"' {
		return models.Author{Handle: strings.TrimPrefix(m.name("author"), "@")}
	}
	in := m.into("author", v)
	a := models.Author{ID: in.name("id"), Handle: in.name("handle"), Name: in.text("name"), Location: in.location("location")}
	if n := in.count("followers"); n != nil {
		a.Followers = *n
	}
	m.keep(in)
	return a
}

// location reads a place, which may be no more than a text.
func (m *members) location(name string) models.Location {
	v, ok := m.has(name)
	if !ok {
		return models.Location{}
	}
	if v[0] == '"' {
		return models.Location{Raw: m.text(name)}
	}
	in := m.into(name, v)
	l := models.Location{Raw: in.text("raw"), Country: in.text("country"), Region: in.text("region"), City: in.text("city")}
	m.keep(in)
	return l
}

// images reads a list of paths, URLs or {path or url, alt}.
func (m *members) images() []image {
	v, ok := m.has("images")
	if !ok {
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(v, &list); err != nil {
		m.refuse("images", "a list is wanted")
	}
	var out []image
	for i, e := range list {
		in := &members{object: map[string]json.RawMessage{"path": e}}
		if e[0] != '"' {
			var err error
			if in.object, err = parseObject(e); err != nil {
				m.refuse("images", "image %d is neither a text nor an object", i+1)
				continue
			}
		}
		in.prefix = fmt.Sprintf("images[%d].", i)
		im := image{ref: strings.TrimSpace(in.text("path")), alt: in.text("alt")}
		if im.ref == "" {
			im.ref = strings.TrimSpace(in.text("url"))
		}
		if im.ref == "" {
			in.refuse("path", "neither path nor url is there")
		}
		m.keep(in)
		out = append(out, im)
	}
	return out
}
