// Package demo runs the whole pipeline over made-up posts of known truth, on
// the embedded stores, the way a user would: it writes import files, imports
// them, lets the workers work and a simulated labeler answer, and counts what
// came of it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"weft/internal/app"
	"weft/internal/live"
	"weft/internal/sim"
	"weft/models"
)

// Options of a demo.
type Options struct {
	Posts  int
	Seed   uint64
	Photos string    // a folder of photos instead of rendered ones
	Dir    string    // for the import files
	Ask    bool      // leave all questions to whoever looks on; else a simulated labeler answers most
	Stderr io.Writer // the live view
	Tally  *Tally    // told by the workers what they do
}

// Tally counts how many posts have left each step.
type Tally struct {
	mu sync.Mutex
	n  map[models.Step]int64
}

// Step counts an outcome; it is the workers' recorder.
func (t *Tally) Step(step, _, outcome string, _, _ float64) {
	switch models.Outcome(outcome) {
	case models.OutAdvance, models.OutDone, models.OutDropped, models.OutFailed:
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.n == nil {
			t.n = map[models.Step]int64{}
		}
		t.n[models.Step(step)]++
	default: // the post stays at the step, or was not at one
	}
}

func (t *Tally) of(step models.Step) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n[step]
}

// Result is what came of it. Its JSON form is an interface: see `weft demo --json`.
type Result struct {
	Admitted       int64                 `json:"admitted"`
	Done           int64                 `json:"done"`
	Parked         int64                 `json:"parked"`
	Dropped        int64                 `json:"dropped"`
	Failed         int64                 `json:"failed"`
	Broken         int64                 `json:"broken"` // deliberately
	Seconds        float64               `json:"seconds"`
	PostsPerSecond float64               `json:"posts_per_second"`
	ByStep         map[models.Step]int64 `json:"by_step"` // posts that went through
	CPUSeconds     float64               `json:"cpu_seconds"`
	Answers        int                   `json:"simulated_answers"`
	Parts          int                   `json:"parts"`
	Truth          sim.Report            `json:"truth"`
	Cascade        Cascade               `json:"cascade"`            // of the garment models, in the catalog profile
	Collected      Collected             `json:"collected"`          // from made-up networks, after all the rest was counted
	Problems       []string              `json:"problems,omitempty"` // failures that were not deliberate
	Example        string                `json:"example"`            // the id of a post to look at
	drawn          bool                  // the photos are
}

// leave is the share of the questions that the simulated labeler leaves open,
// for whoever wants to try.
const leave = 8

// Run runs the demo on a; its workers must be running.
func Run(ctx context.Context, a *app.App, opt Options) (Result, error) {
	posts, err := makePosts(opt)
	if err != nil {
		return Result{}, err
	}
	fmt.Fprintf(opt.Stderr, "making %d posts with their photos …\n", len(posts))
	if err := sim.Write(opt.Dir, posts); err != nil {
		return Result{}, err
	}
	start := time.Now()
	total := 0
	for _, name := range sim.Profiles() {
		rep, err := a.Import(ctx, app.Import{
			Profiles: []string{name}, Path: filepath.Join(opt.Dir, name+".ndjson"), Source: "demo", Rejects: io.Discard,
		})
		if err != nil {
			return Result{}, fmt.Errorf("demo: import %s: %w", name, err)
		}
		total += rep.Records
	}
	w := &watch{app: a, ask: opt.Ask, labeler: sim.Labeler{Truth: sim.TruthOf(posts), ErrorRate: 0.05, Seed: opt.Seed}, total: int64(total), start: start, tally: opt.Tally}
	if err := w.untilSettled(ctx, opt.Stderr); err != nil {
		return Result{}, err
	}
	took := time.Since(start)
	if err := untilVerified(ctx, a); err != nil {
		return Result{}, err
	}
	r, err := count(ctx, a, posts)
	r.Seconds = took.Seconds()
	r.PostsPerSecond = float64(r.Admitted) / r.Seconds
	r.Answers, r.drawn = w.answers, opt.Photos == ""
	r.Example = models.PostID("demo", posts[min(6, len(posts)-1)].Record.ID)
	if err != nil {
		return r, err
	}
	fmt.Fprintln(opt.Stderr, "two made-up networks go online …")
	r.Collected, err = collect(ctx, a, opt.Seed, networkPosts)
	return r, err
}

