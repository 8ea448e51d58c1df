package push_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/source"
	"weft/source/push"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// store keeps what it is given, and answers as told.
type store struct {
	mu       sync.Mutex
	posts    map[string]models.Post
	gone     []models.Deletion
	profiles []string
	callers  []string
	batches  []int
	err      error
	gate     chan struct{} // when there: Admit waits for it
	entered  chan struct{}
}

func (s *store) Admit(ctx context.Context, src string, profiles []string, posts []models.Post) (map[models.AdmissionResult]int, error) {
	if s.gate != nil {
		s.entered <- struct{}{}
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	counts := map[models.AdmissionResult]int{}
	for _, p := range posts {
		if p.Source != src {
			return nil, errors.New("a post of another source")
		}
		if _, ok := s.posts[p.ID]; ok {
			counts[models.Known]++
			continue
		}
		s.posts[p.ID] = p
		counts[models.Admitted]++
	}
	s.profiles, s.callers, s.batches = profiles, append(s.callers, push.Caller(ctx)), append(s.batches, len(posts))
	return counts, nil
}

func (s *store) Delete(ctx context.Context, deletions []models.Deletion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone, s.callers = append(s.gone, deletions...), append(s.callers, push.Caller(ctx))
	return s.err
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// rig is a server that two parties may push to.
type rig struct {
	*store
	url string
	log *bytes.Buffer
}

func start(t *testing.T, change func(opt *push.Options)) *rig {
	t.Helper()
	r := &rig{store: &store{posts: map[string]models.Post{}}, log: &bytes.Buffer{}}
	opt := push.Options{
		Tokens: []push.Token{{Name: "acme", SHA256: hash("s3cret-acme")}, {Name: "bolt", SHA256: strings.ToUpper(hash("s3cret-bolt")), Sources: []string{"bolt"}}},
		Now:    func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&opt)
	}
	h, err := push.New(r.store, opt)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	r.url = server.URL + "/push"
	return r
}

// answer is what came back.
type answer struct {
	Status    int            `json:"-"`
	Header    http.Header    `json:"-"`
	Title     string         `json:"title"`
	Detail    string         `json:"detail"`
	Records   int            `json:"records"`
	Posts     map[string]int `json:"posts"`
	Deletions int            `json:"deletions"`
	Total     int            `json:"rejected_total"`
	Rejected  []struct {
		Line          int
		Field, Reason string
	} `json:"rejected"`
}

// send pushes body as acme, unless header says otherwise.
func (r *rig) send(t *testing.T, query string, body io.Reader, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+query, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer s3cret-acme")
	req.Header.Set("Content-Type", "application/x-ndjson")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{Status: resp.StatusCode, Header: resp.Header}
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	want := "application/json"
	if a.Status != 200 {
		want = "application/problem+json"
	}
	if err != nil || resp.Header.Get("Content-Type") != want || a.Status != 200 && (a.Title == "" || a.Detail == "") {
		t.Errorf("the answer %d %s is %s, %v", a.Status, resp.Header.Get("Content-Type"), text, err)
	}
	if strings.Contains(string(text)+r.log.String(), "s3cret") {
		t.Errorf("a token is told: %s", text)
	}
	return a
}

func packed(t *testing.T, text string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

const story = `{"id":"1","text":"Navy coat #ootd","images":["https://x.example/a.jpg"],"author":{"id":"7","location":"Paris"},"likes":3}
{"id":"2","text":"t","images":["img/a.jpg"]}

{"id":"3","text":"t","source":"another"}
{"id":"4","likes":-1,"text":"t"}
{"id":"5","deleted":true,"by":"author"}
{"id":"6","deleted":true,"source":"another"}
{"id":"7"
{"id":"8","text":"t","source":"reseller"}
`

func TestPush(t *testing.T) {
	for _, encoding := range []string{"", "gzip"} {
		r := start(t, nil)
		body := io.Reader(strings.NewReader(story))
		if encoding != "" {
			body = packed(t, story)
		}
		a := r.send(t, "?source=reseller&profile=quality,%20catalog&profile=quality", body, "Content-Encoding", encoding)
		if a.Status != 200 || a.Records != 8 || a.Deletions != 1 || a.Total != 5 {
			t.Errorf("answer %+v", a)
		}
		if d := cmp.Diff(map[string]int{"admitted": 2}, a.Posts); d != "" {
			t.Error(d)
		}
		for i, want := range []string{"2 images no http or https URL; local paths", "4 source for reseller alone", "5 likes below zero", "7 source for reseller alone", "8  not valid JSON"} {
			line, rest, _ := strings.Cut(want, " ")
			field, reason, _ := strings.Cut(rest, " ")
			if len(a.Rejected) <= i || fmt.Sprint(a.Rejected[i].Line) != line || a.Rejected[i].Field != field || !strings.Contains(a.Rejected[i].Reason, reason) {
				t.Errorf("rejected %+v, want number %d to be %q", a.Rejected, i, want)
			}
		}
		if d := cmp.Diff([]models.Deletion{{Source: "reseller", NativeID: "5", Act: models.Delete, By: "author", Reason: "pushed by acme", At: now}}, r.gone); d != "" {
			t.Error(d)
		}
		p := r.posts["reseller.1"]
		if p.Text != "Navy coat #ootd" || len(p.Media) != 1 || p.Media[0].URL != "https://x.example/a.jpg" || p.Author.Location.Raw != "Paris" || len(p.Raw) == 0 {
			t.Errorf("post %+v", p)
		}
		if d := cmp.Diff([]string{"quality", "catalog"}, r.profiles); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"acme", "acme"}, r.callers); d != "" {
			t.Error(d)
		}
		if !strings.Contains(r.log.String(), "token=acme") {
			t.Errorf("the log is %s", r.log)
		}
		if a := r.send(t, "?source=reseller", strings.NewReader(story)); a.Posts["known"] != 2 || a.Posts["admitted"] != 0 {
			t.Errorf("sent again: %+v", a.Posts)
		}
		if len(r.profiles) != 0 {
			t.Errorf("without a profile it asks for %v", r.profiles)
		}
	}
}

