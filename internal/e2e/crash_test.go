package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"weft/internal/crashpoint"
	"weft/models"
)

// settle is how long a crash may take to heal: a dead worker's lease of 30 s,
// and the machine's own slowness with many rigs at once.
const settle = 3 * time.Minute

// TestCrashPoints kills a worker at each named gap between two durable writes,
// starts it again, and holds the laws against what the stores hold in the end.
func TestCrashPoints(t *testing.T) { crashPoints(t, newRig) } //nolint:tparallel // the points go side by side, but not beside other tests

// newRigFunc opens an installation: newRig or newProductionRig.
type newRigFunc func(t *testing.T, posts int, retention string) *rig

func crashPoints(t *testing.T, newRig newRigFunc) { //nolint:tparallel // the points go side by side, but not beside other tests: the machine is small
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes: leases are 30 s")
	}
	for _, point := range crashpoint.All() {
		if strings.HasPrefix(point, "crawl.") {
			continue // TestCrawlSurvivesKills comes by these
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			if unprovoked(point) {
				t.Skip("nothing here erases, merges or loads into a warehouse; storage/history kills these points one by one")
			}
			retention := "8760h"
			if point == crashpoint.PurgeUnsearched {
				retention = "1s"
			}
			r := newRig(t, 40, retention)
			armed := child{Crash: point, Nth: 3, Import: r.importFile(), Label: true, Flaky: r.flaky()}
			if point == crashpoint.AdmitStored || strings.HasPrefix(point, "part.") {
				armed.Nth = 1
			}
			_, ended := r.start(armed)
			r.provoke(point, ended)
			select {
			case <-ended:
			case <-time.After(settle):
				t.Fatalf("the worker never came to %s", point)
			}
			armed.Crash = ""
			r.start(armed)
			if point == crashpoint.PurgeUnsearched {
				r.wait("all posts to be purged", settle, r.purged)
				r.checkPurged()
				return
			}
			r.wait("everything to settle", settle, r.settled)
			r.check(0)
		})
	}
}

// unprovoked are the points that an ordinary run on a folder doesn't come by.
func unprovoked(point string) bool {
	return strings.HasPrefix(point, "erase.") || strings.HasPrefix(point, "compact.") || point == "part.booked" || point == "part.unloaded"
}

// provoke brings about what a point needs, beyond ordinary work.
func (r *rig) provoke(point string, ended <-chan struct{}) {
	switch point {
	case crashpoint.EpochBumped, crashpoint.ReconcileMoved:
		r.whenAdmitted()
		r.flush()
	case crashpoint.ReconcileEnqueued:
		r.loseTasks(ended)
	}
}

func (r *rig) whenAdmitted() {
	r.t.Helper()
	r.wait("posts to be admitted", time.Minute, func() (bool, string) {
		n, err := r.app.Documents.Admitted(r.ctx)
		return err == nil && n >= int64(r.posts), "not all admitted"
	})
}

func (r *rig) flush() {
	r.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: r.redis.Addr})
	defer rdb.Close()
	if err := rdb.FlushAll(r.ctx).Err(); err != nil {
		r.t.Fatal(err)
	}
}

// loseAll deletes every task at one moment.
const loseAll = `for _, k in ipairs(redis.call("KEYS", "asynq:{*}:*")) do
	if string.find(k, ":t:", 1, true) or string.match(k, ":pending$") then redis.call("DEL", k) end
end`

