package tasks_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/models"
)

func (w *world) expect(e *expectation) {
	w.t.Helper()
	for _, key := range slices.Sorted(maps.Keys(e.Runs)) {
		w.expectRun(key, e.Runs[key])
	}
	for _, name := range slices.Sorted(maps.Keys(e.Posts)) {
		w.expectPost(name, e.Posts[name])
	}
	for _, key := range slices.Sorted(maps.Keys(e.Items)) {
		w.expectItem(key, e.Items[key])
	}
	if e.Counts != nil {
		got := map[models.State]int64{}
		counts, err := w.docs.Counts(w.ctx)
		w.must(err)
		for _, c := range counts {
			got[c.State] += c.N
		}
		w.same("counts", got, e.Counts)
	}
}

// same compares; empty and nil are the same.
func (w *world) same(what string, got, want any) {
	w.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func (w *world) expectRun(key string, want wantRun) {
	w.t.Helper()
	name, profile, _ := strings.Cut(key, "/")
	_, run, err := w.docs.Load(w.ctx, id(name), profile)
	if want.Absent {
		if !errors.Is(err, models.ErrNotFound) {
			w.t.Fatalf("run %s: is there (%v), want none", key, err)
		}
		return
	}
	w.must(err)
	timeline, err := w.docs.Timeline(w.ctx, id(name), profile)
	w.must(err)
	story := slices.DeleteFunc(timeline, func(e models.Entry) bool { return e.Generation != run.Generation })
	check := func(what string, set bool, got, wanted any) {
		w.t.Helper()
		if set && !cmp.Equal(got, wanted) {
			w.t.Fatalf("run %s: %s is %v, want %v\n%s", key, what, got, wanted, told(story))
		}
	}
	check("state", want.State != "", run.State, want.State)
	check("step", want.Step != "", run.Step, want.Step)
	check("generation", want.Generation != 0, run.Generation, want.Generation)
	check("seq", want.Seq != 0, run.Seq, want.Seq)
	check("lane", want.Lane != "", run.Lane, want.Lane)
	check("version in force", want.Version != "", run.Version == w.profiles[profile].Version, want.Version == "in force")
	if want.Attempts != nil {
		check("attempts", true, run.Attempts, *want.Attempts)
	}
	if want.Cost != nil {
		check("cost", true, fmt.Sprintf("%.3f", run.Cost), fmt.Sprintf("%.3f", *want.Cost))
	}
	if want.Sampled != nil {
		check("sampled", true, run.Sampled, *want.Sampled)
	}
	if !strings.Contains(run.Error+" "+run.Reason, want.Error) {
		w.t.Fatalf("run %s: error %q, reason %q, want %q in it", key, run.Error, run.Reason, want.Error)
	}
	if want.Path != nil {
		check("path", true, path(story), strings.Join(want.Path, " → "))
	}
	for step, parts := range want.Reasons {
		w.expectReasons(key, models.Step(step), parts, story)
	}
}

// path writes a timeline as steps, with the outcome behind those that did not just go on.
func path(story []models.Entry) string {
	var out []string
	for _, e := range story {
		switch e.Outcome {
		case models.OutAdmitted:
		case models.OutAdvance:
			out = append(out, string(e.Step))
		default:
			out = append(out, string(e.Step)+" "+string(e.Outcome))
		}
	}
	return strings.Join(out, " → ")
}

func told(story []models.Entry) string {
	var b strings.Builder
	for _, e := range story {
		fmt.Fprintf(&b, "  %d %s %s: %s %s\n", e.Seq, e.Step, e.Outcome, e.Reason, e.Error)
	}
	return b.String()
}

func (w *world) expectReasons(key string, step models.Step, parts any, story []models.Entry) {
	w.t.Helper()
	list, ok := parts.([]any)
	if !ok {
		list = []any{parts}
	}
	for _, part := range list {
		if !slices.ContainsFunc(story, func(e models.Entry) bool {
			return e.Step == step && strings.Contains(e.Reason+" "+e.Error, fmt.Sprint(part))
		}) {
			w.t.Fatalf("run %s: nothing at %s says %q:\n%s", key, step, part, told(story))
		}
	}
}

func (w *world) expectPost(name string, want wantPost) {
	w.t.Helper()
	post, _, err := w.docs.Post(w.ctx, id(name))
	if want.Stub {
		_, stubErr := w.docs.Stub(w.ctx, id(name))
		if !errors.Is(err, models.ErrNotFound) || stubErr != nil {
			w.t.Fatalf("post %s: %v, its stub: %v; want only a stub", name, err, stubErr)
		}
	} else {
		w.must(err)
	}
	if want.Deleted != (post.Tombstone != nil) {
		w.t.Fatalf("post %s: tombstone %v", name, post.Tombstone)
	}
	if want.Text != "" {
		w.same("text of "+name, post.Text, want.Text)
	}
	if want.Labels != nil {
		got := map[string][]string{}
		for _, l := range post.Labels {
			got[l.Attribute] = l.Values
		}
		w.same("labels of "+name, got, want.Labels)
	}
	if want.Published != nil {
		got := map[string]int{}
		for profile, pub := range post.Published {
			got[profile] = pub.Generation
		}
		w.same("published of "+name, got, want.Published)
	}
	if want.Images != nil {
		var got []string
		for _, m := range post.Media {
			got = append(got, string(m.State))
		}
		w.same("images of "+name, got, want.Images)
	}
	if want.Rows != nil {
		if got := w.rowsOf(id(name)); len(got) != *want.Rows {
			w.t.Fatalf("post %s has %d rows, want %d: %v", name, len(got), *want.Rows, got)
		}
	}
	if want.Raw != nil {
		for _, key := range w.rowsOf(id(name)) {
			if got := bytes.Contains(w.staged[key], []byte(`"from":"sim"`)); got != *want.Raw {
				w.t.Fatalf("row %s keeps the source's response: %t, want %t", key, got, *want.Raw)
			}
		}
	}
	w.expectFound(name, want)
}

// expectFound looks at what search holds of a post.
func (w *world) expectFound(name string, want wantPost) {
	w.t.Helper()
	doc, there := w.found()[id(name)]
	if want.Search == "absent" {
		if there {
			w.t.Fatalf("post %s is in search: %+v", name, doc)
		}
		return
	}
	if (want.Search != nil || want.Unchecked != nil || want.Likes != nil) && !there {
		w.t.Fatalf("post %s is not in search", name)
	}
	if attributes, ok := want.Search.(map[string]any); ok {
		got, wanted := map[string][]string{}, map[string][]string{}
		for _, a := range doc.Attributes {
			got[a.Name] = append(got[a.Name], a.Value)
		}
		for attribute, values := range attributes {
			list, ok := values.([]any)
			if !ok {
				list = []any{values}
			}
			for _, v := range list {
				wanted[attribute] = append(wanted[attribute], fmt.Sprint(v))
			}
		}
		w.same("attributes in search of "+name, got, wanted)
	}
	if want.Unchecked != nil {
		w.same("unchecked of "+name, doc.Unchecked, want.Unchecked)
	}
	if want.Likes != nil && (doc.Counts.Likes == nil || *doc.Counts.Likes != *want.Likes) {
		w.t.Fatalf("likes in search of %s: %v, want %d", name, doc.Counts.Likes, *want.Likes)
	}
}

func (w *world) expectItem(key string, want wantItem) {
	w.t.Helper()
	name, profile, _ := strings.Cut(key, "/")
	it, err := w.docs.Item(w.ctx, models.ItemID(id(name), profile, choices{}.Taxonomy()))
	if want.Absent {
		if !errors.Is(err, models.ErrNotFound) {
			w.t.Fatalf("item %s: %v, want none", key, err)
		}
		return
	}
	w.must(err)
	var asks []string
	for _, q := range it.Questions {
		asks = append(asks, q.Attribute)
	}
	if want.Asks != nil {
		w.same("questions of "+key, asks, want.Asks)
	}
	wrong := func(what string, got, wanted any) {
		w.t.Helper()
		w.t.Fatalf("item %s: %s is %v, want %v", key, what, got, wanted)
	}
	switch {
	case want.State != "" && it.State != want.State:
		wrong("state", it.State, want.State)
	case want.Answers != nil && len(it.Answers) != *want.Answers:
		wrong("number of answers", len(it.Answers), *want.Answers)
	case want.Wanted != 0 && it.Wanted != want.Wanted:
		wrong("wanted", it.Wanted, want.Wanted)
	case want.Rule != nil && it.Rule != *want.Rule:
		wrong("rule", it.Rule, *want.Rule)
	case want.Sample != nil && it.Sample != *want.Sample:
		wrong("sample", it.Sample, *want.Sample)
	case !strings.Contains(it.Reason, want.Reason):
		wrong("reason", it.Reason, want.Reason)
	}
}

// invariants hold after every event, whatever happens.
func (w *world) invariants() {
	w.t.Helper()
	counts, err := w.docs.Counts(w.ctx)
	w.must(err)
	admitted, err := w.docs.Admitted(w.ctx)
	w.must(err)
	var sum int64
	for _, c := range counts {
		sum += c.N
	}
	if sum != admitted || (!w.purged && admitted != w.admitted) {
		w.t.Fatalf("counts %+v come to %d; %d are admitted, %d were asked for", counts, sum, admitted, w.admitted)
	}
	runs, err := w.docs.Runs(w.ctx, models.RunFilter{})
	w.must(err)
	moves := 0
	for _, run := range runs {
		moves += w.whole(run)
	}
	recorded := 0
	for outcome, n := range w.counted {
		if outcome != "retry" {
			recorded += n
		}
	}
	if !w.purged && (recorded > moves || (w.deaths == 0 && recorded < moves)) {
		w.t.Fatalf("%d moves of steps, but %d were recorded: %v", moves, recorded, w.counted)
	}
}

// whole looks at one run, and returns how many of its moves a step made.
func (w *world) whole(run models.Run) int {
	w.t.Helper()
	timeline, err := w.docs.Timeline(w.ctx, run.Post, run.Profile)
	w.must(err)
	moves := 0
	for i, e := range timeline {
		if i > 0 && e.Seq != timeline[i-1].Seq+1 {
			w.t.Fatalf("%s: its timeline goes from seq %d to %d", &run, timeline[i-1].Seq, e.Seq)
		}
		switch e.Outcome {
		case models.OutAdvance, models.OutWait, models.OutPark, models.OutDone, models.OutFailed:
			moves++
		case models.OutDropped:
			if e.Reason != "the post was deleted" {
				moves++
			}
		}
	}
	if n := len(timeline); n > 0 && timeline[n-1].Seq != run.Seq-1 {
		w.t.Fatalf("%s: its timeline ends with seq %d", &run, timeline[n-1].Seq)
	}
	if run.State == models.Queued && run.Due.IsZero() {
		w.t.Fatalf("%s: nobody would look after it", &run)
	}
	return moves
}

// settles lets everything heal and calm down, and then compares the stores:
// search is the projection of every post, history has it as it is published.
func (w *world) settles() {
	w.t.Helper()
	w.faults, w.stale = nil, 0
	clear(w.between)
	w.advance(2 * horizon)
	_, err := w.project.Pass(w.ctx)
	w.must(err)
	w.invariants()
	found := w.found()
	posts, err := w.docs.Posts(w.ctx, models.PostFilter{})
	w.must(err)
	for i := range posts {
		p := &posts[i]
		_, runs, err := w.docs.Post(w.ctx, p.ID)
		w.must(err)
		if slices.ContainsFunc(runs, func(r models.Run) bool { return r.State != models.Done && r.State != models.Dropped }) {
			delete(found, p.ID)
			continue
		}
		doc, visible := models.Project(p)
		got, there := found[p.ID]
		delete(found, p.ID)
		if visible != there {
			w.t.Fatalf("post %s: in search %t, want %t", p.ID, there, visible)
		}
		if there {
			w.same("search of "+p.ID, got, doc)
		}
		for name, pub := range p.Published {
			row := models.Row{Post: p.ID, Profile: name, Generation: pub.Generation, Rev: p.Rev}
			if _, there := w.staged[row.Key()]; !there {
				w.t.Fatalf("history lacks %s; it has %v", row.Key(), w.rowsOf(p.ID))
			}
		}
	}
	if len(found) > 0 {
		w.t.Fatalf("search holds posts that are gone: %v", slices.Collect(maps.Keys(found)))
	}
}
