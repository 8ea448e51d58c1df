package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"weft/models"
	"weft/queue"
	"weft/storage/sqlite"
)

func client(t *testing.T, rdb redis.UniversalClient, opt queue.Options) *queue.Client {
	t.Helper()
	c, err := queue.NewClient(rdb, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(post string) models.Run {
	return models.NewRun(post, "p", "v1", models.Normal, time.Now(), time.Second)
}

func eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !fact(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestQueueNames(t *testing.T) { queueNames(t, single(t)) }

func queueNames(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{Environment: "staging"})
	if got := c.Queue(models.AnalyzeHeavy, models.Bulk); got != "staging-analyze-heavy.bulk" {
		t.Errorf("queue is %q", got)
	}
}

func TestEnqueueTwiceIsNotFresh(t *testing.T) { enqueueTwiceIsNotFresh(t, single(t)) }

func enqueueTwiceIsNotFresh(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	r := run("a.1")
	for i, want := range []bool{true, false} {
		fresh, err := c.Enqueue(t.Context(), r)
		if err != nil || fresh != want {
			t.Errorf("enqueue %d: fresh %v, error %v", i+1, fresh, err)
		}
	}
	r.Seq++
	if fresh, err := c.Enqueue(t.Context(), r); err != nil || !fresh {
		t.Errorf("the next seq: fresh %v, error %v", fresh, err)
	}
}

func TestPayloadIsSmall(t *testing.T) { payloadIsSmall(t, single(t)) }

func payloadIsSmall(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	r := run("weibo." + fmt.Sprintf("%048d", 1))
	r.Profile = "a-name-of-thirty-two-characters-"
	if _, err := c.Enqueue(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	info, err := asynq.NewInspectorFromRedisClient(rdb).GetTaskInfo("fetch", queue.TaskID(r.Task()))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Payload) >= 300 {
		t.Errorf("payload is %d bytes: %s", len(info.Payload), info.Payload)
	}
	if info.MaxRetry < 1<<30 || info.Retention != 0 {
		t.Errorf("MaxRetry %d, Retention %s: asynq would decide about failures", info.MaxRetry, info.Retention)
	}
}

func TestEnqueueAllEnqueuesEach(t *testing.T) { enqueueAllEnqueuesEach(t, single(t)) }

func enqueueAllEnqueuesEach(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	var runs []models.Run
	for i := range 5000 {
		runs = append(runs, run(fmt.Sprintf("a.%d", i)))
	}
	if err := c.EnqueueAll(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
	if n := rdb.LLen(t.Context(), "asynq:{fetch}:pending").Val(); n != 5000 {
		t.Errorf("%d tasks are pending", n)
	}
}

// TestKeys holds the keys that Weft reads itself to those of asynq's version.
func TestKeys(t *testing.T) { keys(t, single(t)) }

func keys(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{MaxDepth: 1, Poll: time.Millisecond})
	if _, err := c.Enqueue(t.Context(), run("a.1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.WaitRoom(ctx, models.Fetch, models.Normal, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a full queue had room: %v", err)
	}
	release := make(chan struct{})
	h := handle(func(context.Context, models.Task, int) error { <-release; return nil })
	servers := serve(t, c, h)
	eventually(t, "the task's lease is seen", func() bool {
		sight, err := c.Look(t.Context(), run("a.1"), time.Second)
		return err == nil && sight == queue.Working
	})
	if sight, err := c.Look(t.Context(), run("a.1"), -time.Hour); err != nil || sight != queue.Orphan {
		t.Errorf("a lease that ended long ago: %s, %v", sight, err)
	}
	close(release)
	servers.Shutdown()
}

type handle func(ctx context.Context, t models.Task, retried int) error

func (h handle) Handle(ctx context.Context, t models.Task, retried int) error {
	return h(ctx, t, retried)
}

func serve(t *testing.T, c *queue.Client, h queue.Handler) *queue.Servers {
	t.Helper()
	s, err := c.Serve(h, queue.ServeOptions{
		Concurrency: map[models.Step]int{models.Fetch: 2}, CheckInterval: 5 * time.Millisecond,
		DelayedCheckInterval: 10 * time.Millisecond, RetryBase: time.Millisecond, Drain: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWaitRoomWaitsForAFifthToBeWorkedOff(t *testing.T) {
	waitRoomWaitsForAFifthToBeWorkedOff(t, single(t))
}

func waitRoomWaitsForAFifthToBeWorkedOff(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{MaxDepth: 10, Poll: time.Millisecond})
	var runs []models.Run
	for i := range 10 {
		runs = append(runs, run(fmt.Sprintf("a.%d", i)))
	}
	if err := c.EnqueueAll(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
	var depths []int64
	err := c.WaitRoom(t.Context(), models.Fetch, models.Normal, func(depth int64) {
		depths = append(depths, depth)
		rdb.RPop(t.Context(), "asynq:{fetch}:pending")
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(depths) != 3 { // at 10, 9 and 8; 7 is below four fifths
		t.Errorf("paused at depths %v", depths)
	}
}

func TestLookTellsWaitingFromGone(t *testing.T) { lookTellsWaitingFromGone(t, single(t)) }

func lookTellsWaitingFromGone(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	r := run("a.1")
	look := func() queue.Sight {
		t.Helper()
		s, err := c.Look(t.Context(), r, 0)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := look(); got != queue.Gone {
		t.Errorf("before: %s", got)
	}
	if _, err := c.Enqueue(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != queue.Waiting {
		t.Errorf("pending: %s", got)
	}
	if err := asynq.NewInspectorFromRedisClient(rdb).ArchiveTask("fetch", queue.TaskID(r.Task())); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != queue.Gone {
		t.Errorf("archived by hand: %s", got)
	}
	r.Seq, r.ProcessAt = 2, time.Now().Add(time.Hour)
	if _, err := c.Enqueue(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != queue.Waiting {
		t.Errorf("scheduled: %s", got)
	}
}

// TestOnlyAttemptsCount: asynq's retry count less the recorded attempts is the
// number of deaths, so nothing else may count.
func TestOnlyAttemptsCount(t *testing.T) { onlyAttemptsCount(t, single(t)) }

func onlyAttemptsCount(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	var counts []int
	var calls atomic.Int64
	done := make(chan struct{})
	servers := serve(t, c, handle(func(_ context.Context, _ models.Task, retried int) error {
		counts = append(counts, retried) // one task: one handler at a time
		switch calls.Add(1) {
		case 1:
			return models.Faultf(models.Unavailable, "a stale read")
		case 2:
			return models.Faultf(models.Retryable, "an attempt")
		default:
			close(done)
			return nil
		}
	}))
	defer servers.Shutdown()
	if _, err := c.Enqueue(t.Context(), run("a.1")); err != nil {
		t.Fatal(err)
	}
	<-done
	if fmt.Sprint(counts) != "[0 0 1]" {
		t.Errorf("retry counts %v", counts)
	}
}

// TestEmptiedRedis: every queued run gets seq+1 and a new task, asynq knows its
// queues again, and a second pass finds nothing to do.
func TestEmptiedRedis(t *testing.T) { emptiedRedis(t, single(t)) }

func emptiedRedis(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close()
	rec := queue.NewReconciler(c, docs, docs, queue.ReconcileOptions{Horizon: time.Minute, Page: 7, Log: slog.New(slog.DiscardHandler)})
	if s, err := rec.Pass(t.Context()); err != nil || s != (queue.Summary{}) {
		t.Fatalf("first pass: %+v, %v", s, err)
	}
	const n = 20
	for i := range n {
		id := fmt.Sprintf("a.%d", i)
		if _, err := docs.Admit(t.Context(), []models.Admission{{Post: models.Post{ID: id, Source: "a"}, Run: run(id)}}); err != nil {
			t.Fatal(err)
		}
	}
	empty(t, rdb)
	if s, err := rec.Pass(t.Context()); err != nil || s.Epoch != n {
		t.Fatalf("after the flush: %+v, %v", s, err)
	}
	if got := rdb.LLen(t.Context(), "asynq:{fetch}:pending").Val(); got != n {
		t.Errorf("%d tasks are pending", got)
	}
	if !rdb.SIsMember(t.Context(), "asynq:queues", "archive").Val() {
		t.Error("asynq doesn't know the queues again")
	}
	_, r, err := docs.Load(t.Context(), "a.3", "p")
	if err != nil || r.Seq != 2 {
		t.Errorf("seq %d, %v", r.Seq, err)
	}
	if s, err := rec.Pass(t.Context()); err != nil || s.Epoch != 0 {
		t.Errorf("second pass: %+v, %v", s, err)
	}
}

// TestLostTaskIsEnqueuedAgain: a run whose task is not in the queue when it is
// due gets it again, with the same seq; one whose task was archived gets another.
func TestLostTaskIsEnqueuedAgain(t *testing.T) { lostTaskIsEnqueuedAgain(t, single(t)) }

func lostTaskIsEnqueuedAgain(t *testing.T, rdb redis.UniversalClient) {
	c := client(t, rdb, queue.Options{})
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close()
	now := time.Now()
	rec := queue.NewReconciler(c, docs, docs, queue.ReconcileOptions{
		Horizon: time.Minute, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := rec.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := docs.Admit(t.Context(), []models.Admission{{Post: models.Post{ID: "a.1", Source: "a"}, Run: run("a.1")}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	if s, err := rec.Pass(t.Context()); err != nil || s.Enqueued != 1 {
		t.Fatalf("lost: %+v, %v", s, err)
	}
	if err := asynq.NewInspectorFromRedisClient(rdb).ArchiveTask("fetch", "fetch:a.1:p:1"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(10 * time.Minute)
	if s, err := rec.Pass(t.Context()); err != nil || s.Replaced != 1 {
		t.Fatalf("archived by hand: %+v, %v", s, err)
	}
	if _, r, err := docs.Load(t.Context(), "a.1", "p"); err != nil || r.Seq != 2 || r.Deaths != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
