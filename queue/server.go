package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"weft/models"
)

// Handler does what a delivered task asks for. retried is asynq's count of
// failures of this task id. An error makes asynq deliver the task again; only
// one classified as retryable counts as a failure.
type Handler interface {
	Handle(ctx context.Context, t models.Task, retried int) error
}

// ServeOptions say what to serve and how.
type ServeOptions struct {
	Concurrency          map[models.Step]int // queues to serve, each with its own server
	CheckInterval        time.Duration       // between looks into an empty queue; asynq's default of 1 s costs half a second a step
	DelayedCheckInterval time.Duration       // between looks for tasks that became due
	RetryBase            time.Duration       // delay of the first retry; it doubles up to ten minutes. 0: two seconds
	Drain                time.Duration       // how long Shutdown lets tasks finish
	Log                  *slog.Logger
}

// Servers are the asynq servers of one process, one per step: a server fetches
// its tasks one by one, so several fetch side by side.
type Servers struct {
	servers []*asynq.Server
}

// Serve starts to serve. Each step's bulk queue is served by the same server
// with a tenth of the weight.
func (c *Client) Serve(h Handler, opt ServeOptions) (*Servers, error) {
	if opt.RetryBase == 0 {
		opt.RetryBase = 2 * time.Second
	}
	s := &Servers{}
	for _, step := range slices.Sorted(maps.Keys(opt.Concurrency)) {
		server := asynq.NewServerFromRedisClient(c.rdb, asynq.Config{
			Concurrency:              opt.Concurrency[step],
			Queues:                   map[string]int{c.Queue(step, models.Normal): 10, c.Queue(step, models.Bulk): 1},
			TaskCheckInterval:        opt.CheckInterval,
			DelayedTaskCheckInterval: opt.DelayedCheckInterval,
			IsFailure:                isFailure,
			RetryDelayFunc:           retryDelay(opt.RetryBase),
			ShutdownTimeout:          opt.Drain,
			Logger:                   logger{opt.Log.With("queue", string(step))},
			LogLevel:                 asynq.WarnLevel,
		})
		if err := server.Start(handler{h}); err != nil {
			s.Shutdown()
			return nil, fmt.Errorf("queue: serve %s: %w", step, err)
		}
		s.servers = append(s.servers, server)
	}
	return s, nil
}

// Stop stops pulling new tasks; those at work go on.
func (s *Servers) Stop() {
	for _, server := range s.servers {
		server.Stop()
	}
}

// Shutdown stops pulling and waits, side by side, for the tasks at work.
// asynq gives back what is not done within the drain time.
func (s *Servers) Shutdown() {
	var wg sync.WaitGroup
	for _, server := range s.servers {
		wg.Go(server.Shutdown)
	}
	wg.Wait()
}

// handler adapts Handler to asynq.
type handler struct{ h Handler }

func (a handler) ProcessTask(ctx context.Context, at *asynq.Task) error {
	var t models.Task
	if err := json.Unmarshal(at.Payload(), &t); err != nil {
		// Not one of ours. Retrying can't mend it, and there is no run to fail.
		return fmt.Errorf("queue: payload of task type %q: %w (%w)", at.Type(), err, asynq.SkipRetry)
	}
	retried, _ := asynq.GetRetryCount(ctx)
	return a.h.Handle(ctx, t, retried)
}

// isFailure tells asynq what to count. What the runner returns is classified:
// only a recorded attempt counts. What comes from asynq itself (an expired
// lease, a handler past asynq's deadline) is not, and counts as a lost worker.
func isFailure(err error) bool {
	if f, ok := errors.AsType[*models.Fault](err); ok {
		return f.Class == models.Retryable
	}
	return true
}

// retryDelay backs off after recorded attempts; everything else comes back after a second.
func retryDelay(base time.Duration) asynq.RetryDelayFunc {
	return func(n int, err error, _ *asynq.Task) time.Duration {
		var f *models.Fault
		if !errors.As(err, &f) || f.Class != models.Retryable {
			return time.Second
		}
		d := min(base<<min(n, 20), 10*time.Minute)
		return d + rand.N(d/4+1) //nolint:gosec // jitter needs no secrecy
	}
}

// logger adapts slog to asynq. Fatal does not end the process: Weft's own
// lifecycle does.
type logger struct{ log *slog.Logger }

func (l logger) Debug(args ...any) { l.log.Debug(fmt.Sprint(args...)) }
func (l logger) Info(args ...any)  { l.log.Info(fmt.Sprint(args...)) }
func (l logger) Warn(args ...any)  { l.log.Warn(fmt.Sprint(args...)) }
func (l logger) Error(args ...any) { l.log.Error(fmt.Sprint(args...)) }
func (l logger) Fatal(args ...any) { l.log.Error(fmt.Sprint(args...)) }
