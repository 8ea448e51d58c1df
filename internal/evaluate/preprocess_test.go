package evaluate_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weft/internal/evaluate"
)

// photo writes a JPEG whose left half is red and right half blue.
func photo(t *testing.T, path string) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 90, 60))
	for y := range 60 {
		for x := range 90 {
			c := color.RGBA{R: 200, A: 255}
			if x >= 45 {
				c = color.RGBA{B: 200, A: 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPreprocess(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "pixels")
	photo(t, filepath.Join(dir, "hat", "b.jpg"))
	photo(t, filepath.Join(dir, "dress", "a.jpg"))
	var last [2]int
	if err := evaluate.Preprocess(dir, out, 30, func(done, of int) { last = [2]int{done, of} }); err != nil {
		t.Fatal(err)
	}
	if last != [2]int{2, 2} {
		t.Errorf("progress ended at %v", last)
	}
	rows, err := os.ReadFile(filepath.Join(out, "photos.csv"))
	if want := "row,class,path\n0,dress,dress/a.jpg\n1,hat,hat/b.jpg\n"; err != nil || string(rows) != want {
		t.Errorf("photos.csv: %q, %v", rows, err)
	}
	npy, err := os.ReadFile(filepath.Join(out, "pixels.npy"))
	if err != nil {
		t.Fatal(err)
	}
	size := 10 + int(npy[8]) + int(npy[9])<<8
	if size%64 != 0 || !strings.Contains(string(npy[:size]), "'shape': (2, 30, 30, 3)") || len(npy) != size+2*30*30*3 {
		t.Fatalf("header %q, %d bytes in all", npy[:size], len(npy))
	}
	pixel := func(x, y int) []byte { return npy[size+3*(30*y+x):][:3] }
	if l, r := pixel(3, 15), pixel(26, 15); l[0] < 180 || l[2] > 20 || r[2] < 180 || r[0] > 20 {
		t.Errorf("left %v, right %v: want red and blue", l, r)
	}
}

// A photo that can't be read ends it, names the file and leaves no half array.
func TestPreprocessRefuses(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	if err := evaluate.Preprocess(dir, out, 30, nil); err == nil || !strings.Contains(err.Error(), "folder per class") {
		t.Errorf("no photos: %v", err)
	}
	bad := filepath.Join(dir, "hat", "bad.jpg")
	photo(t, bad)
	if err := os.WriteFile(bad, []byte("not a photo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := evaluate.Preprocess(dir, out, 30, nil); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a broken photo: %v", err)
	}
	if _, err := os.Stat(filepath.Join(out, "pixels.npy")); !os.IsNotExist(err) {
		t.Errorf("pixels.npy is still there: %v", err)
	}
}
