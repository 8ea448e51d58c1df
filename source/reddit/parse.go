package reddit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/extract"
	"weft/source/web"
)

// page is one listing.
type page struct {
	batch    source.Batch
	after    string      // the post after which the next page begins; empty: there is none
	times    []time.Time // when the posts were made, deleted ones included
	children int         // entries of any kind
	others   int         // of these, such as are subreddits or people
	listed   bool        // there was a list, be it empty
}

// commentsForm and infoForm find the post that a call asked for.
var (
	commentsForm = regexp.MustCompile(`/comments/([a-z0-9]{1,12})(/|$)`)
	nameForm     = regexp.MustCompile(`^t3_[a-z0-9]{1,12}$`)
)

// Parse reads any answer of the API that has posts in it: a listing, a post with
// its comments, a collection. One that holds none by its kind gives an empty batch.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	now := c.opt.Now().UTC()
	if web.IsHTML(rec.Header, rec.Body) {
		if rec.Status == http.StatusForbidden {
			return source.Batch{}, refusedPage()
		}
		return source.Batch{}, models.Faultf(models.Unavailable, "reddit answered %d with a page for people", rec.Status)
	}
	u, err := url.Parse(rec.URL)
	if err != nil {
		u = &url.URL{}
	}
	if rec.Status == http.StatusNotFound {
		if id := commentsForm.FindStringSubmatch(u.Path); id != nil {
			return source.Batch{Deletions: []models.Deletion{deletion("t3_"+id[1], "platform", "not found", now)}}, nil
		}
	}
	status := rec.Status
	if status == 0 {
		status = http.StatusOK
	}
	if err := fault(status, rec.Body); err != nil {
		return source.Batch{}, err
	}
	if !json.Valid(rec.Body) {
		return source.Batch{}, models.Faultf(models.Permanent, "reddit: no JSON: %w", json.Unmarshal(rec.Body, new(any)))
	}
	r := reader{now: now, escaped: escaped(u, rec.Body)}
	if !r.things("", rec.Body) {
		return source.Batch{}, models.Faultf(models.Permanent, "reddit: no answer that is known: an object with kind and data, or a list of them, is wanted")
	}
	return r.batch, nil
}

// escapedForm finds what can only stand in an answer that is escaped for HTML:
// the beginning of a text in HTML, or a signed address.
var escapedForm = regexp.MustCompile(`"(?:&lt;!-- SC_OFF|https://(?:(?:external-)?preview\.redd\.it|[a-z.]*\.redditmedia\.com)/[^"\s]*&amp;)`)

// escaped reports whether the texts of an answer are escaped: that is so without
// raw_json=1. Of an answer without its address, its own signs tell.
func escaped(u *url.URL, body []byte) bool {
	if u.Host != "" {
		return u.Query().Get("raw_json") != "1"
	}
	return escapedForm.Match(body)
}

// reader turns one answer into a page.
type reader struct {
	page
	now     time.Time
	escaped bool // texts come escaped for HTML
}

// things reads what stands at the top of an answer, by its shape.
func (r *reader) things(place string, raw json.RawMessage) bool {
	if list := asList(raw); list != nil && place == "" { // a post, and its comments
		known := len(list) == 0
		for i, t := range list {
			if ok := r.things(fmt.Sprintf("[%d]", i), t); ok {
				known = true
			} else {
				r.batch.Problem(fmt.Sprintf("[%d].kind", i), "a kind such as Listing is wanted, not %s", kind(asObject(t)["kind"]))
			}
		}
		return known
	}
	o := asObject(raw)
	at := func(name string) string { return strings.TrimPrefix(place+"."+name, ".") }
	switch kind := o.text("kind"); {
	case kind == "Listing":
		r.listing(at("data"), o["data"])
	case kind == "t3":
		r.post(at("data"), o["data"])
	case o["sorted_links"] != nil:
		return r.things(at("sorted_links"), o["sorted_links"])
	case kind == "" && o["access_token"] == nil, kind != "UserList" && o.object("data").list("children") != nil:
		return false
	}
	return true // other things have no posts
}

func (r *reader) listing(place string, raw json.RawMessage) {
	data := asObject(raw)
	children := data.list("children")
	if children == nil {
		r.batch.Problem(place+".children", "a list is wanted, not %s", kind(data["children"]))
		return
	}
	r.listed = true
	if after := data.text("after"); nameForm.MatchString(after) {
		r.after = after
	}
	for i, raw := range children {
		place := fmt.Sprintf("%s.children[%d]", place, i)
		child := asObject(raw)
		r.children++
		switch kind := child.text("kind"); kind {
		case "t3":
			r.post(place+".data", child["data"])
		case "t1", "more": // comments
		case "":
			r.batch.Problem(place+".kind", "a kind such as t3 is wanted")
		default:
			if nameForm.MatchString(asObject(child["data"]).text("name")) {
				r.batch.Problem(place+".kind", "a post's kind is t3, not %s", short(kind))
			}
			r.others++
		}
	}
}

