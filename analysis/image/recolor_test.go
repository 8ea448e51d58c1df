package image

import (
	"bytes"
	"image"
	"image/color"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/image/colornames"
)

// photos returns up to n garment photos, evenly drawn from all classes, or
// skips the test where they are not.
func photos(t testing.TB, n int) []*image.RGBA {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared(t), "data", "clothing", "train", "*", "*.jpg"))
	if err != nil || len(files) == 0 {
		t.Skip("no garment photos in the shared folder")
	}
	var out []*image.RGBA
	for i := range n {
		data, err := os.ReadFile(files[i*len(files)/n])
		if err != nil {
			t.Fatal(err)
		}
		p, err := Prepare(data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		img, err := DecodeRendition(p.Rendition)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, shrink(img, img.Bounds(), RenditionSide))
	}
	return out
}

// shared finds the folder of shared data: WEFT_SHARED, or a sibling of one of
// the folders above.
func shared(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("WEFT_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if _, err := os.Stat(filepath.Join(dir, "shared", "data")); err == nil {
			return filepath.Join(dir, "shared")
		}
	}
	t.Skip("no shared folder; set WEFT_SHARED")
	return ""
}

// recolor paints the photo's garment in a colour, keeping its shadows. It is
// false where the garment can't be told from the background well enough.
func recolor(c *Colors, photo *image.RGBA, target color.RGBA) (*image.RGBA, bool) {
	g := c.convert.grid(photo)
	f := findForeground(g, 8)
	mean, total, inside := 0.0, 0.0, 0
	for i, w := range f.weight {
		if w > 0 {
			mean, total, inside = mean+w*g.lab[i].l, total+w, inside+1
		}
	}
	if share := float64(inside) / float64(len(f.weight)); f.contrast < 0.5 || share < 0.15 || share > 0.7 {
		return nil, false
	}
	mean /= total
	out := image.NewRGBA(photo.Bounds())
	copy(out.Pix, photo.Pix)
	want := c.convert.lab(target.R, target.G, target.B)
	for i, w := range f.weight {
		if w == 0 {
			continue
		}
		shade := max(-25, min(15, 0.7*(g.lab[i].l-mean)))
		r, gr, b := toRGB(lab{max(0, min(100, want.l+shade)), want.a, want.b})
		out.Pix[4*i], out.Pix[4*i+1], out.Pix[4*i+2] = r, gr, b
	}
	return out, true
}

func toRGB(p lab) (r, g, b uint8) {
	inverse := func(t float64) float64 {
		if t3 := t * t * t; t3 > 216.0/24389 {
			return t3
		}
		return (116*t - 16) * 27 / 24389
	}
	fy := (p.l + 16) / 116
	x, y, z := 0.95047*inverse(fy+p.a/500), inverse(fy), 1.08883*inverse(fy-p.b/200)
	gamma := func(v float64) uint8 {
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		return uint8(math.Round(255 * max(0, min(1, v))))
	}
	return gamma(3.2404542*x - 1.5371385*y - 0.4985314*z), gamma(-0.9692660*x + 1.8760108*y + 0.0415560*z), gamma(0.0556434*x - 0.2040259*y + 1.0572252*z)
}

func TestToRGBIsTheInverse(t *testing.T) {
	c := newConverter()
	for _, want := range []color.RGBA{{0, 0, 0, 255}, {255, 255, 255, 255}, {12, 200, 99, 255}, {250, 3, 77, 255}} {
		if r, g, b := toRGB(c.lab(want.R, want.G, want.B)); r != want.R || g != want.G || b != want.B {
			t.Errorf("%v came back as %d %d %d", want, r, g, b)
		}
	}
}

// TestConfidenceMeansSomething recolours real garments: the dominant colour
// must be right, and where it is wrong, confidence must be lower. The mask that
// is painted is found by the same code, so this is easy framing.
func TestConfidenceMeansSomething(t *testing.T) {
	c := newTestColors(t)
	names := cssNames()
	keys := slices.Sorted(maps.Keys(names))
	rng := rand.New(rand.NewPCG(3, 9))
	var light, heavy score
	for _, photo := range photos(t, 60) {
		css := keys[rng.IntN(len(keys))]
		img, ok := recolor(c, photo, colornames.Map[css])
		if !ok {
			continue
		}
		var b bytes.Buffer // as a network would send it
		if err := encodeRendition(&b, img); err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRendition(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		d := drawing{top: names[css], bottom: names[css]}
		light.add(d, c.Light(got, 4))
		heavy.add(d, c.Regions(got, 6, 2, nil))
	}
	light.log(t, "light: recoloured photos")
	heavy.log(t, "heavy: recoloured photos")
	for i, bin := range light.calibration {
		if bin[0] > 0 {
			t.Logf("confidence 0.%d: %3.0f names, %.2f right", i, bin[0], bin[1]/bin[0])
		}
	}
	if light.n < 25 {
		t.Skipf("only %d photos could be recoloured", light.n)
	}
	if got := float64(light.dominant) / float64(light.n); got < 0.85 {
		t.Errorf("light: dominant colour right in %.3f, want 0.85", got)
	}
	right, wrong := light.rightConf/float64(light.rightN), light.wrongConf/float64(max(1, light.wrongN))
	if wrong > right-0.1 {
		t.Errorf("mean confidence %.2f of wrong names and %.2f of right ones: want 0.1 between them", wrong, right)
	}
}

// TestColorsOfPhotos has no truth: it prints what is found in real photos, and
// checks the rules that hold for any.
func TestColorsOfPhotos(t *testing.T) {
	c := newTestColors(t)
	dominant := map[string]int{}
	low := 0
	for _, photo := range photos(t, 30) {
		found := c.Light(photo, 4)
		if len(found) < 2 || len(found) > mostColors+1 {
			t.Fatalf("%d attributes, want one to three colours and a family: %v", len(found), found)
		}
		dominant[found[0].Value]++
		if found[0].Confidence < 0.7 {
			low++
		}
		sum := 0.0
		for i, a := range found[:len(found)-1] {
			sum += a.Share
			if a.Share < leastShare || a.Confidence <= 0 || a.Confidence > 0.99 || (i > 0 && a.Share > found[i-1].Share) {
				t.Errorf("colour %+v among %v", a, found)
			}
		}
		if sum > 1.002 {
			t.Errorf("shares sum up to %f", sum)
		}
	}
	t.Logf("dominant colours: %v; %d below a confidence of 0.7", dominant, low)
}
