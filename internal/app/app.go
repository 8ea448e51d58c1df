package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/analysis"
	"weft/analysis/image"
	"weft/analysis/zoo"
	"weft/internal/activity"
	"weft/internal/config"
	"weft/internal/crashpoint"
	"weft/internal/telemetry"
	"weft/labeling"
	"weft/models"
	"weft/queue"
	"weft/source"
	"weft/source/images"
	"weft/source/limit"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/tasks"
)

// Options say what a process needs of the whole.
type Options struct {
	Service string // its name in logs and traces
	Host    bool   // it starts the embedded Redis, if that is configured
	NoQueue bool   // it can do without Redis: an embedded queue that isn't running is no error
	Repairs bool   // it makes what the warehouse lacks, though it does without a queue
	Log     *slog.Logger
	// History answers queries over the history in a folder; nil: such queries are refused.
	History func(ctx context.Context, dir string) (FolderHistory, error)
	Record  tasks.Recorder                    // counts beside the metrics; may be nil
	ONNX    func(config.Analysis) zoo.Runtime // computes graphs; nil: this program doesn't (see internal/app/native)

	// For tests.
	Crash  *crashpoint.Points  // named crash points; nil in production
	Steps  func(tasks.Steps)   // puts other steps in place
	Search func(Search) Search // puts a faulty one around search
	Retry  time.Duration       // delay of the first retry
	Pace   int                 // networks are called so many times as often as is polite; 0: once
	Now    func() time.Time    // nil: time.Now
}

// App holds the opened parts of Weft. Queue, Runner, Desk and Limiter are nil when
// the queue is not there (see Options.NoQueue).
type App struct {
	Config     config.Config
	Documents  Documents
	Search     Search
	Blobs      *blobs.Store
	Parts      *parquet.Parts
	HistoryDir string    // empty: the history's files lie in a bucket
	Warehouse  Warehouse // nil: there is none
	Redis      redis.UniversalClient
	Queue      *queue.Client
	Library    *Library
	Registry   *analysis.Registry
	Models     *Models           // the registry, and what runs its models
	Shadows    *analysis.Shadows // models that run beside others
	Runner     *tasks.Runner
	Desk       *labeling.Desk
	Limiter    *limit.Limiter
	Metrics    *telemetry.Metrics
	Log        *slog.Logger

	opt     Options
	hours   *activity.Counter // nil when the queue is not there
	tracing *telemetry.Tracing
	closers []closer
	files   *blobs.Store // of the history
}

type closer struct {
	name string
	fn   func() error
}

// New opens everything that cfg names. Close it also after an error of Run.
func New(ctx context.Context, cfg config.Config, opt Options) (*App, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = telemetry.NewLogger(os.Stderr, cfg.Log)
	}
	a := &App{Config: cfg, Log: opt.Log, Metrics: telemetry.NewMetrics(), opt: opt}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	var err error
	if a.tracing, err = telemetry.NewTracing(ctx, a.opt.Service, a.Config.Tracing.Endpoint); err != nil {
		return err
	}
	a.onClose("tracing", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return a.tracing.Shutdown(ctx)
	})
	if err := a.openModels(); err != nil { // search must know the size of embeddings
		return err
	}
	if err := a.openStores(ctx, a.Config); err != nil {
		return err
	}
	if a.opt.Search != nil {
		a.Search = a.opt.Search(a.Search)
	}
	if a.Library, err = NewLibrary(a.Config.Profiles, a.Documents, a.Registry); err != nil {
		return err
	}
	err = a.openRedis(ctx, a.Config, a.opt.Host)
	if errors.Is(err, ErrNotRunning) && a.opt.NoQueue {
		return nil
	}
	if err != nil {
		return err
	}
	return a.wire()
}

// wire puts the chain together.
func (a *App) wire() error {
	cfg := a.Config
	var err error
	a.Queue, err = queue.NewClient(a.Redis, queue.Options{
		Environment: cfg.Environment, Timeouts: cfg.Steps.Timeouts, MaxDepth: int64(cfg.Queue.MaxDepth),
	})
	if err != nil {
		return err
	}
	a.Limiter = limit.New(a.Redis, limit.Options{Environment: cfg.Environment, Now: a.opt.Now})
	steps, err := a.steps()
	if err != nil {
		return err
	}
	if a.opt.Steps != nil {
		a.opt.Steps(steps)
	}
	a.hours = activity.New(a.Documents, a.opt.Now, a.Log)
	a.Runner = tasks.NewRunner(a.Documents, a.Queue, a.Library, steps, tasks.Options{
		Attempts: cfg.Steps.Attempts, Deaths: cfg.Steps.Deaths, Timeouts: cfg.Steps.Timeouts, Horizon: cfg.Reconcile.Horizon,
		Embedding: cfg.Analysis.Embedding, Gate: true, Now: a.opt.Now, Crash: a.opt.Crash.Hit, Recorder: recorders{a.Metrics, a.hours, a.opt.Record}, Tracer: a.tracing.Tracer("weft/tasks"), Log: a.Log,
	})
	a.Desk = labeling.NewDesk(a.Documents, a.Documents, a.Runner, a.opt.Now, a.opt.Crash.Hit)
	return nil
}