// post reads one post, or that it was deleted.
func (r *reader) post(place string, raw json.RawMessage) {
	o := asObject(raw)
	name := o.text("name")
	if name == "" {
		name = "t3_" + o.text("id")
	}
	if !nameForm.MatchString(name) {
		r.batch.Problem(place+".name", "a name such as t3_2p6anv is wanted, not %s", kind(o["name"]))
		return
	}
	created, ok := o.moment("created_utc")
	if !ok {
		r.batch.Problem(place+".created_utc", "seconds since 1970 are wanted, not %s", kind(o["created_utc"]))
		return
	}
	if created.After(r.now) || created.Year() < 1990 {
		created = r.now
	}
	r.times = append(r.times, created)
	if created.After(r.batch.At) {
		r.batch.At = created
	}
	if by, why := removed(o); by != "" {
		r.batch.Deletions = append(r.batch.Deletions, deletion(name, by, why, r.now))
		return
	}
	switch kind := o.text("subreddit_type"); {
	case kind == "private", kind == "employees_only":
		r.batch.Skip("not public")
		return
	case o.truth("promoted"):
		r.batch.Skip("advertisement")
		return
	}
	r.batch.Posts = append(r.batch.Posts, r.normal(name, created, o, raw))
}

func (r *reader) normal(name string, created time.Time, o object, raw json.RawMessage) models.Post {
	p := models.Post{
		ID: models.PostID(Name, name), SchemaVersion: models.SchemaVersion, Source: Name, NativeID: name,
		URL: address(o.text("permalink")), CreatedAt: created, CollectedAt: r.now,
		Author: models.Author{ID: o.text("author_fullname"), Handle: o.text("author")},
		Text:   r.text(o), Counts: models.Counts{Comments: o.count("num_comments"), Shares: o.count("num_crossposts")},
		Links: outward(o), Raw: own(o, raw),
	}
	if edited, ok := o.moment("edited"); ok && !edited.After(r.now) {
		p.EditedAt = edited
	}
	if !o.truth("hide_score") {
		p.Counts.Likes = o.count("score")
	}
	if o.truth("over_18") {
		p.Flags = append(p.Flags, models.Adult)
	}
	if string(bytes.TrimSpace(o["is_robot_indexable"])) == "false" {
		p.Flags = append(p.Flags, models.NoIndex)
		p.Author, p.Raw = models.Author{}, nameless(o)
	}
	p.Author.Location = models.Location{Kind: "none"}
	if parent := crosspost(o); parent != "" {
		p.RepostOf = models.PostID(Name, parent) // its images are the original's
	} else {
		p.Media = images(o)
	}
	extract.Fill(&p)
	return p
}

// text is a post's title and what it says below.
func (r *reader) text(o object) string {
	s := strings.TrimSpace(o.text("title") + "\n\n" + o.text("selftext"))
	if r.escaped {
		s = html.UnescapeString(s)
	}
	return s
}

// removed reports who took a post away, if anybody did. When an account is
// deleted its posts stay without a name: they go too, since nobody can tell
// whether their author wanted that.
func removed(o object) (by, why string) {
	body := o.text("selftext")
	switch category := o.text("removed_by_category"); {
	case category == "deleted", category == "author":
		return "author", category
	case category != "":
		return "platform", short(category)
	case body == "[removed]", o.truth("removed"):
		return "platform", "removed"
	case body == "[deleted]", o.text("author") == "[deleted]":
		return "author", "deleted"
	}
	return "", ""
}

func deletion(name, by, why string, at time.Time) models.Deletion {
	return models.Deletion{Source: Name, NativeID: name, Act: models.Delete, By: by, Reason: why, At: at}
}

// address completes a permalink, which begins with a slash.
func address(permalink string) string {
	if !strings.HasPrefix(permalink, "/") || strings.HasPrefix(permalink, "//") || len(permalink) > maxURL {
		return ""
	}
	return site + path.Clean(permalink) + "/"
}

// crosspost returns the name of the post that o passes on.
func crosspost(o object) string {
	if parent := o.text("crosspost_parent"); nameForm.MatchString(parent) {
		return parent
	}
	if l := o.list("crosspost_parent_list"); len(l) > 0 {
		if parent := asObject(l[0]).text("name"); nameForm.MatchString(parent) {
			return parent
		}
	}
	return ""
}

// outward is the address that a post links to; none if it is Reddit's own, or an
// image, which is media.
func outward(o object) []string {
	link := cmp.Or(o.link("url_overridden_by_dest"), o.link("url"))
	u, err := url.Parse(link)
	if err != nil || link == "" || isImage(link) {
		return nil
	}
	host := "." + strings.ToLower(u.Hostname())
	for _, suffix := range []string{".reddit.com", ".redd.it", ".redditmedia.com"} {
		if strings.HasSuffix(host, suffix) {
			return nil
		}
	}
	return []string{link}
}

// own is a post as it was received. Of the one that it passes on, only the name
// is kept: when that one is deleted, no copy stays behind.
func own(o object, raw json.RawMessage) json.RawMessage {
	if len(o.list("crosspost_parent_list")) == 0 {
		return bytes.Clone(raw)
	}
	kept := maps.Clone(o)
	delete(kept, "crosspost_parent_list")
	if o["crosspost_parent"] == nil {
		kept["crosspost_parent"], _ = json.Marshal(crosspost(o)) // a text
	}
	cut, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return cut
}

// nameless is a post as it was received, but for its author.
func nameless(o object) json.RawMessage {
	kept := object{}
	for name, v := range o {
		if !strings.HasPrefix(name, "author") && name != "crosspost_parent_list" {
			kept[name] = v
		}
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return raw
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
	}
	return short(string(raw))
}
