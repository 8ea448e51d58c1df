package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
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

// EraserParams are what an Eraser needs.
type EraserParams struct {
	Erasures Erasures
	Manifest Manifest
	Files    RewriteFiles
	// Warehouse is where the parts are loaded, too; nil: nowhere.
	Warehouse Warehouse
	// Wait is how long the first post of a day and source waits for others before
	// their parts are rewritten: a rewrite costs the whole part. What a person
	// asked for doesn't wait, and readers see none of them meanwhile.
	Wait  time.Duration
	Clock func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: silent
	// Crash is called at erase.reserved, erase.written, erase.loaded,
	// erase.replaced; nil in production.
	Crash func(name string)
}

// Eraser takes the rows of forgotten posts out of the history. Files are never
// changed: a part that holds such a row is written anew without it, under
// another id, and takes the old one's place in one transaction. Until then its
// file is a stray, and afterwards the old one is; strays are deleted, again and
// again for a day, from the warehouse as well. So a crash leaves nothing behind
// but a stray. A post gets its receipt when no part holds it, and the strays
// known by then are deleted. (A merge that crashed may have written it once more,
// to a file that no reader knows; such a file counts as a stray after six hours.)
// Several may run at once.
type Eraser struct {
	p EraserParams
	w rewriter

	mu    sync.Mutex
	swept map[string]again
}

// again is when a stray is deleted once more.
type again struct {
	at   time.Time
	wait time.Duration
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
	// A stray is deleted again after a second, then after twice as long each time,
	// at last every hour: a deletion in the warehouse has its price.
	sweepSoon = time.Second
	sweepLate = time.Hour
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
	return &Eraser{p: p, swept: map[string]again{}, w: rewriter{
		name: "erase", manifest: p.Manifest, files: p.Files, warehouse: p.Warehouse, clock: p.Clock, log: p.Log, crash: p.Crash,
	}}
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

// sweep deletes what belongs to no part. What this eraser deleted a moment ago
// is left for later.
func (e *Eraser) sweep(ctx context.Context) error {
	now := e.p.Clock()
	paths, err := e.p.Manifest.Strays(ctx, now, allParts)
	if err != nil {
		return err
	}
	due := e.due(paths, now)
	var parts []models.Part
	for _, path := range due {
		if err := e.p.Files.Remove(ctx, path); err != nil {
			return fmt.Errorf("history: remove %s: %w", path, err)
		}
		if part, ok := models.ParsePath(path); ok {
			parts = append(parts, part)
		}
	}
	if e.p.Warehouse != nil {
		for chunk := range slices.Chunk(parts, page) {
			if err := e.p.Warehouse.Remove(ctx, chunk); err != nil {
				return fmt.Errorf("history: remove %d strays from the table: %w", len(chunk), err)
			}
		}
	}
	e.note(due, now)
	if len(due) == 0 {
		return nil
	}
	return e.p.Manifest.Swept(ctx, due, now)
}

// due returns those of paths whose time has come, and forgets all others that it knew.
func (e *Eraser) due(paths []string, now time.Time) (due []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := map[string]again{}
	for _, path := range paths {
		if last, ok := e.swept[path]; ok {
			known[path] = last
		}
		if !now.Before(known[path].at) {
			due = append(due, path)
		}
	}
	e.swept = known
	return due
}

// note remembers when to delete paths again.
func (e *Eraser) note(paths []string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, path := range paths {
		wait := min(sweepLate, max(sweepSoon, 2*e.swept[path].wait))
		e.swept[path] = again{at: now.Add(wait), wait: wait}
	}
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

// folder takes the posts out of the parts, and books that it did. The strays are
// swept in between: the parts were listed before, so whatever held such a post is
// either among them or among the strays.
func (e *Eraser) folder(ctx context.Context, parts []models.Part, ids []string, done *Erased) error {
	var list []rewrite
	for _, part := range parts {
		rows, err := e.p.Files.Find(ctx, []models.Part{part}, ids)
		if err != nil {
			return fmt.Errorf("history: look into part %s: %w", part.ID, err)
		}
		if len(rows) > 0 {
			list = append(list, newRewrite([]models.Part{part}, rows, e.p.Clock()))
		}
	}
	rewritten, err := e.w.run(ctx, list)
	for _, r := range rewritten {
		for _, n := range r.gone {
			done.Rows += n
		}
		if r.fresh.Rows > 0 {
			done.Rewritten++
		} else {
			done.Removed++
		}
	}
	if err != nil {
		return err
	}
	if err := e.sweep(ctx); err != nil {
		return err
	}
	if err := e.p.Erasures.Erased(ctx, ids, e.p.Clock()); err != nil {
		return fmt.Errorf("history: book %d erased posts: %w", len(ids), err)
	}
	done.Posts += len(ids)
	return nil
}
