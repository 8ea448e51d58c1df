package image_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"testing"

	"github.com/gen2brain/avif"

	weftimage "weft/analysis/image"
	"weft/models"
)

// place is what must not be found in what is stored.
const place = "48.8584N 2.2945E"

// placed are files of every kind that say where they were taken, in every way
// that is known of their kind.
func placed(t testing.TB) map[string][]byte {
	t.Helper()
	photo := encodeJPEG(t, quarters(64, 32))
	return map[string][]byte{
		"JPEG":        placedJPEG(photo, 1),
		"turned JPEG": placedJPEG(photo, 6),
		"progressive": placedJPEG(testdata(t, "progressive.jpg"), 3),
		"CMYK JPEG":   placedJPEG(testdata(t, "cmyk.jpg"), 1),
		"PNG":         placedPNG(encodePNG(t, quarters(64, 32))),
		"GIF":         placedGIF(animatedGIF(t)),
		"WebP":        placedWebP(testdata(t, "photo.webp")),
		"AVIF":        append(encodeAVIF(t, quarters(64, 32)), box("uuid", "be7acfcb97a942e8", place)...),
		"HEIC":        append(testdata(t, "photo.heic"), box("mpvd", place)...),
	}
}

func TestStrip(t *testing.T) {
	for name, data := range placed(t) {
		t.Run(name, func(t *testing.T) {
			given := bytes.Clone(data)
			got := weftimage.Strip(data)
			if !bytes.Equal(data, given) {
				t.Error("it wrote to its input")
			}
			for _, secret := range []string{place, "2026:03:01", "GPSLatitude", "xmpmeta", "Photoshop"} {
				if !bytes.Contains(given, []byte(secret)) {
					continue
				}
				if bytes.Contains(got, []byte(secret)) {
					t.Errorf("%q is still there", secret)
				}
			}
			if bytes.Equal(got, given) {
				t.Error("nothing was stripped")
			}
			if !bytes.Equal(weftimage.Strip(got), got) {
				t.Error("stripping twice is not stripping once")
			}
			samePixels(t, given, got)
		})
	}
}

// samePixels decodes both with decoders that know nothing of Strip.
func samePixels(t *testing.T, a, b []byte) {
	t.Helper()
	if string(a[4:8]) == "ftyp" && string(a[8:12]) != "avif" {
		return // Prepare's own decoder is the only one; see TestPrepare
	}
	want, _, err := image.Decode(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("what is left can't be decoded: %v", err)
	}
	if want.Bounds() != got.Bounds() {
		t.Fatalf("size %v, was %v", got.Bounds(), want.Bounds())
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			if want.At(x, y) != got.At(x, y) {
				t.Fatalf("pixel %d, %d is %v, was %v", x, y, got.At(x, y), want.At(x, y))
			}
		}
	}
}

// TestStripKeepsOrientation: of EXIF that alone stays, and Prepare applies it.
func TestStripKeepsOrientation(t *testing.T) {
	plain := encodeJPEG(t, quarters(64, 32))
	for o := uint16(1); o <= 8; o++ {
		stripped := weftimage.Strip(placedJPEG(plain, o))
		if bytes.Contains(stripped, []byte("Exif")) != (o != 1) {
			t.Errorf("orientation %d: EXIF is there: %v", o, o == 1)
		}
		if want := len(plain) + 36; o != 1 && len(stripped) != want {
			t.Errorf("orientation %d: %d bytes, want %d: those of the pixels and 36", o, len(stripped), want)
		}
		before, err := weftimage.Prepare(withEXIF(plain, exif(binary.LittleEndian, o)), weftimage.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		after, err := weftimage.Prepare(stripped, weftimage.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before.Rendition, after.Rendition) || before.Width != after.Width || before.SHA256 != after.SHA256 {
			t.Errorf("orientation %d: the rendition differs, or %s is not %s", o, before.SHA256, after.SHA256)
		}
	}
}

// TestStripLeavesAloneWhatIsClean: clean bytes stay the very same, so their
// hash is the one that others know them by.
func TestStripLeavesAloneWhatIsClean(t *testing.T) {
	pic := quarters(40, 30)
	for name, data := range map[string][]byte{
		"JPEG": encodeJPEG(t, pic), "PNG": encodePNG(t, pic), "GIF": animatedGIF(t), "WebP": testdata(t, "photo.webp"),
		"AVIF": encodeAVIF(t, pic), "text": []byte("no image"), "nothing": nil, "few bytes": []byte("\xFF\xD8\xFF"),
	} {
		if got := weftimage.Strip(data); !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes became %d others", name, len(data), len(got))
		}
	}
}

