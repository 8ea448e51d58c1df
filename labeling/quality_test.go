package labeling_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/labeling"
	"weft/models"
)

// said is an answer to item n.
func said(n int, by string, values ...string) models.Given {
	at := time.Date(2026, 3, 2, 9, n, 0, 0, time.UTC)
	return models.Given{Item: fmt.Sprint("i", n), Profile: "quality", Answer: models.Answer{
		By: by, At: at, ClaimedAt: at.Add(-time.Duration(n) * time.Second), Values: map[string][]string{"color": values},
	}}
}

func TestAgreements(t *testing.T) {
	final, check, skip := said(1, "ida", "pink"), said(1, "carl", "pink"), said(1, "dora")
	final.Final, check.Check, skip.Skip = true, true, "not sure"
	got := labeling.Agreements([]models.Given{
		said(1, "ann", "red", "navy"), said(1, "bob", "navy", "red"), // the order of values doesn't matter
		said(2, "ann", "red"), said(2, "bob", "navy"),
		said(3, "ann", "navy"), said(3, "bob", "navy"),
		said(4, "ann"), said(4, "bob", "red"),
		said(5, "ann", "red"), // nobody else
		final, check, skip,
	})
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	a := got[0]
	if a.Attribute != "color" || a.Items != 4 || a.Answers != 8 || a.Raters != 2 || a.FleissN != 4 || *a.Percent != 0.5 {
		t.Errorf("%+v", a)
	}
	// ann: "navy, red", red, navy, ""; bob: "navy, red", navy, navy, red
	if want := (0.5 - (1.0+1+2)/16) / (1 - (1.0+1+2)/16); a.Cohen == nil || math.Abs(*a.Cohen-want) > 1e-12 {
		t.Errorf("kappa %v, want %v", a.Cohen, want)
	}
	if a.Alpha == nil || a.Fleiss == nil || a.Low == nil || *a.Low > *a.Alpha || *a.High < *a.Alpha {
		t.Errorf("%+v", a)
	}
	want := []models.Confusion{{A: "", B: "red", Count: 1}, {A: "navy", B: "red", Count: 1}}
	if d := cmp.Diff(want, a.Confusion); d != "" {
		t.Error(d)
	}
}

func TestQualities(t *testing.T) {
	gold := models.Item{ID: "i1", Wanted: 1, Questions: []models.Question{{Attribute: "color"}}, Gold: &models.Gold{Values: map[string][]string{"color": {"navy", "red"}}}}
	plain := models.Item{ID: "i3", Wanted: 3, Questions: []models.Question{{Attribute: "color"}}}
	for _, g := range []models.Given{said(3, "ann", "red"), said(3, "bob", "red"), said(3, "carl", "navy")} {
		plain = plain.WithAnswer(g.Answer)
	}
	skip := said(2, "bob")
	skip.Skip, skip.ActiveMS = "not sure", 1500
	got := labeling.Qualities([]models.Given{
		said(1, "ann", "red", "navy"), said(1, "bob", "red"), said(3, "ann", "red"), said(3, "bob", "red"), said(3, "carl", "navy"), skip,
	}, []models.Item{gold, plain})
	want := []models.LabelerQuality{
		{Name: "ann", Answers: 2, GoldAsked: 1, GoldRight: 1, Compared: 1, Agreeing: 1, Timed: 2, MedianSeconds: new(2.0), P90Seconds: new(2.8)},
		{Name: "bob", Answers: 2, Skips: 1, GoldAsked: 1, Compared: 1, Agreeing: 1, Timed: 3, MedianSeconds: new(2.0), P90Seconds: new(2.8), ActiveSeconds: new(1.5)},
		{Name: "carl", Answers: 1, Compared: 1, Timed: 1, MedianSeconds: new(3.0), P90Seconds: new(3.0)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestBooks reads answers from a store, over its pages.
func TestBooks(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Wanted = 2; it.Parking = false })
	o.must(o.answer("ann", "red"))
	o.must(o.answer("bob", "red"))
	books := labeling.NewBooks(o.docs, func() time.Time { return o.now })
	agreements, err := books.Agreement(t.Context(), models.QualityFilter{Profile: "quality"})
	o.must(err)
	if len(agreements) != 1 || *agreements[0].Percent != 1 || agreements[0].Alpha != nil {
		t.Errorf("%+v", agreements)
	}
	none, err := books.Agreement(t.Context(), models.QualityFilter{Profile: "quality", Since: o.now.Add(time.Second)})
	o.must(err)
	if len(none) != 0 {
		t.Errorf("of later answers: %+v", none)
	}
	people, err := books.Labelers(t.Context(), models.QualityFilter{})
	o.must(err)
	if len(people) != 2 || people[0].Name != "ann" || people[0].Agreeing != 1 {
		t.Errorf("%+v", people)
	}
	given, items, err := books.Given(t.Context(), models.GivenFilter{By: "bob"})
	o.must(err)
	if len(given) != 1 || len(items) != 1 || items[0].ID != given[0].Item {
		t.Errorf("%+v %+v", given, items)
	}
	p, err := books.Progress(t.Context(), "quality")
	o.must(err)
	if p.Open != 0 || p.Hours[23].Answers != 2 {
		t.Errorf("%+v", p)
	}
}
