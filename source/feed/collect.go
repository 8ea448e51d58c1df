package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/web"
)

const (
	// maxPages bounds one run; the next goes on where it stopped.
	maxPages = 100
	// maxSeen bounds how many posts of the first page are remembered.
	maxSeen = 500
	// goneEvery is how often a feed that is gone is looked for.
	goneEvery = 24 * time.Hour
)

// secretParam matches parameters that may let somebody in.
var secretParam = regexp.MustCompile(`(?i)(token|key|auth|secret|pass|sig|session|code)`)

// cursor is how far a query has come.
type cursor struct {
	Of   string    `json:"of"` // a hash of the feed's address, which may hold a secret
	Gone time.Time `json:"gone,omitzero"`
	top            // of the last complete pass
	Pass *pass     `json:"pass,omitempty"` // what is being read
}

// top is what the first page said.
type top struct {
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"modified,omitempty"`
	Sum      string    `json:"sum,omitempty"` // of the body, for servers without both
	Seen     []string  `json:"seen,omitempty"`
	Newest   time.Time `json:"newest,omitzero"`
}

// pass is a walk from the first page to what is known. Top counts only at its
// end, so a crash on the way loses nothing: it goes on at Next.
type pass struct {
	top
	Next  string `json:"next,omitempty"` // the page to read next; not kept if it may hold a secret
	Pages int    `json:"pages"`
}

// Collect reads a feed, and the pages after it down to what is known.
func (c *Connector) Collect(ctx context.Context, q source.Query, state json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		r, err := c.newRun(q, state)
		if err != nil {
			yield(source.Batch{}, models.Faultf(models.Permanent, "query %s: %w", q.Name, err))
			return
		}
		if c.opt.Now().Sub(r.cur.Gone) < goneEvery {
			yield(source.Batch{}, models.Faultf(models.Permanent, "%s: %w", public(r.url.String()), errGone))
			return
		}
		r.collect(ctx, yield)
	}
}

// run is one reading of a feed.
type run struct {
	c        *Connector
	url      *url.URL
	backfill int
	cur      cursor
}

func (c *Connector) newRun(q source.Query, state json.RawMessage) (*run, error) {
	for _, err := range source.CheckQuery(q, c.Params()) {
		return nil, err
	}
	u, err := parseURL(q.Params["url"])
	if err != nil {
		return nil, err
	}
	n, err := parseCount(q.Params["backfill"])
	if err != nil {
		return nil, err
	}
	r := &run{c: c, url: u, backfill: n, cur: cursor{Of: hash(u.String())}}
	var cur cursor
	if len(state) > 0 && json.Unmarshal(state, &cur) == nil && cur.Of == r.cur.Of {
		r.cur = cur
	}
	return r, nil
}

func (r *run) collect(ctx context.Context, yield func(source.Batch, error) bool) {
	resumed := r.cur.Pass != nil && r.cur.Pass.Next != ""
	if !resumed {
		r.cur.Pass = nil
	}
	for range maxPages {
		b, err := r.page(ctx)
		if err != nil && r.cur.Gone.IsZero() {
			yield(source.Batch{}, err)
			return
		}
		more := r.cur.Pass != nil
		b.Cursor = r.cur.encode()
		if !yield(b, nil) {
			return
		}
		switch {
		case err != nil: // gone: the cursor keeps us from asking all day
			yield(source.Batch{}, err)
			return
		case more:
		case resumed:
			resumed = false
		default:
			return
		}
	}
}

// encode leaves out the address of a page that may let somebody in: after a
// crash such a feed is read from its top again. Nil means as before.
func (c *cursor) encode() json.RawMessage {
	if c.Pass != nil && (c.Pass.Next == "" || secret(c.Pass.Next)) {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	return b
}

func secret(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return true
	}
	for name := range u.Query() {
		if secretParam.MatchString(name) {
			return true
		}
	}
	return false
}

// page reads one page and moves the cursor behind it.
func (r *run) page(ctx context.Context) (source.Batch, error) {
	first := r.cur.Pass == nil
	address := r.url.String()
	if !first {
		address = r.cur.Pass.Next
	}
	a, call, err := r.get(ctx, address, first)
	if err != nil {
		return source.Batch{}, err
	}
	d, err := r.c.document(a.Exchange(call))
	if d != nil && d.cut { // reading half a page would leave a gap behind it
		err = d.problems[len(d.problems)-1]
	}
	switch {
	case a.Status == http.StatusGone:
		r.cur.Gone = r.c.opt.Now().UTC()
		return source.Batch{}, models.Faultf(models.Permanent, "%s: %w", public(address), errGone)
	case a.Status >= http.StatusMultipleChoices && a.Status != http.StatusNotModified:
		return source.Batch{}, a.Fail(call)
	case err != nil && a.HTML():
		return source.Batch{}, models.Faultf(models.Unavailable, "%s: %w", public(address), err)
	case err != nil:
		return source.Batch{}, models.Faultf(models.Retryable, "%s: %w", public(address), err)
	}
	r.cur.Gone = time.Time{}
	sum := hash(string(a.Body))
	if d == nil || (first && sum == r.cur.Sum) {
		return source.Batch{}, nil
	}
	b := d.batch(public(r.url.String()), a.At)
	if first {
		r.cur.Pass = &pass{top: top{ETag: a.Header.Get("ETag"), Modified: a.Header.Get("Last-Modified"), Sum: sum, Newest: r.cur.Newest}}
		for _, p := range b.Posts[:min(len(b.Posts), maxSeen)] {
			r.cur.Pass.Seen = append(r.cur.Pass.Seen, hash(p.NativeID))
			if p.CreatedAt.After(r.cur.Pass.Newest) {
				r.cur.Pass.Newest = p.CreatedAt
			}
		}
	}
	r.advance(&b, d, address)
	return b, nil
}

// advance decides whether there is another page to read.
func (r *run) advance(b *source.Batch, d *document, address string) {
	p := r.cur.Pass
	p.Pages++
	known := slices.ContainsFunc(b.Posts, func(post models.Post) bool { return slices.Contains(r.cur.Seen, hash(post.NativeID)) })
	next, err := r.follow(address, d.next)
	if err != nil {
		b.Problem("next_url", "%w", err)
	}
	switch catching := len(r.cur.Seen) > 0; {
	case known, len(b.Posts)+len(b.Problems) == 0, !catching && p.Pages >= r.backfill:
	case next != "" && p.Pages < 10*maxPages:
		p.Next = next
		return
	case catching && len(b.Posts) > 0:
		oldest := slices.MinFunc(b.Posts, func(x, y models.Post) int { return x.CreatedAt.Compare(y.CreatedAt) })
		b.Gap = &models.Gap{From: r.cur.Newest, To: oldest.CreatedAt, Reason: "the feed's window moved on: nothing in it was known"}
	}
	r.cur.top, r.cur.Pass = p.top, nil
}

// follow completes the address of the next page. It must stay on the same host,
// and lead elsewhere than to where we are.
func (r *run) follow(from, next string) (string, error) {
	if next == "" {
		return "", nil
	}
	base, err := url.Parse(from)
	if err != nil {
		return "", nil //nolint:nilerr // it was called just now
	}
	u, err := base.Parse(next)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https"):
		return "", errors.New("it is no web address")
	case u.Host != base.Host && r.c.opt.Base == "":
		return "", fmt.Errorf("it leads to another host, %s", u.Host)
	case u.String() == from:
		return "", errors.New("it leads back to the same page")
	}
	return u.String(), nil
}

// get calls for a page. The first one only if it changed.
func (r *run) get(ctx context.Context, address string, first bool) (web.Answer, web.Call, error) {
	u, err := url.Parse(address)
	if err != nil {
		return web.Answer{}, web.Call{}, models.Faultf(models.Permanent, "the address of a page can't be read")
	}
	call := web.Call{
		Header: http.Header{"Accept": {"application/atom+xml, application/rss+xml, application/feed+json, application/json;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1"}},
		Key:    source.Key{Source: Name, Host: u.Host},
		Rate:   source.Rate{N: 60, Per: time.Minute},
	}
	if base, err := url.Parse(r.c.opt.Base); err == nil && base.Host != "" {
		u.Scheme, u.Host = base.Scheme, base.Host
	}
	call.URL = u.String()
	if pw, ok := u.User.Password(); ok {
		call.Secrets = append(call.Secrets, pw)
	}
	if first && r.cur.ETag != "" {
		call.Header.Set("If-None-Match", r.cur.ETag)
	}
	if first && r.cur.Modified != "" {
		call.Header.Set("If-Modified-Since", r.cur.Modified)
	}
	a, err := r.c.opt.Web.Do(ctx, call)
	return a, call, err
}

// hash stands for something in a cursor.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
