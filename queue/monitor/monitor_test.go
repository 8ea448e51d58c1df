package monitor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	neturl "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"weft/models"
	"weft/queue/monitor"
)

// bench is a monitor over a miniredis with one task in the queue "fetch".
type bench struct {
	t         *testing.T
	url       string
	redis     redis.UniversalClient
	inspector *asynq.Inspector
	log       *lines
	audit     []models.AuditLine
}

// lines keeps what handlers log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return newBenchOn(t, client)
}

// newBenchOn is a monitor over any Redis, which is empty.
func newBenchOn(t *testing.T, client redis.UniversalClient) *bench {
	t.Helper()
	payload, err := json.Marshal(models.Task{Post: "file.1", Profile: "quality", Step: models.Fetch, Seq: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(client).Enqueue(asynq.NewTask("fetch", payload), asynq.Queue("fetch"), asynq.TaskID("fetch:file.1:quality:3")); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, redis: client, inspector: asynq.NewInspectorFromRedisClient(client), log: &lines{}}
	h, err := monitor.New(monitor.Params{
		Redis: client,
		Auth:  auth{"viewing": {ID: "k1", Name: "vera", Role: models.Viewer}, "operating": {ID: "k2", Name: "otto", Role: models.Operator}},
		Audit: func(_ context.Context, l models.AuditLine) error { b.audit = append(b.audit, l); return nil },
		Log:   slog.New(slog.NewTextHandler(b.log, nil)),
		Journey: func(_ context.Context, id string) (string, error) {
			switch id {
			case "file.1":
				return "fetch: <b>advance</b>", nil
			case "file.2":
				return "", fmt.Errorf("read post: %w", models.ErrNotFound)
			}
			return "", errors.New("secret of the store")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// auth is who may log in, by key; the cookie is the key.
type auth map[string]models.Principal

func (a auth) User(r *http.Request) (models.Principal, bool) {
	c, err := r.Cookie("key")
	if err != nil {
		return models.Principal{}, false
	}
	p, ok := a[c.Value]
	return p, ok
}

func (a auth) Login(w http.ResponseWriter, _ *http.Request, key string) (models.Principal, time.Duration, bool) {
	if key == "again and again" {
		return models.Principal{}, 3 * time.Second, false
	}
	p, ok := a[key]
	if ok {
		http.SetCookie(w, &http.Cookie{Name: "key", Value: key, Path: "/"})
	}
	return p, 0, ok
}

func (a auth) Logout(w http.ResponseWriter, _ *http.Request) error {
	http.SetCookie(w, &http.Cookie{Name: "key", Path: "/", MaxAge: -1})
	return nil
}

// browser keeps cookies and follows no redirects.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// do sends a request with a form (if any) and headers in pairs.
func (b *bench) do(c *http.Client, method, path string, form neturl.Values, headers ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

func (b *bench) login(name, password string) *http.Client {
	b.t.Helper()
	c := browser(b.t)
	resp, body := b.do(c, http.MethodPost, "/login", neturl.Values{"key": {password}})
	if resp.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("login of %s: %s\n%s", name, resp.Status, body)
	}
	return c
}

func (b *bench) paused() bool {
	b.t.Helper()
	info, err := b.inspector.GetQueueInfo("fetch")
	if err != nil {
		b.t.Fatal(err)
	}
	return info.Paused
}

func TestNobody(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		method, path string
		status       int
		location     string
	}{
		{"GET", "/", 303, "/asynqmon/"},
		{"GET", "/asynqmon/queues/fetch?x=1", 303, "/login?next=%2Fasynqmon%2Fqueues%2Ffetch%3Fx%3D1"},
		{"GET", "/posts/file.1", 303, "/login?next=%2Fposts%2Ffile.1"},
		{"GET", "/asynqmon/api/queues", 401, ""},
		{"POST", "/asynqmon/api/queues/fetch:pause", 401, ""},
		{"DELETE", "/asynqmon/api/queues/fetch", 401, ""},
		{"GET", "/login", 200, ""},
		{"GET", "/style.css", 200, ""},
		{"GET", "/pages/login.html", 404, ""},
	} {
		resp, _ := b.do(browser(t), c.method, c.path, nil)
		if resp.StatusCode != c.status || resp.Header.Get("Location") != c.location {
			t.Errorf("%s %s: %s to %q, want %d to %q", c.method, c.path, resp.Status, resp.Header.Get("Location"), c.status, c.location)
		}
	}
	if b.paused() {
		t.Error("nobody paused the queue")
	}
}

func TestViewerOnlyReads(t *testing.T) {
	b := newBench(t)
	c := b.login("vera", "viewing")
	resp, body := b.do(c, "GET", "/asynqmon/api/queues", nil)
	if resp.StatusCode != 200 || !json.Valid([]byte(body)) || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		t.Errorf("queues: %s, %s\n%s", resp.Status, resp.Header.Get("Content-Type"), body)
	}
	_, body = b.do(c, "GET", "/asynqmon/api/queues/fetch/pending_tasks", nil)
	if want := "post file.1 · quality · seq 3 → /posts/file.1"; !strings.Contains(body, want) {
		t.Errorf("tasks lack %q:\n%s", want, body)
	}
	for _, w := range [][2]string{{"POST", "/asynqmon/api/queues/fetch:pause"}, {"DELETE", "/asynqmon/api/queues/fetch/pending_tasks:delete_all"}} {
		if resp, _ := b.do(c, w[0], w[1], nil); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %s, want 405", w[0], w[1], resp.Status)
		}
	}
	if b.paused() {
		t.Error("a viewer paused the queue")
	}
}

func TestOperatorWrites(t *testing.T) {
	b := newBench(t)
	c := b.login("otto", "operating")
	if resp, body := b.do(c, "POST", "/asynqmon/api/queues/fetch:pause", nil); resp.StatusCode >= 300 {
		t.Fatalf("pause: %s %s", resp.Status, body)
	}
	if !b.paused() {
		t.Error("the queue is not paused")
	}
	for _, w := range []string{`msg="monitor: write"`, "user=otto", "path=/asynqmon/api/queues/fetch:pause", "status=204"} {
		if !strings.Contains(b.log.String(), w) {
			t.Errorf("the log lacks %s:\n%s", w, b.log)
		}
	}
	if len(b.audit) != 1 || b.audit[0].By != "k2" || b.audit[0].Target != "POST /asynqmon/api/queues/fetch:pause" || b.audit[0].Status != 204 {
		t.Errorf("the audit log has %+v", b.audit)
	}
	if err := b.redis.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the shared client is closed: %v", err)
	}
}

func TestCrossOriginWritesAreRefused(t *testing.T) {
	b := newBench(t)
	c := b.login("otto", "operating")
	for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site"}} {
		if resp, _ := b.do(c, "POST", "/asynqmon/api/queues/fetch:pause", nil, h...); resp.StatusCode != http.StatusForbidden {
			t.Errorf("with %v: %s, want 403", h, resp.Status)
		}
		if resp, _ := b.do(c, "POST", "/login", neturl.Values{"key": {"operating"}}, h...); resp.StatusCode != http.StatusForbidden {
			t.Errorf("login with %v: %s, want 403", h, resp.Status)
		}
	}
	if b.paused() {
		t.Error("another site paused the queue")
	}
	if resp, _ := b.do(c, "POST", "/asynqmon/api/queues/fetch:pause", nil, "Sec-Fetch-Site", "same-origin"); resp.StatusCode >= 300 || !b.paused() {
		t.Errorf("our own page is refused: %s", resp.Status)
	}
}

