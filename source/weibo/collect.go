package weibo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/source"
)

const (
	// maxPages bounds one run. What is left is read by the next.
	maxPages = 50
	// slack is how far before the newest known post a list is read again: times
	// such as "5分钟前" are that exact, and searches list some posts late.
	slack = 2 * time.Minute
	// maxTries is after how many runs without a new page a walk is given up: one
	// page that can't be read must not keep new posts away for ever.
	maxTries = 50
	// profileFor is how long it is believed where somebody lives.
	profileFor = 24 * time.Hour
	// maxPinned bounds the long pinned posts that are remembered.
	maxPinned = 10
)

// cursor is how far a list was read. Everything written up to High was, but for
// the posts that Walk has yet to reach.
type cursor struct {
	List    string    `json:"list"`
	High    time.Time `json:"high,omitzero"`
	Read    time.Time `json:"read,omitzero"`    // when the last whole walk began
	Pinned  []string  `json:"pinned,omitempty"` // long pinned posts whose text was read
	Lives   string    `json:"lives,omitempty"`  // where the list's owner lives
	LivesAt time.Time `json:"lives_at,omitzero"`
	Walk    *walk     `json:"walk,omitempty"`
}

// walk is a reading from the newest post down to the high mark.
type walk struct {
	Began time.Time `json:"began"`
	High  time.Time `json:"high,omitzero"` // the newest post that it saw
	Low   time.Time `json:"low,omitzero"`  // and the oldest
	Next  string    `json:"next,omitempty"`
	Tries int       `json:"tries,omitempty"` // runs that began at Next
	Posts int       `json:"posts,omitempty"`
	Done  []string  `json:"done,omitempty"` // long posts of the next page that were read already
}

// Collect reads a list from its newest post down to those that were known.
func (c *Connector) Collect(ctx context.Context, q source.Query, state json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		l, err := c.list(q)
		if err != nil {
			yield(source.Batch{}, err)
			return
		}
		r := &run{c: c, list: l, cur: resume(l, state), yield: yield, left: maxPages}
		began := r.cur.Walk != nil
		err = r.walk(ctx)
		if err == nil && began && r.cur.Walk == nil { // an old walk: what is new above it?
			err = r.walk(ctx)
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(source.Batch{}, err)
		}
	}
}

// errStop says that the consumer wants no more.
var errStop = errors.New("stop")

// resume reads a cursor. One of another list, or none, begins anew.
func resume(l list, state json.RawMessage) cursor {
	var cur cursor
	if len(state) == 0 || json.Unmarshal(state, &cur) != nil || cur.List != l.name {
		return cursor{List: l.name}
	}
	return cur
}

// run is one Collect.
type run struct {
	c     *Connector
	list  list
	cur   cursor
	yield func(source.Batch, error) bool
	left  int // pages
	seen  map[string]bool
	asked map[string]bool // pages of this walk
	stale int             // pages in a row with nothing new
}

