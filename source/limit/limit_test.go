package limit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"weft/models"
	"weft/source"
	"weft/source/limit"
)

// TestEverywhere runs on each kind of Redis, whose state is empty for each story.
func TestEverywhere(t *testing.T) {
	stories := []struct {
		name string
		test func(t *testing.T, connect func() redis.UniversalClient)
	}{
		{"many processes keep one rate", manyProcessesKeepOneRate},
		{"slows down before the limit", slowsDownBeforeTheLimit},
		{"answers overtake each other", answersOvertakeEachOther},
		{"believes no endless wait", believesNoEndlessWait},
		{"Retry-After is for all", retryAfterIsForAll},
		{"a refused token stops the account", refusedTokenStopsTheAccount},
		{"a new token is tried at once", newTokenIsTried},
		{"state", state},
		{"unknown scripts", unknownScripts},
	}
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			connect := b.start(t)
			for _, s := range stories {
				t.Run(s.name, func(t *testing.T) {
					everyMaster(t, connect(), func(ctx context.Context, node redis.Cmdable) error { return node.FlushAll(ctx).Err() })
					s.test(t, connect)
				})
			}
		})
	}
}

// Four processes with five goroutines each call as often as they may.
func manyProcessesKeepOneRate(t *testing.T, connect func() redis.UniversalClient) {
	rate := source.Rate{N: 40, Per: 500 * time.Millisecond}
	const calls = 120
	var made atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range 4 {
		l := limit.New(connect(), limit.Options{Environment: "test"})
		for range 5 {
			wg.Go(func() {
				for made.Load() < calls {
					if err := l.Wait(t.Context(), key, rate); err != nil {
						t.Error(err)
						return
					}
					made.Add(1)
				}
			})
		}
	}
	wg.Wait()
	// whatever the delays between Redis and here: not more than so many from beginning to end
	took := time.Since(start)
	if most := 40 * (int64(took/rate.Per) + 1); made.Load() > most {
		t.Errorf("%d calls in %v, at most %d are allowed", made.Load(), took, most)
	}
	if took > 20*time.Second {
		t.Errorf("%d calls took %v", made.Load(), took)
	}
}

// Whatever the order of calls and pauses of several processes: no window holds
// more calls than the rate, and whoever is told when to come back may call then.
func TestNoWindowHoldsMoreThanTheRate(t *testing.T) {
	s := miniredis.RunT(t)
	processes := []redis.UniversalClient{client(t, s.Addr()), client(t, s.Addr()), client(t, s.Addr())}
	rapid.Check(t, func(rt *rapid.T) {
		s.FlushAll()
		c := &clock{now: t0}
		s.SetTime(c.now)
		rate := source.Rate{N: rapid.IntRange(1, 200).Draw(rt, "n"), Per: time.Duration(rapid.IntRange(1, 600).Draw(rt, "per")) * time.Second}
		var made []time.Time
		try := func() *source.Trouble {
			rdb := processes[rapid.IntRange(0, 2).Draw(rt, "process")]
			l := limit.New(rdb, limit.Options{Environment: "test", Patience: -1, Now: c.Now, Sleep: c.Sleep})
			err := l.Wait(t.Context(), key, rate)
			if err == nil {
				made = append(made, c.Now())
				return nil
			}
			trouble, ok := source.AsTrouble(err)
			if !ok || trouble.Kind != source.Throttled || !trouble.Until.After(c.Now()) {
				rt.Fatalf("got %v at %v", err, c.Now())
			}
			return trouble
		}
		for range rapid.IntRange(1, 60).Draw(rt, "calls") {
			c.forward(time.Duration(rapid.IntRange(0, int(2*rate.Per/time.Millisecond)/rate.N).Draw(rt, "pause")) * time.Millisecond)
			s.SetTime(c.Now())
			if trouble := try(); trouble != nil && rapid.Bool().Draw(rt, "comes back") {
				c.forward(trouble.Until.Sub(c.Now()) + time.Millisecond)
				s.SetTime(c.Now())
				if again := try(); again != nil {
					rt.Fatalf("told to come back at %v, then at %v", trouble.Until, again.Until)
				}
			}
		}
		for i, first := range made {
			n, _ := slices.BinarySearchFunc(made, first.Add(rate.Per), time.Time.Compare)
			if n-i > rate.N {
				rt.Fatalf("%d calls in the %v from %v, %d are allowed", n-i, rate.Per, first, rate.N)
			}
		}
	})
}

