package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"

	"weft/models"
)

// scanBatch is how many rows of a scan are decoded at once. Bodies are large, and
// a scan reads several files side by side.
const scanBatch = 64

// Scan reads part's rows from the first that was created at a moment
// (milliseconds since 1970) or later, in the order of the file: by creation, then
// by key. Groups of rows before that moment are not read, and no more of the file
// is in memory than a few pages.
func (p *Parts) Scan(ctx context.Context, part models.Part, from int64) iter.Seq2[models.Row, error] {
	return func(yield func(models.Row, error) bool) {
		r, size, err := p.blobs.Reader(ctx, part.Path())
		if err == nil {
			err = scanFile(r, size, from, func(row models.Row) bool {
				row.Source = part.Source
				return yield(row, nil)
			})
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(models.Row{}, fmt.Errorf("%s: %w", part.Path(), err))
		}
	}
}

// errEnough ends a scan whose reader wants no more.
var errEnough = errors.New("parquet: enough")

func scanFile(r io.ReaderAt, size, from int64, each func(models.Row) bool) (err error) {
	defer rescue(&err)
	file, err := openFile(r, size, parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	column, ok := file.Schema().Lookup("created_at")
	if !ok {
		return errors.New("parquet: the file has no column created_at")
	}
	for _, group := range file.RowGroups() {
		index, err := group.ColumnChunks()[column.ColumnIndex].ColumnIndex()
		if err == nil && over(index, from) {
			continue
		}
		if err := scanGroup(group, from, each); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether all of a group was created before from.
func over(index parquet.ColumnIndex, from int64) bool {
	n := index.NumPages()
	return n > 0 && index.MaxValue(n-1).Int64() < from // sorted, so the last page has the greatest
}

func scanGroup(group parquet.RowGroup, from int64, each func(models.Row) bool) (err error) {
	in := parquet.NewGenericRowGroupReader[stored](group)
	defer func() { err = errors.Join(err, in.Close()) }()
	found := make([]stored, scanBatch)
	for {
		n, err := in.Read(found)
		for i := range found[:n] {
			row := found[i].row()
			found[i] = stored{} // the next read must not write into a body that was handed out
			if row.CreatedAt.UnixMilli() >= from && !each(row) {
				return errEnough
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("parquet: scan: %w", err)
		}
	}
}
