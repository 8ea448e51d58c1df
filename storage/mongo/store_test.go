package mongo_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/mongo"
)

func t0() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC) }

// admit admits a post to the profile catalog.
func admit(t *testing.T, d *mongo.Documents, p models.Post) models.Run {
	t.Helper()
	p.SchemaVersion, p.Source, p.CreatedAt = models.SchemaVersion, "weibo", t0()
	got, err := d.Admit(t.Context(), []models.Admission{{Post: p, Run: models.NewRun(p.ID, "catalog", "v1", models.Normal, t0(), time.Minute)}})
	if err != nil || got[0].Result != models.Admitted {
		t.Fatalf("admit %s: %v, %v", p.ID, got, err)
	}
	return got[0].Run
}

// document is a post as it stands in the database.
func (p place) document(t *testing.T, id string) bson.Raw {
	t.Helper()
	doc, err := p.db.Collection("posts").FindOne(t.Context(), bson.D{{Key: "_id", Value: id}}).Raw()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTimelinesOfEndedGenerationsMoveOut(t *testing.T) {
	place := newPlace(t)
	d := place.open(t)
	r := admit(t, d, models.Post{ID: "weibo.1"})
	for _, m := range []func(models.Run) models.Move{
		func(r models.Run) models.Move { return r.Advance(models.Index, "on", t0(), time.Minute) },
		func(r models.Run) models.Move { return r.End(models.Done, "", t0()) },
		func(r models.Run) models.Move {
			return r.Regenerate(models.Index, "v2", "c1", models.Bulk, "campaign", t0(), time.Minute)
		},
		func(r models.Run) models.Move { return r.Advance(models.Archive, "on", t0(), time.Minute) },
	} {
		next := m(r)
		if err := d.Move(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		r = next.Run
	}
	lines, err := place.document(t, "weibo.1").Lookup("timeline").Array().Values()
	if err != nil || len(lines) != 1 {
		t.Errorf("the post has %d lines (%v), want that of the live generation", len(lines), err)
	}
	n, err := place.db.Collection("timelines").CountDocuments(t.Context(), bson.D{{Key: "post", Value: "weibo.1"}})
	if err != nil || n != 4 {
		t.Errorf("%d lines moved out (%v), want 4", n, err)
	}
	entries, err := d.Timeline(t.Context(), "weibo.1", "catalog")
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d entries (%v), want 5", len(entries), err)
	}
	for i, e := range entries {
		if e.Seq != int64(i) {
			t.Errorf("entry %d is of seq %d", i, e.Seq)
		}
	}
}

func TestDocumentsArePlainBSON(t *testing.T) {
	place := newPlace(t)
	d := place.open(t)
	admit(t, d, models.Post{ID: "weibo.1", Text: "丝绸", Author: models.Author{Handle: "ann"}, Raw: []byte(`{"a": 1}`)})
	doc := place.document(t, "weibo.1")
	if got := doc.Lookup("post", "created_at").Time(); !got.Equal(t0()) {
		t.Errorf("created_at is %v, want a date", got)
	}
	if text, handle := doc.Lookup("post", "text").StringValue(), doc.Lookup("post", "author", "handle").StringValue(); text != "丝绸" || handle != "ann" {
		t.Errorf("text %q by %q", text, handle)
	}
	if _, raw := doc.Lookup("raw").Binary(); string(raw) != `{"a": 1}` {
		t.Errorf("raw is %q", raw)
	}
	if state := doc.Lookup("runs", "0", "state").StringValue(); state != "queued" {
		t.Errorf("the run is %q", state)
	}
}

// TestOneBrokenMoveLeavesTheOthers: what is too big fails alone, and for good.
// That the server refuses a document which an update makes too big is
// MongoDB's; here it is refused before it is sent.
func TestOneBrokenMoveLeavesTheOthers(t *testing.T) {
	d := newPlace(t).open(t)
	var runs []models.Run
	for _, id := range []string{"weibo.1", "weibo.2", "weibo.3", "weibo.4"} {
		runs = append(runs, admit(t, d, models.Post{ID: id}))
	}
	var wg sync.WaitGroup
	errs := make([]error, len(runs))
	for i, r := range runs {
		wg.Go(func() {
			m := r.Advance(models.Index, "on", t0(), time.Minute)
			if i == 2 {
				m.Run.Reason = strings.Repeat("x", 17<<20)
			}
			errs[i] = d.Move(t.Context(), m)
		})
	}
	wg.Wait()
	for i, err := range errs {
		if i == 2 && models.ClassOf(err) != models.Permanent || i != 2 && err != nil {
			t.Errorf("move %d: %.200v", i, err)
		}
	}
	_, err := d.Admit(t.Context(), []models.Admission{{
		Post: models.Post{ID: "weibo.5", SchemaVersion: 1, Source: "weibo", Raw: []byte(`"` + strings.Repeat("x", 17<<20) + `"`)},
		Run:  models.NewRun("weibo.5", "catalog", "v1", models.Normal, t0(), time.Minute)}})
	if models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "16 MB") {
		t.Errorf("a post with a response of 17 MB: %.200v, want a permanent fault", err)
	}
	if _, err := d.Update(t.Context(), "weibo.1", models.Change{Source: &models.Post{Text: strings.Repeat("x", 17<<20)}}); models.ClassOf(err) != models.Permanent {
		t.Errorf("an edit of 17 MB: %.200v, want a permanent fault", err)
	}
}

