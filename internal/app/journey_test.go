package app_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/internal/app"
	"weft/models"
	"weft/profile"
)

// winding takes every turn of the chain: heavy analysis for some posts,
// questions that park others, and an end before index for the rest.
const winding = `name: winding
analyze-light: { models: [ color, caption ] }
analyze-heavy: { when: 'images > 1', models: [ color-regions ] }
label: { when: 'has("brand")', answers: 1, attributes: [ brand ], timeout: { after: 24h, then: escalate } }
index: { when: 'has("garment") or has("brand")', retention: 1h }
archive: { raw: true }
`

// wind sends posts on all ways through the profile winding.
func (r *rig) wind() {
	r.t.Helper()
	entries := r.posts(12)
	for i := range entries {
		switch {
		case i%4 == 0:
			entries[i].Images = append(entries[i].Images, r.image(i+1))
		case i%4 == 1:
			entries[i].Text = "my new Gucci bag"
		case i%4 == 2:
			entries[i].Text = "good morning"
		}
	}
	entries[8].Text = "Gucci and Prada"
	r.imports(entries, "winding")
	r.run()
	open, err := r.app.Desk.Open(r.ctx, "", 100)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, it := range open {
		answer := models.Answer{By: "ann", Values: map[string][]string{"brand": it.Questions[0].Suggestion}}
		if _, err := r.app.Desk.Answer(r.ctx, it.ID, answer); err != nil {
			r.t.Fatal(err)
		}
	}
	r.run()
}

func (r *rig) journey(id string) string {
	r.t.Helper()
	j, err := r.app.Journey(r.ctx, id)
	if err != nil {
		r.t.Fatal(err)
	}
	var b strings.Builder
	if err := j.WriteText(&b); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

func TestJourney(t *testing.T) {
	r := newRig(t, winding)
	r.wind()
	for id, want := range map[string][]string{
		"file.p00": {"a red dress, number 0", "image 2: ok, image/png 48×48", "generation 1: done at archive", "analyze-heavy: images 2 > 1", "found: ", "garment=dress"},
		"file.p01": {"label: brand is Gucci, by ann", "analyze-heavy skipped: images 1 ≤ 1", "park", "wake", "staged at rev"},
		"file.p02": {"dropped at analyze-light", "not indexed: "},
		"file.p08": {"→ analyze-heavy", "→ label", "→ index", "→ archive"},
	} {
		text := r.journey(id)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("the journey of %s lacks %q:\n%s", id, w, text)
			}
		}
	}
	if _, err := r.app.Journey(r.ctx, "file.nobody"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a post that never was: %v", err)
	}
	r.purge()
	stub, err := r.app.Documents.Stub(r.ctx, "file.p01")
	if err != nil {
		t.Fatal(err)
	}
	if text := r.journey("file.p01"); !strings.Contains(text, "was purged on ") || !strings.Contains(text, "winding: generation 1, part "+stub.Runs["winding"].Part) {
		t.Errorf("the journey of a purged post:\n%s", text)
	}
	if text := r.journey("file.p02"); !strings.Contains(text, "winding: generation 1, never archived") {
		t.Errorf("the journey of a post that was dropped, then purged:\n%s", text)
	}
}

func TestStatus(t *testing.T) {
	r := newRig(t, asking)
	entries := r.posts(4)
	entries[0].Text = "my new Gucci bag"
	r.imports(entries, "asking")
	var b strings.Builder
	if err := r.status().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"admitted        4\n", "queued          4\n", "asking   queued  fetch  4\n", "fetch  4        0"} {
		if !strings.Contains(b.String(), w) {
			t.Errorf("the status lacks %q:\n%s", w, b.String())
		}
	}
	r.run()
	if _, err := r.app.Builder().Run(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.counted(map[models.State]int64{models.Parked: 1, models.Done: 3})
	s := r.status()
	if s.Items != 1 || s.Parts[models.PartVerified] != 3 {
		t.Errorf("%d questions, parts %v", s.Items, s.Parts)
	}
	for _, q := range s.Queues {
		if q.Pending+q.Active+q.Scheduled+q.Retry+q.Archived != 0 {
			t.Errorf("%+v; all queues are empty in the end", q)
		}
	}
}

// TestSimulationIsTrue: what a simulation says of stored posts is what their
// runs really did.
func TestSimulationIsTrue(t *testing.T) {
	r := newRig(t, winding)
	r.wind()
	p, err := r.app.Library.Named(r.ctx, "winding")
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := r.app.StoredSubjects(r.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	got := profile.Simulate(p, slices.Values(subjects.Posts), subjects.Costs)

	visits, parked, ends := map[models.Step]int{}, 0, map[models.State]int{}
	for i := range 12 {
		id := fmt.Sprintf("file.p%02d", i)
		_, run := r.post(id, "winding")
		ends[run.State]++
		seen := map[models.Step]bool{}
		for _, e := range r.timeline(id, "winding", 1) {
			if !seen[e.Step] {
				seen[e.Step] = true
				visits[e.Step]++
			}
			if e.Outcome == models.OutPark {
				parked++
			}
		}
	}
	for _, step := range got.Steps {
		if step.Posts != visits[step.Step] {
			t.Errorf("%s: %d posts simulated, %d runs were there", step.Step, step.Posts, visits[step.Step])
		}
	}
	if diff := cmp.Diff(ends, got.Ends); diff != "" {
		t.Errorf("ends (-real +simulated):\n%s", diff)
	}
	if got.Posts != 12 || got.Parked != parked || parked == 0 || visits[models.AnalyzeHeavy] == 0 || ends[models.Dropped] == 0 {
		t.Errorf("%d posts, %d parked; the runs parked %d times, went %v and ended %v", got.Posts, got.Parked, parked, visits, ends)
	}
	if subjects.Costs[models.AnalyzeLight] <= 0 || subjects.Costs[models.AnalyzeHeavy] <= 0 {
		t.Errorf("costs %v", subjects.Costs)
	}
	few, err := r.app.StoredSubjects(r.ctx, 5)
	if err != nil || len(few.Posts) != 5 {
		t.Errorf("%d subjects, %v; want 5", len(few.Posts), err)
	}
}

// TestFileSimulationIsTrue: the same posts, read from their file before they
// are imported, go the same ways.
func TestFileSimulationIsTrue(t *testing.T) {
	r := newRig(t, winding)
	r.wind()
	p, err := r.app.Library.Named(r.ctx, "winding")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := r.app.StoredSubjects(r.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	read, err := app.FileSubjects(r.ctx, r.app.Registry, r.dir+"/posts.ndjson", []*profile.Profile{p}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	want := profile.Simulate(p, slices.Values(stored.Posts), nil)
	if diff := cmp.Diff(want, profile.Simulate(p, slices.Values(read.Posts), nil)); diff != "" {
		t.Errorf("(-stored +from the file):\n%s", diff)
	}
}
