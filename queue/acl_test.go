package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"weft/internal/testredis"
	"weft/models"
	"weft/queue"
	"weft/source"
	"weft/source/limit"
)

// documentedUsers reads the ACL users out of docs/redis.md.
func documentedUsers(t *testing.T) map[string]testredis.User {
	t.Helper()
	doc, err := os.ReadFile("../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]testredis.User{}
	for _, m := range regexp.MustCompile(`(?m)^user (\S+) on >\S+ (.*)$`).FindAllStringSubmatch(string(doc), -1) {
		users[m[1]] = testredis.User{Name: m[1], Password: "hunter2", Rules: m[2]}
	}
	if len(users) != 3 {
		t.Fatalf("docs/redis.md has %d users", len(users))
	}
	return users
}

// TestDocumentedUsers gives each process a user of exactly the documented
// rules. Redis logs whatever it denies.
func TestDocumentedUsers(t *testing.T) {
	t.Parallel() // it mostly waits
	users := documentedUsers(t)
	admin := testredis.User{Name: "admin", Password: "hunter2", Rules: "~* &* +@all"}
	s, certs, err := testredis.StartTLS(t.Context(), t.TempDir(), admin, users["weft-worker"], users["weft-enqueuer"], users["weft-monitor"])
	begin(t, s, err)
	as := func(name string) redis.UniversalClient { return connect(t, certs.URL(s, users[name])) }
	root := connect(t, s.URL())
	everybody(t, as, root)

	// and no more than that
	if err := root.Set(t.Context(), "other:a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for name := range users {
		rdb := as(name)
		for _, not := range [][]any{{"GET", "other:a"}, {"FLUSHALL"}, {"KEYS", "*"}, {"CONFIG", "GET", "*"}, {"SCRIPT", "FLUSH"}, {"ACL", "LIST"}, {"SHUTDOWN"}} {
			if err := rdb.Do(t.Context(), not...).Err(); !redis.IsPermissionError(err) {
				t.Errorf("%s may %v: %v", name, not, err)
			}
		}
	}
}

// TestDocumentedUsersInCluster: what a cluster needs beside.
func TestDocumentedUsersInCluster(t *testing.T) {
	t.Parallel() // it mostly waits
	c, err := testredis.StartCluster(t.Context(), t.TempDir(), false)
	begin(t, c, err)
	more := documented(t, `In a cluster each also needs `+"`(.*?)`")
	var roots []redis.UniversalClient
	for _, node := range c.Nodes {
		root := direct(t, node.Addr)
		roots = append(roots, root)
		for name, u := range documentedUsers(t) {
			setUser(t, root, name, u.Rules+" "+more)
		}
	}
	everybody(t, func(name string) redis.UniversalClient {
		return connect(t, strings.Replace(c.URL(), "://", "://"+name+":hunter2@", 1))
	}, roots...)
}

// TestDocumentedUserOfSentinels: who may ask them for the master, and no more.
func TestDocumentedUserOfSentinels(t *testing.T) {
	t.Parallel() // it mostly waits
	s, err := testredis.StartSentinel(t.Context(), t.TempDir())
	begin(t, s, err)
	rules := documented(t, "`user weft on >PASSWORD (.*?)`")
	for _, watcher := range s.Sentinels {
		root := direct(t, watcher.Addr)
		setUser(t, root, "weft", rules)
	}
	rdb := connect(t, s.URL()+"?sentinel_user=weft&sentinel_password=hunter2")
	limits(t, rdb)
	for _, watcher := range s.Sentinels {
		root := direct(t, watcher.Addr)
		nothingDenied(t, root)
	}
}

// direct returns a client of one server, whatever it belongs to.
func direct(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// everybody does what each process does, which roots must not have denied.
func everybody(t *testing.T, as func(name string) redis.UniversalClient, roots ...redis.UniversalClient) {
	t.Helper()
	enqueues(t, as("weft-enqueuer"))
	works(t, as("weft-worker"))
	monitors(t, as("weft-monitor"))
	for _, root := range roots {
		nothingDenied(t, root)
	}
}

func nothingDenied(t *testing.T, root redis.UniversalClient) {
	t.Helper()
	if denied, err := root.Do(t.Context(), "ACL", "LOG").Slice(); err != nil || len(denied) > 0 {
		t.Errorf("Redis denied: %v, %v", denied, err)
	}
}

// documented returns what docs/redis.md says in the group of the pattern.
func documented(t *testing.T, pattern string) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(pattern).FindStringSubmatch(string(doc))
	if len(m) != 2 {
		t.Fatalf("docs/redis.md lacks %s", pattern)
	}
	return m[1]
}

func setUser(t *testing.T, root *redis.Client, name, rules string) {
	t.Helper()
	args := []any{"ACL", "SETUSER", name, "on", ">hunter2"}
	for rule := range strings.FieldsSeq(rules) {
		args = append(args, rule)
	}
	if err := root.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

// enqueues does what an enqueuer does with Redis.
func enqueues(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	c := client(t, rdb, queue.Options{MaxDepth: 1000})
	later := run("later.1")
	later.ProcessAt = time.Now().Add(time.Hour)
	if _, err := c.Enqueue(t.Context(), later); err != nil {
		t.Error(err)
	}
	newWork(t, rdb, time.Minute) // `enqueuer reconcile`: a pass
	var runs []models.Run
	for i := range 100 {
		runs = append(runs, run(fmt.Sprintf("b.%d", i)))
	}
	_, err := c.Depths(t.Context())
	err = errors.Join(err, c.EnqueueAll(t.Context(), runs), c.WaitRoom(t.Context(), models.Fetch, models.Normal, nil),
		rdb.Ping(t.Context()).Err())
	if err != nil {
		t.Error(err)
	}
	limits(t, rdb)
}

// limits does all that a limiter does.
func limits(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	l := limit.New(rdb, limit.Options{})
	k := source.Key{Source: "weibo", Account: "a", Host: "h"}
	err := errors.Join(
		l.Wait(t.Context(), k, source.Rate{N: 100, Per: time.Second}),
		l.Report(t.Context(), k, source.Signal{Known: true, Left: .2, Reset: time.Now().Add(time.Minute), Stop: "renew the token"}),
	)
	_, err2 := l.State(t.Context())
	_, _, err3 := l.Left(t.Context(), k)
	if err := errors.Join(err, err2, err3, l.Clear(t.Context(), k), l.Wait(t.Context(), k, source.Rate{N: 100, Per: time.Second})); err != nil {
		t.Error(err)
	}
}

// works does what a worker does: it serves, retries, schedules, reconciles.
func works(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	limits(t, rdb)
	w := newWork(t, rdb, 200*time.Millisecond)
	// one is tried twice, one was lost, one's worker died, one was archived by hand
	w.serve()
	tried := false
	failing := handle(func(ctx context.Context, task models.Task, retried int) error {
		if !tried {
			tried = true
			return models.Faultf(models.Retryable, "once more")
		}
		return nil
	})
	label, err := w.client.Serve(failing, queue.ServeOptions{
		Concurrency: map[models.Step]int{models.LabelStep: 1}, CheckInterval: 5 * time.Millisecond, DelayedCheckInterval: 10 * time.Millisecond,
		RetryBase: time.Millisecond, Drain: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer label.Shutdown()
	again := run("c.1")
	again.Step = models.LabelStep
	if _, err := w.client.Enqueue(t.Context(), again); err != nil {
		t.Error(err)
	}
	if refused := w.admit(200); refused > 0 {
		t.Errorf("%d pages were refused", refused)
	}
	w.finished(200)
	eventually(t, "a retried task is done", func() bool {
		sight, err := w.client.Look(t.Context(), again, 0)
		return err == nil && sight == queue.Gone
	})
	if _, err := w.client.Depths(t.Context()); err != nil {
		t.Error(err)
	}
}

// monitors does what asynqmon's page does, for an operator.
func monitors(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	later, err := inspector.ListScheduledTasks("fetch")
	if err != nil || len(later) != 1 {
		t.Fatalf("scheduled: %v, %v", later, err)
	}
	id := later[0].ID
	_, err1 := inspector.Queues()
	_, err2 := inspector.GetQueueInfo("fetch")
	_, err3 := inspector.History("fetch", 7)
	_, err4 := inspector.Servers()
	_, err5 := inspector.SchedulerEntries()
	_, err6 := inspector.GetTaskInfo("fetch", id)
	_, err7 := inspector.ListPendingTasks("fetch")
	_, err8 := inspector.Groups("fetch")
	err = errors.Join(err1, err2, err3, err4, err5, err6, err7, err8,
		inspector.PauseQueue("fetch"), inspector.ArchiveTask("fetch", id), inspector.RunTask("fetch", id), inspector.DeleteTask("fetch", id),
		inspector.UnpauseQueue("fetch"), inspector.CancelProcessing("nobody"), rdb.Info(t.Context()).Err())
	_, err9 := inspector.ArchiveAllPendingTasks("fetch")
	_, err10 := inspector.RunAllArchivedTasks("fetch")
	_, err11 := inspector.DeleteAllPendingTasks("fetch")
	eventually(t, "nothing is at work", func() bool { // a task is done before it is acknowledged
		info, err := inspector.GetQueueInfo("fetch")
		return err == nil && info.Active == 0
	})
	if err := errors.Join(err, err9, err10, err11, inspector.DeleteQueue("fetch", true)); err != nil {
		t.Error(err)
	}
}
