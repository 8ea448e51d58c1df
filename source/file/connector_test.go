package file_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/source"
	"weft/source/file"
)

var (
	_ source.Connector = (*file.Connector)(nil)
	_ source.Parser    = (*file.Connector)(nil)
)

func query(path string) source.Query {
	return source.Query{Name: "q", Source: "file", Params: map[string]string{"path": path}}
}

// collect reads up to stop batches, 0 for all, and returns them with the last cursor.
func collect(t *testing.T, path string, cursor json.RawMessage, stop int) ([]source.Batch, json.RawMessage) {
	t.Helper()
	var out []source.Batch
	for b, err := range file.New(file.Options{Now: clock}).Collect(t.Context(), query(path), cursor) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Cursor != nil {
			cursor = b.Cursor
		}
		if out = append(out, b); len(out) == stop {
			break
		}
	}
	return out, cursor
}

// posts joins what batches brought.
func posts(batches []source.Batch) []string {
	var ids []string
	for _, b := range batches {
		for _, p := range b.Posts {
			ids = append(ids, p.NativeID)
		}
	}
	return ids
}

func numbered(from, to int) (text string, ids []string) {
	var b strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, `{"id":"%d","text":"t"}`+"\n", n)
		ids = append(ids, fmt.Sprint(n))
	}
	return b.String(), ids
}

func TestUnchangedFileIsNotReadAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.ndjson")
	text, ids := numbered(0, 3)
	put(t, dir, map[string]string{"p.ndjson": text})
	got, cursor := collect(t, path, nil, 0)
	if d := cmp.Diff(ids, posts(got)); d != "" {
		t.Error(d)
	}
	if got, _ = collect(t, path, cursor, 0); len(got) != 0 {
		t.Errorf("an unchanged file gives %d batches", len(got))
	}
	more, _ := numbered(3, 4)
	put(t, dir, map[string]string{"p.ndjson": text + more, "other.ndjson": text})
	if got, cursor = collect(t, path, cursor, 0); len(posts(got)) != 4 {
		t.Errorf("a file that grew gives %v", posts(got))
	}
	then := now.Add(time.Hour)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
	if got, cursor = collect(t, path, cursor, 0); len(posts(got)) != 4 {
		t.Errorf("a file written anew in the same size gives %v", posts(got))
	}
	if err := os.Chtimes(filepath.Join(dir, "other.ndjson"), then, then); err != nil {
		t.Fatal(err)
	}
	if got, _ = collect(t, filepath.Join(dir, "other.ndjson"), cursor, 0); len(posts(got)) != 3 {
		t.Errorf("the cursor of another file hides %v", posts(got))
	}
	if got, _ = collect(t, path, json.RawMessage(`"nonsense"`), 0); len(posts(got)) != 4 {
		t.Errorf("a cursor of nonsense gives %v", posts(got))
	}
}

func TestFolderIsReadAgainWhenItChanged(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.jpg": "A", "sub/b.jpg": "B", ".hidden": "x"})
	got, cursor := collect(t, dir, nil, 0)
	if len(posts(got)) != 2 {
		t.Fatalf("got %v", posts(got))
	}
	put(t, dir, map[string]string{".hidden": "xy"})
	if got, _ = collect(t, dir, cursor, 0); len(got) != 0 {
		t.Errorf("a hidden file is no change, but gives %v", posts(got))
	}
	put(t, dir, map[string]string{"sub/b.txt": "a caption"})
	if got, _ = collect(t, dir, cursor, 0); len(posts(got)) != 2 || got[0].Posts[1].Text != "a caption" {
		t.Errorf("a new caption gives %+v", got)
	}
}

func TestBatchesGoOnWhereTheyEnded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.ndjson")
	text, ids := numbered(0, 1234)
	put(t, dir, map[string]string{"p.ndjson": text})
	var got []source.Batch
	var cursor json.RawMessage
	var sizes []int
	for range 4 { // killed after every batch
		var b []source.Batch
		b, cursor = collect(t, path, cursor, 1)
		got = append(got, b...)
		for _, one := range b {
			sizes = append(sizes, len(one.Posts))
		}
	}
	if d := cmp.Diff(ids, posts(got)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{500, 500, 234}, sizes); d != "" {
		t.Error(d)
	}
	_, cursor = collect(t, path, nil, 1)
	put(t, dir, map[string]string{"p.ndjson": strings.Replace(text, `"t"`, `"changed"`, 1)})
	if b, _ := collect(t, path, cursor, 0); len(posts(b)) != 1234 {
		t.Errorf("a file that changed half-way gives %d posts, want all", len(posts(b)))
	}
}

