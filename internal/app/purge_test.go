package app_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
)

// picky publishes only what plain and the text agree on: the others are dropped.
const picky = `name: picky
analyze-light: { models: [ color, caption ] }
index: { when: 'has("brand")', retention: 1h }
`

func TestPurgeThenReanalyze(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(6), "plain")
	r.run()
	before, _ := r.post("file.p03", "plain")
	if n := r.purge(); n != 6 || r.found() != 0 {
		t.Fatalf("%d purged, %d in search; want 6 and 0", n, r.found())
	}
	r.counted(nil) // what was purged is not counted
	stub, err := r.app.Documents.Stub(r.ctx, "file.p03")
	if err != nil || stub.Runs["plain"].Part == "" {
		t.Fatalf("stub %+v, %v", stub, err)
	}
	if rep := r.reanalyze(app.Reanalysis{Profile: "plain", DryRun: true}); rep.Posts != 6 || rep.Purged != 6 {
		t.Errorf("dry run %+v, want 6 posts from history", rep)
	}
	if _, err := r.app.Documents.Stub(r.ctx, "file.p03"); err != nil {
		t.Errorf("after a dry run: %v", err)
	}
	if rep := r.reanalyze(app.Reanalysis{Profile: "plain"}); rep.Posts != 6 || rep.Purged != 6 || rep.Lost != 0 {
		t.Fatalf("report %+v, want 6 posts from history", rep)
	}
	r.counted(map[models.State]int64{models.Done: 6, models.Queued: 6})
	r.run()
	r.counted(map[models.State]int64{models.Done: 12})
	post, run := r.post("file.p03", "plain")
	if run.Generation != 2 || run.State != models.Done || run.Cost != 0 || post.Rev <= before.Rev || post.Text != before.Text {
		t.Errorf("%s, cost %g, rev %d after %d, text %q", &run, run.Cost, post.Rev, before.Rev, post.Text)
	}
	doc, err := r.app.Search.Get(r.ctx, "file.p03")
	if err != nil || r.found() != 6 || doc.Version != post.Rev {
		t.Errorf("%d in search, version %d, %v; want 6 and %d", r.found(), doc.Version, err, post.Rev)
	}
	if n := r.purge(); n != 6 { // and round again
		t.Errorf("%d purged the second time, want 6", n)
	}
	if stub, err = r.app.Documents.Stub(r.ctx, "file.p03"); err != nil || stub.Runs["plain"].Generation != 2 {
		t.Errorf("stub %+v, %v; want generation 2", stub, err)
	}
}

type searches interface{ app.Search } // to be embedded beside a method of the name

// monthly is a search that is cut by month.
type monthly struct {
	searches
	dropped chan time.Time
}

func (m monthly) DropEmpty(_ context.Context, before time.Time) ([]string, error) {
	m.dropped <- before
	return []string{"weft-v1-2026-03"}, nil
}

// TestPurgeDropsMonths: what a worker purges leaves no empty months in search.
func TestPurgeDropsMonths(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(3), "plain")
	r.run()
	if _, err := r.app.Builder().Run(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.later(2 * time.Hour)
	dropped := make(chan time.Time, 100)
	r.options = func(o *app.Options) {
		o.Search = func(s app.Search) app.Search { return monthly{s, dropped} }
	}
	r.work(config.Override{Key: "archive.interval", Value: "100ms"})
	var before time.Time
	r.wait("empty months to be dropped", func() (bool, string) {
		select {
		case before = <-dropped:
			return true, ""
		default:
			return false, "nobody asked for it"
		}
	})
	if kept := r.now().Sub(before); kept < time.Hour || kept > time.Hour+time.Minute || r.found() != 0 {
		t.Errorf("months that ended %s ago may go, %d posts are in search; want the retention of an hour, and none", kept, r.found())
	}
}

