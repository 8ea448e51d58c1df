package bigquery_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sim "weft/internal/sim/bigquery"
	"weft/models"
	"weft/storage/bigquery"
)

// clock is a time that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// serve serves a stand-in, and returns options that lead to it.
func serve(t *testing.T, s *sim.Server) bigquery.Options {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return bigquery.Options{
		URL: "bigquery://proj/weft?endpoint=" + server.URL + "/bigquery/v2/", Files: "gs://bucket/history",
		Clock: s.Clock,
	}
}

func open(t *testing.T, o bigquery.Options) *bigquery.Warehouse {
	t.Helper()
	w, err := bigquery.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func parts(prefix string, n int) []models.Part {
	out := make([]models.Part, n)
	for i := range out {
		out[i] = models.Part{ID: fmt.Sprintf("%s%02d", prefix, i), Day: fmt.Sprintf("2026-03-%02d", i%28+1), Source: []string{"weibo", "tumblr"}[i%2]}
	}
	return out
}

// moment is a short time limit: the driver repeats what was refused for as long as
// it has time.
const moment = 30 * time.Millisecond

// TestRerunAtAnyPoint is the proof that a load may be repeated at any point by
// anybody: over random troubles, failing jobs, builders that come anew and two at
// once, each file comes into the table once.
func TestRerunAtAnyPoint(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			now := newClock()
			troubles, failures := make([]sim.Trouble, 12), random.IntN(3)
			for i := range troubles {
				troubles[i] = sim.Trouble([]int{0, 0, 3, 4, 4, random.IntN(6)}[random.IntN(6)])
			}
			s := &sim.Server{Clock: now.Now, Polls: random.IntN(2)}
			s.Trouble = func(sim.Request) (next sim.Trouble) {
				if len(troubles) > 0 {
					next, troubles = troubles[0], troubles[1:]
				}
				return next
			}
			s.Fails = func(string) string {
				if failures == 0 {
					return ""
				}
				failures--
				return "backendError"
			}
			patient := serve(t, s)
			hasty := patient
			hasty.Timeout = moment
			want := map[string]int{}
			for i := range 3 {
				load, some := fmt.Sprint("load", i), parts(fmt.Sprint("p", i, "-"), 1+random.IntN(4))
				for _, p := range some {
					want["gs://bucket/history/"+p.Path()] = 1
				}
				loadUntilDone(t, hasty, now, load, some, 1+random.IntN(2))
				if err := again(t, patient, load, some); err != nil {
					t.Errorf("a load that is done, again: %v", err)
				}
			}
			if diff := cmp.Diff(want, s.Loaded()); diff != "" {
				t.Errorf("how often each file was loaded: %s", diff)
			}
		})
	}
}

// loadUntilDone loads as so many builders at once, each with a fresh start after
// every error.
func loadUntilDone(t *testing.T, o bigquery.Options, now *clock, load string, some []models.Part, builders int) {
	t.Helper()
	var wg sync.WaitGroup
	for range builders {
		wg.Go(func() {
			for range 1000 {
				err := again(t, o, load, some)
				if err == nil {
					return
				}
				if models.ClassOf(err) != models.Unavailable {
					t.Errorf("Load = %v, want it unavailable", err)
				}
				now.add(time.Minute)
			}
			t.Error("the load never ends")
		})
	}
	wg.Wait()
}

// again loads as a builder that has just begun.
func again(t *testing.T, o bigquery.Options, load string, some []models.Part) error {
	w, err := bigquery.Open(t.Context(), o)
	if err != nil {
		return err
	}
	return errors.Join(w.Load(t.Context(), load, some), w.Close())
}

func TestLoadOnTheWire(t *testing.T) {
	s := &sim.Server{Polls: 2}
	w := open(t, serve(t, s))
	some := parts("p", 3)
	if err := w.Load(t.Context(), "20260314-aa", append(some, some[0])); err != nil {
		t.Fatal(err)
	}
	got := s.Requests("POST", "jobs")
	if len(got) != 1 {
		t.Fatalf("%d jobs for three parts, want one", len(got))
	}
	load := dig(got[0].Body, "configuration", "load").(map[string]any)
	if fields := dig(load, "schema", "fields").([]any); dig(fields[0].(map[string]any), "name") != "post" {
		t.Errorf("the schema begins with %v", fields[0])
	}
	delete(load, "schema")
	want := map[string]any{
		"sourceUris": []any{
			"gs://bucket/history/dt=2026-03-01/source=weibo/part-p00.parquet",
			"gs://bucket/history/dt=2026-03-02/source=tumblr/part-p01.parquet",
			"gs://bucket/history/dt=2026-03-03/source=weibo/part-p02.parquet",
		},
		"sourceFormat": "PARQUET", "parquetOptions": map[string]any{"enableListInference": true},
		"hivePartitioningOptions": map[string]any{"mode": "CUSTOM", "sourceUriPrefix": "gs://bucket/history/{dt:DATE}/{source:STRING}"},
		"destinationTable":        map[string]any{"projectId": "proj", "datasetId": "weft", "tableId": "history"},
		"createDisposition":       "CREATE_NEVER", "writeDisposition": "WRITE_APPEND",
	}
	if diff := cmp.Diff(want, load); diff != "" {
		t.Error(diff)
	}
	if id := dig(got[0].Body, "jobReference", "jobId"); id != "weft_20260314-aa" {
		t.Errorf("the job's id is %v", id)
	}
}

