package profile

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"weft/models"
)

// Subject is a post for a simulation, with what its models say: found in a
// stored run, or predicted by the caller.
type Subject struct {
	Post  *models.Post
	Light []models.Attribute // the run's attributes after analyze-light
	Heavy []models.Attribute // after analyze-heavy; nil: unknown, Light stays
}

// CostModel is the CPU seconds that a step takes for one post, as measured.
type CostModel map[models.Step]float64

// Report says what a profile would do with posts.
type Report struct {
	Profile   string               `json:"profile"`
	Version   string               `json:"version"`
	Posts     int                  `json:"posts"`
	Unmatched int                  `json:"unmatched"` // posts that the profile's match would not have chosen; they are routed all the same
	Steps     []StepReport         `json:"steps"`
	Ends      map[models.State]int `json:"ends"`
	Parked    int                  `json:"parked"` // posts that would wait for a person
	Cost      float64              `json:"cost_seconds"`
}

// StepReport says how many posts would go through a step, why, and at what cost.
type StepReport struct {
	Step        models.Step   `json:"step"`
	Posts       int           `json:"posts"`
	Share       float64       `json:"share"`
	CostSeconds float64       `json:"cost_seconds"`
	Reasons     []ReasonCount `json:"reasons,omitempty"` // most frequent first
}

// ReasonCount is one reason to enter or to pass by a step.
type ReasonCount struct {
	Reason   string   `json:"reason"` // without the values of single posts
	Entered  bool     `json:"entered"`
	Posts    int      `json:"posts"`
	Examples []string `json:"examples"` // ids of the first few
}

const mostExamples = 3

// Simulate sends posts through p with the router that workers use, in the given
// order and as if they came on one day: its budget fills up from zero. Where
// people would be asked, the posts go on as if they had agreed with the models.
func Simulate(p *Profile, subjects iter.Seq[Subject], costs CostModel) *Report {
	r := &Report{Profile: p.Name, Version: p.Version, Ends: map[models.State]int{}}
	w := walker{profile: p, costs: costs}
	steps := map[models.Step]*StepReport{}
	for _, s := range models.Steps() {
		steps[s] = &StepReport{Step: s}
	}
	reasons := map[models.Step]map[reasonKey]*ReasonCount{}
	for s := range subjects {
		if ok, _ := p.Matches(s.Post); !ok {
			r.Unmatched++
		}
		way := w.walk(s)
		r.Posts++
		r.Ends[way.end]++
		if way.waits {
			r.Parked++
		}
		for _, step := range way.steps {
			steps[step].Posts++
			steps[step].CostSeconds += costs[step]
			r.Cost += costs[step]
		}
		for _, v := range way.seen {
			countReason(reasons, v, s.Post.ID)
		}
	}
	for _, s := range models.Steps() {
		step := steps[s]
		if r.Posts > 0 {
			step.Share = float64(step.Posts) / float64(r.Posts)
		}
		step.Reasons = ranked(reasons[s])
		r.Steps = append(r.Steps, *step)
	}
	return r
}

// reasonKey is what makes two reasons equal.
type reasonKey struct {
	rule  string
	enter bool
}

func countReason(all map[models.Step]map[reasonKey]*ReasonCount, v verdict, id string) {
	if all[v.step] == nil {
		all[v.step] = map[reasonKey]*ReasonCount{}
	}
	k := reasonKey{v.rule, v.enter}
	c := all[v.step][k]
	if c == nil {
		c = &ReasonCount{Reason: v.rule, Entered: v.enter}
		all[v.step][k] = c
	}
	c.Posts++
	if len(c.Examples) < mostExamples {
		c.Examples = append(c.Examples, id)
	}
}

func ranked(counts map[reasonKey]*ReasonCount) []ReasonCount {
	var out []ReasonCount
	for c := range maps.Values(counts) {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Posts, a.Posts), cmp.Compare(a.Reason, b.Reason), compareBool(b.Entered, a.Entered))
	})
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// walker sends posts through a profile one after the other.
type walker struct {
	profile *Profile
	costs   CostModel
	spent   models.Spent
}

// way is the whole way of one post.
type way struct {
	steps []models.Step
	seen  []verdict
	end   models.State
	waits bool
	cost  float64
}

func (w *walker) walk(s Subject) way {
	p := w.profile
	run := &models.Run{Post: s.Post.ID, Profile: p.Name, Version: p.Version, Generation: 1, State: models.Queued, Step: models.Fetch}
	var out way
	for {
		out.steps = append(out.steps, run.Step)
		out.cost += w.costs[run.Step]
		switch {
		case run.Step == models.AnalyzeLight:
			run.Attributes = s.Light
		case run.Step == models.AnalyzeHeavy:
			w.spent.Seconds += w.costs[run.Step]
			if s.Heavy != nil {
				run.Attributes = s.Heavy
			}
		}
		d, seen := p.decide(s.Post, run, w.spent)
		out.seen = append(out.seen, seen...)
		if d.Counted {
			w.spent.Posts++
		}
		if d.Step == "" {
			out.end = d.End
			return out
		}
		out.waits = out.waits || seen[len(seen)-1].waits
		run.Step = d.Step
	}
}
