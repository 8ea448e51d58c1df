package storagetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
)

func admissions() []behaviour {
	return []behaviour{
		{"new post", admitNew},
		{"new profile of a known post", admitNewProfile},
		{"same reading is known", admitKnown},
		{"a fetched image is no edit", admitAfterFetch},
		{"changed counts are a recount", admitRecount},
		{"a changed author is a recount", admitAuthor},
		{"an edit starts a generation", admitEdited},
		{"an edit reaches every profile that is admitted", admitEditedTwice},
		{"a tombstoned post is refused", admitRefused},
		{"repeats within one batch are known", admitBatch},
		{"a hundred racing admissions admit once", admitRace},
	}
}

func admitNew(t *testing.T, s Store) {
	p := aPost(id(1))
	p.Rev, p.SchemaVersion = 7, 0
	got, err := s.Admit(t.Context(), []models.Admission{asked(p, "catalog")})
	must(t, err)
	same(t, "answer", []models.Admittance{{Result: models.Admitted, Run: asked(p, "catalog").Run}}, got)
	have, runs, err := s.Post(t.Context(), id(1))
	must(t, err)
	p.Rev, p.SchemaVersion = 1, models.SchemaVersion
	same(t, "post", p, have)
	same(t, "runs", []models.Run{got[0].Run}, runs)
	balanced(t, s)
}

func admitNewProfile(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	if got := answer(t, s, asked(aPost(id(1)), "quality")); got != models.Admitted {
		t.Errorf("got %s, want admitted", got)
	}
	p, runs, err := s.Post(t.Context(), id(1))
	must(t, err)
	if p.Rev != 1 || len(runs) != 2 || runs[0].Profile != "catalog" || runs[1].Profile != "quality" {
		t.Errorf("rev %d with runs %v, want rev 1 with both profiles", p.Rev, runs)
	}
}

func admitKnown(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	again := aPost(id(1))
	again.CollectedAt = again.CollectedAt.Add(time.Hour)
	if got := answer(t, s, asked(again, "catalog")); got != models.Known {
		t.Errorf("got %s, want known", got)
	}
	p, _ := load(t, s, id(1), "catalog")
	if p.Rev != 1 {
		t.Errorf("rev %d, want 1", p.Rev)
	}
}

func admitAfterFetch(t *testing.T, s Store) {
	p := aPost(id(1))
	r := admit(t, s, p, "catalog")
	m := r.Advance(models.AnalyzeLight, "", t0(), horizon)
	m.Change.Media = []models.Media{{URL: p.Media[0].URL, State: models.MediaOK, SHA256: "abc", Rendition: "r"}}
	move(t, s, m)
	if got := answer(t, s, asked(aPost(id(1)), "catalog")); got != models.Known {
		t.Errorf("got %s, want known", got)
	}
}

func admitRecount(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	p := aPost(id(1))
	likes := int64(8)
	p.Counts.Likes = &likes
	if got := answer(t, s, asked(p, "catalog")); got != models.Recount {
		t.Errorf("got %s, want recount", got)
	}
	have, run := load(t, s, id(1), "catalog")
	if *have.Counts.Likes != 8 || have.Rev != 2 || run.Seq != r.Seq {
		t.Errorf("likes %d at rev %d, run %v, want 8 at rev 2 and the run untouched", *have.Counts.Likes, have.Rev, run)
	}
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	if len(dirty) != 1 {
		t.Errorf("%d dirty posts, want it to be projected again", len(dirty))
	}
	if got := answer(t, s, asked(p, "catalog")); got != models.Known {
		t.Errorf("the same again: got %s, want known", got)
	}
}

func admitAuthor(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	p := aPost(id(1))
	p.Author.Followers++
	if got := answer(t, s, asked(p, "catalog")); got != models.Recount {
		t.Errorf("got %s, want recount", got)
	}
}

func admitEdited(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	r = move(t, s, r.End(models.Done, "", t0()))
	p := aPost(id(1))
	p.Text = "edited"
	a := asked(p, "catalog")
	a.Run = models.NewRun(p.ID, "catalog", "v2", models.Normal, t0().Add(time.Hour), horizon)
	got, err := s.Admit(t.Context(), []models.Admission{a})
	must(t, err)
	run := got[0].Run
	if got[0].Result != models.Edited || run.Generation != 2 || run.Seq != r.Seq+1 || run.Version != "v2" || run.Step != models.Fetch || !run.Due.Equal(a.Run.Due) {
		t.Errorf("got %s with %+v", got[0].Result, run)
	}
	have, stored := load(t, s, id(1), "catalog")
	same(t, "stored run", run, stored)
	if have.Text != "edited" || have.Rev != 2 {
		t.Errorf("text %q at rev %d", have.Text, have.Rev)
	}
	if n := balanced(t, s); n != 2 {
		t.Errorf("%d passages, want 2", n)
	}
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	if len(entries) != 3 || entries[2].Outcome != models.OutSuperseded {
		t.Errorf("timeline %v", entries)
	}
}

func admitEditedTwice(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	admit(t, s, aPost(id(1)), "quality")
	p := aPost(id(1))
	p.Text = "edited"
	got, err := s.Admit(t.Context(), []models.Admission{asked(p, "catalog"), asked(p, "quality"), asked(p, "quality")})
	must(t, err)
	if got[0].Result != models.Edited || got[1].Result != models.Edited || got[2].Result != models.Known {
		t.Errorf("got %s, %s, %s; want edited, edited, known", got[0].Result, got[1].Result, got[2].Result)
	}
	have, _ := load(t, s, id(1), "quality")
	if have.Rev != 2 {
		t.Errorf("rev %d, want 2: the edit counts once", have.Rev)
	}
}

func admitRefused(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	_, err := s.Update(t.Context(), id(1), models.Change{Delete: &models.Tombstone{At: t0(), By: "platform"}})
	must(t, err)
	for _, profile := range []string{"catalog", "quality"} {
		if got := answer(t, s, asked(aPost(id(1)), profile)); got != models.Refused {
			t.Errorf("%s: got %s, want refused", profile, got)
		}
	}
	p, runs, err := s.Post(t.Context(), id(1))
	must(t, err)
	if p.Text != "" || len(runs) != 1 {
		t.Errorf("text %q with %d runs, want the tombstone with its run", p.Text, len(runs))
	}
}

func admitBatch(t *testing.T, s Store) {
	got, err := s.Admit(t.Context(), []models.Admission{asked(aPost(id(1)), "a"), asked(aPost(id(1)), "a"), asked(aPost(id(1)), "b"), asked(aPost(id(2)), "a")})
	must(t, err)
	var results []models.AdmissionResult
	for _, g := range got {
		results = append(results, g.Result)
	}
	same(t, "results", []models.AdmissionResult{models.Admitted, models.Known, models.Admitted, models.Admitted}, results)
	none, err := s.Admit(t.Context(), nil)
	must(t, err)
	same(t, "answers to nothing", []models.Admittance(nil), none)
	if n := balanced(t, s); n != 3 {
		t.Errorf("%d passages, want 3", n)
	}
}

func admitRace(t *testing.T, s Store) {
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			got, err := s.Admit(t.Context(), []models.Admission{asked(aPost(id(1)), "catalog")})
			if err != nil {
				t.Error(err)
			} else if got[0].Result == models.Admitted {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d admissions won, want 1", won.Load())
	}
}
