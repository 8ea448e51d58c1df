package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
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

// kinds are those that redis.url can name, beside a single server.
func kinds() map[string]func(ctx context.Context, dir string) (installation, error) {
	return map[string]func(ctx context.Context, dir string) (installation, error){
		"tls": func(ctx context.Context, dir string) (installation, error) {
			s, _, err := testredis.StartTLS(ctx, dir,
				testredis.User{Name: "weft", Password: "hunter2", Rules: "~* &* +@all"})
			return s, err
		},
		"sentinel": func(ctx context.Context, dir string) (installation, error) { return testredis.StartSentinel(ctx, dir) },
		"cluster": func(ctx context.Context, dir string) (installation, error) {
			return testredis.StartCluster(ctx, dir, false)
		},
	}
}

// begin gives a test an installation of its own.
func begin[T installation](t *testing.T, s T, err error) T {
	t.Helper()
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

// connect is what internal/app does.
func connect(t *testing.T, url string) redis.UniversalClient {
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

// empty takes everything away, on every master.
func empty(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	flush := func(ctx context.Context, node *redis.Client) error { return node.FlushAll(ctx).Err() }
	var err error
	if c, ok := rdb.(*redis.ClusterClient); ok {
		err = c.ForEachMaster(t.Context(), flush)
	} else {
		err = rdb.FlushAll(t.Context()).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// single gives a test a redis-server of its own.
func single(t *testing.T) redis.UniversalClient {
	t.Helper()
	s, err := testredis.Start(t.Context(), t.TempDir())
	return connect(t, begin(t, s, err).URL())
}

// TestEverywhere tells the stories of the other tests on each kind of Redis.
func TestEverywhere(t *testing.T) {
	t.Parallel()
	stories := []struct {
		name string
		test func(t *testing.T, rdb redis.UniversalClient)
	}{
		{"queue names", queueNames},
		{"enqueue twice is not fresh", enqueueTwiceIsNotFresh},
		{"payload is small", payloadIsSmall},
		{"enqueue all enqueues each", enqueueAllEnqueuesEach},
		{"keys", keys},
		{"wait room waits for a fifth to be worked off", waitRoomWaitsForAFifthToBeWorkedOff},
		{"look tells waiting from gone", lookTellsWaitingFromGone},
		{"only attempts count", onlyAttemptsCount},
		{"emptied redis", emptiedRedis},
		{"lost task is enqueued again", lostTaskIsEnqueuedAgain},
		{"scripts forgotten", scriptsForgotten},
	}
	for name, start := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for servers
			s, err := start(t.Context(), t.TempDir())
			rdb := connect(t, begin(t, s, err).URL())
			for _, story := range stories {
				t.Run(story.name, func(t *testing.T) {
					empty(t, rdb)
					story.test(t, rdb)
				})
			}
		})
	}
}
