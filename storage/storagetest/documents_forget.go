package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
)

func forgets() []behaviour {
	return []behaviour{
		{"leaves a bare tombstone", forgetStored},
		{"keeps what other posts need", forgetShared},
		{"before the post comes refuses it", forgetUnseen},
		{"dissolves a part in the making", forgetInPart},
		{"takes a purged post's stub", forgetPurged},
		{"takes all posts of an author, and those that come", forgetAuthor},
		{"takes the many posts of an author", forgetManyOfAuthor},
		{"takes back what a network deleted of an author", forgetThenShow},
		{"takes no late writes", forgetLate},
		{"is foreseen", forgetForeseen},
		{"refuses what names nobody", forgetNothing},
		{"takes many of what never was here", forgetStrangers},
	}
}

// deletion is a network's deletion of the n-th post.
func deletion(n int) models.Deletion {
	return models.Deletion{Source: "weibo", NativeID: strings.TrimPrefix(id(n), "weibo."), Act: models.Delete, By: "platform", Reason: "gone", At: t0()}
}

// ofAuthor is a deletion of all posts of an author.
func ofAuthor(author string, act models.Act) models.Deletion {
	return models.Deletion{Source: "weibo", Author: author, Act: act, By: "platform", At: t0()}
}

// by is d as somebody else wants it.
func by(who string, d models.Deletion) models.Deletion {
	d.By = who
	return d
}

// written is the n-th post, by an author.
func written(n int, author string) models.Post {
	p := aPost(id(n))
	p.Author.ID = author
	return p
}

func forget(t *testing.T, s Store, want models.Forgotten, deletions ...models.Deletion) {
	t.Helper()
	got, err := s.Forget(t.Context(), deletions)
	must(t, err)
	got.Posts = nil
	same(t, "forgotten", want, got)
}

// pending returns the posts that are to be erased from the history.
func pending(t *testing.T, s Store) map[string]string {
	t.Helper()
	list, err := s.Erasures(t.Context(), "", 100)
	must(t, err)
	out := map[string]string{}
	for _, e := range list {
		out[e.Post] = e.Source + " " + e.Day
	}
	return out
}

func forgetStored(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	m := r.Advance(models.LabelStep, "brand Hermès is unsure", t0(), horizon)
	result := models.Result{Input: "abcd", Model: "caption", Version: "1", Attributes: []models.Attribute{{Name: "brand", Value: "Hermès"}}}
	m.Run.Results, m.Run.Attributes = []models.Result{result}, result.Attributes
	m.Entry.Error = "https://cdn.example/secret.jpg"
	move(t, s, m)
	shadow := models.Result{Input: "abcd", Model: "caption", Version: "2"} // in no run
	must(t, s.PutResults(t.Context(), []models.Result{result, shadow}))
	must(t, s.PutItem(t.Context(), anItem(id(1), "catalog")))
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 1)}))
	must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "originals/abcd", Post: id(1)}}))
	forget(t, s, models.Forgotten{Deleted: 1}, deletion(1))

	p, run := load(t, s, id(1), "catalog")
	if p.Text != "" || p.Author.ID != "" || p.Raw != nil || p.Tombstone == nil || p.Tombstone.By != "platform" || p.Rev != 2 {
		t.Errorf("the post is %+v, want a bare tombstone at rev 2", p)
	}
	if run.State != models.Dropped || len(run.Results)+len(run.Attributes) > 0 {
		t.Errorf("run %+v, want it dropped and empty", run)
	}
	entries, err := s.Timeline(t.Context(), id(1), "catalog")
	must(t, err)
	if len(entries) != 3 || entries[1].Reason+entries[1].Error != "" || entries[1].Next != models.LabelStep || entries[2].Reason != "the post was deleted" {
		t.Errorf("timeline %+v, want what happened without why", entries)
	}
	it, err := s.Item(t.Context(), anItem(id(1), "catalog").ID)
	must(t, err)
	if it.State != models.ItemWithdrawn || it.Questions[0].Suggestion != nil || it.Questions[0].Boxes != nil || it.Parking {
		t.Errorf("item %+v, want it withdrawn and empty", it)
	}
	if n, err := s.StagedCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d rows staged, %v", n, err)
	}
	same(t, "released", []string{"originals/abcd"}, release(t, s, t0()))
	results, err := s.Results(t.Context(), []string{result.Key(), shadow.Key()})
	must(t, err)
	same(t, "results", map[string]models.Result{}, results)
	dirty, err := s.Dirty(t.Context(), 10)
	must(t, err)
	if len(dirty) != 1 {
		t.Errorf("%d posts dirty; search must lose it", len(dirty))
	}
	same(t, "to be erased", map[string]string{id(1): "weibo 2026-03-04"}, pending(t, s))
	forget(t, s, models.Forgotten{Repeated: 2}, deletion(1), by("request", deletion(1)))
	if got := answer(t, s, asked(edited(id(1)), "catalog")); got != models.Refused {
		t.Errorf("it came again: %s", got)
	}
	balanced(t, s)
}

