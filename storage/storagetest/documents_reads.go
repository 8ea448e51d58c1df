package storagetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"weft/models"
)

func posts() []behaviour {
	return []behaviour{
		{"update changes the post and marks it", updateChanges},
		{"update without effect leaves it clean", updateSame},
		{"update of an unknown post is not found", updateUnknown},
		{"deletion leaves a tombstone", updateDeletes},
		{"come in the order of ids, page by page", postPages},
		{"paging is stable while others write", postPagesWhileWriting},
		{"of one profile", postsOfProfile},
		{"dirty ones are cleaned at their rev only", dirtyClean},
		{"an unknown post is not found", postUnknown},
	}
}

func updateChanges(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	l := models.Label{Attribute: "brand", Taxonomy: "1", Values: []string{"香奈儿"}, By: []string{"ann"}, At: t0()}
	got, err := s.Update(t.Context(), id(1), models.Change{Labels: []models.Label{l}})
	must(t, err)
	want := aPost(id(1))
	want.Rev, want.Labels = 2, []models.Label{l}
	same(t, "returned post", want, got)
	stored, _ := load(t, s, id(1), "catalog")
	same(t, "stored post", want, stored)
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	same(t, "dirty posts", []models.Post{want}, dirty)
}

func updateSame(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	p := aPost(id(1))
	got, err := s.Update(t.Context(), id(1), models.Change{Source: &p})
	must(t, err)
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	if got.Rev != 1 || len(dirty) != 0 {
		t.Errorf("rev %d and %d dirty, want 1 and none", got.Rev, len(dirty))
	}
}

func updateUnknown(t *testing.T, s Store) {
	_, err := s.Update(t.Context(), id(1), models.Change{Labels: []models.Label{{Attribute: "a"}}})
	wantErr(t, err, models.ErrNotFound)
}

func updateDeletes(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	must(t, s.PutItem(t.Context(), anItem(id(1), "catalog")))
	tomb := models.Tombstone{At: t0(), By: "author", Reason: "asked"}
	got, err := s.Update(t.Context(), id(1), models.Change{Delete: &tomb})
	must(t, err)
	if got.Rev != 2 || got.Text != "" || got.Raw != nil || got.Tombstone == nil || *got.Tombstone != tomb {
		t.Errorf("got %+v", got)
	}
	it, err := s.Item(t.Context(), anItem(id(1), "catalog").ID)
	must(t, err)
	if it.State != models.ItemWithdrawn || it.Rev != 2 {
		t.Errorf("item %s at rev %d, want it withdrawn at 2", it.State, it.Rev)
	}
	overdue, err := s.Overdue(t.Context(), t0().Add(time.Hour), 10)
	must(t, err)
	same(t, "overdue runs", []models.Run(nil), overdue)
	again, err := s.Update(t.Context(), id(1), models.Change{Labels: []models.Label{{Attribute: "a"}}})
	must(t, err)
	same(t, "after a late change", got, again)
	late := anItem(id(1), "quality")
	wantErr(t, s.PutItem(t.Context(), late), models.ErrNotFound)
}

// admitMany admits posts 0 to n-1, one by one in one batch.
func admitMany(t *testing.T, s Store, n int, profile func(i int) string) {
	t.Helper()
	var batch []models.Admission
	for i := range n {
		batch = append(batch, asked(aPost(id(i)), profile(i)))
	}
	_, err := s.Admit(t.Context(), batch)
	must(t, err)
}

func always(profile string) func(int) string { return func(int) string { return profile } }

// pagePosts reads all posts in pages, calling between after each.
func pagePosts(t *testing.T, s Store, f models.PostFilter, between func()) []string {
	t.Helper()
	var ids []string
	for {
		page, err := s.Posts(t.Context(), f)
		must(t, err)
		if len(page) == 0 {
			return ids
		}
		if f.Limit > 0 && len(page) > f.Limit {
			t.Fatalf("page of %d, limit %d", len(page), f.Limit)
		}
		for _, p := range page {
			ids = append(ids, p.ID)
		}
		f.After = ids[len(ids)-1]
		between()
	}
}

