package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/crashpoint"
	"weft/internal/servers"
	"weft/models"
	"weft/tasks"
)

// childVariable tells the test binary that it is a worker process.
const childVariable = "CRASH_TEST_CHILD"

// child is what a worker process of these tests is told to do: the same code
// as cmd/worker, armed with a crash point and with faults around it.
type child struct {
	Set    []config.Override
	Crash  string // named crash point at which it kills itself; empty: none
	Nth    int    // at which hit
	Import string // NDJSON to import first; empty: none
	Crawl  bool   // crawls instead of working
	Label  bool   // answers questions, as a labeler would
	API    bool   // serves the API instead of working
	Flaky  string // a folder for the posts that index has seen; it fails once for every third
	Poison bool   // a post that says "poison" kills the process
	Outage string // while this file exists, search is away
}

func TestMain(m *testing.M) {
	spec := os.Getenv(childVariable)
	if spec == "" {
		// Google's own client looks for its stand-in here, in the workers too.
		if gcs := os.Getenv(servers.GCS); gcs != "" {
			if err := os.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(gcs, "http://")); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(m.Run())
	}
	var c child
	err := json.Unmarshal([]byte(spec), &c)
	if err == nil {
		err = c.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

func (c child) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load("", nil, c.Set...)
	if err != nil {
		return err
	}
	var points *crashpoint.Points
	if c.Crash != "" {
		if points, err = crashpoint.New(c.Crash, c.Nth, nil); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := app.New(ctx, cfg, app.Options{
		Service: "crash-test", Log: log, Crash: points, Steps: c.steps, Search: c.search, Retry: 100 * time.Millisecond, Pace: 1000, NoQueue: c.API,
	})
	if err != nil {
		return err
	}
	defer a.Close()
	if c.API {
		return a.ServeAPI(ctx, func(string) {})
	}
	if c.Crawl {
		return c.crawl(ctx, a)
	}
	var work sync.WaitGroup
	work.Go(func() {
		if err := c.feed(ctx, a); err != nil && ctx.Err() == nil {
			log.Warn("import", "error", err)
		}
	})
	if c.Label {
		work.Go(func() { c.label(ctx, a) })
	}
	err = a.Work(ctx)
	work.Wait()
	return err
}

// crawl collects the configured queries.
func (c child) crawl(ctx context.Context, a *app.App) error {
	collector, err := a.NewCollector(ctx, app.Collection{})
	if err != nil {
		return err
	}
	return collector.Run(ctx)
}

// feed imports; after a crash the same import starts over.
func (c child) feed(ctx context.Context, a *app.App) error {
	if c.Import == "" {
		return nil
	}
	for {
		_, err := a.Import(ctx, app.Import{Profiles: []string{"crash"}, Path: c.Import, Source: "crash", Rejects: os.Stderr})
		if err == nil || ctx.Err() != nil {
			return err
		}
		pause(ctx, 200*time.Millisecond) // Redis may be away: the posts are stored, the rest is known the next time
	}
}

// label accepts the suggestions of every open question.
func (c child) label(ctx context.Context, a *app.App) {
	for ctx.Err() == nil {
		items, err := a.Desk.Open(ctx, "", 100)
		for _, it := range items {
			if len(it.Answers) > 0 {
				continue
			}
			answer := models.Answer{By: "crash-test", Values: map[string][]string{}}
			for _, q := range it.Questions {
				answer.Values[q.Attribute] = append([]string{}, q.Suggestion...)
			}
			if _, err = a.Desk.Answer(ctx, it.ID, answer); err != nil {
				break
			}
		}
		if err != nil && ctx.Err() == nil {
			a.Log.Warn("label", "error", err)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// steps puts the faults in place.
func (c child) steps(table tasks.Steps) {
	if c.Flaky != "" {
		table[models.Index] = &flaky{next: table[models.Index], failed: c.Flaky}
	}
	if c.Poison {
		table[models.AnalyzeLight] = poison{table[models.AnalyzeLight]}
	}
}

// flaky fails the first try of every third post, whichever process makes it:
// were it the first try in each, killed workers would use up a run's attempts.
type flaky struct {
	next   tasks.Step
	failed string // a folder with a file for each
	n      atomic.Int64
}

func (f *flaky) Do(ctx context.Context, j tasks.Job) (tasks.Outcome, error) {
	first, err := os.OpenFile(filepath.Join(f.failed, j.Post.ID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		_ = first.Close()
	}
	if err == nil && f.n.Add(1)%3 == 0 {
		return tasks.Outcome{}, models.Faultf(models.Retryable, "flaky: try again")
	}
	return f.next.Do(ctx, j)
}

// poison kills the worker, as a fault in a native library would.
type poison struct{ next tasks.Step }

func (p poison) Do(ctx context.Context, j tasks.Job) (tasks.Outcome, error) {
	if strings.Contains(j.Post.Text, "poison") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it is delivered
	}
	return p.next.Do(ctx, j)
}

// search is away while the outage's file exists.
func (c child) search(s app.Search) app.Search {
	if c.Outage == "" {
		return s
	}
	return outage{s, c.Outage}
}

type outage struct {
	sound
	file string
}

// sound has another name than its method Search.
type sound interface{ app.Search }

func (o outage) away() error {
	if _, err := os.Stat(o.file); err == nil {
		return models.Faultf(models.Unavailable, "search: connection refused")
	}
	return nil
}

func (o outage) Put(ctx context.Context, doc models.SearchDoc) error {
	if err := o.away(); err != nil {
		return err
	}
	return o.sound.Put(ctx, doc)
}

func (o outage) Delete(ctx context.Context, id string, version int64) error {
	if err := o.away(); err != nil {
		return err
	}
	return o.sound.Delete(ctx, id, version)
}