func TestRefusesRequests(t *testing.T) {
	r := start(t, nil)
	for _, c := range []struct {
		name, query string
		header      []string
		status      int
		detail      string
	}{
		{"no token", "?source=a", []string{"Authorization", ""}, 401, "Authorization: Bearer"},
		{"another token", "?source=a", []string{"Authorization", "Bearer x"}, 401, "a token that is configured"},
		{"the hash of a token", "?source=a", []string{"Authorization", "Bearer " + hash("s3cret-acme")}, 401, ""},
		{"another scheme", "?source=a", []string{"Authorization", "Basic s3cret-acme"}, 401, ""},
		{"an empty token", "?source=a", []string{"Authorization", "Bearer "}, 401, ""},
		{"another's source", "?source=a", []string{"Authorization", "bearer s3cret-bolt"}, 403, `"bolt" may not push to "a"; allowed: bolt`},
		{"no source", "", nil, 400, "source is needed once"},
		{"two sources", "?source=a&source=b", nil, 400, "source is needed once"},
		{"a bad source", "?source=A%20b", nil, 400, "a-z, 0-9 and -"},
		{"a misspelt parameter", "?source=a&profiles=b", nil, 400, `unknown parameter "profiles"; allowed: source, profile`},
		{"a form", "?source=a", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/x-ndjson"},
		{"no type", "?source=a", []string{"Content-Type", ""}, 415, "allowed"},
		{"another encoding", "?source=a", []string{"Content-Encoding", "br"}, 415, "allowed: gzip"},
		{"no gzip", "?source=a", []string{"Content-Encoding", "gzip"}, 400, "gzip: invalid header"},
	} {
		a := r.send(t, c.query, strings.NewReader(`{"id":"1","text":"text"}`), c.header...)
		if a.Status != c.status || !strings.Contains(a.Detail, c.detail) {
			t.Errorf("%s: %d %s; want %d %s", c.name, a.Status, a.Detail, c.status, c.detail)
		}
	}
	if len(r.posts) != 0 {
		t.Errorf("posts %v were stored", r.posts)
	}
	if a := r.send(t, "?source=bolt", strings.NewReader(`{"id":"1","text":"t"}`), "Authorization", "Bearer s3cret-bolt", "Content-Type", "application/x-ndjson; charset=utf-8"); a.Status != 200 || r.callers[0] != "bolt" {
		t.Errorf("bolt's own: %+v", a)
	}
	resp, err := http.Get(r.url + "?source=a")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("GET gives %d", resp.StatusCode)
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"%d","text":"t"}`+"\n", i)
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	r := start(t, func(opt *push.Options) { opt.Body, opt.Line, opt.Posts = 100_000, 1000, 1200 })
	big := strings.Repeat(" ", 100_001)
	for name, send := range map[string]func() answer{
		"a body that says so": func() answer { return r.send(t, "?source=a", strings.NewReader(big)) },
		"a body that doesn't": func() answer { return r.send(t, "?source=a", io.MultiReader(strings.NewReader(big))) },
		"a bomb": func() answer {
			return r.send(t, "?source=a", packed(t, strings.Repeat(" ", 50<<20)), "Content-Encoding", "gzip")
		},
		"too many": func() answer { return r.send(t, "?source=b", strings.NewReader(lines(1201))) },
	} {
		if a := send(); a.Status != 413 || !strings.Contains(a.Detail, "parts") {
			t.Errorf("%s: %d %s", name, a.Status, a.Detail)
		}
	}
	if d := cmp.Diff([]int{500, 500, 200}, r.batches); d != "" {
		t.Errorf("what came before the limit is stored (-want +got):\n%s", d)
	}
	exact := lines(1200)
	if a := r.send(t, "?source=b", packed(t, exact), "Content-Encoding", "gzip"); a.Status != 200 || a.Posts["known"] != 1200 {
		t.Errorf("just as many: %+v", a)
	}
	long := `{"id":"1","text":"` + strings.Repeat("x", 1000) + `"}`
	a := r.send(t, "?source=a", strings.NewReader(long+"\n"+lines(1)))
	if a.Status != 200 || a.Total != 1 || a.Posts["admitted"] != 1 || !strings.Contains(a.Rejected[0].Reason, "longer than 1000 bytes") {
		t.Errorf("a long line: %+v", a)
	}
	a = r.send(t, "?source=a", strings.NewReader(strings.Repeat("{}\n", 1100)))
	if a.Status != 200 || a.Total != 1100 || len(a.Rejected) != 1000 {
		t.Errorf("many bad lines: %d, of which %d are named", a.Total, len(a.Rejected))
	}
}

// A body that breaks off is an error, and what came before may be sent again.
func TestBrokenBody(t *testing.T) {
	r := start(t, nil)
	whole := packed(t, lines(700)).Bytes()
	a := r.send(t, "?source=a", bytes.NewReader(whole[:len(whole)-6]), "Content-Encoding", "gzip")
	if a.Status != 400 || !strings.Contains(a.Detail, "unexpected EOF") || a.Records != 700 || a.Posts["admitted"] != 500 {
		t.Errorf("got %+v", a)
	}
	if a = r.send(t, "?source=a", bytes.NewReader(whole), "Content-Encoding", "gzip"); a.Status != 200 || a.Posts["known"] != 500 || a.Posts["admitted"] != 200 {
		t.Errorf("sent again: %+v", a)
	}
	if a = r.send(t, "?source=a", strings.NewReader("\xff\xfe{\x00")); a.Status != 400 || !strings.Contains(a.Detail, "UTF-8") {
		t.Errorf("UTF-16: %+v", a)
	}
}

func TestStoreIsAway(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		after  string
		detail string
	}{
		{models.Faultf(models.Unavailable, "dial 10.1.2.3"), 503, "30", "again later"},
		{&source.Trouble{Kind: source.Throttled, Until: now.Add(90 * time.Second), Err: errors.New("queues are deep")}, 429, "90", "too much to do"},
		{fmt.Errorf("profile x: %w", models.ErrNotFound), 400, "", `one of the profiles ["x"] is not there`},
		{models.Faultf(models.Permanent, "10.1.2.3 is broken"), 500, "", "the log says why"},
	} {
		r := start(t, nil)
		r.err = c.err
		a := r.send(t, "?source=a&profile=x", strings.NewReader(lines(2)))
		if a.Status != c.status || a.Header.Get("Retry-After") != c.after || !strings.Contains(a.Detail, c.detail) || strings.Contains(a.Detail, "10.1.2.3") {
			t.Errorf("%v gives %d after %q: %s", c.err, a.Status, a.Header.Get("Retry-After"), a.Detail)
		}
		a = r.send(t, "?source=a&profile=x", strings.NewReader(`{"id":"1","deleted":true}`))
		if a.Status != c.status || a.Deletions != 0 {
			t.Errorf("a deletion when %v: %+v", c.err, a)
		}
	}
}

// The answer comes only after the store has it; meanwhile a token has few requests at work.
func TestAnswersWhenDurable(t *testing.T) {
	r := start(t, func(opt *push.Options) { opt.AtOnce = 1 })
	r.gate, r.entered = make(chan struct{}), make(chan struct{}, 2)
	done := make(chan answer)
	go func() { done <- r.send(t, "?source=a", strings.NewReader(lines(1))) }()
	<-r.entered
	select {
	case a := <-done:
		t.Errorf("answered %d before the store did", a.Status)
	default:
	}
	if a := r.send(t, "?source=a", strings.NewReader(lines(1))); a.Status != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("a second request gives %+v", a)
	}
	other := make(chan answer)
	go func() {
		other <- r.send(t, "?source=bolt", strings.NewReader(lines(1)), "Authorization", "Bearer s3cret-bolt")
	}()
	<-r.entered // another token has a place of its own
	close(r.gate)
	if a, b := <-done, <-other; a.Status != 200 || b.Status != 200 || len(r.posts) != 2 {
		t.Errorf("answers %d and %d, %d posts", a.Status, b.Status, len(r.posts))
	}
	r.gate = nil
	if a := r.send(t, "?source=a", strings.NewReader(lines(2))); a.Status != 200 {
		t.Errorf("after that: %+v", a)
	}
}

func TestTokensAreChecked(t *testing.T) {
	for name, tokens := range map[string][]push.Token{
		"has no name":     {{SHA256: hash("a")}},
		"two tokens":      {{Name: "a", SHA256: hash("a")}, {Name: "a", SHA256: hash("b")}},
		"64 hex digits":   {{Name: "a", SHA256: "s3cret"}},
		`source "A b"`:    {{Name: "a", SHA256: hash("a"), Sources: []string{"A b"}}},
		"as sha256sum pr": {{Name: "a", SHA256: hash("a")[:62]}},
	} {
		if _, err := push.New(nil, push.Options{Tokens: tokens}); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPush(f *testing.F) {
	f.Add([]byte(story), false)
	f.Add([]byte("\x1f\x8b\x08"), true)
	f.Fuzz(func(t *testing.T, data []byte, packed bool) {
		s := &store{posts: map[string]models.Post{}}
		h, err := push.New(s, push.Options{Tokens: []push.Token{{Name: "a", SHA256: hash("t")}}, Body: 1 << 16, Line: 512, Posts: 50})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push?source=a", bytes.NewReader(data))
		req.Header.Set("Authorization", "Bearer t")
		req.Header.Set("Content-Type", "application/x-ndjson")
		if packed {
			req.Header.Set("Content-Encoding", "gzip")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		sum := a.Deletions + a.Total
		for _, n := range a.Posts {
			sum += n
		}
		if w.Code == 200 && sum != a.Records {
			t.Errorf("%d records, but %+v", a.Records, a)
		}
		for _, p := range s.posts {
			for _, m := range p.Media {
				if !strings.HasPrefix(strings.ToLower(m.URL), "http") {
					t.Errorf("image %+v", m)
				}
			}
		}
	})
}
