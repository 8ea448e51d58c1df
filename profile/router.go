package profile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"weft/models"
)

// Decision is where a run goes from the step it has done. Exactly one of Step
// and End is set.
type Decision struct {
	Step    models.Step
	End     models.State // models.Done or models.Dropped
	Reason  string       // in words, with the values that were found
	Counted bool         // the budget of analyze-heavy was asked: it has seen one more post
}

// verdict is the part of a decision that concerns one step.
type verdict struct {
	step  models.Step
	enter bool
	text  string // why, with values
	rule  string // why, without values
	waits bool   // a person is waited for
}

// Next says where run, which has just done run.Step, goes from here. It is
// total, looks at nothing but its arguments, and only ever goes forward.
// spent is the state of the budget of analyze-heavy.
//
// Whether a question was answered already is none of its business: a post may
// be sent to the label step and pass straight through it.
func (p *Profile) Next(post *models.Post, run *models.Run, spent models.Spent) Decision {
	d, _ := p.decide(post, run, spent)
	return d
}

func (p *Profile) decide(post *models.Post, run *models.Run, spent models.Spent) (Decision, []verdict) {
	var d Decision
	var seen []verdict
	switch run.Step {
	case models.Fetch:
		seen = []verdict{p.afterFetch(post)}
	case models.AnalyzeLight, models.AnalyzeHeavy, models.LabelStep:
		if run.Step == models.AnalyzeLight && p.Heavy != nil {
			d.Counted = p.Heavy.Per1000 > 0
			seen = append(seen, p.heavyVerdict(post, run, spent))
		}
		if run.Step != models.LabelStep && p.Label != nil && !entered(seen) {
			seen = append(seen, p.labelVerdict(post, run))
		}
		if !entered(seen) {
			seen = append(seen, p.indexVerdict(post, run))
		}
	case models.Index:
		seen = []verdict{p.afterIndex()}
	case models.Archive:
		d.End, d.Reason = models.Done, "archived"
		return d, nil
	default:
		d.End, d.Reason = models.Dropped, fmt.Sprintf("no step is called %q", run.Step)
		return d, nil
	}
	d.Reason = reasonOf(seen)
	if last := seen[len(seen)-1]; last.enter {
		d.Step = last.step
	} else {
		d.End = models.Dropped
	}
	return d, seen
}

func entered(seen []verdict) bool { return len(seen) > 0 && seen[len(seen)-1].enter }

// reasonOf tells what was skipped, and then what comes.
func reasonOf(seen []verdict) string {
	parts := make([]string, len(seen))
	for i, v := range seen {
		switch {
		case v.enter:
			parts[i] = fmt.Sprintf("%s: %s", v.step, v.text)
		case v.step == models.Index:
			parts[i] = "not indexed: " + v.text
		default:
			parts[i] = fmt.Sprintf("%s skipped: %s", v.step, v.text)
		}
	}
	return strings.Join(parts, "; ")
}

func (p *Profile) afterFetch(post *models.Post) verdict {
	v := verdict{step: models.AnalyzeLight, enter: true, rule: "every post"}
	v.text = fmt.Sprintf("%d of %d images usable", len(post.Images()), len(post.Media))
	if len(p.Light) == 0 {
		v.text, v.rule = v.text+", no models asked for", "no models asked for"
	}
	return v
}

func (p *Profile) afterIndex() verdict {
	text := "without the source's response"
	if p.Archive.Raw {
		text = "with the source's response"
	}
	return verdict{step: models.Archive, enter: true, text: text, rule: text}
}

func (p *Profile) heavyVerdict(post *models.Post, run *models.Run, spent models.Spent) verdict {
	f := conditioned(p.Heavy.When, "every post", post, run)
	v := verdict{step: models.AnalyzeHeavy, enter: f.ok, text: f.text, rule: f.rule}
	allowed := p.Heavy.allowance(spent)
	if f.ok && p.Heavy.Per1000 > 0 && !(spent.Seconds < allowed) {
		v.enter = false
		v.text = fmt.Sprintf("%s, but the budget is exhausted: %.1f s spent, %.1f s allowed for %d posts",
			f.text, spent.Seconds, allowed, thousands(spent)*1000)
		v.rule = "budget exhausted"
	}
	return v
}

