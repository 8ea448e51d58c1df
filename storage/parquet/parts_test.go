package parquet

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
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
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.files[key]; there {
		return true, nil
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return false, err
	}
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
	rows := storagetest.HistoryRows(rowGroup+900, "weibo", day())
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
	got, err = New(f).Find(t.Context(), []models.Part{part}, []string{rows[rowGroup+12].Post})
	if err != nil || len(got) != 1 || got[0].Post != rows[rowGroup+12].Post {
		t.Errorf("Find = %d rows, %v", len(got), err)
	}
}

func TestColumns(t *testing.T) {
	row := storagetest.HistoryRows(1, "weibo", day())[0]
	got, err := columns(&row)
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
		Body:   row.Body,
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
			if want[i], err = columns(&rows[i]); err != nil {
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
