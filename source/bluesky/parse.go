package bluesky

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// Parse reads a recorded answer: a file of stream events, one a line, of either
// wire; a search, feed, list of posts, thread or single record; or an answer
// without posts, such as a profile. Where the recorder left the host's secrets
// in, they are none of what is read.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	b, err := c.parse(rec)
	fold(&b)
	return b, err
}

func (c *Connector) parse(rec source.Exchange) (source.Batch, error) {
	var b source.Batch
	body := bytes.TrimSpace(bytes.TrimPrefix(rec.Body, []byte("\uFEFF")))
	if web.IsHTML(rec.Header, body) {
		if err := refusal(rec.Status, true, nil); err != nil {
			return b, err
		}
		return b, models.Faultf(models.Unavailable, "a page for people (status %d) instead of an answer of Bluesky", rec.Status)
	}
	if len(body) == 0 {
		return b, models.Faultf(models.Permanent, "the answer is empty")
	}
	if o := asObject(body); o != nil && !isEvent(o) {
		return c.parseObject(rec, o)
	} else if o != nil {
		var line bytes.Buffer // one event, perhaps written over several lines
		if json.Compact(&line, body) == nil {
			body = line.Bytes()
		}
	}
	if body[0] == '[' {
		return c.parseList(body)
	}
	err := c.parseLines(&b, body)
	return b, err
}

func isEvent(o object) bool {
	kind := o.text("$type")
	_, timed := o["time_us"]
	_, v1 := o["kind"]
	return timed || v1 || kind == "message" || kind == "error" || strings.HasPrefix(kind, v2Prefix)
}

// all takes every post: a recording has no query.
func all(object) bool          { return true }
func anyPost(models.Post) bool { return true }

// parseLines reads a recorded stream.
func (c *Connector) parseLines(b *source.Batch, body []byte) error {
	good, n := 0, 0
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		e, err := readEvent(line)
		if fe, ok := errors.AsType[*frameError](err); ok {
			good++
			problem(b, fmt.Sprintf("line %d", n), "%w", fe)
			continue
		}
		if err == nil {
			good++
			err = c.take(b, e, all, anyPost)
		}
		if err != nil {
			problem(b, fmt.Sprintf("line %d", n), "%w", err)
		}
		if e.at.After(b.At) {
			b.At = e.at
		}
	}
	if good == 0 {
		return models.Faultf(models.Permanent, "no answer of Bluesky: %w", errors.Join(b.Problems...))
	}
	return nil
}

// parseList reads a bare list of views or events.
func (c *Connector) parseList(body []byte) (source.Batch, error) {
	var b source.Batch
	list := object{"list": body}.list("list", maxItems)
	if list == nil {
		return b, models.Faultf(models.Permanent, "no answer of Bluesky: the JSON is broken")
	}
	for i, raw := range list {
		if o := asObject(raw); isEvent(o) {
			e, err := readEvent(raw)
			if err == nil {
				err = c.take(&b, e, all, anyPost)
			}
			if err != nil {
				problem(&b, fmt.Sprintf("[%d]", i), "%w", err)
			}
			continue
		}
		c.view(&b, fmt.Sprintf("[%d]", i), raw)
	}
	return b, nil
}

// parseObject reads an answer of the API. Which one it is shows in its members.
func (c *Connector) parseObject(rec source.Exchange, o object) (source.Batch, error) {
	var b source.Batch
	if name := o.text("error"); name != "" || rec.Status >= 400 {
		return c.parseError(rec, o)
	}
	known := false
	has := func(name string) bool {
		_, ok := o[name]
		known = known || ok
		return ok
	}
	if has("posts") {
		c.views(&b, "posts", o["posts"])
	}
	if has("feed") {
		c.feed(&b, o["feed"])
	}
	if list := o.list("thread", maxItems); list != nil && has("thread") { // the newer form, flat
		for i, raw := range list {
			c.threadItem(&b, fmt.Sprintf("thread[%d]", i), raw)
		}
	} else if has("thread") {
		c.thread(&b, "thread", o["thread"], maxDepth)
	}
	if has("notifications") {
		c.notifications(&b, o["notifications"])
	}
	if has("bookmarks") {
		for i, raw := range c.items(&b, "bookmarks", o["bookmarks"]) {
			c.shown(&b, fmt.Sprintf("bookmarks[%d].item", i), asObject(raw)["item"])
		}
	}
	if has("post") {
		c.view(&b, "post", o["post"])
	}
	if has("records") {
		for i, raw := range c.items(&b, "records", o["records"]) {
			c.record(&b, fmt.Sprintf("records[%d]", i), raw)
		}
	}
	if has("value") {
		c.record(&b, "value", rec.Body)
	} else if has("record") {
		c.view(&b, "record", rec.Body)
	}
	for _, name := range []string{"profiles", "did", "handle", "feeds", "actors", "cursor", "subject", "lexicon", "uri", "accessJwt"} {
		has(name)
	}
	if !known {
		return b, models.Faultf(models.Permanent, "no answer of Bluesky: none of posts, feed, thread, records, value and record is there")
	}
	return b, nil
}

