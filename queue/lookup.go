package queue

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/models"
)

// Sight is what a look behind a task's id finds.
type Sight string

// What Look finds.
const (
	Waiting Sight = "waiting" // pending, scheduled or in retry: it will be seen
	Working Sight = "working" // active, and its worker renews the lease
	Orphan  Sight = "orphan"  // active, but the lease is long dead: a worker died
	Gone    Sight = "gone"    // archived by hand, or not there
)

// Look says how the run's current task stands. A lease counts as dead when it
// ended more than grace ago: asynq's own recoverer waits 30 s beyond.
func (c *Client) Look(ctx context.Context, run models.Run, grace time.Duration) (Sight, error) {
	queue, id := c.Queue(run.Step, run.Lane), TaskID(run.Task())
	task, err := c.rdb.HMGet(ctx, taskKey(queue, id), "state", "msg").Result()
	if err != nil {
		return "", models.Faultf(models.Unavailable, "queue: look for %s: %w", id, err)
	}
	if task[1] == nil { // also what is left where an eviction or a hand took a task's message
		return Gone, c.forget(ctx, queue, id)
	}
	switch task[0] {
	case "pending", "scheduled", "retry":
		return Waiting, nil
	case "active":
		return c.lease(ctx, queue, id, grace)
	default:
		return Gone, nil
	}
}

// forget removes what is left of a task without a message: asynq would hold
// its id for ever.
func (c *Client) forget(ctx context.Context, queue, id string) error {
	if err := c.rdb.Del(ctx, taskKey(queue, id)).Err(); err != nil {
		return models.Faultf(models.Unavailable, "queue: forget %s: %w", id, err)
	}
	return nil
}

// lease tells a working task from an orphan. A task without any lease may just
// have ended: the second look at its state tells.
func (c *Client) lease(ctx context.Context, queue, id string, grace time.Duration) (Sight, error) {
	expiry, err := c.rdb.ZScore(ctx, leaseKey(queue), id).Result()
	switch {
	case err == nil && time.Since(time.Unix(int64(expiry), 0)) <= grace:
		return Working, nil
	case err == nil:
		return Orphan, nil
	case !errors.Is(err, redis.Nil):
		return "", models.Faultf(models.Unavailable, "queue: lease of %s: %w", id, err)
	}
	state, err := c.rdb.HGet(ctx, taskKey(queue, id), "state").Result()
	if err == nil && state == "active" {
		return Orphan, nil
	}
	return Waiting, nil
}

// The keys of asynq that Weft reads itself, since asynq has no cheap call for
// them: GetQueueInfo samples memory use. TestKeys holds them to asynq's version.
func pendingKey(queue string) string  { return "asynq:{" + queue + "}:pending" }
func taskKey(queue, id string) string { return "asynq:{" + queue + "}:t:" + id }
func leaseKey(queue string) string    { return "asynq:{" + queue + "}:lease" }

// allQueues is the set in which asynq registers queue names. Its client does so
// once per process, so a Redis that was emptied, or a cluster's member that holds
// just this key, has to be told again.
const allQueues = "asynq:queues"

// Register puts the queues' names into asynq's set.
func (c *Client) Register(ctx context.Context) error {
	var names []any
	for _, step := range models.Steps() {
		names = append(names, c.Queue(step, models.Normal), c.Queue(step, models.Bulk))
	}
	if err := c.rdb.SAdd(ctx, allQueues, names...).Err(); err != nil {
		return models.Faultf(models.Unavailable, "queue: register queues: %w", err)
	}
	return nil
}

// Epoch returns the marker that tells whether Redis was emptied; "" when it has
// none, or not all of them.
func (c *Client) Epoch(ctx context.Context) (string, error) {
	var got []*redis.StringCmd
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range c.markers() {
			got = append(got, p.Get(ctx, key))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", models.Faultf(models.Unavailable, "queue: epoch: %w", err)
	}
	for _, g := range got {
		if g.Val() != got[0].Val() {
			return "", nil
		}
	}
	return got[0].Val(), nil
}

// SetEpoch sets the marker.
func (c *Client) SetEpoch(ctx context.Context, epoch string) error {
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range c.markers() {
			p.Set(ctx, key, epoch, 0)
		}
		return nil
	})
	if err != nil {
		return models.Faultf(models.Unavailable, "queue: set epoch: %w", err)
	}
	return nil
}

// markers are the keys that hold the epoch. Queues of a cluster lie on several
// members, of which one may come back empty: there each queue has a marker beside it.
func (c *Client) markers() []string {
	prefix := "weft:"
	if c.opt.Environment != "" {
		prefix += c.opt.Environment + ":"
	}
	keys := []string{prefix + "epoch"}
	if _, ok := c.rdb.(*redis.ClusterClient); ok {
		for _, step := range models.Steps() {
			for _, lane := range []models.Lane{models.Normal, models.Bulk} {
				keys = append(keys, prefix+"epoch:{"+c.Queue(step, lane)+"}")
			}
		}
	}
	return keys
}
