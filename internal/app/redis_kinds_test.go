package app_test

import (
	"log/slog"
	"strings"
	"testing"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/testredis"
	"weft/models"
)

// TestOnSentinels runs posts through the whole chain, in an environment of its own.
func TestOnSentinels(t *testing.T) {
	t.Parallel() // it waits for servers
	s, err := testredis.StartSentinel(t.Context(), t.TempDir())
	throughTheChain(t, newRigOn(t, s, err, plain, winding))
}

// TestOnCluster does so on three masters.
func TestOnCluster(t *testing.T) {
	t.Parallel() // it waits for servers
	c, err := testredis.StartCluster(t.Context(), t.TempDir(), false)
	throughTheChain(t, newRigOn(t, c, err, plain, winding))
}

// TestOnTLS does so as a user of an ACL, with a client certificate.
func TestOnTLS(t *testing.T) {
	t.Parallel() // it waits for servers
	s, _, err := testredis.StartTLS(t.Context(), t.TempDir(), testredis.User{Name: "weft", Password: "hunter2", Rules: "~asynq:* ~weft:* &asynq:* +@all"})
	throughTheChain(t, newRigOn(t, s, err, plain, winding))
}

func throughTheChain(t *testing.T, r *rig) {
	t.Helper()
	r.set = append(r.set, config.Override{Key: "environment", Value: "staging"})
	r.app = r.open(nil)
	r.wind()
	runs, err := r.app.Documents.Runs(r.ctx, models.RunFilter{Limit: 100})
	if err != nil || len(runs) != 12 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, run := range runs {
		if !run.State.Ended() || run.State == models.Failed {
			t.Errorf("%s: %s", &run, run.Error)
		}
	}
	depths, err := r.app.Queue.Depths(r.ctx)
	if err != nil || len(depths) == 0 {
		t.Fatalf("depths: %v, %v", depths, err)
	}
	for _, d := range depths {
		if !strings.HasPrefix(d.Queue, "staging-") || d.Pending+d.Active+d.Scheduled+d.Retry+d.Archived > 0 {
			t.Errorf("what is left: %+v", d)
		}
	}
	for key, want := range map[string]int64{"weft:staging:epoch": 1, "weft:epoch": 0} {
		if n, err := r.app.Redis.Exists(r.ctx, key).Result(); err != nil || n != want {
			t.Errorf("%s is there %d times, %v", key, n, err)
		}
	}
}

// TestRedisRefused: an unreachable or unwilling server is told by its key, and
// nothing of its password.
func TestRedisRefused(t *testing.T) {
	t.Parallel() // it waits for a server that isn't there
	for _, url := range []string{"redis://u:hunter2@127.0.0.1:1", "rediss://u:hunter2@127.0.0.1:1?ca=/nowhere/ca.pem"} {
		cfg, err := config.Load("", nil, config.Override{Key: "data", Value: t.TempDir()}, config.Override{Key: "redis.url", Value: url})
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.New(t.Context(), cfg, app.Options{Service: "app-test", Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), "app: redis.url: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
