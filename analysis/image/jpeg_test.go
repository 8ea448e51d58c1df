package image

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestScalers holds every decoder of this build to one behaviour: the sizes,
// the pixels, and who has the last word on a file that is not whole. `make test`
// runs it with libjpeg-turbo and without.
func TestScalers(t *testing.T) {
	t.Logf("this build decodes with %T", scalers()[0])
	photo := readTestdata(t, "progressive.jpg")
	for name, data := range map[string][]byte{
		"progressive": photo,
		"baseline":    reencode(t, photo, 0, 0),
		"odd sizes":   reencode(t, photo, 121, 77),
		"one block":   reencode(t, photo, 5, 7),
		"one column":  reencode(t, photo, 1, 90),
		"grey":        greyOf(t, photo),
	} {
		h := headerOf(t, data)
		for _, denom := range []int{1, 2, 4, 8} {
			want, err := goJPEG{}.decode(data, h, denom, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, sc := range scalers() {
				got, err := sc.decode(data, h, denom, nil)
				if err != nil {
					t.Errorf("%s by %T at 1/%d: %v", name, sc, denom, err)
					continue
				}
				if b := got.Bounds(); b.Dx() != scaled(h.width, denom) || b.Dy() != scaled(h.height, denom) {
					t.Errorf("%s by %T at 1/%d: %v of %d×%d", name, sc, denom, b, h.width, h.height)
					continue
				}
				most := 2.5
				if h.width*h.height < 64 {
					most = 5 // every pixel is at an edge, where chroma is spread differently
				}
				if d := difference(got, want); d > most {
					t.Errorf("%s by %T at 1/%d: pixels are %.2f of 255 away from image/jpeg's", name, sc, denom, d)
				}
			}
		}
	}
}

func TestScalersLeaveWhatIsNotWhole(t *testing.T) {
	photo := reencode(t, readTestdata(t, "progressive.jpg"), 0, 0)
	h := headerOf(t, photo)
	lying := h
	lying.width++
	for name, tc := range map[string]struct {
		data []byte
		h    header
	}{
		"cut off": {photo[:len(photo)/2], h}, "header only": {photo[:30], h}, "nothing": {nil, h},
	} {
		for _, sc := range scalers() {
			if _, err := sc.decode(tc.data, tc.h, 4, nil); err == nil {
				t.Errorf("%s: %T took it", name, sc)
			}
		}
	}
	for _, sc := range scalers() {
		if sc == (goJPEG{}) {
			continue
		}
		if _, err := sc.decode(photo, lying, 1, nil); !errors.Is(err, errElsewhere) {
			t.Errorf("%T of a file whose size is not that of its header: %v", sc, err)
		}
		cmyk := readTestdata(t, "cmyk.jpg")
		if _, err := sc.decode(cmyk, headerOf(t, cmyk), 1, nil); !errors.Is(err, errElsewhere) {
			t.Errorf("%T of CMYK: %v", sc, err)
		}
	}
}

func TestDecodeRenditionAt(t *testing.T) {
	var b bytes.Buffer
	if err := encodeRendition(&b, image.NewRGBA(image.Rect(0, 0, 410, 512))); err != nil {
		t.Fatal(err)
	}
	var p bytes.Buffer
	if err := png.Encode(&p, image.NewRGBA(image.Rect(0, 0, 410, 512))); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{b.Bytes(), p.Bytes()} {
		for side, want := range map[int]image.Point{
			0: {410, 512}, 500: {410, 512}, 206: {410, 512}, 205: {205, 256}, 104: {205, 256}, 103: {103, 128}, 96: {103, 128}, 52: {52, 64}, 1: {52, 64},
		} {
			img, err := DecodeRenditionAt(data, side)
			if err != nil {
				t.Fatal(err)
			}
			if got := img.Bounds().Size(); got != want {
				t.Errorf("for a side of %d: %v, want %v", side, got, want)
			}
		}
	}
	if _, err := DecodeRenditionAt([]byte("secret"), 8); err == nil {
		t.Error("text was taken")
	}
}

// TestDecodeRenditionOfBorrowedPixels decodes images, small after large, to
// pixels that held another before: each is what fresh ones would hold.
func TestDecodeRenditionOfBorrowedPixels(t *testing.T) {
	var pixels Pixels
	for round := range 3 {
		for size := 512; size > 16; size /= 2 {
			img := image.NewRGBA(image.Rect(0, 0, size, size*2/3))
			for i := range img.Pix {
				img.Pix[i] = uint8(i*(round+3) + size)
			}
			var b bytes.Buffer
			if err := encodeRendition(&b, img); err != nil {
				t.Fatal(err)
			}
			for _, side := range []int{0, size / 3, 8} {
				want, err := DecodeRenditionAt(b.Bytes(), side)
				if err != nil {
					t.Fatal(err)
				}
				loan := pixels.Borrow()
				got, err := loan.DecodeAt(b.Bytes(), side)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%d pixels at %d: the image differs by what its pixels held before", size, side)
				}
				loan.Release()
			}
		}
	}
}

