package image_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	weftimage "weft/analysis/image"
)

// hostileFile is bytes that mean harm, and the reason they must be refused
// with; "" for those that are decoded all the same.
type hostileFile struct {
	data []byte
	want string
}

// hostileFiles are all small: what they cost is in what they claim.
func hostileFiles(t testing.TB) map[string]hostileFile {
	t.Helper()
	photo := encodeJPEG(t, halves(300, 300, red, blue))
	pic := encodePNG(t, noise(100, 100))
	return map[string]hostileFile{
		"empty":                     {nil, "image is empty"},
		"HTML":                      {[]byte("<!DOCTYPE html><title>x</title>"), "not an image: text/html"},
		"ZIP named JPEG":            {[]byte("PK\x03\x04" + strings.Repeat("x", 100)), "not an image: application/zip"},
		"SVG":                       {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), "not an image: text/xml"},
		"truncated JPEG":            {photo[:len(photo)/2], "image is truncated"},
		"truncated PNG":             {pic[:len(pic)/2], "image is truncated"},
		"JPEG of 65535 a side":      {jpegBomb(photo, 65535, 65535), "65535×65535 pixels are over the limit of 50 MP"},
		"PNG of 65535 a side":       {pngBomb(pic, 65535, 65535), "65535×65535 pixels are over the limit of 50 MP"},
		"GIF of 65535 a side":       {gifBomb(65535, 65535), "65535×65535 pixels are over the limit of 50 MP"},
		"WebP of 16383 a side":      {losslessWebP(16383, 16383), "16383×16383 pixels are over the limit of 50 MP"},
		"JPEG that lies":            {jpegBomb(photo, 7000, 7000), "JPEG is malformed"},
		"progressive, 49 MP":        {progressiveBomb(t, 7000, 7000), "to decode, over the limit of 160 MB"},
		"progressive, many scans":   {manyScans(t, 5000), "JPEG comes in more than 256 scans"},
		"AVIF of 49 MP":             {heifBomb(t, encodeAVIF(t, halves(64, 64, red, blue)), 7000, 7000), "to decode, over the limit of 160 MB"},
		"HEIC of 49 MP":             {heifBomb(t, testdata(t, "photo.heic"), 7000, 7000), "to decode, over the limit of 160 MB"},
		"AVIF within the limit":     {encodeAVIF(t, halves(1800, 1400, red, blue)), ""},
		"WebP of 49 MP":             {losslessWebP(7000, 7000), "WebP of 7000×7000 pixels takes about 373 MB to decode, over the limit of 160 MB"},
		"WebP within the limit":     {losslessWebP(3700, 3700), ""},
		"animation of 49 MP":        {animatedWebP(7000, 7000, 0, 0, 7000, 7000, losslessWebP(7000, 7000)), "to decode, over the limit of 160 MB"},
		"frame larger than canvas":  {animatedWebP(10, 10, 0, 0, 7000, 7000, losslessWebP(7000, 7000)), "WebP is malformed"},
		"frame larger than it says": {animatedWebP(10, 10, 0, 0, 10, 10, losslessWebP(7000, 7000)), "WebP is malformed"},
		"PNG of zeros, 40 MP":       {zeroPNG(t, 6400, 6250, 8, 6, 0, 6250), ""},
		"16-bit PNG of zeros":       {zeroPNG(t, 7000, 7000, 16, 6, 0, 9), "takes about 373 MB to decode"},
		"interlaced PNG of zeros":   {zeroPNG(t, 5000, 5000, 8, 6, 1, 9), "takes about 190 MB to decode"},
		"palette of zeros, 49 MP":   {zeroPNG(t, 7000, 7000, 8, 2, 0, 9), "takes about 186 MB to decode"},
		"grey of zeros, 49 MP":      {zeroPNG(t, 7000, 7000, 1, 0, 0, 9), "takes about 186 MB to decode"},
		"PNG of one row":            {zeroPNG(t, 40_000_000, 1, 8, 0, 0, 1), "a side is over the limit of 65535"},
		"PNG of one long row":       {zeroPNG(t, 65535, 1, 8, 2, 0, 1), ""},
		"PNG of one column":         {zeroPNG(t, 1, 65535, 8, 2, 0, 65535), ""},
		"EXIF that is cut off":      {withEXIF(photo, exif(binary.LittleEndian, 6)[:20]), ""},
		"EXIF that goes in circles": {withEXIF(photo, []byte("II*\x00\x08\x00\x00\x00\xff\xff\x12\x01\x03\x00\x01\x00\x00\x00")), ""},
		"ICC of nothing":            {withSegment(photo, 0xE2, []byte("ICC_PROFILE\x00\x01\x01")), ""},
		"ICC of chunk 0 of 255":     {withSegment(photo, 0xE2, append([]byte("ICC_PROFILE\x00\x00\xff"), bytes.Repeat([]byte{0xFF}, 60_000)...)), ""},
		"ICC in a PNG that bursts":  {withICC(t, pic, 200<<20), ""},
		"two scans of 49 MP":        {jpegBomb(append(bytes.Clone(photo), photo[bytes.Index(photo, []byte{0xFF, 0xDA}):]...), 7000, 7000), "malformed"},
		"segment without an end":    {append(bytes.Clone(photo[:2]), 0xFF, 0xE1, 0xFF, 0xFF), "not an image"},
	}
}

