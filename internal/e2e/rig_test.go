package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/testredis"
	"weft/models"
)

// crashProfile takes every turn of the chain: heavy analysis for some posts,
// questions that park others, a sample that doesn't.
const crashProfile = `name: crash
analyze-light: { models: [ color, caption ] }
analyze-heavy: { when: 'images > 1', models: [ color-regions ] }
label: { when: 'has("brand")', sample: 0.3, answers: 1, attributes: [ brand ], timeout: { after: 24h, then: escalate } }
index: { retention: RETENTION }
archive: { raw: true }
`

// patience is how long a whole test may take, so that one that hangs says where it did.
const patience = 20 * time.Minute

// command is one that is killed when the test's patience is at an end. Its children,
// which nobody kills, don't hold its output for ever.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// rig is one installation under test: a Redis, a data folder, worker processes.
type rig struct {
	t      *testing.T
	ctx    context.Context
	dir    string
	redis  *testredis.Server
	app    *app.App // the test's own eyes
	posts  int
	more   []config.Override // of the worker processes
	stores []config.Override // where they are; none: embedded
	mu     sync.Mutex
	read   time.Time // how far a crawl had come when more happened last
	alive  map[*exec.Cmd]chan struct{}
	output *bytes.Buffer
}

// newRig is an installation on the embedded stores.
func newRig(t *testing.T, posts int, retention string) *rig {
	t.Helper()
	return newRigOn(t, posts, retention, func() []config.Override { return nil })
}

