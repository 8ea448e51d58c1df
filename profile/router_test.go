package profile_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/profile"
)

const watch = `
name: p
analyze-light: {models: [color]}
analyze-heavy: {when: 'confidence("category") < 0.80', models: [garment-l], budget: {per_1000_posts: 120s}}
label: {when: 'confidence("brand") < 0.90'}
index: {when: 'has("category")'}
`

func TestNext(t *testing.T) {
	sure, unsure, brand := attr("category", "bag", 0.91), attr("category", "bag", 0.61), attr("brand", "gucci", 0.95)
	tests := []struct {
		name, body string
		run        *models.Run
		spent      models.Spent
		want       profile.Decision
	}{
		{"fetched", watch, run(models.Fetch), models.Spent{},
			profile.Decision{Step: models.AnalyzeLight, Reason: "analyze-light: 1 of 1 images usable"}},
		{"unsure", watch, run(models.AnalyzeLight, unsure), models.Spent{},
			profile.Decision{Step: models.AnalyzeHeavy, Reason: "analyze-heavy: category 0.61 < 0.80", Counted: true}},
		{"just unsure", watch, run(models.AnalyzeLight, attr("category", "bag", 0.7961)), models.Spent{},
			profile.Decision{Step: models.AnalyzeHeavy, Reason: "analyze-heavy: category 0.796 < 0.800", Counted: true}},
		{"sure, no brand", watch, run(models.AnalyzeLight, sure), models.Spent{},
			profile.Decision{Step: models.LabelStep, Reason: "analyze-heavy skipped: category 0.91 ≥ 0.80; label: brand 0.00 < 0.90", Counted: true}},
		{"all sure", watch, run(models.AnalyzeLight, sure, brand), models.Spent{},
			profile.Decision{Step: models.Index, Reason: "analyze-heavy skipped: category 0.91 ≥ 0.80; label skipped: brand 0.95 ≥ 0.90; index: has category", Counted: true}},
		{"budget exhausted", watch, run(models.AnalyzeLight, unsure, brand), models.Spent{Posts: 999, Seconds: 120},
			profile.Decision{Step: models.Index, Counted: true, Reason: "analyze-heavy skipped: category 0.61 < 0.80, but the budget is exhausted: 120.0 s spent, 120.0 s allowed for 1000 posts; label skipped: brand 0.95 ≥ 0.90; index: has category"}},
		{"next thousand", watch, run(models.AnalyzeLight, unsure), models.Spent{Posts: 1000, Seconds: 120},
			profile.Decision{Step: models.AnalyzeHeavy, Reason: "analyze-heavy: category 0.61 < 0.80", Counted: true}},
		{"after heavy", watch, run(models.AnalyzeHeavy, unsure, brand), models.Spent{Seconds: 1e9},
			profile.Decision{Step: models.Index, Reason: "label skipped: brand 0.95 ≥ 0.90; index: has category"}},
		{"nothing found", watch, run(models.LabelStep), models.Spent{},
			profile.Decision{End: models.Dropped, Reason: "not indexed: no category"}},
		{"indexed", watch, run(models.Index), models.Spent{},
			profile.Decision{Step: models.Archive, Reason: "archive: with the source's response"}},
		{"archived", watch, run(models.Archive), models.Spent{},
			profile.Decision{End: models.Done, Reason: "archived"}},
		{"unknown step", watch, run("paint"), models.Spent{},
			profile.Decision{End: models.Dropped, Reason: `no step is called "paint"`}},
		{"bare profile", "name: p", run(models.AnalyzeLight), models.Spent{},
			profile.Decision{Step: models.Index, Reason: "index: every post"}},
		{"no budget", "name: p\nanalyze-heavy: {models: [garment-l]}", run(models.AnalyzeLight), models.Spent{Seconds: 1e9},
			profile.Decision{Step: models.AnalyzeHeavy, Reason: "analyze-heavy: every post"}},
		{"always", "name: p\nlabel: {when: 'true'}", run(models.AnalyzeLight), models.Spent{},
			profile.Decision{Step: models.LabelStep, Reason: "label: always"}},
		{"unquoted true", "name: p\nlabel: {when: true, sample: 1}", run(models.AnalyzeLight), models.Spent{},
			profile.Decision{Step: models.LabelStep, Reason: "label: always, in the 100% sample"}},
		{"not in sample", "name: p\nlabel: {sample: 0.000001}", run(models.AnalyzeLight), models.Spent{},
			profile.Decision{Step: models.Index, Reason: "label skipped: not in the 0.0001% sample; index: every post"}},
		{"composite", "name: p\nlabel: {when: 'confidence(\"category\") < 0.8 and images > 0'}", run(models.AnalyzeLight, unsure), models.Spent{},
			profile.Decision{Step: models.LabelStep, Reason: `label: confidence("category") < 0.8 and images > 0: category 0.61, images 1 → true`}},
		{"short circuit", "name: p\nindex: {when: 'has(\"category\") or has(\"brand\")'}", run(models.AnalyzeLight, unsure), models.Spent{},
			profile.Decision{Step: models.Index, Reason: `index: has("category") or has("brand"): has category → true`}},
		{"text", "name: p\nindex: {when: 'value(\"brand\") == \"gucci\"'}", run(models.AnalyzeLight, brand), models.Spent{},
			profile.Decision{Step: models.Index, Reason: `index: brand "gucci" = "gucci"`}},
		{"number", "name: p\nindex: {when: 'images >= 2'}", run(models.AnalyzeLight), models.Spent{},
			profile.Decision{End: models.Dropped, Reason: `not indexed: images 1 < 2`}},
		{"runtime error", "name: p\nindex: {when: 'hashtags[3] == \"a\"'}", run(models.AnalyzeLight), models.Spent{},
			profile.Decision{End: models.Dropped, Reason: `not indexed: evaluate hashtags[3] == "a": index out of range: 3 (array length is 0) (1:9) (taken as false)`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parse(t, tt.body).Next(post("x.1", "img"), tt.run, tt.spent)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLabelsOverrideModels(t *testing.T) {
	p := parse(t, watch)
	post := post("x.1", "img")
	post.Labels = []models.Label{{Attribute: "category"}, {Attribute: "brand", Values: []string{"chloe"}}}
	got := p.Next(post, run(models.AnalyzeLight, attr("category", "bag", 0.3)), models.Spent{})
	want := profile.Decision{End: models.Dropped, Counted: true,
		Reason: "analyze-heavy skipped: category 1.00 ≥ 0.80; label skipped: brand 1.00 ≥ 0.90; not indexed: no category"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a person said that there is no category (-want +got)\n%s", diff)
	}
}

func TestAsksIsWhatTheRouterSays(t *testing.T) {
	p := parse(t, "name: p\nlabel: {when: 'images == 0', sample: 0.5}")
	kinds := map[[2]bool]int{}
	for i := range 200 {
		x := post(fmt.Sprint("x.", i))
		if i%2 == 0 {
			x = post(fmt.Sprint("x.", i), "img")
		}
		rule, sample, reason := p.Asks(x, run(models.LabelStep))
		kinds[[2]bool{rule, sample}]++
		d := p.Next(x, run(models.AnalyzeLight), models.Spent{})
		if asked := d.Step == models.LabelStep; asked != (rule || sample) || !strings.Contains(d.Reason, reason) {
			t.Fatalf("asks %t %t %q, router %+v", rule, sample, reason, d)
		}
	}
	if len(kinds) != 4 {
		t.Errorf("only these kinds came up: %v", kinds)
	}
}

// TestSampleIsUniform: a hundred thousand ids fall into the rates' bounds by
// less than five standard deviations, a higher rate only adds posts, and two
// profiles draw independently.
func TestSampleIsUniform(t *testing.T) {
	const n = 100_000
	rates := []float64{0, 0.02, 0.1, 0.5, 0.9, 1}
	var a, b []*profile.Profile
	for _, r := range rates {
		a = append(a, parse(t, fmt.Sprintf("name: a\nlabel: {sample: %g}", r)))
		b = append(b, parse(t, fmt.Sprintf("name: b\nlabel: {sample: %g, answers: 2}", r)))
	}
	hits, both := make([]int, len(rates)), make([]int, len(rates))
	for i := range n {
		id := fmt.Sprintf("instagram.%d", i)
		before := false
		for k := range rates {
			in := a[k].InSample(id)
			if before && !in {
				t.Fatalf("%s is in the sample of %g, not in that of %g", id, rates[k-1], rates[k])
			}
			before = in
			if in {
				hits[k]++
				if b[k].InSample(id) {
					both[k]++
				}
			}
		}
	}
	for k, r := range rates {
		for _, c := range []struct {
			what string
			got  int
			p    float64
		}{{"one", hits[k], r}, {"both", both[k], r * r}} {
			if off := math.Abs(float64(c.got) - n*c.p); off > 5*math.Sqrt(n*c.p*(1-c.p)) {
				t.Errorf("rate %g, %s: %d of %d, want about %.0f", r, c.what, c.got, n, n*c.p)
			}
		}
	}
}

func TestSampleKeepsAcrossVersions(t *testing.T) {
	one := parse(t, "name: p\nlabel: {sample: 0.3}")
	two := parse(t, "name: p\nlabel: {sample: 0.3, answers: 3}\nindex: {retention: 5d}")
	for i := range 1000 {
		if id := fmt.Sprint("x.", i); one.InSample(id) != two.InSample(id) {
			t.Fatalf("%s: another version draws another sample", id)
		}
	}
}

func TestMatches(t *testing.T) {
	full := `{sources: [instagram], hashtags: [luxury, 奢侈品], languages: [zh, en-GB], countries: [CN]}`
	good := models.Post{Source: "instagram", Hashtags: []string{"ootd", "奢侈品"}, Language: "zh-Hant",
		Author: models.Author{Location: models.Location{Country: "CN"}}}
	other := func(change func(*models.Post)) models.Post { p := good; change(&p); return p }
	tests := []struct {
		name, match string
		post        models.Post
		want        bool
		reason      string
	}{
		{"no match", "{}", models.Post{}, true, "the profile takes every post"},
		{"all", full, good, true, "source instagram, hashtags 奢侈品, language zh, country CN"},
		{"source", full, other(func(p *models.Post) { p.Source = "weibo" }), false, `source "weibo" is not among instagram`},
		{"hashtags", full, other(func(p *models.Post) { p.Hashtags = nil }), false, `hashtags [] is not among luxury, 奢侈品`},
		{"language", full, other(func(p *models.Post) { p.Language = "zhx" }), false, `language "zhx" is not among zh, en-gb`},
		{"longer than the post's", full, other(func(p *models.Post) { p.Language = "en" }), false, `language "en" is not among zh, en-gb`},
		{"case", full, other(func(p *models.Post) { p.Language = "EN-gb" }), true, "source instagram, hashtags 奢侈品, language en-gb, country CN"},
		{"unknown country", full, other(func(p *models.Post) { p.Author.Location.Country = "" }), false, `country "" is not among CN`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ok, reason := parse(t, "name: p\nmatch: "+tt.match).Matches(&tt.post)
			if ok != tt.want || reason != tt.reason {
				t.Errorf("got %t, %s", ok, reason)
			}
		})
	}
}
