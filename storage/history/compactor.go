package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"weft/models"
)

const (
	defaultTarget   = 128 << 20
	defaultMinParts = 4
	// maxMerge is how many parts one merge reads side by side: each costs it some
	// 2 MB of memory.
	maxMerge = 32
	// jobMerges is how many merges share a load job. Until it is done their files
	// are strays, and another compactor may have done the same work.
	jobMerges = 16
)

// CompactorParams are what a Compactor needs.
type CompactorParams struct {
	Manifest    Manifest
	Files       RewriteFiles
	Warehouse   Warehouse         // nil: there is none
	Age         time.Duration     // parts younger than that are left alone
	TargetBytes int64             // about how large merged parts get; 0: 128 MB
	MinParts    int               // how many small ones are worth a merge; 0: 4
	Clock       func() time.Time  // nil: time.Now
	Log         *slog.Logger      // nil: silent
	Crash       func(name string) // called at compact.reserved, compact.written, compact.loaded, compact.replaced; nil in production
}

// Compactor merges small verified parts of the same day and source, since many
// small files are slow to read, and their footers cost more than their rows. It
// does so as the Eraser rewrites a part: the merged one takes the place of all of
// them in one transaction, and their files are strays, which the Eraser deletes.
// Several may run at once, beside erasers: who comes second to a part gives up.
type Compactor struct {
	p CompactorParams
	w rewriter
}

// Compacted says what one pass did.
type Compacted struct {
	Parts  int   `json:"parts"`  // that were merged
	Merged int   `json:"merged"` // into so many
	Rows   int   `json:"rows"`
	Bytes  int64 `json:"bytes"` // of the merged ones
	Lost   int   `json:"lost"`  // merges that somebody else was faster than
}

// NewCompactor returns a compactor.
func NewCompactor(p CompactorParams) *Compactor {
	if p.TargetBytes <= 0 {
		p.TargetBytes = defaultTarget
	}
	if p.MinParts < 2 {
		p.MinParts = defaultMinParts
	}
	if p.Clock == nil {
		p.Clock = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Crash == nil {
		p.Crash = func(string) {}
	}
	return &Compactor{p: p, w: rewriter{
		name: "compact", manifest: p.Manifest, files: p.Files, warehouse: p.Warehouse, clock: p.Clock, log: p.Log, crash: p.Crash,
	}}
}

// Run makes one pass. Merges that fail don't keep the others; parts that were
// replaced meanwhile are no failure.
func (c *Compactor) Run(ctx context.Context) (Compacted, error) {
	var done Compacted
	parts, err := c.p.Manifest.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return done, fmt.Errorf("history: list verified parts: %w", err)
	}
	var errs []error
	for group := range slices.Chunk(c.groups(parts), jobMerges) {
		var list []rewrite
		for _, olds := range group {
			list = append(list, newRewrite(olds, nil, c.p.Clock()))
		}
		merged, err := c.w.run(ctx, list)
		for _, r := range merged {
			done.Parts += len(r.olds)
			done.Merged++
			done.Rows += r.fresh.Rows
			done.Bytes += r.fresh.Bytes
		}
		done.Lost += c.lost(err)
		errs = append(errs, c.serious(err))
		if ctx.Err() != nil {
			break
		}
	}
	return done, errors.Join(errs...)
}

// overtaken reports whether an error says no more than that a part was replaced
// while it was merged.
func overtaken(err error) bool { return errors.Is(err, models.ErrConflict) }

// each returns the errors that were joined into err.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // of this very error, not of one it wraps
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func (c *Compactor) lost(err error) (n int) {
	for _, e := range each(err) {
		if overtaken(e) {
			n++
		}
	}
	return n
}

func (c *Compactor) serious(err error) error {
	left := slices.DeleteFunc(slices.Clone(each(err)), overtaken)
	return errors.Join(left...)
}

// groups says what to merge: parts of one day and source each.
func (c *Compactor) groups(parts []models.Part) [][]models.Part {
	now := c.p.Clock()
	small := slices.DeleteFunc(slices.Clone(parts), func(p models.Part) bool {
		return p.Bytes <= 0 || p.Bytes*2 > c.p.TargetBytes || now.Sub(p.MadeAt) < c.p.Age
	})
	slices.SortFunc(small, func(a, b models.Part) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.ID, b.ID))
	})
	var out [][]models.Part
	for len(small) > 0 {
		n, full := c.take(small)
		if full || n >= c.p.MinParts {
			out = append(out, small[:n])
		}
		small = small[n:]
	}
	return out
}

// take returns how many of the first of small, which are sorted by size within
// a day and source, make a merge; full, if they make one of the size wanted. A
// part that is larger than all before it together is left out: so a row is
// copied a few times in its life, and not with every merge of its day.
func (c *Compactor) take(small []models.Part) (n int, full bool) {
	var sum int64
	for i, p := range small {
		if p.Day != small[0].Day || p.Source != small[0].Source || i == maxMerge {
			return i, i == maxMerge
		}
		if i > 1 && p.Bytes > sum {
			return i, false
		}
		if i > 0 && sum+p.Bytes > c.p.TargetBytes+c.p.TargetBytes/4 {
			return i, i > 1
		}
		sum += p.Bytes
	}
	return len(small), sum >= c.p.TargetBytes && len(small) > 1
}
