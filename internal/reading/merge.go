package reading

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"weft/models"
)

// Stream returns every post that fits q, from both ends, each once, in the order
// of creation (q.Sort: newest or oldest), behind a place. It goes on for as long
// as it takes, in rounds that each see the stores anew; want is about how many
// posts will be taken, and 0 all.
func (r *Reader) Stream(ctx context.Context, q models.SearchQuery, after models.Place, want int) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		if err := check(q); err != nil {
			yield(Found{}, err)
			return
		}
		m := &merge{r: r, f: newFilter(q), oldest: q.Sort == "oldest", after: after, size: round}
		if want > 0 {
			m.size = min(max(want, 20), round)
		}
		defer m.stop()
		for !m.done && !m.f.nothing {
			found, err := m.round(ctx)
			if err != nil {
				yield(Found{}, err)
				return
			}
			for i := range found {
				if !yield(found[i], nil) {
					return
				}
			}
		}
	}
}

// merge is a stream under way.
type merge struct {
	r      *Reader
	f      *filter
	oldest bool
	after  models.Place // of what was merged
	size   int          // of a round
	done   bool
	walk   *walk // through the history, while it is good
	lost   int   // files in a row that were not there
}

// mostLost is how many files may be gone in a row, since others took their places.
const mostLost = 10

func (m *merge) stop() {
	if m.walk != nil {
		m.walk.stop()
	}
}

// round merges what comes next. The order of its looks is what makes each post
// come once, see the package.
func (m *merge) round(ctx context.Context) ([]Found, error) {
	recent, end, err := m.recent(ctx)
	if err != nil {
		return nil, err
	}
	mark, err := m.r.p.Documents.Watermark(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	old, oldEnd, err := m.old(ctx, mark, end)
	if err != nil {
		return nil, err
	}
	if oldEnd.ID != "" { // the history has more before search's end
		end = oldEnd
	}
	both, err := m.join(ctx, recent, old, end)
	m.after, m.done = end, end.ID == ""
	return both, err
}

// recent is a page of search. end is the place up to which it is complete; none,
// if it has all that is left.
func (m *merge) recent(ctx context.Context) (found []models.SearchDoc, end models.Place, err error) {
	q := m.f.q
	q.Facets, q.After, q.Limit, q.Uncounted = nil, "", m.size, true
	q.Sort = "newest"
	at := time.UnixMilli(m.after.Milli).UTC()
	if m.oldest {
		q.Sort = "oldest"
	}
	switch {
	case m.after.ID == "":
	case m.oldest && at.After(q.Since):
		q.Since = at
	case !m.oldest && (q.Until.IsZero() || at.Add(time.Millisecond).Before(q.Until)):
		q.Until = at.Add(time.Millisecond)
	}
	for {
		a, err := m.r.p.Search.Search(ctx, q)
		if err != nil {
			return nil, end, err
		}
		for _, d := range a.Hits {
			if models.PlaceOf(d.ID, d.CreatedAt).Behind(m.after, m.oldest) {
				found = append(found, d)
			}
		}
		if a.Next == "" {
			return found, models.Place{}, nil
		}
		if q.After = a.Next; len(found) > 0 {
			last := found[len(found)-1]
			return found, models.PlaceOf(last.ID, last.CreatedAt), nil
		}
	}
}

// old is what the history has up to a place, none being the end of all. It may
// end sooner, at the place that it returns.
func (m *merge) old(ctx context.Context, mark models.Watermark, until models.Place) (found []Found, end models.Place, err error) {
	w, err := m.walking(ctx, mark)
	if err != nil || w == nil {
		return nil, end, err
	}
	for looked := 0; ; {
		row, err := w.peek(ctx)
		if errors.Is(err, models.ErrNotFound) && m.lost < mostLost { // a file was replaced: on with what is there now
			m.lost++
			at := w.last
			m.stop()
			m.walk = nil
			if at == m.after {
				return m.old(ctx, mark, until)
			}
			return found, at, nil
		}
		if err != nil {
			return nil, end, err
		}
		if row == nil {
			return found, end, nil
		}
		at := models.PlaceOf(row.Post, row.CreatedAt)
		if until.ID != "" && at.Behind(until, m.oldest) {
			return found, end, nil
		}
		if looked >= m.size*10 || len(found) >= m.size {
			return found, w.last, nil
		}
		looked++
		m.lost = 0
		var f models.Frozen
		if err := json.Unmarshal(row.Body, &f); err != nil {
			return nil, end, models.Faultf(models.Permanent, "reading: row %s: %w", row.Key(), err)
		}
		w.take(at)
		if d, ok := models.Project(&f.Post); ok && m.f.fits(&d) {
			found = append(found, Found{Doc: d, Post: &f.Post})
		}
	}
}

// join merges both pages up to a place.
func (m *merge) join(ctx context.Context, recent []models.SearchDoc, old []Found, end models.Place) ([]Found, error) {
	seen := map[string]bool{}
	var both []Found
	for _, d := range recent {
		if f := (Found{Doc: d}); end.ID == "" || !f.place().Behind(end, m.oldest) {
			both = append(both, f)
		}
		seen[d.ID] = true
	}
	old = slices.DeleteFunc(old, func(f Found) bool { return seen[f.Doc.ID] })
	ids := make([]string, len(old))
	for i := range old {
		ids[i] = old[i].Doc.ID
	}
	standings, err := m.r.p.Documents.Standings(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	for i := range old {
		st, ok := standings[old[i].Doc.ID]
		if ok && st.Live {
			ok, err = m.alive(ctx, &old[i])
		}
		if err != nil {
			return nil, err
		}
		if ok && !st.Hidden {
			both = append(both, old[i])
		}
	}
	slices.SortFunc(both, func(a, b Found) int { return order(a.place(), b.place(), m.oldest) })
	return both, nil
}

// alive looks at a post that the documents have and search didn't show: it may be
// on its way out, or back, or have changed so that it doesn't fit any more.
func (m *merge) alive(ctx context.Context, f *Found) (bool, error) {
	post, _, err := m.r.p.Documents.Post(ctx, f.Doc.ID)
	if errors.Is(err, models.ErrNotFound) { // it left just now, as the row has it
		standings, err := m.r.p.Documents.Standings(ctx, []string{f.Doc.ID})
		st, ok := standings[f.Doc.ID]
		return ok && !st.Live && !st.Hidden, err
	}
	if err != nil {
		return false, fmt.Errorf("reading: %w", err)
	}
	d, ok := models.Project(&post)
	if !ok || !m.f.fits(&d) {
		return false, nil
	}
	*f = Found{Doc: d, Post: &post}
	return true, nil
}

func order(a, b models.Place, oldest bool) int {
	if a.Milli != b.Milli {
		if oldest {
			return cmp.Compare(a.Milli, b.Milli)
		}
		return cmp.Compare(b.Milli, a.Milli)
	}
	return cmp.Compare(a.ID, b.ID)
}
