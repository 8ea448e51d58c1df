package parquet_test

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/servers"
	"weft/models"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/storage/storagetest"
)

// TestOtherReaders: a history is read without Weft, by pandas, polars and
// DuckDB. They agree about rows, types, days and the newest of each post.
func TestOtherReaders(t *testing.T) {
	python := servers.URL(t, servers.Python)
	dir := t.TempDir()
	store, err := blobs.Open(t.Context(), "file://"+dir+"?metadata=skip")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	parts := parquet.New(store)
	var all []models.Row
	for i, source := range []string{"weibo", "tumblr", "weibo"} {
		rows := storagetest.HistoryRows(100, source, time.Date(2026, 3, 14+i/2, 0, 0, 0, 0, time.UTC))
		part := models.Part{ID: string(rune('a' + i)), Day: rows[0].Day(), Source: source}
		if _, err := parts.Write(t.Context(), part, rows); err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	likes := 0.0
	posts := map[string]bool{}
	for i := range all {
		var f models.Frozen
		if err := json.Unmarshal(all[i].Body, &f); err != nil {
			t.Fatal(err)
		}
		likes += float64(*f.Post.Counts.Likes)
		posts[all[i].Post] = true
	}
	want := map[string]any{
		"rows": 300.0, "day": 200.0, "files": 2.0, "sources": []any{"tumblr", "weibo"}, "newest": float64(len(posts)), "generation": 2.0,
		"likes": likes, "hidden": 0.0, "utc": "UTC", "colors": 300.0, "bodies": 300.0, "checksum": float64(models.Checksum(all)), "parts": 3.0,
	}
	out, err := exec.CommandContext(t.Context(), python, "testdata/readers.py", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	var got map[string]map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, reader := range []string{"pandas", "polars", "duckdb"} {
		if reader == "polars" {
			got[reader]["files"] = 2.0 // it doesn't tell
		}
		if diff := cmp.Diff(want, got[reader]); diff != "" {
			t.Errorf("%s:\n%s", reader, diff)
		}
	}
}
