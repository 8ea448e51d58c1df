package image

import (
	"math"
	"testing"
)

// sighting is what there is to tell whether a first name is right, and if it is.
type sighting struct {
	x     [4]float64 // 1, margin, share, contrast
	right float64    // 1 or 0
}

// sight looks at the name with the largest share.
func (c *Colors) sight(s scene, named func(*found) (string, float64), want string) sighting {
	margins, shares, top := map[string]float64{}, map[string]float64{}, ""
	for _, f := range c.name(s, s.whole()) {
		name, margin := named(f)
		margins[name] = max(margins[name], margin)
		shares[name] += f.share
	}
	for name, share := range shares {
		if top == "" || share > shares[top] || share == shares[top] && name < top {
			top = name
		}
	}
	out := sighting{x: [4]float64{1, margins[top], shares[top], s.contrast}}
	if top == want {
		out.right = 1
	}
	return out
}

// checkFit fits a confidence anew by logistic regression, holds the shipped one to
// it, and prints how well it is calibrated for photos that it was not fitted to.
func checkFit(t *testing.T, all []sighting, shipped func(margin, share, contrast float64) float64) {
	t.Helper()
	w := regress(all)
	t.Logf("fitted anew: %.2f + %.2f margin + %.2f share + %.2f contrast", w[0], w[1], w[2], w[3])
	for _, s := range all {
		if got, want := shipped(s.x[1], s.x[2], s.x[3]), w.of(s); math.Abs(got-want) > 0.02 {
			t.Fatalf("confidence is %.3f where margin, share and contrast are %.2f; fitted anew it is %.3f", got, s.x[1:], want)
		}
	}
	const folds, pair = 10, 2 // the two sightings of a photo stay together
	var held []weights
	for f := range folds {
		var others []sighting
		for i, s := range all {
			if i/pair%folds != f {
				others = append(others, s)
			}
		}
		held = append(held, regress(others))
	}
	off := calibrationError(all, func(i int) float64 { return held[i/pair%folds].of(all[i]) })
	t.Logf("calibration error %.3f in %d folds", off, folds)
	if off > 0.1 {
		t.Errorf("calibration error %.3f, want 0.1 at most", off)
	}
}

type weights [4]float64

func (w weights) of(s sighting) float64 {
	z := 0.0
	for i, x := range s.x {
		z += w[i] * x
	}
	return 1 / (1 + math.Exp(-z))
}

// regress climbs the likelihood, less half the square of all weights but the first.
func regress(all []sighting) (w weights) {
	for range 5_000 {
		slope := weights{0, -w[1], -w[2], -w[3]}
		for _, s := range all {
			off := s.right - w.of(s)
			for i, x := range s.x {
				slope[i] += off * x
			}
		}
		for i := range w {
			w[i] += 2 / float64(len(all)) * slope[i]
		}
	}
	return w
}

// calibrationError is how far confidence and the share of right names are apart
// in the mean over ten bins (Guo et al. 2017).
func calibrationError(all []sighting, confidence func(i int) float64) float64 {
	var n, sure, right [10]float64
	for i, s := range all {
		p := confidence(i)
		bin := min(9, int(10*p))
		n[bin]++
		sure[bin] += p
		right[bin] += s.right
	}
	sum := 0.0
	for i := range n {
		sum += math.Abs(sure[i] - right[i])
	}
	return sum / float64(len(all))
}
