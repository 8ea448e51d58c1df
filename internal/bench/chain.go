package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/models"
	"weft/profile"
	"weft/queue"
	"weft/storage/sqlite"
	"weft/tasks"
)

// hops is the profile of the benchmark: fetch, analyze-light, index and
// archive are its four hops, without models.
const hops = "name: hops\nanalyze-light: { models: [] }\n"

// steps are the queues it serves.
func steps() []models.Step {
	return []models.Step{models.Fetch, models.AnalyzeLight, models.Index, models.Archive}
}

// noop is a step without work.
type noop struct{}

func (noop) Do(context.Context, tasks.Job) (tasks.Outcome, error) {
	return tasks.Advance("nothing to do"), nil
}

// nothing is a catalog without models.
type nothing struct{}

func (nothing) Models(models.Step) []string { return nil }
func (nothing) Attributes() []string        { return nil }
func (nothing) CheckModel(name string, _ map[string]any) (models.ModelRef, error) {
	return models.ModelRef{}, &models.ParamError{Model: name, Problem: "this benchmark has no models"}
}

// one is the library of the benchmark's single profile.
type one struct{ p *profile.Profile }

func (o one) Profile(context.Context, string) (*profile.Profile, error) { return o.p, nil }

// rig is the production runner over SQLite and Redis, with steps that do nothing.
type rig struct {
	docs    *sqlite.Documents
	queue   *queue.Client
	runner  *tasks.Runner
	profile *profile.Profile
	ended   atomic.Int64
	closers []func() error
}

func newRig(ctx context.Context, dir, addr string) (*rig, error) {
	p, err := profile.Parse("hops.yaml", []byte(hops), nothing{})
	if err != nil {
		return nil, err
	}
	docs, err := sqlite.OpenDocuments(ctx, filepath.Join(dir, "documents.db"))
	if err != nil {
		return nil, err
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	q, err := queue.NewClient(rdb, queue.Options{})
	if err != nil {
		return nil, err
	}
	r := &rig{docs: docs, queue: q, profile: p, closers: []func() error{rdb.Close, docs.Close}}
	table := tasks.Steps{}
	for _, s := range steps() {
		table[s] = noop{}
	}
	r.runner = tasks.NewRunner(docs, q, one{p}, table, tasks.Options{Gate: true, Recorder: r})
	return r, nil
}

func (r *rig) close() {
	for _, c := range r.closers {
		_ = c() // the folder is thrown away
	}
}

// Step counts the runs that ended; it is the runner's recorder.
func (r *rig) Step(_, _, outcome string, _, _ float64) {
	if outcome == string(models.Done) {
		r.ended.Add(1)
	}
}

// admit stores and enqueues n posts.
func (r *rig) admit(ctx context.Context, prefix string, n int) error {
	for from := 0; from < n; from += 500 {
		var batch []models.Admission
		for i := from; i < min(from+500, n); i++ {
			now := time.Now()
			post := models.Post{ID: fmt.Sprintf("bench.%s%d", prefix, i), Source: "bench", Text: "a post", CreatedAt: now}
			batch = append(batch, models.Admission{Post: post, Run: models.NewRun(post.ID, "hops", r.profile.Version, models.Normal, now, time.Minute)})
		}
		got, err := r.docs.Admit(ctx, batch)
		if err != nil {
			return err
		}
		var runs []models.Run
		for _, g := range got {
			runs = append(runs, g.Run)
		}
		if err := r.queue.EnqueueAll(ctx, runs); err != nil {
			return err
		}
	}
	return nil
}

// serve works with the reconciler on until n runs have ended.
func (r *rig) serve(ctx context.Context, n int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rec := queue.NewReconciler(r.queue, r.docs, r.docs, queue.ReconcileOptions{
		Horizon: time.Minute, Grace: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := rec.Pass(ctx); err != nil {
		return err
	}
	concurrency := map[models.Step]int{}
	for _, s := range steps() {
		concurrency[s] = 16 // what a worker has by default
	}
	servers, err := r.queue.Serve(r.runner, queue.ServeOptions{
		Concurrency: concurrency, CheckInterval: 50 * time.Millisecond, DelayedCheckInterval: 500 * time.Millisecond,
		Drain: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	var house sync.WaitGroup
	house.Go(func() {
		every(ctx, time.Second, func() { _, _ = rec.Pass(ctx) })
	})
	err = until(ctx, func() bool { return r.ended.Load() >= n })
	servers.Stop()
	servers.Shutdown()
	cancel()
	house.Wait()
	return err
}

// latency admits rate posts a second for d while it serves, and returns how
// long each took from its admission to its end.
func (r *rig) latency(ctx context.Context, rate int, d time.Duration) ([]time.Duration, error) {
	n := int(d.Seconds()) * rate
	start := r.ended.Load()
	var emitErr error
	go func() {
		ticker := time.NewTicker(time.Second / time.Duration(rate))
		defer ticker.Stop()
		for i := range n {
			<-ticker.C
			if emitErr = r.admit(ctx, fmt.Sprintf("l%d-", i), 1); emitErr != nil {
				return
			}
		}
	}()
	if err := r.serve(ctx, start+int64(n)); err != nil {
		return nil, err
	}
	var out []time.Duration
	for i := range n {
		_, run, err := r.docs.Load(ctx, fmt.Sprintf("bench.l%d-0", i), "hops")
		if err != nil {
			return nil, err
		}
		out = append(out, run.MovedAt.Sub(run.AdmittedAt))
	}
	slices.Sort(out)
	return out, emitErr
}
