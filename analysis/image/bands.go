package image

import (
	"math"

	"weft/models"
)

// band is a part of the garment between two heights.
type band struct {
	shares []float64 // of each cluster, in the whole garment's weight
	share  float64   // their sum
	box    models.Box
}

// bandRows is how finely split looks for the line between two parts.
const bandRows = 32

// whole is the garment as one band.
func (s scene) whole() band { return s.band(0, bandRows) }

// band sums up the rows from ... to, counted in bandRows.
func (s scene) band(from, to int) band {
	b := band{shares: make([]float64, len(s.clusters))}
	y0, y1 := from*s.h/bandRows, to*s.h/bandRows
	columns, rows := make([]int, s.w), make([]int, s.h)
	total := 0.0
	for i, w := range s.weight {
		if w == 0 {
			continue
		}
		total += w
		x, y := i%s.w, i/s.w
		if y < y0 || y >= y1 {
			continue
		}
		b.shares[s.member[i]] += w
		columns[x]++
		rows[y]++
	}
	for i := range b.shares {
		b.shares[i] /= max(total, 1e-9)
		b.share += b.shares[i]
	}
	x0, x1 := extent(columns)
	top, bottom := extent(rows)
	fw, fh := float64(s.w), float64(s.h)
	b.box = models.Box{
		X: round(float64(x0) / fw), Y: round(float64(top) / fh),
		W: round(float64(x1-x0) / fw), H: round(float64(bottom-top) / fh),
	}
	return b
}

// extent returns where counts begin and end, but for a hundredth on each side:
// single pixels far out are noise.
func extent(counts []int) (from, to int) {
	total := 0
	for _, n := range counts {
		total += n
	}
	left := 0
	for from < len(counts) {
		if left += counts[from]; left*100 > total {
			break
		}
		from++
	}
	left = 0
	for to = len(counts); to > from; to-- {
		if left += counts[to-1]; left*100 > total {
			break
		}
	}
	return from, to
}

// split cuts the garment into at most n bands so that each is as uniform in
// colour as can be. A cut that gains little is not made, so that a plain dress
// stays whole.
func (s scene) split(n int) []band {
	rows := s.rows()
	cuts := []int{0, bandRows}
	for len(cuts)-1 < n {
		at, gain := 0, 0.08 // of the whole garment's weight
		for i := 1; i < len(cuts); i++ {
			for y := cuts[i-1] + 2; y <= cuts[i]-2; y++ {
				g := impurity(rows[cuts[i-1]:cuts[i]]) - impurity(rows[cuts[i-1]:y]) - impurity(rows[y:cuts[i]])
				if g > gain {
					at, gain = y, g
				}
			}
		}
		if at == 0 {
			break
		}
		cuts = insertSorted(cuts, at)
	}
	var bands []band
	for i := 1; i < len(cuts); i++ {
		if b := s.band(cuts[i-1], cuts[i]); b.share >= 0.05 {
			bands = append(bands, b)
		}
	}
	return bands
}

// rows returns the share of each cluster in each of bandRows heights.
func (s scene) rows() [][]float64 {
	rows := make([][]float64, bandRows)
	total := 0.0
	for _, w := range s.weight {
		total += w
	}
	for r := range rows {
		rows[r] = make([]float64, len(s.clusters))
		for y := r * s.h / bandRows; y < (r+1)*s.h/bandRows; y++ {
			for x := range s.w {
				if i := y*s.w + x; s.weight[i] > 0 {
					rows[r][s.member[i]] += s.weight[i] / total
				}
			}
		}
	}
	return rows
}

// impurity is Gini's: the weight that would not have its band's colour.
func impurity(rows [][]float64) float64 {
	if len(rows) == 0 {
		return 0
	}
	sum, squares := 0.0, 0.0
	for c := range rows[0] {
		w := 0.0
		for _, r := range rows {
			w += r[c]
		}
		sum += w
		squares += w * w
	}
	if sum == 0 {
		return 0
	}
	return sum - squares/sum
}

func insertSorted(cuts []int, at int) []int {
	for i, c := range cuts {
		if at < c {
			return append(cuts[:i:i], append([]int{at}, cuts[i:]...)...)
		}
	}
	return append(cuts, at)
}

// union is the smallest box around both; nil is nowhere.
func union(p, q *models.Box) *models.Box {
	if p == nil || q == nil {
		if p == nil {
			return q
		}
		return p
	}
	x, y := min(p.X, q.X), min(p.Y, q.Y)
	right, bottom := max(p.X+p.W, q.X+q.W), max(p.Y+p.H, q.Y+q.H)
	return &models.Box{X: x, Y: y, W: round(math.Abs(right - x)), H: round(math.Abs(bottom - y))}
}