func slowsDownBeforeTheLimit(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	opt := limit.Options{Environment: "test", Patience: time.Minute, Now: c.Now, Sleep: c.Sleep}
	here, there := limit.New(connect(), opt), limit.New(connect(), opt)
	rate := source.Rate{N: 1_000_000, Per: time.Second} // keeps nobody waiting by itself
	spread := source.Rate{N: 100, Per: 0}               // a budget of 100 calls, no rate

	must(t, here.Report(t.Context(), key, source.Signal{Known: true, Left: .25, Reset: t0.Add(100 * time.Second)}))
	for range 20 {
		if d := c.take(t, there, key, spread); d != 0 {
			t.Fatalf("a call waited %v with a quarter left", d)
		}
	}
	must(t, here.Report(t.Context(), key, source.Signal{Known: true, Left: .2, Reset: t0.Add(100 * time.Second)}))
	var waits []time.Duration
	for i := range 4 {
		l := here
		if i%2 == 1 {
			l = there
		}
		waits = append(waits, c.take(t, l, key, spread))
	}
	// 20 calls over 100 s, 20 over the 95 s that remain, …
	want := []time.Duration{0, 5 * time.Second, 4750 * time.Millisecond, 4513 * time.Millisecond}
	if d := cmp.Diff(want, waits); d != "" {
		t.Errorf("pauses while a fifth is left (-want +got):\n%s", d)
	}
	must(t, here.Report(t.Context(), key, source.Signal{Known: true, Left: .04, Reset: t0.Add(100 * time.Second)}))
	trouble := wantTrouble(t, there.Wait(t.Context(), key, rate), source.Throttled)
	if !trouble.Until.Equal(t0.Add(100 * time.Second)) {
		t.Errorf("with 4 %% left come back at %v, want the reset", trouble.Until)
	}
	c.forward(50 * time.Second) // within the minute of patience
	left := t0.Add(100 * time.Second).Sub(c.Now())
	if d := c.take(t, there, key, rate); d != left {
		t.Errorf("waited %v, want %v until the reset", d, left)
	}
	for range 20 {
		if d := c.take(t, here, key, rate); d != 0 {
			t.Fatalf("a call waited %v after the reset", d)
		}
	}
	other := key
	other.Account = "another"
	must(t, here.Report(t.Context(), key, source.Signal{Known: true, Left: 0, Reset: c.Now().Add(time.Hour)}))
	if d := c.take(t, here, other, rate); d != 0 {
		t.Errorf("another account waited %v", d)
	}
}

func answersOvertakeEachOther(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	l := limit.New(connect(), limit.Options{Now: c.Now, Sleep: c.Sleep})
	reset := t0.Add(time.Hour)
	for i, step := range []struct {
		signal source.Signal
		want   float64
	}{
		{source.Signal{Known: true, Left: .5, Reset: reset}, .5},
		{source.Signal{Known: true, Left: .3, Reset: reset.Add(time.Second)}, .3},
		{source.Signal{Known: true, Left: .4, Reset: reset}, .3},                         // sent before, came after
		{source.Signal{Known: true, Left: .9, Reset: t0.Add(-time.Second)}, .3},          // of the budget before
		{source.Signal{Until: t0.Add(time.Second)}, .3},                                  // tells nothing of it
		{source.Signal{Known: true, Left: .99, Reset: reset.Add(30 * time.Minute)}, .99}, // a new budget
		{source.Signal{Known: true, Left: 7}, 1},                                         // a rolling one, and a bad sum
		{source.Signal{Known: true, Left: -1}, 0},
	} {
		must(t, l.Report(t.Context(), key, step.signal))
		left, known, err := l.Left(t.Context(), key)
		if err != nil || !known || left != step.want {
			t.Errorf("%d: left %v, %v, %v; want %v", i, left, known, err, step.want)
		}
	}
	_, known, err := l.Left(t.Context(), source.Key{Source: "reddit"})
	if known || err != nil {
		t.Errorf("of another key something is known, or %v", err)
	}
}

