package parquet

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"weft/models"
)

const (
	// A group is what is compressed, filtered and scanned together. It ends with
	// whichever comes first: 64 MB before compression are large enough to scan, and
	// small enough to hold in memory while they are written; 32,768 rows keep a
	// lookup of one post cheap when bodies are small.
	groupBytes = 64 << 20
	groupRows  = 32 << 10
	// bloomBits per id make one lookup in a hundred read a group in vain.
	bloomBits = 10
)

// writer writes rows, which come in order, as the file of a part.
type writer struct {
	out     *parquet.GenericWriter[record]
	part    models.Part
	waiting []record
	held    int // bytes in the group so far, about
	rows    int // written so far
	sum     uint64
}

func newWriter(w io.Writer, part models.Part) *writer {
	return &writer{part: part, out: parquet.NewGenericWriter[record](w,
		parquet.Compression(&parquet.Zstd),
		parquet.BloomFilters(
			parquet.SplitBlockFilter(bloomBits, "post"),
			parquet.SplitBlockFilter(bloomBits, "native_id"),
			parquet.SplitBlockFilter(bloomBits, "author_id"),
		),
		parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("created_at"))),
		parquet.MaxRowsPerRowGroup(groupRows),
		parquet.SkipPageBounds("body"), parquet.SkipPageBounds("text"),
		parquet.CreatedBy("weft", strconv.Itoa(models.SchemaVersion), ""),
		parquet.KeyValueMetadata("weft.part", part.ID),
	)}
}

func (w *writer) add(r *models.Row) error {
	line, err := columns(w.part.ID, r)
	if err != nil {
		return err
	}
	w.waiting = append(w.waiting, line)
	w.held += len(line.Body) + len(line.Text)
	w.rows++
	w.sum += uint64(line.Checksum)
	full := w.held >= groupBytes
	if len(w.waiting) < batch && !full {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if full {
		w.held = 0
		return w.fault(w.out.Flush())
	}
	return nil
}

func (w *writer) flush() error {
	_, err := w.out.Write(w.waiting)
	clear(w.waiting)
	w.waiting = w.waiting[:0]
	return w.fault(err)
}

func (w *writer) close() error {
	if err := w.flush(); err != nil {
		return err
	}
	w.out.SetKeyValueMetadata("weft.rows", strconv.Itoa(w.rows))
	w.out.SetKeyValueMetadata("weft.checksum", strconv.FormatUint(w.sum, 16))
	return w.fault(w.out.Close())
}

func (w *writer) fault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("parquet: write %s: %w", w.part.Path(), err)
}

// encode writes rows as one file of part. The rows are put in order first.
func encode(w io.Writer, part models.Part, rows []models.Row) error {
	rows = slices.Clone(rows)
	order(rows)
	out := newWriter(w, part)
	for i := range rows {
		if err := out.add(&rows[i]); err != nil {
			return err
		}
	}
	return out.close()
}
