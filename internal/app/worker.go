package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"weft/internal/telemetry"
	"weft/models"
	"weft/queue"
	"weft/storage/history"
	"weft/tasks"
)

// Work serves the configured queues, and keeps house, until ctx ends; then it
// drains: all servers stop pulling, then all shut down side by side. What is
// not done by the deadline goes back to the queue.
func (a *App) Work(ctx context.Context) error {
	cfg := a.Config
	stopMetrics, err := a.ServeMetrics(ctx)
	if err != nil {
		return err
	}
	defer stopMetrics()
	measured, err := a.prepareModels(ctx)
	if err != nil {
		return err
	}
	defer measured()
	served := maps.Clone(cfg.Queues)
	maps.DeleteFunc(served, func(_ models.Step, n int) bool { return n == 0 })
	servers, err := a.Queue.Serve(a.Runner, queue.ServeOptions{
		Concurrency: served, CheckInterval: cfg.Queue.CheckInterval, DelayedCheckInterval: cfg.Queue.DelayedCheckInterval,
		RetryBase: a.opt.Retry, Drain: cfg.Drain, Log: a.Log,
	})
	if err != nil {
		return err
	}
	a.Log.Info("configuration", "effective", cfg)
	a.Log.Info("working", "queues", served)
	var house sync.WaitGroup
	house.Go(func() { a.Shadows.Run(ctx) })
	house.Go(func() { a.hours.Run(ctx) })
	for _, job := range a.housekeeping() {
		house.Go(func() { a.keep(ctx, job) })
	}
	<-ctx.Done()
	a.Log.Info("draining", "deadline", cfg.Drain)
	servers.Stop()
	a.Runner.Drain()
	servers.Shutdown()
	house.Wait()
	a.hours.Flush(ctx) // what ended while it drained
	a.Log.Info("drained")
	return nil
}

// job is a piece of housekeeping that one process at a time does, every interval.
type job struct {
	name     string
	interval time.Duration
	pass     func(ctx context.Context) error
}

// housekeeping lists what goes on beside the queues.
func (a *App) housekeeping() []job {
	cfg := a.Config
	rec := a.Reconciler()
	projector := &tasks.Projector{
		Dirty: a.Documents, Timelines: a.Documents, Items: a.Documents, Waker: a.Runner, Search: a.Search, Staging: a.Documents, Now: a.opt.Now, Crash: a.opt.Crash.Hit,
	}
	builder := a.Builder()
	eraser := a.Eraser(rewriteWait)
	return []job{
		{"reconcile", cfg.Reconcile.Interval, func(ctx context.Context) error {
			s, err := rec.Pass(ctx)
			if s.Enqueued+s.Replaced+s.Woken+s.Epoch > 0 {
				a.Log.Info("reconciled", "enqueued", s.Enqueued, "replaced", s.Replaced, "woken", s.Woken, "emptied_redis", s.Epoch)
			}
			return err
		}},
		{"answers", cfg.Reconcile.Interval, func(ctx context.Context) error { _, err := a.Desk.Sweep(ctx); return err }},
		{"project", cfg.Reconcile.Interval, func(ctx context.Context) error { _, err := projector.Pass(ctx); return err }},
		{"parts", cfg.Archive.Interval, func(ctx context.Context) error { _, err := builder.Run(ctx); return err }},
		{"purge", cfg.Archive.Interval, func(ctx context.Context) error { _, err := a.Purge(ctx); return err }},
		{"erase", cfg.Archive.Interval, func(ctx context.Context) error {
			done, err := eraser.Run(ctx)
			if done.Posts > 0 {
				a.Log.Info("erased from history", "posts", done.Posts, "rows", done.Rows, "parts", done.Rewritten+done.Removed)
			}
			return err
		}},
		{"campaigns", cfg.Reconcile.Interval, a.driveCampaigns},
		{"blobs", time.Minute, a.sweepBlobs},
		{"merge", mergeInterval, a.merge},
		{"drift", driftInterval, a.lookForDrift},
		{"exports", exportInterval, a.Exporter().Run},
		{"activity", time.Hour, a.hours.Forget},
	}
}

