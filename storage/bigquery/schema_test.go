package bigquery_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	sim "weft/internal/sim/bigquery"
	"weft/models"
	"weft/storage/storagetest"
)

// TestSchemaIsTheFiles: what goes with a load names each column of a part file, in
// the file's order, with the type that BigQuery makes of it: no other type of
// Parquet can be loaded.
func TestSchemaIsTheFiles(t *testing.T) {
	rows := storagetest.HistoryRows(3, "weibo", day())
	data := file(t, models.Part{ID: "p", Day: rows[0].Day(), Source: "weibo"}, rows)
	opened, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	s := &sim.Server{}
	if err := open(t, serve(t, s)).Load(t.Context(), "l", parts("p", 1)); err != nil {
		t.Fatal(err)
	}
	got := described(dig(s.Requests("POST", "jobs")[0].Body, "configuration", "load", "schema", "fields").([]any), "")
	if diff := cmp.Diff(columnsOf(t, opened.Schema(), ""), got); diff != "" {
		t.Error(diff)
	}
	table := described(dig(s.Requests("POST", "tables")[0].Body, "schema", "fields").([]any), "")
	if diff := cmp.Diff(append(got, "dt DATE", "source STRING"), table); diff != "" {
		t.Errorf("the table: %s", diff)
	}
}

// described lists fields of the API as lines.
func described(fields []any, under string) []string {
	var out []string
	for _, field := range fields {
		f := field.(map[string]any)
		line := under + fmt.Sprint(f["name"], " ", f["type"])
		if f["mode"] == "REPEATED" {
			line += " REPEATED"
		}
		inner, _ := f["fields"].([]any)
		out = append(append(out, line), described(inner, under+fmt.Sprint(f["name"])+".")...)
	}
	return out
}

// columnsOf lists the columns of a file in the same way.
func columnsOf(t *testing.T, node pq.Node, under string) []string {
	t.Helper()
	var out []string
	for _, field := range node.Fields() {
		name, suffix, of := under+field.Name(), "", pq.Node(field)
		if kind := field.Type().LogicalType(); kind != nil {
			if _, list := kind.Value.(*format.ListType); list {
				suffix, of = " REPEATED", field.Fields()[0].Fields()[0]
			}
		}
		if of.Leaf() {
			out = append(out, name+" "+kindOf(t, of.Type())+suffix)
			continue
		}
		out = append(append(out, name+" RECORD"+suffix), columnsOf(t, of, name+".")...)
	}
	return slices.Clip(out)
}

// kindOf is the table of conversions that BigQuery documents, as far as it is used.
func kindOf(t *testing.T, of pq.Type) string {
	t.Helper()
	var logical any
	if found := of.LogicalType(); found != nil {
		logical = found.Value
	}
	number := of.Kind() == pq.Int32 || of.Kind() == pq.Int64
	switch logical := logical.(type) {
	case *format.StringType:
		return "STRING"
	case *format.TimestampType:
		if logical.IsAdjustedToUTC {
			return "TIMESTAMP"
		}
	case *format.IntType:
		if number && logical.IsSigned {
			return "INTEGER"
		}
	case nil:
		switch {
		case number:
			return "INTEGER"
		case of.Kind() == pq.Double:
			return "FLOAT"
		case of.Kind() == pq.Boolean:
			return "BOOLEAN"
		}
	}
	t.Errorf("BigQuery can't load %s", of)
	return ""
}
