package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"weft/models"
)

// emitters is how many enqueue calls run side by side in bulk. Beyond 256 the
// auto-pipelined batches no longer grow and only memory does.
const emitters = 256

// traceHeader carries the W3C trace context of the post's discovery.
const traceHeader = "traceparent"

// Options of a Client. Zero values are documented with each field.
type Options struct {
	Environment string                        // prefix of all queue names and own keys; empty: none
	Timeouts    map[models.Step]time.Duration // of the steps; asynq's own deadline is twice that and a minute
	MaxDepth    int64                         // pending tasks of a queue above which WaitRoom waits; 0: no limit
	Poll        time.Duration                 // how often WaitRoom looks; 0: a second
}

// Client enqueues runs and looks after tasks. It is safe for concurrent use.
type Client struct {
	rdb       redis.UniversalClient
	asynq     *asynq.Client
	bulk      *asynq.Client // over the same connections, merging the round trips of concurrent callers
	inspector *asynq.Inspector
	opt       Options
}

// NewClient returns a client over rdb, which stays the caller's to close.
func NewClient(rdb redis.UniversalClient, opt Options) (*Client, error) {
	if opt.Poll == 0 {
		opt.Poll = time.Second
	}
	piped, err := rdb.AutoPipeline()
	if err != nil {
		return nil, fmt.Errorf("queue: auto-pipelining: %w", err)
	}
	return &Client{
		rdb:       rdb,
		asynq:     asynq.NewClientFromRedisClient(rdb),
		bulk:      asynq.NewClientFromRedisClient(piped),
		inspector: asynq.NewInspectorFromRedisClient(rdb),
		opt:       opt,
	}, nil
}

// Queue returns the name of the queue that serves step in lane.
func (c *Client) Queue(step models.Step, lane models.Lane) string {
	name := string(step)
	if c.opt.Environment != "" {
		name = c.opt.Environment + "-" + name
	}
	if lane == models.Bulk {
		name += ".bulk"
	}
	return name
}

// TaskID names the intent of a run at one seq.
func TaskID(t models.Task) string {
	return fmt.Sprintf("%s:%s:%s:%d", t.Step, t.Post, t.Profile, t.Seq)
}

// Enqueue puts the run's current task into its queue, to be processed at
// run.ProcessAt. It is fresh when the task was not there before; a task that is
// there already is no error.
func (c *Client) Enqueue(ctx context.Context, run models.Run) (fresh bool, err error) {
	return c.enqueue(ctx, c.asynq, run)
}

func (c *Client) enqueue(ctx context.Context, via *asynq.Client, run models.Run) (fresh bool, err error) {
	t := run.Task()
	payload, err := json.Marshal(t)
	if err != nil {
		return false, fmt.Errorf("queue: encode task: %w", err)
	}
	var headers map[string]string
	if run.Trace != "" {
		headers = map[string]string{traceHeader: run.Trace}
	}
	opts := []asynq.Option{
		asynq.TaskID(TaskID(t)), asynq.Queue(c.Queue(run.Step, run.Lane)),
		asynq.MaxRetry(math.MaxInt32), asynq.Timeout(2*c.opt.Timeouts[run.Step] + time.Minute),
	}
	if !run.ProcessAt.IsZero() {
		opts = append(opts, asynq.ProcessAt(run.ProcessAt))
	}
	_, err = via.EnqueueContext(ctx, asynq.NewTaskWithHeaders(string(t.Step), payload, headers), opts...)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return false, nil
	default:
		return false, models.Faultf(models.Unavailable, "queue: enqueue %s: %w", TaskID(t), err)
	}
}

// EnqueueAll enqueues many runs at once; concurrent callers share round trips.
// It goes on after an error and returns the first one: what was not enqueued
// is found by the reconciler.
func (c *Client) EnqueueAll(ctx context.Context, runs []models.Run) error {
	var g errgroup.Group
	g.SetLimit(emitters)
	for _, run := range runs {
		g.Go(func() error {
			_, err := c.enqueue(ctx, c.bulk, run)
			return err
		})
	}
	return g.Wait()
}

// WaitRoom returns once the queue of step and lane holds fewer pending tasks
// than the limit. After it has paused it waits for a fifth to be worked off, so
// that emitting doesn't stutter. paused, when not nil, is told of each look.
func (c *Client) WaitRoom(ctx context.Context, step models.Step, lane models.Lane, paused func(depth int64)) error {
	limit := c.opt.MaxDepth
	for limit > 0 {
		depth, err := c.rdb.LLen(ctx, pendingKey(c.Queue(step, lane))).Result()
		if err != nil {
			return models.Faultf(models.Unavailable, "queue: depth of %s: %w", step, err)
		}
		if depth < limit {
			return nil
		}
		limit = max(1, c.opt.MaxDepth*4/5)
		if paused != nil {
			paused(depth)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.opt.Poll):
		}
	}
	return nil
}

// Depth is how many tasks of a queue stand in each state.
type Depth struct {
	Queue     string `json:"queue"`
	Pending   int    `json:"pending"`
	Active    int    `json:"active"`
	Scheduled int    `json:"scheduled"`
	Retry     int    `json:"retry"`
	Archived  int    `json:"archived"`
	Paused    bool   `json:"paused,omitempty"`
}

// Depths returns the depth of every queue that has ever held a task.
func (c *Client) Depths(ctx context.Context) ([]Depth, error) {
	known, err := c.inspector.Queues()
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "queue: list queues: %w", err)
	}
	var out []Depth
	for _, step := range models.Steps() {
		for _, lane := range []models.Lane{models.Normal, models.Bulk} {
			if !slices.Contains(known, c.Queue(step, lane)) {
				continue
			}
			info, err := c.inspector.GetQueueInfo(c.Queue(step, lane))
			if err != nil {
				return nil, models.Faultf(models.Unavailable, "queue: info of %s: %w", c.Queue(step, lane), err)
			}
			out = append(out, Depth{
				Queue: info.Queue, Pending: info.Pending, Active: info.Active, Scheduled: info.Scheduled,
				Retry: info.Retry, Archived: info.Archived, Paused: info.Paused,
			})
		}
	}
	return out, ctx.Err()
}

// Close frees what the client made; the Redis client stays open.
func (c *Client) Close() error { return nil }
