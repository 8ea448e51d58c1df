package app_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/app"
	"weft/internal/config"
	"weft/models"
	"weft/profile"
)

// asking parks the posts that name a brand until somebody answers.
const asking = `name: asking
analyze-light: { models: [ color, caption ] }
label: { when: 'has("brand")', answers: 1, attributes: [ brand ], timeout: { after: 24h, then: escalate } }
`

func TestReanalyzeDryRun(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(6), "plain")
	r.run()
	before, cost := r.status(), 0.0
	for i := range 6 {
		_, run := r.post(fmt.Sprintf("file.p%02d", i), "plain")
		cost += run.Cost
	}
	rep := r.reanalyze(app.Reanalysis{Profile: "plain", DryRun: true})
	if rep.Posts != 6 || rep.NoImages != 0 || rep.Campaign != "" || !rep.DryRun {
		t.Errorf("report %+v, want 6 posts and no campaign", rep)
	}
	if cost == 0 || math.Abs(rep.Cost-cost) > 1e-9 {
		t.Errorf("%g s of CPU foretold, the runs took %g", rep.Cost, cost)
	}
	if diff := cmp.Diff(before, r.status()); diff != "" {
		t.Errorf("a dry run changed something (-before +after):\n%s", diff)
	}
	if all, err := r.app.Documents.Campaigns(r.ctx); err != nil || len(all) != 0 {
		t.Errorf("campaigns %+v, %v; want none", all, err)
	}
}

func TestReanalyze(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(6), "plain")
	r.run()
	_, old := r.post("file.p03", "plain")
	rep := r.reanalyze(app.Reanalysis{Profile: "plain"})
	if rep.Posts != 6 || rep.Purged != 0 || rep.Lost != 0 || rep.Campaign == "" {
		t.Fatalf("report %+v, want 6 posts", rep)
	}
	pending := map[string]int{}
	for _, q := range r.status().Queues {
		pending[q.Queue] = q.Pending
	}
	if pending["analyze-light.bulk"] != 6 || pending["fetch"] != 0 || pending["analyze-light"] != 0 {
		t.Errorf("pending %v, want 6 in analyze-light.bulk", pending)
	}
	r.counted(map[models.State]int64{models.Queued: 6, models.Done: 6})
	post, run := r.post("file.p03", "plain")
	if run.Generation != 2 || run.Lane != models.Bulk || run.Step != models.AnalyzeLight || run.Campaign != rep.Campaign {
		t.Errorf("the run is %s in the %s lane, campaign %q", &run, run.Lane, run.Campaign)
	}
	if post.Published["plain"].Generation != 1 || r.found() != 6 {
		t.Errorf("generation %d is published, %d posts in search; the old generation must stay", post.Published["plain"].Generation, r.found())
	}

	r.run()
	r.counted(map[models.State]int64{models.Done: 12})
	post, run = r.post("file.p03", "plain")
	if run.Generation != 2 || run.State != models.Done || post.Published["plain"].Generation != 2 || r.found() != 6 {
		t.Errorf("%s, generation %d is published, %d posts in search", &run, post.Published["plain"].Generation, r.found())
	}
	if run.Cost != 0 || old.Cost == 0 || len(run.Results) != len(old.Results) {
		t.Errorf("%d results cost %g, the first time %d cost %g; results must be reused", len(run.Results), run.Cost, len(old.Results), old.Cost)
	}
	entries := r.timeline("file.p03", "plain", 2)
	var steps []models.Step
	for _, e := range entries {
		steps = append(steps, e.Step)
	}
	if diff := cmp.Diff([]models.Step{models.AnalyzeLight, models.Index, models.Archive}, steps); diff != "" {
		t.Errorf("steps of generation 2 (-want +got):\n%s", diff)
	}
	all, err := r.app.Documents.Campaigns(r.ctx)
	if err != nil || len(all) != 1 || all[0].ID != rep.Campaign || all[0].Posts != 6 || all[0].EndedAt.IsZero() {
		t.Errorf("campaigns %+v, %v", all, err)
	}
}

