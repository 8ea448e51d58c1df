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
	"golang.org/x/crypto/bcrypt"

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
	now       func(add time.Duration)
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
	var mu sync.Mutex
	now := time.Now()
	b.now = func(add time.Duration) { mu.Lock(); now = now.Add(add); mu.Unlock() }
	h, err := monitor.New(monitor.Params{
		Redis: client,
		Users: []monitor.User{{Name: "vera", PasswordHash: hash(t, "viewing"), Role: monitor.Viewer}, {Name: "otto", PasswordHash: hash(t, "operating"), Role: monitor.Operator}},
		Log:   slog.New(slog.NewTextHandler(b.log, nil)),
		Now:   func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
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

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
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
	resp, body := b.do(c, http.MethodPost, "/login", neturl.Values{"name": {name}, "password": {password}})
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
		if resp, _ := b.do(c, "POST", "/login", neturl.Values{"name": {"otto"}, "password": {"operating"}}, h...); resp.StatusCode != http.StatusForbidden {
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

func TestSession(t *testing.T) {
	b := newBench(t)
	c := b.login("vera", "viewing")
	at, err := neturl.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	cookie := c.Jar.Cookies(at)[0]
	status := func(value string) int {
		resp, _ := b.do(browser(t), "GET", "/asynqmon/api/queues", nil, "Cookie", cookie.Name+"="+value)
		return resp.StatusCode
	}
	if s := status(cookie.Value); s != 200 {
		t.Fatalf("the cookie itself: %d", s)
	}
	_, rest, _ := strings.Cut(cookie.Value, ".")
	for _, forged := range []string{
		"", "...", cookie.Value + "A", "b3R0bw." + rest, "bm9ib2R5.99999999999.x.", strings.Replace(cookie.Value, ".1", ".9", 1),
	} {
		if s := status(forged); s != 401 {
			t.Errorf("forged cookie %q: %d", forged, s)
		}
	}
	b.do(c, "POST", "/logout", nil)
	if s := status(cookie.Value); s != 401 {
		t.Errorf("after logout: %d", s)
	}
	again := b.login("vera", "viewing").Jar.Cookies(at)[0].Value
	b.now(13 * time.Hour)
	if s := status(again); s != 401 {
		t.Errorf("after 13 hours: %d", s)
	}
}

func TestCookieIsStrict(t *testing.T) {
	b := newBench(t)
	form := neturl.Values{"name": {"vera"}, "password": {"viewing"}, "next": {"/posts/file.1"}}
	resp, _ := b.do(browser(t), "POST", "/login", form, "X-Forwarded-Proto", "https")
	if got := resp.Header.Get("Location"); got != "/posts/file.1" {
		t.Errorf("login leads to %q", got)
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie is %v", c)
	}
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)", ""} {
		form.Set("next", next)
		if resp, _ := b.do(browser(t), "POST", "/login", form); resp.Header.Get("Location") != "/asynqmon/" {
			t.Errorf("next %q leads to %q", next, resp.Header.Get("Location"))
		}
	}
}

func TestWrongPasswords(t *testing.T) {
	b := newBench(t)
	try := func(name, password string) int {
		resp, body := b.do(browser(t), "POST", "/login", neturl.Values{"name": {name}, "password": {password}})
		if resp.StatusCode == 401 && !strings.Contains(body, "Name or password is wrong.") {
			t.Errorf("no reason is given:\n%s", body)
		}
		return resp.StatusCode
	}
	for i := range 10 {
		if s := try([]string{"vera", "nobody", ""}[i%3], "guess"); s != 401 {
			t.Fatalf("try %d: %d, want 401", i+1, s)
		}
	}
	if s := try("vera", "viewing"); s != 429 {
		t.Errorf("try 11, right: %d, want 429", s)
	}
	b.now(7 * time.Second)
	if s := try("vera", "viewing"); s != 303 {
		t.Errorf("after a wait: %d, want 303", s)
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
	good := monitor.User{Name: "a", PasswordHash: hash(t, "x"), Role: monitor.Viewer}
	for want, p := range map[string]monitor.Params{
		"at least one user":  {},
		"at least 32":        {Users: []monitor.User{good}, SessionKey: []byte("short")},
		"not one of bcrypt":  {Users: []monitor.User{{Name: "a", PasswordHash: "x", Role: monitor.Viewer}}},
		"is not a role":      {Users: []monitor.User{{Name: "a", PasswordHash: good.PasswordHash, Role: "god"}}},
		"or is there twice":  {Users: []monitor.User{good, good}},
		"Redis and Log are ": {Users: []monitor.User{good}},
	} {
		if !strings.HasPrefix(want, "Redis") {
			p.Redis, p.Log = redis.NewClient(&redis.Options{}), slog.New(slog.DiscardHandler)
		}
		if _, err := monitor.New(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New gives %v, want %q", err, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	a, b := monitor.GeneratePassword(), monitor.GeneratePassword()
	if a == b || len(a) < 20 {
		t.Errorf("generated %q and %q", a, b)
	}
	h, err := monitor.HashPassword(a)
	if err != nil || bcrypt.CompareHashAndPassword([]byte(h), []byte(a)) != nil {
		t.Errorf("the hash %q of %q does not fit: %v", h, a, err)
	}
	for _, bad := range []string{"short", strings.Repeat("x", 73)} {
		if _, err := monitor.HashPassword(bad); err == nil {
			t.Errorf("a password of %d bytes is taken", len(bad))
		}
	}
}
