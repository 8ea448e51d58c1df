package sim

import (
	"image/color"
	"math"
	"math/rand/v2"
)

// lab is a colour in CIELAB (D65).
type lab struct{ L, A, B float64 }

// swatch is a colour name with its typical colour and how far a garment may
// stray from it in L*, and in a* and b*, without deserving another name.
type swatch struct {
	name  string
	at    lab
	light float64
	hue   float64
}

// swatches are the colours that garments are drawn in, by their names in the
// colour taxonomy.
func swatches() []swatch {
	return []swatch{
		{"black", lab{13, 0, 0}, 2, 0.7},
		{"white", lab{95, 0, 1}, 1.2, 0.6},
		{"grey", lab{56, 0, 0}, 6, 1},
		{"navy", lab{20, 9, -27}, 2.5, 2},
		{"blue", lab{41, 15, -52}, 4, 3},
		{"light-blue", lab{76, -8, -21}, 3, 2},
		{"green", lab{45, -38, 27}, 5, 4},
		{"olive", lab{43, -7, 30}, 3, 2},
		{"yellow", lab{87, -1, 73}, 2, 3},
		{"orange", lab{66, 39, 63}, 3, 4},
		{"red", lab{43, 62, 41}, 3, 4},
		{"burgundy", lab{25, 35, 13}, 2.5, 2.5},
		{"pink", lab{77, 29, 1}, 3, 3},
		{"purple", lab{37, 38, -42}, 4, 4},
		{"brown", lab{34, 15, 23}, 3, 2},
		{"beige", lab{82, 3, 17}, 2.5, 2},
	}
}

// Colors returns the names of the colours that garments are drawn in.
func Colors() []string {
	var names []string
	for _, s := range swatches() {
		names = append(names, s.name)
	}
	return names
}

// variation picks a colour inside the name; an unknown name is grey.
func variation(name string, rng *rand.Rand) lab {
	s := swatches()[2]
	for _, t := range swatches() {
		if t.name == name {
			s = t
		}
	}
	spread := func(by float64) float64 { return (2*rng.Float64() - 1) * by }
	return lab{s.at.L + spread(s.light), s.at.A + spread(s.hue), s.at.B + spread(s.hue)}
}

// nearest returns the swatch that c is closest to. L* weighs less than the
// hue, since light and folds change it most.
func nearest(c lab) string {
	best, name := math.MaxFloat64, ""
	for _, s := range swatches() {
		l, a, b := 0.6*(c.L-s.at.L), c.A-s.at.A, c.B-s.at.B
		if d := l*l + a*a + b*b; d < best {
			best, name = d, s.name
		}
	}
	return name
}

// rgb converts c to sRGB; what lies outside of it is clipped.
func (c lab) rgb() color.RGBA {
	fy := (c.L + 16) / 116
	inv := func(t float64) float64 {
		if t > 6.0/29 {
			return t * t * t
		}
		return 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0/29)
	}
	x, y, z := 0.95047*inv(fy+c.A/500), inv(fy), 1.08883*inv(fy-c.B/200)
	return color.RGBA{
		R: gamma(3.2406*x - 1.5372*y - 0.4986*z),
		G: gamma(-0.9689*x + 1.8758*y + 0.0415*z),
		B: gamma(0.0557*x - 0.2040*y + 1.0570*z),
		A: 255,
	}
}

func gamma(v float64) uint8 {
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * min(1, max(0, v))))
}

// labOf converts sRGB, each channel from 0 to 1, to CIELAB.
func labOf(r, g, b float64) lab {
	lin := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (841.0/108)*t + 4.0/29
	}
	r, g, b = lin(r), lin(g), lin(b)
	x := f((0.4124*r + 0.3576*g + 0.1805*b) / 0.95047)
	y := f(0.2126*r + 0.7152*g + 0.0722*b)
	z := f((0.0193*r + 0.1192*g + 0.9505*b) / 1.08883)
	return lab{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// ramp is a colour under every light from black to glare, so that shading a
// pixel is one look-up. Index 128 is the colour itself.
type ramp [256]color.RGBA

// newRamp makes the ramp of c. Gloss says how strongly highlights whiten.
func newRamp(c lab, gloss float64) *ramp {
	var r ramp
	for i := range r {
		s := float64(i) / 128
		d := c
		if s < 1 {
			d.L *= 0.12 + 0.88*s
			d.A *= 0.35 + 0.65*s
			d.B *= 0.35 + 0.65*s
		} else {
			d.L += (s - 1) * (26 + 0.22*c.L) * gloss
			d.A *= 1 - 0.15*(s-1)*gloss
			d.B *= 1 - 0.15*(s-1)*gloss
		}
		d.L = min(98.5, d.L)
		r[i] = d.rgb()
	}
	return &r
}

func (r *ramp) at(s float32) color.RGBA {
	i := int(s * 128)
	if i < 0 {
		i = 0
	} else if i > 255 {
		i = 255
	}
	return r[i]
}
