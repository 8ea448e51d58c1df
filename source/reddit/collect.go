package reddit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/source"
)

const pageSize = 100

// state is the cursor of a query. A pass goes from the newest post down to
// where the last complete one began; only then does High move. Pages go by
// after alone: before fails silently when its post was deleted.
type state struct {
	What string    `json:"what"`          // the list it belongs to
	High time.Time `json:"high,omitzero"` // newest post of the last complete pass
	Pass *pass     `json:"pass,omitempty"`
}

type pass struct {
	Began time.Time `json:"began"`
	High  time.Time `json:"high,omitzero"`
	Low   time.Time `json:"low,omitzero"` // oldest post so far
	After string    `json:"after,omitempty"`
	Posts int       `json:"posts"` // read so far
	Again bool      `json:"again,omitempty"`
}

// run is one reading of a query.
type run struct {
	c     *Connector
	q     query
	s     state
	old   bool // the pass was begun by an earlier reading
	pages int
}

// Collect reads a listing from its newest post down to what is known.
func (c *Connector) Collect(ctx context.Context, q source.Query, cursor json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		r, err := c.start(q, cursor)
		for more := true; more; {
			var b source.Batch
			if err == nil {
				b, more, err = r.step(ctx)
			}
			if err != nil {
				yield(source.Batch{}, err)
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (c *Connector) start(q source.Query, cursor json.RawMessage) (*run, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	known, err := c.understand(q)
	if err != nil {
		return nil, err
	}
	r := &run{c: c, q: known}
	// A cursor of another list, or one that can't be read, is none: reading
	// everything again costs calls, but loses nothing.
	if json.Unmarshal(cursor, &r.s) != nil || r.s.What != known.what() {
		r.s = state{What: known.what()}
	}
	r.old = r.s.Pass != nil
	if !r.old {
		r.s.Pass = &pass{Began: c.opt.Now().UTC()}
	}
	return r, nil
}

// step reads one page and tells whether there are more.
func (r *run) step(ctx context.Context) (source.Batch, bool, error) {
	pass := r.s.Pass
	params := maps.Clone(r.q.params)
	params.Set("limit", strconv.Itoa(pageSize))
	if pass.After != "" {
		params.Set("after", pass.After)
	}
	p, err := r.c.get(ctx, r.q.path, params)
	if err != nil {
		return source.Batch{}, false, err
	}
	if p.others > 0 && p.others == p.children {
		return source.Batch{}, false, models.Faultf(models.Permanent, "reddit has no %s: it answered with a list of other things", r.q.path)
	}
	r.pages++
	pass.Posts += p.children
	for _, t := range p.times {
		if t.After(pass.High) {
			pass.High = t
		}
		if pass.Low.IsZero() || t.Before(pass.Low) {
			pass.Low = t
		}
	}
	b, more := p.batch, true
	switch {
	case p.children == 0 && pass.After != "" && !pass.Again:
		// A listing ends with after: null. Nothing behind a post means that this
		// post was deleted since: once more from the top.
		pass.After, pass.Again = "", true
	case p.after == "" || p.after == pass.After || r.past(p):
		b.Gap = r.gap(p)
		more = r.finish()
	case r.pages >= r.q.pages:
		pass.After, more = p.after, false
	default:
		pass.After = p.after
	}
	raw, err := json.Marshal(r.s)
	if err == nil { // times out of range only; the old cursor stays
		b.Cursor = raw
	}
	return b, more, nil
}

func (r *run) floor() time.Time {
	if r.s.High.IsZero() {
		return r.s.Pass.Began.Add(-r.q.backfill)
	}
	return r.s.High.Add(-r.q.overlap)
}

// past reports whether a whole page is from before what is wanted.
func (r *run) past(p page) bool {
	floor := r.floor()
	return len(p.batch.Problems) == 0 && !slices.ContainsFunc(p.times, func(t time.Time) bool { return !t.Before(floor) })
}

// gap tells what lies between the last post that a listing gives and the newest
// known one. Listings end after about 1,000 posts, whatever there is behind; a
// pass that went on later gets fewer, since the list has moved on meanwhile. One
// that is no longer than a page has just lost posts.
func (r *run) gap(p page) *models.Gap {
	pass := r.s.Pass
	if p.after != "" || r.s.High.IsZero() || pass.Posts <= pageSize || !pass.Low.After(r.s.High) {
		return nil
	}
	return &models.Gap{From: r.s.High, To: pass.Low, Reason: fmt.Sprintf("reddit's listing ended after %d posts", pass.Posts)}
}

// finish ends a complete pass, and reports whether another begins: what came
// since an old pass began is at the top of the list.
func (r *run) finish() bool {
	if r.s.Pass.High.After(r.s.High) {
		r.s.High = r.s.Pass.High
	}
	r.s.Pass = nil
	again := r.old && r.pages < r.q.pages
	if r.old = false; again {
		r.s.Pass = &pass{Began: r.c.opt.Now().UTC()}
	}
	return again
}

// gone is why a post is hidden that Reddit doesn't show: its subreddit may be
// private for a while, or banned.
const gone = "reddit doesn't show it"

// Recheck asks for posts by their names. Deleted ones are still given, without
// their content. Those that aren't given at all are hidden, not deleted, since
// subreddits go private and come back.
func (c *Connector) Recheck(ctx context.Context, posts []models.Post) (source.Batch, error) {
	if err := c.ready(); err != nil {
		return source.Batch{}, err
	}
	asked := map[string]models.Post{}
	var names []string
	for _, p := range posts {
		if p.Source == Name && nameForm.MatchString(p.NativeID) && len(names) < 100 {
			asked[p.NativeID] = p
			names = append(names, p.NativeID)
		}
	}
	if len(names) == 0 {
		return source.Batch{}, nil
	}
	p, err := c.get(ctx, "/api/info", url.Values{"id": {strings.Join(names, ",")}})
	if err != nil {
		return source.Batch{}, err
	}
	b := p.batch
	b.At = time.Time{} // old posts don't say how far the list was read
	if len(b.Problems) > 0 || len(b.Skipped) > 0 {
		return b, nil // what is missing may be what couldn't be read
	}
	now := c.opt.Now().UTC()
	for _, found := range b.Posts {
		if asked[found.NativeID].Hidden != "" {
			b.Deletions = append(b.Deletions, models.Deletion{Source: Name, NativeID: found.NativeID, Act: models.Show, By: "platform", At: now})
		}
		delete(asked, found.NativeID)
	}
	for _, d := range p.batch.Deletions {
		delete(asked, d.NativeID)
	}
	for _, name := range names {
		if _, missing := asked[name]; missing {
			b.Deletions = append(b.Deletions, models.Deletion{Source: Name, NativeID: name, Act: models.Hide, By: "platform", Reason: gone, At: now})
		}
	}
	return b, nil
}

// Resolve reads one post again.
func (c *Connector) Resolve(ctx context.Context, post models.Post) (models.Post, error) {
	post.Source = Name
	b, err := c.Recheck(ctx, []models.Post{post})
	if err != nil {
		return models.Post{}, err
	}
	for _, p := range b.Posts {
		if p.NativeID == post.NativeID {
			return p, nil
		}
	}
	for _, d := range b.Deletions {
		if d.NativeID == post.NativeID && d.Act == models.Delete {
			return models.Post{}, models.ErrNotFound
		}
	}
	return models.Post{}, models.Faultf(models.Permanent, "reddit: %s can't be read now: %w", post.NativeID, cmp.Or(errors.Join(b.Problems...), errors.New(gone)))
}
