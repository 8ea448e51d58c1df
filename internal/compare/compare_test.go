package compare_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"weft/internal/compare"
	"weft/models"
)

// TestMcNemar: two-sided exact values, worked out by hand from the binomial.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		wins, losses int
		want         float64
	}{{0, 0, 1}, {1, 0, 1}, {5, 0, 2.0 / 32}, {0, 6, 2.0 / 64}, {5, 5, 1}, {8, 2, 2 * 56.0 / 1024}, {2, 8, 2 * 56.0 / 1024}} {
		if got := compare.McNemar(c.wins, c.losses); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d wins, %d losses: p %g, want %g", c.wins, c.losses, got, c.want)
		}
	}
	if p := compare.McNemar(3000, 3200); p < 0.009 || p > 0.013 { // normal approximation: z 2.53
		t.Errorf("of many: p %g", p)
	}
}

func TestWilson(t *testing.T) {
	if got := compare.Wilson(81, 263); math.Abs(got[0]-.2553) > 1e-3 || math.Abs(got[1]-.3662) > 1e-3 { // Newcombe 1998, table I
		t.Errorf("%v", got)
	}
	if got := compare.Wilson(0, 0); got != [2]float64{0, 1} {
		t.Errorf("of nothing: %v", got)
	}
}

func result(value string, confidence float64) models.Result {
	r := models.Result{Cost: .002}
	if value != "" {
		r.Attributes = []models.Attribute{{Name: "cut", Value: value, Confidence: confidence}}
	}
	return r
}

func label(values ...string) []models.Label {
	return []models.Label{{Attribute: "other"}, {Attribute: "cut", Values: []string{"old"}, At: time.Unix(1, 0)}, {Attribute: "cut", Values: values, At: time.Unix(2, 0), Sample: true}}
}

func TestTally(t *testing.T) {
	tally := compare.NewTally(compare.Report{}, []string{"cut"})
	add := func(id string, labels []models.Label, pairs ...[2]models.Result) {
		p := compare.Post{ID: id, Labels: labels}
		for _, pair := range pairs {
			p.Inputs = append(p.Inputs, compare.Input{Text: "<b>text</b>", Active: pair[0], Shadow: pair[1]})
		}
		tally.Add(p)
	}
	pair := func(a, b string) [2]models.Result { return [2]models.Result{result(a, .5), result(b, .9)} }
	for i := range 20 {
		add(fmt.Sprint("same", i), nil, pair("slim", "slim"))
	}
	for i := range 20 {
		add(fmt.Sprint("differ", i), nil, pair("slim", "wide"))
	}
	add("win", label("wide"), pair("slim", "wide"))
	add("win of none", label(), pair("slim", ""))
	add("loss", label("slim", "cropped"), pair("slim", "wide"))
	add("both wrong", label("cropped"), pair("slim", "wide"))
	// of several images the surest counts: the second
	add("both right", label("wide"), [2]models.Result{result("slim", .3), result("slim", .3)}, pair("wide", "wide"))
	tally.Skip()
	r := tally.Report()
	a := r.Attributes[0]
	if r.Posts != 46 || r.Both != 45 || r.Inputs != 46 || a.N != 46 || a.Agree != 22 {
		t.Errorf("%+v, %+v", r, a)
	}
	if l := a.Labels; l.N != 5 || l.Sample != 5 || l.Wins != 2 || l.Losses != 1 || l.BothRight != 1 || l.BothWrong != 1 || l.P != 1 || l.Accuracy != (compare.Pair{Active: .4, Shadow: .6}) {
		t.Errorf("labels %+v", l)
	}
	if len(a.Wins) != 2 || len(a.Losses) != 1 || len(a.Differ) != 12 || a.Confusion["slim"]["wide"] != 23 || a.Confusion["slim"][compare.Nothing] != 1 {
		t.Errorf("examples %d, %d, %d; confusion %v", len(a.Wins), len(a.Losses), len(a.Differ), a.Confusion)
	}
	// by chance: 45/46·21/46 (slim) + 1/46·24/46 (wide) agree
	chance := (45.0*21 + 1*24) / 46 / 46
	if want := (22.0/46 - chance) / (1 - chance); math.Abs(a.Kappa-want) > 1e-9 {
		t.Errorf("kappa %g, want %g", a.Kappa, want)
	}
	if math.Abs(r.Active.Cost-.002) > 1e-9 {
		t.Errorf("cost %g", r.Active.Cost)
	}

	var page strings.Builder
	if err := r.WritePage(t.Context(), &page, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h3>Wins", "<h3>Losses", "nobody was asked", "&lt;b&gt;text", "the labels don&#39;t tell"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in the page:\n%s", want, page.String())
		}
	}
	for _, not := range []string{"<b>text", "<script", "http:", "https:"} {
		if strings.Contains(page.String(), not) {
			t.Errorf("%q is in the page", not)
		}
	}
}
