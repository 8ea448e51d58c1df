package mastodon

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"weft/models"
	"weft/source"
)

const (
	// maxPages bounds one run; the next goes on where it stopped.
	maxPages = 250
	// policyEvery is how often an instance is asked whether we may.
	policyEvery = 6 * time.Hour
)

// Collect reads a hashtag's timeline from its newest post down to what is known.
func (c *Connector) Collect(ctx context.Context, q source.Query, state json.RawMessage) iter.Seq2[source.Batch, error] {
	return func(yield func(source.Batch, error) bool) {
		s, err := c.settings(q)
		if err != nil {
			yield(source.Batch{}, models.Faultf(models.Permanent, "query %s: %w", q.Name, err))
			return
		}
		r := &run{c: c, set: s, cur: readCursor(state, s.target())}
		if now := c.opt.Now(); now.Sub(r.cur.Policy) >= policyEvery {
			if err := c.policy(ctx, s); err != nil {
				yield(source.Batch{}, err)
				return
			}
			r.cur.Policy = now.UTC()
		}
		r.collect(ctx, yield)
	}
}

// run is one reading of a timeline.
type run struct {
	c   *Connector
	set settings
	cur cursor
}

// collect ends the pass that was broken off, if there is one, and makes a new one.
func (r *run) collect(ctx context.Context, yield func(source.Batch, error) bool) {
	resumed := r.cur.Pass != nil
	if !resumed {
		r.cur.begin(r.set.overlap)
	}
	for range maxPages {
		b, err := r.page(ctx)
		if err == nil {
			b.Cursor, err = r.cur.encode()
		}
		if err != nil {
			yield(source.Batch{}, err)
			return
		}
		if !yield(b, nil) {
			return
		}
		switch {
		case r.cur.Pass != nil:
		case resumed:
			resumed = false
			r.cur.begin(r.set.overlap)
		default:
			return
		}
	}
}

// page reads one page and moves the cursor behind it.
func (r *run) page(ctx context.Context) (source.Batch, error) {
	p := r.cur.Pass
	form := r.set.form()
	if p.Resume != "" {
		form.Set("max_id", p.Resume)
	}
	if p.Floor != "" {
		form.Set("since_id", p.Floor)
	}
	a, call, err := r.c.get(ctx, r.set.instance, "/api/v1/timelines/tag/"+url.PathEscape(r.set.tag), form)
	if err != nil {
		return source.Batch{}, err
	}
	if a.Status != http.StatusOK {
		return source.Batch{}, a.Fail(call)
	}
	var list []json.RawMessage
	if json.Unmarshal(a.Body, &list) != nil {
		return source.Batch{}, models.Faultf(models.Retryable, "%s: the timeline is no list: %s", r.set.instance, said(a.Body))
	}
	var b source.Batch
	rd := reader{instance: r.set.instance, now: a.At, skipBots: r.set.skipBots}
	lowest, reached := "", false
	for i, raw := range list[:min(len(list), maxEntries)] {
		o := asObject(raw)
		id := o.text("id")
		if id != "" {
			if p.Floor != "" && !below(p.Floor, id) {
				reached = true
				continue
			}
			if lowest == "" || below(id, lowest) {
				lowest = id
			}
			r.mark(o, id, i == 0 || i == len(list)-1, a.At)
		}
		rd.add(&b, fmt.Sprintf("[%d]", i), raw)
	}
	p.Read += len(list)
	next := nextPage(a.Header, lowest)
	full := p.Floor == "" && p.Read >= r.set.backfill
	if len(list) == 0 || reached || full || next == "" {
		if p.Floor == "" && (len(list) == 0 || next == "") {
			p.Marks = append(p.Marks, mark{ID: "0"}) // nothing is below: a late post may be
		}
		r.cur.end(r.set.overlap)
		return b, nil
	}
	if p.Resume != "" && !below(next, p.Resume) {
		return source.Batch{}, models.Faultf(models.Retryable, "%s: the page below id %s leads to %s, which is not below it", r.set.instance, p.Resume, clip(next))
	}
	p.Resume = next
	return b, nil
}

// mark notes a post of the page, if it is one to be noted.
func (r *run) mark(o object, id string, wanted bool, now time.Time) {
	at, ok := parseTime(o.text("created_at"))
	p := r.cur.Pass
	if !wanted || !ok {
		return
	}
	if at.After(now) {
		at = now.UTC()
	}
	p.Marks = append(p.Marks, mark{ID: id, At: at})
	if len(p.Marks) > 2*maxMarks { // a long pass: every second one of those behind the newest is enough
		kept := p.Marks[:1]
		for i := 1; i < len(p.Marks); i += 2 {
			kept = append(kept, p.Marks[i])
		}
		p.Marks = kept
	}
}
