package feed

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"
	ext "github.com/mmcdole/gofeed/extensions"
	jsonfeed "github.com/mmcdole/gofeed/json"
	"github.com/mmcdole/gofeed/rss"
	"golang.org/x/net/html/charset"
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
	noIndex  bool
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
	if err := checkXML(body); err != nil {
		return nil, err
	}
	return readXML(body)
}

// declaration finds the encoding that an XML document names.
var declaration = regexp.MustCompile(`^\s*<\?xml[^>]*?(?:encoding\s*=\s*["']([^"']+)["'][^>]*)?\?>`)

// toUTF8 sniffs a body's character set: its mark, its declaration, its header,
// its bytes, in this order. Many servers' headers are wrong; few files are.
func toUTF8(body []byte, contentType string) ([]byte, error) {
	name := ""
	if m := declaration.FindSubmatch(body[:min(len(body), 1024)]); m != nil {
		name = string(m[1])
	}
	switch {
	case bytes.HasPrefix(body, []byte{0xFE, 0xFF}):
		name = "utf-16be"
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE}):
		name = "utf-16le"
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		body, name = body[3:], "utf-8"
	case name == "" && utf8.Valid(body):
		name = "utf-8"
	case name == "":
		_, name, _ = charset.DetermineEncoding(body[:min(len(body), 1024)], contentType)
	}
	if enc, _ := charset.Lookup(name); enc != nil && !strings.EqualFold(name, "utf-8") {
		decoded, err := io.ReadAll(io.LimitReader(enc.NewDecoder().Reader(bytes.NewReader(body)), 4*maxBody))
		if err != nil {
			return nil, fmt.Errorf("not in the character set %s that it claims: %w", name, err)
		}
		body = bytes.TrimPrefix(decoded, []byte("\uFEFF"))
	}
	body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	return declaration.ReplaceAll(body, nil), nil
}

// checkXML refuses what could blow up: entities of the document's own, and
// elements within elements without end.
func checkXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	depth := 0
	for {
		tok, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			if depth > 0 {
				return fmt.Errorf("the XML ends in the middle: %d elements are open", depth)
			}
			return nil
		case err != nil:
			line, column := d.InputPos()
			return fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		switch tok := tok.(type) {
		case xml.Directive:
			if bytes.Contains(bytes.ToUpper(tok), []byte("ENTITY")) {
				return errors.New("it declares XML entities, which no feed needs")
			}
		case xml.StartElement:
			if depth++; depth > maxDepth {
				line, _ := d.InputPos()
				return fmt.Errorf("line %d: over %d elements within one another", line, maxDepth)
			}
			if depth == 1 && !slices.Contains([]string{"rss", "feed", "rdf"}, strings.ToLower(tok.Name.Local)) {
				return fmt.Errorf("its root is <%s>, not <rss>, <feed> or <rdf:RDF>", tok.Name.Local)
			}
		case xml.EndElement:
			depth--
		}
	}
}

func readXML(body []byte) (*document, error) {
	p := gofeed.NewParser()
	p.KeepOriginalFeed = true
	f, err := p.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("not a feed: %w", err)
	}
	d := &document{id: f.Link, title: f.Title, language: f.Language, authors: people(f.Authors), noIndex: noIndex(f.Extensions), dead: tombstones(f.Extensions)}
	original := func(int) any { return nil }
	switch o := f.OriginalFeed().(type) {
	case *rss.Feed:
		original = func(i int) any { return o.Items[i] }
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

// fromXML takes over what RSS and Atom have in common.
func fromXML(it *gofeed.Item) item {
	one := item{
		id: it.GUID, link: it.Link, title: it.Title, html: it.Content, authors: people(it.Authors), tags: it.Categories,
		published: moment(it.PublishedParsed), updated: moment(it.UpdatedParsed),
	}
	if one.html == "" {
		one.html = it.Description
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

// readJSON reads a JSON Feed. Each item is read by itself, so that one that is
// wrong doesn't cost the others.
func readJSON(body []byte) (*document, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("byte %d: %w", s.Offset, err)
		}
		return nil, errors.New("not a JSON Feed: an object is wanted")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(top["items"], &items); err != nil || items == nil {
		return nil, errors.New("items: not a JSON Feed without a list of this name")
	}
	d := &document{id: text(top["home_page_url"]), title: text(top["title"]), language: text(top["language"]), next: text(top["next_url"])}
	if d.id == "" {
		d.id = text(top["feed_url"])
	}
	var head jsonfeed.Item
	if json.Unmarshal(pick(top, "author", "authors"), &head) == nil {
		d.authors = names(head)
	}
	for i, raw := range items[:min(len(items), maxItems)] {
		var it jsonfeed.Item
		place := fmt.Sprintf("items[%d]", i)
		if err := json.Unmarshal(raw, &it); err != nil || string(raw) == "null" {
			if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				place += "." + t.Field
			}
			d.problems = append(d.problems, fmt.Errorf("%s: of another type than JSON Feed says", strings.TrimSuffix(place, ".")))
			continue
		}
		d.items = append(d.items, fromJSON(it, place, raw))
	}
	return d, nil
}

func fromJSON(it jsonfeed.Item, place string, raw json.RawMessage) item {
	one := item{
		place: place, id: it.ID, link: it.URL, title: it.Title, html: it.ContentHTML, text: it.ContentText, raw: raw,
		authors: names(it), tags: it.Tags, language: it.Language, published: parseTime(it.DatePublished), updated: parseTime(it.DateModified),
	}
	if one.html == "" && one.text == "" {
		one.text = it.Summary
	}
	one.files = append(one.files, file{url: it.Image, kind: "image/*"}, file{url: it.BannerImage, kind: "image/*"})
	if it.Attachments != nil {
		for _, a := range *it.Attachments {
			one.files = append(one.files, file{url: a.URL, kind: a.MimeType, alt: a.Title})
		}
	}
	return one
}

// pick makes an object of some of top's fields.
func pick(top map[string]json.RawMessage, names ...string) []byte {
	some := map[string]json.RawMessage{}
	for _, n := range names {
		if top[n] != nil {
			some[n] = top[n]
		}
	}
	b, _ := json.Marshal(some) //nolint:errchkjson // it came out of valid JSON
	return b
}

func names(it jsonfeed.Item) []string {
	var out []string
	for _, a := range append(it.Authors, it.Author) {
		if a != nil && a.Name != "" && !slices.Contains(out, a.Name) {
			out = append(out, a.Name)
		}
	}
	return out
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
