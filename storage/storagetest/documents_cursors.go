package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
)

func cursors() []behaviour {
	return []behaviour{
		{"are written by seq", cursorSeqs},
		{"one of a hundred racing crawlers wins", cursorRace},
		{"come by name", cursorNames},
		{"keep a state as it came", cursorState},
		{"posts of a source", postsOfSource},
		{"posts of a source since a moment", postsOfSince},
		{"posts of a source by pages", postsOfPages},
		{"posts of a source that live", postsOfLiving},
	}
}

// aCursor is the seq-th cursor of a query.
func aCursor(query string, seq int64) models.Cursor {
	return models.Cursor{
		Query: query, Seq: seq, State: []byte(`{"high":9007199254740993,"page":"水位"}`),
		Success: t0(), Failed: t0().Add(-time.Hour), Error: "weibo answered 502", Errors: 2, Next: t0().Add(5 * time.Minute), Event: t0().Add(-time.Second),
		Posts: 7, Deleted: 1, Hours: map[string]int64{"2026-03-04T05": 7}, Skipped: map[string]int64{"not public": 3},
		Gaps: []models.Gap{{From: t0().Add(-2 * time.Hour), To: t0().Add(-time.Hour), Reason: "look-back"}}, Paused: "queues are deep",
	}
}

func cursorSeqs(t *testing.T, s Store) {
	_, err := s.Cursor(t.Context(), "ootd")
	wantErr(t, err, models.ErrNotFound)
	for _, seq := range []int64{-1, 0, 2} {
		wantErr(t, s.PutCursor(t.Context(), aCursor("ootd", seq)), models.ErrConflict)
	}
	_, err = s.Cursor(t.Context(), "ootd")
	wantErr(t, err, models.ErrNotFound)
	must(t, s.PutCursor(t.Context(), aCursor("ootd", 1)))
	wantErr(t, s.PutCursor(t.Context(), aCursor("ootd", 1)), models.ErrConflict)
	second := aCursor("ootd", 2)
	second.Success = t0().In(time.FixedZone("", 8*3600)).Add(time.Hour)
	must(t, s.PutCursor(t.Context(), second))
	for _, seq := range []int64{1, 2, 4} {
		stale := aCursor("ootd", seq)
		stale.Paused = "a loser wrote this"
		wantErr(t, s.PutCursor(t.Context(), stale), models.ErrConflict)
	}
	got, err := s.Cursor(t.Context(), "ootd")
	must(t, err)
	second.Success = second.Success.UTC()
	same(t, "cursor", second, got)
	_, err = s.Cursor(t.Context(), "oot")
	wantErr(t, err, models.ErrNotFound)
}

func cursorRace(t *testing.T, s Store) {
	for seq := range int64(3) {
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				c := aCursor("ootd", seq+1)
				c.Posts = int64(i)
				if err := s.PutCursor(t.Context(), c); err == nil {
					won.Add(1)
				} else {
					wantErr(t, err, models.ErrConflict)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won seq %d, want 1", won.Load(), seq+1)
		}
	}
}

func cursorNames(t *testing.T, s Store) {
	got, err := s.Cursors(t.Context())
	must(t, err)
	same(t, "none", []models.Cursor(nil), got)
	for _, q := range []string{"ootd", "Ootd", "bags", "丝绸"} {
		must(t, s.PutCursor(t.Context(), aCursor(q, 1)))
	}
	got, err = s.Cursors(t.Context())
	must(t, err)
	same(t, "cursors", []models.Cursor{aCursor("Ootd", 1), aCursor("bags", 1), aCursor("ootd", 1), aCursor("丝绸", 1)}, got)
}

func cursorState(t *testing.T, s Store) {
	c := models.Cursor{Query: "empty", Seq: 1}
	must(t, s.PutCursor(t.Context(), c))
	got, err := s.Cursor(t.Context(), "empty")
	must(t, err)
	same(t, "cursor without a state", c, got)
	c.Seq, c.State = 2, []byte(`{"torn`)
	if err := s.PutCursor(t.Context(), c); models.ClassOf(err) != models.Permanent {
		t.Errorf("a state that is no JSON: %v, want a permanent fault", err)
	}
}

