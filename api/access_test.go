package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/api"
	"weft/models"
)

// operation is what the description says of one.
type operation struct {
	ID       string              `json:"operationId"`
	Role     string              `json:"x-role"`
	Security []map[string][]any  `json:"security"`
	Params   []map[string]any    `json:"parameters"`
	Answers  map[string]struct{} `json:"responses"`
	method   string
	path     string
}

// operations reads the description, as a client would.
func (r *rig) operations(t *testing.T) []operation {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal([]byte(r.get(t, "/openapi.json").body), &doc); err != nil {
		t.Fatal(err)
	}
	var out []operation
	for path, methods := range doc.Paths {
		for method, op := range methods {
			op.method, op.path = strings.ToUpper(method), path
			out = append(out, op)
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d operations are described", len(out))
	}
	return out
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// anonymous sends no key.
func anonymous(req *http.Request) { req.Header.Del("Authorization") }

func (r *rig) as(role models.Role) func(*http.Request) {
	return func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+r.keys[role]) }
}

// body sends JSON with the admin's key.
func body(text string, edits ...func(*http.Request)) func(*http.Request) {
	return func(req *http.Request) {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		req.Header.Set("Content-Type", "application/json")
		for _, e := range edits {
			e(req)
		}
	}
}

// Every operation refuses whoever has no key, and each role below its own; and
// lets its own role come as far as the check of what is asked.
func TestEveryRoute(t *testing.T) {
	now, mu := time.Now(), sync.Mutex{}
	r := start(t, func(p *api.Params) { // time goes by, so that wrong keys never are too many
		p.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(10 * time.Second); return now }
	})
	open := []string{}
	for _, op := range r.operations(t) {
		path := placeholder.ReplaceAllString(op.path, "x")
		if op.Role == "none" {
			open = append(open, op.ID)
			continue
		}
		if !models.Role(op.Role).Known() || len(op.Security) != 2 {
			t.Errorf("%s %s: role %q, security %v", op.method, op.path, op.Role, op.Security)
		}
		for name, edit := range map[string]func(*http.Request){
			"no key": anonymous,
			"a key of ours with another secret": func(req *http.Request) {
				req.Header.Set("Authorization", "Bearer "+r.keys[models.Admin][:len(r.keys[models.Admin])-1]+"!")
			},
			"no key but a cookie": func(req *http.Request) {
				anonymous(req)
				req.AddCookie(&http.Cookie{Name: "weft_session", Value: "x"})
			},
		} {
			if a := r.ask(t, op.method, path, edit); a.status != http.StatusUnauthorized {
				t.Errorf("%s %s with %s: %d %s", op.method, op.path, name, a.status, a.body)
			}
		}
		for _, role := range models.Roles() {
			a := r.ask(t, op.method, path, r.as(role))
			if want := !role.Allows(models.Role(op.Role)); (a.status == http.StatusForbidden) != want {
				t.Errorf("%s %s as %s: %d %s", op.method, op.path, role, a.status, a.body)
			}
			if a.status >= 500 {
				t.Errorf("%s %s as %s: %d %s", op.method, op.path, role, a.status, a.body)
			}
		}
		if _, ok := op.Answers["401"]; !ok {
			t.Errorf("%s %s: 401 is not described", op.method, op.path)
		}
	}
	slices.Sort(open)
	if want := []string{"begin-oidc", "download-export", "end-oidc", "list-logins", "log-in"}; !slices.Equal(open, want) {
		t.Errorf("whoever comes by may %v, want %v", open, want)
	}
}

// A list with commas would drop all but the first of a repeated parameter.
func TestListsAreRepeated(t *testing.T) {
	r := start(t, nil)
	for _, op := range r.operations(t) {
		for _, p := range op.Params {
			schema, _ := p["schema"].(map[string]any)
			if kind := fmt.Sprint(schema["type"]); p["in"] == "query" && strings.Contains(kind, "array") && p["explode"] != true {
				t.Errorf("%s %s: the list %v is not one of repeated parameters", op.method, op.path, p["name"])
			}
		}
	}
}

