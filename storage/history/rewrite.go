package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"weft/models"
)

// Manifest says which files are the history.
type Manifest interface {
	Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error)
	// Reserve announces the file of a part that is about to be written.
	Reserve(ctx context.Context, part models.Part, now time.Time) error
	// Replace puts fresh in the place of olds in one step, and books how many rows
	// of each post are gone with them; models.ErrConflict if one of them is replaced
	// already, or the reserved file was taken for a leftover: then nothing is changed.
	Replace(ctx context.Context, olds []models.Part, fresh models.Part, rows map[string]int, now time.Time) error
	// Strays returns files that belong to no part; Swept notes that they are deleted.
	Strays(ctx context.Context, now time.Time, max int) ([]string, error)
	Swept(ctx context.Context, paths []string, now time.Time) error
}

// RewriteFiles are the parts' files, as a rewrite needs them.
type RewriteFiles interface {
	// Merge writes the rows of olds, but for those of the posts that without names,
	// as the file of fresh, if that gives what fresh says. It returns the file's size.
	Merge(ctx context.Context, fresh models.Part, olds []models.Part, without func(post string) bool) (int64, error)
	// Verify reads the file back.
	Verify(ctx context.Context, part models.Part) (rows int, checksum uint64, err error)
	Find(ctx context.Context, parts []models.Part, ids []string) ([]models.Row, error)
	// Remove deletes a file; a missing one is a success.
	Remove(ctx context.Context, path string) error
}

// rewrite is a part that is to take the place of others.
type rewrite struct {
	olds  []models.Part
	fresh models.Part
	gone  map[string]int // rows that are left out, by post
}

// newRewrite takes the rows gone out of olds. What the books say of olds says
// what fresh must be, so a file that isn't what its books say is found out.
func newRewrite(olds []models.Part, gone []models.Row, now time.Time) rewrite {
	r := rewrite{olds: olds, fresh: models.Part{
		ID: newPartID(now), Day: olds[0].Day, Source: olds[0].Source, State: models.PartVerified, MadeAt: now,
	}}
	for _, old := range olds {
		r.fresh.Rows += old.Rows
		r.fresh.Checksum += old.Checksum
		r.fresh.Replaces = append(append(r.fresh.Replaces, old.Replaces...), old.ID)
	}
	r.fresh.Rows -= len(gone)
	r.fresh.Checksum -= models.Checksum(gone)
	if len(gone) > 0 {
		r.gone = map[string]int{}
	}
	for _, row := range gone {
		r.gone[row.Post]++
	}
	return r
}

// rewriter replaces parts by others: Reserve, write, read back, load, tally,
// Replace. A crash anywhere leaves nothing behind but a stray.
type rewriter struct {
	name      string // begins the names of its crash points
	manifest  Manifest
	files     RewriteFiles
	warehouse Warehouse // or nil
	clock     func() time.Time
	log       *slog.Logger
	crash     func(name string)
}

// run does rewrites, all by one load job, and returns those that were done.
// Those that fail don't keep the others.
func (w *rewriter) run(ctx context.Context, list []rewrite) (done []rewrite, err error) {
	var errs []error
	var ready []rewrite
	for _, r := range list {
		if err := w.write(ctx, &r); err != nil {
			errs = append(errs, err)
			w.drop(ctx, r)
			continue
		}
		ready = append(ready, r)
	}
	if err := w.load(ctx, ready); err != nil {
		for _, r := range ready {
			w.drop(ctx, r)
		}
		return nil, errors.Join(append(errs, err)...)
	}
	for _, r := range ready {
		if err := w.replace(ctx, r); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, r)
	}
	return done, errors.Join(errs...)
}

