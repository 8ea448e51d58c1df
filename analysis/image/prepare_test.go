package image_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	weftimage "weft/analysis/image"
	"weft/models"
)

func TestPrepare(t *testing.T) {
	for name, tc := range map[string]struct {
		data       []byte
		mime       string
		w, h       int
		rendW      int
		rendH      int
		firstPixel color.RGBA
	}{
		"large JPEG":      {encodeJPEG(t, halves(1080, 1350, red, blue)), "image/jpeg", 1080, 1350, 410, 512, red},
		"small PNG":       {encodePNG(t, halves(40, 30, red, blue)), "image/png", 40, 30, 40, 30, red},
		"one pixel":       {encodePNG(t, halves(1, 1, red, blue)), "image/png", 1, 1, 1, 1, blue},
		"thin":            {encodePNG(t, halves(5000, 2, red, blue)), "image/png", 5000, 2, 512, 1, red},
		"16-bit PNG":      {encodePNG(t, deep(64, 48)), "image/png", 64, 48, 64, 48, red},
		"transparent PNG": {encodePNG(t, image.NewNRGBA(image.Rect(0, 0, 20, 10))), "image/png", 20, 10, 20, 10, white},
		"animated GIF":    {animatedGIF(t), "image/gif", 60, 40, 60, 40, white},
		"CMYK JPEG":       {testdata(t, "cmyk.jpg"), "image/jpeg", 150, 103, 150, 103, color.RGBA{}},
		"progressive":     {testdata(t, "progressive.jpg"), "image/jpeg", 150, 103, 150, 103, color.RGBA{}},
		"WebP":            {testdata(t, "photo.webp"), "image/webp", 150, 103, 150, 103, color.RGBA{}},
		"animated WebP":   {animatedWebP(300, 200, 100, 50, 150, 103, testdata(t, "photo.webp")), "image/webp", 300, 200, 300, 200, white},
		"lossless WebP":   {losslessWebP(600, 300), "image/webp", 600, 300, 512, 256, white},
		"grey JPEG":       {encodeJPEG(t, greys(700, 90)), "image/jpeg", 700, 90, 512, 66, color.RGBA{90, 90, 90, 255}},
		"AVIF":            {encodeAVIF(t, halves(1080, 300, red, blue)), "image/avif", 1080, 300, 512, 142, red},
		"HEIC":            {testdata(t, "photo.heic"), "image/heic", 150, 103, 150, 103, color.RGBA{}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := weftimage.Prepare(tc.data, weftimage.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Type != tc.mime || p.Width != tc.w || p.Height != tc.h || p.Size != int64(len(tc.data)) {
				t.Errorf("got %s %d×%d, %d bytes; want %s %d×%d, %d bytes", p.Type, p.Width, p.Height, p.Size, tc.mime, tc.w, tc.h, len(tc.data))
			}
			if len(p.SHA256) != 64 || len(p.PHash) != 16 {
				t.Errorf("hashes %q and %q, want 64 and 16 digits", p.SHA256, p.PHash)
			}
			img, err := weftimage.DecodeRendition(p.Rendition)
			if err != nil {
				t.Fatal(err)
			}
			if b := img.Bounds(); b.Dx() != tc.rendW || b.Dy() != tc.rendH {
				t.Errorf("rendition is %d×%d, want %d×%d", b.Dx(), b.Dy(), tc.rendW, tc.rendH)
			}
			if tc.firstPixel.A != 0 && !near(img.At(0, 0), tc.firstPixel) {
				t.Errorf("first pixel is %v, want %v", img.At(0, 0), tc.firstPixel)
			}
		})
	}
}

func TestPrepareTurnsUpright(t *testing.T) {
	plain := encodeJPEG(t, quarters(64, 32))
	// Where the stored image's top left quarter (red) is in the upright one.
	for orientation, red := range map[uint16]image.Point{
		1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			p, err := weftimage.Prepare(withEXIF(plain, exif(order, orientation)), weftimage.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			w, h := 64, 32
			if orientation >= 5 {
				w, h = 32, 64
			}
			if p.Width != w || p.Height != h {
				t.Errorf("orientation %d: %d×%d, want %d×%d", orientation, p.Width, p.Height, w, h)
			}
			img, err := weftimage.DecodeRendition(p.Rendition)
			if err != nil {
				t.Fatal(err)
			}
			for _, corner := range []image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
				r, _, b, _ := img.At(w/4+corner.X*w/2, h/4+corner.Y*h/2).RGBA()
				if isRed := r > 2*b; isRed != (corner == red) {
					t.Errorf("orientation %d: corner %v red: %v, want red at %v", orientation, corner, isRed, red)
				}
			}
		}
	}
}

