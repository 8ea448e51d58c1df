package ppi_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"weft/labeling/ppi"
)

// model sees what is there with one chance, and what isn't with another.
type model struct{ share, hit, fancy float64 }

// draw labels n of all posts; the model predicts each.
func (m model) draw(r *rand.Rand, n, all int) (p ppi.Pairs, u ppi.Unlabelled) {
	for i := range all {
		there := r.Float64() < m.share
		seen := r.Float64() < m.hit
		if !there {
			seen = r.Float64() < m.fancy
		}
		switch {
		case i >= n:
			u.Posts++
			if seen {
				u.Predicted++
			}
		case there && seen:
			p.Both++
		case there:
			p.PeopleOnly++
		case seen:
			p.ModelOnly++
		default:
			p.Neither++
		}
	}
	return p, u
}

// TestCoverage: the interval of a biased model's share holds the truth in 93 to
// 97 % of 1,000 repetitions, and is narrower than the one from labels alone.
func TestCoverage(t *testing.T) {
	for name, c := range map[string]struct {
		model  model
		labels int
	}{
		"a model that misses a third": {model{0.30, 0.66, 0.02}, 400},
		"a model that sees too much":  {model{0.20, 0.95, 0.10}, 500},
		"a rare attribute":            {model{0.05, 0.80, 0.03}, 1000},
		"a common one":                {model{0.80, 0.90, 0.25}, 300},
	} {
		t.Run(name, func(t *testing.T) {
			const repetitions = 1000
			r := rand.New(rand.NewPCG(7, uint64(c.labels))) //nolint:gosec // the same numbers each time
			covered, fooled := 0, 0
			var width, alone float64
			for range repetitions {
				p, u := c.model.draw(r, c.labels, 4000)
				e := ppi.Share(p, u)
				if e.Low <= c.model.share && c.model.share <= e.High {
					covered++
				}
				if math.Abs(e.Model-c.model.share) > e.High-e.Low {
					fooled++
				}
				width += e.High - e.Low
				labels := ppi.Share(p, ppi.Unlabelled{}) // all that there is
				alone += labels.High - labels.Low
			}
			t.Logf("covered %d of %d, mean width %.4f, from labels alone %.4f", covered, repetitions, width/repetitions, alone/repetitions)
			if covered < 930 || covered > 970 {
				t.Errorf("the truth was covered %d times of %d, want 930 to 970", covered, repetitions)
			}
			if width >= alone {
				t.Errorf("mean width %.4f, from labels alone %.4f; predictions must help", width/repetitions, alone/repetitions)
			}
		})
	}
}

// TestAsPPIPython: means, intervals and weights are those of the authors' own
// package. testdata/ppi.py made the golden file with ppi-python.
func TestAsPPIPython(t *testing.T) {
	body, err := os.ReadFile("testdata/ppi.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Pairs      ppi.Pairs
		Unlabelled ppi.Unlabelled
		Mean       float64
		Low        float64
		High       float64
	}
	if err := json.Unmarshal(body, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 20 {
		t.Fatalf("%d cases", len(cases))
	}
	const z = 1.959963984540054
	for _, c := range cases {
		mean, standard, weight := ppi.Mean(c.Pairs, c.Unlabelled)
		for what, d := range map[string]float64{"mean": mean - c.Mean, "low": mean - z*standard - c.Low, "high": mean + z*standard - c.High} {
			if math.Abs(d) > 1e-9 {
				t.Errorf("%+v %+v: %s is off by %g (weight %g)", c.Pairs, c.Unlabelled, what, d, weight)
			}
		}
	}
}

func TestEdges(t *testing.T) {
	for name, c := range map[string]struct {
		pairs ppi.Pairs
		rest  ppi.Unlabelled
		want  func(e ppi.Estimate) bool
	}{
		"nothing at all": {ppi.Pairs{}, ppi.Unlabelled{}, func(e ppi.Estimate) bool { return e == ppi.Estimate{} }},
		"no labels":      {ppi.Pairs{}, ppi.Unlabelled{Posts: 100, Predicted: 25}, func(e ppi.Estimate) bool { return !e.Enough && e.Model == 0.25 && e.High == 0 }},
		"one too few":    {ppi.Pairs{Neither: ppi.FewLabels - 1}, ppi.Unlabelled{Posts: 100}, func(e ppi.Estimate) bool { return !e.Enough }},
		"just enough":    {ppi.Pairs{Neither: ppi.FewLabels}, ppi.Unlabelled{Posts: 100}, func(e ppi.Estimate) bool { return e.Enough }},
		// 20 of 20 agree: the rule of three says that up to 17 % may not
		"never wrong so far": {ppi.Pairs{Both: 10, Neither: 10}, ppi.Unlabelled{Posts: 10_000, Predicted: 5000}, func(e ppi.Estimate) bool {
			return e.Corrected > 0.49 && e.Corrected < 0.51 && e.Low < 0.36 && e.High > 0.64
		}},
		"nothing seen, by nobody": {ppi.Pairs{Neither: 100}, ppi.Unlabelled{Posts: 1000}, func(e ppi.Estimate) bool {
			return e.Corrected == 0 && e.Low == 0 && e.High > 0.03 && e.High < 0.05
		}},
		"everywhere": {ppi.Pairs{Both: 100}, ppi.Unlabelled{Posts: 1000, Predicted: 1000}, func(e ppi.Estimate) bool {
			return e.Corrected == 1 && e.High == 1 && e.Low < 0.97 && e.Low > 0.95
		}},
		"the model sees nothing": {ppi.Pairs{PeopleOnly: 50, Neither: 50}, ppi.Unlabelled{Posts: 1000}, func(e ppi.Estimate) bool {
			return e.Weight == 0 && e.Corrected == 0.5 && e.Low < 0.41 && e.High > 0.59
		}},
		"all are labelled": {ppi.Pairs{Both: 30, ModelOnly: 30, Neither: 40}, ppi.Unlabelled{}, func(e ppi.Estimate) bool {
			return e.Corrected == 0.3 && e.Model == 0.6 && e.Low < 0.22 && e.High > 0.38
		}},
		"below zero": {ppi.Pairs{ModelOnly: 40, Neither: 60}, ppi.Unlabelled{Posts: 1000, Predicted: 10}, func(e ppi.Estimate) bool {
			return e.Corrected >= 0 && e.Low == 0
		}},
	} {
		if e := ppi.Share(c.pairs, c.rest); !c.want(e) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
