package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/models"
	"weft/storage/document"
	"weft/storage/storagetest"
)

func TestDocuments(t *testing.T) {
	storagetest.Documents(t, func(t *testing.T) storagetest.Store {
		return openAt(t, filepath.Join(t.TempDir(), "docs.db"))
	})
}

func openAt(t *testing.T, path string) *Documents {
	t.Helper()
	d, err := OpenDocuments(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// admitted stores n posts for one profile and returns their runs.
func admitted(t *testing.T, d *Documents, n int) []models.Run {
	t.Helper()
	var batch []models.Admission
	var runs []models.Run
	for i := range n {
		id := fmt.Sprintf("weibo.%04d", i)
		r := models.NewRun(id, "catalog", "v1", models.Normal, time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), time.Minute)
		batch, runs = append(batch, models.Admission{Post: models.Post{ID: id, Source: "weibo", Text: "丝绸"}, Run: r}), append(runs, r)
	}
	if _, err := d.Admit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return runs
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder with ? and % and 丝绸.db")
	d := openAt(t, path)
	r := admitted(t, d, 1)[0]
	if err := d.Move(t.Context(), r.Advance(models.Index, "why", r.MovedAt, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
	p, got, err := openAt(t, path).Load(t.Context(), r.Post, r.Profile)
	if err != nil || p.Text != "丝绸" || got.Seq != 2 || got.Step != models.Index {
		t.Errorf("after reopening: %q, %v, %v", p.Text, got, err)
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "docs.db"))
	r := admitted(t, d, 1)[0]
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	_, _, loadErr := d.Load(t.Context(), r.Post, r.Profile)
	_, admitErr := d.Admit(t.Context(), nil)
	_, _, postErr := d.Post(t.Context(), r.Post)
	for what, err := range map[string]error{
		"load": loadErr, "move": d.Move(t.Context(), r.Note()), "admit": admitErr, "post": postErr,
	} {
		if err == nil || models.ClassOf(err) != models.Unavailable {
			t.Errorf("%s after close: %v, want unavailable", what, err)
		}
	}
}

func TestUnusableFileIsUnavailable(t *testing.T) {
	_, err := OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "none", "docs.db"))
	if err == nil || models.ClassOf(err) != models.Unavailable {
		t.Errorf("a missing folder: %v, want unavailable", err)
	}
	path := filepath.Join(t.TempDir(), "docs.db")
	if err := os.WriteFile(path, []byte("this is no database, and long enough to be looked at as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDocuments(t.Context(), path); err == nil {
		t.Error("a file that is no database was opened")
	}
}

func TestNewerLayoutIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs.db")
	d := openAt(t, path)
	if err := d.w.do(t.Context(), func(s *session) error {
		_, err := s.exec(`UPDATE meta SET value = '99' WHERE key = ?`, layoutKey)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDocuments(t.Context(), path); err == nil || models.ClassOf(err) != models.Permanent {
		t.Errorf("got %v, want a permanent error", err)
	}
}

// Two handles stand for two processes: they share nothing but the file.
func TestTwoHandlesRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs.db")
	a, b := openAt(t, path), openAt(t, path)
	runs := admitted(t, a, 20)
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	for _, r := range runs {
		for _, d := range []*Documents{a, b, a, b, a} {
			wg.Go(func() {
				_, have, err := d.Load(t.Context(), r.Post, r.Profile)
				if err == nil {
					have.Seq = r.Seq // what it saw before the race
					err = d.Move(t.Context(), have.Advance(models.Index, "", r.MovedAt, time.Minute))
				}
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, models.ErrConflict):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if won.Load() != 20 || lost.Load() != 80 {
		t.Errorf("%d won and %d lost, want 20 and 80", won.Load(), lost.Load())
	}
	for _, d := range []*Documents{a, b} {
		if _, r, err := d.Load(t.Context(), runs[7].Post, "catalog"); err != nil || r.Seq != 2 {
			t.Errorf("run %v, %v; want both to see seq 2", r, err)
		}
	}
}

func TestBatchKeepsResultsApart(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "docs.db"))
	runs := admitted(t, d, 3)
	var batch []*pending
	add := func(m models.Move) {
		p := &pending{move: &m, ready: make(chan struct{})}
		if err := p.encode(); err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	add(runs[0].Advance(models.Index, "", runs[0].MovedAt, time.Minute))
	add(runs[0].Advance(models.Index, "again", runs[0].MovedAt, time.Minute)) // conflict
	broken := runs[1].Advance(models.Index, "", runs[1].MovedAt, time.Minute)
	broken.Entry.Seq = 0 // there is one already: breaks the transaction
	add(broken)
	add(runs[2].Advance(models.Index, "", runs[2].MovedAt, time.Minute))
	d.batch.write(batch)
	if batch[0].err != nil || !errors.Is(batch[1].err, models.ErrConflict) || batch[2].err == nil || batch[3].err != nil {
		t.Errorf("got %v, %v, %v, %v", batch[0].err, batch[1].err, batch[2].err, batch[3].err)
	}
	for i, want := range []int64{2, 1, 2} {
		if _, r, err := d.Load(t.Context(), runs[i].Post, "catalog"); err != nil || r.Seq != want {
			t.Errorf("run %d is %v (%v), want seq %d", i, r, err, want)
		}
	}
}

func TestCanceledCallerLeaves(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "docs.db"))
	r := admitted(t, d, 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hold := make(chan struct{})
	busy := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.w.do(t.Context(), func(*session) error { close(busy); <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-busy
	if err := d.Move(ctx, r.Note()); !errors.Is(err, context.Canceled) || models.ClassOf(err) != models.Unavailable {
		t.Errorf("move: %v, want canceled and unavailable", err)
	}
	if _, err := d.Admit(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("admit: %v, want canceled", err)
	}
	close(hold)
	wg.Wait()
}

// A context that ends while a transaction begins must not leave it open.
func TestCanceledBeginsLeaveNothingOpen(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "docs.db"))
	for range 500 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if _, err := d.Admit(ctx, nil); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	admitted(t, d, 1)
}

func TestGoldenPost(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("testdata", "post_v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodePost(doc, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(goldenPost(), got); d != "" {
		t.Errorf("a post of version 1 (-want +got):\n%s", d)
	}
}

// goldenPost has every field set.
func goldenPost() models.Post {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	n := int64(7)
	return models.Post{
		ID: "weibo.1", SchemaVersion: 1, Rev: 4, Source: "weibo", NativeID: "1", URL: "https://weibo.example/1", CreatedAt: at, CollectedAt: at, EditedAt: at,
		Author: models.Author{ID: "2", Handle: "h", Name: "名", Followers: 9, Location: models.Location{Raw: "上海", Kind: "profile", Country: "CN", Region: "CN-SH", City: "Shanghai", Confidence: .5}},
		Text:   "<丝绸> & \"lace\"", Language: "zh", Hashtags: []string{"奢侈品"},
		Media:  []models.Media{{URL: "u", Alt: "a", State: models.MediaOK, Reason: "r", SHA256: "s", PHash: "p", Type: "image/jpeg", Size: 1, Width: 2, Height: 3, Original: "o", Rendition: "d"}},
		Counts: models.Counts{Likes: &n, Comments: &n, Shares: &n},
		Labels: []models.Label{{Attribute: "brand", Taxonomy: "1", Values: []string{"Hermès"}, By: []string{"ann"}, At: at, Item: "i", Sample: true}},
		Published: map[string]models.Publication{"catalog": {Generation: 2, Version: "v", Unchecked: true, Raw: true, At: at, Attributes: []models.Attribute{
			{Name: "color", Value: "navy", Confidence: .25, Share: .5, Evidence: models.FromImage, Image: "s", Box: &models.Box{X: .1, Y: .2, W: .3, H: .4}, Model: "m", Version: "1"},
		}}},
		Tombstone: &models.Tombstone{At: at, By: "author", Reason: "asked"},
		Raw:       []byte(`{"a":1}`),
	}
}

func TestUpgrade(t *testing.T) {
	steps := map[int]func(*models.Post){
		1: func(p *models.Post) { p.Language += "1" },
		2: func(p *models.Post) { p.Language += "2" },
	}
	p := models.Post{ID: "weibo.1", SchemaVersion: 1}
	if err := document.Upgrade(&p, 3, steps); err != nil || p.Language != "12" || p.SchemaVersion != 3 {
		t.Errorf("got %q at version %d, %v", p.Language, p.SchemaVersion, err)
	}
	for _, version := range []int{0, 4} {
		p := models.Post{ID: "weibo.1", SchemaVersion: version}
		if err := document.Upgrade(&p, 3, steps); err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("version %d: %v, want a permanent error", version, err)
		}
	}
}

// FuzzDecode holds the fast decoder to what encoding/json makes of the same text.
func FuzzDecode(f *testing.F) {
	f.Add("丝绸 <b> \u2028 \x00 \\ \" \xff", "{}", .1, int64(-1))
	f.Add("👗 \\ud83d \\u2028 \U0001F457 \n\t", "\x7f</script>", 1e-320, int64(1)<<62)
	f.Fuzz(func(t *testing.T, text, reason string, x float64, n int64) {
		p := goldenPost()
		p.Text, p.Media[0].Reason, p.Counts.Likes, p.Raw = text, reason, &n, nil
		p.Hashtags = []string{text, reason}
		p.Published["catalog"].Attributes[0].Confidence = x
		doc, err := json.Marshal(&p)
		if err != nil {
			t.Skip("not JSON: an infinite number")
		}
		var want, got models.Post
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatal(err)
		}
		if err := decode(doc, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s", d)
		}
	})
}