// loseTasks deletes tasks but not the epoch, as an eviction would, until the
// reconciler has had enough of them to put back.
func (r *rig) loseTasks(ended <-chan struct{}) {
	r.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: r.redis.Addr})
	defer rdb.Close()
	for {
		if err := rdb.Eval(r.ctx, loseAll, nil).Err(); err != nil && !errors.Is(err, redis.Nil) {
			r.t.Fatal(err)
		}
		select {
		case <-ended:
			return
		case <-r.ctx.Done():
			r.t.Fatal("the worker never put back as many as it should have")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (r *rig) purged() (bool, string) {
	runs, err := r.app.Documents.Runs(r.ctx, models.RunFilter{Limit: 1000})
	if err != nil {
		return false, err.Error()
	}
	stubs, err := r.app.Documents.Stubs(r.ctx, "", 1000)
	if err != nil {
		return false, err.Error()
	}
	states := map[models.State]int{}
	for _, run := range runs {
		states[run.State]++
	}
	_, state := r.settled()
	return len(runs) == 0 && len(stubs) == r.posts, "runs " + toJSON(r.t, states) + state
}

// checkPurged: what left the document store is in history, and not in search.
func (r *rig) checkPurged() {
	r.t.Helper()
	rows := r.rows()
	stubs, err := r.app.Documents.Stubs(r.ctx, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range stubs {
		if rows[s.Post].Rev != s.Rev {
			r.t.Errorf("%s: stub has rev %d, history %d", s.Post, s.Rev, rows[s.Post].Rev)
		}
	}
	answer, err := r.app.Search.Search(r.ctx, models.SearchQuery{})
	if err != nil {
		r.t.Fatal(err)
	}
	if answer.Total != 0 {
		r.t.Errorf("search still has %d of the purged posts", answer.Total)
	}
}

// TestRandomCrashes lets three workers carry 2,000 posts while they are killed
// at random, Redis is flushed, killed and restarted, and search is away.
func TestRandomCrashes(t *testing.T) {
	t.Parallel()
	randomCrashes(t, newRig, 2000)
}

func randomCrashes(t *testing.T, newRig newRigFunc, posts int) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes: leases are 30 s")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
	r := newRig(t, posts, "8760h")
	away := filepath.Join(r.dir, "search-is-away")
	worker := child{Label: true, Flaky: r.flaky(), Outage: away}
	first := worker
	first.Import = r.importFile()
	r.start(first)
	r.start(worker)
	for round := range 12 {
		pause(r.ctx, time.Duration(500+rng.IntN(1500))*time.Millisecond)
		switch round {
		case 3:
			r.flush()
		case 5:
			r.restartRedis()
		case 7:
			if err := os.WriteFile(away, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		case 10:
			if err := os.Remove(away); err != nil {
				t.Fatal(err)
			}
		default:
			r.killOne(rng)
			next := worker
			if n, _ := r.app.Documents.Admitted(r.ctx); n < int64(r.posts) {
				next.Import = r.importFile()
			}
			r.start(next)
		}
	}
	last := worker
	last.Import = r.importFile()
	r.start(last)
	r.wait("everything to settle", settle, r.settled)
	r.check(0)
}

func (r *rig) killOne(rng *rand.Rand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := rng.IntN(len(r.alive) + 1)
	for cmd := range r.alive {
		if n--; n <= 0 {
			_ = cmd.Process.Signal(syscall.SIGKILL)
			return
		}
	}
}

func (r *rig) restartRedis() {
	r.t.Helper()
	if err := r.redis.Kill(); err != nil {
		r.t.Fatal(err)
	}
	pause(r.ctx, time.Second)
	if err := r.redis.Restart(context.WithoutCancel(r.ctx)); err != nil {
		r.t.Fatal(err)
	}
}

// TestOutageFailsNoRun: while search is away for longer than all attempts
// would take, runs wait, and none fails or spends an attempt.
func TestOutageFailsNoRun(t *testing.T) {
	t.Parallel()
	outageFailsNoRun(t, newRig)
}

func outageFailsNoRun(t *testing.T, newRig newRigFunc) {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for a real outage")
	}
	r := newRig(t, 60, "8760h")
	away := filepath.Join(r.dir, "search-is-away")
	if err := os.WriteFile(away, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(child{Import: r.importFile(), Label: true, Outage: away})
	r.wait("runs to wait at index", settle, func() (bool, string) {
		runs, err := r.app.Documents.Runs(r.ctx, models.RunFilter{Step: models.Index, State: models.Queued, Limit: 1000})
		if err != nil {
			return false, err.Error()
		}
		waited := 0
		for _, run := range runs {
			waited += run.Waits
			if run.Attempts > 0 {
				t.Fatalf("%s spent %d attempts on an outage", &run, run.Attempts)
			}
		}
		return len(runs) > 40 && waited > 5, fmt.Sprintf("%d runs at index, %d waits", len(runs), waited)
	})
	if err := os.Remove(away); err != nil {
		t.Fatal(err)
	}
	r.wait("everything to settle", settle, r.settled)
	r.check(0)
}

// TestPoison: a post that kills its worker ends as poison after three deaths,
// and the others get through.
func TestPoison(t *testing.T) {
	t.Parallel()
	poisonEnds(t, newRig)
}

func poisonEnds(t *testing.T, newRig newRigFunc) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes: leases are 30 s")
	}
	r := newRig(t, 30, "8760h")
	body, err := os.ReadFile(r.importFile())
	if err != nil {
		t.Fatal(err)
	}
	body = []byte(strings.Replace(string(body), "a red dress, number 7\"", "poison\"", 1))
	if err := os.WriteFile(r.importFile(), body, 0o600); err != nil {
		t.Fatal(err)
	}
	worker := child{Import: r.importFile(), Label: true, Poison: true}
	for death := 1; death <= 3; death++ {
		_, ended := r.start(worker)
		select {
		case <-ended:
		case <-time.After(settle):
			t.Fatalf("the worker did not die for the %d. time", death)
		}
	}
	r.start(worker)
	r.wait("everything to settle", settle, r.settled)
	r.check(1)
	_, run, err := r.app.Documents.Load(r.ctx, "crash.p7", "crash")
	if err != nil {
		t.Fatal(err)
	}
	if run.State != models.Failed || !strings.Contains(run.Reason, "poison: 3 workers died") {
		t.Errorf("poisonous post: %s: %s", &run, run.Reason)
	}
}
