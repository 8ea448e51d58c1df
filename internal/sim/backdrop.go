package sim

import (
	"image"
	"math"
	"math/rand/v2"
)

// Backdrops returns what garments are photographed on. The last one is busy:
// it makes a cheap colour model unsure.
func Backdrops() []string { return []string{"studio", "wall", "wood", "sheet", "tiles", "rug"} }

// surface returns the ramp and shade of a background at a place in pixels.
type surface func(u, v float32) (*ramp, float32)

// backdrop paints the background and lays out the light of the photo.
func (p *painter) backdrop(rng *rand.Rand) {
	p.relief = newField(image.Rect(0, 0, width, height))
	from := rng.Float64() * 2 * math.Pi
	lx, ly, strong := float32(math.Cos(from)), float32(math.Sin(from)), 0.05+0.07*rng.Float32()
	for y := range p.relief.h {
		for x := range p.relief.w {
			dx, dy := float32(2*x)/float32(p.relief.w)-1, float32(2*y)/float32(p.relief.h)-1
			p.relief.v[y*p.relief.w+x] = strong*(lx*dx+ly*dy) - 0.035*(dx*dx+dy*dy)
		}
	}
	s := p.surface(rng)
	turn := (2*rng.Float64() - 1) * 0.1
	sin, cos := math.Sincos(turn)
	si, co := float32(sin), float32(cos)
	for y := range height {
		light := p.relief.row(p.bufA[:], 0, y)
		i := p.img.PixOffset(0, y)
		for x := 0; x < width; x += 2 { // two at once: what lies behind is a little out of focus
			u, v := float32(x)*co-float32(y)*si+400, float32(x)*si+float32(y)*co+400
			r, shade := s(u, v)
			c := r.at(shade + 1.3*light[x])
			px := p.img.Pix[i : i+8 : i+8]
			px[0], px[1], px[2], px[3] = c.R, c.G, c.B, 255
			px[4], px[5], px[6], px[7] = c.R, c.G, c.B, 255
			i += 8
		}
	}
}

func (p *painter) surface(rng *rand.Rand) surface {
	switch p.g.Backdrop {
	case "wood":
		return p.wood(rng)
	case "wall":
		return p.wall(rng)
	case "sheet":
		return p.sheet(rng)
	case "tiles":
		return p.tiles(rng)
	case "rug":
		return p.rug(rng)
	default:
		return p.studio(rng)
	}
}

// away picks the colour that can be told from the garment's: a white shirt on a
// white sheet is a photo that nobody posts.
func (p *painter) away(rng *rand.Rand, choices ...lab) lab {
	rng.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
	best, at := -1.0, choices[0]
	for _, c := range choices {
		d := math.Hypot(c.L-p.mainLab.L, math.Hypot(c.A-p.mainLab.A, c.B-p.mainLab.B))
		if d > 34 {
			return c
		}
		if d > best {
			best, at = d, c
		}
	}
	return at
}

func (p *painter) studio(rng *rand.Rand) surface {
	r := newRamp(p.away(rng, lab{92, 0, 1}, lab{84, 0, 0}, lab{80, 2, 6}, lab{70, -2, -5}, lab{50, 0, -1}), 1)
	floor := 850 + 350*rng.Float32()
	return func(u, v float32) (*ramp, float32) {
		s := 1.0 + 0.012*p.weave.at(int(u), int(v))
		if v > floor { // the floor of the sweep
			s -= min(0.06, (v-floor)*0.0012)
		}
		return r, s
	}
}

func (p *painter) wall(rng *rand.Rand) surface {
	r := newRamp(p.away(rng, lab{88, 1, 7}, lab{82, -3, 4}, lab{76, -4, -6}, lab{78, 9, 9}, lab{62, -8, 2}, lab{46, 2, 4}), 1)
	rough := grain(rng)
	return func(u, v float32) (*ramp, float32) {
		big := p.cloud.smooth(u*0.11, v*0.11)
		fine := rough.smooth(u*0.5, v*0.5) - rough.smooth(u*0.5+0.7, v*0.5+0.7)
		return r, 1 + 0.05*big + 0.03*fine
	}
}

