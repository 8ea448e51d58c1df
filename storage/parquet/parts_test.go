package parquet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"weft/models"
	"weft/storage/storagetest"
)

// folder is the smallest thing that serves as Blobs, and counts what is read.
type folder struct {
	mu    sync.Mutex
	files map[string][]byte
	read  int64
}

func (f *folder) WriteOnce(_ context.Context, key string, write func(io.Writer) error) (bool, error) {
	if _, err := f.Get(context.Background(), key); err == nil {
		return true, nil
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[key] = b.Bytes()
	return false, nil
}

func (f *folder) Delete(_ context.Context, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, key)
	return nil
}

func (f *folder) Get(_ context.Context, key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, there := f.files[key]
	if !there {
		return nil, models.ErrNotFound
	}
	return bytes.Clone(data), nil
}

func (f *folder) Reader(_ context.Context, key string) (io.ReaderAt, int64, error) {
	data, err := f.Get(context.Background(), key)
	return &metered{bytes.NewReader(data), f}, int64(len(data)), err
}

type metered struct {
	io.ReaderAt
	f *folder
}

func (m *metered) ReadAt(p []byte, off int64) (int, error) {
	n, err := m.ReaderAt.ReadAt(p, off)
	m.f.read += int64(n)
	return n, err
}

func newFolder() *folder { return &folder{files: map[string][]byte{}} }

func day() time.Time { return time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC) }

func partOf(id string, rows []models.Row) models.Part {
	return models.Part{ID: id, Day: rows[0].Day(), Source: rows[0].Source}
}

func TestSuite(t *testing.T) {
	storagetest.Parts(t, func(*testing.T) storagetest.PartStore { return New(newFolder()) })
}

// Several row groups: the filters of one file skip most of it.
func TestFindReadsLittle(t *testing.T) {
	f := newFolder()
	rows := storagetest.HistoryRows(groupRows+900, "weibo", day())
	part := partOf("big", rows)
	if _, err := New(f).Write(t.Context(), part, rows); err != nil {
		t.Fatal(err)
	}
	size := int64(len(f.files[part.Path()]))
	got, err := New(f).Find(t.Context(), []models.Part{part}, []string{"weibo.nobody-here"})
	if err != nil || len(got) > 0 || f.read > size/4 {
		t.Errorf("Find of nobody = %d rows, %v; read %d of %d bytes", len(got), err, f.read, size)
	}
	n, sum, err := New(f).Verify(t.Context(), part)
	if err != nil || n != len(rows) || sum != models.Checksum(rows) {
		t.Errorf("Verify = %d, %x, %v", n, sum, err)
	}
	got, err = New(f).Find(t.Context(), []models.Part{part}, []string{rows[groupRows+12].Post})
	if err != nil || len(got) != 1 || got[0].Post != rows[groupRows+12].Post {
		t.Errorf("Find = %d rows, %v", len(got), err)
	}
}

