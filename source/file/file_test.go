package file_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/source/file"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// put writes files below dir, by their relative paths.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read returns all items, and fails on what ends the reading.
func read(t *testing.T, path string, opt file.Options) []file.Item {
	t.Helper()
	opt.Now = clock
	var items []file.Item
	for it, err := range file.Read(path, opt) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	return items
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// outline tells of each item whether it is good, in one line.
func outline(items []file.Item) []string {
	var out []string
	for _, it := range items {
		if it.Err != nil {
			out = append(out, it.Err.Field+": "+it.Err.Reason)
			continue
		}
		out = append(out, it.Post.NativeID+" "+it.Post.Text)
	}
	return out
}

func TestNDJSON(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"img/a.jpg": "A",
		"posts.ndjson": `{"id":"p1","source":"insta","url":"https://x.example/p1","created_at":"2026-01-31T19:00:00+01:00","text":"Navy coat","language":"en","hashtags":["#OOTD","coat","ootd"],` +
			`"author":{"id":7,"handle":"ana","name":"Ana","followers":12,"location":{"raw":"Paris, FR","country":"fr","city":"Paris"}},` +
			`"images":["img/a.jpg",{"url":"https://x.example/b.jpg","alt":"B"},{"path":"./img/../img/a.jpg"},"img/gone.jpg"],"likes":3,"comments":null,"shares":0,"extra":{"x":1}}` + "\n",
	})
	items := read(t, filepath.Join(dir, "posts.ndjson"), file.Options{})
	if len(items) != 1 || items[0].Err != nil {
		t.Fatalf("got %+v", items)
	}
	got := items[0]
	if !strings.Contains(string(got.Post.Raw), `"extra":{"x":1}`) {
		t.Errorf("raw is %s", got.Post.Raw)
	}
	got.Post.Raw = nil
	want := models.Post{
		ID: "insta.p1", SchemaVersion: 1, Source: "insta", NativeID: "p1", URL: "https://x.example/p1",
		CreatedAt: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC), CollectedAt: now, Text: "Navy coat", Language: "en", Hashtags: []string{"ootd", "coat"},
		Author: models.Author{ID: "7", Handle: "ana", Name: "Ana", Followers: 12, Location: models.Location{Raw: "Paris, FR", Kind: "profile", Country: "FR", City: "Paris"}},
		Media: []models.Media{
			{URL: "blob:originals/" + sum("A"), State: models.MediaPending, SHA256: sum("A")},
			{URL: "https://x.example/b.jpg", Alt: "B", State: models.MediaPending},
			{URL: "file:img/gone.jpg", State: models.MediaFailed, Reason: "file not found: img/gone.jpg"},
		},
		Counts: models.Counts{Likes: new(int64(3)), Shares: new(int64(0))},
	}
	if d := cmp.Diff(want, got.Post); d != "" {
		t.Error(d)
	}
	if len(got.Images) != 1 || got.Images[0].MediaIndex != 0 || filepath.Base(got.Images[0].Path) != "a.jpg" || got.Line != 1 {
		t.Errorf("images %+v, line %d", got.Images, got.Line)
	}
}

