package feed

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/text/language"

	"weft/models"
	"weft/source"
	"weft/source/extract"
)

// maxMedia and maxTags bound what one item may hold.
const (
	maxMedia = 50
	maxTags  = 100
)

var (
	// pictures are the endings of images whose kind nobody says.
	pictures = regexp.MustCompile(`(?i)^\.(jpe?g|png|webp|gif|avif|heic|heif)$`)
	// signing are the parameters of addresses that are signed anew each time.
	signing = regexp.MustCompile(`(?i)^(x-amz-.*|x-goog-.*|expires|signature|key-pair-id|policy|oe|oh|_nc_.*|token|sig|hmac|hash)$`)
	// global matches ids that no other feed uses for something else.
	global = regexp.MustCompile(`^(https?://[^/]+/|urn:|tag:)`)
)

// batch turns a document into posts and deletions.
func (d *document) batch(address string, now time.Time) source.Batch {
	if d.id == "" {
		d.id = address
	}
	b := source.Batch{Problems: d.problems}
	dead := map[string]time.Time{}
	for _, t := range d.dead {
		dead[t.id] = t.when
	}
	alive := map[string]bool{}
	for _, it := range d.items {
		when, deleted := dead[it.id]
		if deleted && !(it.updated.After(when) && !when.IsZero()) {
			continue // the entry may still stand beside its own tombstone
		}
		if deleted {
			alive[it.id] = true // written anew after it was deleted
		}
		p, err := d.post(it, now)
		if err != nil {
			b.Problems = append(b.Problems, err)
			continue
		}
		b.Posts = append(b.Posts, p)
	}
	for _, t := range d.dead {
		if alive[t.id] {
			continue
		}
		at := t.when
		if at.IsZero() || at.After(now) {
			at = now.UTC()
		}
		b.Deletions = append(b.Deletions, models.Deletion{Source: Name, NativeID: d.native(t.id), Act: models.Delete, By: "author", Reason: "deleted-entry in the feed", At: at})
	}
	return b
}

// native makes an item's id unique among all feeds: a guid such as 123 is not.
func (d *document) native(id string) string {
	if global.MatchString(id) {
		return id
	}
	return d.id + "#" + id
}

func (d *document) post(it item, now time.Time) (models.Post, error) {
	id := it.id
	if id == "" {
		id = it.link
	}
	if id == "" {
		return models.Post{}, fmt.Errorf("%s: it has neither guid or id nor link, so it would be new each time", it.place)
	}
	native := d.native(id)
	created := it.published
	if created.IsZero() {
		created = it.updated
	}
	if created.Year() < 1990 || created.After(now) { // many feeds have no dates: a post is then as old as our knowledge of it
		created = now.UTC()
	}
	p := models.Post{
		ID: models.PostID(Name, native), SchemaVersion: models.SchemaVersion, Source: Name, NativeID: native,
		URL: d.address(it.link, d.link), CreatedAt: created, CollectedAt: now.UTC(), Author: d.author(it),
		Text: plain(it), Media: d.media(it), Raw: it.raw, Language: lang(it.language, d.language),
	}
	if it.updated.After(created) && !it.updated.After(now) {
		p.EditedAt = it.updated
	}
	for _, tag := range it.tags[:min(len(it.tags), maxTags)] {
		tag = strings.ToLower(strings.Join(strings.Fields(strings.TrimPrefix(tag, "#")), ""))
		if tag != "" && !slices.Contains(p.Hashtags, tag) {
			p.Hashtags = append(p.Hashtags, tag)
		}
	}
	if it.adult {
		p.Flags = append(p.Flags, models.Adult)
	}
	if d.noIndex {
		p.Flags = append(p.Flags, models.NoIndex)
		p.Author, p.Raw = models.Author{Location: models.Location{Kind: "none"}}, withoutAuthor(p.Raw)
	}
	for _, l := range extract.HTMLLinks(it.html) {
		p.Links = append(p.Links, d.address(l, p.URL))
	}
	extract.Fill(&p)
	return p, nil
}

// withoutAuthor takes the author out of an item.
func withoutAuthor(raw json.RawMessage) json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	for _, name := range []string{"author", "authors", "contributors", "dcExt", "itunesExt", "source"} {
		delete(o, name)
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	return b
}

