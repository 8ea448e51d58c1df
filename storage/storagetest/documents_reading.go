package storagetest

import (
	"sync"
	"testing"
	"time"

	"weft/models"
)

func readings() []behaviour {
	return []behaviour{
		{"a watermark only rises", watermarkRises},
		{"of many watermarks the highest stays", watermarkRaces},
		{"standings", standings},
		{"standings of what was forgotten", standingsForgotten},
		{"standing of a post that came back", standingRestored},
		{"labelled posts", labelled},
		{"labelled posts come page by page", labelledPages},
		{"exports", exports},
		{"an export is compared and set", exportConflict},
		{"of many that write an export one wins", exportRaces},
	}
}

func watermarkRises(t *testing.T, s Store) {
	for _, step := range []struct{ raise, want models.Watermark }{
		{"", models.Everything}, {"2026-03-05", "2026-03-05"}, {"2026-02-28", "2026-03-05"}, {"2026-10-01", "2026-10-01"},
	} {
		if step.raise != "" {
			must(t, s.RaiseWatermark(t.Context(), step.raise))
		}
		got, err := s.Watermark(t.Context())
		must(t, err)
		same(t, "after "+string(step.raise), step.want, got)
	}
}

func watermarkRaces(t *testing.T, s Store) {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := s.RaiseWatermark(t.Context(), models.WatermarkBehind(t0().AddDate(0, 0, i*7%20))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := s.Watermark(t.Context())
	must(t, err)
	same(t, "watermark", models.WatermarkBehind(t0().AddDate(0, 0, 19)), got)
}

func standings(t *testing.T, s Store) {
	admitMany(t, s, 5, always("catalog"))
	for _, i := range []int{1, 2, 3} {
		finish(t, s, id(i), "catalog", "part-"+id(i))
	}
	purge(t, s, id(1))
	purge(t, s, id(3))
	_, err := s.Forget(t.Context(), []models.Deletion{hide(3, models.Hide), hide(4, models.Hide)})
	must(t, err)
	got, err := s.Standings(t.Context(), []string{id(0), id(1), id(2), id(3), id(4), id(9)})
	must(t, err)
	same(t, "standings", map[string]models.Standing{
		id(0): {Live: true, Rev: 1}, id(1): {Rev: 2}, id(2): {Live: true, Rev: 2}, id(3): {Rev: 2, Hidden: true}, id(4): {Live: true, Rev: 2, Hidden: true},
	}, got)
	got, err = s.Standings(t.Context(), nil)
	must(t, err)
	same(t, "standings of none", map[string]models.Standing{}, got)
}

func standingsForgotten(t *testing.T, s Store) {
	admitMany(t, s, 3, always("catalog"))
	finish(t, s, id(1), "catalog", "part1")
	purge(t, s, id(1))
	_, err := s.Forget(t.Context(), []models.Deletion{deletion(0), deletion(1)})
	must(t, err)
	got, err := s.Standings(t.Context(), []string{id(0), id(1), id(2)})
	must(t, err)
	same(t, "standings", map[string]models.Standing{id(2): {Live: true, Rev: 1}}, got)
}

func standingRestored(t *testing.T, s Store) {
	p := aPost(id(1))
	admit(t, s, p, "catalog")
	finish(t, s, id(1), "catalog", "part1")
	post, runs, err := s.Post(t.Context(), id(1))
	must(t, err)
	purge(t, s, id(1))
	_, err = s.Restore(t.Context(), post, runs)
	must(t, err)
	got, err := s.Standings(t.Context(), []string{id(1)})
	must(t, err)
	same(t, "standings", map[string]models.Standing{id(1): {Live: true, Rev: 3}}, got)
}

// answered asks about a post and keeps what was answered.
func answered(t *testing.T, s Store, post, attribute, value string) {
	t.Helper()
	it := anItem(post, "catalog")
	must(t, s.PutItem(t.Context(), it))
	_, err := s.Update(t.Context(), post, models.Change{Labels: []models.Label{
		{Attribute: attribute, Taxonomy: "t1", Values: []string{value}, By: []string{"bo"}, At: t0(), Item: it.ID, Sample: true},
	}})
	must(t, err)
}

func labelled(t *testing.T, s Store) {
	for i := range 6 {
		p := aPost(id(i))
		p.CreatedAt = t0().Add(time.Duration(i) * time.Hour)
		admit(t, s, p, "catalog")
	}
	for _, i := range []int{0, 1, 2, 4} {
		answered(t, s, id(i), "brand", "acme")
	}
	answered(t, s, id(3), "color", "navy")
	must(t, s.PutItem(t.Context(), anItem(id(5), "catalog"))) // asked, and nobody answered
	_, err := s.Update(t.Context(), id(2), models.Change{Delete: &models.Tombstone{At: t0()}})
	must(t, err)
	ids := func(since, until time.Time) (out []string) {
		got, err := s.Labelled(t.Context(), "brand", since, until, "", 10)
		must(t, err)
		for _, p := range got {
			out = append(out, p.ID)
			if len(p.Labels) != 1 || !p.Labels[0].Sample {
				t.Errorf("%s comes with the labels %v", p.ID, p.Labels)
			}
		}
		return out
	}
	same(t, "all", []string{id(0), id(1), id(4)}, ids(time.Time{}, time.Time{}))
	same(t, "from one on until before another", []string{id(1)}, ids(t0().Add(time.Hour), t0().Add(4*time.Hour)))
}

func labelledPages(t *testing.T, s Store) {
	admitMany(t, s, 7, always("catalog"))
	for i := range 7 {
		answered(t, s, id(i), []string{"brand", "color"}[i%2], "x")
	}
	after := ""
	for _, want := range [][]string{{id(0), id(2)}, {id(4), id(6)}, nil} {
		got, err := s.Labelled(t.Context(), "brand", time.Time{}, time.Time{}, after, 2)
		must(t, err)
		var ids []string
		for _, p := range got {
			ids = append(ids, p.ID)
			after = p.ID
		}
		same(t, "page", want, ids)
	}
}

func anExport(id string) models.Export {
	return models.Export{
		ID: id, Rev: 1, Owner: "ann", Format: "csv", State: models.ExportQueued, CreatedAt: t0(),
		Query: models.SearchQuery{Attributes: map[string][]string{"color": {"navy"}}, Since: t0().AddDate(0, -1, 0), Sources: []string{"weibo"}},
	}
}

func exports(t *testing.T, s Store) {
	for _, name := range []string{"e2", "e1", "e3"} {
		must(t, s.PutExport(t.Context(), anExport(name)))
	}
	e := anExport("e1")
	e.Rev, e.State, e.Rows, e.Writing, e.ExpiresAt = 2, models.ExportRunning, 7, "exports/e1/x", t0().Add(time.Hour)
	e.Place = models.PlaceOf(id(7), t0())
	e.Files = []models.ExportFile{{Key: "exports/e1/a", Name: "a.csv", Rows: 7, Bytes: 99, SHA256: "ff"}}
	must(t, s.PutExport(t.Context(), e))
	got, err := s.Export(t.Context(), "e1")
	must(t, err)
	same(t, "export", e, got)
	all, err := s.Exports(t.Context(), "", 2)
	must(t, err)
	same(t, "first page", []models.Export{e, anExport("e2")}, all)
	all, err = s.Exports(t.Context(), "e2", 2)
	must(t, err)
	same(t, "second page", []models.Export{anExport("e3")}, all)
	wantErr(t, s.DeleteExport(t.Context(), "e1", 1), models.ErrConflict)
	must(t, s.DeleteExport(t.Context(), "e1", 2))
	must(t, s.DeleteExport(t.Context(), "e1", 2))
	_, err = s.Export(t.Context(), "e1")
	wantErr(t, err, models.ErrNotFound)
}

func exportConflict(t *testing.T, s Store) {
	must(t, s.PutExport(t.Context(), anExport("e1")))
	wantErr(t, s.PutExport(t.Context(), anExport("e1")), models.ErrConflict)
	e := anExport("e1")
	e.Rev = 3
	wantErr(t, s.PutExport(t.Context(), e), models.ErrConflict)
	e = anExport("e9")
	e.Rev = 2
	wantErr(t, s.PutExport(t.Context(), e), models.ErrConflict)
}

func exportRaces(t *testing.T, s Store) {
	must(t, s.PutExport(t.Context(), anExport("e1")))
	var wg sync.WaitGroup
	won := make(chan int, 10)
	for i := range 10 {
		wg.Go(func() {
			e := anExport("e1")
			e.Rev, e.Rows = 2, int64(i)
			if s.PutExport(t.Context(), e) == nil {
				won <- i
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d won, want 1", len(won))
	}
}
