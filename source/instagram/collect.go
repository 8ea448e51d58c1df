package instagram

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"weft/models"
	"weft/source"
)

const (
	window     = 24 * time.Hour // what recent media cover
	tagLimit   = 30             // different hashtags …
	tagWindow  = 7 * 24 * time.Hour
	longestRun = 10 // how many readings one pass through a list may take before it is given up
)

// state is the cursor of a query. A pass goes from the newest post down to
// where the last complete one began; only then does High move.
type state struct {
	What    string    `json:"what"`              // the list it belongs to
	Hashtag string    `json:"hashtag,omitempty"` // id of the hashtag
	High    time.Time `json:"high,omitzero"`     // newest post of the last complete pass
	Done    time.Time `json:"done,omitzero"`     // when that began
	Told    time.Time `json:"told,omitzero"`     // up to where a gap was told
	Held    bool      `json:"held,omitempty"`    // the cursors say nothing: the server remembers where we are
	Pass    *pass     `json:"pass,omitempty"`    // the one under way
}

type pass struct {
	Began time.Time `json:"began"`
	High  time.Time `json:"high,omitzero"`
	After string    `json:"after,omitempty"`
	Pages int       `json:"pages"`
}

// run is one reading of a query.
type run struct {
	c     *Connector
	q     query
	s     state
	after string // where the next page begins
	fresh bool   // it is the first page of this reading
	old   bool   // the pass was begun by an earlier reading
	pages int
}

// Collect reads a list from its newest post down to what is known.
func (c *Connector) Collect(ctx context.Context, q source.Query, cursor json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		r, err := c.start(q, cursor)
		if err == nil {
			err = r.prepare(ctx)
		}
		if err != nil {
			yield(source.Batch{}, err)
			return
		}
		// The hashtag's id and a gap are kept even if no page can be read.
		gap := r.gap() // before the cursor, which notes that it was told
		if !yield(source.Batch{Cursor: r.cursor(), Gap: gap}, nil) {
			return
		}
		for more := true; more; {
			var b source.Batch
			b, more, err = r.step(ctx)
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
	r := &run{c: c, q: known, fresh: true}
	// A cursor of another list, or one that can't be read, is none: reading
	// everything again costs calls, but loses nothing.
	if json.Unmarshal(cursor, &r.s) != nil || r.s.What != known.what() {
		r.s = state{What: known.what()}
	}
	if r.s.Pass == nil || r.s.Held {
		r.s.Pass = &pass{Began: c.opt.Now().UTC()}
	}
	r.after = r.s.Pass.After
	r.old = r.after != ""
	return r, nil
}

// prepare asks the budget for the hashtag, and for its id once.
func (r *run) prepare(ctx context.Context) error {
	if r.q.tag == "" {
		return nil
	}
	if w := r.c.opt.Windows; w != nil {
		free, err := w.Take(ctx, Name+"/"+r.c.opt.UserID+"/hashtags", r.q.tag, tagLimit, tagWindow, r.c.opt.Now().UTC())
		if err != nil {
			return err
		}
		if !free.IsZero() {
			return &source.Trouble{
				Kind: source.Throttled, Until: free,
				Err: fmt.Errorf("instagram: %d hashtags were asked for in the last 7 days, and #%s would be one more", tagLimit, r.q.tag),
			}
		}
	}
	if r.s.Hashtag != "" {
		return nil
	}
	id, err := r.c.search(ctx, r.q.tag)
	r.s.Hashtag = id
	return err
}

// gap tells what recent media no longer give: what is older than 24 hours and
// newer than the last complete pass.
func (r *run) gap() *models.Gap {
	if r.q.tag == "" || r.q.edge != recent || r.s.Done.IsZero() {
		return nil
	}
	from, to := r.s.Done, r.c.opt.Now().UTC().Add(-window)
	if r.s.Told.After(from) {
		from = r.s.Told
	}
	if !to.After(from) {
		return nil
	}
	r.s.Told = to
	return &models.Gap{From: from, To: to, Reason: "instagram shows a hashtag's posts for 24 hours only"}
}

func (r *run) cursor() json.RawMessage {
	raw, err := json.Marshal(r.s)
	if err != nil {
		return nil // times out of range only; the old cursor stays
	}
	return raw
}

// step reads one page and tells whether there are more.
func (r *run) step(ctx context.Context) (source.Batch, bool, error) {
	p, err := r.fetch(ctx)
	if err != nil {
		return source.Batch{}, false, err
	}
	b := p.batch()
	r.pages++
	r.s.Pass.Pages++
	for _, it := range p.items {
		if it.told && it.post.CreatedAt.After(r.s.Pass.High) {
			r.s.Pass.High = it.post.CreatedAt
		}
	}
	repeated := p.next && r.after == p.after
	resumed := r.fresh && r.after != ""
	r.fresh = false
	r.s.Held = r.s.Held || repeated
	r.after = p.after
	switch {
	case !p.next, r.past(p):
		r.finish()
		again := r.old && r.pages < r.q.pages
		if again { // what came since that pass began is at the top of the list
			r.old, r.after, r.s.Pass = false, "", &pass{Began: r.c.opt.Now().UTC()}
		}
		b.Cursor = r.cursor()
		return b, again, nil
	case repeated && resumed:
		// Where the server continued is unknown: begin again at the newest.
		r.after = ""
	case r.pages >= r.q.pages:
		b.Gap = r.giveUp(p)
		b.Cursor = r.cursor()
		return b, false, nil
	}
	r.s.Pass.After = r.after
	if r.s.Held {
		r.s.Pass.After = ""
	}
	b.Cursor = r.cursor()
	return b, true, nil
}

func (r *run) fetch(ctx context.Context) (page, error) {
	if r.q.account != "" {
		return r.c.account(ctx, r.q.account, r.after)
	}
	return r.c.hashtag(ctx, r.s.Hashtag, r.q.edge, r.after)
}

// past reports whether a whole page is from before what is wanted. One old post
// is no sign: lists aren't quite in order, and a post without a time never is old.
func (r *run) past(p page) bool {
	floor := r.floor()
	if r.q.edge == top && r.q.tag != "" || len(p.problems) > 0 {
		return false
	}
	for _, it := range p.items {
		if !it.told || !it.post.CreatedAt.Before(floor) {
			return false
		}
	}
	return true
}

func (r *run) floor() time.Time {
	if r.s.High.IsZero() {
		return r.s.Pass.Began.Add(-r.q.backfill)
	}
	return r.s.High.Add(-r.q.overlap)
}

// finish ends a complete pass.
func (r *run) finish() {
	if r.s.Pass.High.After(r.s.High) {
		r.s.High = r.s.Pass.High
	}
	r.s.Done, r.s.Pass = r.s.Pass.Began, nil
}

// giveUp ends a reading at its last allowed page. The next one goes on there,
// but for lists where that can't be, or that seem to have no end: their rest is
// a gap.
func (r *run) giveUp(p page) *models.Gap {
	r.s.Pass.After = r.after
	if !r.s.Held && r.s.Pass.Pages < longestRun*r.q.pages {
		return nil
	}
	g := &models.Gap{From: r.floor(), To: r.c.opt.Now().UTC(), Reason: fmt.Sprintf("the list has more than %d pages", r.s.Pass.Pages)}
	for _, it := range p.items {
		if it.told && it.post.CreatedAt.Before(g.To) {
			g.To = it.post.CreatedAt
		}
	}
	r.finish()
	if r.q.edge == top && r.q.tag != "" {
		return nil // the top media are a choice anyway
	}
	return g
}