func TestKeys(t *testing.T) {
	now, mu := time.Now(), sync.Mutex{}
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	r := start(t, func(p *api.Params) { p.Now = clock })
	a := r.ask(t, "POST", "/v1/keys", body(`{"name":"ci","role":"analyst","expires_at":"`+now.Add(time.Hour).Format(time.RFC3339)+`"}`))
	var made struct {
		ID, Secret string
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 || !strings.HasPrefix(made.Secret, "weft_"+made.ID+"_") {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	mine := func(req *http.Request) { req.Header.Set("Authorization", "bearer  "+made.Secret) }
	if a := r.ask(t, "GET", "/v1/me", mine); a.status != 200 || !strings.Contains(a.body, `"role":"analyst"`) {
		t.Errorf("me: %d %s", a.status, a.body)
	}
	all := r.get(t, "/v1/keys")
	if strings.Contains(all.body, strings.Split(made.Secret, "_")[2]) || strings.Contains(all.body, "hash") || !strings.Contains(all.body, `"used_at"`) || !strings.Contains(all.body, made.ID) {
		t.Errorf("keys: %s", all.body)
	}
	stored, err := r.documents.Key(t.Context(), made.ID)
	if err != nil || strings.Contains(fmt.Sprint(stored), strings.Split(made.Secret, "_")[2]) {
		t.Errorf("the secret is stored: %v, %v", stored, err)
	}
	pass(61 * time.Minute)
	if a := r.ask(t, "GET", "/v1/me", mine); a.status != 401 {
		t.Errorf("after its end: %d", a.status)
	}
	other := r.key(t, "bo", models.Viewer)
	bo := func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+other) }
	if a := r.ask(t, "GET", "/v1/me", bo); a.status != 200 {
		t.Errorf("bo: %d", a.status)
	}
	id := strings.Split(other, "_")[1]
	if a := r.ask(t, "DELETE", "/v1/keys/"+id, nil); a.status != 204 || a.body != "" {
		t.Errorf("revoke: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "GET", "/v1/me", bo); a.status != 401 || a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("revoked: %d", a.status)
	}
	own := strings.Split(r.keys[models.Admin], "_")[1]
	for path, want := range map[string]int{"/v1/keys/" + own: 409, "/v1/keys/abcdefghij": 404, "/v1/keys/nokey": 422} {
		if a := r.ask(t, "DELETE", path, nil); a.status != want {
			t.Errorf("DELETE %s: %d %s", path, a.status, a.body)
		}
	}
	if log := r.told(); strings.Contains(log, strings.Split(made.Secret, "_")[2]) {
		t.Error("the log has the secret")
	}
}

// Ten wrong keys from one address, then its guesses have to wait.
func TestWrongKeys(t *testing.T) {
	now := time.Now()
	r := start(t, func(p *api.Params) { p.Now = func() time.Time { return now } })
	guess := func(req *http.Request) {
		req.Header.Set("Authorization", "Bearer weft_abcdefghij_abcdefghijklmnopqrstuvwxyz")
	}
	for i := range 10 {
		if a := r.ask(t, "GET", "/v1/me", guess); a.status != 401 {
			t.Fatalf("guess %d: %d", i+1, a.status)
		}
	}
	if a := r.ask(t, "GET", "/v1/me", guess); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("after ten guesses: %d", a.status)
	}
	if a := r.ask(t, "POST", "/v1/session", body(`{"key":"guess"}`, anonymous)); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("login after ten guesses: %d", a.status)
	}
	if a := r.ask(t, "GET", "/v1/me", nil); a.status != 200 {
		t.Errorf("whoever sits at the same address with a good key: %d", a.status)
	}
}

func TestRateOfAKey(t *testing.T) {
	now := time.Now()
	r := start(t, func(p *api.Params) { p.Rate, p.Now = 2, func() time.Time { return now } })
	for i, want := range []int{200, 200, 200, 200, 429} {
		if a := r.ask(t, "GET", "/v1/me", r.as(models.Viewer)); a.status != want || (want == 429) != (a.header.Get("Retry-After") == "1") {
			t.Errorf("request %d: %d, want %d", i+1, a.status, want)
		}
	}
	if a := r.ask(t, "GET", "/v1/me", r.as(models.Labeler)); a.status != 200 {
		t.Errorf("another key: %d", a.status)
	}
}