func TestLogin(t *testing.T) {
	b := newBench(t)
	form := neturl.Values{"key": {"viewing"}, "next": {"/posts/file.1"}}
	resp, _ := b.do(browser(t), "POST", "/login", form)
	if got := resp.Header.Get("Location"); got != "/posts/file.1" {
		t.Errorf("login leads to %q", got)
	}
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", ""} {
		form.Set("next", next)
		if resp, _ := b.do(browser(t), "POST", "/login", form); resp.Header.Get("Location") != "/asynqmon/" {
			t.Errorf("next %q leads to %q", next, resp.Header.Get("Location"))
		}
	}
	for key, want := range map[string]struct {
		status int
		text   string
	}{"guess": {401, "There is no such key"}, "": {401, "There is no such key"}, "again and again": {429, "Too many tries"}} {
		resp, body := b.do(browser(t), "POST", "/login", neturl.Values{"key": {key}})
		if resp.StatusCode != want.status || !strings.Contains(body, want.text) || (want.status == 429) != (resp.Header.Get("Retry-After") == "4") {
			t.Errorf("key %q: %s %v\n%s", key, resp.Status, resp.Header, body)
		}
	}
	c := b.login("vera", "viewing")
	b.do(c, http.MethodPost, "/logout", nil)
	if resp, _ := b.do(c, "GET", "/asynqmon/api/queues", nil); resp.StatusCode != 401 {
		t.Errorf("after logout: %s", resp.Status)
	}
}

