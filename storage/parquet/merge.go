package parquet

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"weft/models"
)

// mergeBatch is how many rows of each file a merge holds.
const mergeBatch = 32

// Merge writes the rows of olds, which are of one day and source, as the file of
// fresh, and returns its size. Rows of the posts that without names are left out.
// It fails, and leaves no file, if that doesn't give what fresh says. It reads all of them side by side: memory is about
// 2 MB for each, and one group of rows.
func (p *Parts) Merge(ctx context.Context, fresh models.Part, olds []models.Part, without func(post string) bool) (int64, error) {
	for i := range olds {
		if olds[i].Day != fresh.Day || olds[i].Source != fresh.Source {
			return 0, models.Faultf(models.Permanent, "parquet: merge: part %s is of %s %s, part %s of %s %s",
				olds[i].ID, olds[i].Source, olds[i].Day, fresh.ID, fresh.Source, fresh.Day)
		}
	}
	var size counter
	already, err := p.blobs.WriteOnce(ctx, fresh.Path(), func(w io.Writer) error {
		size = counter{w: w}
		return p.merge(ctx, &size, fresh, olds, without)
	})
	if already {
		return 0, models.Faultf(models.Permanent, "parquet: merge: %s is there already", fresh.Path())
	}
	return size.n, err
}

func (p *Parts) merge(ctx context.Context, w io.Writer, fresh models.Part, olds []models.Part, without func(post string) bool) (err error) {
	defer rescue(&err)
	var open heads
	defer func() {
		for _, h := range open {
			err = errors.Join(err, h.in.Close())
		}
	}()
	for i := range olds {
		h, err := p.head(ctx, olds[i])
		if err != nil {
			return err
		}
		open = append(open, h)
	}
	live := open[:0:0]
	for _, h := range open {
		more, err := h.fill()
		if err != nil {
			return err
		}
		if more {
			live = append(live, h)
		}
	}
	heap.Init(&live)
	out := newWriter(w, fresh)
	for len(live) > 0 {
		if err := live[0].pass(ctx, out, without); err != nil {
			return err
		}
		more, err := live[0].next()
		if err != nil {
			return err
		}
		if more {
			heap.Fix(&live, 0)
		} else {
			heap.Pop(&live)
		}
	}
	if out.rows != fresh.Rows || out.sum != fresh.Checksum {
		return models.Faultf(models.Permanent, "parquet: merge into %s: %d files hold %d rows with checksum %016x, expected were %d with %016x",
			fresh.Path(), len(olds), out.rows, out.sum, fresh.Rows, fresh.Checksum)
	}
	return out.close()
}

// head is the next row of a file that is being merged.
type head struct {
	in    *parquet.GenericReader[stored]
	part  models.Part
	batch []stored
	at    int
	row   models.Row
	key   string
}

func (p *Parts) head(ctx context.Context, part models.Part) (*head, error) {
	r, size, err := p.blobs.Reader(ctx, part.Path())
	if err != nil {
		return nil, err
	}
	file, err := openFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", part.Path(), err)
	}
	return &head{in: parquet.NewGenericReader[stored](file), part: part}, nil
}

// next goes to the file's next row; it is false at the end.
func (h *head) next() (bool, error) {
	h.at++
	if h.at < len(h.batch) {
		h.show()
		return true, nil
	}
	return h.fill()
}

func (h *head) fill() (bool, error) {
	found := make([]stored, mergeBatch) // a new one: what was handed out must not be written over
	for {
		n, err := h.in.Read(found)
		if n > 0 {
			h.batch, h.at = found[:n], 0
			h.show()
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("parquet: read %s: %w", h.part.Path(), err)
		}
	}
}

func (h *head) show() {
	h.row = h.batch[h.at].row()
	h.row.Source = h.part.Source
	h.key = h.row.Key()
}

// pass hands the row to the merged file, if it is wanted there.
func (h *head) pass(ctx context.Context, out *writer, without func(post string) bool) error {
	if h.at == 0 && ctx.Err() != nil {
		return fmt.Errorf("parquet: merge: %w", ctx.Err())
	}
	if without(h.row.Post) {
		return nil
	}
	return out.add(&h.row)
}

// heads is a heap: the file whose row comes first is on top.
type heads []*head

func (h heads) Len() int { return len(h) }

func (h heads) Less(i, j int) bool {
	if a, b := h[i].row.CreatedAt.UnixMilli(), h[j].row.CreatedAt.UnixMilli(); a != b {
		return a < b
	}
	return h[i].key < h[j].key
}

func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heads) Push(x any)   { *h = append(*h, x.(*head)) } //nolint:errcheck // nothing else is pushed

func (h *heads) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
