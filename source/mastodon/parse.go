package mastodon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

// maxEntries bounds how many entries of one answer are read; pages have 40.
const maxEntries = 5000

// maxProblems bounds what a hostile answer can make us remember.
const maxProblems = 100

// Parse reads a recorded answer: a timeline, a status, search results, a
// thread. Answers without posts (an account, an instance, a status's earlier
// versions) are an empty batch.
func (c *Connector) Parse(rec source.Exchange) (source.Batch, error) {
	r := reader{now: c.opt.Now(), instance: instanceOf(rec.URL)}
	var b source.Batch
	if web.IsHTML(rec.Header, rec.Body) {
		return b, errors.New("a page for people, not an answer of Mastodon's API")
	}
	if rec.Status >= http.StatusBadRequest {
		err := r.refused(rec, &b)
		return b, err
	}
	if len(bytes.TrimSpace(rec.Body)) == 0 && rec.Status != http.StatusOK {
		return b, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(rec.Body, &list) == nil && list != nil {
		for i, raw := range list[:min(len(list), maxEntries)] {
			r.entry(&b, fmt.Sprintf("[%d]", i), raw, rec.URL)
		}
		return b, nil
	}
	o := asObject(rec.Body)
	switch {
	case o == nil && r.lines(&b, rec):
		return b, nil
	case o == nil:
		return b, fmt.Errorf("neither a list nor an object, so no answer of Mastodon's API: %w", syntax(rec.Body))
	case rec.Method == http.MethodDelete && o.text("uri") != "":
		b.Deletions = append(b.Deletions, models.Deletion{Source: Name, NativeID: o.text("uri"), Act: models.Delete, By: "author", At: r.now.UTC()})
		return b, nil
	case o.has("error") && !o.has("uri"):
		err := r.refused(rec, &b)
		return b, err
	}
	body := status(rec.Body, o)
	nested := false
	for _, name := range []string{"ancestors", "statuses", "descendants"} {
		for i, raw := range o.list(name, maxEntries) {
			nested = true
			r.entry(&b, fmt.Sprintf("%s[%d]", name, i), raw, rec.URL)
		}
		nested = nested || o.has(name)
	}
	if !nested {
		r.entry(&b, "$", body, rec.URL)
	}
	return b, nil
}

// lines reads a status or an event of the streaming API a line. It reports
// whether there is any.
func (r reader) lines(b *source.Batch, rec source.Exchange) bool {
	good, n := false, 0
	for line := range bytes.Lines(rec.Body) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		place := fmt.Sprintf("line %d", n)
		o := asObject(line)
		if o == nil {
			if len(b.Problems) < maxProblems {
				b.Problem(place, "no JSON object")
			}
			continue
		}
		good = true
		r.entry(b, place, status(line, o), rec.URL)
	}
	if !good {
		b.Problems = nil
	}
	return good
}

// status opens an event of the streaming API: its status is JSON within a text.
// Other events, and what is no event, stay as they are.
func status(raw json.RawMessage, o object) json.RawMessage {
	if kind := o.text("event"); kind != "update" && kind != "status.update" {
		return raw
	}
	return json.RawMessage(o.text("payload"))
}

// entry reads one thing of a kind that isn't known yet.
func (r reader) entry(b *source.Batch, place string, raw json.RawMessage, address string) {
	o := asObject(raw)
	path := strings.TrimSuffix(pathOf(address), "/")
	switch {
	case o == nil:
		b.Problem(place, "an object is wanted here")
	case strings.Contains(path, "/timelines/"), o.has("uri") && o.has("visibility"), o.has("visibility") && o.has("account"), o.has("uri") && o.has("media_attachments"):
		r.add(b, place, raw)
	case strings.HasSuffix(path, "/history"), o.has("content") && !o.has("id"): // an earlier version
	case o.has("event"): // that of a deletion names a local id, which doesn't say what post it was
	case o.object("status") != nil: // a notification
		r.add(b, place+".status", o["status"])
	case o.has("username"), o.has("acct"): // an account
	case o.has("title"), o.has("domain"), o.has("configuration"): // an instance
	case o.has("name"), o.has("hashtags"), o.has("accounts"): // a hashtag, or what a search found of them
	default:
		b.Problem(place, "neither a status nor anything else that Mastodon's API gives")
	}
}

// refused says what an error answer means. A post that is gone is a deletion
// where the address that was asked for is the post's own; the API's addresses
// hold a local id only, which says nothing of the post's identity.
func (r reader) refused(rec source.Exchange, b *source.Batch) error {
	what := said(rec.Body)
	path := pathOf(rec.URL)
	switch {
	case rec.Status == http.StatusNotFound || rec.Status == http.StatusGone:
		if rec.URL != "" && !strings.Contains(path, "/api/") && len(path) > 1 {
			b.Deletions = append(b.Deletions, models.Deletion{Source: Name, NativeID: rec.URL, Act: models.Delete, By: "author", At: r.now.UTC()})
			return nil
		}
		if strings.Contains(path, "/statuses/") {
			return fmt.Errorf("%s: the post is gone from %s, or was never public (%s); its local id doesn't tell which post that was: %w", path, instanceOf(rec.URL), what, models.ErrNotFound)
		}
		return fmt.Errorf("%d %s: there is nothing at this address; look whether the instance speaks Mastodon's API", rec.Status, what)
	case rec.Status == http.StatusUnauthorized || rec.Status == http.StatusForbidden:
		return fmt.Errorf("%d %s: the instance wants an access token with the scope read:statuses", rec.Status, what)
	case rec.Status == http.StatusTooManyRequests:
		return fmt.Errorf("429 %s: too many calls; X-RateLimit-Reset says when to come back", what)
	case rec.Status == http.StatusUnprocessableEntity:
		return fmt.Errorf("422 %s: the instance doesn't take the parameters", what)
	}
	return fmt.Errorf("%d %s: the instance answered with an error", rec.Status, what)
}

// said is the message of an error answer.
func said(body []byte) string {
	o := asObject(body)
	for _, name := range []string{"error_description", "error"} {
		if s := o.text(name); s != "" {
			return fmt.Sprintf("%q", clip(s))
		}
	}
	return "without a reason"
}

// syntax says where the JSON is broken.
func syntax(body []byte) error {
	var v any
	err := json.Unmarshal(body, &v)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("byte %d: %w", s.Offset, err)
	}
	if err == nil {
		return errors.New("it is a single value")
	}
	return err
}

func instanceOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}
