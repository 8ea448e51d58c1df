// Package history brings published posts from the document store into the
// history, and lets them leave the document store once they are safe there.
//
// Builder makes parts: staged rows of one day and source are assigned to a
// part, written as a file, loaded into the warehouse, read back and compared,
// and marked. Every arrow of staged → written → loading → loaded → verified is a
// fact in the document store, so a builder that crashed goes on with the same
// part, and two builders at once only do some work twice. Without a warehouse
// nothing is loading.
//
// Purger removes posts that are verified and older than their profiles keep them.
// Eraser takes the rows of forgotten posts out of the parts, and Compactor merges
// small parts; Reader reads while they do.
package history

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"weft/models"
)

// Staging is where rows wait and where parts are booked.
type Staging interface {
	// Assign books up to maxRows waiting rows, archived by before, of one day
	// and source, as the part partID. It is false when no row waits.
	Assign(ctx context.Context, partID string, maxRows int, before time.Time) (models.Part, bool, error)
	// Parts returns up to max parts in a state, the oldest first.
	Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error)
	// PartRows returns the rows of a part; their bodies are gone once it is verified.
	PartRows(ctx context.Context, id string) ([]models.Row, error)
}

// Mover books a part's progress: part is stored if its state is still from and
// its Loads are still part's (one less, if part is booked for a load, by which it
// becomes loading or stays verified), else models.ErrConflict.
type Mover interface {
	MovePart(ctx context.Context, part models.Part, from models.PartState) error
}

// PartFiles are the parts' files.
type PartFiles interface {
	// Write makes the file of part, or accepts the one that is there if it
	// holds exactly these rows. It returns the file's size.
	Write(ctx context.Context, part models.Part, rows []models.Row) (int64, error)
	// Verify reads the file back.
	Verify(ctx context.Context, part models.Part) (rows int, checksum uint64, err error)
}

const (
	defaultMaxRows = 50_000
	page           = 1000 // parts listed at once
	maxParts       = 1000 // parts assigned in one pass, so that a pass ends
)

// Params are what a Builder needs.
type Params struct {
	Staging   Staging
	Mover     Mover
	Files     PartFiles
	Warehouse Warehouse        // nil: there is none, the files are the history
	Clock     func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: silent
	MaxRows   int              // of a part; 0: 50,000
	MinAge    time.Duration    // how long a row waits for others before it is put into a part
	// Crash is called at part.assigned, part.written, part.booked, part.loaded,
	// part.verified, part.unloaded; nil in production.
	Crash func(name string)
}

// Builder makes parts. Several may run at once, here or elsewhere.
type Builder struct {
	p Params
}

// Pass says what one pass did.
type Pass struct {
	Assigned int `json:"assigned"` // parts made
	Written  int `json:"written"`
	Loaded   int `json:"loaded"`
	Verified int `json:"verified"`
	Unloaded int `json:"unloaded"` // found wrong in the warehouse, to be loaded again
	Rows     int `json:"rows"`     // in the verified ones
}

