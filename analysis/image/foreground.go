package image

import "math"

// foreground says how much each pixel counts as garment: 0 is background.
type foreground struct {
	weight   []float64
	contrast float64 // 0 to 1: how well the garment stands out; 0 where it could not be told from the background
}

// findForeground rejects what looks like the border and is connected to it,
// and lets the rest count by nearness to the centre. modes is how many colours
// the border may have: more for cluttered backgrounds.
//
// Where almost nothing remains (a white shirt on a white wall, a garment that
// fills the frame) only the centre prior is left, and contrast is 0.
func findForeground(g grid, modes int) foreground {
	prior := centrePrior(g.w, g.h)
	background := borderModes(g, prior, modes)
	rejected := flood(g, background)
	f := foreground{weight: make([]float64, len(prior))}
	kept, total := 0.0, 0.0
	for i, p := range prior {
		total += p
		if !rejected[i] {
			f.weight[i] = p
			kept += p
		}
	}
	const least = 0.12
	if kept < least*total {
		return foreground{weight: prior}
	}
	f.weight = erode(g, f.weight, prior, kept)
	f.contrast = contrast(g, f.weight, background)
	return f
}

// centrePrior is a Gaussian around the middle; garments are taller than wide.
func centrePrior(w, h int) []float64 {
	const sx, sy = 0.24, 0.32 // in fractions of the sides
	prior := make([]float64, 0, w*h)
	for y := range h {
		dy := ((float64(y)+0.5)/float64(h) - 0.5) / sy
		for x := range w {
			dx := ((float64(x)+0.5)/float64(w) - 0.5) / sx
			prior = append(prior, math.Exp(-(dx*dx+dy*dy)/2))
		}
	}
	return prior
}

// mode is one colour of the background, and how far from it still counts.
type mode struct {
	center lab
	radius float64
}

// borderModes groups the outer ring's pixels. A group counts as background
// when it has its share of the ring and not a larger one of the middle: that
// would be the garment reaching the edge, or clutter of its colour.
func borderModes(g grid, prior []float64, k int) []mode {
	ring := max(1, min(g.w, g.h)*5/100)
	var border []sample
	for y := range g.h {
		for x := range g.w {
			if x < ring || y < ring || x >= g.w-ring || y >= g.h-ring {
				border = append(border, sample{g.lab[y*g.w+x], 1})
			}
		}
	}
	clusters, _ := kmeans(border, k)
	clusters, _ = merge(clusters)
	var modes []mode
	for _, c := range clusters {
		m := mode{c.center, min(20, max(8, 2.4*c.spread))}
		if c.share >= 0.4/float64(k) && (c.share > 0.5 || middleShare(g, prior, m) < max(0.15, c.share)) {
			modes = append(modes, m)
		}
	}
	return modes
}

// middleShare is how much of the middle a mode covers.
func middleShare(g grid, prior []float64, m mode) float64 {
	in, total := 0.0, 0.0
	for i, p := range prior {
		if p < 0.6 {
			continue
		}
		total += p
		if g.lab[i].distance2(m.center) < m.radius*m.radius {
			in += p
		}
	}
	return in / max(total, 1e-9)
}

// flood marks every pixel that is reached from the border through background.
// A pixel hardly different from a marked neighbour may be farther from the
// modes: light falls off slowly across a wall.
func flood(g grid, modes []mode) []bool {
	marked := make([]bool, len(g.lab))
	var stack []int
	visit := func(i int, from lab) {
		if marked[i] {
			return
		}
		p := g.lab[i]
		reach := 1.0
		if p.distance2(from) < 2.5*2.5 {
			reach = 1.5
		}
		for _, m := range modes {
			if r := reach * m.radius; p.distance2(m.center) < r*r {
				marked[i] = true
				stack = append(stack, i)
				return
			}
		}
	}
	far := lab{l: -1000}
	for x := range g.w {
		visit(x, far)
		visit((g.h-1)*g.w+x, far)
	}
	for y := range g.h {
		visit(y*g.w, far)
		visit(y*g.w+g.w-1, far)
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		x, y := i%g.w, i/g.w
		if x > 0 {
			visit(i-1, g.lab[i])
		}
		if x < g.w-1 {
			visit(i+1, g.lab[i])
		}
		if y > 0 {
			visit(i-g.w, g.lab[i])
		}
		if y < g.h-1 {
			visit(i+g.w, g.lab[i])
		}
	}
	return marked
}

// erode takes away the garment's outline, whose pixels mix both colours, unless
// the garment is too thin for that.
func erode(g grid, weight, prior []float64, kept float64) []float64 {
	out := make([]float64, len(weight))
	left := 0.0
	for y := range g.h {
		for x := range g.w {
			i := y*g.w + x
			inside := weight[i] > 0 && (x == 0 || weight[i-1] > 0) && (x == g.w-1 || weight[i+1] > 0) &&
				(y == 0 || weight[i-g.w] > 0) && (y == g.h-1 || weight[i+g.w] > 0)
			if inside {
				out[i] = prior[i]
				left += prior[i]
			}
		}
	}
	if left < 0.4*kept {
		return weight
	}
	return out
}

// contrast grows with the distance of the garment's mean colour from the
// nearest background, and is 1 from a distance of 40 on.
func contrast(g grid, weight []float64, background []mode) float64 {
	if len(background) == 0 {
		return 0
	}
	sum, total := 0.0, 0.0
	for i, w := range weight {
		if w == 0 {
			continue
		}
		near := math.MaxFloat64
		for _, m := range background {
			near = min(near, g.lab[i].distance2(m.center))
		}
		sum += w * math.Sqrt(near)
		total += w
	}
	return min(1, sum/max(total, 1e-9)/40)
}