// items reads a member that is a list.
func (c *Connector) items(b *source.Batch, name string, raw json.RawMessage) []json.RawMessage {
	list := object{name: raw}.list(name, maxItems)
	if list == nil {
		problem(b, name, "a list is wanted")
	}
	return list
}

func (c *Connector) views(b *source.Batch, name string, raw json.RawMessage) {
	for i, raw := range c.items(b, name, raw) {
		c.view(b, fmt.Sprintf("%s[%d]", name, i), raw)
	}
}

// feed reads an author's feed. A repost in it gives the post that is passed on.
func (c *Connector) feed(b *source.Batch, raw json.RawMessage) {
	for i, raw := range c.items(b, "feed", raw) {
		c.view(b, fmt.Sprintf("feed[%d].post", i), asObject(raw)["post"])
	}
}

// thread reads a post with those above and below it.
func (c *Connector) thread(b *source.Batch, place string, raw json.RawMessage, depth int) {
	o := asObject(raw)
	if o == nil {
		problem(b, place, "an object is wanted")
		return
	}
	if depth == 0 || len(b.Posts) >= maxItems {
		problem(b, place, "the thread is too long")
		return
	}
	if gone, _ := o.flag("notFound"); gone {
		if _, _, ok := splitURI(o.text("uri")); ok {
			b.Deletions = append(b.Deletions, c.gone(o.text("uri")))
		}
		return
	}
	if blocked, _ := o.flag("blocked"); blocked {
		b.Skip("blocked")
		return
	}
	if parent, ok := o["parent"]; ok {
		c.thread(b, place+".parent", parent, depth-1)
	}
	c.view(b, place+".post", o["post"])
	for i, raw := range o.list("replies", maxItems) {
		c.thread(b, fmt.Sprintf("%s.replies[%d]", place, i), raw, depth-1)
	}
}

// notifications reads the posts among what somebody is told of: replies,
// mentions and quotes. They have the form of a view without counts.
func (c *Connector) notifications(b *source.Batch, raw json.RawMessage) {
	for i, raw := range c.items(b, "notifications", raw) {
		place := fmt.Sprintf("notifications[%d]", i)
		o := asObject(raw)
		if _, _, post := splitURI(o.text("uri")); post || !strings.HasPrefix(o.text("uri"), "at://") {
			c.view(b, place, raw)
		}
	}
}

// threadItem reads an entry of a flat thread.
func (c *Connector) threadItem(b *source.Batch, place string, raw json.RawMessage) {
	o := asObject(raw)
	value := o.object("value")
	switch {
	case strings.HasSuffix(value.text("$type"), "#threadItemNotFound"):
		if _, _, ok := splitURI(o.text("uri")); ok {
			b.Deletions = append(b.Deletions, c.gone(o.text("uri")))
		}
	case strings.HasSuffix(value.text("$type"), "#threadItemBlocked"):
		b.Skip("blocked")
	case strings.HasSuffix(value.text("$type"), "#threadItemNoUnauthenticated"):
		b.Skip("only for people who are logged in")
	default:
		c.view(b, place+".value.post", value["post"])
	}
}

// shown reads a view that may stand for a post that is gone or blocked.
func (c *Connector) shown(b *source.Batch, place string, raw json.RawMessage) {
	o := asObject(raw)
	gone, _ := o.flag("notFound")
	blocked, _ := o.flag("blocked")
	_, _, ok := splitURI(o.text("uri"))
	switch {
	case gone && ok:
		b.Deletions = append(b.Deletions, c.gone(o.text("uri")))
	case gone, blocked:
		b.Skip("not shown")
	default:
		c.view(b, place, raw)
	}
}

