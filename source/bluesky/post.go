package bluesky

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"weft/models"
	"weft/source/extract"
)

// item is a post's record with what came around it: an event of the stream, or
// the view of a post.
type item struct {
	did, rkey string
	record    object
	raw       json.RawMessage // the event or the view
	at        time.Time       // when the network saw it; zero: not told
	edited    bool
	view      object // nil in a stream
	author    object // nil in a stream
}

// oldest is before any post: a date like 1970 is a client's mistake.
func oldest() time.Time { return time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC) }

// build makes a post. Its text is not searched yet, see extract.Fill.
func (c *Connector) build(it item) models.Post {
	now := c.now().UTC()
	uri := postURI(it.did, it.rkey)
	p := models.Post{
		ID: models.PostID(Name, uri), SchemaVersion: models.SchemaVersion, Source: Name, NativeID: uri,
		URL:       "https://bsky.app/profile/" + it.did + "/post/" + it.rkey,
		CreatedAt: bound(it.record.time("createdAt"), it.at, now), CollectedAt: now,
		Author: models.Author{ID: it.did, Location: models.Location{Kind: "none"}},
		Text:   it.record.text("text"), Raw: slices.Clone(it.raw),
	}
	if it.edited {
		p.EditedAt = it.at
	}
	if langs := it.record.texts("langs", 3); len(langs) > 0 && langPattern.MatchString(langs[0]) {
		p.Language = langs[0]
	}
	p.Hashtags = told(it.record)
	p.Mentions, p.Links = faceted(it.record, p.Text)
	c.embed(&p, it.did, it.record.object("embed"))
	p.Flags = flags(it, now)
	if it.view != nil {
		p.Author.Handle, p.Author.Name = it.author.text("handle"), it.author.text("displayName")
		if p.Author.Handle == "handle.invalid" { // the network's word for none
			p.Author.Handle = ""
		}
		p.Counts = models.Counts{Likes: it.view.count("likeCount"), Comments: it.view.count("replyCount"), Shares: it.view.count("repostCount")}
	}
	return p
}

// bound is when a post was written. Clients say so themselves: what lies after
// the moment at which the network saw it, or before there were such networks,
// is replaced by that moment.
func bound(created, seen, now time.Time) time.Time {
	if seen.IsZero() || seen.After(now) || seen.Before(oldest()) {
		seen = now
	}
	if created.Before(oldest()) || created.After(seen) {
		return seen.UTC()
	}
	return created
}