// TestLostJob: a job that was begun and can't be looked at may go on, so that it
// must not be given up.
func TestLostJob(t *testing.T) {
	var denied bool
	s := &sim.Server{Polls: 3}
	s.Trouble = func(r sim.Request) sim.Trouble {
		if denied && r.Method == "GET" {
			return sim.Denied
		}
		return sim.None
	}
	w := open(t, serve(t, s))
	s.Change(func(*sim.Server) { denied = true })
	for range 2 { // it is begun, then found
		err := w.Load(t.Context(), "l", parts("p", 1))
		if models.ClassOf(err) != models.Unavailable || !strings.Contains(fmt.Sprint(err), "accessDenied") {
			t.Errorf("Load = %v, want it unavailable", err)
		}
	}
	s.Change(func(*sim.Server) { denied = false })
	if err := w.Load(t.Context(), "l", parts("p", 1)); err != nil || len(s.Jobs()) != 1 {
		t.Errorf("Load = %v, jobs %v", err, s.Jobs())
	}
}

// TestFailedJob: a job that failed brought nothing, so the load goes on with
// another, but not at once.
func TestFailedJob(t *testing.T) {
	now := newClock()
	reason := "invalid"
	s := &sim.Server{Clock: now.Now, Fails: func(string) string { return reason }}
	w := open(t, serve(t, s))
	some := parts("p", 2)
	err := w.Load(t.Context(), "l", some)
	for _, word := range []string{"invalid at gs://somewhere: said the stand-in", "job weft_l", "2026-03-14T12:01:00Z"} {
		if models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("Load = %v, want a permanent error with %q", err, word)
		}
	}
	now.add(30 * time.Second)
	s.Change(func(*sim.Server) { reason = "" })
	if err := w.Load(t.Context(), "l", some); models.ClassOf(err) != models.Permanent || len(s.Jobs()) != 1 {
		t.Errorf("half a minute later: %v, jobs %v", err, s.Jobs())
	}
	now.add(31 * time.Second)
	if err := w.Load(t.Context(), "l", some); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	if diff := cmp.Diff([]string{"weft_l", "weft_l_again1"}, s.Jobs()); diff != "" {
		t.Error(diff)
	}
	if counts := slices.Collect(maps.Values(s.Loaded())); !cmp.Equal(counts, []int{1, 1}) {
		t.Errorf("files were loaded %v times", counts)
	}
}

func TestLoadRefuses(t *testing.T) {
	s := &sim.Server{}
	o := serve(t, s)
	w := open(t, o)
	o.Files = ""
	homeless := open(t, o)
	many := parts("p", 1)
	for range bigquery.MaxParts {
		many = append(many, many[0])
	}
	for name, c := range map[string]struct {
		w    *bigquery.Warehouse
		load string
		some []models.Part
		want string
	}{
		"name":  {w, "a/b", parts("p", 1), "letters, digits"},
		"many":  {w, "l", many, "at most 10000"},
		"files": {homeless, "l", parts("p", 1), "where the files are"},
	} {
		err := c.w.Load(t.Context(), c.load, c.some)
		if models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: Load = %v, want a permanent error with %q", name, err, c.want)
		}
	}
	if err := w.Load(t.Context(), "l", nil); err != nil || len(s.Jobs()) != 0 {
		t.Errorf("a load of nothing: %v, jobs %v", err, s.Jobs())
	}
}