func TestNDJSONBadRecords(t *testing.T) {
	long := strings.Repeat("x", 300)
	path := filepath.Join(t.TempDir(), "posts.jsonl")
	lines := []string{
		"\uFEFF" + `{"id":"a","text":"first"}`,
		``,
		`{"id":"b","text":"half`,
		`[1]`,
		`null`,
		`{"id":"c","text":7}`,
		`{"id":"d","text":"t","created_at":0}`,
		`{"id":"e","text":"t","created_at":"yesterday"}`,
		`{"id":"f","text":"t","created_at":"2027-01-01T00:00:00Z"}`,
		`{"id":"g"}`,
		`{"id":"h","text":"t","source":"No Good"}`,
		`{"id":"i","text":"t","author":{"location":{"country":"France"}}}`,
		`{"id":"j","text":"t","likes":-1}`,
		`{"id":"k","text":"t","images":["../secret.jpg"]}`,
		`{"id":"l","text":"t","images":[{}]}`,
		`{"id":"m","text":"t","url":"javascript:x"}`,
		`{"id":"n","text":"` + long + `"}`,
		`{"id":12,"text":"numbers","created_at":1700000000,"images":["gone.jpg"],"author":"@bo"}` + "\r",
		`{"id":"z","text":"last` + "\xff" + `","created_at":1700000000000}`,
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	items := read(t, path, file.Options{MaxLine: 200})
	want := []string{
		"a first",
		": not valid JSON: unexpected end of JSON input",
		": not a JSON object",
		": not a JSON object",
		"text: a text is wanted",
		`created_at: "0" is not after 1970`,
		`created_at: "yesterday" is neither RFC 3339 (2026-01-31T18:00:00Z) nor Unix seconds`,
		"created_at: 2027-01-01T00:00:00Z is in the future",
		"text: there is neither text nor an image",
		`source: "No Good" is not 1 to 32 of a-z, 0-9 and -`,
		`author.location.country: "FRANCE" is not a country code of two letters, such as FR`,
		"likes: below zero",
		`images: "../secret.jpg" lies outside of the folder of the file; only what is below it may be read`,
		"images[0].path: neither path nor url is there",
		`url: "javascript:x" is not an http or https URL`,
		": the line is longer than 200 bytes",
		"12 numbers",
		"z last\uFFFD",
	}
	if d := cmp.Diff(want, outline(items)); d != "" {
		t.Error(d)
	}
	if got := items[1].Err; got.Line != 3 || got.File != path || got.Raw != lines[2] {
		t.Errorf("bad record %+v", got)
	}
	for _, it := range items[16:] {
		if it.Post.CreatedAt.Unix() != 1700000000 {
			t.Errorf("%s was created at %s", it.Post.ID, it.Post.CreatedAt)
		}
	}
	if items[16].Post.Author.Handle != "bo" {
		t.Errorf("author %+v", items[16].Post.Author)
	}
	if total, unit, err := file.Total(path); err != nil || unit != "bytes" || total != items[17].Done {
		t.Errorf("total %d %s, %v; done %d", total, unit, err, items[17].Done)
	}
}

// NDJSON takes an author who is no more than a handle, and so does CSV.
func TestCSVAuthorIsAHandle(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"posts.csv": "text,author,author_handle\na,@ana,\nb,ana,bea\n"})
	for i, want := range []string{"ana", "bea"} {
		if got := read(t, filepath.Join(dir, "posts.csv"), file.Options{})[i].Post.Author.Handle; got != want {
			t.Errorf("row %d: author %q, want %q", i+1, got, want)
		}
	}
}

func TestCSV(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"a.jpg": "A", "b.jpg": "B",
		"posts.csv": "\uFEFFid,Text,images,created_at,author_handle,author_country,hashtags,likes,shop\r\n" +
			"1,\"Red, \"\"big\"\" dress\r\nsecond line #Red\",a.jpg|b.jpg|https://x.example/c.jpg,1700000000,ana,fr,,5,Zara\r\n" +
			"\r\n" +
			"2,5\" heels,,,,,\"#a b,c\",,\r\n" +
			"3,short row\r\n" +
			"4,\"never closed,,,,,,,\r\n" +
			"5,good again,,,,,,,\r\n" +
			"6,bad likes,,,,,,many,\r\n" +
			"7,,,,,,,,\r\n" +
			",no id,,,,,,,\r\n",
	})
	items := read(t, filepath.Join(dir, "posts.csv"), file.Options{Source: "shop"})
	noID := items[len(items)-1].Post.NativeID
	want := []string{
		"1 Red, \"big\" dress\nsecond line #Red",
		"2 5\" heels",
		": 2 columns, the header has 9",
		": a quote is opened and not closed",
		"5 good again",
		`likes: "many" is not a whole number`,
		"text: there is neither text nor an image",
		noID + " no id",
	}
	if d := cmp.Diff(want, outline(items)); d != "" {
		t.Error(d)
	}
	p := items[0].Post
	if p.ID != "shop.1" || len(p.Media) != 3 || len(items[0].Images) != 2 || p.Author.Location.Country != "FR" || *p.Counts.Likes != 5 {
		t.Errorf("post %+v", p)
	}
	if d := cmp.Diff([]string{"red"}, p.Hashtags); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, items[1].Post.Hashtags); d != "" {
		t.Error(d)
	}
	var raw map[string]string
	if err := json.Unmarshal(p.Raw, &raw); err != nil || raw["shop"] != "Zara" {
		t.Errorf("raw %s: %v", p.Raw, err)
	}
	if items[2].Err.Line != 6 || items[4].Line != 8 || len(noID) != 40 || !items[4].Post.CreatedAt.Equal(now) {
		t.Errorf("lines %d and %d, id %q, created %s", items[2].Err.Line, items[4].Line, noID, items[4].Post.CreatedAt)
	}
}

