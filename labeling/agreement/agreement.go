// Package agreement measures how far people agree who label the same things:
// percent agreement, Cohen's and Fleiss' kappa, and Krippendorff's alpha with an
// interval. Everything is pure, and takes nominal values: two are the same, or
// they are not. What can't be computed, such as a coefficient where chance alone
// would agree always, is not ok rather than a number.
package agreement

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Percent is the share of the pairs of values of one unit that are alike. Units
// with fewer than two values tell nothing.
func Percent(units [][]string) (share float64, ok bool) {
	alike, pairs := 0, 0
	for _, u := range units {
		pairs += len(u) * (len(u) - 1)
		for _, n := range countsOf(u) {
			alike += n * (n - 1)
		}
	}
	if pairs == 0 {
		return 0, false
	}
	return float64(alike) / float64(pairs), true
}

// Cohen is Cohen's kappa of two raters, who both rated as many units, in the
// same order.
func Cohen(a, b []string) (kappa float64, ok bool) {
	if len(a) != len(b) || len(a) == 0 {
		return 0, false
	}
	same := 0.0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	n := float64(len(a))
	inA, inB := countsOf(a), countsOf(b)
	chance := 0.0
	for _, v := range sortedKeys(inA) { // sums of floats depend on their order
		chance += float64(inA[v]) / n * float64(inB[v]) / n
	}
	if chance >= 1 {
		return 0, false
	}
	return (same/n - chance) / (1 - chance), true
}

// Fleiss is Fleiss' kappa. It wants as many values of each unit: those that have
// the most frequent number of values are taken, the larger of two such, and used
// says how many they are.
func Fleiss(units [][]string) (kappa float64, used int, ok bool) {
	sizes := map[int]int{}
	for _, u := range units {
		if len(u) > 1 {
			sizes[len(u)]++
		}
	}
	size := 0
	for s, n := range sizes {
		if n > sizes[size] || n == sizes[size] && s > size {
			size = s
		}
	}
	if size == 0 {
		return 0, 0, false
	}
	total, agree := map[string]int{}, 0.0
	for _, u := range units {
		if len(u) != size {
			continue
		}
		used++
		alike := 0
		for v, n := range countsOf(u) {
			total[v] += n
			alike += n * (n - 1)
		}
		agree += float64(alike) / float64(size*(size-1))
	}
	chance := 0.0
	for _, v := range sortedKeys(total) {
		share := float64(total[v]) / float64(used*size)
		chance += share * share
	}
	if chance >= 1 {
		return 0, used, false
	}
	return (agree/float64(used) - chance) / (1 - chance), used, true
}

// Alpha is Krippendorff's alpha for nominal values. Units may have any number of
// values; those with fewer than two tell nothing.
func Alpha(units [][]string) (alpha float64, ok bool) {
	p := pairable(units)
	s := newSum(p.values)
	for i := range p.units {
		s.add(&p.units[i])
	}
	return s.alpha()
}

// Interval is the 95 % interval of alpha, by the percentiles of as many
// bootstrap samples of the units. The same seed gives the same interval. Samples
// in which alpha is not defined are left out; it is not ok if half of them are.
func Interval(units [][]string, rounds int, seed uint64) (low, high float64, ok bool) {
	p := pairable(units)
	if len(p.units) < 2 {
		return 0, 0, false
	}
	rng := rand.New(rand.NewPCG(seed, uint64(len(p.units)))) //nolint:gosec // a sample, no secret
	var alphas []float64
	s := newSum(p.values)
	for range rounds {
		s.clear()
		for range p.units {
			s.add(&p.units[rng.IntN(len(p.units))])
		}
		if a, ok := s.alpha(); ok {
			alphas = append(alphas, a)
		}
	}
	if 2*len(alphas) < rounds || len(alphas) == 0 {
		return 0, 0, false
	}
	slices.Sort(alphas)
	return Quantile(alphas, 0.025), Quantile(alphas, 0.975), true
}

// Quantile is the q-quantile of sorted numbers, between neighbours in
// proportion; of none it is not a number.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Pair is two different values that stand against each other.
type Pair struct {
	A, B  string
	Count int
}

// Confusion counts which values stand against each other in the same unit, the
// most frequent first; each pair once, the smaller value in front.
func Confusion(units [][]string) []Pair {
	found := map[[2]string]int{}
	for _, u := range units {
		n := countsOf(u)
		for a := range n {
			for b := range n {
				if a < b {
					found[[2]string{a, b}] += n[a] * n[b]
				}
			}
		}
	}
	var out []Pair
	for k, n := range found {
		out = append(out, Pair{k[0], k[1], n})
	}
	slices.SortFunc(out, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return out
}

// unit is what a unit adds to alpha's sums.
type unit struct {
	apart  float64 // pairs of different values, each weighed by 1/(m-1)
	size   int
	values []valued
}

type valued struct{ value, n int }

type pairables struct {
	units  []unit
	values int // how many different
}

// pairable prepares the units with two values or more. Values become numbers, so
// that a bootstrap sample costs additions alone.
func pairable(units [][]string) pairables {
	numbers := map[string]int{}
	var out pairables
	for _, u := range units {
		if len(u) < 2 {
			continue
		}
		w := unit{size: len(u)}
		alike := 0
		counts := countsOf(u)
		for _, v := range sortedKeys(counts) {
			if _, ok := numbers[v]; !ok {
				numbers[v] = len(numbers)
			}
			n := counts[v]
			w.values = append(w.values, valued{numbers[v], n})
			alike += n * (n - 1)
		}
		w.apart = float64(len(u)*(len(u)-1)-alike) / float64(len(u)-1)
		out.units = append(out.units, w)
	}
	out.values = len(numbers)
	return out
}

// sum adds up units.
type sum struct {
	apart  float64
	n      int
	values []int
}

func newSum(values int) *sum { return &sum{values: make([]int, values)} }

func (s *sum) clear() {
	s.apart, s.n = 0, 0
	clear(s.values)
}

func (s *sum) add(u *unit) {
	s.apart += u.apart
	s.n += u.size
	for _, v := range u.values {
		s.values[v.value] += v.n
	}
}

func (s *sum) alpha() (float64, bool) {
	alike := 0.0
	for _, n := range s.values {
		alike += float64(n) * float64(n-1)
	}
	n := float64(s.n)
	apart := n*(n-1) - alike // of all pairs, whatever their units
	if s.n < 2 || apart <= 0 {
		return 0, false
	}
	return 1 - (n-1)*s.apart/apart, true
}

func countsOf(values []string) map[string]int {
	out := map[string]int{}
	for _, v := range values {
		out[v]++
	}
	return out
}

func sortedKeys(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
