package agreement_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/labeling/agreement"
)

// reference is what other packages say of the same answers, see testdata.
type reference struct {
	Units, Full          [][]string
	Alpha, Cohen, Fleiss *float64
}

func column(rows [][]string, i int) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r[i])
	}
	return out
}

// TestReferences: krippendorff, scikit-learn and statsmodels say the same.
func TestReferences(t *testing.T) {
	data, err := os.ReadFile("testdata/agreement.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []reference
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 30 {
		t.Fatalf("only %d cases", len(cases))
	}
	for i, c := range cases {
		check := func(name string, want *float64, got float64, ok bool) {
			t.Helper()
			if ok != (want != nil) || ok && math.Abs(got-*want) > 1e-9 {
				t.Errorf("case %d: %s %v %v, want %v", i, name, got, ok, want)
			}
		}
		alpha, ok := agreement.Alpha(c.Units)
		check("alpha", c.Alpha, alpha, ok)
		kappa, ok := agreement.Cohen(column(c.Full, 0), column(c.Full, 1))
		check("cohen", c.Cohen, kappa, ok)
		fleiss, used, ok := agreement.Fleiss(c.Full)
		check("fleiss", c.Fleiss, fleiss, ok)
		if used != len(c.Full) {
			t.Errorf("case %d: fleiss over %d of %d", i, used, len(c.Full))
		}
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		name  string
		units [][]string
		want  float64
		ok    bool
	}{
		{"nothing", nil, 0, false},
		{"single answers", [][]string{{"a"}, {"b"}}, 0, false},
		{"half", [][]string{{"a", "a"}, {"a", "b"}}, 0.5, true},
		{"three of one", [][]string{{"a", "a", "b"}, {"c"}}, 1.0 / 3, true},
	} {
		got, ok := agreement.Percent(c.units)
		if ok != c.ok || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

// TestUndefined: where chance alone always agrees, there is no number.
func TestUndefined(t *testing.T) {
	same := [][]string{{"a", "a"}, {"a", "a"}}
	if _, ok := agreement.Alpha(same); ok {
		t.Error("alpha of one value")
	}
	if _, ok := agreement.Cohen([]string{"a"}, []string{"a"}); ok {
		t.Error("kappa of one value")
	}
	if _, ok := agreement.Cohen([]string{"a"}, nil); ok {
		t.Error("kappa of unlike raters")
	}
	if _, _, ok := agreement.Fleiss(same); ok {
		t.Error("fleiss of one value")
	}
	if _, _, ok := agreement.Interval(same, 100, 1); ok {
		t.Error("an interval of one value")
	}
	if !math.IsNaN(agreement.Quantile(nil, 0.5)) {
		t.Error("a quantile of nothing")
	}
}

// TestFleissTakesTheUsualSize: of units with unlike numbers of answers.
func TestFleissTakesTheUsualSize(t *testing.T) {
	three := [][]string{{"a", "a", "b"}, {"b", "b", "b"}, {"a", "c", "a"}}
	want, _, _ := agreement.Fleiss(three)
	got, used, ok := agreement.Fleiss(append(slices.Clone(three), []string{"a", "b"}, []string{"c"}))
	if !ok || used != 3 || got != want {
		t.Errorf("%v over %d, want %v over 3", got, used, want)
	}
}

// rated draws answers of three people who are right with a chance, else guess.
func rated(r *rand.Rand, units int, right float64) [][]string {
	values := []string{"a", "b", "c", "d"}
	var out [][]string
	for range units {
		truth := values[r.IntN(len(values))]
		var u []string
		for range 3 {
			v := values[r.IntN(len(values))]
			if r.Float64() < right {
				v = truth
			}
			u = append(u, v)
		}
		out = append(out, u)
	}
	return out
}

// TestInterval: it holds the true alpha in about 95 of 100 samples, and is the
// same for the same seed. People who are right with chance p, and guess
// evenly otherwise, have an alpha of p².
func TestInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same numbers each time
	covered := 0
	const samples = 300
	for range samples {
		low, high, ok := agreement.Interval(rated(r, 150, 0.8), 300, 1)
		if !ok {
			t.Fatal("no interval")
		}
		if low <= 0.64 && 0.64 <= high {
			covered++
		}
	}
	if covered < samples*90/100 || covered > samples*99/100 {
		t.Errorf("the truth was in %d of %d intervals", covered, samples)
	}
	units := rated(r, 50, 0.5)
	a, b, _ := agreement.Interval(units, 200, 9)
	c, d, _ := agreement.Interval(units, 200, 9)
	if a != c || b != d || a >= b {
		t.Errorf("[%v, %v], then [%v, %v]", a, b, c, d)
	}
}

func TestConfusion(t *testing.T) {
	got := agreement.Confusion([][]string{{"b", "a", "a"}, {"a", "c"}, {"a", "b"}, {"c", "c"}, {""}})
	if d := cmp.Diff([]agreement.Pair{{A: "a", B: "b", Count: 3}, {A: "a", B: "c", Count: 1}}, got); d != "" {
		t.Error(d)
	}
}

func TestQuantile(t *testing.T) {
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 0.9: 3.7, 1: 4} {
		if got := agreement.Quantile([]float64{1, 2, 3, 4}, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
}