func TestPrepareRefusesHostile(t *testing.T) {
	photo := encodeJPEG(t, halves(300, 300, red, blue))
	pic := encodePNG(t, noise(100, 100))
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":                   {nil, "image is empty"},
		"HTML":                    {[]byte("<!DOCTYPE html><title>secret</title>"), "not an image: text/html"},
		"text":                    {[]byte("secret"), "not an image: text/plain"},
		"PDF":                     {[]byte("%PDF-1.7 secret"), "not an image: application/pdf"},
		"BMP":                     {append([]byte("BM"), make([]byte, 60)...), "image/bmp is not supported"},
		"AVIF of nothing":         {[]byte("\x00\x00\x00\x20ftypavif\x00\x00\x00\x00secret"), "AVIF is malformed"},
		"HEIC of nothing":         {[]byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00secret"), "HEIC is malformed"},
		"animation of no frame":   {[]byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "image is truncated"},
		"truncated JPEG":          {photo[:len(photo)/2], "image is truncated"},
		"truncated JPEG header":   {photo[:10], "image is truncated"},
		"truncated PNG":           {pic[:len(pic)/2], "image is truncated"},
		"truncated GIF":           {animatedGIF(t)[:40], "image is truncated"},
		"truncated WebP":          {testdata(t, "photo.webp")[:200], "image is truncated"},
		"PNG with a broken sum":   {flip(pic, len(pic)-20), "PNG is malformed"},
		"JPEG with a bad table":   {flip(photo, bytes.Index(photo, []byte{0xFF, 0xDB})+4), "JPEG is malformed"},
		"JPEG of impossible size": {jpegBomb(photo, 65535, 65535), "65535×65535 pixels are over the limit of 50 MP"},
		"PNG bomb":                {pngBomb(pic, 100_000, 100_000), "100000×100000 pixels are over the limit of 50 MP"},
		"PNG just over":           {pngBomb(pic, 10_000, 5_001), "10000×5001 pixels are over the limit of 50 MP"},
		"PNG without width":       {pngBomb(pic, 0, 10), "PNG is malformed"},
		"PNG that lies":           {pngBomb(pic, 4000, 4000), "PNG is malformed"},
		"too many bytes":          {make([]byte, 20<<20+1), "20.0 MB is over the limit of 20 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := weftimage.Prepare(tc.data, weftimage.Limits{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			if models.ClassOf(err) != models.Permanent {
				t.Errorf("class %s, want permanent", models.ClassOf(err))
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the reason quotes the content: %v", err)
			}
		})
	}
}

func TestPrepareBearsMalformedEXIF(t *testing.T) {
	plain := encodeJPEG(t, halves(64, 32, red, blue))
	good := exif(binary.LittleEndian, 6)
	for name, body := range map[string][]byte{
		"empty": {}, "no TIFF": []byte("XXXXXXXXXXXX"), "offset beyond": append([]byte("II*\x00"), 0xFF, 0xFF, 0xFF, 0xFF),
		"cut off": good[:len(good)-6], "orientation 0": exif(binary.LittleEndian, 0), "orientation 9": exif(binary.BigEndian, 9),
	} {
		p, err := weftimage.Prepare(withEXIF(plain, body), weftimage.Limits{})
		if err != nil || p.Width != 64 || p.Height != 32 {
			t.Errorf("%s: %d×%d, %v; want the photo as it is stored", name, p.Width, p.Height, err)
		}
	}
}