// told gathers the hashtags that a record names: those marked in its text, and
// the hidden ones that only its tags list has.
func told(record object) []string {
	var out []string
	add := func(tag string) {
		tag = strings.ToLower(strings.TrimLeft(strings.TrimSpace(tag), "#＃"))
		if tag != "" && len(tag) <= 640 && len(out) < maxTags && !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	for _, f := range features(record) {
		if f.kind == "tag" {
			add(f.object.text("tag"))
		}
	}
	for _, tag := range record.texts("tags", maxTags) {
		add(tag)
	}
	return out
}

// feature is one mark on a stretch of text.
type feature struct {
	kind       string // tag, link or mention
	object     object
	start, end int64 // bytes of UTF-8, not characters
}

func features(record object) []feature {
	var out []feature
	for _, raw := range record.list("facets", maxFacets) {
		facet := asObject(raw)
		index := facet.object("index")
		start, ok1 := index.number("byteStart")
		end, ok2 := index.number("byteEnd")
		if !ok1 || !ok2 {
			start, end = -1, -1
		}
		for _, raw := range facet.list("features", 10) {
			o := asObject(raw)
			if kind, ok := strings.CutPrefix(o.text("$type"), "app.bsky.richtext.facet#"); ok {
				out = append(out, feature{kind, o, start, end})
			}
		}
	}
	return out
}

// covers returns the text under f, and nothing when its offsets don't lie in
// the text or cut a character.
func (f feature) covers(text string) string {
	if f.start < 0 || f.end <= f.start || f.end > int64(len(text)) {
		return ""
	}
	if s := text[f.start:f.end]; utf8.ValidString(s) {
		return s
	}
	return ""
}

// faceted returns the mentions and links that a text has marked. A link's text
// is often shortened, so its address comes from the mark.
func faceted(record object, text string) (mentions, links []string) {
	for _, f := range features(record) {
		switch f.kind {
		case "mention":
			name := strings.TrimLeft(f.covers(text), "@＠")
			if name == "" {
				name = f.object.did()
			}
			if name != "" && len(name) <= 253 && !slices.Contains(mentions, name) {
				mentions = append(mentions, name)
			}
		case "link":
			links = addLink(links, f.object.text("uri"))
		}
	}
	if external := record.object("embed").object("external"); external != nil {
		links = addLink(links, external.text("uri"))
	}
	return mentions, links
}

func addLink(links []string, uri string) []string {
	web := strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
	if !web || len(uri) > maxURL || slices.Contains(links, uri) {
		return links
	}
	return append(links, uri)
}

// embed reads images, alone or beside a quoted post, and which post is quoted.
// A link's preview picture and a video are no images of the post.
func (c *Connector) embed(p *models.Post, did string, e object) {
	switch e.text("$type") {
	case "app.bsky.embed.images":
		c.images(p, did, e.list("images", maxMedia))
	case "app.bsky.embed.gallery":
		c.images(p, did, e.list("items", maxMedia))
	case "app.bsky.embed.record":
		p.RepostOf = quoted(e.object("record"))
	case "app.bsky.embed.recordWithMedia":
		p.RepostOf = quoted(e.object("record").object("record"))
		if media := e.object("media"); media.text("$type") != e.text("$type") {
			c.embed(p, did, media)
		}
	}
}

func quoted(ref object) string {
	uri := ref.text("uri")
	if _, _, ok := splitURI(uri); !ok {
		return ""
	}
	return models.PostID(Name, uri)
}

// images builds the addresses at the network's image server out of the author
// and the blob: a stream tells no more, and a view's own address may change.
func (c *Connector) images(p *models.Post, did string, list []json.RawMessage) {
	for _, raw := range list {
		o := asObject(raw)
		cid := blobCID(o.object("image"))
		if cid == "" {
			continue
		}
		p.Media = append(p.Media, models.Media{
			ID: cid, URL: fmt.Sprintf("%s/img/feed_fullsize/plain/%s/%s@jpeg", c.opt.CDN, did, cid),
			Alt: o.text("alt"), State: models.MediaPending,
		})
	}
}

// blobCID reads what a blob's bytes are known by; very old posts name it "cid".
func blobCID(blob object) string {
	cid := blob.object("ref").text("$link")
	if cid == "" {
		cid = blob.text("cid")
	}
	if !cidPattern.MatchString(cid) {
		return ""
	}
	return cid
}

// flags reads the labels of a post and its author, their own and the network's.
func flags(it item, now time.Time) []models.Flag {
	vals := labels(it.record.object("labels").list("values", maxTags), now)
	vals = append(vals, labels(it.view.list("labels", maxTags), now)...)
	vals = append(vals, labels(it.author.list("labels", maxTags), now)...)
	var out []models.Flag
	for _, val := range vals {
		switch val {
		case "porn", "sexual", "nudity", "graphic-media", "gore", "nsfl":
			out = append(out, models.Adult)
		case "!no-unauthenticated":
			out = append(out, models.NoPublic)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// labels returns the values that hold: not expired, nor taken back by whoever
// gave them.
func labels(list []json.RawMessage, now time.Time) []string {
	holds := map[[2]string]bool{}
	for _, raw := range list {
		o := asObject(raw)
		if exp := o.time("exp"); !exp.IsZero() && exp.Before(now) {
			continue
		}
		neg, _ := o.flag("neg")
		holds[[2]string{o.text("src"), o.text("val")}] = !neg
	}
	var vals []string
	for label, holds := range holds {
		if holds {
			vals = append(vals, label[1])
		}
	}
	slices.Sort(vals)
	return slices.Compact(vals)
}

// finish searches the text for what the network didn't tell.
func finish(p models.Post) models.Post {
	extract.Fill(&p)
	return p
}