func TestReanalyzeSelects(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(9), "plain") // three posts a day, likes 0 to 8
	r.run()
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name  string
		req   app.Reanalysis
		where string
		want  int64
	}{
		{"all", app.Reanalysis{}, "", 9},
		{"since", app.Reanalysis{Since: day(2)}, "", 6},
		{"since is inclusive", app.Reanalysis{Since: day(3).Add(10 * time.Hour)}, "", 3},
		{"until is exclusive", app.Reanalysis{Until: day(3).Add(10 * time.Hour)}, "", 6},
		{"one day", app.Reanalysis{Since: day(2), Until: day(3)}, "", 3},
		{"where", app.Reanalysis{}, `likes > 5`, 3},
		{"where on what was found", app.Reanalysis{}, `has("garment")`, 9},
		{"where none", app.Reanalysis{}, `source == "weibo"`, 0},
		{"both", app.Reanalysis{Since: day(2)}, `likes > 5`, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.req.Profile, c.req.DryRun = "plain", true
			if c.where != "" {
				var err error
				if c.req.Where, err = profile.ParseWhere(c.where); err != nil {
					t.Fatal(err)
				}
			}
			if rep := r.reanalyze(c.req); rep.Posts != c.want {
				t.Errorf("%d posts, want %d", rep.Posts, c.want)
			}
		})
	}
	where, err := profile.ParseWhere(`likes > 5`)
	if err != nil {
		t.Fatal(err)
	}
	r.reanalyze(app.Reanalysis{Profile: "plain", Since: day(2), Where: where})
	r.run()
	r.counted(map[models.State]int64{models.Done: 11})
	for i := range 9 {
		want := 1
		if i > 5 && i%3 > 0 {
			want = 2
		}
		if _, run := r.post(fmt.Sprintf("file.p%02d", i), "plain"); run.Generation != want {
			t.Errorf("%s, want generation %d", &run, want)
		}
	}
}

func TestReanalyzeWithoutImages(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(4)
	entries[3].Images = nil // it never had any: its text is what there is
	r.imports(entries, "plain")
	r.run()
	for _, id := range []string{"file.p00", "file.p01"} {
		post, _ := r.post(id, "plain")
		if err := r.app.Blobs.Delete(r.ctx, post.Media[0].Rendition); err != nil {
			t.Fatal(err)
		}
	}
	rep := r.reanalyze(app.Reanalysis{Profile: "plain"})
	if rep.Posts != 2 || rep.NoImages != 2 {
		t.Errorf("report %+v, want 2 posts and 2 without images", rep)
	}
	r.run()
	r.counted(map[models.State]int64{models.Done: 6})
}

// TestReanalyzeSupersedes: runs that wait for people, and such whose task is in
// the queue, are overtaken; the tasks that are left over do nothing.
func TestReanalyzeSupersedes(t *testing.T) {
	r := newRig(t, asking)
	entries := r.posts(6)
	for i := range 2 {
		entries[i].Text = "my new Gucci bag"
	}
	r.imports(entries, "asking")
	stop := r.work(config.Override{Key: "queues.index", Value: "0"})
	r.wait("two to park, the others to stand before index", func() (bool, string) {
		s := r.status()
		atIndex := int64(0)
		for _, c := range s.Counts {
			if c.State == models.Queued && c.Step == models.Index {
				atIndex += c.N
			}
		}
		return s.States[models.Parked] == 2 && atIndex == 4, fmt.Sprintf("%+v", s.Counts)
	})
	stop()
	r.counted(map[models.State]int64{models.Parked: 2, models.Queued: 4})
	if rep := r.reanalyze(app.Reanalysis{Profile: "asking"}); rep.Posts != 6 {
		t.Fatalf("report %+v, want 6 posts", rep)
	}
	r.counted(map[models.State]int64{models.Superseded: 6, models.Queued: 6})
	r.run()
	r.counted(map[models.State]int64{models.Superseded: 6, models.Parked: 2, models.Done: 4})
	open, err := r.app.Desk.Open(r.ctx, "", 10)
	if err != nil || len(open) != 2 {
		t.Fatalf("%d questions are open, %v; want the same two", len(open), err)
	}
	for _, it := range open {
		if _, err := r.app.Desk.Answer(r.ctx, it.ID, models.Answer{By: "ann", Values: map[string][]string{"brand": {"Gucci"}}}); err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	r.counted(map[models.State]int64{models.Superseded: 6, models.Done: 6})
	if r.found() != 6 {
		t.Errorf("%d posts in search, want 6", r.found())
	}
}

// TestReanalyzeBeforeFetch: what was not fetched yet has no images to miss.
func TestReanalyzeBeforeFetch(t *testing.T) {
	r := newRig(t, plain)
	r.imports(r.posts(3), "plain")
	if rep := r.reanalyze(app.Reanalysis{Profile: "plain"}); rep.Posts != 3 || rep.NoImages != 0 {
		t.Errorf("report %+v, want 3 posts", rep)
	}
	r.counted(map[models.State]int64{models.Superseded: 3, models.Queued: 3})
	r.run()
	r.counted(map[models.State]int64{models.Superseded: 3, models.Done: 3})
	post, run := r.post("file.p00", "plain")
	if run.Generation != 2 || post.Media[0].State != models.MediaOK || len(run.Results) != 2 {
		t.Errorf("%s, image %s, %d results", &run, post.Media[0].State, len(run.Results))
	}
}
