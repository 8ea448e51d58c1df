package limit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/source"
)

// State is what is known of a key's limit.
type State struct {
	Key     source.Key `json:"key"`
	Known   bool       `json:"known"`             // Left means something
	Left    float64    `json:"left,omitempty"`    // share of the budget, 0 to 1
	Reset   time.Time  `json:"reset,omitzero"`    // when it is whole again; zero: unknown
	Seen    time.Time  `json:"seen,omitzero"`     // when that was told
	Until   time.Time  `json:"until,omitzero"`    // no call before
	Stopped string     `json:"stopped,omitempty"` // what a person must do; then Until is when it is tried anyway
}

// Report tells all processes what the network said of k's limit.
func (l *Limiter) Report(ctx context.Context, k source.Key, s source.Signal) error {
	now := l.opt.Now()
	left, reset := "", int64(0)
	if told, ok := share(s.Left); s.Known && ok {
		left = strconv.FormatFloat(told, 'f', 4, 64)
		if s.Reset.Before(now.Add(farthest)) && !s.Reset.IsZero() {
			reset = max(s.Reset.UnixMilli(), 1)
		}
	}
	until := int64(0)
	if !s.Until.IsZero() {
		until = min(s.Until.UnixMilli(), now.Add(farthest).UnixMilli())
	}
	last, err := l.reporting.Run(ctx, l.rdb, []string{l.key(k)}, now.UnixMilli(), left, reset, max(until, 0),
		s.Stop, now.Add(stopped).UnixMilli(), time.Hour.Milliseconds(), k.Token).Float64()
	if err != nil {
		return away("report for "+k.String(), err)
	}
	// second, so that a key that State drops for having no hash comes back with its next report
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, l.index(), redis.Z{Score: last, Member: name(k)})
		p.ZRemRangeByScore(ctx, l.index(), "-inf", strconv.FormatInt(now.UnixMilli(), 10))
		return nil
	})
	if err != nil {
		return away("report for "+k.String(), err)
	}
	return nil
}

// Clear forgets what was told of k: a person repaired it. Its rate is still kept.
func (l *Limiter) Clear(ctx context.Context, k source.Key) error {
	if err := l.rdb.Del(ctx, l.key(k)).Err(); err != nil {
		return away("clear "+k.String(), err)
	}
	if err := l.rdb.ZRem(ctx, l.index(), name(k)).Err(); err != nil {
		return away("clear "+k.String(), err)
	}
	return nil
}

// Left returns the share of k's budget that is left, as far as the network told.
func (l *Limiter) Left(ctx context.Context, k source.Key) (left float64, known bool, err error) {
	fields, err := l.rdb.HGetAll(ctx, l.key(k)).Result()
	if err != nil {
		return 0, false, away("state of "+k.String(), err)
	}
	s := l.state(k, fields)
	return s.Left, s.Known, nil
}

// State returns what is known of all keys, in the order of their names. Keys of
// which nothing is known that still holds are left out.
func (l *Limiter) State(ctx context.Context) ([]State, error) {
	now := strconv.FormatInt(l.opt.Now().UnixMilli(), 10)
	names, err := l.rdb.ZRangeByScore(ctx, l.index(), &redis.ZRangeBy{Min: "(" + now, Max: "+inf"}).Result()
	if err != nil {
		return nil, away("state", err)
	}
	slices.Sort(names)
	answers := make([]*redis.MapStringStringCmd, len(names))
	if _, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, n := range names {
			answers[i] = p.HGetAll(ctx, l.prefix()+"{"+n+"}")
		}
		return nil
	}); err != nil {
		return nil, away("state", err)
	}
	var out []State
	for i, n := range names {
		k, err := parse(n)
		if err != nil {
			continue // not of ours
		}
		if s := l.state(k, answers[i].Val()); s != (State{Key: k}) {
			out = append(out, s)
		}
	}
	return out, nil
}

// state reads a hash, and leaves out what no longer holds.
func (l *Limiter) state(k source.Key, fields map[string]string) State {
	now, s := l.opt.Now(), State{Key: k}
	if until := moment(fields["until"]); until.After(now) {
		s.Until = until
	}
	if until := moment(fields["stopped"]); until.After(now) {
		s.Until, s.Stopped = until, fields["stop"]
	}
	left, err := strconv.ParseFloat(fields["left"], 64)
	seen, reset := moment(fields["seen"]), moment(fields["reset"])
	if err == nil && (reset.After(now) || (reset.IsZero() && now.Before(seen.Add(time.Hour)))) {
		s.Known, s.Left, s.Reset, s.Seen = true, left, reset, seen
	}
	return s
}

func (l *Limiter) prefix() string {
	if l.opt.Environment == "" {
		return "weft:limit:"
	}
	return "weft:" + l.opt.Environment + ":limit:"
}

// key is where k's state is. The braces keep all of k on one node of a cluster.
func (l *Limiter) key(k source.Key) string { return l.prefix() + "{" + name(k) + "}" }

// index lists the names of the keys that were reported, each with when it says
// nothing any more.
func (l *Limiter) index() string { return l.prefix() + "keys" }

// name writes k so that it can be read again, whatever is in its parts.
func name(k source.Key) string {
	return url.PathEscape(k.Source) + "/" + url.PathEscape(k.Account) + "/" + url.PathEscape(k.Host)
}

func parse(name string) (source.Key, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return source.Key{}, fmt.Errorf("limit: %q is no key", name)
	}
	var errs []error
	for i := range parts {
		var err error
		parts[i], err = url.PathUnescape(parts[i])
		errs = append(errs, err)
	}
	return source.Key{Source: parts[0], Account: parts[1], Host: parts[2]}, errors.Join(errs...)
}

// moment reads milliseconds since 1970; nothing and 0 are no moment.
func moment(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n == 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
