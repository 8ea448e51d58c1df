package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/image/vector"
)

// pt is a point in the garment's own space: about 2 wide and 2.5 high, the
// middle at 0,0, y downwards.
type pt struct{ x, y float64 }

// curve is a cubic Bézier curve; lines are curves too, so that a path can be
// mirrored and bent as a whole.
type curve [4]pt

// path is a chain of curves, open or closed.
type path []curve

// trace reads a path from the letters of SVG: M, L, Q and C with absolute
// coordinates. The paths are constants of this package, so a wrong one panics
// in the first test.
func trace(d string) path {
	var p path
	var at pt
	words := strings.Fields(d)
	next := func() pt {
		x, errX := strconv.ParseFloat(words[0], 64)
		y, errY := strconv.ParseFloat(words[1], 64)
		if errX != nil || errY != nil {
			panic(fmt.Sprintf("sim: bad point %v in path %q", words[:2], d))
		}
		words = words[2:]
		return pt{x, y}
	}
	for len(words) > 0 {
		op := words[0]
		words = words[1:]
		switch op {
		case "M":
			at = next()
		case "L":
			to := next()
			p, at = append(p, line(at, to)), to
		case "Q":
			c, to := next(), next()
			p = append(p, curve{at, mix(at, c, 2.0/3), mix(to, c, 2.0/3), to})
			at = to
		case "C":
			a, b, to := next(), next(), next()
			p, at = append(p, curve{at, a, b, to}), to
		default:
			panic(fmt.Sprintf("sim: unknown letter %q in path %q", op, d))
		}
	}
	return p
}

// both closes the right half of an outline, drawn from top to bottom, with its
// mirror image.
func both(d string) path {
	half := trace(d)
	return append(half, half.mirror().reverse()...)
}

func line(a, b pt) curve { return curve{a, mix(a, b, 1.0/3), mix(a, b, 2.0/3), b} }

func mix(a, b pt, t float64) pt { return pt{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t} }

// each returns p with f applied to every point.
func (p path) each(f func(pt) pt) path {
	out := make(path, len(p))
	for i, c := range p {
		for j := range c {
			out[i][j] = f(c[j])
		}
	}
	return out
}

func (p path) mirror() path { return p.each(func(a pt) pt { return pt{-a.x, a.y} }) }

func (p path) reverse() path {
	out := make(path, len(p))
	for i, c := range p {
		out[len(p)-1-i] = curve{c[3], c[2], c[1], c[0]}
	}
	return out
}

// ellipse is a closed path around c.
func ellipse(c pt, rx, ry float64) path {
	const k = 0.5523
	at := func(x, y float64) pt { return pt{c.x + x*rx, c.y + y*ry} }
	return path{
		{at(0, -1), at(k, -1), at(1, -k), at(1, 0)},
		{at(1, 0), at(1, k), at(k, 1), at(0, 1)},
		{at(0, 1), at(-k, 1), at(-1, k), at(-1, 0)},
		{at(-1, 0), at(-1, -k), at(-k, -1), at(0, -1)},
	}
}

// flatten returns points along p, n on each curve.
func (p path) flatten(n int) []pt {
	var out []pt
	for i, c := range p {
		for k := range n + 1 {
			if k == 0 && i > 0 {
				continue
			}
			t := float64(k) / float64(n)
			a, b, d := mix(c[0], c[1], t), mix(c[1], c[2], t), mix(c[2], c[3], t)
			out = append(out, mix(mix(a, b, t), mix(b, d, t), t))
		}
	}
	return out
}

// fill adds p to z as a closed outline, moved by -ox, -oy.
func (p path) fill(z *vector.Rasterizer, ox, oy float64) {
	for i, c := range p {
		if i == 0 {
			z.MoveTo(float32(c[0].x-ox), float32(c[0].y-oy))
		}
		z.CubeTo(float32(c[1].x-ox), float32(c[1].y-oy), float32(c[2].x-ox), float32(c[2].y-oy),
			float32(c[3].x-ox), float32(c[3].y-oy))
	}
	z.ClosePath()
}

// stroke adds p to z as a line of the given width. A dash above zero cuts it
// into stitches of that length.
func (p path) stroke(z *vector.Rasterizer, width, dash, ox, oy float64) {
	pts := p.flatten(10)
	if dash == 0 {
		ribbon(z, pts, width, ox, oy)
		return
	}
	var run []pt
	var length float64
	for i, a := range pts[:len(pts)-1] {
		b := pts[i+1]
		d := math.Hypot(b.x-a.x, b.y-a.y)
		for s := 0.0; s < d; s++ { // a point a pixel: stitches are a few pixels long
			if math.Mod(length+s, dash*1.6) < dash {
				run = append(run, mix(a, b, s/d))
				continue
			}
			ribbon(z, run, width, ox, oy)
			run = nil
		}
		length += d
	}
	ribbon(z, run, width, ox, oy)
}

// ribbon adds the outline of a polyline of some width.
func ribbon(z *vector.Rasterizer, pts []pt, width, ox, oy float64) {
	if len(pts) < 2 {
		return
	}
	left, right := make([]pt, len(pts)), make([]pt, len(pts))
	for i, a := range pts {
		from, to := pts[max(0, i-1)], pts[min(len(pts)-1, i+1)]
		dx, dy := to.x-from.x, to.y-from.y
		n := max(1e-6, math.Hypot(dx, dy)) * 2 / width
		left[i], right[i] = pt{a.x - dy/n, a.y + dx/n}, pt{a.x + dy/n, a.y - dx/n}
	}
	z.MoveTo(float32(left[0].x-ox), float32(left[0].y-oy))
	for _, a := range left[1:] {
		z.LineTo(float32(a.x-ox), float32(a.y-oy))
	}
	for _, r := range slices.Backward(right) {
		z.LineTo(float32(r.x-ox), float32(r.y-oy))
	}
	z.ClosePath()
}