func TestPHashLinksNearDuplicates(t *testing.T) {
	photo := quarters(640, 480)
	a, err := weftimage.Prepare(encodePNG(t, photo), weftimage.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := weftimage.Prepare(encodeJPEG(t, photo), weftimage.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if a.PHash != b.PHash || a.SHA256 == b.SHA256 {
		t.Errorf("PNG and JPEG of one picture: perceptual hashes %s and %s, SHA-256 equal: %v", a.PHash, b.PHash, a.SHA256 == b.SHA256)
	}
}

func TestPreparerWaitsForMemory(t *testing.T) {
	data := encodePNG(t, halves(100, 100, red, blue))
	p := weftimage.NewPreparer(50) // less than one image: it still gets through, one at a time
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := p.Prepare(t.Context(), data); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Prepare(ended, data); !errors.Is(err, context.Canceled) || models.ClassOf(err) != models.Unavailable {
		t.Errorf("after its context ended: %v, class %s", err, models.ClassOf(err))
	}
}

func FuzzPrepare(f *testing.F) {
	pic := quarters(16, 12)
	plain := encodeJPEG(f, pic)
	f.Add(plain)
	f.Add(withEXIF(plain, exif(binary.BigEndian, 8)))
	f.Add(encodePNG(f, pic))
	f.Add(animatedGIF(f))
	f.Add(testdata(f, "photo.webp"))
	f.Add(testdata(f, "cmyk.jpg"))
	f.Add(testdata(f, "photo.heic"))
	f.Add(encodeAVIF(f, pic))
	f.Add(testdata(f, "progressive.jpg"))
	for _, hostile := range hostileFiles(f) {
		if len(hostile.data) < 1<<18 {
			f.Add(hostile.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := weftimage.Prepare(data, weftimage.Limits{Bytes: 1 << 20, Pixels: 1 << 18})
		if err != nil {
			if models.ClassOf(err) != models.Permanent {
				t.Fatalf("class of %v is %s", err, models.ClassOf(err))
			}
			return
		}
		img, err := weftimage.DecodeRendition(p.Rendition)
		if err != nil {
			t.Fatalf("rendition can't be read: %v", err)
		}
		if b := img.Bounds(); max(b.Dx(), b.Dy()) > weftimage.RenditionSide || p.Width*p.Height > 1<<18 {
			t.Fatalf("rendition %v of %d×%d", b, p.Width, p.Height)
		}
	})
}

func BenchmarkPrepare(b *testing.B) {
	data := encodeJPEG(b, quarters(1080, 1350))
	for b.Loop() {
		if _, err := weftimage.Prepare(data, weftimage.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

var (
	red   = color.RGBA{200, 20, 30, 255}
	blue  = color.RGBA{20, 40, 200, 255}
	white = color.RGBA{255, 255, 255, 255}
)

// halves is left in one colour and right in another.
func halves(w, h int, left, right color.RGBA) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, right)
			if x < w/2 {
				img.SetRGBA(x, y, left)
			}
		}
	}
	return img
}

// quarters is blue but for its top left.
func quarters(w, h int) *image.RGBA {
	img := halves(w, h, blue, blue)
	for y := range h / 2 {
		for x := range w / 2 {
			img.SetRGBA(x, y, red)
		}
	}
	return img
}

func deep(w, h int) image.Image {
	img := image.NewNRGBA64(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, red)
		}
	}
	return img
}

func greys(w, h int) image.Image {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 90
	}
	return img
}

func noise(w, h int) *image.RGBA {
	rng := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32()) | uint8(255*(i%4/3))
	}
	return img
}

func near(c color.Color, want color.RGBA) bool {
	r, g, b, _ := c.RGBA()
	for _, d := range []int{int(r>>8) - int(want.R), int(g>>8) - int(want.G), int(b>>8) - int(want.B)} {
		if d > 12 || d < -12 {
			return false
		}
	}
	return true
}

func encodeJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodePNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// animatedGIF has a first frame that covers only the lower right of its canvas.
func animatedGIF(t testing.TB) []byte {
	t.Helper()
	palette := color.Palette{red, blue}
	first := image.NewPaletted(image.Rect(30, 20, 60, 40), palette)
	second := image.NewPaletted(image.Rect(0, 0, 60, 40), palette)
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{first, second}, Delay: []int{1, 1}, Config: image.Config{ColorModel: palette, Width: 60, Height: 40}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 0xFF
	return data
}

// jpegBomb rewrites the size in a baseline JPEG's frame header.
func jpegBomb(data []byte, w, h uint16) []byte {
	data = bytes.Clone(data)
	at := bytes.Index(data, []byte{0xFF, 0xC0})
	binary.BigEndian.PutUint16(data[at+5:], h)
	binary.BigEndian.PutUint16(data[at+7:], w)
	return data
}

// pngBomb rewrites the size in a PNG's header, sum included.
func pngBomb(data []byte, w, h uint32) []byte {
	data = bytes.Clone(data)
	binary.BigEndian.PutUint32(data[16:], w)
	binary.BigEndian.PutUint32(data[20:], h)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

// exif is a TIFF structure with one entry, the orientation.
func exif(order binary.AppendByteOrder, orientation uint16) []byte {
	head := "II*\x00"
	if order.String() == "BigEndian" {
		head = "MM\x00*"
	}
	b := order.AppendUint32([]byte(head), 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return order.AppendUint16(b, 0)
}

// withEXIF puts an EXIF segment behind the start of a JPEG.
func withEXIF(data, body []byte) []byte {
	segment := append([]byte("Exif\x00\x00"), body...)
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2))...)
	return append(append(out, segment...), data[2:]...)
}
