// Package limit paces calls to the networks over all processes: what one of
// them was told of a limit, the others know with their next call. The state is
// in Redis, since it is worth nothing after an hour and read on every call.
//
// Two things hold a call back. The rate that the connector names is kept by
// GCRA, spaced so that no window of its length ever holds more calls than it
// allows. And the network's own signals: with less than a quarter of the budget
// left, what is left is spread over the time until it is whole again; with less
// than a twentieth, calls wait for that moment; a Retry-After is waited for; and
// an account whose token is refused makes no call at all until a person helped.
//
// The rate goes by Redis' clock, the signals go by the processes' own: they may
// differ by as much as a call may come too early.
package limit

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"weft/models"
	"weft/source"
)

const (
	// patience is how long a call waits when Options say nothing: longer waits
	// belong to the crawler, which has other queries to read meanwhile.
	patience = 10 * time.Second
	// stopped is how long an account that was refused makes no call: then one is
	// tried, since a token may have been repaired where we can't see it.
	stopped = time.Hour
	// farthest is the longest that a network is believed. A reset beyond it is
	// a unit mistaken, such as milliseconds for seconds.
	farthest = 7 * 24 * time.Hour
	// shortest is how long a signal without a reset holds at least.
	shortest = time.Minute
	// burst is how many calls may come at once at most, so that a query of a few
	// pages need not wait between them.
	burst = 10
	// unknownCalls stands for the size of a budget that nobody named.
	unknownCalls = 100
)

// Options of a Limiter.
type Options struct {
	Environment string        // keeps installations on one Redis apart
	Patience    time.Duration // longest wait within Wait; 0: 10 s, below 0: none

	Now   func() time.Time                                 // nil: time.Now
	Sleep func(ctx context.Context, until time.Time) error // nil: by Now and a timer
}

// Limiter implements source.Limiter.
type Limiter struct {
	rdb  redis.UniversalClient
	rate *redis_rate.Limiter
	opt  Options

	asking, reporting *redis.Script
}

// New returns a limiter that keeps its state in rdb.
func New(rdb redis.UniversalClient, opt Options) *Limiter {
	if opt.Patience == 0 {
		opt.Patience = patience
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	l := &Limiter{rdb: rdb, rate: redis_rate.NewLimiter(bare{rdb}), opt: opt, asking: askScript(), reporting: reportScript()}
	if opt.Sleep == nil {
		l.opt.Sleep = l.sleep
	}
	return l
}

// Wait returns when a call with k may be made. It returns a source.Trouble:
// Throttled with the moment to come back at if that is further away than
// Patience, Stopped if the account is; and a models.Unavailable fault while
// Redis is away, since calling blindly is what gets accounts closed.
func (l *Limiter) Wait(ctx context.Context, k source.Key, r source.Rate) error {
	latest := l.opt.Now().Add(max(l.opt.Patience, 0))
	held := false // whether a place among the spread calls is ours
	for {
		at, taken, err := l.ask(ctx, k, r, latest, held)
		if err != nil {
			return err
		}
		held = held || taken
		now := l.opt.Now()
		if !at.After(now) {
			wait, err := l.take(ctx, k, r)
			if err != nil || wait == 0 {
				return err
			}
			at = now.Add(wait)
		}
		if at.After(latest) {
			return &source.Trouble{Kind: source.Throttled, Until: at, Err: fmt.Errorf("the limit of %s is used up for now", k)}
		}
		if err := l.opt.Sleep(ctx, at); err != nil {
			return models.Faultf(models.Unavailable, "limit: wait for %s: %w", k, err)
		}
	}
}

// ask returns the moment from which on the network's signals allow a call, and
// whether that is a place among spread calls. It takes one if none is held and
// it isn't after latest.
func (l *Limiter) ask(ctx context.Context, k source.Key, r source.Rate, latest time.Time, held bool) (time.Time, bool, error) {
	calls, per := r.N, max(r.Per, shortest)
	if calls <= 0 || r.Per <= 0 {
		calls, per = unknownCalls, time.Hour
	}
	answer, err := l.asking.Run(ctx, l.rdb, []string{l.key(k)},
		l.opt.Now().UnixMilli(), latest.UnixMilli(), calls, per.Milliseconds(), held, k.Token).StringSlice()
	if err == nil && len(answer) != 3 {
		err = fmt.Errorf("an answer of %d parts", len(answer))
	}
	if err != nil {
		return time.Time{}, false, away("wait for "+k.String(), err)
	}
	at := moment(answer[0])
	if do := answer[2]; do != "" {
		return at, false, &source.Trouble{
			Kind: source.Stopped, Until: at, Do: do,
			Err: fmt.Errorf("no call with %s before %s", k, at.UTC().Format(time.RFC3339)),
		}
	}
	return at, answer[1] != "", nil
}

// take takes a call from the rate, or says how long there is none.
func (l *Limiter) take(ctx context.Context, k source.Key, r source.Rate) (time.Duration, error) {
	if r.N <= 0 || r.Per <= 0 {
		return 0, nil
	}
	got, err := l.rate.Allow(ctx, l.key(k)+":rate", gcra(r))
	if err != nil {
		return 0, away("wait for "+k.String(), err)
	}
	if got.Allowed > 0 {
		return 0, nil
	}
	return max(got.RetryAfter, time.Millisecond), nil
}

// gcra is the limit whose every window of r.Per holds at most r.N calls. GCRA
// by itself allows a burst on top of the rate; here the rate pays for it.
func gcra(r source.Rate) redis_rate.Limit {
	b := max(1, min(burst, r.N/10))
	return redis_rate.Limit{Rate: r.N - b + 1, Burst: b, Period: r.Per}
}

func (l *Limiter) sleep(ctx context.Context, until time.Time) error {
	t := time.NewTimer(until.Sub(l.opt.Now()))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// away is an error of Redis: whatever it says, the other side is in no state to count.
func away(what string, err error) error {
	return models.Faultf(models.Unavailable, "limit: %s: %w", what, err)
}

// share brings what a network said into 0 to 1; false if it is no number.
func share(left float64) (float64, bool) {
	return max(0, min(1, left)), !math.IsNaN(left)
}