const childEnv = "WEFT_TEST_HOSTILE_FILE"

// TestHostileImagesStaySmall decodes each file in a process of its own and
// reads the most memory that it ever had, the program itself included.
func TestHostileImagesStaySmall(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc here, which tells a process's peak of memory")
	}
	const limit = 256 << 10 // kB
	most := map[string]int{}
	for name, f := range hostileFiles(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, f.data, 0o600); err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHostileChild$", "-test.v")
			child.Env = append(os.Environ(), childEnv+"="+path)
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("the process ended with %v:\n%s", err, out)
			}
			reason, _ := strconv.Unquote(found(t, `reason (".*")`, out))
			if f.want == "" && reason != "" || !strings.Contains(reason, f.want) {
				t.Errorf("refused with %q, want %q", reason, f.want)
			}
			peak, err := strconv.Atoi(found(t, `peak (\d+) kB`, out))
			if err != nil || peak == 0 || peak > limit {
				t.Errorf("%d bytes took %d kB at most (%v), want at most %d", len(f.data), peak, err, limit)
			}
			most[name] = peak
		})
	}
	for name, peak := range most {
		if peak > limit/3 {
			t.Logf("%-26s %4d MB", name, peak>>10)
		}
	}
}

func found(t *testing.T, pattern string, in []byte) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(in)
	if m == nil {
		t.Fatalf("the process didn't say %s:\n%s", pattern, in)
	}
	return string(m[1])
}

