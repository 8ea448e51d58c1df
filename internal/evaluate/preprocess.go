package evaluate

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	weftimage "weft/analysis/image"
)

// Preprocess writes the photos of dir into folder out, as a model of that input
// size sees them: pixels.npy (uint8, photos × side × side × 3, red first; NumPy's
// format 1.0) and photos.csv (row, class, path below dir). It calls progress
// after each. A photo that can't be read is an error: nobody would miss it later.
func Preprocess(dir, out string, side int, progress func(done, of int)) error {
	photos, err := Photos(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	err = create(filepath.Join(out, "photos.csv"), func(w io.Writer) error {
		c := csv.NewWriter(w)
		rows := [][]string{{"row", "class", "path"}}
		for i, p := range photos {
			rel, err := filepath.Rel(dir, p.Path)
			if err != nil {
				return err
			}
			rows = append(rows, []string{strconv.Itoa(i), p.Class, filepath.ToSlash(rel)})
		}
		return c.WriteAll(rows)
	})
	if err != nil {
		return err
	}
	return create(filepath.Join(out, "pixels.npy"), func(w io.Writer) error {
		if _, err := io.WriteString(w, npyHeader(len(photos), side)); err != nil {
			return err
		}
		line := make([]byte, 3*side*side)
		for i, p := range photos {
			img, err := decode(p.Path)
			if err != nil {
				return err
			}
			if _, err := w.Write(rgb(line, weftimage.Square(img, side).Pix)); err != nil {
				return err
			}
			progress(i+1, len(photos))
		}
		return nil
	})
}

// rgb copies RGBA pixels without their alpha, which Square leaves at 255.
func rgb(to, from []byte) []byte {
	for i, j := 0, 0; i+3 < len(from); i, j = i+4, j+3 {
		copy(to[j:j+3], from[i:i+3])
	}
	return to
}

// npyHeader is that of numpy.lib.format, version 1.0: padded to 64 bytes.
func npyHeader(n, side int) string {
	dict := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, %d, 3), }", n, side, side)
	const before = 10 // magic, version, length
	size := (before + len(dict) + 1 + 63) / 64 * 64
	dict = fmt.Sprintf("%-*s\n", size-before-1, dict)
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(dict)), byte(len(dict) >> 8)}) + dict
}

// create writes a file that is whole or, after an error, gone.
func create(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err = fill(w); err == nil {
		err = w.Flush()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w (removed: %v)", path, err, os.Remove(path) == nil)
	}
	return nil
}
