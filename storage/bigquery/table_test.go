package bigquery_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	sim "weft/internal/sim/bigquery"
	"weft/models"
	"weft/storage/bigquery"
)

func TestTableOnTheWire(t *testing.T) {
	s := &sim.Server{}
	open(t, serve(t, s))
	made := s.Requests("POST", "tables")
	if len(made) != 2 {
		t.Fatalf("%d tables and views were made, want 2", len(made))
	}
	table, view := made[0].Body, made[1].Body
	if diff := cmp.Diff(map[string]any{"type": "DAY", "field": "dt"}, dig(table, "timePartitioning")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"source", "profile", "part"}, dig(table, "clustering", "fields")); diff != "" {
		t.Error(diff)
	}
	if table["requirePartitionFilter"] != true {
		t.Error("a query without a filter would be taken")
	}
	if q := fmt.Sprint(dig(view, "view", "query")); !strings.Contains(q, "PARTITION BY dt, post, profile ORDER BY generation DESC, rev DESC") {
		t.Errorf("the view is %s", q)
	}
	open(t, serve(t, s))
	if again := s.Requests("POST", "tables"); len(again) != 2 {
		t.Error("what is there was made again")
	}
	if changed := s.Requests("PATCH", ""); len(changed) != 0 {
		t.Errorf("what is there was changed: %v", changed)
	}
}

// TestEvolution: a table of an older program gets the columns it lacks, one of a
// newer program keeps those it has besides.
func TestEvolution(t *testing.T) {
	s := &sim.Server{}
	o := serve(t, s)
	open(t, o)
	table := s.Requests("POST", "tables")[0].Body
	all := dig(table, "schema", "fields").([]any)
	var older []any
	for _, field := range all {
		f := maps.Clone(field.(map[string]any))
		switch f["name"] {
		case "checksum", "language":
			continue
		case "images":
			f["fields"] = f["fields"].([]any)[:2]
		}
		older = append(older, f)
	}
	older = append(older, map[string]any{"name": "later", "type": "STRING"})
	old := maps.Clone(table)
	old["schema"] = map[string]any{"fields": older}
	s.Put("datasets/weft/tables/history", old)
	open(t, o)
	changed := s.Requests("PATCH", "tables/history")
	if len(changed) != 1 {
		t.Fatalf("%d changes, want one", len(changed))
	}
	var want []string
	for _, field := range older {
		want = append(want, fmt.Sprint(dig(field.(map[string]any), "name")))
	}
	want = append(want, "language", "checksum")
	var got []string
	for _, field := range dig(changed[0].Body, "schema", "fields").([]any) {
		f := field.(map[string]any)
		got = append(got, fmt.Sprint(f["name"]))
		if f["name"] == "images" && len(f["fields"].([]any)) != 5 {
			t.Errorf("images has %v", f["fields"])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	older[0] = map[string]any{"name": "post", "type": "INTEGER"}
	s.Put("datasets/weft/tables/history", old)
	if _, err := bigquery.Open(t.Context(), o); models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), "column post is INTEGER, not STRING") {
		t.Errorf("Open = %v, want the other type refused", err)
	}
	delete(old, "timePartitioning")
	s.Put("datasets/weft/tables/history", old)
	if _, err := bigquery.Open(t.Context(), o); models.ClassOf(err) != models.Permanent || !strings.Contains(fmt.Sprint(err), "not partitioned by the day") {
		t.Errorf("Open = %v, want the other table refused", err)
	}
}