func (p *painter) wood(rng *rand.Rand) surface {
	base := p.away(rng, lab{64, 13, 30}, lab{48, 15, 27}, lab{76, 7, 20}, lab{34, 12, 17})
	var planks [5]*ramp
	for i := range planks {
		planks[i] = newRamp(lab{base.L + 7*(rng.Float64()-0.5), base.A + 3*(rng.Float64()-0.5), base.B + 5*(rng.Float64()-0.5)}, 1)
	}
	broad := 84 + 50*rng.Float32()
	upright := rng.IntN(2) == 0
	return func(u, v float32) (*ramp, float32) {
		if upright {
			u, v = v, u
		}
		k := int(v / broad)
		in := v - float32(k)*broad
		along := u + float32(k*k*173%977)
		board := int(along / 520)
		end := along - float32(board)*520
		off := float32((k*37 + board*53) & 127)
		ring := p.cloud.smooth(u*0.022+off, v*0.35+off)
		line := p.cloud.smooth(u*0.05+off, v*1.7+3*ring+off)
		s := 1 + 0.15*line + 0.08*ring
		s -= 0.5 * max(gap(in, 1.6), gap(end, 1.2))
		return planks[(k*3+board*2)%5], s
	}
}

// gap is 1 within a gap of some width and falls to 0 over two pixels beside it.
func gap(at, wide float32) float32 { return min(1, max(0, (wide+2-at)/2)) }

func (p *painter) sheet(rng *rand.Rand) surface {
	r := newRamp(p.away(rng, lab{93, 0, 2}, lab{86, 1, 8}, lab{78, -2, -8}, lab{60, 0, -4}, lab{38, 1, -8}), 1)
	turn := rng.Float64() * math.Pi
	si, co := float32(math.Sin(turn)), float32(math.Cos(turn))
	return func(u, v float32) (*ramp, float32) {
		a, b := (u*co-v*si)*0.055, (u*si+v*co)*0.13
		fold := p.cloud.smooth(a+0.7, b+0.7) - p.cloud.smooth(a, b)
		return r, 1 + 1.25*fold + 0.012*float32((int(u)^int(v))&1)
	}
}

func (p *painter) tiles(rng *rand.Rand) surface {
	base := p.away(rng, lab{86, 0, 3}, lab{78, -3, -2}, lab{66, 4, 10}, lab{44, -1, -3})
	var kinds [4]*ramp
	for i := range kinds {
		kinds[i] = newRamp(lab{base.L + 5*(rng.Float64()-0.5), base.A + rng.Float64() - 0.5, base.B + 3*(rng.Float64()-0.5)}, 1.3)
	}
	grout := newRamp(lab{max(30, base.L-22), 0, 3}, 1)
	size := 96 + 70*rng.Float32()
	return func(u, v float32) (*ramp, float32) {
		iu, iv := int(u/size), int(v/size)
		du, dv := u-float32(iu)*size, v-float32(iv)*size
		joint := max(gap(du, 3.5), gap(dv, 3.5))
		if joint > 0.6 {
			return grout, 1 + 0.1*p.weave.at(int(u), int(v))
		}
		s := 1 + 0.06*p.cloud.smooth(u*0.2+float32(iu*31), v*0.2+float32(iv*17))
		if du < 7 || dv < 7 {
			s += 0.09
		} else if du > size-3 || dv > size-3 {
			s -= 0.1
		}
		return kinds[(iu*7+iv*5)&3], s - 0.25*joint
	}
}

func (p *painter) rug(rng *rand.Rand) surface {
	sets := [][3]lab{
		{{36, 42, 24}, {26, 5, -22}, {78, 4, 24}},
		{{40, -10, -12}, {82, 3, 14}, {55, 34, 34}},
		{{84, 2, 10}, {36, 2, -6}, {60, 20, 36}},
	}
	set := sets[rng.IntN(len(sets))]
	inks := [3]*ramp{newRamp(set[0], 1), newRamp(set[1], 1), newRamp(set[2], 1)}
	pile := grain(rng)
	w, h := 96+40*rng.Float32(), 120+50*rng.Float32()
	return func(u, v float32) (*ramp, float32) {
		du, dv := u/w-float32(int(u/w))-0.5, v/h-float32(int(v/h))-0.5
		if du < 0 {
			du = -du
		}
		if dv < 0 {
			dv = -dv
		}
		d := du + dv
		s := 1 + 0.1*pile.at(int(u)>>1, int(v)>>1) + 0.08*p.cloud.smooth(u*0.3, v*0.3)
		switch {
		case d < 0.12, d > 0.8:
			return inks[2], s
		case d < 0.28, d > 0.5 && d < 0.56:
			return inks[1], s
		case d > 0.34 && d < 0.38:
			return inks[2], s
		default:
			return inks[0], s
		}
	}
}
