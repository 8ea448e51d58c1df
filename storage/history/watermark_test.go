package history_test

import (
	"context"
	"testing"
	"time"

	"weft/models"
	"weft/storage/history"
)

// watching looks at the watermark whenever a post leaves search.
type watching struct {
	t      *testing.T
	p      *purge
	search history.Search
	left   int
}

func (w *watching) Delete(ctx context.Context, id string, version int64) error {
	w.left++
	post, _, err := w.p.docs.Post(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	mark, err := w.p.docs.Watermark(ctx)
	if err != nil || !post.CreatedAt.Before(mark.Before()) {
		w.t.Errorf("%s, created %s, leaves search at the watermark %s, %v", id, post.CreatedAt, mark, err)
	}
	return w.search.Delete(ctx, id, version)
}

func TestWatermarkIsRaisedFirst(t *testing.T) {
	p := setupPurge(t)
	params := p.params()
	w := &watching{t: t, p: p, search: p.search}
	params.Search = w
	if _, err := history.NewPurger(params).Run(t.Context()); err != nil || w.left != 3 {
		t.Fatalf("%d left search, %v; want 3", w.left, err)
	}
	want := models.WatermarkBehind(p.posts[0].CreatedAt)
	if mark, err := p.docs.Watermark(t.Context()); err != nil || mark != want {
		t.Errorf("watermark %s, %v; want %s, no higher than what left needs", mark, err, want)
	}
}

// TestWatermarkOfOldDocuments: documents that were purged by a program without a
// watermark get theirs from the stubs.
func TestWatermarkOfOldDocuments(t *testing.T) {
	p := setupPurge(t)
	for _, i := range []int{0, 2} {
		if err := p.docs.Purge(t.Context(), models.Stub{Post: p.posts[i].ID, Rev: p.posts[i].Rev, PurgedAt: p.now}); err != nil {
			t.Fatal(err)
		}
	}
	if mark, err := p.docs.Watermark(t.Context()); err != nil || mark != models.Everything {
		t.Fatalf("before: watermark %s, %v", mark, err)
	}
	params := p.params()
	params.Retention = func(string, string) time.Duration { return 0 }
	if _, err := history.NewPurger(params).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := models.WatermarkBehind(p.posts[0].CreatedAt)
	if mark, err := p.docs.Watermark(t.Context()); err != nil || mark != want {
		t.Errorf("watermark %s, %v; want %s", mark, err, want)
	}
}

func TestWatermarkOfFreshDocuments(t *testing.T) {
	b := setup(t)
	p := &purge{bundle: b}
	params := p.params()
	if _, err := history.NewPurger(params).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mark, err := p.docs.Watermark(t.Context()); err != nil || mark.Before().Year() != 1 {
		t.Errorf("watermark %s, %v; want one that nothing lies behind", mark, err)
	}
}
