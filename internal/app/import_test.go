package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
	"weft/source/file"
)

// choosy takes the posts of one source only.
const choosy = `name: choosy
match: { sources: [ weibo ] }
analyze-light: { models: [ caption ] }
`

func TestImportIsIdempotent(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(5)
	if rep := r.imports(entries, "plain"); rep.Records != 5 || rep.Posts[models.Admitted] != 5 || rep.Waiting {
		t.Fatalf("first: %+v", rep)
	}
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 5 || len(rep.Posts) != 1 {
		t.Errorf("while they wait: %+v, want 5 known", rep.Posts)
	}
	r.counted(map[models.State]int64{models.Queued: 5})
	r.run()
	before, _ := r.post("file.p04", "plain")
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 5 || len(rep.Posts) != 1 {
		t.Errorf("after they were done: %+v, want 5 known", rep.Posts)
	}
	if after, _ := r.post("file.p04", "plain"); after.Rev != before.Rev {
		t.Errorf("rev %d after %d", after.Rev, before.Rev)
	}
	entries[3].Likes, entries[4].Text = 1000, "a blue coat"
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 3 || rep.Posts[models.Recount] != 1 || rep.Posts[models.Edited] != 1 {
		t.Errorf("changed: %+v, want 3 known, 1 recount, 1 edited", rep.Posts)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 6})
	if doc, err := r.app.Search.Get(r.ctx, "file.p03"); err != nil || doc.Counts.Likes == nil || *doc.Counts.Likes != 1000 {
		t.Errorf("search has the counts %+v, %v; want 1000 likes", doc.Counts, err)
	}
	if doc, err := r.app.Search.Get(r.ctx, "file.p04"); err != nil || doc.Text != "a blue coat" {
		t.Errorf("search has the text %q, %v", doc.Text, err)
	}
}

func TestImportRejects(t *testing.T) {
	r := newRig(t, plain)
	r.image(1)
	r.write(filepath.Join(r.dir, "big.png"), make([]byte, 3<<20))
	path := filepath.Join(r.dir, "mixed.ndjson")
	r.write(path, []byte(strings.Join([]string{
		`{"id":"good","created_at":"2026-03-01T10:00:00Z","text":"a red dress","images":["1.png"]}`,
		`{"id":"half`,
		`{"id":"when","created_at":"yesterday","text":"x"}`,
		`{"id":"big","created_at":"2026-03-01T10:00:00Z","images":["big.png"]}`,
		`{"id":"also","created_at":"2026-03-01T10:00:00Z","text":"a blue coat"}`,
	}, "\n")))
	a := r.open(nil, config.Override{Key: "limits.image_bytes", Value: "2097152"})
	rep, rejects := r.tryImport(a, path, app.Import{Profiles: []string{"plain"}})
	if rep.Records != 5 || rep.Rejected != 3 || rep.Posts[models.Admitted] != 2 {
		t.Errorf("report %+v, want 3 of 5 rejected", rep)
	}
	want := []struct {
		line          int
		field, reason string
	}{{2, "", "not valid JSON"}, {3, "created_at", "yesterday"}, {4, "images", "limits.image_bytes"}}
	lines := strings.Split(strings.TrimSpace(rejects), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d rejects, want %d:\n%s", len(lines), len(want), rejects)
	}
	for i, line := range lines {
		var bad file.BadRecord
		if err := json.Unmarshal([]byte(line), &bad); err != nil {
			t.Fatal(err)
		}
		if bad.File != path || bad.Line != want[i].line || bad.Field != want[i].field || !strings.Contains(bad.Reason, want[i].reason) || bad.Raw == "" {
			t.Errorf("reject %s, want line %d, field %q, %q and the record", line, want[i].line, want[i].field, want[i].reason)
		}
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 2})
}

func TestImportWaitsForRoom(t *testing.T) {
	r := newRig(t, plain)
	full := r.open(nil, config.Override{Key: "queue.max_depth", Value: "4"})
	if rep, _ := r.tryImport(full, r.ndjson(r.posts(5)), app.Import{Profiles: []string{"plain"}}); rep.Posts[models.Admitted] != 5 {
		t.Fatalf("the first batch: %+v", rep)
	}
	more := r.ndjson([]entry{{ID: "late", Created: "2026-03-01T10:00:00Z", Text: "a red dress"}})
	paused, done := make(chan int64, 100), make(chan app.ImportReport, 1)
	go func() {
		rep, err := full.Import(r.ctx, app.Import{
			Profiles: []string{"plain"}, Path: more, Source: "file",
			Paused: func(queue string, depth int64) {
				if queue == "fetch" {
					paused <- depth
				}
			},
		})
		if err != nil {
			t.Error(err)
		}
		done <- rep
	}()
	select {
	case depth := <-paused:
		if depth != 5 {
			t.Errorf("paused at depth %d, want 5", depth)
		}
	case rep := <-done:
		t.Fatalf("didn't pause: %+v", rep)
	case <-time.After(20 * time.Second):
		t.Fatal("neither paused nor done")
	}
	r.counted(map[models.State]int64{models.Queued: 5}) // nothing is stored beyond the limit
	stop := r.work()
	if rep := <-done; rep.Posts[models.Admitted] != 1 {
		t.Errorf("after the pause: %+v", rep)
	}
	r.settle()
	stop()
	r.counted(map[models.State]int64{models.Done: 6})
}