// TestRemoveOnce: what a load left is removed once, whoever comes late with it,
// and what is bare each time.
func TestRemoveOnce(t *testing.T) {
	now := newClock()
	lost := 1
	s := &sim.Server{Clock: now.Now}
	s.Trouble = func(r sim.Request) sim.Trouble {
		if r.Method == http.MethodPost && r.Path == "jobs" && lost > 0 {
			lost--
			return sim.Lost
		}
		return sim.None
	}
	fails := 1
	s.Fails = func(string) string {
		fails--
		if fails == 0 {
			return "backendError"
		}
		return ""
	}
	o := serve(t, s)
	part := parts("p", 1)[0]
	part.Load = "load-1"
	for range 3 { // the first may see the job that failed
		w := open(t, o)
		if err := w.Remove(t.Context(), []models.Part{part}); err != nil && models.ClassOf(err) != models.Unavailable {
			t.Fatal(err)
		}
		now.add(time.Hour)
	}
	want := []string{"weft_remove-p00-load-1", "weft_remove-p00-load-1_again1"}
	if diff := cmp.Diff(want, s.Jobs()); diff != "" {
		t.Errorf("jobs: %s", diff)
	}
	part.Load = "load-2"
	bare := parts("q", 1)
	w := open(t, o)
	for range 2 {
		if err := w.Remove(t.Context(), append(bare, part)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Jobs()) - len(want); n != 3 { // one of the other load, two of what is bare
		t.Errorf("%d more jobs, want 3: %v", n, s.Jobs())
	}
	part.Load = "no name"
	if err := w.Remove(t.Context(), []models.Part{part}); models.ClassOf(err) != models.Permanent {
		t.Errorf("a load that can't be in a name: %v", err)
	}
}

func TestErrorClasses(t *testing.T) {
	trouble := sim.None
	s := &sim.Server{Trouble: func(sim.Request) sim.Trouble { return trouble }}
	o := serve(t, s)
	o.Timeout = moment
	w := open(t, o)
	o.Timeout = 500 * time.Millisecond
	for name, kind := range map[string]sim.Trouble{"503": sim.Broken, "rateLimitExceeded": sim.Limited, "cut": sim.Cut, "lost": sim.Lost, "500": sim.NotBooked} {
		s.Change(func(*sim.Server) { trouble = kind })
		if err := w.Remove(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Unavailable {
			t.Errorf("%s: %v, want unavailable", name, err)
		}
	}
	// A server that is away when the program starts is no reason not to start.
	s.Change(func(*sim.Server) { trouble = sim.Broken })
	late := open(t, o)
	if _, err := late.Tally(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Unavailable {
		t.Errorf("Tally = %v, want unavailable", err)
	}
	s.Change(func(*sim.Server) { trouble = sim.None })
	if got, err := late.Tally(t.Context(), parts("p", 1)); err != nil || len(got) != 0 {
		t.Errorf("Tally = %v, %v", got, err)
	}
	s.Change(func(s *sim.Server) { s.Fails = func(string) string { return "quotaExceeded" } })
	if err := late.Remove(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Unavailable || !strings.Contains(err.Error(), "quotaExceeded") {
		t.Errorf("quotaExceeded: %v, want unavailable", err)
	}
	s.Change(func(s *sim.Server) { s.Fails = func(string) string { return "accessDenied" } })
	if err := late.Remove(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Permanent {
		t.Errorf("accessDenied: %v, want permanent", err)
	}
	s.Change(func(s *sim.Server) { s.Fails = func(string) string { return "notFound" } })
	if err := late.Remove(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Permanent || !errors.Is(err, models.ErrNotFound) {
		t.Errorf("notFound: %v, want that", err)
	}
	s.Change(func(s *sim.Server) { s.Fails, s.Polls = nil, 1<<30 })
	o.JobTimeout = 20 * time.Millisecond
	if err := open(t, o).Remove(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Unavailable || !strings.Contains(err.Error(), "not done after") {
		t.Errorf("a job without an end: %v, want unavailable", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	err := late.Load(canceled, "l", parts("p", 1))
	if _, fault := errors.AsType[*models.Fault](err); fault || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v, want the context's error, which says nothing about BigQuery", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context(), parts("p", 1)); models.ClassOf(err) != models.Unavailable {
		t.Errorf("closed: %v, want unavailable", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"https://proj/weft":                   `scheme "https"`,
		"bigquery://Proj/weft":                `project "Proj"`,
		"bigquery://proj":                     `dataset ""`,
		"bigquery://proj/a/b":                 `dataset "a/b"`,
		"bigquery://proj/weft?region=eu":      `unknown option "region"`,
		"bigquery://u:secret@proj/weft":       "credentials come from the environment",
		"bigquery://proj/weft?endpoint=x:1":   `endpoint "x:1"`,
		"bigquery://proj/weft%zz?secret=true": "can't be read",
	} {
		_, err := bigquery.Open(t.Context(), bigquery.Options{URL: url})
		if models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), want) || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("Open(%q) = %v, want a permanent error with %q", url, err, want)
		}
	}
	for _, files := range []string{"file:///tmp", "s3://bucket/x", "gs:///x", "gs://b u", "gs://bucket/a*"} {
		_, err := bigquery.Open(t.Context(), bigquery.Options{URL: "bigquery://proj/weft?endpoint=http://127.0.0.1:1", Files: files})
		if models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), "gs://BUCKET") {
			t.Errorf("Open with files at %q = %v, want it refused", files, err)
		}
	}
	s := &sim.Server{}
	o := serve(t, s)
	s.Put("datasets/weft", map[string]any{"location": "EU"})
	o.URL += "&location=US"
	if _, err := bigquery.Open(t.Context(), o); models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), "is in EU, and location=US") {
		t.Errorf("Open = %v, want the location refused", err)
	}
}

// dig follows names into nested objects.
func dig(v map[string]any, names ...string) any {
	var found any = v
	for _, name := range names {
		m, ok := found.(map[string]any)
		if !ok {
			return nil
		}
		found = m[name]
	}
	return found
}
