package sim

import "math/rand/v2"

// ink says what a part of a garment is made of.
type ink int

const (
	fabric  ink = iota // the main colour, or the pattern
	accent             // the second colour of a two-tone garment, else the main one
	lining             // the inside: the main colour in shade
	rubber             // soles: near white
	metal              // buckles and rivets
	button             // dark or pale, whichever shows
	contour            // no colour of its own: it shades what is below
)

// part is one piece of a garment: an outline filled, or stroked if it has a width.
type part struct {
	outline path
	ink     ink
	grain   float64 // how the fabric is turned against the garment, in radians
	puff    float32 // how much it bulges
	drop    float32 // the shadow it throws on what is below
	width   float64
	dash    float64
	tone    float32 // added to the shade
}

// figure is a garment as it lies before the camera.
type figure struct {
	parts   []part
	creases []crease
	split   float64 // where a two-tone garment changes colour, along y
	upright bool    // it stands or hangs: no turning by much
	smaller float64 // than a garment of the usual size, by this share
}

// figureOf returns the shape of a kind of garment; kinds that are not drawn are bags.
func figureOf(kind string, rng *rand.Rand) figure {
	switch kind {
	case "t-shirt":
		return tShirt(rng)
	case "shirt":
		return shirt(rng)
	case "dress":
		return dress(rng)
	case "pants":
		return pants()
	case "shorts":
		return shorts()
	case "skirt":
		return skirt(rng)
	case "coat":
		return coat(rng)
	case "hat":
		return hat(rng)
	case "shoes":
		return shoe(rng)
	default:
		return bag(rng)
	}
}

// Kinds returns the garments that can be drawn, by their names in the taxonomy.
func Kinds() []string {
	return []string{"t-shirt", "shirt", "dress", "pants", "shorts", "skirt", "coat", "hat", "shoes", "bag"}
}

func cloth(p path, puff float32) part { return part{outline: p, puff: puff} }

// seam is a thin dark line with no colour of its own.
func seam(d string) part {
	return part{outline: trace(d), ink: contour, width: 0.009, tone: -0.22}
}

// stitch is a dashed line, darker than the fabric.
func stitch(d string) part {
	return part{outline: trace(d), ink: contour, width: 0.008, dash: 0.022, tone: -0.2}
}

func (p part) mirrored() part {
	p.outline = p.outline.mirror()
	p.grain = -p.grain
	return p
}

// twice returns p and its mirror image.
func twice(p part) []part { return []part{p, p.mirrored()} }

// buttons puts n buttons on a line downwards.
func buttons(x, from, to float64, n int, size float64) []part {
	var out []part
	for i := range n {
		c := pt{x, from + (to-from)*float64(i)/float64(max(1, n-1))}
		out = append(out,
			part{outline: ellipse(c, size, size), ink: button, drop: 0.5, puff: 0.5},
			part{outline: ellipse(c, size*0.3, size*0.3), ink: contour, tone: -0.3})
	}
	return out
}

// concat joins lists of parts in the order they are painted.
func concat(lists ...[]part) []part {
	var out []part
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// creasesOf reads creases from rows of x, y, x, y, width, depth; each is
// mirrored if it is not in the middle.
func creasesOf(rows ...[6]float64) []crease {
	var out []crease
	for _, r := range rows {
		c := crease{pt{r[0], r[1]}, pt{r[2], r[3]}, r[4], r[5]}
		out = append(out, c)
		if r[0] != 0 {
			c.from.x, c.to.x = -c.from.x, -c.to.x
			out = append(out, c)
		}
	}
	return out
}