// TestImportWithoutQueue: posts that are imported while nothing runs are found
// by the first process that does.
func TestImportWithoutQueue(t *testing.T) {
	r := &rig{t: t, ctx: t.Context(), dir: t.TempDir()}
	r.profiles(plain)
	r.set = quick(r.dir)
	r.app = r.open(func(o *app.Options) { o.NoQueue = true })
	if rep := r.imports(r.posts(4), "plain"); !rep.Waiting || rep.Posts[models.Admitted] != 4 {
		t.Fatalf("report %+v, want 4 that wait", rep)
	}
	if s := r.status(); s.Queues != nil || s.States[models.Queued] != 4 {
		t.Errorf("status %+v", s)
	}
	r.options = func(o *app.Options) { o.Host = true }
	began := time.Now()
	r.run()
	if took := time.Since(began); took > 20*time.Second { // the horizon is a minute
		t.Errorf("it took %s", took)
	}
	r.counted(map[models.State]int64{models.Done: 4})
	if r.found() != 4 {
		t.Errorf("%d in search, want 4", r.found())
	}
}

func TestImportTwoProfiles(t *testing.T) {
	r := newRig(t, plain, choosy)
	if rep := r.imports(r.posts(3), "plain", "choosy"); rep.Records != 3 || rep.Posts[models.Admitted] != 6 {
		t.Fatalf("report %+v, want 6 runs of 3 posts", rep)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 6})
	doc, err := r.app.Search.Get(r.ctx, "file.p01")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"choosy", "plain"}, doc.Profiles); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	_, first := r.post("file.p01", "plain")
	_, second := r.post("file.p01", "choosy")
	if both := first.Cost + second.Cost; both == 0 || first.Results[len(first.Results)-1].Key() != second.Results[0].Key() {
		t.Errorf("results %+v and %+v: the caption is read once for both", first.Results, second.Results)
	}
}

func TestImportMatches(t *testing.T) {
	r := newRig(t, choosy,
		"name: catalog\nmatch: { sources: [ tumblr, weibo ] }\n", "name: quality\nmatch: { sources: [ nowhere ] }\n", "name: tendencies\nmatch: { hashtags: [ ootd ] }\n")
	entries := []entry{
		{ID: "a", Source: "weibo", Created: "2026-03-01T10:00:00Z", Text: "a red dress #OOTD"},
		{ID: "b", Source: "tumblr", Created: "2026-03-01T10:00:00Z", Text: "a red dress"},
		{ID: "c", Source: "bluesky", Created: "2026-03-01T10:00:00Z", Text: "a red dress"},
	}
	rep := r.imports(entries)
	if rep.Records != 3 || rep.NoMatch != 1 || rep.Posts[models.Admitted] != 4 {
		t.Errorf("report %+v, want 4 runs and 1 post without", rep)
	}
	_, runs, err := r.app.Documents.Post(r.ctx, "weibo.a")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, run := range runs {
		names = append(names, run.Profile)
	}
	if diff := cmp.Diff([]string{"catalog", "choosy", "tendencies"}, names); diff != "" {
		t.Errorf("profiles of weibo.a (-want +got):\n%s", diff)
	}
	if rep := r.imports(entries[2:], "choosy"); rep.Posts[models.Admitted] != 1 {
		t.Errorf("a profile that is named takes every post: %+v", rep)
	}
	if _, err := r.app.Import(r.ctx, app.Import{Profiles: []string{"chosy"}, Path: r.dir}); err == nil || !strings.Contains(err.Error(), "catalog, choosy") {
		t.Errorf("error %v, want one that names the profiles there are", err)
	}
}

// TestImportsAtOnce: the same file from several processes is admitted once.
func TestImportsAtOnce(t *testing.T) {
	r := newRig(t, plain)
	path := r.ndjson(r.posts(20))
	stop := r.work()
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := map[models.AdmissionResult]int{}
	for range 4 {
		a := r.open(nil)
		wg.Go(func() {
			rep, err := a.Import(r.ctx, app.Import{Profiles: []string{"plain"}, Path: path, Source: "file", Rejects: os.Stderr})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for k, n := range rep.Posts {
				sum[k] += n
			}
		})
	}
	wg.Wait()
	r.settle()
	stop()
	if sum[models.Admitted] != 20 || sum[models.Known] != 60 {
		t.Errorf("%v, want 20 admitted and 60 known", sum)
	}
	r.counted(map[models.State]int64{models.Done: 20})
}
