package bigquery_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	sim "weft/internal/sim/bigquery"
	"weft/models"
	"weft/storage/bigquery"
)

func TestQueryOnTheWire(t *testing.T) {
	s := &sim.Server{Bytes: 900, Fields: []string{"post", "n"}, Rows: [][]string{{"weibo.1", "7"}, {"weibo.2", "8"}}}
	o := serve(t, s)
	o.BytesLimit = 1000
	w := open(t, o)
	const q = `SELECT post, n FROM posts WHERE dt >= @from AND source = @source`
	names, rows, err := w.Query(t.Context(), q, sql.Named("from", bigquery.Day("2026-03-14")), sql.Named("source", "weibo"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"post", "n"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]any{{"weibo.1", "7"}, {"weibo.2", "8"}}, rows); diff != "" {
		t.Error(diff)
	}
	asked := s.Requests("POST", "jobs")
	if len(asked) != 2 || dig(asked[0].Body, "configuration", "dryRun") != true || dig(asked[1].Body, "configuration", "dryRun") != nil {
		t.Fatalf("want a dry run and then the query, got %v", asked)
	}
	// An int64 is a string in the API.
	if limit := dig(asked[1].Body, "configuration", "query", "maximumBytesBilled"); limit != "1000" {
		t.Errorf("maximumBytesBilled is %v", limit)
	}
	if diff := cmp.Diff(map[string]any{"projectId": "proj", "datasetId": "weft"}, dig(asked[1].Body, "configuration", "query", "defaultDataset")); diff != "" {
		t.Error(diff)
	}
	want := []any{
		map[string]any{"name": "from", "parameterType": map[string]any{"type": "DATE"}, "parameterValue": map[string]any{"value": "2026-03-14"}},
		map[string]any{"name": "source", "parameterType": map[string]any{"type": "STRING"}, "parameterValue": map[string]any{"value": "weibo"}},
	}
	if diff := cmp.Diff(want, dig(asked[1].Body, "configuration", "query", "queryParameters")); diff != "" {
		t.Error(diff)
	}
	s.Change(func(s *sim.Server) { s.Bytes = 1001 })
	_, _, err = w.Query(t.Context(), q, sql.Named("from", bigquery.Day("2026-03-14")), sql.Named("source", "weibo"))
	if models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), "would read 1001 bytes, and 1000 are allowed") {
		t.Errorf("beyond the limit: %v", err)
	}
	s.Change(func(s *sim.Server) { s.Bytes, s.Statement = 0, "SCRIPT" })
	if _, err = w.Estimate(t.Context(), q); models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), "a SCRIPT statement") {
		t.Errorf("a script: %v", err)
	}
	if n := len(s.Requests("POST", "jobs")); n != 4 {
		t.Errorf("%d jobs were begun, want only dry runs after the first two", n)
	}
}

// TestRefusedUnsent: such a query never leaves.
func TestRefusedUnsent(t *testing.T) {
	s := &sim.Server{}
	w := open(t, serve(t, s))
	before := len(s.Requests("POST", "jobs"))
	for _, q := range []string{
		`SELECT * FROM history`,
		`SELECT dt FROM history WHERE source = 'dt >= 5'`,
		`SELECT dt FROM history WHERE source = "x" -- dt >= '2026-01-01'`,
		"SELECT dt FROM history # WHERE dt = 1",
		`SELECT 1 /* WHERE dt >= '2026-01-01' */ FROM history`,
		`SELECT * FROM history WHERE dt < '2026-01-01'`,
		`SELECT * FROM history WHERE dt IS NOT NULL`,
		`SELECT * FROM history WHERE created_at >= '2026-01-01'`,
		`SELECT dt >= '2026-01-01' FROM history`,
		`SELECT * FROM history h JOIN posts p ON h.dt = p.dt`,
		`SELECT * FROM history WHERE '''it's dt >= 1''' = source`,
		`SELECT * FROM history WHERE r'\' dt >= 1' = source`,
		`DELETE FROM history WHERE dt >= '2026-01-01'`,
		`SELECT 1; DELETE FROM history WHERE dt >= '2026-01-01'`,
		`EXPORT DATA OPTIONS(uri='gs://x/*') AS SELECT * FROM history WHERE dt = '2026-01-01'`,
		`SELECT 'x`, `SELECT 1 /*`, "SELECT `x", ``, `;`, `SELECT * FROM history WHERE dt =`,
	} {
		_, _, err := w.Query(t.Context(), q)
		if models.ClassOf(err) != models.Permanent {
			t.Errorf("%s: %v, want it refused", q, err)
		}
	}
	if n := len(s.Requests("POST", "jobs")); n != before {
		t.Errorf("%d requests were sent", n-before)
	}
	for _, q := range []string{
		`SELECT * FROM history WHERE dt >= '2026-01-01'`,
		`select * from posts p where P.DT between ? and ?;`,
		`(SELECT 1 FROM history WHERE source = 'it''s' AND dt IN ('2026-01-01'))`,
		"WITH a AS (SELECT * FROM history WHERE `dt` = @day) SELECT * FROM a",
		`SELECT * FROM history h JOIN posts p ON h.dt = p.dt WHERE @from <= h.dt`,
		`SELECT * FROM history WHERE source = '奢侈品' /* 奢 */ AND DATE '2026-01-01' = dt`,
		`SELECT * FROM history WHERE x = b'\'' AND dt > '2026-01-01' -- and so on`,
	} {
		if _, err := w.Estimate(t.Context(), q); err != nil {
			t.Errorf("%s: %v, want it taken", q, err)
		}
	}
}

// TestReadOnly: whoever only asks makes nothing.
func TestReadOnly(t *testing.T) {
	s := &sim.Server{}
	o := serve(t, s)
	o.ReadOnly = true
	if _, _, err := open(t, o).Query(t.Context(), `SELECT 1 FROM posts WHERE dt >= '2026-01-01'`); err != nil {
		t.Error(err)
	}
	if made := append(s.Requests("POST", "datasets"), s.Requests("POST", "tables")...); len(made) != 0 {
		t.Errorf("made: %v", made)
	}
}
