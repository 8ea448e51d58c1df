package exports_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"weft/internal/exports"
	"weft/internal/reading"
	"weft/internal/servers"
	"weft/models"
	"weft/storage/blobs"
	"weft/storage/sqlite"
)

const (
	// childDir makes this test binary the process that exports, in that folder.
	childDir = "WEFT_TEST_EXPORT_DIR"
	// rowsVariable is how many posts are exported: a million takes minutes.
	rowsVariable = "WEFT_TEST_EXPORT_ROWS"
	fileRows     = 2000
)

// posts are made up as they are asked for: so many, each of some kilobytes.
type posts int

func (n posts) Stream(_ context.Context, _ models.SearchQuery, after models.Place, _ int) iter.Seq2[reading.Found, error] {
	return func(yield func(reading.Found, error) bool) {
		text := strings.Repeat("silk dress, 奢侈品; \"quoted\",\nand more. ", 20)
		for i := range int(n) {
			likes := int64(i)
			d := models.SearchDoc{
				ID: fmt.Sprintf("weibo.%08d", i), Source: "weibo", CreatedAt: time.UnixMilli(1_760_000_000_000 + int64(i)).UTC(), Text: text, Language: "zh",
				Hashtags: []string{"ootd"}, Counts: models.Counts{Likes: &likes}, Profiles: []string{"catalog"},
				Attributes: []models.Attribute{{Name: "color", Value: "navy", Confidence: 0.5}},
			}
			if models.PlaceOf(d.ID, d.CreatedAt).Behind(after, true) && !yield(reading.Found{Doc: d}, nil) {
				return
			}
		}
	}
}

type place struct {
	docs  *sqlite.Documents
	blobs *blobs.Store
}

func open(ctx context.Context, dir string) (place, error) {
	docs, err := sqlite.OpenDocuments(ctx, filepath.Join(dir, "documents.db"))
	if err != nil {
		return place{}, err
	}
	store, err := blobs.Open(ctx, "file://"+filepath.Join(dir, "blobs")+"?metadata=skip")
	return place{docs, store}, err
}

func (p place) worker(n posts, holder string) *exports.Worker {
	return exports.New(exports.Params{Store: p.docs, Blobs: p.blobs, Posts: n, FileRows: fileRows, Holder: holder, Lease: time.Second})
}

// TestMain runs the child's part.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	n, err := strconv.Atoi(os.Getenv(rowsVariable))
	var p place
	if err == nil {
		p, err = open(context.Background(), dir)
	}
	for err == nil { // until it is done, or killed
		fmt.Println("pass")
		if err = p.worker(posts(n), fmt.Sprint("child ", os.Getpid())).Run(context.Background()); err != nil {
			break
		}
		var all []models.Export
		if all, err = p.docs.Exports(context.Background(), "", 10); err == nil && ended(all) {
			os.Exit(0)
		}
		runtime.Gosched()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func ended(all []models.Export) bool {
	for _, e := range all {
		if !e.State.Ended() {
			return false
		}
	}
	return true
}

func rows(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(rowsVariable)); err == nil {
		return n
	}
	return 20_000
}