func (c *Connector) gone(uri string) models.Deletion {
	return models.Deletion{Source: Name, NativeID: uri, Act: models.Delete, By: "author", Reason: "not found", At: c.now().UTC()}
}

// view reads a post as the API shows it.
func (c *Connector) view(b *source.Batch, place string, raw json.RawMessage) {
	v := asObject(raw)
	did, rkey, ok := splitURI(v.text("uri"))
	switch {
	case v == nil:
		problem(b, place, "an object is wanted")
		return
	case !ok:
		problem(b, place+".uri", "the address of a post is wanted, such as at://did:plc:…/%s/…", postCollection)
		return
	case len(raw) > maxRecord:
		problem(b, place, "over %d bytes", maxRecord)
		return
	}
	record := v.object("record")
	if record == nil {
		problem(b, place+".record", "an object is wanted")
		return
	}
	author := v.object("author")
	for _, val := range labels(v.list("labels", maxTags), c.now()) {
		if val == "!hide" || val == "!takedown" {
			b.Skip("hidden by the network's moderation")
			return
		}
	}
	b.Posts = append(b.Posts, finish(c.build(item{did: did, rkey: rkey, record: record, raw: raw, at: v.time("indexedAt"), view: v, author: author})))
}

// record reads a post's record as its server keeps it: without author and counts.
func (c *Connector) record(b *source.Batch, place string, raw json.RawMessage) {
	o := asObject(raw)
	did, rkey, ok := splitURI(o.text("uri"))
	if !ok {
		if strings.HasPrefix(o.text("uri"), "at://") {
			return // of another kind, such as a like
		}
		problem(b, place, "uri: the address of a record is wanted")
		return
	}
	record := o.object("value")
	if record == nil || len(raw) > maxRecord {
		problem(b, place, "value: an object of at most 1 MiB is wanted")
		return
	}
	b.Posts = append(b.Posts, finish(c.build(item{did: did, rkey: rkey, record: record, raw: raw})))
}

var inMessage = regexp.MustCompile(`at://did:[a-z0-9]+:[A-Za-z0-9._:%-]{1,200}/app\.bsky\.feed\.post/[A-Za-z0-9._:~-]{1,512}`)

// parseError says what an error body means. That a post isn't found is no error
// but its deletion, where the address tells which post.
func (c *Connector) parseError(rec source.Exchange, o object) (source.Batch, error) {
	var b source.Batch
	name, message := clip(o.text("error")), o.text("message")
	if name == "NotFound" || name == "RecordNotFound" || (rec.Status == http.StatusNotFound && strings.Contains(strings.ToLower(message), "not found")) {
		if uri := asked(rec.URL, message); uri != "" {
			b.Deletions = []models.Deletion{c.gone(uri)}
			return b, nil
		}
	}
	message = strings.ToValidUTF8(message[:min(len(message), 200)], "")
	switch {
	case rec.Status == http.StatusTooManyRequests || name == "RateLimitExceeded":
		a := web.Answer{Status: rec.Status, Header: rec.Header, At: c.now()}
		until := signal(a).Reset
		if until.IsZero() {
			until = a.At.Add(5 * time.Minute)
		}
		return b, &source.Trouble{Kind: source.Throttled, Until: until, Err: errors.New("RateLimitExceeded: wait until the window of the ratelimit headers ends")}
	case name == "ExpiredToken":
		return b, models.Faultf(models.Retryable, "ExpiredToken: the access token is over; the connector refreshes it by itself")
	}
	if err := refusal(rec.Status, false, o); err != nil {
		return b, err
	}
	if rec.Status >= 500 {
		return b, models.Faultf(models.Unavailable, "Bluesky answered %d %s: %s; try again later", rec.Status, name, message)
	}
	return b, models.Faultf(models.Permanent, "Bluesky answered %d %s: %s; look at the query", rec.Status, name, message)
}

// asked returns the one post that an address or an error's message is about.
func asked(address, message string) string {
	if u, err := url.Parse(address); err == nil {
		q := u.Query()
		uris := slices.Concat(q["uri"], q["uris"])
		if repo := q.Get("repo"); repo != "" && q.Get("collection") == postCollection {
			uris = append(uris, postURI(repo, q.Get("rkey")))
		}
		if len(uris) == 1 {
			if _, _, ok := splitURI(uris[0]); ok {
				return uris[0]
			}
		}
	}
	if uri := inMessage.FindString(message); uri != "" {
		return uri
	}
	return ""
}
