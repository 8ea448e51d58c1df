package sim

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/image/vector"
)

// Garment is what a photo shows.
type Garment struct {
	Kind     string `json:"kind"`               // one of Kinds
	Color    string `json:"color"`              // one of Colors
	Second   string `json:"second,omitempty"`   // of striped and two-tone garments
	Pattern  string `json:"pattern,omitempty"`  // plain (default), striped, two-tone
	Material string `json:"material,omitempty"` // decides on weave and gloss
	Backdrop string `json:"backdrop,omitempty"` // wood, wall, sheet, studio (default), tiles, rug
}

// Render draws the photo of g that belongs to seed.
func Render(g Garment, seed uint64) *image.RGBA {
	rng := rand.New(rand.NewPCG(seed, 0x7765_6674))
	p := newPainter(g, rng)
	p.backdrop(rng)
	p.garment(rng)
	return p.img
}

// JPEG renders g as the bytes of a photo.
func JPEG(g Garment, seed uint64) ([]byte, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, Render(g, seed), &jpeg.Options{Quality: 84}); err != nil {
		return nil, fmt.Errorf("sim: encode photo: %w", err)
	}
	return b.Bytes(), nil
}

// painter holds the state of one photo.
type painter struct {
	g     Garment
	img   *image.RGBA
	mask  *image.Alpha
	z     *vector.Rasterizer
	fig   figure
	cloud *tile
	weave *tile

	main, second, white, steel, dark *ramp
	mainLab                          lab
	mode                             int // of two-tone: 0 block, 1 parts
	period, duty                     float64

	scale, cos, sin float64 // garment space to pixels
	mid             pt
	bend            [4]float64
	relief          *field // light and folds
	bufA, bufB      [width]float32
}

func newPainter(g Garment, rng *rand.Rand) *painter {
	p := &painter{
		g:    g,
		img:  image.NewRGBA(image.Rect(0, 0, width, height)),
		mask: image.NewAlpha(image.Rect(0, 0, width, height)),
		z:    &vector.Rasterizer{},
		fig:  figureOf(g.Kind, rng), cloud: clouds(rng, 32),
		mode: rng.IntN(2), period: 0.11 + 0.12*rng.Float64(), duty: 0.42 + 0.12*rng.Float64(),
	}
	var gloss float64
	p.weave, gloss = weave(g.Material, rng)
	p.mainLab = variation(g.Color, rng)
	second := p.mainLab
	if g.Second != "" {
		second = variation(g.Second, rng)
	}
	p.main, p.second = newRamp(p.mainLab, gloss), newRamp(second, gloss)
	p.white, p.steel = newRamp(lab{88, 0, 3}, 1), newRamp(lab{66, 2, 14}, 2.6)
	p.dark = newRamp(lab{20, 3, 5}, 1.6)
	if p.mainLab.L < 45 {
		p.dark = newRamp(lab{78, 1, 9}, 1.2)
	}
	if !slices.Contains([]string{"shirt", "shoes"}, g.Kind) {
		p.mode = 0 // parts of a second colour would be too small to count
	}
	p.place(rng)
	return p
}

// place decides where the garment lies, and bends it a little: nobody lays a
// shirt down with a ruler.
func (p *painter) place(rng *rand.Rand) {
	turn := (2*rng.Float64() - 1) * 0.14
	if p.fig.upright {
		turn *= 0.5
	}
	p.scale = width * (0.41 + 0.04*rng.Float64()) * (1 - p.fig.smaller)
	p.sin, p.cos = math.Sincos(turn)
	p.mid = pt{width/2 + 14*(2*rng.Float64()-1), height/2 + 18*(2*rng.Float64()-1)}
	for i := range p.bend {
		p.bend[i] = rng.Float64() * 2 * math.Pi
	}
}

func (p *painter) toPixels(a pt) pt {
	x := a.x + 0.018*math.Sin(2.3*a.y+p.bend[0]) + 0.012*math.Sin(5.1*a.y+p.bend[1])
	y := a.y + 0.016*math.Sin(2.9*a.x+p.bend[2]) + 0.01*math.Sin(6*a.x+p.bend[3])
	return pt{p.mid.x + p.scale*(x*p.cos-y*p.sin), p.mid.y + p.scale*(x*p.sin+y*p.cos)}
}