// networkPosts is how many posts are written on each made-up network.
const networkPosts = 60

func makePosts(opt Options) ([]sim.Post, error) {
	if opt.Photos != "" {
		return sim.FromFolder(opt.Photos, opt.Seed, opt.Posts, time.Now())
	}
	return sim.Posts(opt.Seed, opt.Posts, time.Now()), nil
}

// watch looks on, and lets the simulated labeler answer.
type watch struct {
	app     *app.App
	labeler sim.Labeler
	total   int64
	start   time.Time
	answers int
	ask     bool // nobody answers here
	tally   *Tally
}

// untilSettled returns when no run is queued and every question that is to be
// answered has been.
func (w *watch) untilSettled(ctx context.Context, out io.Writer) error {
	view := live.NewView(out, "weft demo")
	defer view.Close()
	for {
		waiting, err := w.label(ctx)
		if err != nil {
			return err
		}
		counts, err := w.app.Documents.Counts(ctx)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		snapshot, queued := w.snapshot(counts)
		view.Update(snapshot)
		if queued == 0 && waiting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// label answers open questions but for every eighth, and returns how many
// answered ones still have their run parked.
func (w *watch) label(ctx context.Context) (waiting int, err error) {
	if w.ask {
		return 0, nil
	}
	items, err := w.app.Desk.Open(ctx, "", 1000)
	if err != nil {
		return 0, fmt.Errorf("demo: label: %w", err)
	}
	for _, it := range items {
		if it.ID[len(it.ID)-1]%leave == 0 {
			continue
		}
		if it.Parking {
			waiting++
		}
		if len(it.Answers) > 0 {
			continue
		}
		answer := w.labeler.Answer(it)
		if answer.Skip != "" { // another simulated person has a look
			second := w.labeler
			second.Name, second.ErrorRate = "simulated-2", 0
			answer = second.Answer(it)
		}
		if _, err := w.app.Desk.Answer(ctx, it.ID, answer); err != nil {
			return waiting, fmt.Errorf("demo: label: %w", err)
		}
		w.answers++
	}
	return waiting, nil
}

func (w *watch) snapshot(counts []models.Count) (live.Snapshot, int64) {
	s := live.Snapshot{Outcomes: map[string]int64{}, Elapsed: time.Since(w.start), Total: w.total}
	at := map[models.Step]int64{}
	var queued int64
	for _, c := range counts {
		if c.State == models.Queued {
			queued += c.N
			at[c.Step] += c.N
		} else {
			s.Outcomes[string(c.State)] += c.N
		}
	}
	for _, step := range models.Steps() {
		s.Steps = append(s.Steps, live.StepSnapshot{Step: string(step), Queued: at[step], Done: w.tally.of(step)})
	}
	return s, queued
}

// untilVerified waits for the part builder to have taken every staged row.
func untilVerified(ctx context.Context, a *app.App) error {
	builder := a.Builder()
	for {
		_, err := builder.Run(ctx)
		if err != nil && !errors.Is(err, models.ErrConflict) {
			return fmt.Errorf("demo: build parts: %w", err)
		}
		left, err := a.Documents.StagedCount(ctx)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		status, err := a.Status(ctx)
		if err != nil {
			return err
		}
		if left == 0 && len(status.Parts) <= 1 && status.Parts[models.PartVerified] > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// count reads the result from the stores.
func count(ctx context.Context, a *app.App, posts []sim.Post) (Result, error) {
	r := Result{ByStep: map[models.Step]int64{}}
	broken := map[string]bool{}
	for _, p := range posts {
		if p.Broken != "" {
			r.Broken++
			broken[models.PostID("demo", p.Record.ID)] = true
		}
	}
	runs, err := allRuns(ctx, a)
	if err != nil {
		return r, err
	}
	for _, run := range runs {
		r.CPUSeconds += run.Cost
		if run.State == models.Failed && !broken[run.Post] {
			r.Problems = append(r.Problems, run.String()+": "+run.Reason)
		}
		if err := steps(ctx, a, run, r.ByStep); err != nil {
			return r, err
		}
	}
	r.Cascade = cascade(runs, "catalog", "garment-s", "garment-l")
	status, err := a.Status(ctx)
	if err != nil {
		return r, err
	}
	r.Admitted = status.Admitted
	r.Done, r.Parked = status.States[models.Done], status.States[models.Parked]
	r.Dropped, r.Failed = status.States[models.Dropped], status.States[models.Failed]
	for _, n := range status.Parts {
		r.Parts += n
	}
	r.Truth, err = evaluate(ctx, a, posts)
	return r, err
}

func allRuns(ctx context.Context, a *app.App) ([]models.Run, error) {
	var all []models.Run
	f := models.RunFilter{Limit: 1000}
	for {
		runs, err := a.Documents.Runs(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		all = append(all, runs...)
		if len(runs) < f.Limit {
			return all, nil
		}
		f.After = runs[len(runs)-1].Post + "/" + runs[len(runs)-1].Profile
	}
}

// steps adds the steps that a run went through, each once.
func steps(ctx context.Context, a *app.App, run models.Run, by map[models.Step]int64) error {
	timeline, err := a.Documents.Timeline(ctx, run.Post, run.Profile)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	through := map[models.Step]bool{}
	for _, e := range timeline {
		if e.Outcome != models.OutAdmitted {
			through[e.Step] = true
		}
	}
	for step := range maps.Keys(through) {
		by[step]++
	}
	return nil
}

// evaluate compares what search shows with the truth.
func evaluate(ctx context.Context, a *app.App, posts []sim.Post) (sim.Report, error) {
	var docs []models.SearchDoc
	q := models.SearchQuery{Sources: []string{"demo"}, Limit: 1000}
	for {
		page, err := a.Search.Search(ctx, q)
		if err != nil {
			return sim.Report{}, fmt.Errorf("demo: search: %w", err)
		}
		docs = append(docs, page.Hits...)
		if q.After = page.Next; q.After == "" {
			return sim.Evaluate(sim.TruthOf(posts), docs), nil
		}
	}
}

// WriteText writes the result for people.
func (r Result) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "\n%d posts in %.1f s, %.0f posts/s, %.1f s of CPU in models\n", r.Admitted, r.Seconds, r.PostsPerSecond, r.CPUSeconds)
	fmt.Fprintf(w, "  done %d, parked for people %d, dropped %d, failed %d (%d broken on purpose)\n", r.Done, r.Parked, r.Dropped, r.Failed, r.Broken)
	fmt.Fprintf(w, "  through the steps:")
	for _, step := range slices.SortedFunc(maps.Keys(r.ByStep), func(a, b models.Step) int { return a.Position() - b.Position() }) {
		fmt.Fprintf(w, " %s %d", step, r.ByStep[step])
	}
	fmt.Fprintf(w, "\n  %d questions were answered by a simulated labeler, wrong in about one of 40\n", r.Answers)
	r.Cascade.writeText(w, r.drawn)
	for _, p := range r.Problems {
		fmt.Fprintf(w, "  PROBLEM: %s\n", p)
	}
	c := r.Collected
	fmt.Fprintf(w, "\nThen two made-up networks (Mastodon, Bluesky) went online: %d posts were collected from them in %.0f s over HTTP and\nWebSocket. %d of them were edited meanwhile, %d more were deleted: here as there.\n",
		c.Posts, c.Seconds, c.Edited, c.Deleted)
	truth := "the truth of the made-up posts"
	if !r.drawn {
		truth = "the names of the photos' folders and the made-up captions"
	}
	fmt.Fprintf(w, "\nAttributes found, against %s:\n", truth)
	return r.Truth.WriteText(w)
}