func forgetShared(t *testing.T, s Store) {
	image := models.Result{Input: "abcd", Model: "color", Version: "1"}
	for n := range 2 {
		r := admit(t, s, aPost(id(n)), "catalog")
		m := r.Advance(models.Index, "", t0(), horizon)
		m.Run.Results = []models.Result{image}
		move(t, s, m)
		must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "originals/abcd", Post: id(n)}}))
	}
	shadow := models.Result{Input: "abcd", Model: "color", Version: "2"} // in no run
	must(t, s.PutResults(t.Context(), []models.Result{image, shadow}))
	for n, want := range []int{2, 0} {
		forget(t, s, models.Forgotten{Deleted: 1}, deletion(n))
		got, err := s.Results(t.Context(), []string{image.Key(), shadow.Key()})
		must(t, err)
		if len(got) != want || len(release(t, s, t0())) != 1-want/2 {
			t.Errorf("with %d posts left: %d results, doomed %v", want, len(got), release(t, s, t0()))
		}
	}
	must(t, s.Undoom(t.Context(), []string{"originals/abcd"}))
	// a fetch that was under way may have stored the blob once more
	same(t, "looked for again", []string{"originals/abcd"}, release(t, s, time.Now().Add(2*time.Hour)))
}

func forgetUnseen(t *testing.T, s Store) {
	forget(t, s, models.Forgotten{Unknown: 1}, deletion(1))
	forget(t, s, models.Forgotten{Repeated: 1}, deletion(1))
	for range 2 {
		if got := answer(t, s, asked(aPost(id(1)), "catalog")); got != models.Refused {
			t.Errorf("created after it was deleted: %s", got)
		}
	}
	_, _, err := s.Post(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	if got := answer(t, s, asked(aPost(id(2)), "catalog")); got != models.Admitted {
		t.Errorf("another post: %s", got)
	}
	show := deletion(1)
	show.Act = models.Show
	forget(t, s, models.Forgotten{Repeated: 1}, show) // a deleted post never comes back
	if got := answer(t, s, asked(aPost(id(1)), "catalog")); got != models.Refused {
		t.Errorf("after a show: %s", got)
	}
}

func forgetInPart(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	admit(t, s, aPost(id(2)), "catalog")
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 1), aRow(id(2), "catalog", 1, 1)}))
	part, _, err := s.Assign(t.Context(), "p1", 10, t0())
	must(t, err)
	forget(t, s, models.Forgotten{Deleted: 1}, deletion(1))
	part.State = models.PartWritten
	wantErr(t, s.MovePart(t.Context(), part, models.PartStaged), models.ErrNotFound)
	strays, err := s.Strays(t.Context(), time.Now(), 10)
	must(t, err)
	same(t, "strays", []string{part.Path()}, strays)
	again, ok, err := s.Assign(t.Context(), "p2", 10, t0())
	must(t, err)
	rows, err := s.PartRows(t.Context(), "p2")
	must(t, err)
	if !ok || again.Rows != 1 || again.Checksum != models.Checksum(rows) || rows[0].Post != id(2) {
		t.Errorf("part %+v of %+v, want the other post's row", again, rows)
	}
}

func forgetPurged(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "r", Post: id(1)}}))
	finish(t, s, id(1), "catalog", "part1")
	must(t, s.PutItem(t.Context(), anItem(id(1), "catalog")))
	purge(t, s, id(1))
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 2)})) // of a late archive step
	forget(t, s, models.Forgotten{Purged: 1}, deletion(1))
	if n, err := s.StagedCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d rows of it are staged, %v", n, err)
	}
	_, err := s.Stub(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	_, err = s.Restore(t.Context(), aPost(id(1)), []models.Run{models.NewRun(id(1), "catalog", "v1", models.Normal, t0(), horizon)})
	wantErr(t, err, models.ErrNotFound)
	for _, p := range []models.Post{aPost(id(1)), edited(id(1))} {
		if got := answer(t, s, asked(p, "quality")); got != models.Refused {
			t.Errorf("%q came again: %s", p.Text, got)
		}
	}
	same(t, "to be erased", map[string]string{id(1): "weibo 2026-03-04"}, pending(t, s))
	same(t, "released", []string{"r"}, release(t, s, t0()))
	it, err := s.Item(t.Context(), anItem(id(1), "catalog").ID)
	must(t, err)
	if it.State != models.ItemWithdrawn {
		t.Errorf("item is %s", it.State)
	}
	forget(t, s, models.Forgotten{Repeated: 1}, deletion(1))
}

