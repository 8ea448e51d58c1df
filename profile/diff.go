package profile

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"weft/models"
)

// DiffReport says what changes if one version of a profile takes the place of another.
type DiffReport struct {
	Old         string        `json:"old"` // versions
	New         string        `json:"new"`
	Posts       int           `json:"posts"`
	Changed     int           `json:"changed"`
	Parked      int           `json:"parked"`             // change of how many posts wait for a person
	CostSeconds float64       `json:"cost_seconds_delta"` // new less old
	Routes      []RouteCount  `json:"routes"`             // kinds of change, most frequent first
	Changes     []RouteChange `json:"changes"`            // every post that takes another route, in the given order
}

// RouteCount counts the posts that change from one route to another.
type RouteCount struct {
	Old   string `json:"old"`
	New   string `json:"new"`
	Posts int    `json:"posts"`
}

// RouteChange is one post that takes another route.
type RouteChange struct {
	Post   string `json:"post"`
	Old    string `json:"old"`
	New    string `json:"new"`
	Reason string `json:"reason"` // where the routes part, and why
}

// Diff sends posts through two profiles, each with a budget of its own, as
// Simulate does, and lists those whose routes differ. Label steps that wait
// and that don't are different routes.
func Diff(before, after *Profile, subjects iter.Seq[Subject], costs CostModel) *DiffReport {
	r := &DiffReport{Old: before.Version, New: after.Version, Routes: []RouteCount{}, Changes: []RouteChange{}}
	a, b := walker{profile: before, costs: costs}, walker{profile: after, costs: costs}
	counts := map[[2]string]int{}
	for s := range subjects {
		x, y := a.walk(s), b.walk(s)
		r.Posts++
		r.CostSeconds += y.cost - x.cost
		r.Parked += number01(y.waits) - number01(x.waits)
		from, to := x.String(), y.String()
		if from == to {
			continue
		}
		r.Changed++
		counts[[2]string{from, to}]++
		r.Changes = append(r.Changes, RouteChange{Post: s.Post.ID, Old: from, New: to, Reason: parting(x, y)})
	}
	for k, n := range counts {
		r.Routes = append(r.Routes, RouteCount{Old: k[0], New: k[1], Posts: n})
	}
	slices.SortFunc(r.Routes, func(a, b RouteCount) int {
		return cmp.Or(cmp.Compare(b.Posts, a.Posts), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New))
	})
	return r
}

func number01(b bool) int {
	if b {
		return 1
	}
	return 0
}

// String writes a route: fetch → analyze-light → label (waits) → index → archive → done.
func (w way) String() string {
	var parts []string
	for _, s := range w.steps {
		part := string(s)
		if s == models.LabelStep && w.waits {
			part += " (waits)"
		}
		parts = append(parts, part)
	}
	return strings.Join(append(parts, string(w.end)), " → ")
}

// parting explains the first step at which two ways of a post differ.
func parting(a, b way) string {
	for _, step := range models.Steps() {
		x, y := a.at(step), b.at(step)
		if x.enter != y.enter || x.waits != y.waits {
			return fmt.Sprintf("%s: %s; before: %s", step, y.said(), x.said())
		}
	}
	return "the routes end differently"
}

// at returns what was decided about a step. A step that nothing was said about
// is one the profile lacks, or one behind the end of the way.
func (w way) at(step models.Step) verdict {
	for _, v := range w.seen {
		if v.step == step {
			return v
		}
	}
	return verdict{step: step}
}

func (v verdict) said() string {
	switch {
	case v.text == "":
		return "no such section"
	case v.enter:
		return "yes, " + v.text
	default:
		return "no, " + v.text
	}
}