// TestPurgeLosesAPart: what is there comes back, what is not is counted, and
// the error names the file to look for.
func TestPurgeLosesAPart(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(6), "plain") // two posts on each of three days: three parts
	r.run()
	if n := r.purge(); n != 6 {
		t.Fatalf("%d purged, want 6", n)
	}
	stub, err := r.app.Documents.Stub(r.ctx, "file.p00")
	if err != nil {
		t.Fatal(err)
	}
	lost, err := filepath.Glob(filepath.Join(r.app.HistoryDir, "*", "*", "part-"+stub.Runs["plain"].Part+".parquet"))
	if err != nil || len(lost) != 1 {
		t.Fatalf("files of part %s: %v, %v", stub.Runs["plain"].Part, lost, err)
	}
	aside := filepath.Join(r.dir, "aside")
	if err := os.Rename(lost[0], aside); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		rep, err := r.app.Reanalyze(r.ctx, app.Reanalysis{Profile: "plain", DryRun: dry})
		if rep.Posts != 4 || rep.Purged != 4 || rep.Lost != 2 {
			t.Errorf("dry run %v: report %+v, want 4 posts and 2 lost", dry, rep)
		}
		if err == nil || !strings.Contains(err.Error(), filepath.Base(lost[0])) || !strings.Contains(err.Error(), "2 posts") {
			t.Errorf("dry run %v: error %v, want one that names %s", dry, err, filepath.Base(lost[0]))
		}
	}
	r.run()
	if r.found() != 4 {
		t.Errorf("%d in search, want 4", r.found())
	}
	if all, err := r.app.Documents.Campaigns(r.ctx); err != nil || len(all) != 1 || all[0].Posts != 4 || all[0].EndedAt.IsZero() {
		t.Errorf("campaigns %+v, %v", all, err)
	}
	if err := os.Rename(aside, lost[0]); err != nil {
		t.Fatal(err)
	}
	if rep := r.reanalyze(app.Reanalysis{Profile: "plain"}); rep.Purged != 2 || rep.Posts != 6 || rep.Lost != 0 {
		t.Errorf("with the file back: %+v, want 2 from history, 6 in all", rep)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 16})
}

// TestReanalyzePurgedDrop: a profile that dropped a post has no row of it; the
// row of another one brings it back.
func TestReanalyzePurgedDrop(t *testing.T) {
	r := newRig(t, plain, picky)
	r.imports(r.posts(3), "plain", "picky")
	r.imports([]entry{{ID: "alone", Created: "2026-03-01T10:00:00Z", Text: "a blue coat"}}, "picky") // no row at all
	r.run()
	r.counted(map[models.State]int64{models.Done: 3, models.Dropped: 4})
	if n := r.purge(); n != 4 {
		t.Fatalf("%d purged, want 4", n)
	}
	want := app.ReanalysisReport{Profile: "picky", Posts: 3, Purged: 3, Lost: 1}
	for _, dry := range []bool{true, false} {
		rep := r.reanalyze(app.Reanalysis{Profile: "picky", DryRun: dry})
		if rep.Posts != want.Posts || rep.Purged != want.Purged || rep.Lost != want.Lost {
			t.Errorf("dry run %v: %+v, want 3 posts from history and 1 lost", dry, rep)
		}
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 3, models.Dropped: 6})
	if _, run := r.post("file.p01", "picky"); run.Generation != 2 || run.State != models.Dropped {
		t.Errorf("%s, want generation 2 to be dropped again", &run)
	}
	if _, run := r.post("file.p01", "plain"); run.Generation != 1 || run.State != models.Done {
		t.Errorf("%s; the other profile's run comes back as it was", &run)
	}
	if r.found() != 3 {
		t.Errorf("%d in search; what another profile publishes is visible again", r.found())
	}
}

func TestPurgeThenImport(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(3)
	r.imports(entries, "plain")
	r.run()
	before, _ := r.post("file.p01", "plain")
	if n := r.purge(); n != 3 {
		t.Fatalf("%d purged, want 3", n)
	}
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 3 || len(rep.Posts) != 1 {
		t.Errorf("imported again: %+v, want 3 known", rep.Posts)
	}
	if _, _, err := r.app.Documents.Post(r.ctx, "file.p01"); err == nil {
		t.Error("an import without news brought a purged post back")
	}
	entries[1].Text = "a green dress, after all"
	if rep := r.imports(entries, "plain"); rep.Posts[models.Known] != 2 || rep.Posts[models.Edited] != 1 {
		t.Errorf("imported edited: %+v, want 2 known and 1 edited", rep.Posts)
	}
	r.counted(map[models.State]int64{models.Done: 1, models.Queued: 1})
	r.run()
	r.counted(map[models.State]int64{models.Done: 2})
	post, run := r.post("file.p01", "plain")
	if run.Generation != 2 || post.Rev <= before.Rev || post.Published["plain"].Generation != 2 || r.found() != 1 {
		t.Errorf("%s, rev %d after %d, %d in search", &run, post.Rev, before.Rev, r.found())
	}
	if doc, err := r.app.Search.Get(r.ctx, "file.p01"); err != nil || doc.Text != entries[1].Text {
		t.Errorf("search says %q, %v", doc.Text, err)
	}
}