// postOf is the n-th post of a source, created some hours after t0.
func postOf(source string, n int, after time.Duration) models.Post {
	p := aPost(fmt.Sprintf("%s.%03d", source, n))
	p.Source, p.CreatedAt = source, t0().Add(after)
	return p
}

// fill admits posts of several sources whose names begin alike, each an hour
// younger than the one before.
func fill(t *testing.T, s Store) {
	t.Helper()
	for _, source := range []string{"file", "file-2", "fil", "weibo", "filea", "FILE"} {
		for n := range 5 {
			admit(t, s, postOf(source, n, time.Duration(n)*time.Hour), "catalog")
		}
	}
}

func wantPosts(t *testing.T, s Store, source string, since time.Time, after string, limit int, want ...string) {
	t.Helper()
	got, err := s.PostsOf(t.Context(), source, since, after, limit)
	must(t, err)
	var ids []string
	for _, p := range got {
		ids = append(ids, p.ID)
	}
	same(t, fmt.Sprintf("posts of %q since %v after %q", source, since, after), want, ids)
}

func postsOfSource(t *testing.T, s Store) {
	wantPosts(t, s, "file", time.Time{}, "", 0)
	fill(t, s)
	wantPosts(t, s, "file", time.Time{}, "", 0, "file.000", "file.001", "file.002", "file.003", "file.004")
	wantPosts(t, s, "file-2", time.Time{}, "", 9, "file-2.000", "file-2.001", "file-2.002", "file-2.003", "file-2.004")
	wantPosts(t, s, "nobody", time.Time{}, "", 9)
	wantPosts(t, s, "fil_", time.Time{}, "", 9)
	wantPosts(t, s, "", time.Time{}, "", 9)
	got, err := s.PostsOf(t.Context(), "weibo", time.Time{}, "weibo.003", 1)
	must(t, err)
	want := postOf("weibo", 4, 4*time.Hour)
	want.Rev = 1
	same(t, "a post, whole", []models.Post{want}, got)
}

func postsOfSince(t *testing.T, s Store) {
	fill(t, s)
	for i, fraction := range []time.Duration{0, time.Millisecond, -time.Millisecond} {
		admit(t, s, postOf("reddit", i, fraction), "catalog")
	}
	wantPosts(t, s, "file", t0().Add(3*time.Hour), "", 0, "file.003", "file.004")
	wantPosts(t, s, "file", t0().Add(3*time.Hour).In(time.FixedZone("", -7*3600)), "", 0, "file.003", "file.004")
	wantPosts(t, s, "file", t0().Add(4*time.Hour+time.Millisecond), "", 0)
	wantPosts(t, s, "reddit", t0(), "", 0, "reddit.000", "reddit.001")
	wantPosts(t, s, "reddit", t0().Add(time.Millisecond), "", 0, "reddit.001")
	wantPosts(t, s, "reddit", t0().Add(-time.Millisecond), "", 0, "reddit.000", "reddit.001", "reddit.002")
}

func postsOfPages(t *testing.T, s Store) {
	fill(t, s)
	wantPosts(t, s, "file", t0().Add(time.Hour), "", 2, "file.001", "file.002")
	wantPosts(t, s, "file", t0().Add(time.Hour), "file.002", 2, "file.003", "file.004")
	wantPosts(t, s, "file", t0().Add(time.Hour), "file.004", 2)
	wantPosts(t, s, "file", t0().Add(time.Hour), "file.002x", 1, "file.003")
	wantPosts(t, s, "file", t0().Add(time.Hour), "aaa", 1, "file.001")
	wantPosts(t, s, "file", t0().Add(time.Hour), "zzz", 1)
}

func postsOfLiving(t *testing.T, s Store) {
	fill(t, s)
	_, err := s.Update(t.Context(), "file.001", models.Change{Delete: &models.Tombstone{At: t0(), By: "author"}})
	must(t, err)
	hidden := postOf("file", 9, time.Hour)
	hidden.Hidden = "suspended"
	admit(t, s, hidden, "catalog")
	wantPosts(t, s, "file", time.Time{}, "", 0, "file.000", "file.002", "file.003", "file.004", "file.009")
}
