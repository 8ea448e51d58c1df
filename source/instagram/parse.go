package instagram

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/extract"
	"weft/source/web"
)

// timeForm is how the API writes times: "2021-08-17T19:00:42+0000", which is no RFC 3339.
const timeForm = "2006-01-02T15:04:05-0700"

// item is a post with what the answer told of its time.
type item struct {
	post models.Post
	told bool // the time is the network's, not the moment of reading
}

// page is one answer.
type page struct {
	items    []item
	problems []error
	after    string // where the next page begins
	next     bool   // whether the answer told of one: the hashtag edges' sign
	entries  int    // read or not
	listed   bool   // there was a list of media, be it empty
}

// Parse reads any answer of the API: a page of media, an account, one post. One
// that holds no posts by its kind, such as a hashtag search, gives an empty batch.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	now := c.opt.Now().UTC()
	if web.IsHTML(rec.Header, rec.Body) {
		return source.Batch{}, models.Faultf(models.Unavailable, "instagram: a page for people instead of an answer")
	}
	if e, ok := readError(rec.Body); ok {
		return source.Batch{}, e.fault(rec.Status, now, usage(web.Answer{Header: rec.Header, At: now}).Until)
	}
	if rec.Status >= 300 {
		return source.Batch{}, models.Faultf(models.Permanent, "instagram: status %d without an error that can be read", rec.Status)
	}
	if !json.Valid(rec.Body) {
		return source.Batch{}, models.Faultf(models.Permanent, "instagram: no JSON: %w", json.Unmarshal(rec.Body, new(any)))
	}
	p, ok := c.parse(rec, now)
	if !ok {
		return source.Batch{}, models.Faultf(models.Permanent,
			"instagram: no answer that is known: an object with data, business_discovery, mentioned_media or media_type is wanted")
	}
	return p.batch(), nil
}

// parse finds out what kind of answer it is, by its shape.
func (c *Connector) parse(rec source.Exchange, now time.Time) (page, bool) {
	o := asObject(rec.Body)
	r := reader{now: now, given: given(rec.Header, now), token: c.opt.Token}
	switch {
	case o == nil:
		return page{}, false
	case noPosts(rec.URL):
		return page{}, true
	case o["business_discovery"] != nil:
		r.account(o["business_discovery"])
	case o["mentioned_media"] != nil:
		r.entry("mentioned_media", o["mentioned_media"], models.Author{})
	case o["data"] != nil:
		r.list("data", o["data"], models.Author{})
		r.paging(o.object("paging"))
	case isMedia(o):
		r.entry("", rec.Body, models.Author{})
	case o.id() != "":
		// A hashtag, an account, or media of which no field was asked for.
	default:
		return r.page, r.byID(o)
	}
	return r.page, true
}

// noPosts knows the calls that answer with a list of something else.
func noPosts(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	for _, end := range []string{"/ig_hashtag_search", "/recently_searched_hashtags", "/children"} {
		if strings.HasSuffix(u.Path, end) {
			return true
		}
	}
	return false
}

// isMedia tells media from hashtags and accounts, which have an id as well.
func isMedia(o object) bool {
	for _, name := range []string{"media_type", "media_url", "permalink", "caption", "timestamp", "like_count", "comments_count"} {
		if o[name] != nil {
			return true
		}
	}
	return false
}

// reader turns one answer into a page.
type reader struct {
	page
	now   time.Time // when it is read
	given time.Time // when it was given
	token string
}

// given is when an answer was given, by its header; a live one now.
func given(h http.Header, now time.Time) time.Time {
	if t, err := http.ParseTime(h.Get("Date")); err == nil && t.Before(now) {
		return t.UTC()
	}
	return now
}

func (r *reader) problem(place, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...)))
}

// account reads an account and its media, which carry no author of their own.
func (r *reader) account(raw json.RawMessage) {
	bd := asObject(raw)
	if bd == nil {
		r.problem("business_discovery", "an object is wanted, not %s", kind(raw))
		return
	}
	media := bd.object("media")
	if bd["media"] == nil {
		if bd.id() == "" && bd.text("username") == "" {
			r.problem("business_discovery.id", "an account is wanted, with id, username or media")
		}
		return
	}
	a := models.Author{ID: bd.id(), Handle: strings.ToLower(bd.text("username")), Name: bd.text("name")}
	if n := bd.count("followers_count"); n != nil {
		a.Followers = *n
	}
	r.list("business_discovery.media.data", media["data"], a)
	r.paging(media.object("paging"))
}

func (r *reader) list(place string, raw json.RawMessage, a models.Author) {
	entries := asList(raw)
	if r.listed = entries != nil; !r.listed {
		r.problem(place, "a list is wanted, not %s", kind(raw))
	}
	for i, e := range entries {
		r.entry(fmt.Sprintf("%s[%d]", place, i), e, a)
	}
}

// byID reads the answer to ?ids=…: an object with the media by their ids.
func (r *reader) byID(o object) bool {
	found := false
	ids := make([]string, 0, len(o))
	for id := range o {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if id != "" && strings.Trim(id, "0123456789") == "" {
			found = true
			r.entry(id, o[id], models.Author{})
		}
	}
	return found
}

// paging reads where the list goes on. Of next only the cursor is taken: the
// address has the token in it.
func (r *reader) paging(p object) {
	r.after = p.object("cursors").text("after")
	next := p.text("next")
	r.next = next != ""
	if u, err := url.Parse(next); err == nil && r.after == "" {
		r.after = u.Query().Get("after")
	}
	if len(r.after) > 2048 {
		r.problem("paging.cursors.after", "a cursor of %d characters", len(r.after))
		r.after = ""
	}
}