// New returns a builder.
func New(p Params) *Builder {
	if p.Clock == nil {
		p.Clock = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.MaxRows <= 0 {
		p.MaxRows = defaultMaxRows
	}
	if p.Crash == nil {
		p.Crash = func(string) {}
	}
	return &Builder{p: p}
}

// Run makes one pass: it assigns all waiting rows that are old enough, and
// takes every part as far as it comes. A part that fails doesn't keep the
// others: its error is among those returned, and the next pass tries it again.
func (b *Builder) Run(ctx context.Context) (Pass, error) {
	var done Pass
	errs := []error{b.assign(ctx, &done)}
	errs = append(errs, b.each(ctx, models.PartStaged, func(part models.Part) error { return b.write(ctx, part, &done) }))
	if b.p.Warehouse == nil {
		for _, state := range []models.PartState{models.PartLoading, models.PartWritten} { // loading: there was one
			errs = append(errs, b.each(ctx, state, func(part models.Part) error { return b.skipLoad(ctx, part, &done) }))
		}
		errs = append(errs, b.each(ctx, models.PartLoaded, func(part models.Part) error { return b.verify(ctx, part, nil, &done) }))
	} else {
		errs = append(errs, b.load(ctx, &done), b.compare(ctx, &done))
	}
	return done, errors.Join(errs...)
}

func (b *Builder) assign(ctx context.Context, done *Pass) error {
	now := b.p.Clock()
	for range maxParts {
		_, more, err := b.p.Staging.Assign(ctx, newPartID(now), b.p.MaxRows, now.Add(-b.p.MinAge))
		if err != nil {
			return fmt.Errorf("history: assign: %w", err)
		}
		if !more {
			return nil
		}
		done.Assigned++
		b.p.Crash("part.assigned")
	}
	return nil
}

// write makes the part's file, then books it.
func (b *Builder) write(ctx context.Context, part models.Part, done *Pass) error {
	rows, err := b.p.Staging.PartRows(ctx, part.ID)
	if err != nil {
		return fmt.Errorf("history: rows of part %s: %w", part.ID, err)
	}
	if n, sum := len(rows), models.Checksum(rows); n != part.Rows || sum != part.Checksum {
		return mismatch("staging", part, n, sum)
	}
	if part.Bytes, err = b.p.Files.Write(ctx, part, rows); err != nil {
		return fmt.Errorf("history: write part %s: %w", part.ID, err)
	}
	b.p.Crash("part.written")
	moved, err := b.move(ctx, part, models.PartStaged, models.PartWritten)
	if moved {
		done.Written++
	}
	return err
}

// skipLoad books a part as loaded where there is nothing to load it into.
func (b *Builder) skipLoad(ctx context.Context, part models.Part, done *Pass) error {
	b.p.Crash("part.loaded")
	moved, err := b.move(ctx, part, part.State, models.PartLoaded)
	if moved {
		done.Loaded++
	}
	return err
}

// verify reads the file back, and only if it, and the table if there is one,
// holds what was staged it books the part as verified: from then on its posts
// may be purged.
func (b *Builder) verify(ctx context.Context, part models.Part, table *models.Tally, done *Pass) error {
	n, sum, err := b.p.Files.Verify(ctx, part)
	if err != nil {
		return fmt.Errorf("history: verify part %s: %w", part.ID, err)
	}
	if n != part.Rows || sum != part.Checksum {
		return mismatch("the file", part, n, sum)
	}
	if table != nil && !agrees(*table, part) {
		return b.unload(ctx, part, mismatch("the table", part, table.Rows, table.Checksum), done)
	}
	b.p.Crash("part.verified")
	moved, err := b.move(ctx, part, models.PartLoaded, models.PartVerified)
	if moved {
		done.Verified++
		done.Rows += part.Rows
	}
	return err
}

func agrees(t models.Tally, part models.Part) bool {
	return t.Rows == part.Rows && t.Checksum == part.Checksum
}

func mismatch(where string, part models.Part, rows int, checksum uint64) error {
	return models.Faultf(models.Permanent, "history: part %s (%s): %s holds %d rows with checksum %016x, assigned were %d with %016x",
		part.ID, part.Path(), where, rows, checksum, part.Rows, part.Checksum)
}

// move books a part; it is false when another builder did so before. What the
// warehouse was given of a part that is gone is taken back: the eraser does so,
// too, but what was forgotten should not wait for it.
func (b *Builder) move(ctx context.Context, part models.Part, from, to models.PartState) (bool, error) {
	part.State = to
	err := b.p.Mover.MovePart(ctx, part, from)
	switch {
	case errors.Is(err, models.ErrConflict):
		b.p.Log.Debug("part moved by another builder", "part", part.ID, "from", from)
		return false, nil
	case errors.Is(err, models.ErrNotFound):
		b.p.Log.Debug("part dissolved because a post of it was forgotten, or replaced", "part", part.ID, "from", from)
		if b.p.Warehouse == nil || part.Loads == 0 {
			return false, nil
		}
		return false, b.p.Warehouse.Remove(ctx, []models.Part{bare(part)})
	case err != nil:
		return false, fmt.Errorf("history: book part %s as %s: %w", part.ID, to, err)
	}
	return true, nil
}

// each calls do for every part in a state, until none is left that it has not
// seen. Errors are logged and collected.
func (b *Builder) each(ctx context.Context, state models.PartState, do func(models.Part) error) error {
	return b.eachOf(ctx, state, func([]models.Part) error { return nil }, do)
}

// eachOf is each, and calls before with those that do is about to be called for.
func (b *Builder) eachOf(ctx context.Context, state models.PartState, before func([]models.Part) error, do func(models.Part) error) error {
	var errs []error
	seen := map[string]bool{}
	for {
		parts, err := b.p.Staging.Parts(ctx, state, page)
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("history: list %s parts: %w", state, err))...)
		}
		parts = slices.DeleteFunc(parts, func(p models.Part) bool { return seen[p.ID] })
		if len(parts) == 0 {
			return errors.Join(errs...)
		}
		if err := before(parts); err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, part := range parts {
			seen[part.ID] = true
			if err := do(part); err != nil && b.still(ctx, part.ID, state) {
				b.p.Log.Error("part is stuck", "part", part.ID, "state", state, "error", err)
				errs = append(errs, err)
			}
		}
	}
}

// still reports whether the part is where it was: if another builder took it
// on meanwhile, what looked like an error here was only late.
func (b *Builder) still(ctx context.Context, id string, state models.PartState) bool {
	parts, err := b.p.Staging.Parts(ctx, state, page)
	if err != nil {
		return true // then the first error stands
	}
	for _, p := range parts {
		if p.ID == id {
			return true
		}
	}
	return len(parts) == page // it may be on a later page: then the error stands, too
}

// bare is what a path tells of a part.
func bare(part models.Part) models.Part {
	return models.Part{ID: part.ID, Day: part.Day, Source: part.Source}
}

// idTime is how ids begin, and loadPrefix how the names of load jobs do.
const (
	idTime     = "20060102t150405"
	loadPrefix = "load-"
)

// newPartID returns an id that sorts by time and that nobody else makes.
func newPartID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return now.UTC().Format(idTime) + "-" + hex.EncodeToString(b[:])
}

// newLoad returns a name for a load job.
func newLoad(now time.Time) string { return loadPrefix + newPartID(now) }
