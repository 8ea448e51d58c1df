package bigquery_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/servers"
	"weft/models"
	"weft/storage/bigquery"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/storage/storagetest"
)

// The emulator is no BigQuery. It shows that files, schema and SQL fit together.
// It does not show partitions, clusters, prices or limits, that a name of a job is
// taken once, or that columns are found by name: it takes them by position, the
// path's last, so that no file can be loaded into a table that got a column later.
// What of this is ours is tested against the stand-in.

// bundle is a table and bucket of its own.
type bundle struct {
	o      bigquery.Options
	w      *bigquery.Warehouse
	bucket string
	gcs    string
}

func emulator(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{gcs: strings.TrimSuffix(servers.URL(t, servers.GCS), "/"), bucket: "bq-" + strings.ToLower(rand.Text()[:10])}
	endpoint := servers.URL(t, servers.BigQuery)
	dataset := "t_" + strings.ToLower(rand.Text()[:10])
	b.o = bigquery.Options{
		URL:   "bigquery://test-project/" + dataset + "?endpoint=" + url.QueryEscape(endpoint),
		Files: "gs://" + b.bucket + "/history",
	}
	ask(t, http.MethodPost, b.gcs+"/storage/v1/b?project=test-project", `{"name":"`+b.bucket+`"}`)
	b.w = open(t, b.o)
	t.Cleanup(func() {
		ask(t, http.MethodDelete, endpoint+"projects/test-project/datasets/"+dataset+"?deleteContents=true", "")
	})
	return b
}

// file makes the bytes of a part as the part builder does.
func file(t *testing.T, part models.Part, rows []models.Row) []byte {
	t.Helper()
	store, err := blobs.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parquet.New(store).Write(t.Context(), part, rows); err != nil {
		t.Fatal(err)
	}
	data, err := store.Get(t.Context(), part.Path())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// write puts a part of n rows into the bucket.
func (b *bundle) write(t *testing.T, id, source string, n int, at time.Time) models.Part {
	t.Helper()
	rows := storagetest.HistoryRows(n, source, at)
	part := models.Part{ID: id, Day: rows[0].Day(), Source: source, Rows: n, Checksum: models.Checksum(rows)}
	ask(t, http.MethodPost, b.gcs+"/upload/storage/v1/b/"+b.bucket+"/o?uploadType=media&name="+url.QueryEscape("history/"+part.Path()), string(file(t, part, rows)))
	return part
}

func day() time.Time { return time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC) }

