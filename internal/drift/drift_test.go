package drift_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weft/internal/drift"
	"weft/models"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

// generated makes posts of days after start: a category with the given shares,
// and a confidence around a mean.
func generated(seed uint64, n, day int, shares map[string]float64, sure float64) []models.Post {
	rng := rand.New(rand.NewPCG(seed, 7))
	var posts []models.Post
	for i := range n {
		p := models.Post{ID: fmt.Sprintf("a.%d.%d", day, i), CreatedAt: start.AddDate(0, 0, day+rng.IntN(7))}
		u := rng.Float64()
		var found []models.Attribute
		for _, v := range []string{"dress", "hat", "shirt"} {
			if u -= shares[v]; u < 0 {
				found = append(found, models.Attribute{Name: "category", Value: v, Confidence: min(1, sure+.1*rng.NormFloat64()), Evidence: models.FromImage})
				break
			}
		}
		p.Published = map[string]models.Publication{"catalog": {Attributes: found}}
		posts = append(posts, p)
	}
	return posts
}

func stats(day int, posts []models.Post) *drift.Stats {
	s := drift.NewStats(start.AddDate(0, 0, day), start.AddDate(0, 0, day+7))
	for i := range posts {
		s.Add(&posts[i])
	}
	return s
}

// TestDrift: shifts of known size are beyond, and chance is not, week by week.
func TestDrift(t *testing.T) {
	usual := map[string]float64{"dress": .5, "hat": .2, "shirt": .2} // a tenth finds nothing
	reference := stats(0, generated(1, 2000, 0, usual, .8))
	t.Run("nothing", func(t *testing.T) {
		for week := range 200 {
			seed := uint64(week + 100)
			if r := drift.Compare(reference, stats(7, generated(seed, 300, 7, usual, .8)), drift.Default()); r.Beyond || len(r.Changes) != 1 || !r.Changes[0].Enough {
				t.Fatalf("seed %d: %+v", seed, r)
			}
		}
	})
	for _, c := range []struct {
		name   string
		n      int
		shares map[string]float64
		sure   float64
		beyond bool
	}{
		{"a third of the dresses became hats", 300, map[string]float64{"dress": .25, "hat": .45, "shirt": .2}, .8, true},
		{"nothing found in half", 300, map[string]float64{"dress": .3, "hat": .1, "shirt": .1}, .8, true},
		{"a new value", 300, map[string]float64{"dress": .5, "hat": .2}, .8, true},
		{"three points", 300, map[string]float64{"dress": .47, "hat": .23, "shirt": .2}, .8, false},
		{"less sure", 300, usual, .7, true},
		{"hardly less sure", 2000, usual, .78, false},
		{"too few posts", 150, map[string]float64{"hat": 1}, .3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := drift.Compare(reference, stats(7, generated(3, c.n, 7, c.shares, c.sure)), drift.Default())
			if r.Beyond != c.beyond || r.Changes[0].Beyond != c.beyond {
				t.Errorf("beyond %v, want %v: %+v", r.Beyond, c.beyond, r.Changes[0])
			}
		})
	}
}

// TestStats: labels and other weeks don't count; a post counts once for a value.
func TestStats(t *testing.T) {
	post := models.Post{CreatedAt: start, Published: map[string]models.Publication{"catalog": {Attributes: []models.Attribute{
		{Name: "color", Value: "navy", Confidence: .5, Image: "a"}, {Name: "color", Value: "navy", Confidence: .7, Image: "b"}, {Name: "color", Value: "red", Confidence: .2},
		{Name: "brand", Value: "Gucci", Confidence: 1, Evidence: models.FromLabel},
	}}}}
	late := post
	late.CreatedAt = start.AddDate(0, 0, 7)
	gone := post
	gone.Tombstone = &models.Tombstone{}
	s := stats(0, []models.Post{post, late, gone})
	p := s.Profiles["catalog"]
	if p == nil || p.Posts != 1 || len(p.Attributes) != 1 {
		t.Fatalf("%+v", p)
	}
	if c := p.Attributes["color"]; c.Posts != 1 || c.Values["navy"] != 1 || c.Values["red"] != 1 || c.Told != 1 || c.Sum != .7 {
		t.Errorf("%+v", c)
	}
	if r := drift.Compare(s, drift.NewStats(start, start), drift.Default()); len(r.Changes) != 1 || r.Changes[0].Confidence != nil || r.Beyond {
		t.Errorf("against an empty week: %+v", r)
	}
}

func TestWeek(t *testing.T) {
	for s, from := range map[string]string{"2026-W10": "2026-03-02", "2026-W01": "2025-12-29", "2020-W53": "2020-12-28", "2027-W01": "2027-01-04"} {
		w, err := drift.Week(s)
		if err != nil || w.From.Format(time.DateOnly) != from || w.To.Sub(w.From) != 7*24*time.Hour {
			t.Errorf("%s is %v, %v; want from %s", s, w, err, from)
		}
	}
	for _, s := range []string{"2026-W54", "2025-W53", "2026-10", "last", "2026-W00"} {
		if _, err := drift.Week(s); err == nil {
			t.Errorf("%s was read", s)
		}
	}
	sunday := time.Date(2026, 3, 15, 23, 0, 0, 0, time.UTC)
	if w := drift.LastWeek(sunday); w.From != start || w.To != start.AddDate(0, 0, 7) {
		t.Errorf("before %v the last whole week is %v", sunday, w)
	}
}

func TestWriteText(t *testing.T) {
	usual := map[string]float64{"dress": .5, "hat": .2, "shirt": .2}
	var b strings.Builder
	r := drift.Compare(stats(0, generated(1, 300, 0, usual, .8)), stats(7, generated(2, 300, 7, map[string]float64{"hat": .9}, .8)), drift.Default())
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "week 2026-W11 against 2026-03-02 to 2026-03-08") || !strings.Contains(b.String(), "BEYOND") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
