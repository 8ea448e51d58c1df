package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"weft/models"
)

const (
	// readBuffer is how much one read of a part takes at least.
	readBuffer = 256 << 10
	// batch is how many rows are decoded at once.
	batch = 512
)

// decode hands every row of the file to each, in the file's order.
func decode(r io.ReaderAt, size int64, each func(models.Row)) (err error) {
	defer rescue(&err)
	file, err := openFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	in := parquet.NewGenericReader[stored](file)
	defer func() { err = errors.Join(err, in.Close()) }()
	found := make([]stored, batch)
	for {
		n, err := in.Read(found)
		for i := range found[:n] {
			each(found[i].row())
			found[i] = stored{} // the next read must not write into a body that was handed out
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("parquet: read: %w", err)
		}
	}
}

// openFile opens a file after a look at the footer's length: the library would
// set aside as much memory as a damaged one asks for.
func openFile(r io.ReaderAt, size int64, options ...parquet.FileOption) (*parquet.File, error) {
	var tail [8]byte
	if size < 12 {
		return nil, fmt.Errorf("parquet: open: %d bytes are no Parquet file", size)
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parquet: open: %w", err)
	}
	if n := binary.LittleEndian.Uint32(tail[:4]); int64(n) > size-12 {
		return nil, fmt.Errorf("parquet: open: a footer of %d bytes in a file of %d", n, size)
	}
	file, err := parquet.OpenFile(r, size, append(options, parquet.ReadBufferSize(readBuffer))...)
	if err != nil {
		return nil, fmt.Errorf("parquet: open: %w", err)
	}
	return file, nil
}

// lookup hands the file's rows of the wanted posts to each. A group whose bloom
// filter knows none of them is not read; of the others, only the posts' column
// and the pages that hold a hit.
func lookup(r io.ReaderAt, size int64, wanted map[string]bool, each func(models.Row)) (err error) {
	defer rescue(&err)
	file, err := openFile(r, size)
	if err != nil {
		return err
	}
	column, ok := file.Schema().Lookup("post")
	if !ok {
		return errors.New("parquet: the file has no column post")
	}
	for _, group := range file.RowGroups() {
		may, err := mayHold(group.ColumnChunks()[column.ColumnIndex].BloomFilter(), wanted)
		if err != nil {
			return fmt.Errorf("parquet: bloom filter: %w", err)
		}
		if !may {
			continue
		}
		if err := lookupGroup(group, wanted, each); err != nil {
			return err
		}
	}
	return nil
}

func mayHold(filter parquet.BloomFilter, wanted map[string]bool) (bool, error) {
	if filter == nil { // written by somebody else
		return true, nil
	}
	for post := range wanted {
		if may, err := filter.Check(parquet.ByteArrayValue([]byte(post))); err != nil || may {
			return may, err
		}
	}
	return false, nil
}

func lookupGroup(group parquet.RowGroup, wanted map[string]bool, each func(models.Row)) (err error) {
	hits, err := positions(group, wanted)
	if err != nil || len(hits) == 0 {
		return err
	}
	in := parquet.NewGenericRowGroupReader[stored](group)
	defer func() { err = errors.Join(err, in.Close()) }()
	for _, at := range hits {
		if err := in.SeekToRow(at); err != nil {
			return fmt.Errorf("parquet: seek to row %d: %w", at, err)
		}
		one := make([]stored, 1)
		if n, err := in.Read(one); n != 1 {
			return fmt.Errorf("parquet: read row %d: %w", at, err)
		}
		each(one[0].row())
	}
	return nil
}

// positions returns where in the group the wanted posts are.
func positions(group parquet.RowGroup, wanted map[string]bool) (hits []int64, err error) {
	type post struct {
		Post string `parquet:"post"`
	}
	in := parquet.NewGenericRowGroupReader[post](group)
	defer func() { err = errors.Join(err, in.Close()) }()
	found := make([]post, batch)
	for at := int64(0); ; {
		n, err := in.Read(found)
		for i := range found[:n] {
			if wanted[found[i].Post] {
				hits = append(hits, at+int64(i))
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return hits, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parquet: read posts: %w", err)
		}
	}
}

// rescue turns a panic of the library over a damaged file into an error: one
// bad file must not end a process that serves others.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("parquet: damaged file: %v", p)
	}
}
