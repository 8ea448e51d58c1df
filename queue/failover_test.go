package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/internal/testredis"
	"weft/models"
	"weft/queue"
	"weft/storage/sqlite"
)

// work is an installation in small: books, a queue, servers, a reconciler. Its
// runs go from fetch to index and end, and each commit counts.
type work struct {
	t       *testing.T
	client  *queue.Client
	docs    *sqlite.Documents
	rec     *queue.Reconciler
	horizon time.Duration

	mu      sync.Mutex
	effects map[string]int // by post and step
	done    atomic.Int64
	healed  atomic.Int64 // runs that the reconciler enqueued again
}

func newWork(t *testing.T, rdb redis.UniversalClient, horizon time.Duration) *work {
	t.Helper()
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	w := &work{t: t, client: client(t, rdb, queue.Options{MaxDepth: 500, Poll: 5 * time.Millisecond}), docs: docs, horizon: horizon, effects: map[string]int{}}
	// A lease that nobody renewed for four of its thirty seconds counts as dead, so
	// that a test need not wait for it: no task here takes that long.
	w.rec = queue.NewReconciler(w.client, docs, docs, queue.ReconcileOptions{
		Horizon: horizon, Grace: -26 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := w.rec.Pass(t.Context()); err != nil { // sets the marker
		t.Fatal(err)
	}
	return w
}

const page = 50

// admit stores n posts and enqueues them, in pages and while there is room, as a
// crawler does. Redis may be away: it goes on, and the rest is the reconciler's.
func (w *work) admit(n int) (refused int) {
	for at := 0; at < n; at += page {
		var admissions []models.Admission
		var runs []models.Run
		for i := at; i < min(at+page, n); i++ {
			r := models.NewRun(fmt.Sprintf("a.%d", i), "p", "v1", models.Normal, time.Now(), w.horizon)
			runs = append(runs, r)
			admissions = append(admissions, models.Admission{Post: models.Post{ID: r.Post, Source: "a"}, Run: r})
		}
		if _, err := w.docs.Admit(w.t.Context(), admissions); err != nil {
			w.t.Error(err)
		}
		_ = w.client.WaitRoom(w.t.Context(), models.Fetch, models.Normal, nil) // nor is this an error to end on
		if err := w.client.EnqueueAll(w.t.Context(), runs); err != nil {
			refused++
			if models.ClassOf(err) != models.Unavailable {
				w.t.Errorf("enqueue: %v is %s", err, models.ClassOf(err))
			}
		}
	}
	return refused
}

// Handle is the runner's table in small: only the current seq does anything.
func (w *work) Handle(ctx context.Context, t models.Task, _ int) error {
	_, r, err := w.docs.Load(ctx, t.Post, t.Profile)
	if err != nil {
		return err
	}
	if r.State != models.Queued {
		return nil
	}
	if r.Seq == t.Seq {
		m := r.Advance(models.Index, "next", time.Now(), w.horizon)
		if t.Step == models.Index {
			m = r.End(models.Done, "end", time.Now())
		}
		err := w.docs.Move(ctx, m)
		if errors.Is(err, models.ErrConflict) {
			return nil
		}
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.effects[string(t.Step)+" "+t.Post]++
		w.mu.Unlock()
		if r = m.Run; r.State == models.Done {
			w.done.Add(1)
			return nil
		}
	}
	_, err = w.client.Enqueue(ctx, r)
	return err
}

// serve works until the test ends; the reconciler passes all the time. What
// they meet while Redis is away is theirs to survive.
func (w *work) serve() {
	servers, err := w.client.Serve(w, queue.ServeOptions{
		Concurrency: map[models.Step]int{models.Fetch: 8, models.Index: 8}, CheckInterval: 5 * time.Millisecond,
		DelayedCheckInterval: 10 * time.Millisecond, RetryBase: time.Millisecond, Drain: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			s, _ := w.rec.Pass(ctx) // after an error the next pass goes on
			w.healed.Add(int64(s.Enqueued + s.Replaced + s.Epoch))
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	w.t.Cleanup(func() {
		stop()
		wg.Wait()
		servers.Shutdown()
	})
}

// finished waits until all n are done, and wants each step of each done once.
func (w *work) finished(n int) {
	w.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); w.done.Load() < int64(n); {
		if time.Now().After(deadline) {
			queued, _ := w.docs.Runs(w.t.Context(), models.RunFilter{State: models.Queued, Limit: 3})
			w.t.Fatalf("%d of %d are done, still queued: %v", w.done.Load(), n, queued)
		}
		<-time.After(10 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.effects) != 2*n {
		w.t.Errorf("%d effects, want %d", len(w.effects), 2*n)
	}
	for what, times := range w.effects {
		if times != 1 {
			w.t.Errorf("%s was done %d times", what, times)
		}
	}
}

// TestSentinelFailover kills the master while posts are enqueued and worked on,
// with the replica some way behind. Writes that were acknowledged are lost with
// it, the marker is not: what is missing is overdue.
func TestSentinelFailover(t *testing.T) {
	t.Parallel() // it mostly waits
	s, err := testredis.StartSentinel(t.Context(), t.TempDir())
	begin(t, s, err)
	rdb := connect(t, s.URL())
	w := newWork(t, rdb, time.Second)
	w.serve()
	const n = 3000
	var admitted sync.WaitGroup
	admitted.Go(func() { t.Logf("%d of %d pages were refused for now", w.admit(n), n/page) })
	eventually(t, "a tenth is done", func() bool { return w.done.Load() > n/10 })
	fallBehind(t, s)
	before := w.done.Load()
	eventually(t, "more is done meanwhile", func() bool { return w.done.Load() > before+n/20 })
	if err := s.Nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := s.Nodes[1].Thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replica is the master", func() bool {
		m, err := s.Master(t.Context())
		return err == nil && m == s.Nodes[1]
	})
	promoted := time.Now()
	at := w.done.Load()
	eventually(t, "work goes on", func() bool { return w.done.Load() > at })
	t.Logf("promoted after %s, working after %s", promoted.Sub(killed).Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
	admitted.Wait()
	w.finished(n)
	t.Logf("all done after %s, of which %d were enqueued again", time.Since(killed).Round(time.Millisecond), w.healed.Load())
	if w.healed.Load() == 0 {
		t.Error("nothing was lost with the master: this test shows nothing")
	}
	if err := s.Nodes[0].Restart(t.Context()); err != nil { // the old master comes back, and takes itself for one
		t.Fatal(err)
	}
	if _, err := w.client.Enqueue(t.Context(), run("b.1")); err != nil {
		t.Errorf("after the old master came back: %v", err)
	}
	old := redis.NewClient(&redis.Options{Addr: s.Nodes[0].Addr})
	defer old.Close()
	if n, err := old.Exists(t.Context(), "asynq:{fetch}:t:fetch:b.1:p:1").Result(); n > 0 || err != nil {
		t.Errorf("the task went to the old master: %d, %v", n, err)
	}
}

// fallBehind cuts the replica off: what the master takes from now on, it alone has.
func fallBehind(t *testing.T, s *testredis.Sentinel) {
	t.Helper()
	if err := s.Nodes[1].Freeze(); err != nil {
		t.Fatal(err)
	}
	master := redis.NewClient(&redis.Options{Addr: s.Nodes[0].Addr})
	defer master.Close()
	if err := master.Do(t.Context(), "CLIENT", "KILL", "TYPE", "replica").Err(); err != nil {
		t.Fatal(err)
	}
}

// TestClusterFailover kills the member that holds the queue of the first step.
func TestClusterFailover(t *testing.T) {
	t.Parallel() // it mostly waits
	c, err := testredis.StartCluster(t.Context(), t.TempDir(), true)
	begin(t, c, err)
	w := newWork(t, connect(t, c.URL()), time.Second)
	w.serve()
	const n = 2500
	var admitted sync.WaitGroup
	admitted.Go(func() { w.admit(n) })
	eventually(t, "a tenth is done", func() bool { return w.done.Load() > n/10 })
	holder, err := c.Holder(t.Context(), "asynq:{fetch}:pending")
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	at := w.done.Load() + 100 // beyond what was at work
	eventually(t, "work goes on", func() bool { return w.done.Load() > at })
	t.Logf("working after %s", time.Since(killed).Round(time.Millisecond))
	admitted.Wait()
	w.finished(n)
}

// TestMemberComesBackEmpty: without a replica, a member of a cluster that lost
// its data takes a queue with it. Its marker is gone too, so that nobody waits
// for the horizon.
func TestMemberComesBackEmpty(t *testing.T) {
	t.Parallel() // it mostly waits
	c, err := testredis.StartCluster(t.Context(), t.TempDir(), false)
	begin(t, c, err)
	rdb := connect(t, c.URL())
	w := newWork(t, rdb, time.Hour)
	const n = 300
	if refused := w.admit(n); refused > 0 {
		t.Fatalf("%d pages were refused", refused)
	}
	holder, err := c.Holder(t.Context(), "asynq:{fetch}:pending")
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{holder.Kill, holder.Forget, func() error { return holder.Restart(t.Context()) }} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the cluster is whole again", func() bool {
		_, err := w.client.Epoch(t.Context())
		return err == nil
	})
	w.serve()
	w.finished(n)
}

// TestOlderData: a Redis that comes back with what it held some time ago has the
// marker, tasks that were done since, and none of those that were enqueued since.
func TestOlderData(t *testing.T) {
	t.Parallel() // it mostly waits
	s, err := testredis.Start(t.Context(), t.TempDir())
	begin(t, s, err)
	rdb := connect(t, s.URL())
	w := newWork(t, rdb, 500*time.Millisecond)
	const n = 500
	for i := range n {
		r := models.NewRun(fmt.Sprintf("a.%d", i), "p", "v1", models.Normal, time.Now(), w.horizon)
		if _, err := w.docs.Admit(t.Context(), []models.Admission{{Post: models.Post{ID: r.Post, Source: "a"}, Run: r}}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // the others' tasks came after the backup
			if _, err := w.client.Enqueue(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if i%4 == 0 { // done after it: their tasks rise again
			if err := w.Handle(t.Context(), r.Task(), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := rdb.Del(t.Context(), "asynq:{index}:pending").Err(); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i += 4 {
		if err := rdb.Del(t.Context(), fmt.Sprintf("asynq:{index}:t:index:a.%d:p:2", i)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	w.serve()
	w.finished(n)
}

// TestScriptsForgotten flushes the servers' scripts all the time, as if each
// moment another one had taken over.
func TestScriptsForgotten(t *testing.T) { scriptsForgotten(t, single(t)) }

func scriptsForgotten(t *testing.T, rdb redis.UniversalClient) {
	w := newWork(t, rdb, time.Minute)
	w.serve()
	flush := func(ctx context.Context, node *redis.Client) error { return node.ScriptFlush(ctx).Err() }
	ctx, stop := context.WithCancel(t.Context())
	var flushing sync.WaitGroup
	var flushed int
	flushing.Go(func() {
		for ; ctx.Err() == nil; flushed++ {
			if c, ok := rdb.(*redis.ClusterClient); ok {
				_ = c.ForEachMaster(ctx, flush)
			} else {
				_ = rdb.ScriptFlush(ctx).Err()
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
	const n = 1500
	if refused := w.admit(n); refused > 0 {
		t.Errorf("%d pages were refused", refused)
	}
	w.finished(n)
	stop()
	flushing.Wait()
	if flushed < 20 {
		t.Errorf("scripts were flushed %d times only", flushed)
	}
}