func TestColumns(t *testing.T) {
	row := storagetest.HistoryRows(1, "weibo", day())[0]
	got, err := columns("p", &row)
	if err != nil {
		t.Fatal(err)
	}
	zero := int64(0)
	want := record{
		Post: "weibo.n00000", Profile: "catalog", Generation: 1, Rev: 3, CreatedAt: day(), ArchivedAt: day().Add(3 * time.Hour),
		NativeID: "n00000", URL: "https://example.org/weibo.n00000", AuthorID: "a1", AuthorHandle: "ann",
		AuthorCountry: "FR", AuthorRegion: "FR-75", AuthorCity: "Paris", Language: "en", Text: "silk dress № 0 奢侈品 <b>",
		Hashtags: []string{"ootd", "奢侈品"}, Likes: &zero, ProfileVersion: "v1",
		Attributes: []attribute{
			{Name: "color", Value: "navy", Confidence: 0.75, Evidence: "image", Model: "color", Version: "1", Image: "aa", Share: 0.5},
			{Name: "category", Value: "gown", Confidence: 1, Evidence: "label"},
		},
		Images: []image{{SHA256: "aa", PHash: "00ff", Rendition: "r/aa", Width: 640, Height: 480}},
		Labels: []label{{Attribute: "category", Taxonomy: "t1", Values: []string{"gown"}, By: []string{"bo"}, At: day().Add(time.Hour), Item: "i1"}},
		Body:   string(row.Body), Part: "p", Checksum: int64(row.Checksum()),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The file's columns are those of columns, and the body comes back byte by byte.
func TestFileHoldsTheColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfNDistinct(genRow(), 1, 20, func(r models.Row) string { return r.Key() }).Draw(t, "rows")
		var b bytes.Buffer
		if err := encode(&b, partOf("p", rows), rows); err != nil {
			t.Fatal(err)
		}
		order(rows)
		got, err := parquet.Read[record](bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		want := make([]record, len(rows))
		for i := range rows {
			if want[i], err = columns("p", &rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got, equateEmpty()...); diff != "" {
			t.Fatal(diff)
		}
		var back []models.Row
		if err := decode(bytes.NewReader(b.Bytes()), int64(b.Len()), func(r models.Row) {
			r.Source = rows[0].Source // of the part: it is in the path, not in the file
			back = append(back, r)
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func equateEmpty() []cmp.Option {
	return []cmp.Option{
		cmp.Transformer("strings", func(s []string) string { b, _ := json.Marshal(append([]string{}, s...)); return string(b) }),
		cmp.Transformer("attributes", indexed[attribute]),
		cmp.Transformer("images", indexed[image]),
		cmp.Transformer("labels", indexed[label]),
		cmp.Transformer("time", func(t time.Time) int64 { return t.UnixMilli() }),
	}
}

func indexed[T any](s []T) map[int]T {
	m := map[int]T{}
	for i, v := range s {
		m[i] = v
	}
	return m
}

func genRow() *rapid.Generator[models.Row] {
	return rapid.Custom(func(t *rapid.T) models.Row {
		text := rapid.String()
		count := rapid.Ptr(rapid.Int64(), true)
		at := rapid.Map(rapid.Int64Range(0, 86_399_999), func(ms int64) time.Time { return day().Add(time.Duration(ms) * time.Millisecond) })
		p := models.Post{
			ID: models.PostID("weibo", text.Draw(t, "native")), Text: text.Draw(t, "text"), URL: text.Draw(t, "url"),
			Language: text.Draw(t, "language"), Hashtags: rapid.SliceOfN(text, 0, 3).Draw(t, "tags"),
			Counts:    models.Counts{Likes: count.Draw(t, "likes"), Comments: count.Draw(t, "comments"), Shares: count.Draw(t, "shares")},
			CreatedAt: at.Draw(t, "created"), Rev: rapid.Int64().Draw(t, "rev"),
		}
		run := models.Run{Version: text.Draw(t, "version"), Unchecked: rapid.Bool().Draw(t, "unchecked")}
		for range rapid.IntRange(0, 3).Draw(t, "attributes") {
			run.Attributes = append(run.Attributes, models.Attribute{
				Name: text.Draw(t, "name"), Value: text.Draw(t, "value"), Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "images") {
			p.Media = append(p.Media, models.Media{State: models.MediaOK, SHA256: text.Draw(t, "sha"), Width: rapid.IntRange(0, 9000).Draw(t, "width")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "labels") {
			p.Labels = append(p.Labels, models.Label{
				Attribute: text.Draw(t, "attribute"), Values: rapid.SliceOfN(text, 0, 2).Draw(t, "values"), At: at.Draw(t, "at"),
			})
		}
		body, err := json.Marshal(models.Frozen{Post: p, Run: run})
		if err != nil {
			t.Fatal(err)
		}
		return models.Row{
			Post: p.ID, Profile: "quality", Generation: rapid.IntRange(1, 9).Draw(t, "generation"), Rev: p.Rev, Source: "weibo",
			CreatedAt: p.CreatedAt, ArchivedAt: at.Draw(t, "archived"), Body: body,
		}
	})
}

// A damaged file is found out: an error, or another count or checksum, unless
// the damage lies where no row is read from. It never ends the process.
func FuzzDamage(f *testing.F) {
	rows := storagetest.HistoryRows(40, "weibo", day())
	var b bytes.Buffer
	if err := encode(&b, partOf("p", rows), rows); err != nil {
		f.Fatal(err)
	}
	for _, at := range []int{0, 4, 50, b.Len() / 2, b.Len() - 300, b.Len() - 9, b.Len() - 5, b.Len() - 1} {
		f.Add(at, byte(0x55), b.Len())
		f.Add(at, byte(0), at)
	}
	want := models.Checksum(rows)
	f.Fuzz(func(t *testing.T, at int, flip byte, keep int) {
		data := bytes.Clone(b.Bytes())
		if keep >= 0 && keep < len(data) {
			data = data[:keep]
		}
		if at >= 0 && at < len(data) {
			data[at] ^= flip
		}
		n, sum, err := tally(data)
		if err == nil && sum == want && n != len(rows) {
			t.Errorf("%d rows with the checksum of %d", n, len(rows))
		}
		if len(data) < b.Len() && err == nil {
			t.Errorf("a file cut at %d was read", keep)
		}
		_ = lookup(bytes.NewReader(data), int64(len(data)), map[string]bool{rows[3].Post: true}, func(models.Row) {})
	})
}

// A file of the first schema, which lacks columns and calls its body JSON, is
// read, searched and merged like any other.
func TestFormerSchema(t *testing.T) {
	rows := storagetest.HistoryRows(60, "weibo", day())
	data, err := os.ReadFile("testdata/schema-1.parquet")
	if err != nil {
		t.Fatal(err)
	}
	old := models.Part{ID: "golden", Day: rows[0].Day(), Source: "weibo", Rows: 60, Checksum: models.Checksum(rows)}
	f := newFolder()
	f.files[old.Path()] = data
	parts := New(f)
	got, err := parts.Read(t.Context(), old)
	order(rows)
	if diff := cmp.Diff(rows, got); err != nil || diff != "" {
		t.Fatalf("Read: %v %.2000s", err, diff)
	}
	if n, sum, err := parts.Verify(t.Context(), old); err != nil || n != 60 || sum != old.Checksum {
		t.Errorf("Verify = %d, %x, %v", n, sum, err)
	}
	if got, err := parts.Find(t.Context(), []models.Part{old}, []string{rows[7].Post}); err != nil || len(got) == 0 || got[0].Post != rows[7].Post {
		t.Errorf("Find = %d rows, %v", len(got), err)
	}
	fresh := old
	fresh.ID = "fresh"
	if _, err := parts.Merge(t.Context(), fresh, []models.Part{old}, nobody); err != nil {
		t.Fatal(err)
	}
	lines := records(t, f.files[fresh.Path()])
	if len(lines) != 60 || lines[0].Part != "fresh" || lines[0].Checksum != int64(rows[0].Checksum()) || lines[0].Body != string(rows[0].Body) {
		t.Errorf("%d lines, the first of part %q", len(lines), lines[0].Part)
	}
}

func nobody(string) bool { return false }

func records(t *testing.T, data []byte) []record {
	t.Helper()
	lines, err := parquet.Read[record](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// deal deals rows out to n parts, and returns what their merge is to be.
func deal(t *testing.T, p *Parts, rows []models.Row, n int) (olds []models.Part, fresh models.Part) {
	t.Helper()
	hands := make([][]models.Row, n)
	for i, r := range rows {
		hands[i*7%n] = append(hands[i*7%n], r)
	}
	for i, hand := range hands {
		part := partOf(string(rune('a'+i)), hand)
		part.Rows, part.Checksum = len(hand), models.Checksum(hand)
		if _, err := p.Write(t.Context(), part, hand); err != nil {
			t.Fatal(err)
		}
		olds = append(olds, part)
	}
	fresh = partOf("merged", rows)
	fresh.Rows, fresh.Checksum = len(rows), models.Checksum(rows)
	return olds, fresh
}

func TestMerge(t *testing.T) {
	f := newFolder()
	parts := New(f)
	rows := storagetest.HistoryRows(1000, "weibo", day())
	olds, fresh := deal(t, parts, rows, 5)
	size, err := parts.Merge(t.Context(), fresh, olds, nobody)
	if err != nil || size != int64(len(f.files[fresh.Path()])) {
		t.Fatalf("Merge = %d, %v", size, err)
	}
	got, err := parts.Read(t.Context(), fresh)
	order(rows)
	if diff := cmp.Diff(rows, got); err != nil || diff != "" {
		t.Errorf("%v %.2000s", err, diff)
	}
	if _, err := parts.Merge(t.Context(), fresh, olds, nobody); models.ClassOf(err) != models.Permanent {
		t.Errorf("once more = %v, want a permanent error", err)
	}
	var left, gone []models.Row
	for _, r := range rows {
		if r.Post == "weibo.n00003" {
			gone = append(gone, r)
		} else {
			left = append(left, r)
		}
	}
	fresh.ID = "without"
	if _, err := parts.Merge(t.Context(), fresh, olds, func(post string) bool { return post == "weibo.n00003" }); models.ClassOf(err) != models.Permanent {
		t.Errorf("fewer rows than the books say = %v, want a permanent error", err)
	}
	if f.files[fresh.Path()] != nil {
		t.Error("a refused merge left a file")
	}
	fresh.Rows, fresh.Checksum = fresh.Rows-len(gone), fresh.Checksum-models.Checksum(gone)
	if _, err := parts.Merge(t.Context(), fresh, olds, func(post string) bool { return post == "weibo.n00003" }); err != nil {
		t.Fatal(err)
	}
	got, err = parts.Read(t.Context(), fresh)
	if diff := cmp.Diff(left, got); err != nil || diff != "" {
		t.Errorf("%v %.2000s", err, diff)
	}
}

func TestMergeRefuses(t *testing.T) {
	f := newFolder()
	parts := New(f)
	olds, fresh := deal(t, parts, storagetest.HistoryRows(20, "weibo", day()), 2)
	other := fresh
	other.Day = "2026-03-15"
	if _, err := parts.Merge(t.Context(), other, olds, nobody); models.ClassOf(err) != models.Permanent || len(f.files) != 2 {
		t.Errorf("another day = %v with %d files, want a permanent error", err, len(f.files))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := parts.Merge(ctx, fresh, olds, nobody); !errors.Is(err, context.Canceled) || len(f.files) != 2 {
		t.Errorf("a cancelled merge = %v with %d files", err, len(f.files))
	}
	delete(f.files, olds[1].Path())
	if _, err := parts.Merge(t.Context(), fresh, olds, nobody); !errors.Is(err, models.ErrNotFound) || len(f.files) != 1 {
		t.Errorf("a missing file = %v with %d files", err, len(f.files))
	}
	f.files[olds[1].Path()] = []byte("no Parquet file at all")
	if _, err := parts.Merge(t.Context(), fresh, olds, nobody); err == nil || len(f.files) != 2 {
		t.Errorf("a damaged file = %v with %d files", err, len(f.files))
	}
}

// Large bodies end a group before its number of rows does, and every group has
// its filters of ids.
func TestGroups(t *testing.T) {
	rows := storagetest.HistoryRows(100, "weibo", day())
	big := strings.Repeat(" ", 1<<20) // spaces at the end of JSON
	for i := range rows {
		rows[i].Body = append(rows[i].Body, big...)
	}
	var b bytes.Buffer
	if err := encode(&b, partOf("p", rows), rows); err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	groups := file.RowGroups()
	if len(groups) != 2 || groups[0].NumRows() < 50 || groups[0].NumRows() > 64 {
		t.Fatalf("%d groups, the first of %d rows; want two, of 64 MB and the rest", len(groups), groups[0].NumRows())
	}
	for _, name := range []string{"post", "native_id", "author_id"} {
		at, _ := file.Schema().Lookup(name)
		filter := groups[1].ColumnChunks()[at.ColumnIndex].BloomFilter()
		if filter == nil {
			t.Errorf("%s has no filter", name)
			continue
		}
		if may, err := filter.Check(parquet.ByteArrayValue([]byte("nobody's id"))); may || err != nil {
			t.Errorf("the filter of %s takes anything: %v", name, err)
		}
	}
}

// The schema is a promise to every reader of old files.
func TestSchemaIsFixed(t *testing.T) {
	got := parquet.SchemaOf(record{}).String() + "\n"
	want, err := os.ReadFile("testdata/schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("columns may be added, never changed; then update testdata/schema.txt:\n%s", diff)
	}
}
