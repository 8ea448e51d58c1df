package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

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
		{"cluster", func(t *testing.T) func() redis.UniversalClient {
			addr := cluster(t)
			return func() redis.UniversalClient {
				rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
				t.Cleanup(func() { _ = rdb.Close() })
				return rdb
			}
		}},
	}
}

// cluster starts a cluster of one node: it refuses commands whose keys are in
// several slots, as any does.
func cluster(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip(testredis.ErrMissing)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	_ = l.Close()
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "",
		"--cluster-enabled", "yes", "--cluster-port", freePort(t), "--logfile", "redis.log")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	node := redis.NewClient(&redis.Options{Addr: addr})
	defer node.Close()
	eventually(t, "the node answers", func() bool { return node.Ping(t.Context()).Err() == nil })
	if err := node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is whole", func() bool {
		info, err := node.ClusterInfo(t.Context()).Result()
		return err == nil && len(info) > 17 && info[:16] == "cluster_state:ok"
	})
	return addr
}

func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !fact(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
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