func TestCSVSemicolons(t *testing.T) {
	path := filepath.Join(t.TempDir(), "posts.csv")
	if err := os.WriteFile(path, []byte("id;text\n1;\"a;b, c\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"1 a;b, c"}, outline(read(t, path, file.Options{}))); d != "" {
		t.Error(d)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "look")
	put(t, dir, map[string]string{
		"1.jpg": "1", "1.jpg.txt": "\uFEFFBlue shirt #Blue\n",
		"sub/2.PNG": "2", "sub/2.json": `{"text":"T","author":{"handle":"ana"},"location":"Oslo","created_at":"2025-05-05T05:05:05Z","hashtags":["x"],"language":"no","url":"https://x.example"}`,
		"sub/3.webp": "3", "sub/3.webp.json": `{"text":`,
		"4.gif": "", ".hidden.jpg": "h", ".git/5.jpg": "5", "notes.md": "no image",
		"6.jpg": "6", "6.json": `{"language":"not a tag"}`,
	})
	taken := time.Date(2024, 4, 4, 4, 4, 4, 0, time.UTC)
	for name, at := range map[string]time.Time{"1.jpg": taken, "4.gif": now.Add(time.Hour)} {
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	items := read(t, dir, file.Options{Source: "team"})
	var got []string
	for _, it := range items {
		if it.Err != nil {
			rel, _ := filepath.Rel(dir, it.Err.File)
			got = append(got, rel+" "+it.Err.Field+": "+it.Err.Reason)
			continue
		}
		p := it.Post
		got = append(got, strings.Join([]string{p.Source, p.Text, p.CreatedAt.Format(time.DateOnly), strings.Join(p.Hashtags, ","), p.Author.Handle, p.Author.Location.Raw, p.Language, string(p.Media[0].State), p.Media[0].Reason}, "|"))
	}
	want := []string{
		"team|Blue shirt #Blue|2024-04-04|blue||||pending|",
		"team||2026-03-01|||||failed|file can't be read: 4.gif: the file is empty",
		`6.json language: "not a tag" is not a language tag, such as en or zh-Hans`,
		"team|T|2025-05-05|x|ana|Oslo|no|pending|",
		"sub/3.webp.json : not valid JSON: unexpected end of JSON input",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n, unit, err := file.Total(dir); n != int64(len(items)) || unit != "images" || err != nil || items[4].Done != n {
		t.Errorf("total %d %s %v, done %d", n, unit, err, items[4].Done)
	}
	if raw := string(items[0].Post.Raw); !strings.Contains(raw, `"folder":"look"`) || !strings.Contains(raw, `"path":"1.jpg"`) {
		t.Errorf("raw %s", raw)
	}
}

// TestReadingAgain gives the same ids, whatever the spelling of the records.
func TestReadingAgain(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a.ndjson"), filepath.Join(t.TempDir(), "b.ndjson")
	put(t, filepath.Dir(a), map[string]string{"a.ndjson": `{"text":"x","likes":1}`})
	put(t, filepath.Dir(b), map[string]string{"b.ndjson": ` { "likes": 1, "text": "\u0078" } `})
	x, y := read(t, a, file.Options{})[0].Post, read(t, b, file.Options{})[0].Post
	if x.ID != y.ID || x.ContentHash() != y.ContentHash() {
		t.Errorf("%s and %s", x.ID, y.ID)
	}
	dir := t.TempDir()
	put(t, dir, map[string]string{"one/001.jpg": "1", "two/001.jpg": "1"})
	one, again, two := read(t, filepath.Join(dir, "one"), file.Options{}), read(t, filepath.Join(dir, "one")+"/", file.Options{}), read(t, filepath.Join(dir, "two"), file.Options{})
	if one[0].Post.ID != again[0].Post.ID || one[0].Post.ID == two[0].Post.ID {
		t.Errorf("%s, again %s, the other folder's %s", one[0].Post.ID, again[0].Post.ID, two[0].Post.ID)
	}
}

func TestOutside(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"secret.jpg": "S", "in/real.jpg": "R"})
	for name, target := range map[string]string{"in/out.jpg": "../secret.jpg", "in/link.jpg": "real.jpg", "in/up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for ref, state := range map[string]string{
		"real.jpg": "pending", "link.jpg": "pending", filepath.Join(dir, "in/real.jpg"): "pending",
		"../secret.jpg": "refused", "out.jpg": "refused", "up/secret.jpg": "refused", filepath.Join(dir, "secret.jpg"): "refused",
		"../gone.jpg": "refused", "/etc/passwd": "refused", "gone.jpg": "failed", "up": "refused", ".": "failed",
		"file:///etc/passwd": "failed", "blob:originals/x": "failed", "ftp://x/y.jpg": "failed", "data:image/png;base64,AA": "failed",
	} {
		record, err := json.Marshal(map[string]any{"id": "1", "text": "t", "images": []string{ref}})
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, map[string]string{"in/p.ndjson": string(record)})
		got := "refused"
		if it := read(t, filepath.Join(dir, "in/p.ndjson"), file.Options{})[0]; it.Err == nil {
			got = string(it.Post.Media[0].State)
		}
		if got != state {
			t.Errorf("%s is %s, want %s", ref, got, state)
		}
	}
	put(t, dir, map[string]string{"in/p.ndjson": `{"text":"t","images":["../secret.jpg"]}`})
	it := read(t, filepath.Join(dir, "in/p.ndjson"), file.Options{AllowOutside: true})[0]
	if it.Err != nil || len(it.Images) != 1 || it.Post.Media[0].SHA256 != sum("S") {
		t.Errorf("with AllowOutside: %+v", it)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.xlsx": "x", "empty.csv": "", "twice.csv": "text,text\n", "none.csv": "a,b\n", "wide.ndjson": "\xff\xfe{\x00"})
	for name, want := range map[string]string{
		"a.xlsx": "allowed: a folder, .ndjson, .jsonl, .csv", "gone.csv": "no such file", "empty.csv": "header is missing",
		"twice.csv": "there twice", "none.csv": "neither a column text nor images", "wide.ndjson": "save it as UTF-8",
	} {
		var last error
		for _, err := range file.Read(filepath.Join(dir, name), file.Options{}) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), want) {
			t.Errorf("%s gives %v, want %q", name, last, want)
		}
	}
	for _, err := range file.Read(dir, file.Options{Source: "A b"}) {
		if err == nil || !strings.Contains(err.Error(), `source "A b"`) {
			t.Errorf("a bad source gives %v", err)
		}
	}
}

