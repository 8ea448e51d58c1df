package sim

import (
	"math"
	"math/rand/v2"
)

const tileSize = 128 // of a texture; a power of two, so that wrapping is a mask

// tile is a texture that repeats without a seam; values are about -1 to 1.
type tile [tileSize * tileSize]float32

func (t *tile) at(x, y int) float32 { return t[(y&(tileSize-1))*tileSize+(x&(tileSize-1))] }

// smooth reads t between its points.
func (t *tile) smooth(x, y float32) float32 {
	x, y = x+32*tileSize, y+32*tileSize // so that cutting off is rounding down
	ix, iy := int(x), int(y)
	dx, dy := x-float32(ix), y-float32(iy)
	const m = tileSize - 1
	top, low := t[(iy&m)*tileSize:], t[((iy+1)&m)*tileSize:]
	l, r := ix&m, (ix+1)&m
	a := top[l] + (top[r]-top[l])*dx
	b := low[l] + (low[r]-low[l])*dx
	return a + (b-a)*dy
}

// grain is white noise.
func grain(rng *rand.Rand) *tile {
	var t tile
	for i := 0; i < len(t); i += 4 {
		bits := rng.Uint64()
		for k := range 4 {
			t[i+k] = float32(int16(bits>>(16*k))) / 32768
		}
	}
	return &t
}

// clouds is smooth noise in octaves, from the coarsest with cells of the given size.
func clouds(rng *rand.Rand, cell int) *tile {
	var t tile
	amplitude := float32(0.6)
	for ; cell >= 4; cell /= 2 {
		n := tileSize / cell
		lattice := make([]float32, n*n)
		for i := range lattice {
			lattice[i] = 2*rng.Float32() - 1
		}
		for y := range tileSize {
			ty := ease(float32(y%cell) / float32(cell))
			y0, y1 := (y/cell)*n, ((y/cell+1)%n)*n
			for x := range tileSize {
				tx := ease(float32(x%cell) / float32(cell))
				x0, x1 := x/cell, (x/cell+1)%n
				a := lattice[y0+x0] + (lattice[y0+x1]-lattice[y0+x0])*tx
				b := lattice[y1+x0] + (lattice[y1+x1]-lattice[y1+x0])*tx
				t[y*tileSize+x] += amplitude * (a + (b-a)*ty)
			}
		}
		amplitude /= 2
	}
	return &t
}

func ease(t float32) float32 { return t * t * (3 - 2*t) }

// weave returns the look of a material close by, and how strongly it glosses.
func weave(material string, rng *rand.Rand) (*tile, float64) {
	noise := grain(rng)
	var t tile
	for y := range tileSize {
		for x := range tileSize {
			n := noise.at(x, y)
			var v float32
			switch material {
			case "wool", "cashmere": // knitted: columns of small V
				v = 0.10*vee(x, y, 8) + 0.03*n
			case "denim": // twill: steep diagonals with pale threads
				v = 0.045*float32(math.Sin(float64(x+2*y)*math.Pi/4)) + 0.06*n
			case "linen": // uneven threads both ways
				v = 0.05*noise.at(x, 7) + 0.05*noise.at(3, y) + 0.025*n
			case "leather":
				v = 0.05 * (noise.at(x/3, y/3)*0.6 + n*0.4)
			case "silk":
				v = 0.008 * n
			default: // cotton
				v = 0.03*n + 0.015*float32((x^y)&1*2-1)
			}
			t[y*tileSize+x] = v
		}
	}
	gloss := map[string]float64{"silk": 2.1, "leather": 2.2, "wool": 0.8, "denim": 0.8}[material]
	if gloss == 0 {
		gloss = 1
	}
	return &t, gloss
}

func vee(x, y, size int) float32 {
	h := size / 2
	c := x % size
	if c >= h {
		c = size - 1 - c
	}
	d := float64((y+c)%size) / float64(size)
	v := float32(math.Sin(d * 2 * math.Pi))
	if x%size == 0 || x%size == size-1 {
		v -= 0.8
	}
	return v
}
