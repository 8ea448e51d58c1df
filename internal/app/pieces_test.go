package app_test

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"weft/internal/app"
)

// counted counts how often it is read.
type counted struct {
	io.ReaderAt

	n int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.n++
	return c.ReaderAt.ReadAt(p, off)
}

// A file is read in blocks, from wherever somebody begins.
func TestPieces(t *testing.T) {
	all := bytes.Repeat([]byte("0123456789abc"), 100)
	for _, size := range []int64{1, 7, 1300, 5000} {
		c := &counted{ReaderAt: bytes.NewReader(all)}
		if err := iotest.TestReader(io.NewSectionReader(app.Pieces(c, size), 0, int64(len(all))), all); err != nil {
			t.Errorf("in blocks of %d: %v", size, err)
		}
		c.n = 0
		r := io.NewSectionReader(app.Pieces(c, size), 0, int64(len(all)))
		if _, err := io.Copy(io.Discard, onlyReader{r}); err != nil || c.n > (len(all)+int(size)-1)/int(size) {
			t.Errorf("in blocks of %d: %d reads, %v", size, c.n, err)
		}
		if _, err := app.Pieces(c, size).ReadAt(make([]byte, 1), int64(len(all))); err != io.EOF { //nolint:errorlint // as io.ReaderAt says
			t.Errorf("behind the end: %v", err)
		}
	}
}

// onlyReader hides what else a reader can.
type onlyReader struct{ io.Reader }
