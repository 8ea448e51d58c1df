package image

import (
	"math"
	"math/rand/v2"
	"sort"
)

// sample is a colour with its weight.
type sample struct {
	lab
	weight float64
}

// cluster is a group of alike colours.
type cluster struct {
	center lab
	share  float64 // of all weight
	spread float64 // root mean square distance from the center
}

// kmeans groups samples into at most k clusters and says for each sample which
// it belongs to (-1: it has no weight). The seed is fixed: the same pixels give
// the same result everywhere and for ever. Empty clusters are left out.
func kmeans(samples []sample, k int) ([]cluster, []int) {
	centers := seedCenters(samples, k)
	member := make([]int, len(samples))
	settled := len(samples) / 500
	for range 16 { // colours settle in four to ten rounds
		if assign(samples, centers, member) <= settled {
			break
		}
		recenter(samples, centers, member)
	}
	return summarize(samples, centers, member)
}

// seedCenters is k-means++: each new center is drawn with probability
// proportional to the squared distance from those there are.
func seedCenters(samples []sample, k int) []lab {
	rng := rand.New(rand.NewPCG(20, 1976)) // #nosec: determinism is the point
	near := make([]float64, len(samples))
	total := 0.0
	for i, s := range samples {
		near[i] = math.MaxFloat64
		total += s.weight
	}
	if total == 0 {
		return nil
	}
	var centers []lab
	next := drawSample(samples, rng.Float64()*total, func(i int) float64 { return samples[i].weight })
	for len(centers) < k {
		centers = append(centers, samples[next].lab)
		total = 0
		for i, s := range samples {
			near[i] = min(near[i], s.distance2(samples[next].lab))
			total += s.weight * near[i]
		}
		if total < 1e-9 { // fewer colours than k
			break
		}
		next = drawSample(samples, rng.Float64()*total, func(i int) float64 { return samples[i].weight * near[i] })
	}
	return centers
}

// drawSample returns the sample at which the running sum of weight passes at.
func drawSample(samples []sample, at float64, weight func(int) float64) int {
	last := 0
	for i := range samples {
		w := weight(i)
		if w <= 0 {
			continue
		}
		last = i
		if at -= w; at <= 0 {
			break
		}
	}
	return last
}

// assign gives every sample to its nearest center and counts the changes.
func assign(samples []sample, centers []lab, member []int) (changed int) {
	for i, s := range samples {
		best, bestDistance := -1, math.MaxFloat64
		if s.weight > 0 {
			for c, center := range centers {
				if d := s.distance2(center); d < bestDistance {
					best, bestDistance = c, d
				}
			}
		}
		if member[i] != best {
			member[i] = best
			changed++
		}
	}
	return changed
}

func recenter(samples []sample, centers []lab, member []int) {
	sums := make([]sample, len(centers))
	for i, s := range samples {
		if c := member[i]; c >= 0 {
			sums[c].l += s.weight * s.l
			sums[c].a += s.weight * s.a
			sums[c].b += s.weight * s.b
			sums[c].weight += s.weight
		}
	}
	for c, s := range sums {
		if s.weight > 0 {
			centers[c] = lab{s.l / s.weight, s.a / s.weight, s.b / s.weight}
		}
	}
}

func summarize(samples []sample, centers []lab, member []int) ([]cluster, []int) {
	weights, squares, total := make([]float64, len(centers)), make([]float64, len(centers)), 0.0
	for i, s := range samples {
		if c := member[i]; c >= 0 {
			weights[c] += s.weight
			squares[c] += s.weight * s.distance2(centers[c])
			total += s.weight
		}
	}
	renumber := make([]int, len(centers))
	var clusters []cluster
	for c, w := range weights {
		renumber[c] = len(clusters)
		if w > 0 {
			clusters = append(clusters, cluster{center: centers[c], share: w / total, spread: math.Sqrt(squares[c] / w)})
		}
	}
	for i, c := range member {
		if c >= 0 {
			member[i] = renumber[c]
		}
	}
	return clusters, member
}

// merge joins clusters that are one surface in different light: near each
// other, or of one hue and not far apart in lightness. The returned slice says
// where each old cluster went.
func merge(clusters []cluster) ([]cluster, []int) {
	into, order := make([]int, len(clusters)), make([]int, len(clusters))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return clusters[order[i]].share > clusters[order[j]].share })
	var merged []cluster
	for _, i := range order { // the largest first: it says best what the surface's colour is
		c := clusters[i]
		into[i] = len(merged)
		for j, m := range merged {
			if sameSurface(c.center, m.center) {
				into[i] = j
				merged[j] = join(m, c)
				break
			}
		}
		if into[i] == len(merged) {
			merged = append(merged, c)
		}
	}
	return merged, into
}

func sameSurface(p, q lab) bool {
	if p.distance(q) < 9 {
		return true
	}
	const colourful, lightnessStep, hueStep, chromaStep = 14, 18, 12, 18
	return p.chroma() > colourful && q.chroma() > colourful && math.Abs(p.l-q.l) < lightnessStep &&
		p.hueDistance(q) < hueStep && math.Abs(p.chroma()-q.chroma()) < chromaStep
}

func join(p, q cluster) cluster {
	s := p.share + q.share
	mix := func(a, b float64) float64 { return (a*p.share + b*q.share) / s }
	return cluster{
		center: lab{mix(p.center.l, q.center.l), mix(p.center.a, q.center.a), mix(p.center.b, q.center.b)},
		share:  s, spread: mix(p.spread, q.spread),
	}
}