func wantIDs(n, step int) []string {
	var ids []string
	for i := 0; i < n; i += step {
		ids = append(ids, id(i))
	}
	return ids
}

func postPages(t *testing.T, s Store) {
	admitMany(t, s, 25, always("catalog"))
	same(t, "ids", wantIDs(25, 1), pagePosts(t, s, models.PostFilter{Limit: 7}, func() {}))
	same(t, "ids in one page", wantIDs(25, 1), pagePosts(t, s, models.PostFilter{}, func() {}))
}

func postPagesWhileWriting(t *testing.T, s Store) {
	admitMany(t, s, 30, always("catalog"))
	n := 0
	got := pagePosts(t, s, models.PostFilter{Limit: 4}, func() {
		n++
		p := aPost(id(0) + fmt.Sprint(n)) // sorts between the first two: behind the cursor
		admit(t, s, p, "catalog")
		for _, i := range []int{0, 15, 29} {
			l := models.Label{Attribute: "brand", Taxonomy: "1", Values: []string{fmt.Sprint(n)}, At: t0().Add(time.Duration(n) * time.Second)}
			_, err := s.Update(t.Context(), id(i), models.Change{Labels: []models.Label{l}})
			must(t, err)
		}
	})
	same(t, "ids", wantIDs(30, 1), got)
}

func postsOfProfile(t *testing.T, s Store) {
	admitMany(t, s, 10, func(i int) string { return []string{"catalog", "quality"}[i%2] })
	same(t, "ids", wantIDs(10, 2), pagePosts(t, s, models.PostFilter{Profile: "catalog", Limit: 2}, func() {}))
}

func dirtyClean(t *testing.T, s Store) {
	admitMany(t, s, 3, always("catalog"))
	for _, i := range []int{2, 0, 1} {
		_, err := s.Update(t.Context(), id(i), models.Change{Labels: []models.Label{{Attribute: "a", At: t0()}}})
		must(t, err)
	}
	must(t, s.Clean(t.Context(), id(0), 1))
	must(t, s.Clean(t.Context(), id(2), 2))
	must(t, s.Clean(t.Context(), "weibo.none", 1))
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	var ids []string
	for _, p := range dirty {
		ids = append(ids, p.ID)
	}
	same(t, "dirty", []string{id(0), id(1)}, ids)
	one, err := s.Dirty(t.Context(), 1)
	must(t, err)
	if len(one) != 1 {
		t.Errorf("%d with limit 1", len(one))
	}
}

