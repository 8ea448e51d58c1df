// Package parquet writes and reads the parts of the history: one Parquet file
// per part, of one day and one source, in the layout that any reader takes for
// a Hive-partitioned set.
//
// A row keeps its post whole in the column body, and the other columns are a
// pure function of it, for those who scan. A file is written once and never
// changed; when a post is forgotten, its part is written anew under another name,
// and the old file deleted. So who reads the folder by itself, and not by the
// manifest in the documents, sees a forgotten post until that is done, and for a
// moment may see both files: take the newest row by (post, profile). A builder
// that crashed and comes again finds its file, checks it against the rows it
// holds, and goes on.
package parquet

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"weft/models"
)

// Blobs is where the files lie. A key is written once and is never readable
// half; a missing one gives models.ErrNotFound.
type Blobs interface {
	WriteOnce(ctx context.Context, key string, write func(io.Writer) error) (already bool, err error)
	Get(ctx context.Context, key string) ([]byte, error)
	Reader(ctx context.Context, key string) (io.ReaderAt, int64, error)
	Delete(ctx context.Context, key string) error
}

// Parts are the files of the history. Safe for concurrent use.
type Parts struct {
	blobs Blobs
}

// New returns the parts that lie in blobs.
func New(blobs Blobs) *Parts { return &Parts{blobs: blobs} }

// Write writes rows as the file of part and returns its size. A file that is
// there already is accepted if it holds exactly these rows, else refused.
func (p *Parts) Write(ctx context.Context, part models.Part, rows []models.Row) (int64, error) {
	for i := range rows {
		if r := &rows[i]; r.Day() != part.Day || r.Source != part.Source {
			return 0, models.Faultf(models.Permanent, "parquet: row %s is of %s %s, part %s of %s %s",
				r.Key(), r.Source, r.Day(), part.ID, part.Source, part.Day)
		}
	}
	var size counter
	already, err := p.blobs.WriteOnce(ctx, part.Path(), func(w io.Writer) error {
		size = counter{w: w}
		return encode(&size, part, rows)
	})
	if err != nil {
		return 0, err
	}
	if !already {
		return size.n, nil
	}
	return p.accept(ctx, part, rows)
}

// accept takes a file that an earlier try wrote, if it holds rows.
func (p *Parts) accept(ctx context.Context, part models.Part, rows []models.Row) (int64, error) {
	data, err := p.blobs.Get(ctx, part.Path())
	if err != nil {
		return 0, err
	}
	n, sum, err := tally(data)
	if err != nil {
		return 0, models.Faultf(models.Permanent, "%s is there already and cannot be read: %w", part.Path(), err)
	}
	if want := models.Checksum(rows); n != len(rows) || sum != want {
		return 0, models.Faultf(models.Permanent, "parquet: %s is there already with %d rows, checksum %016x; to be written: %d rows, checksum %016x",
			part.Path(), n, sum, len(rows), want)
	}
	return int64(len(data)), nil
}

// Read returns every row of part, in the order of the file: by creation, then
// by key. Times have milliseconds.
func (p *Parts) Read(ctx context.Context, part models.Part) ([]models.Row, error) {
	data, err := p.blobs.Get(ctx, part.Path())
	if err != nil {
		return nil, err
	}
	var rows []models.Row
	if err := decode(bytes.NewReader(data), int64(len(data)), func(r models.Row) {
		r.Source = part.Source
		rows = append(rows, r)
	}); err != nil {
		return nil, models.Faultf(models.Permanent, "%s: %w", part.Path(), err)
	}
	return rows, nil
}

// Verify reads the file of part back and returns how many rows it holds and
// their models.Checksum.
func (p *Parts) Verify(ctx context.Context, part models.Part) (rows int, checksum uint64, err error) {
	data, err := p.blobs.Get(ctx, part.Path())
	if err != nil {
		return 0, 0, err
	}
	rows, checksum, err = tally(data)
	if err != nil {
		return 0, 0, models.Faultf(models.Permanent, "%s: %w", part.Path(), err)
	}
	return rows, checksum, nil
}

// Find returns every row of the posts ids in parts: all profiles, generations
// and revs. It costs the footer and bloom filters of each part, and more only
// of those that hold a post.
func (p *Parts) Find(ctx context.Context, parts []models.Part, ids []string) ([]models.Row, error) {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	var rows []models.Row
	for i := range parts {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("parquet: find: %w", err)
		}
		r, size, err := p.blobs.Reader(ctx, parts[i].Path())
		if err != nil {
			return nil, err
		}
		if err := lookup(r, size, wanted, func(r models.Row) {
			r.Source = parts[i].Source
			rows = append(rows, r)
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", parts[i].Path(), err)
		}
	}
	return rows, nil
}

// Remove deletes the file at path; a missing one is a success. Only files of no
// part are removed: those that an erasure replaced, or that came too late.
func (p *Parts) Remove(ctx context.Context, path string) error { return p.blobs.Delete(ctx, path) }

// tally counts and sums the rows of a file without holding them all.
func tally(data []byte) (rows int, checksum uint64, err error) {
	err = decode(bytes.NewReader(data), int64(len(data)), func(r models.Row) {
		rows++
		checksum += models.Checksum([]models.Row{r}) // the sum of sums is the sum
	})
	return rows, checksum, err
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
