package profile_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/profile"
)

func all(s []profile.Subject) iter.Seq[profile.Subject] { return slices.Values(s) }

func costs() profile.CostModel {
	return profile.CostModel{models.Fetch: 0.01, models.AnalyzeLight: 0.02, models.AnalyzeHeavy: 1, models.Index: 0.001}
}

// subjects are 20 posts: the i-th is sure of its category to i/20, doubly so
// after heavy, and every fifth shows none.
func subjects() []profile.Subject {
	var out []profile.Subject
	for i := range 20 {
		s := profile.Subject{Post: post(fmt.Sprintf("x.%02d", i), "img")}
		if i%5 != 4 {
			s.Light = []models.Attribute{attr("category", "bag", float64(i)/20)}
			s.Heavy = []models.Attribute{attr("category", "bag", min(1, float64(i)/10))}
		}
		out = append(out, s)
	}
	return out
}

const simulated = `
name: sim
match: {sources: [instagram]}
analyze-light: {models: [color]}
analyze-heavy: {when: 'confidence("category") < 0.60', models: [garment-l], budget: {per_1000_posts: 8s}}
label: {when: 'confidence("category") < 0.30', sample: 0.1}
index: {when: 'has("category")'}
`

// golden compares got with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

func TestSimulate(t *testing.T) {
	r := profile.Simulate(parse(t, simulated), all(subjects()), costs())
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "simulate.golden", b.String())
	heavy := r.Steps[models.AnalyzeHeavy.Position()]
	if heavy.Posts != 8 || heavy.CostSeconds != 8 {
		t.Errorf("eight seconds pay for eight posts of one second, not %d for %g", heavy.Posts, heavy.CostSeconds)
	}
	var counted int
	for _, c := range heavy.Reasons {
		counted += c.Posts
	}
	if counted != r.Posts {
		t.Errorf("reasons for %d of %d posts", counted, r.Posts)
	}
	var back profile.Report
	body, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(body, &back)
	}
	if diff := cmp.Diff(r, &back); err != nil || diff != "" {
		t.Errorf("JSON: %v\n%s", err, diff)
	}
}

// TestSimulateBudget: the budget grows with each thousand posts begun.
func TestSimulateBudget(t *testing.T) {
	p := parse(t, "name: p\nanalyze-heavy: {models: [garment-l], budget: {per_1000_posts: 2s}}\nlabel: {sample: 1}")
	many := make([]profile.Subject, 2500)
	for i := range many {
		many[i].Post = post(fmt.Sprint("x.", i))
	}
	r := profile.Simulate(p, all(many), costs())
	if heavy := r.Steps[models.AnalyzeHeavy.Position()]; heavy.Posts != 6 {
		t.Errorf("two seconds for each thousand begun pay for 6 of 2500 posts, not for %d", heavy.Posts)
	}
	if label := r.Steps[models.LabelStep.Position()]; label.Posts != 2500 || r.Parked != 0 {
		t.Errorf("the sample asks about all without waiting: asked %d, waiting %d", label.Posts, r.Parked)
	}
}

func TestSimulateNothing(t *testing.T) {
	r := profile.Simulate(parse(t, simulated), all(nil), nil)
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || r.Posts != 0 || strings.Contains(b.String(), "NaN") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestDiff(t *testing.T) {
	before := parse(t, simulated)
	after := parse(t, strings.NewReplacer("0.30", "0.50", ", budget: {per_1000_posts: 8s}", "").Replace(simulated))
	d := profile.Diff(before, after, all(subjects()), costs())
	var b strings.Builder
	if err := d.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.golden", b.String())
	if d.Changed == 0 || d.Changed != len(d.Changes) {
		t.Errorf("changed %d, listed %d", d.Changed, len(d.Changes))
	}
}

func TestDiffNamesANewSection(t *testing.T) {
	d := profile.Diff(parse(t, "name: p"), parse(t, "name: p\nlabel: {when: 'images > 0'}"), all(subjects()[:1]), nil)
	want := []profile.RouteChange{{
		Post: "x.00", Old: "fetch → analyze-light → index → archive → done",
		New:    "fetch → analyze-light → label (waits) → index → archive → done",
		Reason: "label: yes, images 1 > 0; before: no such section",
	}}
	if diff := cmp.Diff(want, d.Changes); diff != "" || d.Parked != 1 {
		t.Errorf("parked %d\n%s", d.Parked, diff)
	}
}
