package storagetest

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
)

func moves() []behaviour {
	return []behaviour{
		{"stores run and entry", moveStores},
		{"refuses another seq", moveConflicts},
		{"of an unknown run is not found", moveUnknown},
		{"note keeps seq and writes no entry", moveNote},
		{"one of a hundred racing moves wins", moveRace},
		{"different runs move side by side", moveSideBySide},
		{"changes the newest post", moveChanges},
		{"without effect on the post keeps its rev", moveSameChange},
		{"lost writes nothing at all", moveLostWritesNothing},
		{"adds to the budget", moveSpends},
		{"marks the post dirty", moveDirty},
		{"to a new generation leaves a passage", movePassage},
		{"of a tombstoned post is not found", moveTombstoned},
		{"keeps a big document", moveBig},
		{"gives times back in UTC", moveUTC},
	}
}

func moveStores(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	m := r.Advance(models.AnalyzeLight, "every post goes there", t0().Add(time.Second), horizon)
	m.Run.Results = []models.Result{{Input: "in", Model: "color", Version: "1", Attributes: []models.Attribute{{Name: "color", Value: "navy", Confidence: .5, Evidence: models.FromImage, Box: &models.Box{X: .1, W: 1}}}, Cost: .25}}
	m.Run.Trace, m.Run.Cost = "00-1-2-01", 0.125
	m.Entry.Models, m.Entry.Spent = []string{"color@1"}, &models.Spent{Posts: 3, Seconds: 1.5}
	move(t, s, m)
	p, got := load(t, s, id(1), "catalog")
	same(t, "run", m.Run, got)
	want := aPost(id(1))
	want.Rev = 1
	same(t, "post", want, p)
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	if len(entries) != 2 || entries[0].Seq != 0 || entries[0].Outcome != models.OutAdmitted {
		t.Fatalf("timeline %v, want the admission and the move", entries)
	}
	same(t, "entry", *m.Entry, entries[1])
}

func moveConflicts(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	move(t, s, r.Advance(models.AnalyzeLight, "", t0(), horizon))
	wantErr(t, s.Move(t.Context(), r.Advance(models.AnalyzeLight, "again", t0(), horizon)), models.ErrConflict)
	future := r
	future.Seq = 99
	wantErr(t, s.Move(t.Context(), future.Advance(models.AnalyzeLight, "", t0(), horizon)), models.ErrConflict)
}

func moveUnknown(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	r.Profile = "other"
	wantErr(t, s.Move(t.Context(), r.Advance(models.Index, "", t0(), horizon)), models.ErrNotFound)
	r.Post = id(2)
	wantErr(t, s.Move(t.Context(), r.Advance(models.Index, "", t0(), horizon)), models.ErrNotFound)
	_, _, err := s.Load(t.Context(), id(2), "catalog")
	wantErr(t, err, models.ErrNotFound)
	_, _, err = s.Load(t.Context(), id(1), "other")
	wantErr(t, err, models.ErrNotFound)
}

func moveNote(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	r.Attempts, r.Error = 2, "time-out"
	move(t, s, r.Note())
	_, got := load(t, s, id(1), "catalog")
	same(t, "run", r, got)
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("timeline has %d entries, want only the admission", len(entries))
	}
}