// newRigOn is an installation on the stores that are configured.
func newRigOn(t *testing.T, posts int, retention string, stores func() []config.Override) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r := &rig{t: t, ctx: ctx, dir: t.TempDir(), posts: posts, alive: map[*exec.Cmd]chan struct{}{}, output: &bytes.Buffer{}, stores: stores()}
	var err error
	r.redis, err = testredis.Start(ctx, r.folder("redis"))
	if errors.Is(err, testredis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.killAll()
		if err := r.redis.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("workers said:\n%s", tail(r.output.String(), 6000))
		}
	})
	profile := strings.ReplaceAll(crashProfile, "RETENTION", retention)
	if err := os.WriteFile(filepath.Join(r.dir, "crash.yaml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	r.writePosts()
	cfg, err := config.Load("", nil, r.overrides()...)
	if err != nil {
		t.Fatal(err)
	}
	r.app, err = app.New(ctx, cfg, app.Options{Service: "crash-test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.app.Close() })
	return r
}

func (r *rig) folder(name string) string {
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// overrides make everything happen within seconds. The lease is asynq's own 30 s.
func (r *rig) overrides() []config.Override {
	return append([]config.Override{
		{Key: "data", Value: filepath.Join(r.dir, "data")},
		{Key: "redis.url", Value: r.redis.URL()},
		{Key: "profiles", Value: filepath.Join(r.dir, "crash.yaml")},
		{Key: "reconcile.horizon", Value: "1s"},
		{Key: "reconcile.interval", Value: "250ms"},
		{Key: "reconcile.lease_grace", Value: "0s"},
		{Key: "archive.min_age", Value: "0s"},
		{Key: "archive.interval", Value: "1s"},
		{Key: "queue.check_interval", Value: "20ms"},
		{Key: "steps.timeouts.analyze-heavy", Value: "30s"},
		{Key: "steps.timeouts.fetch", Value: "30s"},
		{Key: "drain", Value: "35s"},
	}, r.stores...)
}

// writePosts writes the import file: small real images, some posts with two,
// some captions with a brand.
func (r *rig) writePosts() {
	images := r.folder("images")
	for i := range 20 {
		img := image.NewRGBA(image.Rect(0, 0, 48, 48))
		for p := range img.Pix {
			img.Pix[p] = 255
		}
		for y := 12; y < 36; y++ {
			for x := 12; x < 36; x++ {
				img.Set(x, y, color.RGBA{R: uint8(i * 12), G: uint8(200 - i*9), B: 90, A: 255})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(images, fmt.Sprintf("%d.png", i)), b.Bytes(), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	var lines bytes.Buffer
	for i := range r.posts {
		post := map[string]any{"id": fmt.Sprintf("p%d", i), "created_at": "2026-03-0" + fmt.Sprint(1+i%3) + "T10:00:00Z", "text": fmt.Sprintf("a red dress, number %d", i)}
		files := []string{fmt.Sprintf("images/%d.png", i%20)}
		if i%4 == 0 {
			files = append(files, fmt.Sprintf("images/%d.png", (i+7)%20))
		}
		if i%5 == 0 {
			post["text"] = fmt.Sprintf("my new Gucci bag, number %d", i)
		}
		post["images"] = files
		line, err := json.Marshal(post)
		if err != nil {
			r.t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(r.importFile(), lines.Bytes(), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) importFile() string { return filepath.Join(r.dir, "posts.ndjson") }

// start starts a worker process; the channel is closed when it has ended.
func (r *rig) start(c child) (*exec.Cmd, <-chan struct{}) {
	r.t.Helper()
	c.Set = append(r.overrides(), r.more...)
	spec, err := json.Marshal(c)
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0]) //nolint:gosec,noctx // this test binary; killed by the test
	cmd.Env = append(os.Environ(), childVariable+"="+string(spec))
	w := &lockedWriter{mu: &r.mu, w: r.output}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	r.mu.Lock()
	r.alive[cmd] = ended
	r.mu.Unlock()
	go func() {
		_ = cmd.Wait() // most are killed: that is their exit status
		r.mu.Lock()
		delete(r.alive, cmd)
		r.mu.Unlock()
		close(ended)
	}()
	return cmd, ended
}

func (r *rig) killAll() { r.signalAll(syscall.SIGKILL) }

// stopAll lets the workers end by themselves.
func (r *rig) stopAll() { r.signalAll(syscall.SIGTERM) }

func (r *rig) signalAll(sig os.Signal) {
	r.mu.Lock()
	var ends []chan struct{}
	for cmd, ended := range r.alive {
		_ = cmd.Process.Signal(sig)
		ends = append(ends, ended)
	}
	r.mu.Unlock()
	for _, e := range ends {
		select {
		case <-e:
		case <-time.After(settle):
			r.t.Errorf("a worker is still there %s after %s", settle, sig)
			return
		}
	}
}

// wait polls for a fact, and fails the test with what is when for so long nothing
// has changed. As long as something does, it is the machine that is slow.
func (r *rig) wait(what string, limit time.Duration, fact func() (bool, string)) {
	r.t.Helper()
	var last string
	begin := time.Now()
	for changed := begin; ; {
		ok, state := fact()
		if ok {
			return
		}
		if state != last {
			last, changed = state, time.Now()
		}
		if time.Since(changed) > limit || time.Since(begin) > 4*limit {
			r.t.Fatalf("waited %s for %s; now: %s", time.Since(begin).Round(time.Second), what, state)
		}
		pause(r.ctx, 100*time.Millisecond)
	}
}

// settled: every admitted run has ended, nothing waits to be projected, and
// every staged row lies in a verified part.
func (r *rig) settled() (bool, string) {
	s, err := r.app.Status(r.ctx)
	if err != nil && s.States == nil {
		return false, err.Error()
	}
	dirty, err := r.app.Documents.Dirty(r.ctx, 1)
	if err != nil {
		return false, err.Error()
	}
	staged, err := r.app.Documents.StagedCount(r.ctx)
	if err != nil {
		return false, err.Error()
	}
	open, err := r.app.Desk.Open(r.ctx, "", 1000)
	if err != nil {
		return false, err.Error()
	}
	unanswered := 0
	for _, it := range open {
		if len(it.Answers) == 0 {
			unanswered++
		}
	}
	state := fmt.Sprintf("admitted %d, states %v, dirty %d, staged %d, parts %v, unanswered %d", s.Admitted, s.States, len(dirty), staged, s.Parts, unanswered)
	ended := s.States[models.Done] + s.States[models.Dropped] + s.States[models.Failed]
	parts := 0 // read last: rows that were assigned since the count of staged ones are in one of them
	all, err := r.app.Documents.Parts(r.ctx, "", 1<<30)
	if err != nil {
		return false, err.Error()
	}
	for _, p := range all {
		if p.State != models.PartVerified {
			parts++
		}
	}
	return int(s.Admitted) == r.posts && int(ended) == r.posts && len(dirty) == 0 && staged == 0 && parts == 0 && unanswered == 0, state
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// flaky returns the folder in which all processes of a rig note what index has seen.
func (r *rig) flaky() string {
	r.t.Helper()
	dir := filepath.Join(r.dir, "flaky")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	return dir
}