func TestJourney(t *testing.T) {
	b := newBench(t)
	c := b.login("vera", "viewing")
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/posts/file.1":  {200, "<pre tabindex=\"0\">fetch: &lt;b&gt;advance&lt;/b&gt;</pre>"},
		"/posts/file.2":  {404, "There is no such post."},
		"/posts/file.3":  {502, "can&#39;t be read"},
		"/posts/%3Cb%3E": {502, "<code>&lt;b&gt;</code>"},
		"/posts":         {200, "Post id"},
	} {
		resp, body := b.do(c, "GET", path, nil)
		if resp.StatusCode != want.status || !strings.Contains(strings.ReplaceAll(body, "can't", "can&#39;t"), want.text) || strings.Contains(body, "secret of the store") {
			t.Errorf("%s: %s, want %d with %q:\n%s", path, resp.Status, want.status, want.text, body)
		}
	}
	if resp, _ := b.do(c, "GET", "/posts?id=+file.1+", nil); resp.Header.Get("Location") != "/posts/file.1" {
		t.Errorf("the search leads to %q", resp.Header.Get("Location"))
	}
}

func TestHeaders(t *testing.T) {
	b := newBench(t)
	c := b.login("otto", "operating")
	for _, path := range []string{"/login", "/asynqmon/", "/asynqmon/api/queues", "/posts/file.1", "/nowhere"} {
		resp, _ := b.do(c, "GET", path, nil)
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, resp.Header)
		}
		if strings.Contains(policy, "script-src 'self' 'unsafe-inline'") {
			t.Errorf("%s: any inline script may run", path)
		}
	}
	resp, body := b.do(c, "GET", "/asynqmon/", nil)
	if scripts, hashes := strings.Count(body, "<script>"), strings.Count(resp.Header.Get("Content-Security-Policy"), "'sha256-"); scripts == 0 || scripts != hashes {
		t.Errorf("%d inline scripts, %d hashes", scripts, hashes)
	}
	if resp, _ := b.do(c, "GET", "/asynqmon/manifest.json", nil); resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("manifest is %s", resp.Header.Get("Content-Type"))
	}
}

func TestNewRefuses(t *testing.T) {
	good := monitor.Params{Redis: redis.NewClient(&redis.Options{}), Auth: auth{}, Log: slog.New(slog.DiscardHandler)}
	for _, spoil := range []func(*monitor.Params){
		func(p *monitor.Params) { p.Redis = nil }, func(p *monitor.Params) { p.Auth = nil }, func(p *monitor.Params) { p.Log = nil },
	} {
		p := good
		spoil(&p)
		if _, err := monitor.New(p); err == nil || !strings.Contains(err.Error(), "are required") {
			t.Errorf("New gives %v", err)
		}
	}
}