func TestSessions(t *testing.T) {
	r := start(t, nil)
	a := r.ask(t, "POST", "/v1/session", body(`{"key":"`+r.keys[models.Admin]+`"}`, anonymous, func(req *http.Request) { req.Header.Set("X-Forwarded-Proto", "https") }))
	var me api.Me
	a.into(t, &me)
	cookies := (&http.Response{Header: a.header}).Cookies()
	if a.status != 200 || me.Role != models.Admin || me.CSRF == "" || len(cookies) != 1 {
		t.Fatalf("login: %d %s %v", a.status, a.body, cookies)
	}
	if c := cookies[0]; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %v", c)
	}
	in := func(req *http.Request) { anonymous(req); req.AddCookie(cookies[0]) }
	token := func(req *http.Request) { in(req); req.Header.Set("X-CSRF-Token", me.CSRF) } //nolint:canonicalheader // as the documentation writes it
	foreign := func(req *http.Request) { token(req); req.Header.Set("Origin", "https://evil.example") }
	site := func(req *http.Request) { token(req); req.Header.Set("Sec-Fetch-Site", "same-site") }
	if a := r.ask(t, "GET", "/v1/me", in); a.status != 200 || !strings.Contains(a.body, me.CSRF) {
		t.Errorf("me: %d %s", a.status, a.body)
	}
	const ask = `{"name":"x","role":"viewer"}`
	for name, c := range map[string]struct {
		edit func(*http.Request)
		want int
	}{"no token": {in, 403}, "another site": {foreign, 403}, "a neighbour": {site, 403}, "our page": {token, 201}} {
		if a := r.ask(t, "POST", "/v1/keys", body(ask, c.edit)); a.status != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := r.ask(t, "POST", "/v1/session", body(`{"key":"`+r.keys[models.Viewer]+`"}`, anonymous, func(req *http.Request) { req.Header.Set("Origin", "https://evil.example") })); a.status != 403 {
		t.Errorf("login from another site: %d", a.status)
	}
	if a := r.ask(t, "POST", "/v1/session", body(`{"key":"weft_abcdefghij_canary"}`, anonymous)); a.status != 401 || strings.Contains(a.body, "canary") {
		t.Errorf("wrong key: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "DELETE", "/v1/session", token); a.status != 204 {
		t.Errorf("logout: %d %s", a.status, a.body)
	}
	if a := r.ask(t, "GET", "/v1/me", in); a.status != 401 {
		t.Errorf("after logout: %d", a.status)
	}
}

// A session ends with the key that began it.
func TestSessionOfARevokedKey(t *testing.T) {
	r := start(t, nil)
	key := r.key(t, "ana", models.Operator)
	a := r.ask(t, "POST", "/v1/session", body(`{"key":"`+key+`"}`, anonymous))
	cookie := (&http.Response{Header: a.header}).Cookies()[0]
	in := func(req *http.Request) { anonymous(req); req.AddCookie(cookie) }
	if a := r.ask(t, "GET", "/v1/me", in); a.status != 200 {
		t.Fatalf("session: %d", a.status)
	}
	r.ask(t, "DELETE", "/v1/keys/"+strings.Split(key, "_")[1], nil)
	if a := r.ask(t, "GET", "/v1/me", in); a.status != 401 {
		t.Errorf("after its key's end: %d", a.status)
	}
}

// Every write leaves a line, refused ones of those who may write too; reads leave none.
func TestAuditLog(t *testing.T) {
	r := start(t, nil)
	r.get(t, "/v1/keys")
	made := r.ask(t, "POST", "/v1/keys", body(`{"name":"ci","role":"viewer"}`, func(req *http.Request) { req.Header.Set("X-Request-ID", "req-1") }))
	r.ask(t, "POST", "/v1/keys", body(`{"name":"","role":"god"}`))
	r.ask(t, "POST", "/v1/keys", body(`{"name":"x","role":"viewer"}`, r.as(models.Viewer)))
	r.ask(t, "POST", "/v1/forget", body(`{"posts":["file.canary"],"dry_run":true}`))
	var got struct {
		Items      []api.AuditLine `json:"items"`
		NextCursor string          `json:"next_cursor"`
	}
	r.get(t, "/v1/audit").into(t, &got)
	var lines []string
	for _, l := range got.Items {
		lines = append(lines, fmt.Sprintf("%s %s %d", l.Name, l.Action, l.Status))
	}
	if want := []string{"admin forget 200", "admin create-key 422", "admin create-key 201"}; !slices.Equal(lines, want) {
		t.Errorf("lines %q, want %q", lines, want)
	}
	first := got.Items[len(got.Items)-1]
	if !strings.Contains(made.body, `"id":"`+first.Target+`"`) || first.After != "ci: viewer" || first.Request != "req-1" || first.Role != models.Admin {
		t.Errorf("line %+v", first)
	}
	text, _ := json.Marshal(got)
	if strings.Contains(string(text), "canary") || strings.Contains(string(text), "weft_") {
		t.Errorf("the log says too much: %s", text)
	}
	r.get(t, "/v1/audit?limit=2").into(t, &got)
	if len(got.Items) != 2 || got.NextCursor == "" {
		t.Fatalf("first page: %+v", got)
	}
	var rest struct {
		Items      []api.AuditLine `json:"items"`
		NextCursor string          `json:"next_cursor"`
	}
	r.get(t, "/v1/audit?limit=2&cursor="+got.NextCursor).into(t, &rest)
	if len(rest.Items) != 1 || rest.NextCursor != "" || rest.Items[0].ID != first.ID {
		t.Errorf("second page: %+v", rest)
	}
}

// A request with an Idempotency-Key is done once, and answered alike.
func TestIdempotency(t *testing.T) {
	r := start(t, nil)
	once := func(key string) func(*http.Request) {
		return func(req *http.Request) { req.Header.Set("Idempotency-Key", key) }
	}
	const forget = `{"posts":["file.1"]}`
	first := r.ask(t, "POST", "/v1/forget", body(forget, once("a")))
	again := r.ask(t, "POST", "/v1/forget", body(forget, once("a")))
	fresh := r.ask(t, "POST", "/v1/forget", body(forget, once("b")))
	if first.status != 200 || again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("first %d %s, again %d %s %v", first.status, first.body, again.status, again.body, again.header)
	}
	if !strings.Contains(first.body, `"unknown":1`) || !strings.Contains(fresh.body, `"repeated":1`) {
		t.Errorf("under another key it is done anew: %s, then %s", first.body, fresh.body)
	}
	if a := r.ask(t, "POST", "/v1/forget", body(`{"posts":["file.2"]}`, once("a"))); a.status != 422 {
		t.Errorf("another request under the key: %d %s", a.status, a.body)
	}
	made := r.ask(t, "POST", "/v1/keys", body(`{"name":"ci","role":"viewer"}`, once("a")))
	if a := r.ask(t, "POST", "/v1/keys", body(`{"name":"ci","role":"viewer"}`, once("a"))); made.status != 201 || a.status != 409 || strings.Contains(a.body, "weft_") {
		t.Errorf("a secret comes once: %d, then %d %s", made.status, a.status, a.body)
	}
	all, err := r.documents.Keys(t.Context())
	if err != nil || len(all) != len(models.Roles())+1 {
		t.Errorf("%d keys, %v", len(all), err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 20 {
		wg.Go(func() {
			if a := r.ask(t, "POST", "/v1/keys", body(`{"name":"race","role":"viewer"}`, once("race"))); a.status == 201 {
				mu.Lock()
				defer mu.Unlock()
				created++
			}
		})
	}
	wg.Wait()
	if created != 1 {
		t.Errorf("%d of 20 racing requests were done", created)
	}
}
