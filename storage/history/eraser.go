package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"weft/models"
)

// Erasures are the forgotten posts whose rows the history may still hold.
type Erasures interface {
	Erasures(ctx context.Context, after string, max int) ([]models.Erasure, error)
	// Erased takes posts off that list, and books their receipts from what Replace
	// was told.
	Erased(ctx context.Context, posts []string, now time.Time) error
	// Reduce leaves of tombstones erased by before no more than a hash; Expire
	// forgets hashes whose time is over, some of them each time.
	Reduce(ctx context.Context, before time.Time, max int) (int, error)
	Expire(ctx context.Context, now time.Time) (int64, error)
}

// Manifest says which files are the history.
type Manifest interface {
	Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error)
	// Reserve announces the file of a part that is about to be written.
	Reserve(ctx context.Context, part models.Part, now time.Time) error
	// Replace puts fresh in the place of old in one step, and books how many rows
	// of each post are gone with it; models.ErrConflict if another eraser did so, or
	// took the reserved file for a leftover.
	Replace(ctx context.Context, old, fresh models.Part, rows map[string]int, now time.Time) error
	// Strays returns files that belong to no part; Swept notes that they are deleted.
	Strays(ctx context.Context, now time.Time, max int) ([]string, error)
	Swept(ctx context.Context, paths []string, now time.Time) error
}

// RewriteFiles are the parts' files, as a rewrite needs them.
type RewriteFiles interface {
	PartFiles
	Find(ctx context.Context, parts []models.Part, ids []string) ([]models.Row, error)
	Read(ctx context.Context, part models.Part) ([]models.Row, error)
	// Remove deletes a file; a missing one is a success.
	Remove(ctx context.Context, path string) error
}

// EraserParams are what an Eraser needs.
type EraserParams struct {
	Erasures Erasures
	Manifest Manifest
	Files    RewriteFiles
	// Wait is how long the first post of a day and source waits for others before
	// their parts are rewritten: a rewrite costs the whole part. What a person
	// asked for doesn't wait, and readers see none of them meanwhile.
	Wait  time.Duration
	Clock func() time.Time  // nil: time.Now
	Log   *slog.Logger      // nil: silent
	Crash func(name string) // called at erase.reserved, erase.written, erase.replaced; nil in production
}

// Eraser takes the rows of forgotten posts out of the history. Files are never
// changed: a part that holds such a row is written anew without it, under
// another id, and takes the old one's place in one transaction. Until then its
// file is a stray, and afterwards the old one is; strays are deleted, again and
// again for a day. So a crash leaves nothing behind but a stray. Several may run
// at once.
type Eraser struct {
	p EraserParams
}

// Erased says what one pass did.
type Erased struct {
	Posts     int   `json:"posts"`     // that the history holds nothing of any more
	Rows      int   `json:"rows"`      // that were erased
	Rewritten int   `json:"rewritten"` // parts that were replaced
	Removed   int   `json:"removed"`   // parts of which nothing was left
	Reduced   int   `json:"reduced"`   // tombstones of which only a hash stays
	Expired   int64 `json:"expired"`   // hashes whose time is over
}

const (
	// kept is how long a tombstone outlives the erasure: whatever was about to
	// write something of its post has come by then.
	kept = 24 * time.Hour
	// allParts is as many parts as there ever are.
	allParts = 1 << 30
)

