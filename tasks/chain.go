package tasks

import (
	"context"
	"time"

	"weft/models"
	"weft/profile"
)

// Step is one step of the chain.
type Step interface {
	// Do does the step's work for one post. It may be called again for the same
	// job, after a crash or beside an abandoned call, so whatever it leaves
	// outside its Outcome must be safe to repeat. An error is classified as
	// models.Fault says; an unclassified one is retryable.
	Do(ctx context.Context, j Job) (Outcome, error)
}

// Steps is the table of steps. To add one: a file, and a line where it is filled.
type Steps map[models.Step]Step

// Job is what a step works on. It must not be altered.
type Job struct {
	Post    models.Post
	Run     models.Run
	Profile *profile.Profile
	Now     time.Time
	began   time.Time
}

// Outcome is what a step returns: what to do with the run, and what to save in
// the same write. Use Advance, Wait, Park and Drop to make one.
type Outcome struct {
	kind   models.Outcome
	reason string
	delay  time.Duration
	until  time.Time

	Change     models.Change      // to the post
	Results    []models.Result    // of models, added to the run's
	Attributes []models.Attribute // the run's attributes from now on; nil keeps them
	Cost       float64            // CPU seconds
	Item       string             // the question it opened
	Unchecked  bool               // nobody answered in time
	Sampled    bool               // the post is part of the uniform sample
}

// Advance moves on to whatever the router says.
func Advance(reason string) Outcome { return Outcome{kind: models.OutAdvance, reason: reason} }

// Wait comes back to the same step after d.
func Wait(d time.Duration, reason string) Outcome {
	return Outcome{kind: models.OutWait, reason: reason, delay: d}
}

// Park waits, without a task, for somebody to wake the run; at the latest at until (zero: for ever).
func Park(until time.Time, reason string) Outcome {
	return Outcome{kind: models.OutPark, reason: reason, until: until}
}

// Drop ends the run: the post is not for this profile.
func Drop(reason string) Outcome { return Outcome{kind: models.OutDropped, reason: reason} }

// next turns the outcome of a step into the run's next move. It is the whole
// chain: the router decides, nothing else does.
func (r *Runner) next(j Job, out Outcome, spent models.Spent) models.Move {
	post, run := j.Post, j.Run
	out.Change.Apply(&post) // the router sees the post as this move leaves it
	if len(out.Results) > 0 {
		run.Results = models.MergeResults(run.Results, out.Results)
	}
	if out.Attributes != nil {
		run.Attributes = out.Attributes
	}
	if out.Item != "" {
		run.Item = out.Item
	}
	run.Cost += out.Cost
	run.Unchecked = run.Unchecked || out.Unchecked
	run.Sampled = run.Sampled || out.Sampled

	var m models.Move
	switch out.kind {
	case models.OutWait:
		m = run.Wait(out.delay, out.reason, j.Now, r.opt.Horizon)
	case models.OutPark:
		m = run.Park(out.until, out.reason, j.Now)
	case models.OutDropped:
		m = run.End(models.Dropped, out.reason, j.Now)
	default:
		m = r.route(j, post, run, out, spent)
	}
	m.Change = merge(out.Change, m.Change)
	// A drop may leave a publication behind that this run's move altered, and a
	// label may be what another profile's run waits for: the projector sees to both.
	m.Dirty = (m.Run.State == models.Dropped && len(post.Published) > 0) || len(out.Change.Labels) > 0
	m.Entry.Cost = out.Cost
	m.Entry.Models = modelNames(out.Results)
	return m
}

// route asks the router. A run that comes to index publishes what it found in
// that same move: from then on readers see this generation.
func (r *Runner) route(j Job, post models.Post, run models.Run, out Outcome, spent models.Spent) models.Move {
	d := j.Profile.Next(&post, &run, spent)
	reason := join(out.reason, d.Reason)
	var m models.Move
	if d.Step == "" {
		m = run.End(d.End, reason, j.Now)
	} else {
		m = run.Advance(d.Step, reason, j.Now, r.opt.Horizon)
	}
	if d.Step == models.Index {
		m.Change.Profile = run.Profile
		m.Change.Publish = &models.Publication{
			Generation: run.Generation, Version: run.Version, Attributes: run.Attributes,
			Unchecked: run.Unchecked, Raw: j.Profile.Archive.Raw, At: j.Now, Campaign: run.Campaign,
		}
	}
	if d.Counted || run.Step == models.AnalyzeHeavy {
		m.Spend = &models.Spend{Profile: run.Profile, Step: models.AnalyzeHeavy, Day: day(j.Now)}
		if d.Counted {
			m.Spend.Posts = 1
			m.Entry.Spent = &spent
		} else {
			m.Spend.Seconds = out.Cost
		}
	}
	return m
}

// merge adds the publication of b to a.
func merge(a, b models.Change) models.Change {
	if b.Publish != nil {
		a.Publish, a.Profile = b.Publish, b.Profile
	}
	return a
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// modelNames returns name@version of the results' models, each once, in order.
func modelNames(results []models.Result) []string {
	var names []string
	seen := map[string]bool{}
	for _, res := range results {
		n := res.Model + "@" + res.Version
		if !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}