// TestPrepareStoresStripped: what is hashed and stored is what is stripped.
func TestPrepareStoresStripped(t *testing.T) {
	for name, data := range placed(t) {
		p, err := weftimage.Prepare(data, weftimage.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(p.Original, weftimage.Strip(data)) || p.Size != int64(len(p.Original)) {
			t.Errorf("%s: the original of %d bytes is not the stripped one", name, len(p.Original))
		}
		again, err := weftimage.Prepare(p.Original, weftimage.Limits{})
		if err != nil || again.SHA256 != p.SHA256 || !bytes.Equal(again.Rendition, p.Rendition) {
			t.Errorf("%s: prepared again it is %s, %v; want %s", name, again.SHA256, err, p.SHA256)
		}
	}
}

func TestStripBearsCutOffFiles(t *testing.T) {
	for name, data := range placed(t) {
		for n := range data {
			got := weftimage.Strip(data[:n])
			if again := weftimage.Strip(got); !bytes.Equal(again, got) {
				t.Fatalf("%s cut to %d bytes: stripping twice is not stripping once", name, n)
			}
			if at := bytes.Index(data, []byte(place)); at >= 0 && n >= at+len(place) && bytes.Contains(got, []byte(place)) {
				t.Fatalf("%s cut to %d bytes: the place is still there", name, n)
			}
		}
	}
}

func FuzzStrip(f *testing.F) {
	for _, data := range placed(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := weftimage.Strip(data)
		if !bytes.Equal(weftimage.Strip(got), got) {
			t.Fatal("stripping twice is not stripping once")
		}
		if len(got) > len(data)+36 {
			t.Fatalf("%d bytes became %d", len(data), len(got))
		}
		if len(data) >= 8 && string(data[4:8]) == "ftyp" && len(got) != len(data) {
			t.Fatalf("a HEIF of %d bytes became one of %d: its offsets are wrong now", len(data), len(got))
		}
	})
}

// TestPrepareAVIFTurnsUpright: turned and mirrored as the file says; the decoder doesn't.
func TestPrepareAVIFTurnsUpright(t *testing.T) {
	data := encodeAVIF(t, quarters(64, 32))
	for name, tc := range map[string]struct {
		kind string
		v    byte
		w, h int
		red  image.Point
	}{
		"as it is":              {"pixi", 0, 64, 32, image.Pt(0, 0)},
		"a quarter to the left": {"irot", 1, 32, 64, image.Pt(0, 1)},
		"upside down":           {"irot", 2, 64, 32, image.Pt(1, 1)},
		"to the right":          {"irot", 3, 32, 64, image.Pt(1, 0)},
		"top and bottom":        {"imir", 0, 64, 32, image.Pt(0, 1)},
		"left and right":        {"imir", 1, 64, 32, image.Pt(1, 0)},
	} {
		turned := bytes.Clone(data)
		at := bytes.Index(turned, []byte("pixi")) // how deep pixels are, which the picture tells itself
		copy(turned[at:], tc.kind)
		turned[at+4] = tc.v
		p, err := weftimage.Prepare(turned, weftimage.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		img, err := weftimage.DecodeRendition(p.Rendition)
		if err != nil {
			t.Fatal(err)
		}
		if p.Width != tc.w || p.Height != tc.h || img.Bounds().Dx() != tc.w {
			t.Errorf("%s: %d×%d, rendition %v, want %d×%d", name, p.Width, p.Height, img.Bounds(), tc.w, tc.h)
		}
		for _, corner := range []image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
			r, _, b, _ := img.At(tc.w/4+corner.X*tc.w/2, tc.h/4+corner.Y*tc.h/2).RGBA()
			if isRed := r > 2*b; isRed != (corner == tc.red) {
				t.Errorf("%s: corner %v red: %v, want red at %v", name, corner, isRed, tc.red)
			}
		}
	}
}