// write makes the new file and reads it back.
func (w *rewriter) write(ctx context.Context, r *rewrite) error {
	if r.fresh.Rows == 0 {
		return nil
	}
	if err := w.manifest.Reserve(ctx, r.fresh, w.clock()); err != nil {
		return fmt.Errorf("history: reserve part %s: %w", r.fresh.ID, err)
	}
	w.crash(w.name + ".reserved")
	var err error
	if r.fresh.Bytes, err = w.files.Merge(ctx, r.fresh, r.olds, func(post string) bool { return r.gone[post] > 0 }); err != nil {
		if errors.Is(err, models.ErrNotFound) && !w.holdAll(ctx, r.olds) {
			err = fmt.Errorf("%w: it was replaced, and deleted", models.ErrConflict)
		}
		return fmt.Errorf("history: write part %s in the place of %s: %w", r.fresh.ID, r.olds[0].ID, err)
	}
	w.crash(w.name + ".written")
	n, sum, err := w.files.Verify(ctx, r.fresh)
	if err != nil {
		return fmt.Errorf("history: verify part %s: %w", r.fresh.ID, err)
	}
	if n != r.fresh.Rows || sum != r.fresh.Checksum {
		return mismatch("the file", r.fresh, n, sum)
	}
	return nil
}

// load brings the new parts into the warehouse, and looks whether it has them.
func (w *rewriter) load(ctx context.Context, list []rewrite) error {
	if w.warehouse == nil {
		return nil
	}
	job := newLoad(w.clock())
	var parts []models.Part
	for i := range list {
		if fresh := &list[i].fresh; fresh.Rows > 0 {
			fresh.Load, fresh.Loads = job, 1
			parts = append(parts, *fresh)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	if err := w.warehouse.Load(ctx, job, parts); err != nil {
		return fmt.Errorf("history: load %d rewritten parts, from %s on, by job %s: %w", len(parts), parts[0].ID, job, err)
	}
	w.crash(w.name + ".loaded")
	tallies, err := w.warehouse.Tally(ctx, parts)
	if err != nil {
		return fmt.Errorf("history: tally %d rewritten parts, from %s on: %w", len(parts), parts[0].ID, err)
	}
	for _, part := range parts {
		if t := tallies[part.ID]; !agrees(t, part) {
			return mismatch("the table", part, t.Rows, t.Checksum)
		}
	}
	return nil
}

func (w *rewriter) replace(ctx context.Context, r rewrite) error {
	err := w.manifest.Replace(ctx, r.olds, r.fresh, r.gone, w.clock())
	if err == nil {
		w.crash(w.name + ".replaced")
		return nil
	}
	if errors.Is(err, models.ErrConflict) && !w.holds(ctx, r.fresh) {
		w.drop(ctx, r)
	}
	return fmt.Errorf("history: replace %d parts, from %s on: %w", len(r.olds), r.olds[0].ID, err)
}

// holds reports whether a part is in the manifest, or may be.
func (w *rewriter) holds(ctx context.Context, part models.Part) bool {
	return w.holdAll(ctx, []models.Part{part})
}

func (w *rewriter) holdAll(ctx context.Context, wanted []models.Part) bool {
	parts, err := w.manifest.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return true
	}
	there := map[string]bool{}
	for i := range parts {
		there[parts[i].ID] = true
	}
	return !slices.ContainsFunc(wanted, func(p models.Part) bool { return !there[p.ID] })
}

// drop takes away what became of a rewrite that failed. It holds rows that may
// be forgotten meanwhile, so it should not wait until it counts as a stray; but
// if this fails, it does.
func (w *rewriter) drop(ctx context.Context, r rewrite) {
	if r.fresh.Rows == 0 {
		return
	}
	err := w.files.Remove(ctx, r.fresh.Path())
	if w.warehouse != nil && r.fresh.Load != "" {
		err = errors.Join(err, w.warehouse.Remove(ctx, []models.Part{bare(r.fresh)}))
	}
	if err != nil {
		w.log.Warn("a part that is not used is left for later", "part", r.fresh.ID, "error", err)
	}
}