func forgetAuthor(t *testing.T, s Store) {
	for n, author := range []string{"7", "7", "8"} {
		admit(t, s, written(n, author), "catalog")
	}
	admit(t, s, written(3, "7"), "catalog")
	finish(t, s, id(3), "catalog", "part1")
	purge(t, s, id(3))
	forget(t, s, models.Forgotten{Deleted: 2, Purged: 1, Authors: 1}, ofAuthor("7", models.Delete))
	forget(t, s, models.Forgotten{Repeated: 1}, ofAuthor("7", models.Delete))
	for n := range 5 {
		p := written(n, "7")
		if got := answer(t, s, asked(p, "quality")); n != 2 && got != models.Refused {
			t.Errorf("post %d of the author came again: %s", n, got)
		}
	}
	if p, _ := load(t, s, id(2), "catalog"); p.Tombstone != nil {
		t.Error("another author's post is gone")
	}
	forget(t, s, models.Forgotten{Unknown: 1}, ofAuthor("9", models.Delete)) // before any of their posts
	if got := answer(t, s, asked(written(6, "9"), "catalog")); got != models.Refused {
		t.Errorf("first post of a deleted author: %s", got)
	}
	log, err := s.ForgetLog(t.Context(), "", 10)
	must(t, err)
	if len(log) != 4 || log[0].Kind != "author" || log[0].Posts != 3 || log[0].Hash == "" || strings.Contains(log[0].Hash, "7\x00") {
		t.Errorf("log %+v, want a line for the author and each known post", log)
	}
}

func forgetManyOfAuthor(t *testing.T, s Store) {
	const n = 700
	var batch []models.Admission
	for i := range n {
		batch = append(batch, asked(written(i, "7"), "catalog"))
	}
	_, err := s.Admit(t.Context(), batch)
	must(t, err)
	admit(t, s, written(n, "8"), "catalog")
	forget(t, s, models.Forgotten{Deleted: n + 1, Authors: 1, Unknown: 1, Repeated: 1},
		deletion(n+1), ofAuthor("7", models.Delete), deletion(3), deletion(n))
	left, err := s.Runs(t.Context(), models.RunFilter{State: models.Queued})
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%d runs live", len(left))
	}
	balanced(t, s)
}

func forgetThenShow(t *testing.T, s Store) {
	admit(t, s, written(1, "7"), "catalog")
	forget(t, s, models.Forgotten{Deleted: 1, Authors: 1}, ofAuthor("7", models.Delete))
	forget(t, s, models.Forgotten{Unknown: 1}, ofAuthor("7", models.Show)) // none of their posts is here
	if got := answer(t, s, asked(written(2, "7"), "catalog")); got != models.Admitted {
		t.Errorf("a new post of an account that is back: %s", got)
	}
	if got := answer(t, s, asked(written(1, "7"), "catalog")); got != models.Refused {
		t.Errorf("the deleted post: %s", got)
	}
	forget(t, s, models.Forgotten{Deleted: 1, Authors: 1}, by("request", ofAuthor("7", models.Delete)))
	forget(t, s, models.Forgotten{Repeated: 1}, ofAuthor("7", models.Show))
	if got := answer(t, s, asked(written(3, "7"), "catalog")); got != models.Refused {
		t.Errorf("a network took back what a person asked for: %s", got)
	}
}