// TestPrepareAVIFWithTransparency is drawn over white, and seen through nowhere
// else: pixels that were never decoded look like that.
func TestPrepareAVIFWithTransparency(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	for x := range 20 {
		for y := range 20 {
			img.Set(x, y, red)
		}
	}
	p, err := weftimage.Prepare(encodeAVIF(t, img), weftimage.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := weftimage.DecodeRendition(p.Rendition)
	if err != nil || !near(got.At(5, 10), red) || !near(got.At(35, 10), white) {
		t.Errorf("%v and %v, %v; want red and white", got.At(5, 10), got.At(35, 10), err)
	}
}

func TestPrepareRefusesHostileHEIF(t *testing.T) {
	avifs, heics := encodeAVIF(t, quarters(64, 32)), testdata(t, "photo.heic")
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"AVIF bomb":           {sized(avifs, 30000, 30000), "30000×30000 pixels are over the limit of 50 MP"},
		"HEIC bomb":           {sized(heics, 1<<31, 1<<31), "HEIC is malformed"},
		"HEIC just over":      {sized(heics, 10_000, 5_001), "10000×5001 pixels are over the limit of 50 MP"},
		"AVIF without pixels": {sized(avifs, 0, 5), "AVIF is malformed"},
		"AVIF cut off":        {avifs[:len(avifs)-30], "image is truncated"},
		"HEIC cut off":        {heics[:len(heics)/2], "image is truncated"},
		"AVIF header only":    {avifs[:60], "image is truncated"},
		"AVIF of noise":       {scrambled(avifs), "AVIF is malformed|image is truncated"},
		"HEIC of noise":       {scrambled(heics), "HEIC is malformed|image is truncated"},
		"MP4":                 {[]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), "not an image: video/mp4"},
	} {
		_, err := weftimage.Prepare(tc.data, weftimage.Limits{})
		if err == nil || !oneOf(tc.want, err.Error()) || models.ClassOf(err) != models.Permanent {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func oneOf(want, got string) bool {
	for w := range bytes.SplitSeq([]byte(want), []byte("|")) {
		if bytes.Contains([]byte(got), w) {
			return true
		}
	}
	return false
}

// sized rewrites every size that a HEIF's header tells.
func sized(data []byte, w, h uint32) []byte {
	data = bytes.Clone(data)
	for at := 0; ; at += 4 {
		i := bytes.Index(data[at:], []byte("ispe"))
		if i < 0 {
			return data
		}
		at += i
		binary.BigEndian.PutUint32(data[at+8:], w)
		binary.BigEndian.PutUint32(data[at+12:], h)
	}
}

// scrambled overwrites the coded picture.
func scrambled(data []byte) []byte {
	data = bytes.Clone(data)
	for at := bytes.Index(data, []byte("mdat")) + 8; at < len(data); at++ {
		data[at] = byte(at*7) | 1
	}
	return data
}

func encodeAVIF(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := avif.Encode(&b, img, avif.Options{Quality: 90, Speed: 10}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func box(kind string, bodies ...string) []byte {
	body := fmt.Sprint(bodies)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), kind+body...)
}

// placedJPEG has EXIF with the place, XMP, Photoshop's block, a comment, a
// second picture's index, and a video behind its end.
func placedJPEG(data []byte, orientation uint16) []byte {
	segment := func(marker byte, body string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(len(body)+2)), body...)
	}
	out := bytes.Clone(withEXIF(data, append(exif(binary.BigEndian, orientation), place...)))
	end := 4 + int(binary.BigEndian.Uint16(out[4:]))
	var more []byte
	more = append(more, segment(0xE1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+place)...)
	more = append(more, segment(0xE1, "Exif\x00\x00a second one"+place)...)
	more = append(more, segment(0xE2, "MPF\x00"+place)...)
	more = append(more, segment(0xED, "Photoshop 3.0\x008BIM"+place)...)
	more = append(more, segment(0xFE, place)...)
	out = append(out[:end:end], append(more, out[end:]...)...)
	return append(out, "\x00\x00\x00\x18ftypmp42"+place...)
}

func placedPNG(data []byte) []byte {
	chunk := func(kind, body string) []byte {
		b := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind+body...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	out := bytes.Clone(data[:33]) // with IHDR
	for _, c := range [][2]string{{"eXIf", place}, {"tEXt", "where\x00" + place}, {"iTXt", "XML:com.adobe.xmp\x00" + place}, {"zTXt", place}, {"tIME", "1234567"}, {"caBX", place}} {
		out = append(out, chunk(c[0], c[1])...)
	}
	return append(append(out, data[33:]...), place...)
}

func placedGIF(data []byte) []byte {
	at := 13 + 3*2 // behind a palette of two colours
	block := func(s string) string { return string(rune(len(s))) + s }
	var more []byte
	more = append(more, "\x21\xFE"+block(place)+"\x00"...)
	more = append(more, "\x21\xFF"+block("XMP DataXMP")+block("<x:xmpmeta>"+place)+"\x00"...)
	more = append(more, "\x21\xFF"+block("NETSCAPE2.0")+block("\x01\x00\x00")+"\x00"...)
	return append(append(append(bytes.Clone(data[:at]), more...), data[at:]...), place...)
}

// placedWebP makes an extended WebP of a simple one.
func placedWebP(data []byte) []byte {
	chunk := func(kind, body string) []byte {
		b := append([]byte(kind), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
		b = append(b, body...)
		if len(body)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	out := append(bytes.Clone(data[:12]), chunk("VP8X", "\x0C\x00\x00\x00\x95\x00\x00\x66\x00\x00")...) // 150×103
	out = append(out, data[12:]...)
	out = append(out, chunk("EXIF", "Exif\x00\x00MM"+place)...)
	out = append(out, chunk("XMP ", "<x:xmpmeta>"+place+"!")...)
	out = append(out, chunk("what", place)...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return append(out, place...)
}