// entry reads one post.
func (r *reader) entry(place string, raw json.RawMessage, a models.Author) {
	at := func(name string) string { return strings.TrimPrefix(place+"."+name, ".") }
	r.entries++
	m := asObject(raw)
	switch {
	case m == nil:
		r.problem(place, "an object is wanted, not %s", kind(raw))
		return
	case !isMedia(m) && m.id() != "":
		return // a hashtag in a list of hashtags
	}
	id := m.id()
	if id == "" {
		r.problem(at("id"), "an id of digits is wanted, not %s", kind(m["id"]))
		return
	}
	created, told, err := r.created(m)
	if err != nil {
		r.problem(at("timestamp"), "%w", err)
		return
	}
	a.Location = models.Location{Kind: "none"}
	p := models.Post{
		ID: models.PostID(Name, id), SchemaVersion: models.SchemaVersion, Source: Name, NativeID: id, URL: m.link("permalink"),
		CreatedAt: created, CollectedAt: r.now, Author: a, Text: m.text("caption"), Media: r.media(at, m),
		Counts: models.Counts{Likes: m.count("like_count"), Comments: m.count("comments_count")}, Raw: r.clean(raw),
	}
	extract.Fill(&p)
	r.items = append(r.items, item{post: p, told: told})
}

// created reads when a post was made: a text, or seconds since 1970 where that
// was asked for. The top media of a hashtag have no time: the moment at which
// the answer was given stands for it, and the store keeps the first one.
func (r *reader) created(m object) (at time.Time, told bool, err error) {
	v := bytes.TrimSpace(m["timestamp"])
	if len(v) == 0 || string(v) == "null" {
		return r.given, false, nil
	}
	if f, ok := m.number("timestamp"); ok && f > 1e8 && f < 1e11 {
		return r.bounded(time.Unix(int64(f), 0))
	}
	at, err = time.Parse(timeForm, m.text("timestamp"))
	if err != nil {
		if at, err = time.Parse(time.RFC3339, m.text("timestamp")); err != nil {
			return at, false, fmt.Errorf("%s is no time such as 2021-08-17T19:00:42+0000", short(string(v)))
		}
	}
	return r.bounded(at)
}

// bounded replaces a time that can't be.
func (r *reader) bounded(at time.Time) (time.Time, bool, error) {
	if at.After(r.now) || at.Year() < 1990 {
		return r.given, false, nil
	}
	return at.UTC(), true, nil
}

// media lists a post's images. Of an album these are its children; where these
// are ids alone, its cover stands for them.
func (r *reader) media(at func(string) string, m object) []models.Media {
	children := m.object("children").list("data")
	if children == nil {
		children = m.list("children")
	}
	var out []models.Media
	told := false
	for i, raw := range children {
		child := asObject(raw)
		told = told || child["media_type"] != nil || child["media_url"] != nil
		if child.id() == "" {
			r.problem(at(fmt.Sprintf("children.data[%d].id", i)), "an id of digits is wanted, not %s", kind(child["id"]))
			continue
		}
		if img, ok := image(child); ok && len(out) < maxMedia {
			out = append(out, img)
		}
	}
	if !told {
		// Media of which only numbers are told were asked for without their address.
		if img, ok := image(m); ok && (img.URL != "" || m["permalink"] != nil || m["caption"] != nil) {
			out = append(out, img)
		}
	}
	return out
}

// image makes media of an image; a video, and the still of one, is none.
// Addresses are signed and expire: the id is what stays. Instagram gives none for
// media that somebody claims rights to; such an image is kept as one that failed,
// so that the post's content doesn't seem to change.
func image(m object) (models.Media, bool) {
	out := models.Media{ID: m.id(), State: models.MediaPending, URL: m.link("media_url"), Alt: m.text("alt_text")}
	switch kind := m.text("media_type"); {
	case kind == "VIDEO", kind == "REELS", isVideo(out.URL):
		return out, false
	case out.URL != "":
		return out, true
	case kind == "IMAGE":
		out.State, out.Reason = models.MediaFailed, "instagram gives no address for it"
		return out, true
	}
	return out, false
}

func isVideo(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.HasSuffix(u.Path, ".mp4")
}

// clean is a post as it was received. Lists inside may have a next address with
// the token in it: where the token stands, such addresses are taken out.
func (r *reader) clean(raw json.RawMessage) json.RawMessage {
	secret := r.token != "" && bytes.Contains(raw, []byte(r.token))
	if !secret && !bytes.Contains(raw, []byte("access_token")) {
		return bytes.Clone(raw)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	out, err := json.Marshal(without(v, func(s string) bool {
		return strings.Contains(s, "access_token") || (r.token != "" && strings.Contains(s, r.token))
	}))
	if err != nil {
		return nil
	}
	return out
}

// without blanks the texts in v that hold a secret.
func without(v any, secret func(string) bool) any {
	switch v := v.(type) {
	case string:
		if secret(v) {
			return ""
		}
	case []any:
		for i := range v {
			v[i] = without(v[i], secret)
		}
	case map[string]any:
		for name := range v {
			v[name] = without(v[name], secret)
			if secret(name) {
				delete(v, name)
			}
		}
	}
	return v
}

func kind(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "the text " + short(string(raw))
	}
	return short(string(raw))
}

// batch is the page for the crawler.
func (p page) batch() source.Batch {
	b := source.Batch{Problems: p.problems}
	for _, it := range p.items {
		b.Posts = append(b.Posts, it.post)
		if it.told && it.post.CreatedAt.After(b.At) {
			b.At = it.post.CreatedAt
		}
	}
	return b
}