// walk reads pages until the known posts, the list's end, or the last page that
// this run may read.
func (r *run) walk(ctx context.Context) error {
	r.seen, r.asked, r.stale = map[string]bool{}, map[string]bool{}, 0
	if err := r.begin(); err != nil {
		return err
	}
	for r.cur.Walk != nil && r.left > 0 {
		r.left--
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a walk, or goes on with the one that was begun. One that was
// tried too often ends here, and leaves a gap.
func (r *run) begin() error {
	if r.cur.Walk == nil {
		r.cur.Walk = &walk{Began: r.c.now()}
		return nil
	}
	var b source.Batch
	if w := r.cur.Walk; w.Tries >= maxTries {
		if !w.Low.IsZero() {
			b.Gap = &models.Gap{From: r.cur.High, To: w.Low, Reason: fmt.Sprintf("a page could not be read in %d runs", maxTries)}
		}
		r.finish()
		r.cur.Walk = &walk{Began: r.c.now()}
	}
	r.cur.Walk.Tries++
	for _, id := range r.cur.Walk.Done {
		r.seen[id] = true
	}
	return r.emit(b)
}

// finish ends the walk: the high mark moves.
func (r *run) finish() {
	w := r.cur.Walk
	if w.High.After(r.cur.High) {
		r.cur.High = w.High
	}
	r.cur.Read, r.cur.Walk = w.Began, nil
}

// step reads one page.
func (r *run) step(ctx context.Context) error {
	w := r.cur.Walk
	r.asked[w.Next] = true
	call, shown := r.list.call(w.Next)
	p, err := r.c.ask(ctx, call, shown)
	if g, ok := errors.AsType[*gone](err); ok {
		return models.Faultf(models.Permanent, "%s", g.reason)
	}
	if err != nil {
		return err
	}
	if err := r.home(ctx, &p); err != nil {
		return err
	}
	next := r.list.follow(p, w.Next)
	end := r.look(p) || next == "" || r.asked[next] || r.stale >= 3
	before := len(w.Done)
	out, err := r.take(ctx, &p)
	if err != nil { // what came before it is good
		if stop := r.emit(out); stop != nil {
			return stop
		}
		return err
	}
	w.Posts += len(out.Posts) + before
	w.Next, w.Done, w.Tries = next, nil, 0
	if end || r.full() {
		out.Gap = r.gap(end)
		r.finish()
	}
	return r.emit(out)
}

// look notes the times of a page, and reports whether it reaches posts that were
// read before. The newest post is taken from the first page alone: what turns up
// further down and is newer has others above it that were not read. A pinned
// post tells nothing: it stands first however old it is.
func (r *run) look(p page) (reached bool) {
	w := r.cur.Walk
	fresh, first := false, w.High.IsZero()
	for _, it := range p.items {
		fresh = fresh || !r.seen[it.id]
		if it.pinned || it.created.IsZero() {
			continue
		}
		if first && it.created.After(w.High) {
			w.High = it.created
		}
		if w.Low.IsZero() || it.created.Before(w.Low) {
			w.Low = it.created
		}
		reached = reached || !r.cur.High.IsZero() && it.created.Before(r.cur.High.Add(-slack))
	}
	r.stale++
	if fresh {
		r.stale = 0
	}
	return reached
}

// full reports whether a first run has read enough.
func (r *run) full() bool { return r.cur.High.IsZero() && r.cur.Walk.Posts >= r.list.backfill }

// gap is what lies between the oldest post that the list gave and the newest
// that was known, when the list ended in between.
func (r *run) gap(end bool) *models.Gap {
	w := r.cur.Walk
	if !end || r.cur.High.IsZero() || !w.Low.After(r.cur.High) {
		return nil
	}
	return &models.Gap{From: r.cur.High, To: w.Low, Reason: "the list ended before the posts that were known"}
}

// take picks a page's posts: each once in a walk, with its whole text. On an
// error it returns those before it, and notes the long ones as done.
func (r *run) take(ctx context.Context, p *page) (source.Batch, error) {
	out := p.Batch
	out.Posts = nil
	for _, it := range p.items {
		if it.post < 0 || r.seen[it.id] {
			continue
		}
		post := p.Posts[it.post]
		if it.cut {
			if r.known(it) {
				continue
			}
			whole, err := r.c.complete(ctx, r.list.mode, &post, it)
			_, missing := errors.AsType[*gone](err)
			if err != nil && !missing {
				finish(&out)
				return out, err
			}
			if post.Text = cmp.Or(whole, post.Text); whole == "" {
				out.Problem(it.id, "the whole text isn't given: it is cut")
			}
			r.remember(it)
		}
		r.seen[it.id] = true
		out.Posts = append(out.Posts, post)
	}
	finish(&out)
	return out, nil
}

// known reports whether a long post was read by an earlier walk and isn't edited
// since. Asking for its text again at each poll would cost a call per post.
func (r *run) known(it item) bool {
	if r.cur.Read.IsZero() || !it.edited.Before(r.cur.Read) {
		return false
	}
	if it.pinned {
		return slices.Contains(r.cur.Pinned, it.id)
	}
	return it.created.Before(r.cur.High.Add(-slack))
}

func (r *run) remember(it item) {
	r.cur.Walk.Done = append(r.cur.Walk.Done, it.id)
	if it.pinned && !slices.Contains(r.cur.Pinned, it.id) {
		r.cur.Pinned = append(r.cur.Pinned, it.id)
		r.cur.Pinned = r.cur.Pinned[max(0, len(r.cur.Pinned)-maxPinned):]
	}
}

// home gives the posts of one account on m.weibo.cn the place that its profile
// tells: the posts themselves only have the one of their IP address.
func (r *run) home(ctx context.Context, p *page) error {
	if r.list.mode != modeMobile || r.list.uid == "" || len(p.Posts) == 0 {
		return nil
	}
	if now := r.c.now(); now.Sub(r.cur.LivesAt) > profileFor {
		raw, err := r.c.lives(ctx, r.list.uid)
		if err != nil {
			return err
		}
		r.cur.Lives, r.cur.LivesAt = raw, now
	}
	if r.cur.Lives == "" || r.c.opt.Places == nil {
		return nil
	}
	place := kind(r.c.opt.Places.Weibo("", "", r.cur.Lives), "profile")
	byIP := strings.HasPrefix(r.cur.Lives, ipPlace)
	if byIP {
		place = kind(r.c.opt.Places.IP(r.cur.Lives), "ip")
	}
	for i := range p.Posts {
		a := &p.Posts[i].Author
		if byIP && a.Location.Country != "" { // the post's own is of its time
			continue
		}
		if a.ID == r.list.uid && place.Country != "" {
			a.Location = place
		}
	}
	return nil
}

// emit hands a batch over with the cursor behind it.
func (r *run) emit(b source.Batch) error {
	state, err := json.Marshal(r.cur)
	if err != nil {
		return err
	}
	b.Cursor = state
	if !r.yield(b, nil) {
		return errStop
	}
	return nil
}