func postUnknown(t *testing.T, s Store) {
	_, _, err := s.Post(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	same(t, "timeline", []models.Entry(nil), entries)
}

func runs() []behaviour {
	return []behaviour{
		{"are filtered", runFilters},
		{"come page by page", runPages},
		{"overdue come oldest first", overdue},
		{"counts balance while runs move", countsWhileMoving},
		{"counts of an empty store", countsEmpty},
	}
}

func runFilters(t *testing.T, s Store) {
	admitMany(t, s, 4, always("catalog"))
	admit(t, s, aPost(id(0)), "quality")
	_, r0 := load(t, s, id(0), "catalog")
	m := r0.End(models.Failed, "gave up", t0())
	m.Run.Error = "decode: 100% broken_image"
	move(t, s, m)
	_, r1 := load(t, s, id(1), "catalog")
	move(t, s, r1.Regenerate(models.AnalyzeHeavy, "v2", "c7", models.Bulk, "", t0(), horizon))
	for _, c := range []struct {
		name   string
		filter models.RunFilter
		want   []string
	}{
		{"all", models.RunFilter{}, []string{id(0) + "/catalog", id(0) + "/quality", id(1) + "/catalog", id(2) + "/catalog", id(3) + "/catalog"}},
		{"post", models.RunFilter{Post: id(0)}, []string{id(0) + "/catalog", id(0) + "/quality"}},
		{"post and profile", models.RunFilter{Post: id(0), Profile: "quality"}, []string{id(0) + "/quality"}},
		{"post of no run", models.RunFilter{Post: "nobody.1"}, nil},
		{"state", models.RunFilter{State: models.Failed}, []string{id(0) + "/catalog"}},
		{"step", models.RunFilter{Step: models.AnalyzeHeavy}, []string{id(1) + "/catalog"}},
		{"state and step", models.RunFilter{State: models.Queued, Step: models.Fetch}, []string{id(0) + "/quality", id(2) + "/catalog", id(3) + "/catalog"}},
		{"profile", models.RunFilter{Profile: "quality"}, []string{id(0) + "/quality"}},
		{"campaign", models.RunFilter{Campaign: "c7"}, []string{id(1) + "/catalog"}},
		{"error", models.RunFilter{Error: "100% broken_"}, []string{id(0) + "/catalog"}},
		{"reason", models.RunFilter{Error: "gave"}, []string{id(0) + "/catalog"}},
		{"no error", models.RunFilter{Error: "100__broken"}, nil},
		{"after", models.RunFilter{After: id(0) + "/catalog", Limit: 2}, []string{id(0) + "/quality", id(1) + "/catalog"}},
	} {
		got, err := s.Runs(t.Context(), c.filter)
		must(t, err)
		same(t, c.name, c.want, runNames(got))
	}
}

func runNames(runs []models.Run) []string {
	var names []string
	for _, r := range runs {
		names = append(names, r.Post+"/"+r.Profile)
	}
	return names
}

func runPages(t *testing.T, s Store) {
	admitMany(t, s, 9, always("catalog"))
	admit(t, s, aPost(id(4)), "quality")
	f := models.RunFilter{State: models.Queued, Limit: 2}
	var got []string
	for {
		page, err := s.Runs(t.Context(), f)
		must(t, err)
		if len(page) == 0 {
			break
		}
		names := runNames(page)
		got = append(got, names...)
		f.After = names[len(names)-1]
	}
	if len(got) != 10 || got[4] != id(4)+"/catalog" || got[5] != id(4)+"/quality" {
		t.Errorf("got %v", got)
	}
}

func overdue(t *testing.T, s Store) {
	admitMany(t, s, 5, always("catalog"))
	step := func(i int, m func(r models.Run) models.Move) {
		_, r := load(t, s, id(i), "catalog")
		move(t, s, m(r))
	}
	step(0, func(r models.Run) models.Move { return r.Wait(time.Hour, "", t0(), horizon) })
	step(1, func(r models.Run) models.Move { return r.Park(t0().Add(time.Second), "", t0()) })
	step(2, func(r models.Run) models.Move { return r.Park(time.Time{}, "", t0()) })
	step(3, func(r models.Run) models.Move { return r.End(models.Done, "", t0()) })
	at := func(now time.Time, limit int) []string {
		got, err := s.Overdue(t.Context(), now, limit)
		must(t, err)
		return runNames(got)
	}
	same(t, "at first", []string(nil), at(t0(), 10))
	same(t, "when the horizon has passed", []string{id(1) + "/catalog", id(4) + "/catalog"}, at(t0().Add(horizon), 10))
	same(t, "the oldest", []string{id(1) + "/catalog"}, at(t0().Add(horizon), 1))
	same(t, "later", []string{id(1) + "/catalog", id(4) + "/catalog", id(0) + "/catalog"}, at(t0().Add(2*time.Hour), 10))
}

func countsWhileMoving(t *testing.T, s Store) {
	admitMany(t, s, 8, always("catalog"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, r, err := s.Load(t.Context(), id(i), "catalog")
			for n := 0; err == nil && n < 5; n++ {
				m := r.Regenerate(models.Fetch, "v2", "", models.Normal, "", t0(), horizon)
				err, r = s.Move(t.Context(), m), m.Run
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := balanced(t, s); n != 48 {
		t.Errorf("%d passages, want 48", n)
	}
}

func countsEmpty(t *testing.T, s Store) {
	if n := balanced(t, s); n != 0 {
		t.Errorf("%d passages in an empty store", n)
	}
}
