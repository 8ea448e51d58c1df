package image

import (
	"image"
	"image/color"
	"image/draw"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/colornames"
	"golang.org/x/image/vector"

	"weft/analysis/taxonomy"
	"weft/models"
)

// cssNames says what a person would call colours of the CSS list. They were
// named by eye, without looking at the taxonomy's anchors.
func cssNames() map[string]string {
	return map[string]string{
		"black": "black", "dimgray": "grey", "gray": "grey", "darkgray": "grey", "silver": "grey", "lightgray": "grey",
		"white": "white", "snow": "white", "whitesmoke": "white", "ghostwhite": "white", "cornsilk": "cream", "oldlace": "cream",
		"beige": "cream", "antiquewhite": "cream", "tan": "beige", "burlywood": "beige", "wheat": "beige",
		"saddlebrown": "brown", "sienna": "brown", "red": "red", "crimson": "red", "firebrick": "red",
		"maroon": "burgundy", "pink": "pink", "hotpink": "pink", "deeppink": "pink", "lightpink": "pink", "palevioletred": "pink",
		"salmon": "coral", "coral": "coral", "lightsalmon": "coral", "darkorange": "orange", "orange": "orange", "orangered": "orange",
		"yellow": "yellow", "gold": "yellow", "goldenrod": "mustard", "darkgoldenrod": "mustard",
		"green": "green", "forestgreen": "green", "seagreen": "green", "mediumseagreen": "green", "darkgreen": "green", "limegreen": "green",
		"olive": "olive", "darkolivegreen": "olive", "olivedrab": "olive", "teal": "teal", "lightseagreen": "teal", "darkcyan": "teal", "turquoise": "teal",
		"lightblue": "light-blue", "skyblue": "light-blue", "lightskyblue": "light-blue", "powderblue": "light-blue", "lightsteelblue": "light-blue",
		"royalblue": "blue", "mediumblue": "blue", "steelblue": "blue", "blue": "blue", "dodgerblue": "blue", "navy": "navy", "midnightblue": "navy",
		"purple": "purple", "indigo": "purple", "darkorchid": "purple", "darkmagenta": "purple",
		"lavender": "lavender", "plum": "lavender", "thistle": "lavender", "aquamarine": "mint",
	}
}

func newTestColors(t testing.TB) *Colors {
	t.Helper()
	tax, err := taxonomy.LoadColors()
	if err != nil {
		t.Fatal(err)
	}
	return NewColors(tax)
}

func TestNamesOfCSSColours(t *testing.T) {
	c := newTestColors(t)
	right, rightMargin, wrongMargin := 0, 0.0, 0.0
	names := cssNames()
	for css, want := range names {
		rgb, ok := colornames.Map[css]
		if !ok {
			t.Fatalf("no CSS colour %q", css)
		}
		got := c.nearest(c.convert.lab(rgb.R, rgb.G, rgb.B))
		if got.name == want {
			right++
			rightMargin += got.margin
		} else {
			wrongMargin += got.margin
			t.Logf("%s is %s, a person says %s (margin %.2f)", css, got.name, want, got.margin)
		}
	}
	wrong := len(names) - right
	t.Logf("%d of %d named as a person would; mean margin right %.2f, wrong %.2f", right, len(names), rightMargin/float64(right), wrongMargin/float64(max(1, wrong)))
	if share := float64(right) / float64(len(names)); share < 0.9 {
		t.Errorf("%.3f of the CSS colours are named as a person would, want 0.9", share)
	}
}

// drawing is a made-up photo whose truth is known.
type drawing struct {
	img         *image.RGBA
	top, bottom string // colours of the garment's parts; equal for a plain one
}

// drawScene draws a garment of one or two colours before a background: an even
// wall with falling light, or clutter in many colours.
func drawScene(rng *rand.Rand, twoColored, cluttered bool) drawing {
	names := cssNames()
	keys := slices.Sorted(maps.Keys(names))
	pick := func() (string, color.RGBA) {
		css := keys[rng.IntN(len(keys))]
		return names[css], colornames.Map[css]
	}
	const w, h = 410, 512
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	topName, top := pick()
	bottomName, bottom := topName, top
	for twoColored && bottomName == topName {
		bottomName, bottom = pick()
	}
	wall := color.RGBA{R: uint8(170 + rng.IntN(80)), G: uint8(170 + rng.IntN(80)), B: uint8(170 + rng.IntN(80)), A: 255}
	draw.Draw(img, img.Bounds(), image.NewUniform(wall), image.Point{}, draw.Src)
	if cluttered {
		for range 14 {
			_, c := pick()
			x, y := rng.IntN(w), rng.IntN(h)
			draw.Draw(img, image.Rect(x, y, x+30+rng.IntN(110), y+30+rng.IntN(110)), image.NewUniform(c), image.Point{}, draw.Src)
		}
	}
	garment(img, rng, top, bottom)
	light(img, rng)
	return drawing{img, topName, bottomName}
}

