package bigquery_test

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/storage/storagetest"
)

// TestDocumentedSQL runs the query of docs/data-science.md as it is written there,
// on the emulator, and counts the same by hand.
func TestDocumentedSQL(t *testing.T) {
	b := emulator(t)
	// a post of the 31st is in March, those around it are of other months; day and
	// source make the part
	days := []time.Time{day(), time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	var parts []models.Part
	posts := map[string]map[string]bool{} // by colour; each counts once, whatever its rows
	for i, at := range days {
		source := []string{"weibo", "tumblr"}[i%2]
		parts = append(parts, b.write(t, "docs"+at.Format("0102"), source, 20+10*i, at))
		for _, row := range storagetest.HistoryRows(20+10*i, source, at) {
			if at.Month() != time.March {
				continue
			}
			color := colorOf(t, row)
			if posts[color] == nil {
				posts[color] = map[string]bool{}
			}
			posts[color][row.Post] = true
		}
	}
	if err := b.w.Load(t.Context(), "docs", parts); err != nil {
		t.Fatal(err)
	}
	var want [][]any
	for color, ids := range posts {
		want = append(want, []any{color, int64(len(ids))})
	}
	got := b.query(t, documented(t, "## BigQuery"))
	if !slices.IsSortedFunc(got, func(a, b []any) int { return cmp.Compare(b[1].(int64), a[1].(int64)) }) {
		t.Errorf("not by count: %v", got)
	}
	byColor := func(rows [][]any) [][]any {
		return slices.SortedFunc(slices.Values(rows), func(a, b []any) int { return cmp.Compare(a[0].(string), b[0].(string)) })
	}
	if diff := gocmp.Diff(byColor(want), byColor(got)); diff != "" || len(want) != 3 {
		t.Errorf("%d colours (-by hand +the query):\n%s", len(want), diff)
	}
}

// colorOf is what a row says of the post's colour.
func colorOf(t *testing.T, row models.Row) string {
	t.Helper()
	_, after, _ := strings.Cut(string(row.Body), `"name":"color","value":"`)
	color, _, found := strings.Cut(after, `"`)
	if !found {
		t.Fatalf("no colour in %s", row.Body)
	}
	return color
}

// documented is the first example below a heading.
func documented(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/data-science.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(page), heading+"\n")
	var query []string
	for line := range strings.SplitSeq(below, "\n") {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			query = append(query, code)
		} else if len(query) > 0 {
			break
		}
	}
	if !found || len(query) == 0 {
		t.Fatalf("docs/data-science.md has no example below %s", heading)
	}
	return strings.Join(query, "\n")
}
