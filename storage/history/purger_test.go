package history_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"weft/models"
	"weft/storage/history"
	"weft/storage/sqlite"
)

// publish brings a post through a profile: admitted, published, archived, done.
func (b *bundle) publish(t *testing.T, i int, profile string, done time.Time) models.Post {
	t.Helper()
	ctx := t.Context()
	id := fmt.Sprintf("weibo.p%03d", i)
	post := models.Post{ID: id, SchemaVersion: 1, Source: "weibo", NativeID: fmt.Sprintf("p%03d", i), Text: "silk", CreatedAt: done.Add(-time.Hour)}
	run := models.NewRun(id, profile, "v1", models.Normal, done.Add(-time.Minute), time.Minute)
	if _, err := b.docs.Admit(ctx, []models.Admission{{Post: post, Run: run}}); err != nil {
		t.Fatal(err)
	}
	m := run.Advance(models.Archive, "go", done, time.Minute)
	m.Change, m.Change.Profile = models.Change{Publish: &models.Publication{Generation: 1, Version: "v1", At: done}}, profile
	if err := b.docs.Move(ctx, m); err != nil {
		t.Fatal(err)
	}
	post, run, err := b.docs.Load(ctx, id, profile)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(models.Frozen{Post: post, Run: run})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.docs.Stage(ctx, []models.Row{{
		Post: id, Profile: profile, Generation: 1, Rev: post.Rev, Source: "weibo", CreatedAt: post.CreatedAt, ArchivedAt: done, Body: body,
	}}); err != nil {
		t.Fatal(err)
	}
	if err := b.docs.Move(ctx, run.End(models.Done, "archived", done)); err != nil {
		t.Fatal(err)
	}
	return post
}

type purge struct {
	*bundle
	search *sqlite.Search
	posts  []models.Post
}

