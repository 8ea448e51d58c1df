package e2e

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

// check holds the laws against what the stores hold after everything has settled.
func (r *rig) check(wantFailed int) {
	r.t.Helper()
	runs, err := r.app.Documents.Runs(r.ctx, models.RunFilter{Limit: 100_000})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(runs) != r.posts {
		r.t.Errorf("%d runs for %d posts", len(runs), r.posts)
	}
	rows := r.rows()
	failed := 0
	for _, run := range runs {
		if run.State == models.Failed {
			failed++
			r.t.Logf("failed: %s: %s", &run, run.Reason)
		}
		r.checkTimeline(run)
		r.checkProjections(run, rows)
	}
	if failed != wantFailed {
		r.t.Errorf("%d runs failed, want %d", failed, wantFailed)
	}
	r.checkItems(runs)
}

// checkTimeline: each (run, seq) has one entry, and the run ended once.
func (r *rig) checkTimeline(run models.Run) {
	r.t.Helper()
	entries, err := r.app.Documents.Timeline(r.ctx, run.Post, run.Profile)
	if err != nil {
		r.t.Fatal(err)
	}
	ends := 0
	for i, e := range entries {
		if e.Seq != int64(i) {
			r.t.Fatalf("%s: entry %d has seq %d: one is missing or twice", &run, i, e.Seq)
		}
		if slices.Contains([]models.Outcome{models.OutDone, models.OutDropped, models.OutFailed}, e.Outcome) {
			ends++
		}
	}
	if int64(len(entries)) != run.Seq {
		r.t.Errorf("%s has %d entries", &run, len(entries))
	}
	if ends != 1 {
		r.t.Errorf("%s ended %d times", &run, ends)
	}
}

// checkProjections: search holds the post at its newest rev, and the newest row
// of the history is the post as it is.
func (r *rig) checkProjections(run models.Run, rows map[string]models.Row) {
	r.t.Helper()
	post, _, err := r.app.Documents.Post(r.ctx, run.Post)
	if err != nil {
		r.t.Fatal(err)
	}
	doc, err := r.app.Search.Get(r.ctx, run.Post)
	if run.State != models.Done {
		if !errors.Is(err, models.ErrNotFound) {
			r.t.Errorf("%s is in search: %v", &run, err)
		}
		return
	}
	if err != nil {
		r.t.Errorf("%s: search: %v", &run, err)
		return
	}
	want, _ := models.Project(&post)
	if diff := cmp.Diff(toJSON(r.t, want), toJSON(r.t, doc)); diff != "" {
		r.t.Errorf("%s: search differs from the post (-want +got):\n%s", &run, diff)
	}
	row, ok := rows[run.Post]
	if !ok {
		r.t.Errorf("%s has no row in history", &run)
		return
	}
	var frozen models.Frozen
	if err := json.Unmarshal(row.Body, &frozen); err != nil {
		r.t.Fatal(err)
	}
	if row.Rev != post.Rev || row.Generation != run.Generation {
		r.t.Errorf("%s: newest row is generation %d rev %d, post has rev %d", &run, row.Generation, row.Rev, post.Rev)
	}
	if diff := cmp.Diff(toJSON(r.t, post), toJSON(r.t, frozen.Post)); diff != "" {
		r.t.Errorf("%s: history differs from the post (-want +got):\n%s", &run, diff)
	}
}

// rows reads the whole history: each key must be there once. It returns the
// newest row of each post.
func (r *rig) rows() map[string]models.Row {
	r.t.Helper()
	parts, err := r.app.Documents.Parts(r.ctx, "", 1<<30)
	if err != nil {
		r.t.Fatal(err)
	}
	seen := map[string]bool{}
	newest := map[string]models.Row{}
	for _, part := range parts {
		if part.State != models.PartVerified {
			r.t.Errorf("part %s is %s", part.ID, part.State)
		}
		rows, err := r.app.Parts.Read(r.ctx, part)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, row := range rows {
			if seen[row.Key()] {
				r.t.Errorf("row %s is there twice", row.Key())
			}
			seen[row.Key()] = true
			if old, ok := newest[row.Post]; !ok || row.Rev > old.Rev {
				newest[row.Post] = row
			}
		}
	}
	return newest
}

// checkItems: no question is stranded, and each post's is asked once.
func (r *rig) checkItems(runs []models.Run) {
	r.t.Helper()
	asked := 0
	for _, run := range runs {
		if run.Item == "" {
			continue
		}
		asked++
		it, err := r.app.Documents.Item(r.ctx, run.Item)
		if err != nil {
			r.t.Fatal(err)
		}
		if verdict, _ := it.Judge(); verdict != models.Settled || it.State != models.ItemClosed {
			r.t.Errorf("item %s of %s: %s, %s", it.ID, &run, verdict, it.State)
		}
	}
	if asked == 0 {
		r.t.Error("no question was asked: the test does not test labels")
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