func TestBatchHoldsFilesProblemsAndDeletions(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"img/a.jpg": "A",
		"p.ndjson": `{"id":"1","text":"t","images":["img/a.jpg","https://x.example/b.jpg"]}` + "\n" +
			`{"id":"2","likes":"many"}` + "\n" +
			`{"id":3,"deleted":true,"by":"author","reason":"asked for","at":"2026-02-01T00:00:00Z"}` + "\n" +
			`{"author":{"id":"7"},"deleted":true,"source":"insta"}` + "\n" +
			`{"id":"4","text":"lives","deleted":false}` + "\n" +
			`{"id":"5","deleted":true,"by":"nobody"}` + "\n" +
			`{"deleted":true}` + "\n" + `{"id":"6","deleted":"yes"}` + "\n",
	})
	got, _ := collect(t, filepath.Join(dir, "p.ndjson"), nil, 0)
	if len(got) != 1 {
		t.Fatalf("%d batches", len(got))
	}
	b := got[0]
	if d := cmp.Diff(map[string]string{"originals/" + sum("A"): filepath.Join(dir, "img/a.jpg")}, b.Files); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	want := []models.Deletion{
		{Source: "file", NativeID: "3", Act: models.Delete, By: "author", Reason: "asked for", At: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)},
		{Source: "insta", Author: "7", Act: models.Delete, By: "platform", At: now},
	}
	if d := cmp.Diff(want, b.Deletions); d != "" {
		t.Errorf("deletions (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"1", "4"}, posts(got)); d != "" {
		t.Errorf("posts (-want +got):\n%s", d)
	}
	for i, want := range []string{"p.ndjson:2: likes: a whole number", `p.ndjson:6: by: "nobody" is none of: platform, author`, "p.ndjson:7: id: it is missing", "p.ndjson:8: deleted: true or false"} {
		if len(b.Problems) <= i || !strings.Contains(b.Problems[i].Error(), want) {
			t.Errorf("problems %v, want number %d to be %q", b.Problems, i, want)
		}
	}
}

// An import takes posts only: a deletion in it is refused, and never a post without content.
func TestImportRefusesDeletions(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"p.ndjson": `{"id":"1","text":"t","deleted":true}`})
	it := read(t, filepath.Join(dir, "p.ndjson"), file.Options{})[0]
	if it.Err == nil || it.Err.Field != "deleted" {
		t.Errorf("got %+v", it)
	}
}

func TestCollectTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.xlsx": "x", "bad.csv": "a,b\n"})
	for name, want := range map[string]string{"gone.csv": "no such file", "a.xlsx": "allowed: a folder", "bad.csv": "neither a column text"} {
		n := 0
		for _, err := range file.New(file.Options{}).Collect(t.Context(), query(filepath.Join(dir, name)), nil) {
			n++
			if err == nil || models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), want) {
				t.Errorf("%s gives %v", name, err)
			}
		}
		if n != 1 {
			t.Errorf("%s gives %d steps", name, n)
		}
	}
	put(t, dir, map[string]string{"p.ndjson": `{"text":"t"}`})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range file.New(file.Options{}).Collect(ctx, query(filepath.Join(dir, "p.ndjson")), nil) {
		if !errors.Is(err, context.Canceled) || models.ClassOf(err) != models.Unavailable {
			t.Errorf("when cancelled: %v", err)
		}
	}
	bad := source.Query{Source: "file", Params: map[string]string{"source": "A b", "folder": "x"}}
	if errs := source.CheckQuery(bad, file.New(file.Options{}).Params()); len(errs) != 3 {
		t.Errorf("a bad query has the errors %v", errs)
	}
}

