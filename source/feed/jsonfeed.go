package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	jsonfeed "github.com/mmcdole/gofeed/json"
)

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
	d := &document{id: text(top["home_page_url"]), link: text(top["home_page_url"]), title: text(top["title"]), language: text(top["language"]), next: text(top["next_url"])}
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
		wrong, ok := lenient(raw, &it)
		for _, field := range wrong {
			d.problems = append(d.problems, fmt.Errorf("%s.%s: of another type than JSON Feed says", place, field))
		}
		if !ok {
			d.problems = append(d.problems, fmt.Errorf("%s: an object is wanted", place))
			continue
		}
		d.items = append(d.items, fromJSON(it, place, raw))
	}
	return d, nil
}

// lenient reads an item without its fields of a wrong type, which it names.
func lenient(raw json.RawMessage, it *jsonfeed.Item) (wrong []string, ok bool) {
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil || o == nil {
		return nil, false
	}
	if json.Unmarshal(raw, it) == nil {
		return nil, true
	}
	good := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		var alone jsonfeed.Item
		if json.Unmarshal(pick(o, name), &alone) == nil {
			good[name] = o[name]
		} else {
			wrong = append(wrong, name)
		}
	}
	*it = jsonfeed.Item{}
	return wrong[:min(len(wrong), 20)], json.Unmarshal(pick(good, slices.Collect(maps.Keys(good))...), it) == nil
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