// setupPurge has six posts, verified: the even ones in the profile "short", the
// odd ones in "long", all ended 40 days ago and to be found in search.
func setupPurge(t *testing.T) *purge {
	t.Helper()
	p := &purge{bundle: setup(t)}
	var err error
	if p.search, err = sqlite.OpenSearch(t.Context(), filepath.Join(t.TempDir(), "search.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.search.Close() })
	for i := range 6 {
		post := p.publish(t, i, []string{"short", "long"}[i%2], p.now.AddDate(0, 0, -40))
		p.posts = append(p.posts, post)
		p.project(t, post)
	}
	if _, err := p.builder(nil).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// project brings a post into search, as the index step does.
func (p *purge) project(t *testing.T, post models.Post) {
	t.Helper()
	doc, ok := models.Project(&post)
	if !ok {
		t.Fatalf("%s has no place in search", post.ID)
	}
	if err := p.search.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if err := p.docs.Clean(t.Context(), post.ID, post.Rev); err != nil {
		t.Fatal(err)
	}
}

func (p *purge) params() history.PurgeParams {
	return history.PurgeParams{
		Posts: p.docs, Marks: p.docs, Marker: p.docs, Search: p.search, Clock: func() time.Time { return p.now }, Shortest: 30 * 24 * time.Hour,
		Retention: func(profile, _ string) time.Duration {
			return map[string]time.Duration{"short": 30 * 24 * time.Hour, "long": 90 * 24 * time.Hour}[profile]
		},
	}
}

func (p *purge) where(t *testing.T, id string) (stored, found, stub bool) {
	t.Helper()
	has := func(err error) bool {
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	_, _, perr := p.docs.Post(t.Context(), id)
	_, serr := p.search.Get(t.Context(), id)
	_, berr := p.docs.Stub(t.Context(), id)
	return has(perr), has(serr), has(berr)
}

// purged checks that exactly the posts of "short" have left, with a stub that
// names a part which holds them.
func (p *purge) purged(t *testing.T) {
	t.Helper()
	parts, err := p.docs.Parts(t.Context(), models.PartVerified, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, post := range p.posts {
		stored, found, stub := p.where(t, post.ID)
		if gone := i%2 == 0; stored == gone || found == gone || stub != gone {
			t.Errorf("%s: stored %v, in search %v, stub %v", post.ID, stored, found, stub)
		}
		if !stub {
			continue
		}
		s, err := p.docs.Stub(t.Context(), post.ID)
		if err != nil || s.Rev != post.Rev || !s.PurgedAt.Equal(p.now) || s.Runs["short"].Past[models.Done] != 1 {
			t.Errorf("stub = %+v, %v", s, err)
		}
		var holding []models.Part
		for _, part := range parts {
			if part.ID == s.Runs["short"].Part {
				holding = append(holding, part)
			}
		}
		rows, err := p.files.Find(t.Context(), holding, []string{post.ID})
		if err != nil || len(rows) != 1 || rows[0].Rev != post.Rev {
			t.Errorf("history of %s = %d rows, %v", post.ID, len(rows), err)
		}
	}
}

func TestPurge(t *testing.T) {
	p := setupPurge(t)
	got, err := history.NewPurger(p.params()).Run(t.Context())
	if want := (history.Purged{Seen: 6, Purged: 3}); err != nil || got != want {
		t.Fatalf("Run = %+v, %v; want %+v", got, err, want)
	}
	p.purged(t)
	if got, err := history.NewPurger(p.params()).Run(t.Context()); err != nil || got.Purged != 0 {
		t.Errorf("a second pass = %+v, %v", got, err)
	}
}

func TestPurgeKeepsForEver(t *testing.T) {
	p := setupPurge(t)
	params := p.params()
	params.Retention = func(string, string) time.Duration { return 0 }
	if got, err := history.NewPurger(params).Run(t.Context()); err != nil || got.Purged != 0 {
		t.Errorf("Run = %+v, %v; want nothing purged", got, err)
	}
	params = p.params()
	params.Shortest = 60 * 24 * time.Hour
	if got, err := history.NewPurger(params).Run(t.Context()); err != nil || got.Seen != 0 {
		t.Errorf("Run = %+v, %v; want none looked at", got, err)
	}
}

func TestPurgeUnverified(t *testing.T) {
	p := setupPurge(t)
	late := p.publish(t, 77, "short", p.now.AddDate(0, 0, -40))
	p.project(t, late)
	if _, err := history.NewPurger(p.params()).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stored, found, stub := p.where(t, late.ID); !stored || !found || stub {
		t.Errorf("a post in no verified part: stored %v, in search %v, stub %v", stored, found, stub)
	}
}

func TestPurgeCrash(t *testing.T) {
	p := setupPurge(t)
	params := p.params()
	params.Crash = func(name string) { panic(name) }
	func() {
		defer func() {
			if r := recover(); r != "purge.unsearched" {
				t.Fatalf("died of %v", r)
			}
		}()
		_, _ = history.NewPurger(params).Run(t.Context())
	}()
	if stored, found, _ := p.where(t, p.posts[0].ID); !stored || found {
		t.Fatalf("after the crash: stored %v, in search %v", stored, found)
	}
	if _, err := history.NewPurger(p.params()).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.purged(t)
}

// A post that lives again between the two writes stays, and comes back into search.
func TestPurgeLosesTheRace(t *testing.T) {
	p := setupPurge(t)
	params := p.params()
	raced := ""
	params.Crash = func(string) {
		if raced != "" {
			return
		}
		post, runs, err := p.docs.Post(t.Context(), p.posts[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		m := runs[0].Regenerate(models.AnalyzeLight, "v2", "c1", models.Bulk, "campaign", p.now, time.Minute)
		if err := p.docs.Move(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		raced = post.ID
	}
	got, err := history.NewPurger(params).Run(t.Context())
	if want := (history.Purged{Seen: 6, Purged: 2, Kept: 1}); err != nil || got != want || raced == "" {
		t.Fatalf("Run = %+v, %v; want %+v", got, err, want)
	}
	dirty, err := p.docs.Dirty(t.Context(), 0)
	if err != nil || len(dirty) != 1 || dirty[0].ID != raced {
		t.Fatalf("dirty = %v, %v; want %s", dirty, err, raced)
	}
	p.project(t, dirty[0])
	if stored, found, stub := p.where(t, raced); !stored || !found || stub {
		t.Errorf("afterwards: stored %v, in search %v, stub %v", stored, found, stub)
	}
}

// deaf is a search that is away.
type deaf struct{}

func (deaf) Delete(context.Context, string, int64) error {
	return models.Faultf(models.Unavailable, "search: refused")
}

func TestPurgeWithoutSearch(t *testing.T) {
	p := setupPurge(t)
	params := p.params()
	params.Search = deaf{}
	got, err := history.NewPurger(params).Run(t.Context())
	if models.ClassOf(err) != models.Unavailable || got.Purged != 0 {
		t.Errorf("Run = %+v, %v; want unavailable and nothing purged", got, err)
	}
}
