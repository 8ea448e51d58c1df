package app_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/internal/app"
	"weft/internal/servers"
	"weft/models"
	"weft/storage/duckdb"
)

func openHistory(ctx context.Context, dir string) (app.FolderHistory, error) {
	return duckdb.Open(ctx, dir)
}

// TestDataScience runs the script of docs/data-science.md: pandas, polars and
// DuckDB over the files, and the API over search and history, come to the same.
func TestDataScience(t *testing.T) {
	python := servers.URL(t, servers.Python)
	r := newRig(t, plain)
	entries := r.posts(9)
	r.imports(entries[:6], "plain")
	r.run()
	if n := r.purge(); n != 6 {
		t.Fatalf("%d purged", n)
	}
	r.imports(entries[6:], "plain")
	r.run()
	if _, err := r.app.Builder().Run(r.ctx); err != nil { // the files have what search still has
		t.Fatal(err)
	}
	if r.found() != 3 {
		t.Fatalf("%d in search, want 3", r.found())
	}
	a := r.open(func(o *app.Options) { o.History = openHistory })
	h, err := a.API(t.Context(), guardOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	out, err := exec.CommandContext(t.Context(), python, "../../docs/examples/data_science.py", r.app.HistoryDir, server.URL, firstKey(t, a)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	var got map[string]map[string]int
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if len(got) != 4 || len(got["api"]) < 2 {
		t.Fatalf("%s", out)
	}
	for way, colors := range got {
		if diff := cmp.Diff(got["api"], colors); diff != "" {
			t.Errorf("%s (-api +%s):\n%s", way, way, diff)
		}
	}
}

// TestExportByAWorker: what is asked for over the API is written by a worker, of
// search and history.
func TestExportByAWorker(t *testing.T) {
	r := newRig(t, plain)
	entries := r.posts(9)
	r.imports(entries[:6], "plain")
	r.run()
	if n := r.purge(); n != 6 {
		t.Fatalf("%d purged", n)
	}
	r.imports(entries[6:], "plain")
	r.run()
	if err := r.app.Documents.PutExport(t.Context(), models.Export{ID: "e1", Rev: 1, Owner: "ann", Format: "ndjson", State: models.ExportQueued, CreatedAt: r.now()}); err != nil {
		t.Fatal(err)
	}
	r.work()
	var e models.Export
	r.wait("the export to be done", func() (bool, string) {
		var err error
		e, err = r.app.Documents.Export(r.ctx, "e1")
		return err == nil && e.State.Ended(), string(e.State)
	})
	if e.State != models.ExportDone || e.Rows != 9 || len(e.Files) != 1 {
		t.Fatalf("%+v", e)
	}
	data, err := r.app.Blobs.Get(t.Context(), e.Files[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if n := strings.Count(string(data), `"id":"file.`+entry.ID+`"`); n != 1 {
			t.Errorf("%s is in it %d times", entry.ID, n)
		}
	}
}