// NewEraser returns an eraser.
func NewEraser(p EraserParams) *Eraser {
	if p.Clock == nil {
		p.Clock = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Crash == nil {
		p.Crash = func(string) {}
	}
	return &Eraser{p: p}
}

// Run makes one pass. Parts that can't be rewritten don't keep the others: their
// errors are returned together, and the next pass tries again.
func (e *Eraser) Run(ctx context.Context) (Erased, error) {
	var done Erased
	errs := []error{e.sweep(ctx), e.erase(ctx, &done), e.sweep(ctx)}
	now := e.p.Clock()
	for {
		n, err := e.p.Erasures.Reduce(ctx, now.Add(-kept), page)
		done.Reduced += n
		if err != nil || n < page {
			errs = append(errs, err)
			break
		}
	}
	n, err := e.p.Erasures.Expire(ctx, now)
	done.Expired = n
	return done, errors.Join(append(errs, err)...)
}

// sweep deletes what belongs to no part.
func (e *Eraser) sweep(ctx context.Context) error {
	paths, err := e.p.Manifest.Strays(ctx, e.p.Clock(), allParts)
	if err != nil || len(paths) == 0 {
		return err
	}
	for _, path := range paths {
		if err := e.p.Files.Remove(ctx, path); err != nil {
			return fmt.Errorf("history: remove %s: %w", path, err)
		}
	}
	return e.p.Manifest.Swept(ctx, paths, e.p.Clock())
}

// folder is what a part is of. An empty day is any.
type folder struct{ source, day string }

// erase takes the posts folder by folder, so that a part is written once for all
// of them. Those whose day is not known come last, since they may replace parts
// of any day.
func (e *Eraser) erase(ctx context.Context, done *Erased) error {
	waiting, err := e.waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return err
	}
	parts, err := e.p.Manifest.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return fmt.Errorf("history: list verified parts: %w", err)
	}
	folders := slices.SortedFunc(maps.Keys(waiting), func(a, b folder) int {
		return cmp.Or(-cmp.Compare(a.day, b.day), cmp.Compare(a.source, b.source))
	})
	var errs []error
	for _, at := range folders {
		if at.day == "" {
			if parts, err = e.p.Manifest.Parts(ctx, models.PartVerified, allParts); err != nil {
				return errors.Join(append(errs, err)...)
			}
		}
		in := slices.DeleteFunc(slices.Clone(parts), func(p models.Part) bool {
			return p.Source != at.source || (at.day != "" && p.Day != at.day)
		})
		if err := e.folder(ctx, in, waiting[at], done); err != nil {
			e.p.Log.Error("posts are not erased from history yet", "source", at.source, "day", at.day, "posts", len(waiting[at]), "error", err)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// waiting lists the posts whose time has come, by folder.
func (e *Eraser) waiting(ctx context.Context) (map[folder][]string, error) {
	all := map[folder][]string{}
	ready := map[folder]bool{}
	now := e.p.Clock()
	for after := ""; ; {
		list, err := e.p.Erasures.Erasures(ctx, after, page)
		if err != nil {
			return nil, fmt.Errorf("history: list erasures: %w", err)
		}
		for _, post := range list {
			at := folder{post.Source, post.Day}
			all[at] = append(all[at], post.Post)
			ready[at] = ready[at] || post.Firm || e.p.Wait <= 0 || now.Sub(post.At) >= e.p.Wait
			after = post.Post
		}
		if len(list) < page {
			break
		}
	}
	for at := range all {
		if !ready[at] {
			delete(all, at)
		}
	}
	return all, nil
}

// folder takes the posts out of the parts, and books that it did.
func (e *Eraser) folder(ctx context.Context, parts []models.Part, ids []string, done *Erased) error {
	for _, part := range parts {
		rows, err := e.p.Files.Find(ctx, []models.Part{part}, ids)
		if err != nil {
			return fmt.Errorf("history: look into part %s: %w", part.ID, err)
		}
		if len(rows) == 0 {
			continue
		}
		if err := e.rewrite(ctx, part, rows, done); err != nil {
			return err
		}
	}
	if err := e.p.Erasures.Erased(ctx, ids, e.p.Clock()); err != nil {
		return fmt.Errorf("history: book %d erased posts: %w", len(ids), err)
	}
	done.Posts += len(ids)
	return nil
}

// rewrite writes the part without the posts of gone, reads that back, and only then puts
// it in the old one's place. A part that isn't what its books say is left alone:
// that has to be looked into, not written over.
func (e *Eraser) rewrite(ctx context.Context, old models.Part, gone []models.Row, done *Erased) error {
	rows, err := e.p.Files.Read(ctx, old)
	if err != nil {
		return fmt.Errorf("history: read part %s: %w", old.ID, err)
	}
	if n, sum := len(rows), models.Checksum(rows); n != old.Rows || sum != old.Checksum {
		return mismatch("the file", old, n, sum)
	}
	counts := map[string]int{}
	for _, row := range gone {
		counts[row.Post]++
	}
	rows = slices.DeleteFunc(rows, func(r models.Row) bool { return counts[r.Post] > 0 })
	now := e.p.Clock()
	fresh := models.Part{
		ID: newPartID(now), Day: old.Day, Source: old.Source, State: models.PartVerified,
		Rows: len(rows), Checksum: models.Checksum(rows), MadeAt: now, Replaces: append(slices.Clone(old.Replaces), old.ID),
	}
	if len(rows) > 0 {
		if err := e.write(ctx, &fresh, rows, now); err != nil {
			return err
		}
	}
	if err := e.p.Manifest.Replace(ctx, old, fresh, counts, now); err != nil {
		return fmt.Errorf("history: replace part %s: %w", old.ID, err)
	}
	e.p.Crash("erase.replaced")
	done.Rows += len(gone)
	if fresh.Rows > 0 {
		done.Rewritten++
	} else {
		done.Removed++
	}
	return nil
}

// write makes the new file and reads it back.
func (e *Eraser) write(ctx context.Context, fresh *models.Part, rows []models.Row, now time.Time) error {
	if err := e.p.Manifest.Reserve(ctx, *fresh, now); err != nil {
		return fmt.Errorf("history: reserve part %s: %w", fresh.ID, err)
	}
	e.p.Crash("erase.reserved")
	var err error
	if fresh.Bytes, err = e.p.Files.Write(ctx, *fresh, rows); err != nil {
		return fmt.Errorf("history: write part %s: %w", fresh.ID, err)
	}
	e.p.Crash("erase.written")
	n, sum, err := e.p.Files.Verify(ctx, *fresh)
	if err != nil {
		return fmt.Errorf("history: verify part %s: %w", fresh.ID, err)
	}
	if n != fresh.Rows || sum != fresh.Checksum {
		return mismatch("the file", *fresh, n, sum)
	}
	return nil
}