// garment fills a dress-like outline, its lower part in another colour.
func garment(img *image.RGBA, rng *rand.Rand, top, bottom color.RGBA) {
	w, h := float32(img.Bounds().Dx()), float32(img.Bounds().Dy())
	jitter := func() float32 { return float32(rng.Float64()-0.5) * 0.08 }
	waist := 0.45 + jitter()
	shape := func(points ...[2]float32) *vector.Rasterizer {
		r := vector.NewRasterizer(img.Bounds().Dx(), img.Bounds().Dy())
		r.MoveTo(points[0][0]*w, points[0][1]*h)
		for _, p := range points[1:] {
			r.LineTo(p[0]*w, p[1]*h)
		}
		r.ClosePath()
		return r
	}
	left, right, neck, hem := 0.26+jitter(), 0.74+jitter(), 0.12+jitter(), 0.88+jitter()
	upper := shape([2]float32{left + 0.08, neck}, [2]float32{right - 0.08, neck}, [2]float32{right, neck + 0.12}, [2]float32{right - 0.05, waist}, [2]float32{left + 0.05, waist}, [2]float32{left, neck + 0.12})
	upper.Draw(img, img.Bounds(), image.NewUniform(top), image.Point{})
	lower := shape([2]float32{left + 0.05, waist}, [2]float32{right - 0.05, waist}, [2]float32{right + 0.03, hem}, [2]float32{left - 0.03, hem})
	lower.Draw(img, img.Bounds(), image.NewUniform(bottom), image.Point{})
}

// light adds a gradient of up to a fifth, folds and noise.
func light(img *image.RGBA, rng *rand.Rand) {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	gx, gy, folds := (rng.Float64()-0.5)*0.2, (rng.Float64()-0.5)*0.2, 4+rng.Float64()*6
	for y := range h {
		for x := range w {
			fx, fy := float64(x)/float64(w)-0.5, float64(y)/float64(h)-0.5
			f := 0.95 + gx*2*fx + gy*2*fy + 0.04*math.Sin(fx*folds*2*math.Pi)
			i := y*img.Stride + 4*x
			for c := range 3 {
				img.Pix[i+c] = uint8(max(0, min(255, float64(img.Pix[i+c])*f+rng.NormFloat64()*6)))
			}
		}
	}
}

// score counts over many drawings.
type score struct {
	n, dominant, both    int
	rightConf, wrongConf float64
	rightN, wrongN       int
	calibration          [10][2]float64 // by tenth of confidence: count, right
}

func (s *score) add(d drawing, found []models.Attribute) {
	s.n++
	seen := map[string]bool{}
	first := true
	for _, a := range found {
		if a.Name != AttrColor {
			continue
		}
		ok := a.Value == d.top || a.Value == d.bottom
		if first && ok {
			s.dominant++
		}
		first = false
		seen[a.Value] = true
		bin := min(9, int(a.Confidence*10))
		s.calibration[bin][0]++
		if ok {
			s.rightConf, s.rightN = s.rightConf+a.Confidence, s.rightN+1
			s.calibration[bin][1]++
		} else {
			s.wrongConf, s.wrongN = s.wrongConf+a.Confidence, s.wrongN+1
		}
	}
	if seen[d.top] && seen[d.bottom] {
		s.both++
	}
}

func (s *score) log(t *testing.T, name string) {
	n := float64(s.n)
	t.Logf("%-28s dominant %.3f, all colours %.3f, wrong names per photo %.2f; mean confidence right %.2f, wrong %.2f",
		name, float64(s.dominant)/n, float64(s.both)/n, float64(s.wrongN)/n, s.rightConf/float64(max(1, s.rightN)), s.wrongConf/float64(max(1, s.wrongN)))
}