// author is the item's, else the feed's. A name means one person within one feed only.
func (d *document) author(it item) models.Author {
	who := models.Author{ID: d.id, Name: d.title, Location: models.Location{Kind: "none"}}
	if u, err := url.Parse(d.id); err == nil {
		who.Handle = u.Host
	}
	if u, err := url.Parse(d.link); err == nil && who.Handle == "" {
		who.Handle = u.Host
	}
	for _, list := range [][]string{it.authors, d.authors} {
		if len(list) > 0 {
			who.ID, who.Name = d.id+"#"+list[0], list[0]
			break
		}
	}
	return who
}

// plain is title and body as plain text. Short posts often repeat their
// beginning as title; it is then left out.
func plain(it item) string {
	title, body := strings.TrimSpace(extract.HTML(it.title)), strings.TrimSpace(it.text)
	switch {
	case strings.Contains(it.html, "<"):
		body = strings.TrimSpace(extract.HTML(it.html))
	case it.html != "": // plain text, whose lines are meant
		body = strings.TrimSpace(extract.HTMLLines(it.html))
	}
	start := strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(title, "…"), "..."), " ")
	switch {
	case body == "" || title == "":
		return title + body
	case strings.HasPrefix(body, start):
		return body
	}
	return title + "\n\n" + body
}

// lang is the first that is a language's tag.
func lang(told ...string) string {
	for _, s := range told {
		if t, err := language.Parse(s); s != "" && err == nil {
			return t.String()
		}
	}
	return ""
}

// media are an item's images: what hangs on it, else the first picture of its
// text, else a thumbnail.
func (d *document) media(it item) []models.Media {
	var out []models.Media
	add := func(f file) {
		m := models.Media{URL: d.address(f.url, d.address(it.link, d.link)), Alt: strings.TrimSpace(f.alt), State: models.MediaPending}
		m.ID = unsigned(m.URL)
		if m.URL != "" && len(out) < maxMedia && !slices.ContainsFunc(out, func(o models.Media) bool { return o.Key() == m.Key() }) {
			out = append(out, m)
		}
	}
	for _, f := range it.files {
		if !f.thumb && f.image() {
			add(f)
		}
	}
	if len(out) == 0 {
		add(firstImage(it.html))
	}
	for _, f := range it.files {
		if f.thumb && len(out) == 0 {
			add(f)
		}
	}
	return out
}

// image reports whether a file is a picture, by what is said of it, else by its name.
func (f file) image() bool {
	if f.kind != "" && f.kind != "application/octet-stream" {
		return strings.HasPrefix(strings.ToLower(f.kind), "image/")
	}
	u, err := url.Parse(f.url)
	return err == nil && pictures.MatchString(path.Ext(u.Path))
}

// unsigned is the part of a signed address that stays; empty if it isn't signed.
func unsigned(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for name := range u.Query() {
		if signing.MatchString(name) {
			u.RawQuery = ""
			return u.String()
		}
	}
	return ""
}

// address completes a relative address; empty if it can't be opened.
func (d *document) address(ref, base string) string {
	if ref == "" {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(ref))
	if err != nil {
		return ""
	}
	for _, b := range []string{base, d.link, d.id} {
		if from, err := url.Parse(b); err == nil && !u.IsAbs() && from.Host != "" {
			u = from.ResolveReference(u)
		}
	}
	if u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return u.String()
}

// firstImage finds the first <img> that is no tracking pixel. Pages that load
// images late have the real address in data-src.
func firstImage(s string) file {
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return file{}
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			if tok.Data != "img" {
				continue
			}
			attr := map[string]string{}
			for _, a := range tok.Attr {
				attr[a.Key] = strings.TrimSpace(a.Val)
			}
			src := attr["src"]
			if late := attr["data-src"]; late != "" {
				src = late
			}
			if src == "" || strings.HasPrefix(src, "data:") || attr["width"] == "1" || attr["height"] == "1" {
				continue
			}
			if strings.EqualFold(attr["alt"], "loading") { // what stands there until it is loaded
				attr["alt"] = ""
			}
			return file{url: src, alt: attr["alt"]}
		}
	}
}
