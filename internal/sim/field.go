package sim

import (
	"image"
	"math"
	"math/rand/v2"
)

const (
	width  = 560 // of a photo, in pixels
	height = 700
	coarse = 4 // a field has one value for 4 × 4 pixels: folds and shadows are soft anyway
)

// field is something soft over a part of the photo: light, folds, a shadow.
type field struct {
	x, y, w, h int // the part, in coarse cells
	v          []float32
}

// newField covers r with a margin of two cells.
func newField(r image.Rectangle) *field {
	f := &field{x: r.Min.X/coarse - 2, y: r.Min.Y/coarse - 2}
	f.w, f.h = r.Max.X/coarse+3-f.x, r.Max.Y/coarse+3-f.y
	f.v = make([]float32, f.w*f.h)
	return f
}

// row fills buf with f along the row of pixels y, from x on. It goes from cell to
// cell: between the middles of two of them f is a straight line.
func (f *field) row(buf []float32, x, y int) []float32 {
	fy := (float32(y)+0.5)/coarse - 0.5 - float32(f.y)
	iy := min(max(int(fy), 0), f.h-2)
	t := fy - float32(iy)
	a, b := f.v[iy*f.w:(iy+1)*f.w], f.v[(iy+1)*f.w:(iy+2)*f.w]
	for i := 0; i < len(buf); {
		from := x + i - f.x*coarse - coarse/2 // since the middle of the first cell
		k := min(max(from/coarse, 0), f.w-2)
		l, r := a[k]+(b[k]-a[k])*t, a[k+1]+(b[k+1]-a[k+1])*t
		rise := (r - l) / coarse
		in := from - k*coarse
		v := l + rise*(float32(in)+0.5)
		for n := min(max(1, coarse-in), len(buf)-i); n > 0; n-- {
			buf[i] = v
			v += rise
			i++
		}
	}
	return buf
}

// cover fills f with the coverage of the mask inside r, from 0 to 1. What the
// mask holds outside is left over from something else.
func (f *field) cover(m *image.Alpha, r image.Rectangle) *field {
	for cy := range f.h {
		for cx := range f.w {
			x, y := (cx+f.x)*coarse+1, (cy+f.y)*coarse+1
			if x < r.Min.X || y < r.Min.Y || x+2 >= r.Max.X || y+2 >= r.Max.Y {
				continue
			}
			i := m.PixOffset(x, y)
			sum := int(m.Pix[i]) + int(m.Pix[i+2]) + int(m.Pix[i+2*m.Stride]) + int(m.Pix[i+2*m.Stride+2])
			f.v[cy*f.w+cx] = float32(sum) / (4 * 255)
		}
	}
	return f
}

// blur averages f over squares of 2r+1 cells, twice, which is close to a Gaussian.
func (f *field) blur(r int) *field {
	tmp := make([]float32, max(f.w, f.h))
	for range 2 {
		for y := range f.h {
			average(f.v[y*f.w:], tmp, f.w, 1, r)
		}
		for x := range f.w {
			average(f.v[x:], tmp, f.h, f.w, r)
		}
	}
	return f
}

// average is a running mean over n values that lie stride apart.
func average(v, tmp []float32, n, stride, r int) {
	var sum float32
	for i := range min(r, n) {
		sum += v[i*stride]
	}
	inv := 1 / float32(2*r+1)
	for i := range n {
		if i+r < n {
			sum += v[(i+r)*stride]
		}
		if i-r-1 >= 0 {
			sum -= v[(i-r-1)*stride]
		}
		tmp[i] = sum * inv
	}
	for i := range n {
		v[i*stride] = tmp[i]
	}
}

// slope returns how f rises against a light from the upper left: edges that
// turn to it brighten, the others darken.
func (f *field) slope(strength float32) *field {
	out := &field{x: f.x, y: f.y, w: f.w, h: f.h, v: make([]float32, len(f.v))}
	for y := 1; y < f.h-1; y++ {
		for x := 1; x < f.w-1; x++ {
			i := y*f.w + x
			out.v[i] = strength * (0.55*(f.v[i+1]-f.v[i-1]) + 0.85*(f.v[i+f.w]-f.v[i-f.w]))
		}
	}
	return out
}

// crease is a fold in the fabric from one point to another, in the garment's space.
type crease struct {
	from, to pt
	wide     float64
	deep     float64
}

// fold adds a crease in pixels to f: one side of it is lit, the other in shade.
func (f *field) fold(c crease) {
	dx, dy := c.to.x-c.from.x, c.to.y-c.from.y
	length := math.Hypot(dx, dy)
	if length < 1 {
		return
	}
	dx, dy = dx/length, dy/length
	reach := 2.4 * c.wide
	x0, x1 := min(c.from.x, c.to.x)-reach, max(c.from.x, c.to.x)+reach
	y0, y1 := min(c.from.y, c.to.y)-reach, max(c.from.y, c.to.y)+reach
	for cy := max(0, int(y0)/coarse-f.y); cy < min(f.h, int(y1)/coarse-f.y+1); cy++ {
		for cx := max(0, int(x0)/coarse-f.x); cx < min(f.w, int(x1)/coarse-f.x+1); cx++ {
			px, py := float64((cx+f.x)*coarse)-c.from.x, float64((cy+f.y)*coarse)-c.from.y
			along := (px*dx + py*dy) / length
			if along < 0 || along > 1 {
				continue
			}
			d := (px*-dy + py*dx) / c.wide
			if d < -2.4 || d > 2.4 {
				continue
			}
			taper := 4 * along * (1 - along)
			q := 1 - d*d/5.76 // a cheap bell
			f.v[cy*f.w+cx] += float32(c.deep * taper * d * q * q * q)
		}
	}
}

// wrinkle adds the relief of a smooth noise, stretched downwards.
func (f *field) wrinkle(t *tile, rng *rand.Rand, deep float32) {
	ox, oy := rng.Float32()*tileSize, rng.Float32()*tileSize
	for y := range f.h {
		for x := range f.w {
			u, v := ox+float32(x+f.x)*0.55, oy+float32(y+f.y)*0.36
			f.v[y*f.w+x] += deep * (t.smooth(u+1.6, v+1.6) - t.smooth(u, v))
		}
	}
}