func (b *bundle) query(t *testing.T, q string, args ...any) [][]any {
	t.Helper()
	_, rows, err := b.w.Query(t.Context(), q, args...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return rows
}

func (b *bundle) tally(t *testing.T, parts []models.Part, want ...models.Part) {
	t.Helper()
	wanted := map[string]models.Tally{}
	for _, p := range want {
		wanted[p.ID] = models.Tally{Rows: p.Rows, Checksum: p.Checksum}
	}
	got, err := b.w.Tally(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("tally: %s", diff)
	}
}

func TestLoadTallyRemove(t *testing.T) {
	b := emulator(t)
	some := []models.Part{
		b.write(t, "a", "weibo", 300, day()), b.write(t, "b", "tumblr", 50, day()), b.write(t, "c", "weibo", 10, day().AddDate(0, 0, 1)),
	}
	b.tally(t, some)
	if err := b.w.Load(t.Context(), "l1", some[:2]); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Load(t.Context(), "l2", some[2:]); err != nil {
		t.Fatal(err)
	}
	b.tally(t, some, some...)
	b.tally(t, some[1:2], some[1])
	// Another name brings the rows again, which is what a tally is there to see.
	if err := b.w.Load(t.Context(), "l3", some[2:]); err != nil {
		t.Fatal(err)
	}
	twice := some[2]
	twice.Rows, twice.Checksum = 2*twice.Rows, 2*twice.Checksum
	b.tally(t, some[2:], twice)
	if got := b.query(t, `SELECT COUNT(*) FROM posts WHERE dt = '2026-03-15'`); !cmp.Equal(got, [][]any{{int64(8)}}) {
		t.Errorf("posts, loaded twice: %v", got)
	}
	for range 2 {
		if err := b.w.Remove(t.Context(), some[:1]); err != nil {
			t.Fatal(err)
		}
		b.tally(t, some, some[1], twice)
	}
	elsewhere := some[1]
	elsewhere.Day = "2026-03-15"
	if err := b.w.Remove(t.Context(), []models.Part{elsewhere}); err != nil {
		t.Fatal(err)
	}
	b.tally(t, some, some[1], twice)
	// Parts of one day and source whose ids lie around another's.
	several := []models.Part{b.write(t, "x1", "weibo", 5, day()), b.write(t, "x2", "weibo", 6, day()), b.write(t, "x3", "weibo", 7, day())}
	if err := b.w.Load(t.Context(), "l5", several); err != nil {
		t.Fatal(err)
	}
	outer := []models.Part{several[0], several[2]}
	b.tally(t, outer, outer...)
	if err := b.w.Remove(t.Context(), outer); err != nil {
		t.Fatal(err)
	}
	b.tally(t, several, several[1])
	gone := models.Part{ID: "gone", Day: "2026-03-14", Source: "weibo"}
	if err := b.w.Load(t.Context(), "l4", []models.Part{gone}); err == nil {
		t.Error("a part without a file was loaded")
	}
}

// TestQueries asks what the test of DuckDB asks, of the same rows, in this dialect.
func TestQueries(t *testing.T) {
	b := emulator(t)
	const since = ` WHERE dt >= '2026-01-01'`
	if got := b.query(t, `SELECT COUNT(*), COUNT(likes) FROM posts`+since); !cmp.Equal(got, [][]any{{int64(0), int64(0)}}) {
		t.Fatalf("an empty table = %v", got)
	}
	if err := b.w.Load(t.Context(), "l", []models.Part{
		b.write(t, "a", "weibo", 100, day()), b.write(t, "b", "tumblr", 50, day()), b.write(t, "c", "weibo", 10, day().AddDate(0, 0, 1)),
	}); err != nil {
		t.Fatal(err)
	}
	for q, want := range map[string][][]any{
		`SELECT COUNT(*) FROM history` + since: {{int64(160)}},
		`SELECT source, dt, part, COUNT(*) AS n FROM history` + since + ` GROUP BY source, dt, part ORDER BY source, dt`: {
			{"tumblr", day(), "b", int64(50)}, {"weibo", day(), "a", int64(100)}, {"weibo", day().AddDate(0, 0, 1), "c", int64(10)},
		},
		`SELECT COUNT(*), MIN(generation), MAX(generation) FROM posts` + since + ` AND source = 'tumblr'`: {{int64(40), int64(1), int64(2)}},
		`SELECT generation, rev FROM posts` + since + ` AND post = 'tumblr.n00003'`:                       {{int64(2), int64(6)}},
		`SELECT a.value AS v, COUNT(*) AS n FROM posts, UNNEST(attributes) AS a` + since + ` AND a.name = 'color' AND source = 'tumblr' GROUP BY v ORDER BY v`: {
			{"ecru", int64(13)}, {"navy", int64(14)}, {"red", int64(13)},
		},
		`SELECT hashtags, likes, comments, unchecked FROM history` + since + ` AND post = 'tumblr.n00007'`: {
			{[]any{"ootd", "奢侈品"}, int64(21), nil, false},
		},
		`SELECT JSON_VALUE(body, '$.post.text') FROM posts` + since + ` AND post = 'tumblr.n00007'`: {{"silk dress № 7 奢侈品 <b>"}},
		`SELECT images, labels FROM posts` + since + ` AND post = 'tumblr.n00001'`: {{
			[]any{map[string]any{"sha256": "aa", "phash": "00ff", "rendition": "r/aa", "width": int64(640), "height": int64(480)}}, []any{},
		}},
	} {
		if diff := cmp.Diff(want, b.query(t, q)); diff != "" {
			t.Errorf("%s:\n%s", q, diff)
		}
	}
	names, rows, err := b.w.Rows(t.Context(), `SELECT post, created_at FROM history WHERE dt BETWEEN ? AND ? AND likes = ? AND source = ? ORDER BY rev`,
		bigquery.Day("2026-03-14"), bigquery.Day("2026-03-20"), 30, "tumblr")
	if err != nil || !slices.Equal(names, []string{"post", "created_at"}) {
		t.Fatalf("Rows = %v, %v", names, err)
	}
	var got [][]any
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	if diff := cmp.Diff([][]any{{"tumblr.n00010", day().Add(79190 * time.Millisecond)}}, got); diff != "" {
		t.Error(diff)
	}
	if _, _, err := b.w.Query(t.Context(), `SELECT nothing FROM posts`+since); models.ClassOf(err) != models.Permanent {
		t.Errorf("an unknown column: %v, want it permanent", err)
	}
}

// TestEvolutionIsTaken: the emulator takes the change of the table, and says so. It
// adds no column to its rows, so that nothing can be asked of them.
func TestEvolutionIsTaken(t *testing.T) {
	b := emulator(t)
	root := servers.URL(t, servers.BigQuery) + "projects/test-project/datasets"
	dataset := strings.TrimPrefix(strings.SplitN(b.o.URL, "?", 2)[0], "bigquery://test-project/") // has a table already
	older := `{"tableReference":{"tableId":"history"},"schema":{"fields":[{"name":"post","type":"STRING"},{"name":"later","type":"STRING"},{"name":"dt","type":"DATE"}]}}`
	ask(t, http.MethodPatch, root+"/"+dataset+"/tables/history", older)
	open(t, b.o)
	var table struct {
		Schema struct{ Fields []struct{ Name string } }
	}
	if err := json.Unmarshal(ask(t, http.MethodGet, root+"/"+dataset+"/tables/history", ""), &table); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, field := range table.Schema.Fields {
		names = append(names, field.Name)
	}
	if len(names) != 30 || !slices.Equal(names[:4], []string{"post", "later", "dt", "profile"}) || names[29] != "source" {
		t.Errorf("the columns are %v", names)
	}
}

// ask makes one request of the emulator's.
func ask(t *testing.T, method, address, body string) []byte {
	t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s %s %v", method, address, answer.Status, data, err)
	}
	return data
}