// mergeInterval is how often small parts are looked for: they are hours old then,
// and nobody waits for it.
const mergeInterval = 10 * time.Minute

// merge is one pass of the compactor.
func (a *App) merge(ctx context.Context) error {
	if a.Config.Archive.MergeAge == 0 {
		return nil
	}
	done, err := history.NewCompactor(history.CompactorParams{
		Manifest: a.Documents, Files: a.Parts, Warehouse: a.warehouse(), Age: a.Config.Archive.MergeAge, TargetBytes: a.Config.Archive.MergeBytes,
		Clock: a.opt.Now, Log: a.Log, Crash: a.opt.Crash.Hit,
	}).Run(ctx)
	if done.Parts > 0 {
		a.Log.Info("merged parts of the history", "parts", done.Parts, "into", done.Merged)
	}
	return err
}

// process names this one to others: host/pid.
func process() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// keep runs a job until ctx ends. A lease in the documents saves work when
// several processes run; none of the jobs needs it to be right.
func (a *App) keep(ctx context.Context, j job) {
	holder := process()
	ticker := time.NewTicker(j.interval)
	defer ticker.Stop()
	for {
		mine, err := a.Documents.Lease(ctx, "job/"+j.name, holder, 3*j.interval, a.opt.Now())
		if err == nil && mine {
			err = j.pass(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("housekeeping", "job", j.name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Reconciler returns a reconciler over the opened stores.
func (a *App) Reconciler() *queue.Reconciler {
	return queue.NewReconciler(a.Queue, a.Documents, a.Documents, queue.ReconcileOptions{
		Horizon: a.Config.Reconcile.Horizon, Grace: a.Config.Reconcile.LeaseGrace, Now: a.opt.Now, Crash: a.opt.Crash.Hit, Log: a.Log,
	})
}

// Builder returns a part builder over the opened stores.
func (a *App) Builder() *history.Builder {
	return history.New(history.Params{
		Staging: a.Documents, Mover: a.Documents, Files: a.Parts, Warehouse: a.warehouse(), Clock: a.opt.Now, Log: a.Log,
		MaxRows: a.Config.Archive.MaxRows, MinAge: a.Config.Archive.MinAge, Crash: a.opt.Crash.Hit,
	})
}

// sweepBlobs deletes the blobs that no post needs any longer.
func (a *App) sweepBlobs(ctx context.Context) error {
	for {
		keys, err := a.Documents.Release(ctx, a.opt.Now(), 500)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := a.Blobs.Delete(ctx, key); err != nil {
				return err
			}
		}
		if err := a.Documents.Undoom(ctx, keys); err != nil {
			return err
		}
		if len(keys) < 500 {
			return nil
		}
	}
}

// ServeMetrics serves /metrics, /healthz and /readyz where the configuration
// says. Work does so itself.
func (a *App) ServeMetrics(ctx context.Context) (stop func(), err error) {
	if a.Config.Metrics.Listen == "" {
		return func() {}, nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", a.Config.Metrics.Listen)
	if err != nil {
		return nil, fmt.Errorf("app: metrics.listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.Metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		_, err := a.Documents.Meta(r.Context(), "ready") // whatever it says: that it answers counts
		if a.Redis != nil {
			err = errors.Join(err, a.Redis.Ping(r.Context()).Err())
		}
		if err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	if a.Queue != nil { // see Options.NoQueue
		a.Metrics.QueueDepths("queue", a.depths)
		a.Metrics.Limits(a.limits)
	}
	a.Metrics.Drifts(a.drifts)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// limits are those that networks told of.
func (a *App) limits(ctx context.Context) ([]telemetry.Limit, error) {
	states, err := a.Limiter.State(ctx)
	if err != nil {
		return nil, err
	}
	var out []telemetry.Limit
	for _, s := range states {
		if s.Known {
			out = append(out, telemetry.Limit{Source: s.Key.Source, Account: s.Key.Account, Host: s.Key.Host, Left: s.Left})
		}
	}
	return out, nil
}

func (a *App) depths(ctx context.Context) (map[string]int, error) {
	depths, err := a.Queue.Depths(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, d := range depths {
		out[d.Queue] = d.Pending + d.Scheduled + d.Retry + d.Active
	}
	return out, nil
}