// allowance is the CPU time that the posts seen so far, this one included, may
// have cost: the budget for each thousand begun.
func (h *Heavy) allowance(spent models.Spent) float64 {
	return h.Per1000.Seconds() * float64(thousands(spent))
}

func thousands(spent models.Spent) int64 { return max(0, spent.Posts)/1000 + 1 }

func (p *Profile) labelVerdict(post *models.Post, run *models.Run) verdict {
	rule, sample, why := p.asks(post, run)
	return verdict{step: models.LabelStep, enter: rule || sample, text: why.text, rule: why.rule, waits: rule}
}

func (p *Profile) indexVerdict(post *models.Post, run *models.Run) verdict {
	f := conditioned(p.Index.When, "every post", post, run)
	return verdict{step: models.Index, enter: f.ok, text: f.text, rule: f.rule}
}

// conditioned evaluates a condition that may be absent, which means always.
func conditioned(w *Where, always string, post *models.Post, run *models.Run) finding {
	if w == nil {
		return finding{true, always, always}
	}
	return w.find(post, run)
}

// Asks says whether people are asked about a post, by the profile's rule, as
// part of its sample, or both. Only the rule makes the post wait. The router
// and the label step use the same answer.
func (p *Profile) Asks(post *models.Post, run *models.Run) (rule, sample bool, reason string) {
	rule, sample, why := p.asks(post, run)
	return rule, sample, why.text
}

func (p *Profile) asks(post *models.Post, run *models.Run) (rule, sample bool, why finding) {
	if p.Label == nil {
		return false, false, finding{text: "the profile asks nobody", rule: "the profile asks nobody"}
	}
	var texts, rules []string
	if p.Label.When != nil {
		f := p.Label.When.find(post, run)
		rule = f.ok
		texts, rules = append(texts, f.text), append(rules, f.rule)
	}
	if p.Label.Sample > 0 || p.Label.When == nil {
		sample = p.InSample(post.ID)
		said := fmt.Sprintf("in the %s sample", percent(p.Label.Sample))
		if !sample {
			said = "not " + said
		}
		if sample || !rule {
			texts, rules = append(texts, said), append(rules, said)
		}
	}
	return rule, sample, finding{rule || sample, strings.Join(texts, ", "), strings.Join(rules, ", ")}
}

func percent(share float64) string { return decimal(share*100, enough(share*100, share*100, 0)) + "%" }

// InSample says whether a post is in the profile's uniform sample. The salt is
// the profile's name, so an edited profile keeps its sample, a raised rate only
// adds to it, and two profiles draw independently.
func (p *Profile) InSample(postID string) bool {
	if p.Label == nil {
		return false
	}
	sum := sha256.Sum256([]byte(p.Name + "\x00" + postID))
	// 53 bits are what a float64 holds; more would round up to 1.
	return float64(binary.BigEndian.Uint64(sum[:8])>>11)/(1<<53) < p.Label.Sample
}

// Matches says whether a discovered post is for this profile, and why.
func (p *Profile) Matches(post *models.Post) (bool, string) {
	m := p.Match
	country := strings.ToUpper(post.Author.Location.Country)
	language := strings.ToLower(post.Language)
	checks := []struct {
		what, is string
		wanted   []string
		hit      func(wanted string) bool
	}{
		{"source", brief(post.Source), m.Sources, func(w string) bool { return w == post.Source }},
		{"hashtags", brief(post.Hashtags), m.Hashtags, func(w string) bool {
			return slices.ContainsFunc(post.Hashtags, func(h string) bool { return strings.ToLower(strings.TrimPrefix(h, "#")) == w })
		}},
		{"language", brief(post.Language), m.Languages, func(w string) bool { return language == w || strings.HasPrefix(language, w+"-") }},
		{"country", brief(country), m.Countries, func(w string) bool { return w == country }},
	}
	var hits []string
	for _, c := range checks {
		if len(c.wanted) == 0 {
			continue
		}
		at := slices.IndexFunc(c.wanted, c.hit)
		if at < 0 {
			return false, fmt.Sprintf("%s %s is not among %s", c.what, c.is, strings.Join(c.wanted, ", "))
		}
		hits = append(hits, c.what+" "+c.wanted[at])
	}
	if len(hits) == 0 {
		return true, "the profile takes every post"
	}
	return true, strings.Join(hits, ", ")
}
