package storagetest

import (
	"maps"
	"testing"
	"time"

	"weft/models"
)

func purges() []behaviour {
	return []behaviour{
		{"only what is archived may go", purgeableOnly},
		{"purgeable posts come page by page", purgeablePages},
		{"leaves a stub", purgeLeavesStub},
		{"is refused when the post was written since", purgeConflict},
		{"keeps open items only", purgeItems},
		{"a purged post is known", purgedKnown},
		{"an edited purged post comes back and goes on counting", purgedEdited},
		{"a stub waits for all its profiles", purgedOtherProfile},
		{"a new profile brings a purged post back", purgedNewProfile},
		{"a post purged twice keeps all its counts", purgedTwice},
		{"restore brings post and runs back", restores},
		{"restore beside a post that came back", restoreBeside},
		{"restore of what never was is not found", restoreUnknown},
		{"admitted is counted through purge and restore", purgeBalance},
	}
}

// finish brings a post through a profile to its end, published and archived at
// its newest rev if part is not empty.
func finish(t *testing.T, s Store, post, profile, part string) {
	t.Helper()
	_, r := load(t, s, post, profile)
	m := r.Advance(models.Archive, "", t0(), horizon)
	if part != "" {
		m.Change = models.Change{Profile: profile, Publish: &models.Publication{Generation: r.Generation, Version: r.Version, At: t0()}}
	}
	r = move(t, s, m)
	if part != "" {
		p, _ := load(t, s, post, profile)
		var rows []models.Row
		for name, pub := range p.Published { // a new rev needs a row of each publication
			rows = append(rows, aRow(post, name, pub.Generation, p.Rev))
		}
		must(t, s.Stage(t.Context(), rows))
		verify(t, s, part)
	}
	move(t, s, r.End(models.Done, "", t0()))
}

// purge purges a post at its present rev.
func purge(t *testing.T, s Store, post string) models.Stub {
	t.Helper()
	p, _, err := s.Post(t.Context(), post)
	must(t, err)
	must(t, s.Purge(t.Context(), models.Stub{Post: post, Rev: p.Rev, PurgedAt: t0()}))
	stub, err := s.Stub(t.Context(), post)
	must(t, err)
	return stub
}

func purgeable(t *testing.T, s Store, after string, limit int) []string {
	t.Helper()
	ids, err := s.Purgeable(t.Context(), t0().Add(time.Hour), after, limit)
	must(t, err)
	return ids
}

func purgeableOnly(t *testing.T, s Store) {
	admitMany(t, s, 9, always("catalog"))
	for _, i := range []int{1, 3, 4, 8} {
		finish(t, s, id(i), "catalog", "part-"+id(i))
	}
	finish(t, s, id(2), "catalog", "") // never published
	_, r := load(t, s, id(5), "catalog")
	move(t, s, r.End(models.Failed, "", t0()))
	_, r = load(t, s, id(6), "catalog")
	move(t, s, r.End(models.Done, "", t0().Add(time.Hour))) // too young
	_, err := s.Update(t.Context(), id(3), models.Change{Labels: []models.Label{{Attribute: "a", At: t0()}}})
	must(t, err) // dirty
	_, err = s.Update(t.Context(), id(4), models.Change{Labels: []models.Label{{Attribute: "a", At: t0()}}})
	must(t, err)
	must(t, s.Clean(t.Context(), id(4), 3)) // clean, but its row is of the rev before
	_, err = s.Update(t.Context(), id(7), models.Change{Delete: &models.Tombstone{At: t0()}})
	must(t, err)
	must(t, s.Clean(t.Context(), id(7), 2))
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(8), "catalog", 1, 1)})) // a row is not in a part yet
	same(t, "purgeable", []string{id(1), id(2)}, purgeable(t, s, "", 10))
	for _, i := range []int{0, 3, 4, 5, 7, 8} {
		p, _, err := s.Post(t.Context(), id(i))
		must(t, err)
		wantErr(t, s.Purge(t.Context(), models.Stub{Post: id(i), Rev: p.Rev}), models.ErrConflict)
	}
}

