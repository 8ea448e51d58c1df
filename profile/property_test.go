package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/models"
	"weft/profile"
)

// checkRoutes sends a post from every step to its end and holds the router to
// its laws: each decision is a step further on or an end, the same twice, with
// a reason, and the budget is asked only after analyze-light.
func checkRoutes(t testing.TB, p *profile.Profile, x *models.Post, attributes []models.Attribute) {
	t.Helper()
	for _, from := range models.Steps() {
		for _, spent := range []models.Spent{{}, {Posts: 1500, Seconds: 1e12}} {
			r := &models.Run{Profile: p.Name, Post: x.ID, Step: from, Attributes: attributes}
			for hops := 0; ; hops++ {
				d, again := p.Next(x, r, spent), p.Next(x, r, spent)
				if diff := cmp.Diff(d, again); diff != "" {
					t.Fatalf("not deterministic:\n%s", diff)
				}
				if d.Reason == "" || (d.Step == "") == (d.End == "") || (d.Counted && r.Step != models.AnalyzeLight) {
					t.Fatalf("from %s: %+v", r.Step, d)
				}
				if d.End != "" {
					if d.End != models.Done && d.End != models.Dropped {
						t.Fatalf("from %s: %+v", r.Step, d)
					}
					break
				}
				if d.Step.Position() <= r.Step.Position() || hops > len(models.Steps()) {
					t.Fatalf("from %s back to %+v", r.Step, d)
				}
				if d.Step == models.AnalyzeHeavy && (p.Heavy == nil || (p.Heavy.Per1000 > 0 && spent.Seconds > 0)) {
					t.Fatalf("heavy without section or budget: %+v", d)
				}
				r.Step = d.Step
			}
		}
	}
}

func names() []string { return catalog{}.Attributes() }

func genWhen(t *rapid.T, label string) string {
	name := rapid.SampledFrom(names()).Draw(t, label+" attribute")
	return rapid.SampledFrom([]string{
		"true", "false", "images > 1", `hashtags[2] == "a"`,
		fmt.Sprintf(`confidence("%s") < %.2f`, name, rapid.Float64Range(0, 1).Draw(t, label+" limit")),
		fmt.Sprintf(`has("%s")`, name),
		fmt.Sprintf(`has("%s") and not labeled("%s") or images == 0`, name, name),
		fmt.Sprintf(`value("%s") == "a"`, name),
	}).Draw(t, label+" when")
}

func genBody(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("name: p\n")
	if rapid.Bool().Draw(t, "light") {
		b.WriteString("analyze-light: {models: [color, caption]}\n")
	}
	if rapid.Bool().Draw(t, "heavy") {
		fmt.Fprintf(&b, "analyze-heavy:\n  models: [garment-l]\n  when: '%s'\n", genWhen(t, "heavy"))
		if rapid.Bool().Draw(t, "budget") {
			fmt.Fprintf(&b, "  budget: {per_1000_posts: %ds}\n", rapid.IntRange(1, 1000).Draw(t, "seconds"))
		}
	}
	if rapid.Bool().Draw(t, "label") {
		fmt.Fprintf(&b, "label:\n  sample: %g\n", rapid.Float64Range(0, 1).Draw(t, "sample"))
		if rapid.Bool().Draw(t, "rule") {
			fmt.Fprintf(&b, "  when: '%s'\n", genWhen(t, "label"))
		}
	}
	if rapid.Bool().Draw(t, "index") {
		fmt.Fprintf(&b, "index: {when: '%s'}\n", genWhen(t, "index"))
	}
	return b.String()
}

func genPost(t *rapid.T) *models.Post {
	x := post(rapid.StringMatching(`[a-z]{1,8}\.[A-Za-z0-9_-]{1,12}`).Draw(t, "id"))
	for i := range rapid.IntRange(0, 3).Draw(t, "images") {
		state := rapid.SampledFrom([]models.MediaState{models.MediaOK, models.MediaFailed, models.MediaPending}).Draw(t, "state")
		x.Media = append(x.Media, models.Media{SHA256: fmt.Sprint("i", i), State: state})
	}
	x.Hashtags = rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "hashtags")
	for _, n := range rapid.SliceOfN(rapid.SampledFrom(names()), 0, 2).Draw(t, "labels") {
		x.Labels = append(x.Labels, models.Label{Attribute: n, Values: rapid.SliceOfN(rapid.StringN(0, 3, 9), 0, 2).Draw(t, "answers")})
	}
	return x
}

func genAttributes(t *rapid.T) []models.Attribute {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) models.Attribute {
		return attr(rapid.SampledFrom(names()).Draw(t, "name"), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value"),
			rapid.Float64().Draw(t, "confidence"), rapid.SampledFrom([]string{"", "i0", "i1", "i2", "gone"}).Draw(t, "image"))
	}), 0, 8).Draw(t, "attributes")
}

func TestRouterIsTotal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := genBody(rt)
		p, err := profile.Parse("p.yaml", []byte(body), catalog{})
		if err != nil {
			rt.Fatalf("%v in\n%s", err, body)
		}
		checkRoutes(t, p, genPost(rt), genAttributes(rt))
	})
}

// TestLawsOfTheWhole holds for any posts: a simulation ends each post once,
// its steps never grow along the chain, and a profile differs in nothing from itself.
func TestLawsOfTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, err := profile.Parse("p.yaml", []byte(genBody(rt)), catalog{})
		if err != nil {
			rt.Fatal(err)
		}
		var subjects []profile.Subject
		for range rapid.IntRange(0, 5).Draw(rt, "posts") {
			subjects = append(subjects, profile.Subject{Post: genPost(rt), Light: genAttributes(rt), Heavy: genAttributes(rt)})
		}
		costs := profile.CostModel{models.AnalyzeHeavy: 3, models.Fetch: 0.5}
		r := profile.Simulate(p, all(subjects), costs)
		if r.Posts != len(subjects) || r.Ends[models.Done]+r.Ends[models.Dropped] != r.Posts {
			rt.Fatalf("%+v", r)
		}
		count := map[models.Step]int{}
		for _, s := range r.Steps {
			count[s.Step] = s.Posts
		}
		if count[models.Fetch] != r.Posts || count[models.AnalyzeLight] != r.Posts || count[models.Archive] != r.Ends[models.Done] ||
			count[models.Index] != count[models.Archive] || r.Parked > count[models.LabelStep] {
			rt.Fatalf("%+v", r)
		}
		if d := profile.Diff(p, p, all(subjects), costs); d.Changed != 0 || d.CostSeconds != 0 || d.Parked != 0 || len(d.Changes) != 0 {
			rt.Fatalf("a profile differs from itself: %+v", d)
		}
	})
}