// TestHostileChild is what TestHostileImagesStaySmall starts.
func TestHostileChild(t *testing.T) {
	path := os.Getenv(childEnv)
	if path == "" {
		t.Skip("started by TestHostileImagesStaySmall only")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := weftimage.NewPreparer(100_000_000).Prepare(t.Context(), data)
	reason := ""
	if err != nil {
		reason = err.Error()
	} else if _, err := weftimage.DecodeRenditionAt(p.Rendition, 96); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("reason %q\n", reason)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("peak %s kB\n", found(t, `VmHWM:\s+(\d+) kB`, status))
}

// withSegment puts a segment behind the start of a JPEG.
func withSegment(data []byte, marker byte, body []byte) []byte {
	out := append([]byte{0xFF, 0xD8, 0xFF, marker}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(out, body...), data[2:]...)
}

// progressiveBomb rewrites the size in a progressive JPEG's frame header.
func progressiveBomb(t testing.TB, w, h uint16) []byte {
	t.Helper()
	data := bytes.Clone(testdata(t, "progressive.jpg"))
	at := bytes.Index(data, []byte{0xFF, 0xC2})
	binary.BigEndian.PutUint16(data[at+5:], h)
	binary.BigEndian.PutUint16(data[at+7:], w)
	return data
}

// manyScans repeats the last scan of a progressive JPEG n times.
func manyScans(t testing.TB, n int) []byte {
	t.Helper()
	data := testdata(t, "progressive.jpg")
	at := bytes.LastIndex(data, []byte{0xFF, 0xDA})
	scan := data[at : len(data)-2]
	out := bytes.Clone(data[:at])
	for range n {
		out = append(out, scan...)
	}
	return append(out, 0xFF, 0xD9)
}

// heifBomb rewrites the first size that a HEIF states.
func heifBomb(t testing.TB, data []byte, w, h uint32) []byte {
	t.Helper()
	data = bytes.Clone(data)
	at := bytes.Index(data, []byte("ispe"))
	if at < 0 {
		t.Fatal("no size in the file")
	}
	binary.BigEndian.PutUint32(data[at+8:], w)
	binary.BigEndian.PutUint32(data[at+12:], h)
	return data
}

func gifBomb(w, h int) []byte {
	var b bytes.Buffer
	small := image.NewPaletted(image.Rect(0, 0, 4, 4), color.Palette{red, blue})
	_ = gif.Encode(&b, small, nil)
	data := b.Bytes()
	binary.LittleEndian.PutUint16(data[6:], uint16(w))
	binary.LittleEndian.PutUint16(data[8:], uint16(h))
	return data
}

// losslessWebP is one colour in any size: its five Huffman codes have one symbol
// each, so a pixel takes no bit at all.
func losslessWebP(w, h int) []byte {
	bits, n := uint64(0), 0
	put := func(v uint64, size int) { bits |= v << n; n += size }
	put(uint64(w-1), 14)
	put(uint64(h-1), 14)
	put(0, 4+3) // opaque, version 0, no transform, no cache, no groups of codes
	for range 5 {
		put(1, 4) // simple, one symbol, of one bit: 0
	}
	body := []byte{0x2F}
	body = append(binary.LittleEndian.AppendUint64(body, bits), 0)
	return riff(chunk("VP8L", body))
}

func chunk(kind string, body []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body)))
	return append(append(out, body...), make([]byte, len(body)%2)...)
}

func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// animatedWebP wraps a still as the first of two frames.
func animatedWebP(w, h, x, y, fw, fh int, still []byte) []byte {
	le24 := func(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }
	frame := bytes.Join([][]byte{le24(x / 2), le24(y / 2), le24(fw - 1), le24(fh - 1), le24(100), {0}, still[12:]}, nil)
	extended := bytes.Join([][]byte{{2, 0, 0, 0}, le24(w - 1), le24(h - 1)}, nil)
	return riff(chunk("VP8X", extended), chunk("ANIM", make([]byte, 6)), chunk("ANMF", frame), chunk("ANMF", frame))
}

// zeroPNG is a PNG whose pixels are all zero, as many rows of them as are told:
// what is refused by its header needs no more than some.
func zeroPNG(t testing.TB, w, h, depth, kind, interlace, rows int) []byte {
	t.Helper()
	channels := map[int]int{0: 1, 2: 3, 6: 4}[kind]
	var body bytes.Buffer
	z, _ := zlib.NewWriterLevel(&body, zlib.BestSpeed)
	row := make([]byte, 1+(w*channels*depth+7)/8)
	for range rows {
		_, _ = z.Write(row)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	head = append(head, byte(depth), byte(kind), 0, 0, byte(interlace))
	return append([]byte("\x89PNG\r\n\x1a\n"), bytes.Join([][]byte{pngChunk("IHDR", head), pngChunk("IDAT", body.Bytes()), pngChunk("IEND", nil)}, nil)...)
}

func pngChunk(kind string, body []byte) []byte {
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind...)
	out = append(out, body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// withICC puts a colour profile that unpacks to n bytes into a PNG.
func withICC(t testing.TB, data []byte, n int64) []byte {
	t.Helper()
	var packed bytes.Buffer
	packed.WriteString("icc\x00\x00")
	z := zlib.NewWriter(&packed)
	if _, err := io.CopyN(z, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{data[:33], pngChunk("iCCP", packed.Bytes()), data[33:]}, nil)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
