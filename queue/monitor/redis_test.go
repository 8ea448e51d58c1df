package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"weft/internal/config"
	"weft/internal/redisconn"
	"weft/internal/testredis"
)

// installation is a kind of Redis that was started for a test.
type installation interface {
	URL() string
	Kill() error
}

// TestEveryKindOfRedis: all that asynqmon asks and does works on Sentinels'
// master and on a cluster, over the one client that everything else uses.
func TestEveryKindOfRedis(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct {
		start func(ctx context.Context, dir string) (installation, error)
		where string // what the page of Redis' state says of the place
	}{
		"sentinel": {func(ctx context.Context, dir string) (installation, error) { return testredis.StartSentinel(ctx, dir) },
			`"address":"FailoverClient"`}, // the master's address isn't shown: go-redis doesn't tell asynqmon
		"cluster": {func(ctx context.Context, dir string) (installation, error) {
			return testredis.StartCluster(ctx, dir, false)
		}, `"cluster":true`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits for servers
			s, err := kind.start(t.Context(), t.TempDir())
			if errors.Is(err, testredis.ErrMissing) && os.Getenv("CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Kill() })
			b := newBenchOn(t, dial(t, s.URL()))
			c := b.login("otto", "operating")
			for _, path := range []string{
				"queues", "queues/fetch", "queue_stats", "queues/fetch/active_tasks", "queues/fetch/scheduled_tasks", "queues/fetch/retry_tasks",
				"queues/fetch/archived_tasks", "queues/fetch/completed_tasks", "queues/fetch/groups", "servers", "scheduler_entries",
			} {
				if resp, body := b.do(c, http.MethodGet, "/asynqmon/api/"+path, nil); resp.StatusCode != http.StatusOK || !json.Valid([]byte(body)) {
					t.Errorf("%s: %s\n%s", path, resp.Status, body)
				}
			}
			if _, body := b.do(c, http.MethodGet, "/asynqmon/api/redis_info", nil); !strings.Contains(body, kind.where) {
				t.Errorf("redis_info lacks %s:\n%s", kind.where, body)
			}
			b.operate(c)
		})
	}
}

// operate pauses the queue, and sends its one task through the states that an
// operator can send it to.
func (b *bench) operate(c *http.Client) {
	b.t.Helper()
	const task = "fetch:file.1:quality:3"
	do := func(method, path string) {
		b.t.Helper()
		if resp, body := b.do(c, method, "/asynqmon/api/queues/fetch"+path, nil); resp.StatusCode/100 != 2 {
			b.t.Errorf("%s %s: %s\n%s", method, path, resp.Status, body)
		}
	}
	do(http.MethodPost, ":pause")
	if !b.paused() {
		b.t.Error("the queue is not paused")
	}
	do(http.MethodPost, ":resume")
	do(http.MethodPost, "/pending_tasks/"+task+":archive")
	do(http.MethodPost, "/archived_tasks/"+task+":run")
	do(http.MethodPost, "/pending_tasks:archive_all")
	do(http.MethodPost, "/archived_tasks:run_all")
	if info, err := b.inspector.GetQueueInfo("fetch"); err != nil || info.Pending != 1 || info.Paused {
		b.t.Errorf("after all that: %+v, %v", info, err)
	}
	do(http.MethodDelete, "/pending_tasks/"+task)
	do(http.MethodDelete, "")
	if queues, err := b.inspector.Queues(); err != nil || len(queues) != 0 {
		b.t.Errorf("queues are left: %v, %v", queues, err)
	}
}

// dial connects as internal/app does.
func dial(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	server, err := config.ParseRedis(url)
	if err != nil {
		t.Fatal(err)
	}
	rdb, err := redisconn.Open(t.Context(), server, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}