// rasterize puts the coverage of a part into the mask and returns where.
func (p *painter) rasterize(t part, op draw.Op) image.Rectangle {
	out := t.outline.each(p.toPixels)
	x0, y0, x1, y1 := math.MaxFloat64, math.MaxFloat64, 0.0, 0.0
	for _, c := range out {
		for _, a := range c {
			x0, y0, x1, y1 = min(x0, a.x), min(y0, a.y), max(x1, a.x), max(y1, a.y)
		}
	}
	pad := t.width*p.scale/2 + 2
	r := image.Rect(int(x0-pad), int(y0-pad), int(x1+pad)+1, int(y1+pad)+1).Intersect(p.img.Rect)
	if r.Empty() {
		return r
	}
	p.z.Reset(r.Dx(), r.Dy())
	if t.width > 0 {
		out.stroke(p.z, max(1.1, t.width*p.scale), t.dash*p.scale, float64(r.Min.X), float64(r.Min.Y))
	} else {
		out.fill(p.z, float64(r.Min.X), float64(r.Min.Y))
	}
	p.z.DrawOp = op
	p.z.Draw(p.mask, r, image.Opaque, image.Point{})
	return r
}

func (p *painter) garment(rng *rand.Rand) {
	all := image.Rectangle{}
	for _, t := range p.fig.parts {
		if t.ink != contour {
			all = all.Union(p.rasterize(t, draw.Over))
		}
	}
	cast := newField(image.Rect(0, 0, width, height)).cover(p.mask, p.img.Rect)
	near := &field{x: cast.x, y: cast.y, w: cast.w, h: cast.h, v: append([]float32(nil), cast.v...)}
	p.shade(cast.blur(5), all.Inset(-24), 9, 15, 0.45)
	p.shade(near.blur(1), all, 2, 4, 0.35)
	clear(p.mask.Pix)

	for _, c := range p.fig.creases {
		wobble := func() float64 { return 0.05 * (2*rng.Float64() - 1) }
		deep := c.deep * (0.9 + 1.3*rng.Float64())
		p.relief.fold(crease{
			p.toPixels(pt{c.from.x + wobble(), c.from.y + wobble()}), p.toPixels(pt{c.to.x + wobble(), c.to.y + wobble()}),
			c.wide * p.scale, deep,
		})
	}
	p.relief.wrinkle(p.cloud, rng, 0.22)
	for _, t := range p.fig.parts {
		p.paint(t)
	}
}

// shade darkens the photo by f, moved by dx, dy.
func (p *painter) shade(f *field, r image.Rectangle, dx, dy int, strength float32) {
	r = r.Add(image.Pt(dx, dy)).Inset(-6).Intersect(p.img.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		i := p.img.PixOffset(r.Min.X, y)
		for _, v := range f.row(p.bufA[:r.Dx()], r.Min.X-dx, y-dy) {
			if v <= 0.004 {
				i += 4
				continue
			}
			k := uint32(256 * (1 - strength*v))
			px := p.img.Pix[i : i+3 : i+3]
			px[0], px[1], px[2] = uint8(uint32(px[0])*k>>8), uint8(uint32(px[1])*k>>8), uint8(uint32(px[2])*k>>8)
			i += 4
		}
	}
}

// paint puts one part on the photo.
func (p *painter) paint(t part) {
	r := p.rasterize(t, draw.Src)
	if r.Empty() {
		return
	}
	if t.ink == contour {
		p.ink(r, t.tone)
		return
	}
	var puff *field
	if t.puff > 0 || t.drop > 0 {
		cover := newField(r).cover(p.mask, r)
		if t.drop > 0 {
			soft := &field{x: cover.x, y: cover.y, w: cover.w, h: cover.h, v: append([]float32(nil), cover.v...)}
			p.shade(soft.blur(1), r, 2, 3, 0.7*t.drop)
		}
		puff = cover.blur(min(4, 1+r.Dx()/48)).slope(0.9 * t.puff)
	}
	p.fill(t, r, puff)
}

