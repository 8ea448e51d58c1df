package crawl

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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

func (r reading) of() (name, hash string) {
	// a map is written in the order of its keys; what a query holds can be written
	text, _ := json.Marshal(r.job.Query) //nolint:errchkjson // texts and a number
	sum := sha256.Sum256(text)
	return r.job.Source, hex.EncodeToString(sum[:8])
}

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
	if len(b.Cursor) > maxState {
		return models.Faultf(models.Permanent, "the cursor would be %d bytes, of %d at most: an answer of the source makes it grow", len(b.Cursor), maxState)
	}
	if len(b.Posts) > 0 {
		var saved error
		err := intake.Room(ctx, func(reason string) {
			t.cur.Paused = clip(reason)
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

const (
	// maxState bounds what a connector keeps in a cursor, which is written with each batch.
	maxState = 1 << 20
	// maxReasons bounds the reasons that a cursor counts.
	maxReasons = 32
	// shownProblems is how many unreadable entries of a batch are logged; all are counted.
	shownProblems = 5
)

// note keeps count of what the batch brought.
func (t *turn) note(b source.Batch, now time.Time) {
	t.cur.Count(len(b.Posts), now)
	t.cur.Deleted += int64(len(b.Deletions))
	if r := t.c.opt.Recorder; r != nil {
		r.Collected(t.cur.Query, len(b.Posts), len(b.Deletions))
	}
	at := b.At
	for _, p := range b.Posts {
		if b.At.IsZero() && p.CreatedAt.After(at) {
			at = p.CreatedAt
		}
	}
	if at.After(now) {
		at = now // a lag below zero, for ever, says nothing
	}
	if at.After(t.cur.Event) || t.cur.Event.After(now) {
		t.cur.Event = at
	}
	if b.Gap != nil {
		t.cur.AddGap(*b.Gap)
		t.c.opt.Log.Warn("the source no longer gives what was missed", "query", t.cur.Query, "from", b.Gap.From, "to", b.Gap.To, "reason", b.Gap.Reason)
	}
	for i, p := range b.Problems[:min(len(b.Problems), shownProblems)] {
		t.c.opt.Log.Warn("an entry could not be read", "query", t.cur.Query, "error", clip(p.Error()), "more", len(b.Problems)-1-i)
	}
	t.skip(b)
}

// skip counts what was not taken. Reasons are words of the connectors; should
// one quote a stranger all the same, the cursor doesn't grow with them.
func (t *turn) skip(b source.Batch) {
	if len(b.Skipped)+len(b.Problems) == 0 {
		return
	}
	all := maps.Clone(t.cur.Skipped)
	if all == nil {
		all = map[string]int64{}
	}
	add := func(reason string, n int) {
		if reason = clip(reason); len(reason) > 100 || (all[reason] == 0 && len(all) >= maxReasons) {
			reason = "other reasons"
		}
		all[reason] += int64(n)
	}
	for _, reason := range slices.Sorted(maps.Keys(b.Skipped)) {
		add(reason, b.Skipped[reason])
	}
	if n := len(b.Problems); n > 0 {
		add("could not be read", n)
	}
	t.cur.Skipped = all
}

// rechecking looks at known posts again, on networks that don't tell of
// deletions and edits.
type rechecking struct {
	c      *Crawler
	source string
	conn   source.Rechecker
}

func (r rechecking) name() string            { return RecheckName(r.source) }
func (r rechecking) every() time.Duration    { return r.c.opt.Recheck }
func (r rechecking) of() (name, hash string) { return r.source, "" }

// RecheckName is the name of a source's cursor for re-checks. No query can have it.
func RecheckName(name string) string { return "recheck/" + name }

// recheckAt is the cursor of a re-check.
type recheckAt struct {
	After string `json:"after"`
	Size  int    `json:"size"` // posts asked for at once: halved by a failure, doubled by a success
}

// pass pages through the young posts of the source. Some networks want a call
// for each post, and one bad call costs the page; smaller pages get through
// where calls often fail.
func (r rechecking) pass(ctx context.Context, t *turn) error {
	at := recheckAt{Size: source.RecheckSize}
	if len(t.cur.State) > 0 && json.Unmarshal(t.cur.State, &at) != nil {
		at = recheckAt{} // nothing is lost by beginning again
	}
	for {
		at.Size = max(1, min(at.Size, source.RecheckSize))
		since := r.c.opt.Now().Add(-r.c.opt.Age)
		posts, err := r.c.intake.Known(ctx, r.source, since, at.After, at.Size)
		if err != nil {
			return fmt.Errorf("crawl: known posts of %s: %w", r.source, err)
		}
		var b source.Batch
		next := recheckAt{Size: at.Size * 2}
		if len(posts) > 0 {
			if b, err = r.conn.Recheck(ctx, posts); err != nil {
				at.Size /= 2
				t.cur.State, _ = json.Marshal(at)
				return err
			}
			next.After = posts[len(posts)-1].ID
			date(b.Posts, posts, r.c.opt.Now().UTC())
		}
		if b.Cursor, err = json.Marshal(next); err != nil {
			return err
		}
		job := Job{Query: source.Query{Name: r.name(), Source: r.source}, Again: true}
		if err := t.take(ctx, job, b, r.c.intake); err != nil {
			return err
		}
		if len(posts) == 0 {
			return nil
		}
		at = next
	}
}

// date gives edits that a network doesn't date the moment at which they were
// seen: a stream that comes by the old text later must not undo them.
func date(read, known []models.Post, now time.Time) {
	content := map[string]string{}
	for i := range known {
		content[known[i].ID] = known[i].ContentHash()
	}
	for i := range read {
		p := &read[i]
		if old, ok := content[p.ID]; ok && p.EditedAt.IsZero() && old != p.ContentHash() {
			p.EditedAt = now
		}
	}
}
