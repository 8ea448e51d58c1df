package storagetest

import (
	"testing"

	"weft/models"
)

func hides() []behaviour {
	return []behaviour{
		{"keeps a post from people and readers until it is shown", hideShow},
		{"works before the post comes", hideFirst},
		{"takes an author's posts, those that come, and purged ones", hideAuthor},
		{"by a person is not undone by a network", hideFirm},
		{"keeps a post from being purged", hideNoPurge},
		{"that was taken back doesn't return with the post", hideTakenBack},
	}
}

// hide is a network's hiding of the n-th post.
func hide(n int, act models.Act) models.Deletion {
	d := deletion(n)
	d.Act, d.Reason = act, "account suspended"
	return d
}

// asking returns the posts that people are asked about.
func asking(t *testing.T, s Store) []string {
	t.Helper()
	items, err := s.Items(t.Context(), models.ItemFilter{States: []models.ItemState{models.ItemOpen, models.ItemEscalated}})
	must(t, err)
	return itemPosts(items)
}

func unseen(t *testing.T, s Store) []string {
	t.Helper()
	got, err := s.Unseen(t.Context())
	must(t, err)
	return got
}

func hideShow(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	must(t, s.PutItem(t.Context(), anItem(id(1), "catalog")))
	for round := range 2 {
		forget(t, s, models.Forgotten{Hidden: 1}, hide(1, models.Hide))
		p, r := load(t, s, id(1), "catalog")
		if p.Hidden != "platform: account suspended" || p.Text == "" || r.State != models.Queued || p.Rev != int64(2+2*round) {
			t.Errorf("hidden %q, text %q, run %v, rev %d", p.Hidden, p.Text, r, p.Rev)
		}
		same(t, "asked about while hidden", []string(nil), asking(t, s))
		same(t, "unseen", []string{id(1)}, unseen(t, s))
		dirty, err := s.Dirty(t.Context(), 10)
		must(t, err)
		if len(dirty) != 1 {
			t.Errorf("%d posts dirty; search must lose it", len(dirty))
		}
		forget(t, s, models.Forgotten{Repeated: 1}, hide(1, models.Hide))
		forget(t, s, models.Forgotten{Shown: 1}, hide(1, models.Show))
		forget(t, s, models.Forgotten{Repeated: 1}, hide(1, models.Show))
		if p, _ = load(t, s, id(1), "catalog"); p.Hidden != "" {
			t.Errorf("hidden %q after it was shown", p.Hidden)
		}
		same(t, "asked about", []string{id(1)}, asking(t, s))
		same(t, "unseen", []string(nil), unseen(t, s))
	}
	forget(t, s, models.Forgotten{Deleted: 1, Repeated: 1}, deletion(1), hide(1, models.Show))
	if p, _ := load(t, s, id(1), "catalog"); p.Tombstone == nil {
		t.Error("a show brought a deleted post back")
	}
}

func hideFirst(t *testing.T, s Store) {
	forget(t, s, models.Forgotten{Unknown: 2}, hide(1, models.Hide), hide(2, models.Hide))
	forget(t, s, models.Forgotten{Unknown: 1}, hide(2, models.Show))
	for n, want := range map[int]string{1: "platform: account suspended", 2: ""} {
		if got := answer(t, s, asked(aPost(id(n)), "catalog")); got != models.Admitted {
			t.Errorf("post %d: %s", n, got)
		}
		if p, _ := load(t, s, id(n), "catalog"); p.Hidden != want {
			t.Errorf("post %d hidden %q, want %q", n, p.Hidden, want)
		}
	}
	p := aPost(id(1))
	p.Text = "edited"
	if got := answer(t, s, asked(p, "catalog")); got != models.Edited {
		t.Errorf("an edit: %s", got)
	}
	if p, _ := load(t, s, id(1), "catalog"); p.Hidden == "" {
		t.Error("an edit showed a hidden post")
	}
}

func hideAuthor(t *testing.T, s Store) {
	admit(t, s, written(1, "7"), "catalog")
	admit(t, s, written(2, "7"), "catalog")
	finish(t, s, id(2), "catalog", "part1")
	purge(t, s, id(2))
	forget(t, s, models.Forgotten{Hidden: 2, Authors: 1}, ofAuthor("7", models.Hide))
	admit(t, s, written(3, "7"), "catalog")
	same(t, "unseen", []string{id(1), id(2), id(3)}, unseen(t, s))
	run := models.NewRun(id(2), "catalog", "v1", models.Normal, t0(), horizon)
	_, err := s.Restore(t.Context(), written(2, "7"), []models.Run{run})
	must(t, err)
	if p, _ := load(t, s, id(2), "catalog"); p.Hidden == "" {
		t.Error("a hidden post came back from history, and is seen")
	}
	forget(t, s, models.Forgotten{Shown: 3, Authors: 1}, ofAuthor("7", models.Show))
	same(t, "unseen", []string(nil), unseen(t, s))
	admit(t, s, written(4, "7"), "catalog")
	if p, _ := load(t, s, id(4), "catalog"); p.Hidden != "" {
		t.Errorf("hidden %q", p.Hidden)
	}
}

func hideFirm(t *testing.T, s Store) {
	admit(t, s, written(1, "7"), "catalog")
	forget(t, s, models.Forgotten{Hidden: 1}, hide(1, models.Hide))
	forget(t, s, models.Forgotten{Hidden: 1}, by("operator", hide(1, models.Hide)))
	forget(t, s, models.Forgotten{Repeated: 1}, hide(1, models.Show))
	forget(t, s, models.Forgotten{Authors: 1}, by("operator", ofAuthor("7", models.Hide)))
	forget(t, s, models.Forgotten{Repeated: 1}, ofAuthor("7", models.Show))
	admit(t, s, written(2, "7"), "catalog")
	same(t, "unseen", []string{id(1), id(2)}, unseen(t, s))
	forget(t, s, models.Forgotten{Shown: 2, Authors: 1}, by("operator", ofAuthor("7", models.Show)))
	same(t, "unseen", []string(nil), unseen(t, s))
}

func hideNoPurge(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	finish(t, s, id(1), "catalog", "")
	forget(t, s, models.Forgotten{Hidden: 1}, hide(1, models.Hide))
	must(t, s.Clean(t.Context(), id(1), 2))
	same(t, "purgeable", []string(nil), purgeable(t, s, "", 10))
	wantErr(t, s.Purge(t.Context(), models.Stub{Post: id(1), Rev: 2}), models.ErrConflict)
}

// hideTakenBack: neither a hiding from before the post came, nor one of a purged
// post, is left anywhere once it was taken back.
func hideTakenBack(t *testing.T, s Store) {
	forget(t, s, models.Forgotten{Unknown: 1}, hide(1, models.Hide))
	admit(t, s, aPost(id(1)), "catalog")
	forget(t, s, models.Forgotten{Shown: 1}, hide(1, models.Show))
	must(t, s.Clean(t.Context(), id(1), 2))
	finish(t, s, id(1), "catalog", "part1")
	purge(t, s, id(1))
	forget(t, s, models.Forgotten{Hidden: 1}, hide(1, models.Hide))
	forget(t, s, models.Forgotten{Shown: 1}, hide(1, models.Show))
	if got := answer(t, s, asked(edited(id(1)), "catalog")); got != models.Edited {
		t.Errorf("it came back: %s", got)
	}
	if p, _ := load(t, s, id(1), "catalog"); p.Hidden != "" {
		t.Errorf("it came back hidden: %q", p.Hidden)
	}
}