// ink shades what lies under the mask, without any colour of its own.
func (p *painter) ink(r image.Rectangle, tone float32) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m := p.mask.Pix[p.mask.PixOffset(x, y)]
			if m == 0 {
				continue
			}
			i := p.img.PixOffset(x, y)
			k := 1 + tone*float32(m)/255
			for c := range 3 {
				p.img.Pix[i+c] = uint8(min(255, k*float32(p.img.Pix[i+c])))
			}
		}
	}
}

// fill colours what lies under the mask: fabric by its pattern and weave, lit
// by the folds, the bulge of the part and the light of the photo.
func (p *painter) fill(t part, r image.Rectangle, puff *field) {
	turnSin, turnCos := math.Sincos(t.grain)
	base, patterned := p.inkOf(t.ink)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		relief := p.relief.row(p.bufA[:r.Dx()], r.Min.X, y)
		bulge := p.bufB[:r.Dx()]
		if puff != nil {
			puff.row(bulge, r.Min.X, y)
		}
		i, mi := p.img.PixOffset(r.Min.X, y), p.mask.PixOffset(r.Min.X, y)
		for x := r.Min.X; x < r.Max.X; x, i, mi = x+1, i+4, mi+1 {
			m := p.mask.Pix[mi]
			if m == 0 {
				continue
			}
			fold := relief[x-r.Min.X]
			s := 1 + t.tone + fold
			if puff != nil {
				s += bulge[x-r.Min.X]
			}
			var c color.RGBA
			if base == nil || patterned {
				dx, dy := (float64(x)-p.mid.x)/p.scale, (float64(y)-p.mid.y)/p.scale
				u, v := dx*p.cos+dy*p.sin, dy*p.cos-dx*p.sin
				gu, gv := u*turnCos+v*turnSin, v*turnCos-u*turnSin
				s += p.weave.at(int(gu*300+1024), int(gv*300+1024))
				c = p.patternAt(v, gv+0.03*float64(fold), s)
			} else {
				s += p.weave.at(x, y)
				c = base.at(s)
			}
			blend(p.img.Pix[i:i+3:i+3], c, m)
		}
	}
}

func blend(px []uint8, c color.RGBA, m uint8) {
	if m == 255 {
		px[0], px[1], px[2] = c.R, c.G, c.B
		return
	}
	a, b := uint32(m), uint32(255-m)
	px[0] = uint8((uint32(c.R)*a + uint32(px[0])*b) / 255)
	px[1] = uint8((uint32(c.G)*a + uint32(px[1])*b) / 255)
	px[2] = uint8((uint32(c.B)*a + uint32(px[2])*b) / 255)
}

// inkOf returns the ramp of an ink, and whether the pattern decides instead.
func (p *painter) inkOf(k ink) (*ramp, bool) {
	twoTone := p.g.Pattern == "two-tone"
	switch {
	case k == rubber:
		return p.white, false
	case k == metal:
		return p.steel, false
	case k == button:
		return p.dark, false
	case k == lining:
		return newRamp(lab{p.mainLab.L * 0.62, p.mainLab.A * 0.8, p.mainLab.B * 0.8}, 0.7), false
	case k == accent && twoTone && p.mode == 1:
		return p.second, false
	case p.g.Pattern == "" || p.g.Pattern == "plain":
		return p.main, p.g.Material == "wool" || p.g.Material == "denim" || p.g.Material == "cashmere"
	default:
		return p.main, true
	}
}

// patternAt returns the colour of the fabric: v is the height in the garment,
// gv that along the part's own fabric.
func (p *painter) patternAt(v, gv float64, s float32) color.RGBA {
	var t float64 // share of the second colour
	switch p.g.Pattern {
	case "striped":
		f := gv/p.period - math.Floor(gv/p.period)
		d := p.duty/2 - math.Abs(f-0.5)
		t = min(1, max(0, 0.5+d*p.period*p.scale))
	case "two-tone":
		if p.mode == 0 {
			t = min(1, max(0, 0.5+(v-p.fig.split)*p.scale))
		}
	}
	if t == 0 {
		return p.main.at(s)
	}
	c := p.second.at(s)
	if t < 1 {
		px := [3]uint8{}
		d := p.main.at(s)
		px[0], px[1], px[2] = d.R, d.G, d.B
		blend(px[:], c, uint8(255*t))
		c = color.RGBA{px[0], px[1], px[2], 255}
	}
	return c
}