// A reset in milliseconds, taken for seconds, is some ten thousand years away.
func believesNoEndlessWait(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	l := limit.New(connect(), limit.Options{Now: c.Now, Sleep: c.Sleep})
	far := time.Unix(t0.UnixMilli(), 0)
	must(t, l.Report(t.Context(), key, source.Signal{Known: true, Left: 0, Reset: far}))
	trouble := wantTrouble(t, l.Wait(t.Context(), key, source.Rate{N: 10, Per: 5 * time.Minute}), source.Throttled)
	if !trouble.Until.Equal(t0.Add(5 * time.Minute)) {
		t.Errorf("come back at %v, want after a budget's length", trouble.Until)
	}
	must(t, l.Report(t.Context(), key, source.Signal{Until: far}))
	trouble = wantTrouble(t, l.Wait(t.Context(), key, source.Rate{}), source.Throttled)
	if !trouble.Until.Equal(t0.Add(7 * 24 * time.Hour)) {
		t.Errorf("come back at %v, want in a week", trouble.Until)
	}
}

func retryAfterIsForAll(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	opt := limit.Options{Environment: "test", Now: c.Now, Sleep: c.Sleep}
	here, there := limit.New(connect(), opt), limit.New(connect(), opt)
	must(t, here.Report(t.Context(), key, source.Signal{Until: t0.Add(30 * time.Second)}))
	must(t, here.Report(t.Context(), key, source.Signal{Until: t0.Add(time.Second)})) // the later one holds
	trouble := wantTrouble(t, there.Wait(t.Context(), key, source.Rate{}), source.Throttled)
	if !trouble.Until.Equal(t0.Add(30 * time.Second)) {
		t.Errorf("come back at %v, want in 30 s", trouble.Until)
	}
	c.forward(25 * time.Second)
	if d := c.take(t, there, key, source.Rate{}); d != 5*time.Second {
		t.Errorf("waited %v, want the 5 s that were left", d)
	}
}

func newTokenIsTried(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	l := limit.New(connect(), limit.Options{Environment: "new", Now: c.Now, Sleep: c.Sleep})
	old, fresh := key, key
	old.Token, fresh.Token = "aaaa", "bbbb"
	must(t, l.Report(t.Context(), old, source.Signal{Stop: "get a new token"}))
	wantTrouble(t, l.Wait(t.Context(), old, source.Rate{}), source.Stopped)
	if waited := c.take(t, l, fresh, source.Rate{}); waited != 0 {
		t.Errorf("the new token waited %s", waited)
	}
	// what it is told of the budget goes for both: it is the account's
	must(t, l.Report(t.Context(), fresh, source.Signal{Until: t0.Add(time.Hour)}))
	wantTrouble(t, l.Wait(t.Context(), fresh, source.Rate{}), source.Throttled)
	must(t, l.Report(t.Context(), fresh, source.Signal{Stop: "this one too"}))
	wantTrouble(t, l.Wait(t.Context(), fresh, source.Rate{}), source.Stopped)
}

func refusedTokenStopsTheAccount(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	opt := limit.Options{Environment: "test", Now: c.Now, Sleep: c.Sleep}
	here, there := limit.New(connect(), opt), limit.New(connect(), opt)
	refused := source.Signal{Stop: "the token has expired: get a new one at weibo.example"}
	must(t, here.Report(t.Context(), key, refused))
	trouble := wantTrouble(t, there.Wait(t.Context(), key, source.Rate{N: 1, Per: time.Second}), source.Stopped)
	if trouble.Do != refused.Stop || !strings.Contains(trouble.Error(), key.Host) {
		t.Errorf("it says %q and to do %q", trouble.Error(), trouble.Do)
	}
	renewed := key
	renewed.Account = "hash of the new token"
	c.take(t, there, renewed, source.Rate{})

	must(t, here.Clear(t.Context(), key))
	c.take(t, there, key, source.Rate{})
	must(t, here.Report(t.Context(), key, refused))
	c.forward(time.Hour - time.Millisecond)
	wantTrouble(t, there.Wait(t.Context(), key, source.Rate{}), source.Stopped)
	c.forward(time.Millisecond)
	c.take(t, there, key, source.Rate{})
}