// steps is the table of steps: what Weft does with a post, and with what.
func (a *App) steps() (tasks.Steps, error) {
	limits := a.Config.Limits
	opener, err := a.opener()
	if err != nil {
		return nil, err
	}
	resolvers, err := a.resolvers()
	if err != nil {
		return nil, err
	}
	analyzer, err := a.analyzer()
	if err != nil {
		return nil, err
	}
	analyze := &tasks.Analyze{Analyzer: analyzer, Fuse: a.Registry.Fuse}
	return tasks.Steps{
		models.Fetch: &tasks.Fetch{
			Preparer: preparer{image.NewPreparer(limits.DecodePixels), image.Limits{Bytes: limits.ImageBytes, Pixels: limits.ImagePixels, Memory: limits.DecodeMemory}},
			Images:   a.Blobs, Refs: a.Documents, Resolvers: resolvers,
			Openers: map[string]tasks.Opener{"http": opener, "https": opener},
		},
		models.AnalyzeLight: analyze,
		models.AnalyzeHeavy: analyze,
		models.LabelStep:    &tasks.Label{Items: a.Documents, Choices: a.Registry, Crash: a.opt.Crash.Hit},
		models.Index:        &tasks.IndexStep{Search: a.Search},
		models.Archive:      &tasks.ArchiveStep{Timelines: a.Documents, Staging: a.Documents},
	}, nil
}

// allowed are the networks that may be called although they are not public.
func (a *App) allowed() ([]netip.Prefix, error) {
	var allow []netip.Prefix
	for _, n := range a.Config.Images.Allow {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, fmt.Errorf("app: images.allow: %w", err)
		}
		allow = append(allow, p)
	}
	return allow, nil
}

// opener fetches images from the web.
func (a *App) opener() (*images.Opener, error) {
	allow, err := a.allowed()
	if err != nil {
		return nil, err
	}
	return images.New(images.Options{
		Bytes: a.Config.Limits.ImageBytes, Timeout: a.Config.Images.Timeout, Agent: a.Config.Crawl.Agent, Allow: allow,
	}), nil
}

// resolvers are the connectors that can read a known post again.
func (a *App) resolvers() (map[string]tasks.Resolver, error) {
	connectors, err := a.connectors()
	if err != nil {
		return nil, err
	}
	out := map[string]tasks.Resolver{}
	for name, c := range connectors {
		if r, ok := c.(source.Resolver); ok {
			out[name] = r
		}
	}
	return out, nil
}

// onClose remembers what to close, the last opened first.
func (a *App) onClose(name string, fn func() error) {
	a.closers = append(a.closers, closer{name, fn})
}

// Close closes everything in reverse order. It may be called twice.
func (a *App) Close() error {
	var errs []error
	for _, c := range slices.Backward(a.closers) {
		if err := c.fn(); err != nil {
			errs = append(errs, fmt.Errorf("app: close %s: %w", c.name, err))
		}
	}
	a.closers = nil
	return errors.Join(errs...)
}

// preparer adapts the image package to the fetch step's port.
type preparer struct {
	p      *image.Preparer
	limits image.Limits
}

func (p preparer) Prepare(ctx context.Context, original []byte) (tasks.Prepared, error) {
	got, err := p.p.PrepareWithin(ctx, original, p.limits)
	if err != nil {
		return tasks.Prepared{}, err
	}
	return tasks.Prepared{
		Original: got.Original, SHA256: got.SHA256, PHash: got.PHash, Type: got.Type, Width: got.Width, Height: got.Height, Rendition: got.Rendition,
	}, nil
}

// recorders tells the metrics, the counts by hour, and whoever looks on.
type recorders struct {
	metrics *telemetry.Metrics
	hours   *activity.Counter
	more    tasks.Recorder
}

func (r recorders) Step(step, profile, outcome string, seconds, cost float64) {
	r.metrics.Step(step, profile, outcome, seconds, cost)
	r.hours.Step(step, profile, outcome, seconds, cost)
	if r.more != nil {
		r.more.Step(step, profile, outcome, seconds, cost)
	}
}