func TestReadStops(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.ndjson": "{\"text\":\"1\"}\n{\"text\":\"2\"}\n", "a.csv": "text\n1\n2\n", "1.jpg": "1", "2.jpg": "2"})
	for _, name := range []string{"a.ndjson", "a.csv", ""} {
		n := 0
		for _, err := range file.Read(filepath.Join(dir, name), file.Options{}) {
			if err != nil {
				t.Error(err)
			}
			n++
			break // going on after this would panic
		}
		if n != 1 {
			t.Errorf("%q: %d items", name, n)
		}
	}
}

func TestRejects(t *testing.T) {
	var out bytes.Buffer
	r := file.NewRejects(&out)
	bad := &file.BadRecord{File: "a.csv", Line: 3, Field: "likes", Reason: "below zero", Raw: "<1,\n2>"}
	if err := r.Write(bad); err != nil || r.Count() != 1 {
		t.Fatal(err, r.Count())
	}
	if want := `{"file":"a.csv","line":3,"field":"likes","reason":"below zero","raw":"<1,\n2>"}` + "\n"; out.String() != want {
		t.Errorf("got %s", out.String())
	}
	if got := bad.Error(); got != "a.csv:3: likes: below zero" {
		t.Errorf("got %q", got)
	}
}

// fuzz reads data under name and checks what must hold of any item.
func fuzz(t *testing.T, name string, data []byte) {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for it, err := range file.Read(path, file.Options{Now: clock, MaxLine: 256}) {
		if err != nil {
			return
		}
		if it.Done <= 0 || it.Done > int64(len(data)) {
			t.Errorf("done %d of %d", it.Done, len(data))
		}
		if it.Err != nil {
			if it.Err.Reason == "" || it.Err.Line < 1 {
				t.Errorf("bad record without a reason or line: %+v", it.Err)
			}
			continue
		}
		p := it.Post
		if p.ID != models.PostID(p.Source, p.NativeID) || p.NativeID == "" || p.CreatedAt.Unix() <= 0 || p.Text == "" && len(p.Media) == 0 {
			t.Errorf("post %+v", p)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Errorf("the post can't be stored: %v", err)
		}
	}
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(`{"id":1,"text":"a","images":["x",{"url":"http://a"}],"author":{"location":"x"}}` + "\n[]\n"))
	f.Add([]byte(`{"created_at":1e400,"hashtags":"#a #b","likes":1.5}`))
	f.Add([]byte("\xef\xbb\xbf{}\r\n\xff"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, "f.ndjson", data) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("id,text,images\n1,\"a\nb\",x|y\n"))
	f.Add([]byte("text;likes\n\"a;1\n\"\"\"\";2\n"))
	f.Add([]byte("text\n\"\r\n\"x\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzz(t, "f.csv", data) })
}