// forgetLate: whoever had read the post before writes afterwards, first to a
// tombstone, then to a hash.
func forgetLate(t *testing.T, s Store) {
	r := admit(t, s, aPost(id(1)), "catalog")
	forget(t, s, models.Forgotten{Deleted: 1}, deletion(1))
	late := func(what string) {
		t.Helper()
		must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 2)}))
		if n, err := s.StagedCount(t.Context()); err != nil || n != 0 {
			t.Errorf("%s: %d rows staged, %v", what, n, err)
		}
		wantErr(t, s.PutItem(t.Context(), anItem(id(1), "quality")), models.ErrNotFound)
		wantErr(t, s.Move(t.Context(), r.Advance(models.Index, "", t0(), horizon)), models.ErrNotFound)
		must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: what, Post: id(1)}}))
		swept := release(t, s, time.Now().Add(2*time.Hour))
		if !slices.Contains(swept, what) {
			t.Errorf("%s: swept %v; a late blob stays", what, swept)
		}
		must(t, s.Undoom(t.Context(), swept))
		if got := answer(t, s, asked(edited(id(1)), "other")); got != models.Refused {
			t.Errorf("%s: it came again: %s", what, got)
		}
		_, err := s.Restore(t.Context(), aPost(id(1)), nil)
		wantErr(t, err, models.ErrNotFound)
	}
	late("tombstone")
	must(t, s.Erased(t.Context(), []string{id(1)}, t0()))
	if n, err := s.Reduce(t.Context(), t0(), 10); err != nil || n != 0 {
		t.Errorf("reduced %d, %v, while search may hold it", n, err)
	}
	must(t, s.Clean(t.Context(), id(1), 2))
	if n, err := s.Reduce(t.Context(), t0(), 10); err != nil || n != 1 {
		t.Fatalf("reduced %d, %v, want 1", n, err)
	}
	_, _, err := s.Post(t.Context(), id(1))
	wantErr(t, err, models.ErrNotFound)
	if n := balanced(t, s); n != 0 {
		t.Errorf("%d passages left", n)
	}
	late("hash")
	forget(t, s, models.Forgotten{Repeated: 1}, deletion(1))
}

func forgetForeseen(t *testing.T, s Store) {
	admit(t, s, written(1, "7"), "catalog")
	admit(t, s, written(2, "7"), "catalog")
	finish(t, s, id(2), "catalog", "part1")
	purge(t, s, id(2))
	for _, c := range []struct {
		what models.Deletion
		want models.Forgotten
	}{
		{deletion(1), models.Forgotten{Deleted: 1}}, {deletion(2), models.Forgotten{Purged: 1}}, {deletion(3), models.Forgotten{Unknown: 1}},
		{ofAuthor("7", models.Delete), models.Forgotten{Deleted: 1, Purged: 1, Authors: 1}},
		{ofAuthor("7", models.Hide), models.Forgotten{Hidden: 2, Authors: 1}}, {ofAuthor("8", models.Delete), models.Forgotten{Unknown: 1}},
	} {
		got, err := s.Foresee(t.Context(), []models.Deletion{c.what})
		must(t, err)
		same(t, fmt.Sprintf("foreseen of %+v", c.what), c.want, got)
	}
	if p, _ := load(t, s, id(1), "catalog"); p.Tombstone != nil {
		t.Error("it was done")
	}
}

func forgetNothing(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	for _, bad := range []models.Deletion{
		{}, {Source: "weibo", Act: models.Delete}, {NativeID: "1", Act: models.Delete}, {Source: "weibo", NativeID: "1", Act: "remove"},
		{Source: "weibo", NativeID: "1", Author: "2", Act: models.Delete},
	} {
		_, err := s.Forget(t.Context(), []models.Deletion{deletion(1), bad})
		if err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("%+v: %v, want a permanent error", bad, err)
		}
	}
	if p, _ := load(t, s, id(1), "catalog"); p.Tombstone != nil {
		t.Error("a refused batch was done in part")
	}
}

// forgetStrangers: a firehose tells of deletions by the million, nearly all of
// posts that were never collected.
func forgetStrangers(t *testing.T, s Store) {
	const n = 20_000
	var batch []models.Deletion
	for i := range n {
		batch = append(batch, deletion(i))
	}
	admit(t, s, aPost(id(5)), "catalog")
	forget(t, s, models.Forgotten{Unknown: n - 1, Deleted: 1}, batch...)
	if got := pending(t, s); len(got) != 1 {
		t.Errorf("%d posts to be erased, want the one that was here", len(got))
	}
	log, err := s.ForgetLog(t.Context(), "", 10)
	must(t, err)
	if len(log) != 1 {
		t.Errorf("%d lines in the log, want 1", len(log))
	}
	// for ninety days; each call looks at some
	gone := func(at time.Time) (sum int64) {
		for range 256 {
			n, err := s.Expire(t.Context(), at)
			must(t, err)
			sum += n
		}
		return sum
	}
	if got := gone(time.Now().Add(89 * 24 * time.Hour)); got != 0 {
		t.Errorf("%d hashes expired early", got)
	}
	forget(t, s, models.Forgotten{Repeated: 1}, by("request", deletion(5)))
	forget(t, s, models.Forgotten{Unknown: 1}, by("request", deletion(7))) // for ever from now on
	if got := gone(time.Now().Add(92 * 24 * time.Hour)); got != n-2 {
		t.Errorf("%d hashes expired, want %d", got, n-2)
	}
	if got := answer(t, s, asked(aPost(id(7)), "catalog")); got != models.Refused {
		t.Errorf("what a person asked for: %s", got)
	}
}
