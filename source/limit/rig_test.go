package limit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"weft/internal/config"
	"weft/internal/redisconn"
	"weft/internal/testredis"
	"weft/models"
	"weft/source"
	"weft/source/limit"
)

var (
	key = source.Key{Source: "weibo", Account: "a}{/b", Host: "api.weibo.example"}
	t0  = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

// server starts a redis-server of the test's own.
func server(t *testing.T) *testredis.Server {
	t.Helper()
	s, err := testredis.Start(t.Context(), t.TempDir())
	if errors.Is(err, testredis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client connects as another process would.
func client(t *testing.T, addr string) redis.UniversalClient {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, DialerRetries: 1, MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// backend is a kind of Redis. What start returns makes connections, each as
// another process would.
type backend struct {
	name  string
	start func(t *testing.T) func() redis.UniversalClient
}

func backends() []backend {
	return []backend{
		{"redis-server", func(t *testing.T) func() redis.UniversalClient {
			s := server(t)
			return func() redis.UniversalClient { return client(t, s.Addr) }
		}},
		{"miniredis", func(t *testing.T) func() redis.UniversalClient {
			s := miniredis.RunT(t)
			return func() redis.UniversalClient { return client(t, s.Addr()) }
		}},
		{"tls", func(t *testing.T) func() redis.UniversalClient {
			s, _, err := testredis.StartTLS(t.Context(), t.TempDir(), testredis.User{Name: "weft", Password: "hunter2", Rules: "~* &* +@all"})
			return connector(t, s, err)
		}},
		{"sentinel", func(t *testing.T) func() redis.UniversalClient {
			s, err := testredis.StartSentinel(t.Context(), t.TempDir())
			return connector(t, s, err)
		}},
		{"cluster", func(t *testing.T) func() redis.UniversalClient {
			s, err := testredis.StartCluster(t.Context(), t.TempDir(), false)
			return connector(t, s, err)
		}},
	}
}

// connector connects to an installation as internal/app does.
func connector[T interface {
	URL() string
	Kill() error
}](t *testing.T, s T, err error) func() redis.UniversalClient {
	t.Helper()
	if errors.Is(err, testredis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, s.Kill()) })
	server, err := config.ParseRedis(s.URL())
	must(t, err)
	return func() redis.UniversalClient {
		rdb, err := redisconn.Open(t.Context(), server, slog.New(slog.DiscardHandler))
		must(t, err)
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
}

// everyMaster asks all servers that hold keys.
func everyMaster(t *testing.T, rdb redis.UniversalClient, do func(ctx context.Context, node redis.Cmdable) error) {
	t.Helper()
	if c, ok := rdb.(*redis.ClusterClient); ok {
		must(t, c.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error { return do(ctx, node) }))
		return
	}
	must(t, do(t.Context(), rdb))
}

// clock goes when somebody sleeps.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.now) {
		c.slept += until.Sub(c.now)
		c.now = until
	}
	return ctx.Err()
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// take returns how long a call had to wait.
func (c *clock) take(t *testing.T, l *limit.Limiter, k source.Key, r source.Rate) time.Duration {
	t.Helper()
	c.slept = 0
	if err := l.Wait(t.Context(), k, r); err != nil {
		t.Fatal(err)
	}
	return c.slept
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantTrouble returns the trouble that err must be.
func wantTrouble(t *testing.T, err error, kind source.Kind) *source.Trouble {
	t.Helper()
	trouble, ok := source.AsTrouble(err)
	if !ok || trouble.Kind != kind {
		t.Fatalf("got %v, want it %s", err, kind)
	}
	return trouble
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*models.Fault](err); !ok || models.ClassOf(err) != models.Unavailable {
		t.Errorf("got %v, want an unavailable fault", err)
	}
	if fmt.Sprint(err) == "" {
		t.Error("the fault says nothing")
	}
}