func TestFrameTellsMemory(t *testing.T) {
	for name, want := range map[string]struct {
		parts       int
		progressive bool
		bytes       int64
	}{
		"progressive.jpg": {3, true, 150 * 103 * 15 / 10 * 5},
		"cmyk.jpg":        {4, false, 150 * 103 * (4 + 5)},
	} {
		h := headerOf(t, readTestdata(t, name))
		if h.frame.parts != want.parts || h.frame.progressive != want.progressive || h.memory != want.bytes {
			t.Errorf("%s: %+v, %d bytes, want %+v", name, h.frame, h.memory, want)
		}
	}
	if f := readFrame([]byte("\xFF\xD8\xFF\xFE\x00\x04ab"), 10, 10); !f.progressive || f.samples != 400 {
		t.Errorf("without a frame header: %+v, want the worst", f)
	}
}

// TestScratchIsNotShared: what is kept of one photo outlives the next.
func TestScratchIsNotShared(t *testing.T) {
	data := reencode(t, readTestdata(t, "progressive.jpg"), 1080, 1350)
	p := NewPreparer(1e8)
	first, err := p.Prepare(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	kept := bytes.Clone(first.Rendition)
	second, err := p.Prepare(t.Context(), reencode(t, data, 900, 900))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, first.Rendition) || bytes.Equal(first.Rendition, second.Rendition) {
		t.Error("one rendition was written over by the next")
	}
}

func BenchmarkDecodeRenditionAt(b *testing.B) {
	data := reencode(b, readTestdata(b, "progressive.jpg"), 410, 512)
	h := headerOf(b, data)
	for _, sc := range scalers() {
		for _, denom := range []int{1, 4} {
			b.Run(fmt.Sprintf("%T/%d", sc, denom), func(b *testing.B) {
				for b.Loop() {
					if _, err := sc.decode(data, h, denom, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func headerOf(t testing.TB, data []byte) header {
	t.Helper()
	h, err := readHeader(data, Limits{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// reencode saves a photo as a baseline JPEG of w×h pixels, of its own size for 0.
func reencode(t testing.TB, data []byte, w, h int) []byte {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if w > 0 {
		img = resizeNearest(img, w, h)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func resizeNearest(img image.Image, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			out.Set(x, y, img.At(x*img.Bounds().Dx()/w, y*img.Bounds().Dy()/h))
		}
	}
	return out
}

func greyOf(t testing.TB, data []byte) []byte {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	grey := image.NewGray(img.Bounds())
	draw.Draw(grey, grey.Rect, img, image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, grey, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// difference is the mean over pixels and channels.
func difference(p, q image.Image) float64 {
	sum, n := 0.0, 0
	b := p.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			c, _ := color.RGBAModel.Convert(p.At(b.Min.X+x, b.Min.Y+y)).(color.RGBA)
			d, _ := color.RGBAModel.Convert(q.At(q.Bounds().Min.X+x, q.Bounds().Min.Y+y)).(color.RGBA)
			sum += math.Abs(float64(c.R)-float64(d.R)) + math.Abs(float64(c.G)-float64(d.G)) + math.Abs(float64(c.B)-float64(d.B))
			n += 3
		}
	}
	return sum / float64(n)
}
