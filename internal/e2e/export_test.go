package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/api"
	"weft/internal/config"
	"weft/internal/servers"
	"weft/models"
	"weft/storage/storagetest"
)

// testExport kills the API and the worker, twice, while an export of 20,000 posts
// is written, and the API again while it is downloaded: in the end each post is in
// the files once, whoever reads them. With WEFT_TEST_LONG it is a million posts.
func testExport(t *testing.T, bin string) {
	posts, patience := int64(20_000), settle
	if os.Getenv("WEFT_TEST_LONG") != "" {
		posts, patience = 1_000_000, 10*settle
	}
	python := servers.URL(t, servers.Python)
	p := newPrograms(t, newRig(t, 1, "8760h"), bin)
	p.stores = append(p.stores, config.Override{Key: "exports.file_rows", Value: fmt.Sprint(posts / 40)}, config.Override{Key: "exports.lease", Value: "1s"})
	fillSearch(t, p.rig, int(posts))
	worker := p.worker()
	served, url := p.api()
	var e api.Export
	p.ask("POST", url+"/v1/exports", `{"format":"parquet","since":"2026-01-01T00:00:00Z","until":"2070-01-01T00:00:00Z"}`, http.StatusAccepted, &e)
	for _, kill := range []int64{posts / 10, posts / 2} {
		for e.Rows < kill {
			p.ask("GET", url+"/v1/exports/"+e.ID, "", http.StatusOK, &e)
		}
		p.kill(worker, served)
		stored, err := p.app.Documents.Export(p.ctx, e.ID)
		if err != nil || stored.State != models.ExportRunning {
			t.Fatalf("%s after %d posts, %v: there was nothing to disturb", stored.State, stored.Rows, err)
		}
		worker = p.worker()
		served, url = p.api()
	}
	p.wait("the export to end", patience, func() (bool, string) {
		p.ask("GET", url+"/v1/exports/"+e.ID, "", http.StatusOK, &e)
		return e.State == models.ExportDone, fmt.Sprintf("%s, %d of %d posts", e.State, e.Rows, posts)
	})
	if e.Rows != posts || len(e.Files) < 40 {
		t.Errorf("%d posts in %d files", e.Rows, len(e.Files))
	}
	var paths []string
	for i, f := range e.Files {
		path := filepath.Join(t.TempDir(), f.Name)
		cut := int64(0)
		if i == 0 { // the API dies in the middle of this one
			cut = f.Bytes / 2
			begin(t, url, f, path, cut)
			p.kill(served)
			_, url = p.api()
		}
		goOn(t, url, f, path, cut)
		paths = append(paths, path)
	}
	countWith(t, python, paths, int(posts))
}

// fillSearch puts made-up posts into search.
func fillSearch(t *testing.T, r *rig, n int) {
	t.Helper()
	group, ctx := errgroup.WithContext(r.ctx)
	group.SetLimit(64)
	for _, d := range storagetest.SearchDocs(n) {
		group.Go(func() error { return r.app.Search.Put(ctx, d) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// begin downloads the first n bytes of a file, and then no more.
func begin(t *testing.T, url string, f api.ExportFile, path string, n int64) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	body := download(ctx, t, url+f.URL, 0, f, http.StatusOK)
	defer body.Close()
	out, err := os.Create(path)
	if err == nil {
		_, err = io.CopyN(out, body, n)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// goOn downloads a file from a byte on, and checks that it is whole.
func goOn(t *testing.T, url string, f api.ExportFile, path string, from int64) {
	t.Helper()
	want := http.StatusOK
	if from > 0 {
		want = http.StatusPartialContent
	}
	body := download(t.Context(), t, url+f.URL, from, f, want)
	defer body.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = io.Copy(out, body)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if sum := sha256.Sum256(whole); err != nil || int64(len(whole)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Errorf("%s has %d bytes of %d, or others: %v", f.Name, len(whole), f.Bytes, err)
	}
}

func download(ctx context.Context, t *testing.T, url string, from int64, f api.ExportFile, want int) io.ReadCloser {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		req.Header.Set("If-Range", `"`+f.SHA256+`"`)
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s from byte %d: %d %s", f.Name, from, resp.StatusCode, text)
	}
	return resp.Body
}

// countWith counts the posts of Parquet files with pandas, polars and DuckDB.
func countWith(t *testing.T, python string, paths []string, n int) {
	t.Helper()
	c := command(t, python, "../exports/testdata/count.py", "parquet")
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