func state(t *testing.T, connect func() redis.UniversalClient) {
	c := &clock{now: t0}
	rdb := connect()
	l := limit.New(rdb, limit.Options{Environment: "test", Now: c.Now, Sleep: c.Sleep})
	elsewhere := limit.New(rdb, limit.Options{Environment: "other", Now: c.Now, Sleep: c.Sleep})
	feed, brief := source.Key{Source: "feed", Host: "a/b"}, source.Key{Source: "brief"}
	must(t, l.Report(t.Context(), key, source.Signal{Known: true, Left: .125, Reset: t0.Add(time.Hour), Until: t0.Add(time.Minute)}))
	must(t, l.Report(t.Context(), feed, source.Signal{Stop: "log in again"}))
	must(t, l.Report(t.Context(), brief, source.Signal{Until: t0.Add(time.Second)}))
	must(t, elsewhere.Report(t.Context(), source.Key{Source: "foreign"}, source.Signal{Stop: "x"}))
	want := []limit.State{
		{Key: brief, Until: t0.Add(time.Second)},
		{Key: feed, Until: t0.Add(time.Hour), Stopped: "log in again"},
		{Key: key, Known: true, Left: .125, Reset: t0.Add(time.Hour), Seen: t0, Until: t0.Add(time.Minute)},
	}
	got, err := l.State(t.Context())
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("state, %v (-want +got):\n%s", err, d)
	}
	c.forward(time.Minute)
	want = want[1:]
	want[1].Until = time.Time{}
	got, err = l.State(t.Context())
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("state a minute later, %v (-want +got):\n%s", err, d)
	}
	must(t, l.Clear(t.Context(), feed))
	c.forward(59 * time.Minute)
	got, err = l.State(t.Context())
	if len(got) != 0 || err != nil {
		t.Errorf("state an hour later is %v, %v; want nothing", got, err)
	}
}

func TestKeysAreNamedForTheInstallation(t *testing.T) {
	rdb := client(t, server(t).Addr)
	l := limit.New(rdb, limit.Options{Environment: "test"})
	must(t, l.Report(t.Context(), key, source.Signal{Known: true, Left: .5}))
	must(t, l.Wait(t.Context(), key, source.Rate{N: 1, Per: time.Minute}))
	got, err := rdb.Keys(t.Context(), "*").Result()
	slices.Sort(got)
	tag := "weft:test:limit:{weibo/a%7D%7B%2Fb/api.weibo.example}"
	if d := cmp.Diff([]string{"weft:test:limit:keys", tag, tag + ":rate"}, got); d != "" || err != nil {
		t.Errorf("keys, %v (-want +got):\n%s", err, d)
	}
	for _, k := range got[1:] {
		if ttl, err := rdb.TTL(t.Context(), k).Result(); err != nil || ttl <= 0 || ttl > 2*time.Hour {
			t.Errorf("%s lives for %v, %v", k, ttl, err)
		}
	}
}

// After a failover the new server may know none of the scripts.
func unknownScripts(t *testing.T, connect func() redis.UniversalClient) {
	rdb := connect()
	l := limit.New(rdb, limit.Options{})
	for range 2 {
		must(t, l.Report(t.Context(), key, source.Signal{Known: true, Left: .5}))
		must(t, l.Wait(t.Context(), key, source.Rate{N: 100, Per: time.Second}))
		everyMaster(t, rdb, func(ctx context.Context, node redis.Cmdable) error { return node.ScriptFlush(ctx).Err() })
	}
}

func TestRedisAway(t *testing.T) {
	s := server(t)
	l := limit.New(client(t, s.Addr), limit.Options{})
	rate := source.Rate{N: 1000, Per: time.Second}
	must(t, l.Wait(t.Context(), key, rate))
	must(t, s.Kill())
	wantUnavailable(t, l.Wait(t.Context(), key, rate))
	wantUnavailable(t, l.Wait(t.Context(), key, source.Rate{}))
	wantUnavailable(t, l.Report(t.Context(), key, source.Signal{Stop: "x"}))
	wantUnavailable(t, l.Clear(t.Context(), key))
	_, err := l.State(t.Context())
	wantUnavailable(t, err)
	_, _, err = l.Left(t.Context(), key)
	wantUnavailable(t, err)
	must(t, s.Restart(t.Context()))
	must(t, l.Wait(t.Context(), key, rate))
}

func TestWaitEndsWithItsContext(t *testing.T) {
	l := limit.New(client(t, miniredis.RunT(t).Addr()), limit.Options{Patience: time.Hour})
	must(t, l.Report(t.Context(), key, source.Signal{Until: time.Now().Add(30 * time.Minute)}))
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() { done <- l.Wait(ctx, key, source.Rate{}) }()
	cancel(errors.New("enough"))
	err := <-done
	if !errors.Is(err, context.Canceled) || models.ClassOf(err) != models.Unavailable {
		t.Errorf("got %v", err)
	}
}

var _ source.Limiter = (*limit.Limiter)(nil)