func TestErrors(t *testing.T) {
	place := newPlace(t)
	d := place.open(t)
	r := admit(t, d, models.Post{ID: "weibo.1"})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for what, call := range map[string]func(ctx context.Context) error{
		"load":  func(ctx context.Context) error { _, _, err := d.Load(ctx, "weibo.1", "catalog"); return err },
		"move":  func(ctx context.Context) error { return d.Move(ctx, r.Note()) },
		"posts": func(ctx context.Context) error { _, err := d.Posts(ctx, models.PostFilter{}); return err },
		"deep": func(ctx context.Context) error {
			return d.Move(ctx, r.Regenerate(models.Index, "v", "", models.Bulk, "", t0(), time.Minute))
		},
	} {
		if err := call(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("%s by a caller who left: %v, want %v", what, err, context.Canceled)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"load":   func() error { _, _, err := d.Load(t.Context(), "weibo.1", "catalog"); return err },
		"move":   func() error { return d.Move(t.Context(), r.Note()) },
		"posts":  func() error { _, err := d.Posts(t.Context(), models.PostFilter{}); return err },
		"admit":  func() error { _, err := d.Admit(t.Context(), make([]models.Admission, 1)); return err },
		"counts": func() error { _, err := d.Counts(t.Context()); return err },
	} {
		if err := call(); err == nil || models.ClassOf(err) != models.Unavailable {
			t.Errorf("%s of a closed store: %v, want it unavailable", what, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	place := newPlace(t)
	place.open(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = mongo.OpenDocuments(t.Context(), "mongodb://weft:s3cret@"+nobody+"/weft?directConnection=true&serverSelectionTimeoutMS=200")
	if err == nil || models.ClassOf(err) != models.Unavailable || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a server that isn't there: %v, want it unavailable", err)
	}
	if _, err = mongo.OpenDocuments(t.Context(), "http://host/weft"); models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "documents.url") {
		t.Errorf("an address that is none: %v, want a permanent fault", err)
	}
	if _, err := place.db.Collection("meta").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "layout"}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "value", Value: "99"}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err = mongo.OpenDocuments(t.Context(), place.address); models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "layout 99") {
		t.Errorf("another layout: %v, want a permanent fault", err)
	}
}

// TestManyOpenAnEmptyDatabase: they agree on one salt, and all work.
func TestManyOpenAnEmptyDatabase(t *testing.T) {
	place := newPlace(t)
	var wg sync.WaitGroup
	stores := make([]*mongo.Documents, 4)
	for i := range stores {
		wg.Go(func() {
			d, err := mongo.OpenDocuments(t.Context(), place.address)
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = d
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	del := models.Deletion{Source: "weibo", NativeID: "1", Act: models.Delete, By: "operator", At: t0()}
	if _, err := stores[0].Forget(t.Context(), []models.Deletion{del}); err != nil {
		t.Fatal(err)
	}
	for _, d := range stores {
		got, err := d.Admit(t.Context(), []models.Admission{{Post: models.Post{ID: "weibo.1", SchemaVersion: 1, Source: "weibo", NativeID: "1"},
			Run: models.NewRun("weibo.1", "catalog", "v1", models.Normal, t0(), time.Minute)}})
		if err != nil || got[0].Result != models.Refused {
			t.Errorf("%v, %v; want it refused by every store's salt", got, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
