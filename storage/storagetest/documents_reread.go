package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
)

func rereads() []behaviour {
	return []behaviour{
		{"an old copy doesn't undo an edit", rereadStale},
		{"created_at stays", rereadCreated},
		{"signed addresses are no news, and the newest is kept", rereadAddresses},
		{"flags are news", rereadFlags},
		{"a post that turns out to be for adults asks nobody", rereadAdult},
	}
}

func rereadStale(t *testing.T, s Store) {
	now := edited(id(1))
	now.EditedAt = t0()
	old := aPost(id(1)) // another instance's copy, from before the edit
	older := edited(id(1))
	older.Text, older.EditedAt = "the edit before", t0().Add(-time.Hour)
	admit(t, s, now, "catalog")
	for _, p := range []models.Post{old, older, now} {
		if got := answer(t, s, asked(p, "catalog")); got != models.Known {
			t.Errorf("%q: %s, want known", p.Text, got)
		}
	}
	if got := answer(t, s, asked(old, "quality")); got != models.Admitted {
		t.Errorf("old copy for another profile: %s", got)
	}
	if got := answer(t, s, asked(now, "quality")); got != models.Known {
		t.Errorf("the newest for it: %s, want known: that is what its run was made for", got)
	}
	if p, _ := load(t, s, id(1), "catalog"); p.Text != "edited" || p.Rev != 1 {
		t.Errorf("%q at rev %d", p.Text, p.Rev)
	}
	finish(t, s, id(1), "catalog", "part1")
	_, r := load(t, s, id(1), "quality")
	move(t, s, r.End(models.Done, "", t0()))
	purge(t, s, id(1))
	if got := answer(t, s, asked(old, "catalog")); got != models.Known {
		t.Errorf("old copy of the purged post: %s", got)
	}
	next := edited(id(1))
	next.Text, next.EditedAt = "the edit after", t0().Add(time.Hour)
	if got := answer(t, s, asked(next, "catalog")); got != models.Edited {
		t.Errorf("a newer edit of the purged post: %s", got)
	}
}

func rereadCreated(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	p := edited(id(1))
	p.CreatedAt = t0().Add(-100 * time.Hour)
	if got := answer(t, s, asked(p, "catalog")); got != models.Edited {
		t.Errorf("got %s", got)
	}
	want := aPost(id(1)).CreatedAt
	if p, _ := load(t, s, id(1), "catalog"); !p.CreatedAt.Equal(want) {
		t.Errorf("created at %s, want %s", p.CreatedAt, want)
	}
	finish(t, s, id(1), "catalog", "part1")
	purge(t, s, id(1))
	p.Text = "edited again"
	if got := answer(t, s, asked(p, "catalog")); got != models.Edited {
		t.Errorf("got %s", got)
	}
	if p, _ := load(t, s, id(1), "catalog"); !p.CreatedAt.Equal(want) {
		t.Errorf("back from its stub created at %s, want %s", p.CreatedAt, want)
	}
}

func rereadAddresses(t *testing.T, s Store) {
	signed := func(n int) models.Post {
		p := aPost(id(1))
		p.Media = []models.Media{
			{ID: "a", URL: fmt.Sprintf("https://cdn.example/a?sig=%d", n), State: models.MediaPending},
			{ID: "b", URL: fmt.Sprintf("https://cdn.example/b?sig=%d", n), State: models.MediaPending},
		}
		return p
	}
	addresses := func() (urls []string) {
		p, _ := load(t, s, id(1), "catalog")
		for _, m := range p.Media {
			urls = append(urls, m.URL[strings.IndexByte(m.URL, '=')+1:])
		}
		return urls
	}
	r := admit(t, s, signed(1), "catalog")
	again := func(n int) {
		t.Helper()
		if got := answer(t, s, asked(signed(n), "catalog")); got != models.Known {
			t.Errorf("reading %d: %s, want known", n, got)
		}
	}
	again(2)
	same(t, "addresses", []string{"2", "2"}, addresses())
	p, _ := load(t, s, id(1), "catalog")
	a, b := p.Media[0], p.Media[1]
	a.State, a.SHA256, b.State = models.MediaOK, "abcd", models.MediaFailed
	m := r.Advance(models.AnalyzeLight, "", t0(), horizon)
	m.Change.Media = []models.Media{a, b}
	r = move(t, s, m)
	again(3)
	p, _ = load(t, s, id(1), "catalog")
	if u := addresses(); u[1] != "3" || p.Media[0].SHA256 != "abcd" || p.Rev != 2 || p.Media[1].State != models.MediaFailed {
		t.Errorf("media %+v at rev %d, want the failed one's newest address, and nothing else changed", p.Media, p.Rev)
	}
	b = p.Media[1]
	b.State = models.MediaOK
	m = r.Advance(models.Index, "", t0(), horizon)
	m.Change.Media = []models.Media{b}
	move(t, s, m)
	again(4)
	if u := addresses(); slices.Contains(u, "4") {
		t.Errorf("addresses %v: nobody needs new ones", u)
	}
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	if len(dirty) > 0 {
		t.Error("an address alone had the post projected again")
	}
}

func rereadFlags(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	p := aPost(id(1))
	p.Flags = []models.Flag{models.NoIndex}
	if got := answer(t, s, asked(p, "catalog")); got != models.Recount {
		t.Errorf("its author wants it out of search: %s, want recount", got)
	}
	if got, _ := load(t, s, id(1), "catalog"); !got.Flagged(models.NoIndex) {
		t.Errorf("flags %v", got.Flags)
	}
}

func rereadAdult(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	must(t, s.PutItem(t.Context(), anItem(id(1), "catalog")))
	closed := anItem(id(1), "quality")
	closed.State = models.ItemClosed
	must(t, s.PutItem(t.Context(), closed))
	move(t, s, r.Park(time.Time{}, "asked", t0()))
	p := aPost(id(1))
	p.Flags = []models.Flag{models.Adult}
	if got := answer(t, s, asked(p, "catalog")); got != models.Recount {
		t.Errorf("got %s", got)
	}
	same(t, "asked about", []string(nil), asking(t, s))
	it, err := s.Item(t.Context(), anItem(id(1), "catalog").ID)
	must(t, err)
	if it.State != models.ItemWithdrawn || !it.Parking {
		t.Errorf("item %s, parking %t", it.State, it.Parking)
	}
	if it, err = s.Item(t.Context(), closed.ID); err != nil || it.State != models.ItemClosed {
		t.Errorf("what was settled is %s, %v", it.State, err)
	}
	waiting, err := s.Answered(t.Context(), 10)
	must(t, err)
	if len(waiting) != 1 || waiting[0].State != models.ItemWithdrawn {
		t.Errorf("%+v; the run that waits must be woken", waiting)
	}
	wantErr(t, s.PutItem(t.Context(), anItem(id(1), "other")), models.ErrConflict)
}