func moveRace(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			m := r.Advance(models.AnalyzeLight, "", t0(), horizon)
			m.Spend = &models.Spend{Profile: "catalog", Step: models.Fetch, Day: "2026-03-04", Spent: models.Spent{Posts: 1}}
			if err := s.Move(t.Context(), m); err == nil {
				won.Add(1)
			} else {
				wantErr(t, err, models.ErrConflict)
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 99 {
		t.Errorf("%d won and %d lost, want 1 and 99", won.Load(), lost.Load())
	}
	sp, err := s.Spent(t.Context(), "catalog", models.Fetch, "2026-03-04")
	must(t, err)
	same(t, "budget", models.Spent{Posts: 1}, sp)
}

func moveSideBySide(t *testing.T, s Store) {
	var batch []models.Admission
	for i := range 40 {
		batch = append(batch, asked(aPost(id(i)), "catalog"))
	}
	got, err := s.Admit(t.Context(), batch)
	must(t, err)
	var wg sync.WaitGroup
	for _, a := range got {
		wg.Go(func() {
			r := a.Run
			for range 10 {
				m := r.Wait(time.Second, "not yet", t0(), horizon)
				if err := s.Move(t.Context(), m); err != nil {
					t.Error(err)
				}
				if _, have, err := s.Load(t.Context(), r.Post, r.Profile); err != nil || have.Seq != m.Run.Seq {
					t.Errorf("loaded seq %d (%v) after writing %d", have.Seq, err, m.Run.Seq)
				}
				r = m.Run
			}
		})
	}
	wg.Wait()
	if n := balanced(t, s); n != 40 {
		t.Errorf("%d passages, want 40", n)
	}
}

func moveChanges(t *testing.T, s Store) {
	p := aPost(id(1))
	a, b := admit(t, s, p, "catalog"), admit(t, s, p, "quality")
	fetched := p.Media[0]
	fetched.State, fetched.SHA256, fetched.Rendition = models.MediaOK, "abc", "r1"
	ma := a.Advance(models.AnalyzeLight, "", t0(), horizon)
	ma.Change.Media = []models.Media{fetched}
	mb := b.Advance(models.Archive, "", t0(), horizon)
	mb.Change = models.Change{Profile: "quality", Publish: &models.Publication{Generation: 1, Version: "v1", At: t0()}}
	var wg sync.WaitGroup
	for _, m := range []models.Move{ma, mb} {
		wg.Go(func() {
			if err := s.Move(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, _ := load(t, s, id(1), "catalog")
	p.Rev, p.Media[0] = 3, fetched
	p.Published = map[string]models.Publication{"quality": *mb.Change.Publish}
	same(t, "post with both changes", p, got)
}

func moveSameChange(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	label := models.Change{Labels: []models.Label{{Attribute: "brand", Taxonomy: "1", Values: []string{"Hermès"}, By: []string{"ann"}, At: t0()}}}
	for range 2 {
		m := r.Wait(0, "", t0(), horizon)
		m.Change = label
		r = move(t, s, m)
	}
	p, _ := load(t, s, id(1), "catalog")
	if p.Rev != 2 || len(p.Labels) != 1 {
		t.Errorf("rev %d with %d labels, want rev 2 with one", p.Rev, len(p.Labels))
	}
}

func moveLostWritesNothing(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	move(t, s, r.Advance(models.AnalyzeLight, "first", t0(), horizon))
	m := r.Regenerate(models.Fetch, "v2", "", models.Bulk, "late", t0(), horizon)
	m.Dirty = true
	m.Change.Labels = []models.Label{{Attribute: "brand", Taxonomy: "1"}}
	m.Spend = &models.Spend{Profile: "catalog", Step: models.Fetch, Day: "2026-03-04", Spent: models.Spent{Posts: 1}}
	wantErr(t, s.Move(t.Context(), m), models.ErrConflict)
	p, got := load(t, s, id(1), "catalog")
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	sp, err := s.Spent(t.Context(), "catalog", models.Fetch, "2026-03-04")
	must(t, err)
	if p.Rev != 1 || got.Generation != 1 || len(dirty) != 0 || sp != (models.Spent{}) {
		t.Errorf("rev %d, generation %d, %d dirty, spent %v: a lost move left something", p.Rev, got.Generation, len(dirty), sp)
	}
	if n := balanced(t, s); n != 1 {
		t.Errorf("%d passages, want 1", n)
	}
}

func moveSpends(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	for range 3 {
		m := r.Wait(0, "", t0(), horizon)
		m.Spend = &models.Spend{Profile: "catalog", Step: models.AnalyzeHeavy, Day: "2026-03-04", Spent: models.Spent{Posts: 1, Seconds: 0.5}}
		r = move(t, s, m)
	}
	sp, err := s.Spent(t.Context(), "catalog", models.AnalyzeHeavy, "2026-03-04")
	must(t, err)
	same(t, "budget", models.Spent{Posts: 3, Seconds: 1.5}, sp)
	sp, err = s.Spent(t.Context(), "catalog", models.AnalyzeHeavy, "2026-03-05")
	must(t, err)
	same(t, "the next day's budget", models.Spent{}, sp)
}

func moveDirty(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	m := r.End(models.Dropped, "no garment", t0())
	m.Dirty = true
	move(t, s, m)
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	if len(dirty) != 1 || dirty[0].ID != id(1) || dirty[0].Rev != 1 {
		t.Fatalf("dirty posts %v, want the one at rev 1", dirty)
	}
}

func movePassage(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	r = move(t, s, r.Regenerate(models.AnalyzeLight, "v2", "c1", models.Bulk, "campaign", t0(), horizon))
	r = move(t, s, r.End(models.Done, "", t0()))
	move(t, s, r.Regenerate(models.AnalyzeLight, "v3", "c2", models.Bulk, "campaign", t0(), horizon))
	counts, err := s.Counts(t.Context())
	must(t, err)
	same(t, "counts", []models.Count{
		{Profile: "catalog", State: models.Done, N: 1},
		{Profile: "catalog", State: models.Queued, Step: models.AnalyzeLight, N: 1},
		{Profile: "catalog", State: models.Superseded, N: 1},
	}, counts)
	if n := balanced(t, s); n != 3 {
		t.Errorf("%d passages, want 3", n)
	}
}

func moveTombstoned(t *testing.T, s Store) {
	p := aPost(id(1))
	live, ended := admit(t, s, p, "catalog"), admit(t, s, p, "quality")
	ended = move(t, s, ended.End(models.Done, "", t0()))
	_, err := s.Update(t.Context(), id(1), models.Change{Delete: &models.Tombstone{At: t0(), By: "author"}})
	must(t, err)
	wantErr(t, s.Move(t.Context(), live.Advance(models.Index, "", t0(), horizon)), models.ErrNotFound)
	wantErr(t, s.Move(t.Context(), ended.Replay(models.Fetch, "", t0(), horizon)), models.ErrNotFound)
	now, left := load(t, s, id(1), "catalog")
	if now.Tombstone == nil || now.Text != "" {
		t.Errorf("the post is %+v, want a bare tombstone", now)
	}
	if left.State != models.Dropped || left.Seq != live.Seq+1 {
		t.Errorf("the living run is %v, want it dropped", left)
	}
	balanced(t, s)
}

func moveBig(t *testing.T, s Store) {
	p := aPost(id(1))
	p.Text = strings.Repeat("шёлк ", 200_000)
	p.Raw = []byte(`"` + strings.Repeat("x", 4<<20) + `"`)
	r := admit(t, s, p, "catalog")
	m := r.Advance(models.Index, strings.Repeat("why ", 50_000), t0(), horizon)
	m.Change.Labels = []models.Label{{Attribute: "brand", Taxonomy: "1", At: t0()}}
	move(t, s, m)
	got, run := load(t, s, id(1), "catalog")
	if got.Text != p.Text || string(got.Raw) != string(p.Raw) || run.Reason != m.Run.Reason {
		t.Error("a big document came back differently")
	}
}

func moveUTC(t *testing.T, s Store) {
	zone := time.FixedZone("CST", 8*3600)
	p := aPost(id(1))
	p.CreatedAt, p.CollectedAt = p.CreatedAt.In(zone), p.CollectedAt.In(zone)
	a := asked(p, "catalog")
	a.Run = models.NewRun(p.ID, "catalog", "v1", models.Normal, t0().In(zone), horizon)
	_, err := s.Admit(t.Context(), []models.Admission{a})
	must(t, err)
	m := a.Run.Wait(time.Hour, "", t0().In(zone), horizon)
	m.Change = models.Change{Profile: "catalog", Publish: &models.Publication{Generation: 1, At: t0().In(zone)}}
	move(t, s, m)
	got, r := load(t, s, id(1), "catalog")
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	for what, at := range map[string]time.Time{
		"created": got.CreatedAt, "collected": got.CollectedAt, "published": got.Published["catalog"].At,
		"admitted": r.AdmittedAt, "due": r.Due, "process": r.ProcessAt, "entry": entries[1].At,
	} {
		if at.Location() != time.UTC || at.IsZero() {
			t.Errorf("%s is %v, want it in UTC", what, at)
		}
	}
	if !got.CreatedAt.Equal(p.CreatedAt) {
		t.Errorf("created at %v, want %v", got.CreatedAt, p.CreatedAt)
	}
}
