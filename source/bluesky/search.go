package bluesky

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"time"

	"weft/models"
	"weft/source"
)

const (
	searchMethod = "app.bsky.feed.searchPosts"
	perPage      = 100
	// overlap is how many posts two pages share. The network's cursor is an offset,
	// so where posts are deleted between two pages, others slip past. If not one of
	// these ten is there again, that happened, and the window is read again.
	overlap = 10
	// deepest is the offset after which a window starts anew further down: far
	// offsets fail.
	deepest = 1000
	// lag is how late a post may show up in the index.
	lag = 10 * time.Minute
)

// searchAt is how far a search was read. High is what was read to its end. As
// long as Until is set, a pass from there down to Since isn't finished.
type searchAt struct {
	High   time.Time `json:"high,omitzero"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // newest of this pass; becomes High
	Window time.Time `json:"window,omitzero"`
	Offset int       `json:"offset,omitempty"`
	Edge   []string  `json:"edge,omitempty"` // the last posts of the page before
}

// search reads the posts that are new since the last pass, newest first. The
// mark moves when all of them were yielded, so a crash on the way misses none.
func (c *Connector) search(ctx context.Context, s settings, at *searchAt, yield func(source.Batch, error) bool) {
	w := c.window(s, at)
	for range s.pages {
		b, err := c.page(ctx, s, &w)
		if err != nil {
			yield(source.Batch{}, err)
			return
		}
		b.Cursor = position{Search: &w}.encode()
		if !yield(b, nil) || w.Until.IsZero() {
			return
		}
	}
}

// window returns the pass to go on with, or a new one.
func (c *Connector) window(s settings, at *searchAt) searchAt {
	if at != nil && !at.Until.IsZero() {
		return *at
	}
	now := c.now().UTC().Truncate(time.Millisecond)
	w := searchAt{Until: now, Window: now, Since: now.Add(-s.backfill)}
	if at != nil && !at.High.IsZero() {
		w.High, w.Since = at.High, at.High.Add(-lag)
	}
	return w
}

// page reads one page, and moves w behind it.
func (c *Connector) page(ctx context.Context, s settings, w *searchAt) (source.Batch, error) {
	q := url.Values{"q": {s.q}, "sort": {"latest"}, "limit": {strconv.Itoa(perPage)}}
	q.Set("since", w.Since.Format(stamp))
	q.Set("until", w.Window.Format(stamp))
	if s.tag != "" {
		q.Set("tag", s.tag)
	}
	if s.lang != "" {
		q.Set("lang", s.lang)
	}
	if w.Offset > 0 {
		q.Set("cursor", strconv.Itoa(w.Offset))
	}
	rec, err := c.ask(ctx, searchMethod, q)
	if err != nil {
		return source.Batch{}, err
	}
	b, err := c.Parse(rec)
	if err != nil {
		return b, err
	}
	list := asObject(rec.Body).list("posts", maxItems)
	if list == nil { // an answer without its list is not the end of the list
		return b, models.Faultf(models.Unavailable, "%s: posts: a list is wanted", searchMethod)
	}
	w.turn(list, asObject(rec.Body).text("cursor") != "", b.Posts)
	b.Posts = slices.DeleteFunc(b.Posts, func(p models.Post) bool { return !s.filter.post(p) })
	return b, nil
}

// stamp is RFC 3339 with milliseconds, as the network writes it.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// turn moves w to the next page.
func (w *searchAt) turn(list []json.RawMessage, more bool, posts []models.Post) {
	uris := make([]string, 0, len(list))
	for _, raw := range list {
		uris = append(uris, asObject(raw).text("uri"))
	}
	if w.Offset > 0 && len(w.Edge) > 0 && !slices.ContainsFunc(uris, func(u string) bool { return slices.Contains(w.Edge, u) }) {
		w.Offset, w.Edge = 0, nil // posts slipped past: read this window again
		return
	}
	if len(uris) == 0 || !more {
		*w = searchAt{High: w.Until}
		return
	}
	w.Edge = slices.Clone(uris[max(len(uris)-overlap, 0):])
	w.Offset += max(len(uris)-overlap, 1)
	if w.Offset >= deepest {
		w.lower(posts)
	}
}

// lower starts the window anew below what was read.
func (w *searchAt) lower(posts []models.Post) {
	var down time.Time
	for _, p := range posts[max(len(posts)-overlap, 0):] {
		if p.CreatedAt.After(down) {
			down = p.CreatedAt
		}
	}
	// Times are asked for in milliseconds, and until doesn't include its own.
	down = down.Truncate(time.Millisecond).Add(time.Millisecond)
	if len(posts) > 0 && down.Before(w.Window) {
		w.Window, w.Offset, w.Edge = down, 0, nil
	}
}
