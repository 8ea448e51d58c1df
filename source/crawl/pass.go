package crawl

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"weft/models"
	"weft/source"
)

// reading reads one query.
type reading struct {
	c    *Crawler
	job  Job
	conn source.Connector
}

func (r reading) name() string         { return r.job.Name }
func (r reading) every() time.Duration { return r.job.Every }

// pass takes in batch after batch: posts, then the cursor.
func (r reading) pass(ctx context.Context, t *turn) error {
	for b, err := range r.conn.Collect(ctx, r.job.Query, t.cur.State) {
		if err != nil {
			return err
		}
		if err := t.take(ctx, r.job, b, r.c.intake); err != nil {
			return err
		}
	}
	return nil
}

// take stores a batch and then its cursor.
func (t *turn) take(ctx context.Context, job Job, b source.Batch, intake Intake) error {
	if len(b.Posts) > 0 {
		var saved error
		err := intake.Room(ctx, func(reason string) {
			t.cur.Paused = reason
			saved = t.save(ctx)
		})
		if err != nil || saved != nil {
			return cmp.Or(saved, err)
		}
	}
	if len(b.Posts)+len(b.Deletions) > 0 {
		if err := intake.Admit(ctx, job, b); err != nil {
			return err
		}
	}
	t.c.opt.Crash(CrashStored)
	now := t.c.opt.Now().UTC()
	t.note(b, now)
	if b.Cursor != nil && !bytes.Equal(b.Cursor, t.cur.State) {
		// It got on: what failed before is over.
		t.cur.State, t.cur.Errors, t.cur.Error, t.cur.Success = b.Cursor, 0, "", now
	}
	t.cur.Paused = ""
	if err := t.save(ctx); err != nil {
		return err
	}
	t.c.opt.Crash(CrashCursor)
	return nil
}

// note keeps count of what the batch brought.
func (t *turn) note(b source.Batch, now time.Time) {
	t.cur.Count(len(b.Posts), now)
	t.cur.Deleted += int64(len(b.Deletions))
	at := b.At
	for _, p := range b.Posts {
		if b.At.IsZero() && p.CreatedAt.After(at) {
			at = p.CreatedAt
		}
	}
	if at.After(t.cur.Event) {
		t.cur.Event = at
	}
	if b.Gap != nil {
		t.cur.AddGap(*b.Gap)
		t.c.opt.Log.Warn("the source no longer gives what was missed", "query", t.cur.Query, "from", b.Gap.From, "to", b.Gap.To, "reason", b.Gap.Reason)
	}
	skipped := maps.Clone(b.Skipped)
	for _, p := range b.Problems {
		if skipped == nil {
			skipped = map[string]int{}
		}
		skipped["could not be read"]++
		t.c.opt.Log.Warn("an entry could not be read", "query", t.cur.Query, "error", p)
	}
	if len(skipped) > 0 {
		all := maps.Clone(t.cur.Skipped)
		if all == nil {
			all = map[string]int64{}
		}
		for reason, n := range skipped {
			all[reason] += int64(n)
		}
		t.cur.Skipped = all
	}
}

// rechecking looks at known posts again, on networks that don't tell of
// deletions and edits.
type rechecking struct {
	c      *Crawler
	source string
	conn   source.Rechecker
}

func (r rechecking) name() string         { return RecheckName(r.source) }
func (r rechecking) every() time.Duration { return r.c.opt.Recheck }

// RecheckName is the name of a source's cursor for re-checks. No query can have it.
func RecheckName(name string) string { return "recheck/" + name }

// pass pages through the young posts of the source.
func (r rechecking) pass(ctx context.Context, t *turn) error {
	var at struct {
		After string `json:"after"`
	}
	if len(t.cur.State) > 0 {
		if err := json.Unmarshal(t.cur.State, &at); err != nil {
			return models.Faultf(models.Permanent, "cursor of %s: %w", r.name(), err)
		}
	}
	for {
		since := r.c.opt.Now().Add(-r.c.opt.Age)
		posts, err := r.c.intake.Known(ctx, r.source, since, at.After, source.RecheckSize)
		if err != nil {
			return fmt.Errorf("crawl: known posts of %s: %w", r.source, err)
		}
		var b source.Batch
		at.After = ""
		if len(posts) > 0 {
			if b, err = r.conn.Recheck(ctx, posts); err != nil {
				return err
			}
			at.After = posts[len(posts)-1].ID
		}
		if b.Cursor, err = json.Marshal(at); err != nil {
			return err
		}
		job := Job{Query: source.Query{Name: r.name(), Source: r.source}, Again: true}
		if err := t.take(ctx, job, b, r.c.intake); err != nil {
			return err
		}
		if len(posts) == 0 {
			return nil
		}
	}
}