func queued(t *testing.T, p place, id, format string) {
	t.Helper()
	if err := p.docs.PutExport(t.Context(), models.Export{ID: id, Rev: 1, Owner: "ann", Format: format, State: models.ExportQueued, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, p place, id string) models.Export {
	t.Helper()
	e, err := p.docs.Export(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// child starts a process that exports, and returns how to wait for it.
func child(t *testing.T, dir string, n int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self) //nolint:gosec,noctx // this very binary, killed by the test
	c.Env = append(os.Environ(), childDir+"="+dir, rowsVariable+"="+strconv.Itoa(n), "GOMEMLIMIT=off")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestExportSurvivesKills: the process that exports is killed in the middle, twice,
// and another goes on. In the end each post is there once, whoever reads it.
func TestExportSurvivesKills(t *testing.T) {
	python := servers.URL(t, servers.Python)
	n := rows(t)
	for _, format := range exports.Formats() {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			p, err := open(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.docs.Close()
			queued(t, p, "e1", format)
			for _, kill := range []int64{int64(n) / 5, int64(n) / 2} {
				c := child(t, dir, n)
				for export(t, p, "e1").Rows < kill { // a fact: so far has it come
					runtime.Gosched()
				}
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = c.Wait() // it was killed
				if e := export(t, p, "e1"); e.State != models.ExportRunning {
					t.Fatalf("it is %s after %d of %d rows; it was to be killed before its end", e.State, e.Rows, n)
				}
			}
			if err := child(t, dir, n).Wait(); err != nil {
				t.Fatal(err)
			}
			e := export(t, p, "e1")
			if e.State != models.ExportDone || e.Rows != int64(n) || e.Writing != "" || e.ExpiresAt.IsZero() {
				t.Fatalf("%+v", e)
			}
			keys, err := p.blobs.List(t.Context(), "exports/")
			if err != nil || len(keys) != len(e.Files) {
				t.Errorf("%d files for %d of the export, %v", len(keys), len(e.Files), err)
			}
			read(t, python, dir, format, e, n)
		})
	}
}

// read counts the export's posts with other programs.
func read(t *testing.T, python, dir, format string, e models.Export, n int) {
	t.Helper()
	paths := make([]string, len(e.Files))
	for i, f := range e.Files {
		paths[i] = filepath.Join(dir, "blobs", filepath.FromSlash(f.Key))
	}
	c := exec.CommandContext(t.Context(), python, "testdata/count.py", format)
	c.Stdin = strings.NewReader(strings.Join(paths, "\n"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	var got map[string][2]int // rows, distinct posts
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, reader := range []string{"pandas", "polars", "duckdb"} {
		if got[reader] != [2]int{n, n} {
			t.Errorf("%s counts %v rows and posts, want %d", reader, got[reader], n)
		}
	}
}

// TestMemoryIsFlat: an export of four times as many posts takes no more memory at
// its peak, but for what a collector leaves lying around.
func TestMemoryIsFlat(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the kernel tells nothing of peaks here: ", err)
	}
	small, large := peak(t, 20_000), peak(t, 80_000)
	t.Logf("peak %d kB with 20,000 posts, %d kB with 80,000", small, large)
	if 2*large > 3*small {
		t.Errorf("peak %d kB with 20,000 posts, %d kB with 80,000; want at most half as much again", small, large)
	}
}

// peak is the most memory that an export of n posts takes.
func peak(t *testing.T, n int) int64 {
	t.Helper()
	dir := t.TempDir()
	p, err := open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.docs.Close()
	queued(t, p, "e1", "parquet")
	c := child(t, dir, n)
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	return maxRSS(c.ProcessState)
}

// TestTwoWorkers: several at one export write each post once.
func TestTwoWorkers(t *testing.T) {
	p, err := open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.docs.Close()
	queued(t, p, "e1", "ndjson")
	done := make(chan error, 3)
	for i := range cap(done) {
		go func() {
			done <- exports.New(exports.Params{
				Store: leaseless{p.docs}, Blobs: p.blobs, Posts: posts(3000), FileRows: 500, Holder: fmt.Sprint(i),
			}).Run(t.Context())
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := p.worker(3000, "last").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := export(t, p, "e1")
	seen := map[string]bool{}
	for _, f := range e.Files {
		data, err := p.blobs.Get(t.Context(), f.Key)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r struct{ ID string }
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil || seen[r.ID] {
				t.Fatalf("%s comes twice, or %v", r.ID, err)
			}
			seen[r.ID] = true
		}
	}
	if e.State != models.ExportDone || len(seen) != 3000 {
		t.Errorf("%s with %d posts", e.State, len(seen))
	}
}

// leaseless lets everybody in at once.
type leaseless struct{ *sqlite.Documents }

func (leaseless) Lease(context.Context, string, string, time.Duration, time.Time) (bool, error) {
	return true, nil
}

// failing breaks off.
type failing struct{ class models.Class }

func (f failing) Stream(context.Context, models.SearchQuery, models.Place, int) iter.Seq2[reading.Found, error] {
	return func(yield func(reading.Found, error) bool) {
		yield(reading.Found{}, models.Faultf(f.class, "the store says no"))
	}
}

func TestFailures(t *testing.T) {
	for class, tries := range map[models.Class]int{models.Unavailable: 3, models.Permanent: 1} {
		p, err := open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer p.docs.Close()
		queued(t, p, "e1", "csv")
		for try := 1; try <= tries; try++ {
			if e := export(t, p, "e1"); e.State.Ended() {
				t.Errorf("%v: %s before try %d", class, e.State, try)
			}
			w := exports.New(exports.Params{Store: p.docs, Blobs: p.blobs, Posts: failing{class}, Tries: 3})
			if err := w.Run(t.Context()); err == nil {
				t.Errorf("%v: no error", class)
			}
		}
		if e := export(t, p, "e1"); e.State != models.ExportFailed || strings.Contains(e.Error, "store says") {
			t.Errorf("%v: %+v; want failed, and a word without internals", class, e)
		}
	}
}

func TestCancelledAndExpired(t *testing.T) {
	p, err := open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.docs.Close()
	queued(t, p, "e1", "csv")
	if err := p.worker(5000, "a").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := export(t, p, "e1")
	e.Rev++
	e.ExpiresAt = time.Now().Add(-time.Second)
	if err := p.docs.PutExport(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := p.worker(5000, "a").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, err := p.blobs.List(t.Context(), "exports/")
	if _, gone := p.docs.Export(t.Context(), "e1"); err != nil || len(keys) != 0 || !errors.Is(gone, models.ErrNotFound) {
		t.Errorf("%v left, %v, %v", keys, err, gone)
	}
}

// A file that nobody can write fails its export at last, and leaves none.
func TestUnwritable(t *testing.T) {
	p, err := open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.docs.Close()
	queued(t, p, "e1", "csv")
	w := exports.New(exports.Params{Store: p.docs, Blobs: full{p.blobs}, Posts: posts(10), Tries: 2})
	for range 2 {
		if err := w.Run(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	if e := export(t, p, "e1"); e.State != models.ExportFailed || e.Rows != 0 {
		t.Errorf("%+v", e)
	}
}

type full struct{ *blobs.Store }

func (full) WriteOnce(context.Context, string, func(io.Writer) error) (bool, error) {
	return false, models.Faultf(models.Unavailable, "no space")
}
