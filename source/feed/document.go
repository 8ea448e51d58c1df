package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"
	ext "github.com/mmcdole/gofeed/extensions"
	"github.com/mmcdole/gofeed/rss"
)

// Bounds on what one document may hold.
const (
	maxBody  = 8 << 20
	maxItems = 5000
	maxDepth = 200 // of XML elements; the library goes down by recursion
)

// document is a feed of any kind.
type document struct {
	id       string // what tells this feed's items from another's: its page, else its own address
	title    string
	language string
	authors  []string
	next     string
	link     string // its page, for people
	noIndex  bool
	cut      bool // it isn't whole
	items    []item
	dead     []tombstone
	problems []error
}

// item is an entry of any kind of feed.
type item struct {
	place     string
	id        string
	link      string
	title     string
	html      string
	text      string // plain; instead of html
	published time.Time
	updated   time.Time
	authors   []string
	tags      []string
	language  string
	files     []file
	adult     bool
	raw       json.RawMessage
}

// file is something that hangs on an item.
type file struct {
	url, kind, alt string
	thumb          bool // a small picture of something else
}

// tombstone is an entry that its author deleted.
type tombstone struct {
	id   string
	when time.Time
}

// read takes a body apart. Header is its Content-Type.
func read(body []byte, contentType string) (*document, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("the feed has over %d bytes", maxBody)
	}
	body, err := toUTF8(body, contentType)
	if err != nil {
		return nil, err
	}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return nil, errors.New("the feed is empty: not even a feed without items")
	case body[0] == '{' || body[0] == '[' || body[0] == '"':
		return readJSON(body)
	}
	err = checkXML(body)
	if b, ok := errors.AsType[*brokenXML](err); ok {
		// What comes before the broken place is read all the same.
		if whole := salvage(body[:b.offset]); whole != nil && checkXML(whole) == nil {
			if d, failed := readXML(whole); failed == nil {
				d.cut = true
				d.problems = append(d.problems, err)
				return d, nil
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return readXML(body)
}

func readXML(body []byte) (*document, error) {
	p := gofeed.NewParser()
	p.KeepOriginalFeed = true
	f, err := p.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("not a feed: %w", err)
	}
	d := &document{id: f.Link, link: f.Link, title: strings.TrimSpace(f.Title), language: f.Language, authors: people(f.Authors), noIndex: noIndex(f.Extensions), dead: tombstones(f.Extensions)}
	original := func(int) any { return nil }
	switch o := f.OriginalFeed().(type) {
	case *rss.Feed:
		original = func(i int) any { return o.Items[i] }
		if o.ManagingEditor == "" && o.WebMaster != "" { // who keeps the server running wrote none of it
			d.authors = channelAuthors(o)
		}
		d.next = linkOf(f.Extensions, "next")
	case *atom.Feed:
		if o.ID != "" {
			d.id = o.ID
		}
		for _, l := range o.Links {
			if l.Rel == "next" {
				d.next = l.Href
			}
		}
		original = func(i int) any { return o.Entries[i] }
	}
	for i, it := range f.Items[:min(len(f.Items), maxItems)] {
		one := fromXML(it)
		one.place = fmt.Sprintf("item[%d]", i)
		if one.raw, err = json.Marshal(original(i)); err != nil {
			d.problems = append(d.problems, fmt.Errorf("%s: %w", one.place, err))
			continue
		}
		d.items = append(d.items, one)
	}
	return d, nil
}

// channelAuthors are those that an RSS channel names by other means than RSS's own.
func channelAuthors(o *rss.Feed) []string {
	var names []string
	if dc := o.DublinCoreExt; dc != nil {
		names = append(slices.Clone(dc.Author), dc.Creator...)
	}
	if o.ITunesExt != nil {
		names = append(names, o.ITunesExt.Author)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.TrimSpace(name) == "" })
}

// fromXML takes over what RSS and Atom have in common.
func fromXML(it *gofeed.Item) item {
	one := item{
		id: it.GUID, link: it.Link, title: it.Title, html: it.Content, authors: people(it.Authors), tags: it.Categories,
		published: moment(it.PublishedParsed), updated: moment(it.UpdatedParsed),
	}
	if one.html == "" {
		one.html = it.Description
	}
	if one.html == "" {
		one.html = described(it.Extensions["media"])
	}
	for _, e := range it.Enclosures {
		one.files = append(one.files, file{url: e.URL, kind: e.Type})
	}
	if m := it.Extensions["media"]; m != nil {
		one.media(m)
		for _, g := range m["group"] {
			one.media(g.Children)
		}
	}
	return one
}

// described is what Media RSS says of an item that says nothing else, such as a video's.
func described(m map[string][]ext.Extension) string {
	for _, g := range m["group"] {
		if s := described(g.Children); s != "" {
			return s
		}
	}
	for _, d := range m["description"] {
		if strings.TrimSpace(d.Value) != "" {
			return d.Value
		}
	}
	return ""
}

// media reads Yahoo's Media RSS.
func (one *item) media(m map[string][]ext.Extension) {
	first := func(of map[string][]ext.Extension, name string) string {
		if len(of[name]) > 0 {
			return of[name][0].Value
		}
		return ""
	}
	for _, r := range m["rating"] {
		one.adult = one.adult || strings.EqualFold(r.Value, "adult")
	}
	for _, c := range m["content"] {
		kind := c.Attrs["type"]
		if kind == "" && c.Attrs["medium"] != "" {
			kind = c.Attrs["medium"] + "/*"
		}
		alt := first(c.Children, "description")
		if alt == "" {
			alt = first(m, "description")
		}
		one.files = append(one.files, file{url: c.Attrs["url"], kind: kind, alt: alt})
		one.media(map[string][]ext.Extension{"rating": c.Children["rating"], "thumbnail": c.Children["thumbnail"]})
	}
	for _, t := range m["thumbnail"] {
		one.files = append(one.files, file{url: t.Attrs["url"], kind: "image/*", thumb: true})
	}
}

func people(list []*gofeed.Person) []string {
	var out []string
	for _, p := range list {
		if p != nil && p.Name != "" {
			out = append(out, p.Name)
		}
	}
	return out
}

func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// parseTime reads RFC 3339; zero if it is none.
func parseTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// tombstones reads at:deleted-entry (RFC 6721), whatever prefix it has.
func tombstones(e ext.Extensions) []tombstone {
	var out []tombstone
	for _, space := range e {
		for _, dead := range space["deleted-entry"] {
			if ref := dead.Attrs["ref"]; ref != "" && len(out) < maxItems {
				out = append(out, tombstone{id: ref, when: parseTime(dead.Attrs["when"])})
			}
		}
	}
	return out
}

// noIndex reports whether the feed says <meta name="robots" content="noindex">.
func noIndex(e ext.Extensions) bool {
	for _, space := range e {
		for _, m := range space["meta"] {
			if strings.EqualFold(m.Attrs["name"], "robots") && strings.Contains(strings.ToLower(m.Attrs["content"]), "noindex") {
				return true
			}
		}
	}
	return false
}

// linkOf finds atom:link in an RSS channel.
func linkOf(e ext.Extensions, rel string) string {
	for _, l := range e["atom"]["link"] {
		if l.Attrs["rel"] == rel {
			return l.Attrs["href"]
		}
	}
	return ""
}
