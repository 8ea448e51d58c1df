// Package activity counts what the steps do, by hour, for people to look at: how
// many deliveries of which step ended how, and what they cost.
//
// The counts are made beside the books, not out of them. A step's end adds to a
// number in memory, and every few seconds one write adds what has come together
// to the documents, so a post pays nothing for it. The price: a process that is
// killed loses the seconds since its last write, and a write whose answer was
// lost may be counted twice. Where numbers must be right, count runs.
package activity

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"weft/models"
)

const (
	// Every is how often counts are written: soon enough for somebody who looks
	// on, and at most a dozen small writes a minute of each process.
	Every = 5 * time.Second
	// Kept is how long an hour's counts are kept: five weeks, so that a day can be
	// held against the same day four weeks before.
	Kept = 35 * 24 * time.Hour
	// lastWrite bounds the write at the end of a process.
	lastWrite = 5 * time.Second
)

// Store keeps counts.
type Store interface {
	// AddActivity adds to what is kept of the same hour, profile, step and outcome.
	AddActivity(ctx context.Context, counts []models.Activity) error
	// ForgetActivity removes the hours that began before a time, and says how many counts that were.
	ForgetActivity(ctx context.Context, before time.Time) (int64, error)
}

// Counter counts in memory, and hands over to the store. It is a tasks.Recorder.
// All methods may be called from many goroutines, and Step does nothing on nil.
type Counter struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	counts map[models.Activity]sum // by all but N and Cost
}

type sum struct {
	n    int64
	cost float64
}

// New returns a counter over a store; now is its clock.
func New(store Store, now func() time.Time, log *slog.Logger) *Counter {
	return &Counter{store: store, now: now, log: log, counts: map[models.Activity]sum{}}
}

// Step counts one delivery that a step ended, and the CPU seconds it cost.
func (c *Counter) Step(step, profile, outcome string, _, cost float64) {
	if c == nil {
		return
	}
	key := models.Activity{Hour: hour(c.now()), Profile: profile, Step: models.Step(step), Outcome: models.Outcome(outcome)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(key, sum{1, max(cost, 0)}) // a clock that was set back takes nothing away
}

func (c *Counter) add(key models.Activity, s sum) {
	have := c.counts[key]
	c.counts[key] = sum{have.n + s.n, have.cost + s.cost}
}

// Run writes every few seconds until ctx ends. Whoever runs it calls Flush when
// nothing is counted any more, which may be later. A store that is away costs
// memory for the counts of as many hours, and nothing else.
func (c *Counter) Run(ctx context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.Flush(ctx)
		}
	}
}

// Flush writes what was counted since the last time, also when ctx has ended.
// What could not be written is kept for the next time, and logged.
func (c *Counter) Flush(ctx context.Context) {
	c.mu.Lock()
	taken := c.counts
	c.counts = map[models.Activity]sum{}
	c.mu.Unlock()
	if len(taken) == 0 {
		return
	}
	counts := make([]models.Activity, 0, len(taken))
	for key, s := range taken {
		key.N, key.Cost = s.n, s.cost
		counts = append(counts, key)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := c.store.AddActivity(ctx, counts); err != nil {
		c.log.Warn("activity is not written yet", "counts", len(counts), "error", err)
		c.mu.Lock()
		defer c.mu.Unlock()
		for key, s := range taken {
			c.add(key, s)
		}
	}
}

// Forget removes the hours that are older than Kept.
func (c *Counter) Forget(ctx context.Context) error {
	_, err := c.store.ForgetActivity(ctx, hour(c.now().Add(-Kept)))
	return err
}

func hour(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }
