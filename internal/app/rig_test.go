package app_test

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
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"weft/internal/app"
	"weft/internal/app/native"
	"weft/internal/config"
	"weft/internal/testredis"
	"weft/models"
)

// plain publishes every post, and keeps it for an hour.
const plain = `name: plain
analyze-light: { models: [ color, caption ] }
index: { retention: 1h }
archive: { raw: true }
`

// rig is one installation on a real Redis: what a command sees (app), and
// worker processes that come and go.
type rig struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	ahead   atomic.Int64 // how far the clock is ahead
	set     []config.Override
	options func(*app.Options) // of the workers
	app     *app.App
}

// newRig starts a Redis and opens an app with the given profiles.
func newRig(t *testing.T, profiles ...string) *rig {
	t.Helper()
	server, err := testredis.Start(t.Context(), t.TempDir())
	return newRigOn(t, server, err, profiles...)
}

// newRigOn opens an app on an installation of Redis that was started for it.
func newRigOn[S interface {
	URL() string
	Kill() error
}](t *testing.T, server S, err error, profiles ...string) *rig {
	t.Helper()
	r := &rig{t: t, ctx: t.Context(), dir: t.TempDir()}
	if errors.Is(err, testredis.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	})
	r.profiles(profiles...)
	r.set = append(quick(r.dir), config.Override{Key: "redis.url", Value: server.URL()})
	r.app = r.open(nil)
	return r
}

// quick makes everything that is done by the clock happen at once, or only
// when a test asks for it.
func quick(dir string) []config.Override {
	return []config.Override{
		{Key: "data", Value: filepath.Join(dir, "data")},
		{Key: "profiles", Value: filepath.Join(dir, "profiles")},
		{Key: "reconcile.interval", Value: "100ms"},
		{Key: "archive.min_age", Value: "0s"},
		{Key: "archive.interval", Value: "1h"},
		{Key: "queue.check_interval", Value: "10ms"},
		{Key: "steps.timeouts.analyze-heavy", Value: "30s"},
		{Key: "steps.timeouts.fetch", Value: "30s"},
		{Key: "drain", Value: "35s"},
	}
}

// now is the installation's clock.
func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *rig) later(d time.Duration) { r.ahead.Add(int64(d)) }

// profiles replaces the folder of profiles.
func (r *rig) profiles(bodies ...string) {
	r.t.Helper()
	dir := r.folder("profiles")
	for i, body := range bodies {
		r.write(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(body))
	}
}

// open opens the installation once more, as another process would.
func (r *rig) open(options func(*app.Options), set ...config.Override) *app.App {
	r.t.Helper()
	cfg, err := config.Load("", nil, slices.Concat(r.set, set)...)
	if err != nil {
		r.t.Fatal(err)
	}
	opt := app.Options{Service: "app-test", Log: slog.New(slog.DiscardHandler), Now: r.now, Retry: 50 * time.Millisecond, ONNX: native.ONNX}
	if options != nil {
		options(&opt)
	}
	a, err := app.New(r.ctx, cfg, opt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return a
}

// work starts a worker; the returned function drains it.
func (r *rig) work(set ...config.Override) (stop func()) {
	r.t.Helper()
	a := r.open(r.options, set...)
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() { done <- a.Work(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
	r.t.Cleanup(stop)
	return stop
}

// run lets a worker do everything that there is to do.
func (r *rig) run(set ...config.Override) {
	r.t.Helper()
	stop := r.work(set...)
	r.settle()
	stop()
}

// settle waits until no run is queued and nothing waits to be projected.
func (r *rig) settle() {
	r.t.Helper()
	r.wait("everything to end", func() (bool, string) {
		s := r.status()
		dirty, err := r.app.Documents.Dirty(r.ctx, 1)
		if err != nil {
			r.t.Fatal(err)
		}
		return s.States[models.Queued] == 0 && len(dirty) == 0, fmt.Sprintf("%+v, dirty %d", s.Counts, len(dirty))
	})
}

// wait polls for a fact, and fails the test with what is when it doesn't come.
func (r *rig) wait(what string, fact func() (bool, string)) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, state := fact()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited for %s; now: %s", what, state)
		}
		<-tick.C
	}
}

// status also checks that every admitted passage is counted exactly once.
func (r *rig) status() app.Status {
	r.t.Helper()
	s, err := r.app.Status(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// counted checks that the counts add up, and how many passages stand in each state.
func (r *rig) counted(want map[models.State]int64) {
	r.t.Helper()
	s := r.status()
	sum := int64(0)
	for _, c := range s.Counts {
		sum += c.N
	}
	if sum != s.Admitted {
		r.t.Errorf("%d passages were admitted, the counts add up to %d: %+v", s.Admitted, sum, s.Counts)
	}
	for _, state := range models.States() {
		if s.States[state] != want[state] {
			r.t.Errorf("%d %s, want %d: %+v", s.States[state], state, want[state], s.Counts)
		}
	}
}

// entry is a record of an import file.
type entry struct {
	ID      string   `json:"id"`
	Source  string   `json:"source,omitempty"`
	Created string   `json:"created_at"`
	Text    string   `json:"text"`
	Images  []string `json:"images,omitempty"`
	Likes   int      `json:"likes"`
}

// posts makes n records, each with an image of its own, on three days.
func (r *rig) posts(n int) []entry {
	var out []entry
	for i := range n {
		out = append(out, entry{
			ID: fmt.Sprintf("p%02d", i), Created: fmt.Sprintf("2026-03-0%dT10:00:00Z", 1+i%3),
			Text: fmt.Sprintf("a red dress, number %d", i), Images: []string{r.image(i)}, Likes: i,
		})
	}
	return out
}

// image writes a small picture and returns its path as import files name it.
func (r *rig) image(i int) string {
	r.t.Helper()
	name := fmt.Sprintf("%d.png", i)
	r.write(filepath.Join(r.dir, name), picture(r.t, i))
	return name
}

// picture is a coloured square on white.
func picture(t *testing.T, i int) []byte {
	t.Helper()
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
		t.Fatal(err)
	}
	return b.Bytes()
}

// imports imports records through profiles, none of which may be refused.
func (r *rig) imports(entries []entry, profiles ...string) app.ImportReport {
	r.t.Helper()
	rep, rejects := r.tryImport(r.app, r.ndjson(entries), app.Import{Profiles: profiles})
	if rep.Rejected != 0 {
		r.t.Fatalf("rejected: %s", rejects)
	}
	return rep
}

func (r *rig) tryImport(a *app.App, file string, req app.Import) (rep app.ImportReport, rejects string) {
	r.t.Helper()
	var b bytes.Buffer
	req.Path, req.Source, req.Rejects = file, "file", &b
	rep, err := a.Import(r.ctx, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return rep, b.String()
}

// ndjson writes an import file.
func (r *rig) ndjson(entries []entry) string {
	r.t.Helper()
	var b bytes.Buffer
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			r.t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	path := filepath.Join(r.dir, "posts.ndjson")
	r.write(path, b.Bytes())
	return path
}

func (r *rig) write(path string, data []byte) {
	r.t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) folder(name string) string {
	r.t.Helper()
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// post returns a post that must be stored, and its run in a profile.
func (r *rig) post(id, profile string) (models.Post, models.Run) {
	r.t.Helper()
	post, run, err := r.app.Documents.Load(r.ctx, id, profile)
	if err != nil {
		r.t.Fatal(err)
	}
	return post, run
}

// timeline returns what a run decided in one generation.
func (r *rig) timeline(id, profile string, generation int) []models.Entry {
	r.t.Helper()
	all, err := r.app.Documents.Timeline(r.ctx, id, profile)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e models.Entry) bool { return e.Generation != generation })
}

// found is how many posts search holds.
func (r *rig) found() int64 {
	r.t.Helper()
	got, err := r.app.Search.Search(r.ctx, models.SearchQuery{})
	if err != nil {
		r.t.Fatal(err)
	}
	return got.Total
}

// purge builds the history, lets the retention pass, and purges.
func (r *rig) purge() int {
	r.t.Helper()
	if _, err := r.app.Builder().Run(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	r.later(2 * time.Hour)
	n, err := r.app.Purge(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// reanalyze starts a campaign that must succeed.
func (r *rig) reanalyze(req app.Reanalysis) app.ReanalysisReport {
	r.t.Helper()
	rep, err := r.app.Reanalyze(r.ctx, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return rep
}