func BenchmarkColors(b *testing.B) {
	c := newTestColors(b)
	d := drawScene(rand.New(rand.NewPCG(1, 1)), true, true)
	b.Run("light", func(b *testing.B) {
		for b.Loop() {
			c.Light(d.img, 4)
		}
	})
	b.Run("heavy", func(b *testing.B) {
		for b.Loop() {
			c.Regions(d.img, 6, 2, nil)
		}
	})
}

func TestColorsOfDrawings(t *testing.T) {
	c := newTestColors(t)
	const perKind = 20
	rng := rand.New(rand.NewPCG(7, 7))
	var lightAll, heavyAll score
	for _, kind := range []struct {
		name                  string
		twoColored, cluttered bool
	}{
		{"plain, even wall", false, false},
		{"plain, cluttered", false, true},
		{"two colours, even wall", true, false},
		{"two colours, cluttered", true, true},
	} {
		var light, heavy score
		for range perKind {
			d := drawScene(rng, kind.twoColored, kind.cluttered)
			found := c.Light(d.img, 4)
			light.add(d, found)
			lightAll.add(d, found)
			found = c.Regions(d.img, 6, 2, nil)
			heavy.add(d, found)
			heavyAll.add(d, found)
		}
		light.log(t, "light: "+kind.name)
		heavy.log(t, "heavy: "+kind.name)
	}
	lightAll.log(t, "light: all")
	heavyAll.log(t, "heavy: all")
	if got := float64(lightAll.dominant) / float64(lightAll.n); got < 0.9 {
		t.Errorf("light: dominant colour right in %.3f, want 0.9", got)
	}
	if heavyAll.dominant < lightAll.dominant || heavyAll.both <= lightAll.both {
		t.Errorf("heavy: dominant %d and all colours %d right; it must beat light, %d and %d", heavyAll.dominant, heavyAll.both, lightAll.dominant, lightAll.both)
	}
}

// TestRegionsHaveBoxes checks top and bottom of a garment of known shape.
func TestRegionsHaveBoxes(t *testing.T) {
	c := newTestColors(t)
	img := image.NewRGBA(image.Rect(0, 0, 300, 400))
	draw.Draw(img, img.Bounds(), image.NewUniform(color.RGBA{225, 225, 220, 255}), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(75, 50, 225, 200), image.NewUniform(colornames.Red), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(75, 200, 225, 350), image.NewUniform(colornames.Navy), image.Point{}, draw.Src)
	found := c.Regions(img, 6, 2, nil)
	want := map[string]models.Box{"red": {X: 0.25, Y: 0.125, W: 0.5, H: 0.375}, "navy": {X: 0.25, Y: 0.5, W: 0.5, H: 0.375}}
	seen := 0
	for _, a := range found {
		if a.Name != AttrColor {
			continue
		}
		w, ok := want[a.Value]
		if !ok || a.Box == nil {
			t.Fatalf("unexpected %+v", a)
		}
		seen++
		for _, d := range []float64{a.Box.X - w.X, a.Box.Y - w.Y, a.Box.W - w.W, a.Box.H - w.H} {
			if math.Abs(d) > 0.035 {
				t.Errorf("%s lies at %+v, want about %+v", a.Value, *a.Box, w)
				break
			}
		}
	}
	if seen != 2 {
		t.Errorf("found %v, want red and navy", found)
	}
	if one := c.Regions(img, 6, 1, nil); one[0].Box != nil {
		t.Errorf("one region has a box: %+v", one[0])
	}
}

func TestColorsAreDeterministicAndTotal(t *testing.T) {
	c := newTestColors(t)
	d := drawScene(rand.New(rand.NewPCG(5, 5)), true, true)
	if diff := cmp.Diff(c.Regions(d.img, 8, 4, nil), c.Regions(d.img, 8, 4, nil)); diff != "" {
		t.Errorf("the same photo gave two answers:\n%s", diff)
	}
	for _, size := range []image.Point{{1, 1}, {1, 700}, {700, 1}, {2, 3}, {64, 64}} {
		flat := image.NewRGBA(image.Rectangle{Max: size})
		draw.Draw(flat, flat.Bounds(), image.NewUniform(colornames.Navy), image.Point{}, draw.Src)
		for _, found := range [][]models.Attribute{c.Light(flat, 8), c.Regions(flat, 12, 4, nil)} {
			if len(found) != 2 || found[0].Value != "navy" || found[1].Value != "blue" {
				t.Errorf("%v flat navy: %v", size, found)
			}
		}
	}
}