func TestParse(t *testing.T) {
	c := file.New(file.Options{Now: clock})
	for _, s := range []struct {
		name, body     string
		posts, problem int
		err            string
	}{
		{"ndjson", `{"id":"1","text":"t","images":["a.jpg"]}` + "\n{}\n", 1, 1, ""},
		{"csv", "id,text\n1,t\n2,\n3,u\n", 2, 1, ""},
		{"with a mark of its bytes' order", "\uFEFF{\"text\":\"t\"}", 1, 0, ""},
		{"nothing", " \n", 0, 0, ""},
		{"a page", "<!doctype html><p>login</p>", 0, 0, "neither a column text nor images"},
		{"a list", `[{"text":"t"}]`, 0, 1, "not a JSON object"},
	} {
		b, err := c.Parse(source.Exchange{Status: 200, Body: []byte(s.body)})
		if len(b.Posts) != s.posts || len(b.Problems) != s.problem || (err == nil) != (s.err == "") || err != nil && !strings.Contains(err.Error(), s.err) {
			t.Errorf("%s: %d posts, %v, %v", s.name, len(b.Posts), b.Problems, err)
		}
		for _, p := range b.Posts {
			for _, m := range p.Media {
				if m.State != models.MediaFailed || !strings.Contains(m.Reason, "no folder") {
					t.Errorf("%s: image %+v", s.name, m)
				}
			}
		}
	}
	if _, err := c.Parse(source.Exchange{Status: 404}); err == nil {
		t.Error("status 404 is no error")
	}
}

// Each field of a record is removed in turn, and made null, a number, a text, an object and a list.
func TestAnyFieldMayBeOfAnyKind(t *testing.T) {
	full := `{"id":"1","source":"x","url":"https://x.example","created_at":"2026-01-01T00:00:00Z","text":"t","language":"en","hashtags":["a"],` +
		`"author":{"id":"7","handle":"h","name":"n","followers":1,"location":{"raw":"Paris","country":"FR","region":"FR-75","city":"Paris"}},` +
		`"images":["https://x.example/a.jpg",{"url":"https://x.example/b.jpg","alt":"b"}],"likes":1,"comments":2,"shares":3,"deleted":false,"by":"author","at":1}`
	var fields map[string]any
	if err := json.Unmarshal([]byte(full), &fields); err != nil {
		t.Fatal(err)
	}
	n := 0
	var change func(object map[string]any)
	change = func(object map[string]any) {
		for name, old := range object {
			for _, v := range []any{nil, 7.5, "text", map[string]any{"a": 1}, []any{1, nil, map[string]any{}}, "removed"} {
				if object[name] = v; v == "removed" {
					delete(object, name)
				}
				body, err := json.Marshal(fields)
				if err != nil {
					t.Fatal(err)
				}
				b, err := file.New(file.Options{Now: clock}).Parse(source.Exchange{Status: 200, Body: bytes.Clone(body)})
				if len(b.Posts)+len(b.Deletions)+len(b.Problems) != 1 && err == nil {
					t.Errorf("%s gives %+v", body, b)
				}
				n++
			}
			object[name] = old
			if inner, ok := old.(map[string]any); ok {
				change(inner)
			}
		}
	}
	change(fields)
	if n < 100 {
		t.Errorf("%d changes were tried", n)
	}
}

func TestListsAreBounded(t *testing.T) {
	images := strings.Repeat(`"https://x.example/a",`, 100_000)
	tags := strings.Repeat("#t", 300_000)
	b, err := file.New(file.Options{Now: clock}).Parse(source.Exchange{Status: 200, Body: []byte(
		`{"id":"1","text":"t","images":[` + images + `"x"]}` + "\n" + `{"id":"2","text":"` + tags + `"}` + "\n")})
	if err != nil || len(b.Problems) != 1 || !strings.Contains(b.Problems[0].Error(), "images: 100001 are over the limit of 100") {
		t.Errorf("got %v, %v", b.Problems, err)
	}
	if len(b.Posts) != 1 || len(b.Posts[0].Hashtags) > 200 {
		t.Errorf("%d posts", len(b.Posts))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":1,"deleted":true,"author":{"id":"x"}}` + "\n" + `{"text":"a","images":["b"]}`))
	f.Add([]byte("id,text\n1,\"a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := file.New(file.Options{Now: clock, MaxLine: 512}).Parse(source.Exchange{Status: 200, Body: data})
		if err == nil && len(b.Posts)+len(b.Deletions)+len(b.Problems) == 0 && bytes.ContainsFunc(data, func(r rune) bool { return r == '{' }) && data[0] == '{' {
			t.Error("something was read, and nothing came of it")
		}
		for _, d := range b.Deletions {
			if d.NativeID == "" && d.Author == "" || d.By == "" || d.Act != models.Delete {
				t.Errorf("deletion %+v", d)
			}
		}
	})
}
