package duckdb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/storage/blobs"
	"weft/storage/parquet"
	"weft/storage/storagetest"
)

func open(t *testing.T, dir string) *History {
	t.Helper()
	h, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func day() time.Time { return time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC) }

// write writes a part of n rows as the part builder does.
func write(t *testing.T, dir, id, source string, n int, at time.Time) []models.Row {
	t.Helper()
	store, err := blobs.Open(t.Context(), "file://"+dir+"?metadata=skip")
	if err != nil {
		t.Fatal(err)
	}
	rows := storagetest.HistoryRows(n, source, at)
	part := models.Part{ID: id, Day: rows[0].Day(), Source: source}
	if _, err := parquet.New(store).Write(t.Context(), part, rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func query(t *testing.T, h *History, q string, args ...any) [][]any {
	t.Helper()
	_, rows, err := h.Query(t.Context(), q, args...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return rows
}

func TestQueries(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's the history")
	h := open(t, dir)
	if got := query(t, h, `SELECT count(*), count(likes), sum(len(attributes)) FROM posts`); !cmp.Equal(got, [][]any{{int64(0), int64(0), nil}}) {
		t.Fatalf("an empty folder = %v", got)
	}
	write(t, dir, "a", "weibo", 100, day())
	write(t, dir, "b", "tumblr", 50, day())
	write(t, dir, "c", "weibo", 10, day().AddDate(0, 0, 1))
	for q, want := range map[string][][]any{
		`SELECT count(*) FROM history`: {{int64(160)}},
		`SELECT source, dt::VARCHAR, count(*) FROM history GROUP BY ALL ORDER BY ALL`: {
			{"tumblr", "2026-03-14", int64(50)}, {"weibo", "2026-03-14", int64(100)}, {"weibo", "2026-03-15", int64(10)},
		},
		`SELECT count(*), min(generation), max(generation) FROM posts WHERE source = 'tumblr'`: {{int64(40), int64(1), int64(2)}},
		`SELECT generation, rev FROM posts WHERE post = 'tumblr.n00003'`:                       {{int64(2), int64(6)}},
		`SELECT a.value, count(*) FROM posts, unnest(attributes) u(a) WHERE a.name = 'color' AND source = 'tumblr' GROUP BY 1 ORDER BY 1`: {
			{"ecru", int64(13)}, {"navy", int64(14)}, {"red", int64(13)},
		},
		`SELECT hashtags, likes, comments, unchecked FROM history WHERE post = 'tumblr.n00007'`: {
			{[]any{"ootd", "奢侈品"}, int64(21), nil, false},
		},
		`SELECT body->>'$.post.text', body->>'$.run.profile' FROM posts WHERE post = 'tumblr.n00007'`:                  {{"silk dress № 7 奢侈品 <b>", "catalog"}},
		`SELECT images[1].width, labels FROM posts WHERE post = 'tumblr.n00001'`:                                       {{int64(640), []any{}}},
		`SELECT created_at = timezone('UTC', TIMESTAMP '2026-03-14 00:00:00') FROM posts WHERE post = 'tumblr.n00000'`: {{true}},
	} {
		if diff := cmp.Diff(want, query(t, h, q)); diff != "" {
			t.Errorf("%s:\n%s", q, diff)
		}
	}
	got := query(t, h, `SELECT post, created_at FROM history WHERE source = ? AND likes = ?`, "tumblr", 30)
	if diff := cmp.Diff([][]any{{"tumblr.n00010", day().Add(79190 * time.Millisecond)}}, got); diff != "" {
		t.Error(diff)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := query(t, h, `SELECT count(*) FROM history`); !cmp.Equal(got, [][]any{{int64(0)}}) {
		t.Errorf("an emptied folder = %v", got)
	}
}

// A file of another time lacks columns and has others.
func TestSchemaEvolution(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "weibo", 10, day())
	old := filepath.Join(dir, "dt=2025-01-01", "source=old")
	if err := os.MkdirAll(old, 0o755); err != nil {
		t.Fatal(err)
	}
	free, err := freeDuckDB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free.Close() }()
	if _, err := free.Exec(`COPY (SELECT 'old.1' AS post, 'p' AS profile, 1::INTEGER AS generation, 1::BIGINT AS rev, 5::BIGINT AS later) TO '` +
		filepath.Join(old, "part-x.parquet") + `'`); err != nil {
		t.Fatal(err)
	}
	h := open(t, dir)
	got := query(t, h, `SELECT post, source, text, later FROM posts WHERE source IN ('old', 'weibo') ORDER BY created_at NULLS FIRST LIMIT 2`)
	want := [][]any{{"old.1", "old", nil, int64(5)}, {"weibo.n00000", "weibo", "silk dress № 0 奢侈品 <b>", nil}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFollow: what the documents say is the history counts, not what lies in the folder.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	part := func(id string, state models.PartState) models.Part {
		return models.Part{ID: id, Day: "2026-03-14", Source: "weibo", State: state}
	}
	count := func(want int64, parts []models.Part, unseen ...string) {
		t.Helper()
		if err := h.Follow(t.Context(), parts, unseen); err != nil {
			t.Fatal(err)
		}
		if got := query(t, h, `SELECT count(*) FROM history`); got[0][0] != want {
			t.Errorf("%v rows, want %d", got, want)
		}
	}
	count(0, nil)
	write(t, dir, "a", "weibo", 10, day())
	write(t, dir, "b", "weibo", 10, day()) // the same rows, rewritten: its swap is not booked yet
	a, b := part("a", models.PartVerified), part("b", models.PartWritten)
	count(10, []models.Part{a, b})
	count(7, []models.Part{a}, "weibo.n00000", "weibo.n00003") // the latter has two generations
	if got := query(t, h, `SELECT count(*) FROM posts WHERE post = 'weibo.n00003'`); got[0][0] != int64(0) {
		t.Errorf("a forgotten post is among the newest: %v", got)
	}
	b.State = models.PartVerified
	count(9, []models.Part{b}, "it's not here", "weibo.n00001")
	count(0, nil)
	if _, _, err := h.Query(t.Context(), `DELETE FROM unseen`); err == nil {
		t.Error("a query changed what may be seen")
	}
}

// TestFormerSchema: files with and without the columns that came later, and
// whose body is called JSON in some, are one history.
func TestFormerSchema(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b", "tumblr", 10, day())
	old, err := os.ReadFile("../parquet/testdata/schema-1.parquet")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "dt=2026-03-14", "source=weibo")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "part-a.parquet"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	got := query(t, open(t, dir), `SELECT source, count(*), count(part), count(DISTINCT checksum), min(body ->> '$.run.profile') FROM history GROUP BY 1 ORDER BY 1`)
	want := [][]any{{"tumblr", int64(10), int64(10), int64(10), "catalog"}, {"weibo", int64(60), int64(0), int64(0), "catalog"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestQueryWhilePartsAreMerged: readers by the manifest see each row once, while
// parts are merged and the merged ones' files deleted at once.
func TestQueryWhilePartsAreMerged(t *testing.T) {
	dir := t.TempDir()
	m := newMerging(t, dir)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	// After each merge the next waits until either reader has had an answer, so
	// that a slow machine doesn't wear out their patience.
	answered := []chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}
	for _, told := range answered {
		h := open(t, dir)
		readers.Go(func() { m.read(t, h, told, stop) })
	}
	for i := range 30 {
		for _, told := range answered {
			<-told
		}
		m.merge(t, i)
	}
	close(stop)
	readers.Wait()
	_, _, err := open(t, dir).QueryBy(t.Context(), func(context.Context) ([]models.Part, []string, error) {
		return []models.Part{{ID: "lost", Day: "2026-03-14", Source: "s1", State: models.PartVerified}}, nil, nil
	}, `SELECT 1`)
	if err == nil {
		t.Error("a lost file was not missed")
	}
}

// merging is a history of 120 rows whose parts change while it is read.
type merging struct {
	files *parquet.Parts
	mu    sync.Mutex
	parts []models.Part
}

func newMerging(t *testing.T, dir string) *merging {
	t.Helper()
	store, err := blobs.Open(t.Context(), "file://"+dir+"?metadata=skip")
	if err != nil {
		t.Fatal(err)
	}
	m := &merging{files: parquet.New(store)}
	for i := range 12 {
		rows := storagetest.HistoryRows(10, fmt.Sprint("s", i%3), day().AddDate(0, 0, i/6))
		for j := range rows {
			rows[j].Generation = i + 1 // each part has rows of its own
		}
		part := models.Part{
			ID: fmt.Sprint("p", i), Day: rows[0].Day(), Source: rows[0].Source, State: models.PartVerified, Rows: 10, Checksum: models.Checksum(rows),
		}
		if _, err := m.files.Write(t.Context(), part, rows); err != nil {
			t.Fatal(err)
		}
		m.parts = append(m.parts, part)
	}
	return m
}

func (m *merging) manifest(context.Context) ([]models.Part, []string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.parts), nil, nil
}

// read asks again and again until stop is closed, once more after that, and
// tells of each answer.
func (m *merging) read(t *testing.T, h *History, told chan<- struct{}, stop <-chan struct{}) {
	defer close(told)
	for ended := false; !ended; {
		select {
		case <-stop:
			ended = true
		default:
		}
		_, rows, err := h.QueryBy(t.Context(), m.manifest, `SELECT count(*), count(DISTINCT (post, profile, generation, rev)) FROM history`)
		if err != nil || !cmp.Equal(rows, [][]any{{int64(120), int64(120)}}) {
			t.Errorf("%v, %v; want 120 rows, each once", rows, err)
		}
		select {
		case told <- struct{}{}:
		default:
		}
	}
}

// merge merges two parts of a day and source, or writes one anew.
func (m *merging) merge(t *testing.T, i int) {
	t.Helper()
	first := m.parts[i%len(m.parts)]
	olds := []models.Part{first}
	if j := slices.IndexFunc(m.parts, func(p models.Part) bool { return p.ID != first.ID && p.Day == first.Day && p.Source == first.Source }); j >= 0 {
		olds = append(olds, m.parts[j])
	}
	fresh := first
	fresh.ID, fresh.Rows, fresh.Checksum = fmt.Sprint("m", i), 0, 0
	for _, old := range olds {
		fresh.Rows += old.Rows
		fresh.Checksum += old.Checksum
	}
	if _, err := m.files.Merge(t.Context(), fresh, olds, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.parts = append(slices.DeleteFunc(m.parts, func(p models.Part) bool {
		return slices.ContainsFunc(olds, func(o models.Part) bool { return o.ID == p.ID })
	}), fresh)
	m.mu.Unlock()
	for _, old := range olds {
		if err := m.files.Remove(t.Context(), old.Path()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockedIn(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "weibo", 10, day())
	h := open(t, dir)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`SELECT * FROM read_csv('` + secret + `')`,
		`SELECT * FROM '` + secret + `'`,
		`SELECT * FROM read_text('` + dir + `/../../../../../../etc/passwd')`,
		`SELECT * FROM glob('/etc/*')`,
		`SELECT * FROM read_parquet('https://example.org/x.parquet')`,
		`COPY (SELECT 1) TO '` + dir + `/x.parquet'`,
		`COPY (SELECT 1) TO '` + secret + `'`,
		`INSERT INTO empty_history(post) VALUES ('x')`,
		`CREATE TABLE x(a INTEGER)`, `DROP VIEW posts`, `ATTACH '` + dir + `/x.db'`, `SET threads = 1`, `SET enable_external_access = true`,
		`INSTALL httpfs`, `LOAD httpfs`, `PRAGMA database_list`, `CALL pragma_version()`, `EXPORT DATABASE '` + dir + `'`, `BEGIN`,
		`SELECT 1; DROP VIEW posts`, `SELECT 1; SELECT 2`, `DROP VIEW posts; SELECT 1`, `COPY (SELECT 1) TO '` + dir + `/x.parquet'; SELECT 1`,
		`EXPLAIN SELECT 1`, `WITH a AS (INSERT INTO empty_history(post) VALUES ('x') RETURNING post) SELECT * FROM a`,
		`SELECT * FROM json_execute_serialized_sql('{}')`, `SELECT * FROM query('COPY (SELECT 1) TO ''` + dir + `/x.parquet''')`,
		``, `nonsense`, `SELECT nothing FROM posts`, `EXPLAIN ANALYZE COPY (SELECT 1) TO '` + dir + `/x.parquet'`,
	} {
		_, rows, err := h.Query(t.Context(), q)
		if err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("%s = %v, %v; want a permanent error", q, rows, err)
		}
	}
	if got := query(t, h, `SELECT count(*) FROM history`); !cmp.Equal(got, [][]any{{int64(10)}}) {
		t.Errorf("afterwards: %v", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "x*"))
	if err != nil || len(files) > 0 {
		t.Errorf("files were written: %v, %v", files, err)
	}
}

func TestCanceled(t *testing.T) {
	h := open(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err := h.Query(ctx, `SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3`)
	if err == nil || models.ClassOf(err) != models.Unavailable {
		t.Errorf("Query = %v, want unavailable", err)
	}
}

func TestQueriesWhilePartsAreAdded(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			last := int64(0)
			for last < 40 {
				_, rows, err := h.Query(t.Context(), `SELECT count(*) FROM history`)
				if err != nil {
					t.Errorf("Query: %v", err)
					return
				}
				n := rows[0][0].(int64)
				if n < last || n%10 != 0 {
					t.Errorf("%d rows after %d", n, last)
					return
				}
				last = n
			}
		})
	}
	for i := range 4 {
		write(t, dir, fmt.Sprint("p", i), "weibo", 10, day().AddDate(0, 0, i))
	}
	wg.Wait()
}

func TestOpenRefusesPatterns(t *testing.T) {
	if _, err := Open(t.Context(), "/tmp/a*b"); err == nil || !strings.Contains(err.Error(), "must not contain") {
		t.Errorf("Open = %v", err)
	}
}