func purgeablePages(t *testing.T, s Store) {
	admitMany(t, s, 6, always("catalog"))
	for _, i := range []int{0, 2, 3, 5} {
		finish(t, s, id(i), "catalog", "")
	}
	same(t, "first page", []string{id(0), id(2)}, purgeable(t, s, "", 2))
	same(t, "second page", []string{id(3), id(5)}, purgeable(t, s, id(2), 2))
	same(t, "third page", []string(nil), purgeable(t, s, id(5), 2))
}

func purgeLeavesStub(t *testing.T, s Store) {
	p := aPost(id(1))
	r := admit(t, s, p, "catalog")
	move(t, s, r.Regenerate(models.Fetch, "v2", "", models.Normal, "", t0(), horizon))
	finish(t, s, id(1), "catalog", "part1")
	stub := purge(t, s, id(1))
	if stub.Author == "" || stub.Author == p.Author.ID {
		t.Errorf("author %q, want a hash of %q", stub.Author, p.Author.ID)
	}
	stub.Author = ""
	same(t, "stub", models.Stub{
		Post: id(1), Rev: 2, Content: p.ContentHash(), PurgedAt: t0(), CreatedAt: p.CreatedAt,
		Runs: map[string]models.StubRun{"catalog": {
			Seq: 4, Generation: 2, Part: "part1", Past: map[models.State]int{models.Superseded: 1, models.Done: 1},
		}},
	}, stub)
	_, _, err := s.Post(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	_, _, err = s.Load(t.Context(), id(1), "catalog")
	wantErr(t, err, models.ErrNotFound)
	wantErr(t, s.Move(t.Context(), r.Advance(models.Index, "", t0(), horizon)), models.ErrNotFound)
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	same(t, "timeline", []models.Entry(nil), entries)
	rows, err := s.PartRows(t.Context(), "part1")
	must(t, err)
	same(t, "row keys", []models.Row(nil), rows)
	if n := balanced(t, s); n != 0 {
		t.Errorf("%d passages left", n)
	}
	_, err = s.Stub(t.Context(), id(2))
	wantErr(t, err, models.ErrNotFound)
}

func purgeConflict(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	finish(t, s, id(1), "catalog", "part1")
	wantErr(t, s.Purge(t.Context(), models.Stub{Post: id(1), Rev: 1}), models.ErrConflict)
	wantErr(t, s.Purge(t.Context(), models.Stub{Post: id(2), Rev: 1}), models.ErrNotFound)
	_, r := load(t, s, id(1), "catalog")
	move(t, s, r.Replay(models.Fetch, "", t0(), horizon))
	wantErr(t, s.Purge(t.Context(), models.Stub{Post: id(1), Rev: 2}), models.ErrConflict)
	_, err := s.Stub(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	load(t, s, id(1), "catalog")
}

func purgeItems(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	open, closed := anItem(id(1), "catalog"), anItem(id(1), "quality")
	closed.State = models.ItemClosed
	must(t, s.PutItem(t.Context(), open))
	must(t, s.PutItem(t.Context(), closed))
	finish(t, s, id(1), "catalog", "")
	purge(t, s, id(1))
	got, err := s.Items(t.Context(), models.ItemFilter{})
	must(t, err)
	same(t, "items", []models.Item{open}, got)
}

func purgedKnown(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	finish(t, s, id(1), "catalog", "part1")
	purge(t, s, id(1))
	p := aPost(id(1))
	p.Author.Followers++ // counts alone bring nothing back
	if got := answer(t, s, asked(p, "catalog")); got != models.Known {
		t.Errorf("got %s, want known", got)
	}
	_, _, err := s.Post(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
}

// edited is the test post with another text.
func edited(post string) models.Post {
	p := aPost(post)
	p.Text = "edited"
	return p
}

func purgedEdited(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	label := models.Label{Attribute: "brand", Taxonomy: "1", Values: []string{"Hermès"}, By: []string{"ann"}, At: t0()}
	_, err := s.Update(t.Context(), id(1), models.Change{Labels: []models.Label{label}})
	must(t, err)
	must(t, s.Clean(t.Context(), id(1), 2))
	finish(t, s, id(1), "catalog", "part1")
	stub := purge(t, s, id(1))
	got, err := s.Admit(t.Context(), []models.Admission{asked(edited(id(1)), "catalog")})
	must(t, err)
	run := got[0].Run
	if got[0].Result != models.Edited || run.Generation != 2 || run.Seq != stub.Runs["catalog"].Seq+1 || run.State != models.Queued || run.Step != models.Fetch {
		t.Errorf("got %s with %+v", got[0].Result, run)
	}
	p, stored := load(t, s, id(1), "catalog")
	same(t, "stored run", run, stored)
	same(t, "labels", []models.Label{label}, p.Labels)
	if p.Rev != stub.Rev+1 || p.Text != "edited" {
		t.Errorf("text %q at rev %d, want the edit at %d", p.Text, p.Rev, stub.Rev+1)
	}
	_, err = s.Stub(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	if n := balanced(t, s); n != 2 {
		t.Errorf("%d passages, want 2", n)
	}
}

// purgedPair is a post that two profiles published and that was purged.
func purgedPair(t *testing.T, s Store) models.Stub {
	t.Helper()
	admit(t, s, aPost(id(1)), "catalog")
	r := admit(t, s, aPost(id(1)), "quality")
	move(t, s, r.Regenerate(models.Fetch, "v2", "", models.Normal, "", t0(), horizon))
	finish(t, s, id(1), "catalog", "part1")
	finish(t, s, id(1), "quality", "part2")
	return purge(t, s, id(1))
}

func purgedOtherProfile(t *testing.T, s Store) {
	whole := purgedPair(t, s)
	got := answer(t, s, asked(edited(id(1)), "catalog"))
	if got != models.Edited {
		t.Errorf("catalog: got %s, want edited", got)
	}
	left, err := s.Stub(t.Context(), id(1))
	must(t, err)
	same(t, "what is left in the stub", map[string]models.StubRun{"quality": whole.Runs["quality"]}, left.Runs)
	if n := balanced(t, s); n != 2 {
		t.Errorf("%d passages, want catalog's 2", n)
	}
	if got := answer(t, s, asked(edited(id(1)), "quality")); got != models.Edited {
		t.Errorf("quality: got %s, want edited", got)
	}
	_, r := load(t, s, id(1), "quality")
	if was := whole.Runs["quality"]; r.Generation != was.Generation+1 || r.Seq != was.Seq+1 {
		t.Errorf("quality came back as %v, stub had %+v", r, was)
	}
	_, err = s.Stub(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	if n := balanced(t, s); n != 5 {
		t.Errorf("%d passages, want 5", n)
	}
}

func purgedNewProfile(t *testing.T, s Store) {
	whole := purgedPair(t, s)
	if got := answer(t, s, asked(aPost(id(1)), "tendencies")); got != models.Admitted {
		t.Errorf("got %s, want admitted", got)
	}
	p, r := load(t, s, id(1), "tendencies")
	if r.Generation != 1 || r.Seq != 1 || p.Rev != whole.Rev+1 {
		t.Errorf("run %v at rev %d, want a first run at rev %d", r, p.Rev, whole.Rev+1)
	}
	left, err := s.Stub(t.Context(), id(1))
	must(t, err)
	same(t, "stub", whole.Runs, left.Runs)
	if got := answer(t, s, asked(aPost(id(1)), "catalog")); got != models.Known {
		t.Errorf("catalog, unchanged: got %s, want known", got)
	}
	balanced(t, s)
}

func purgedTwice(t *testing.T, s Store) {
	whole := purgedPair(t, s)
	answer(t, s, asked(aPost(id(1)), "tendencies"))
	finish(t, s, id(1), "tendencies", "")
	second := purge(t, s, id(1))
	want := map[string]models.StubRun{"tendencies": {Seq: 3, Generation: 1, Past: map[models.State]int{models.Done: 1}}}
	maps.Copy(want, whole.Runs)
	same(t, "runs in the stub", want, second.Runs)
	if second.Rev != whole.Rev+1 {
		t.Errorf("rev %d, want %d", second.Rev, whole.Rev+1)
	}
}

func restores(t *testing.T, s Store) {
	stub := purgedPair(t, s)
	frozen := aPost(id(1))
	frozen.Rev = 1
	frozen.Published = map[string]models.Publication{"quality": {Generation: 2, Version: "v2", At: t0()}}
	r := models.NewRun(id(1), "quality", "v2", models.Normal, t0(), horizon) // as it was when it was frozen: not ended
	r.Step, r.Seq, r.Generation = models.Archive, 3, 2
	c := models.NewRun(id(1), "catalog", "v1", models.Normal, t0(), horizon)
	c.Step = models.Archive
	first, err := s.Restore(t.Context(), frozen, []models.Run{r, c})
	must(t, err)
	if len(first) != 2 {
		t.Fatalf("got %d runs, want 2", len(first))
	}
	for _, got := range first {
		was := stub.Runs[got.Profile]
		if got.State != models.Done || got.Seq != was.Seq || got.Generation != was.Generation || !got.Due.IsZero() {
			t.Errorf("restored %+v, stub had %+v", got, was)
		}
	}
	p, _ := load(t, s, id(1), "quality")
	frozen.Rev = stub.Rev + 1
	same(t, "post", frozen, p)
	again, err := s.Restore(t.Context(), frozen, []models.Run{r, c})
	must(t, err)
	same(t, "restored again", first, again)
	if n := balanced(t, s); n != 3 {
		t.Errorf("%d passages, want 3", n)
	}
	_, err = s.Stub(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	overdue, err := s.Overdue(t.Context(), t0().Add(1000*time.Hour), 10)
	must(t, err)
	same(t, "overdue", []models.Run(nil), overdue)
	if got := answer(t, s, asked(aPost(id(1)), "quality")); got != models.Known {
		t.Errorf("a reading of the restored post: got %s, want known", got)
	}
	move(t, s, again[0].Regenerate(models.AnalyzeLight, "v3", "c1", models.Bulk, "campaign", t0(), horizon))
	if n := balanced(t, s); n != 4 {
		t.Errorf("%d passages, want 4", n)
	}
}

func restoreBeside(t *testing.T, s Store) {
	stub := purgedPair(t, s)
	answer(t, s, asked(edited(id(1)), "catalog"))
	q := models.NewRun(id(1), "quality", "v2", models.Normal, t0(), horizon)
	c := models.NewRun(id(1), "catalog", "v1", models.Normal, t0(), horizon)
	got, err := s.Restore(t.Context(), aPost(id(1)), []models.Run{q, c})
	must(t, err)
	p, live := load(t, s, id(1), "catalog")
	_, restored := load(t, s, id(1), "quality")
	same(t, "runs", []models.Run{live, restored}, got)
	if p.Text != "edited" || live.State != models.Queued || restored.Seq != stub.Runs["quality"].Seq {
		t.Errorf("post %q, catalog %v, quality %v", p.Text, live, restored)
	}
	if n := balanced(t, s); n != 4 {
		t.Errorf("%d passages, want 4", n)
	}
	if got := answer(t, s, asked(edited(id(1)), "quality")); got != models.Edited {
		t.Errorf("the edit reaches the restored run: got %s, want edited", got)
	}
}

func restoreUnknown(t *testing.T, s Store) {
	r := models.NewRun(id(1), "catalog", "v1", models.Normal, t0(), horizon)
	_, err := s.Restore(t.Context(), aPost(id(1)), []models.Run{r})
	wantErr(t, err, models.ErrNotFound)
	admit(t, s, aPost(id(1)), "catalog")
	_, err = s.Update(t.Context(), id(1), models.Change{Delete: &models.Tombstone{At: t0()}})
	must(t, err)
	_, err = s.Restore(t.Context(), aPost(id(1)), []models.Run{r})
	wantErr(t, err, models.ErrNotFound)
}

func purgeBalance(t *testing.T, s Store) {
	purgedPair(t, s)
	admit(t, s, aPost(id(2)), "catalog")
	want := []int64{1, 1, 3, 4}
	steps := []func(){
		func() {},
		func() {
			if got := answer(t, s, asked(aPost(id(1)), "quality")); got != models.Known {
				t.Errorf("got %s", got)
			}
		},
		func() {
			_, err := s.Restore(t.Context(), aPost(id(1)), []models.Run{models.NewRun(id(1), "quality", "v2", models.Normal, t0(), horizon)})
			must(t, err)
		},
		func() {
			_, err := s.Restore(t.Context(), aPost(id(1)), []models.Run{models.NewRun(id(1), "catalog", "v1", models.Normal, t0(), horizon)})
			must(t, err)
		},
	}
	for i, step := range steps {
		step()
		if n := balanced(t, s); n != want[i] {
			t.Errorf("after step %d: %d passages, want %d", i, n, want[i])
		}
	}
}
