package api_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/api"
	"weft/api/oidc"
	"weft/internal/sim/idp"
	"weft/models"
)

// people is an API that people log in to at a provider.
type people struct {
	*rig

	idp      *idp.Provider
	provider *oidc.Provider

	mu    sync.Mutex
	ahead time.Duration
}

func (p *people) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.ahead)
}

func (p *people) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead += d
}

func idpKeys(t *testing.T) idp.Keys {
	t.Helper()
	keys, err := idp.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func startPeople(t *testing.T, keys idp.Keys) *people {
	t.Helper()
	p := &people{}
	p.idp = idp.Start(keys, p.now)
	t.Cleanup(p.idp.Close)
	p.provider = oidc.New(oidc.Params{
		Issuer: p.idp.Issuer(), ClientID: p.idp.ClientID, ClientSecret: p.idp.Secret, Scopes: []string{"openid", "email"}, Now: p.now,
		Claim: "groups", Roles: map[string]models.Role{"weft-admins": models.Admin, "staff": models.Labeler},
	})
	p.rig = start(t, func(q *api.Params) { q.Provider, q.Now = p.provider, p.now })
	p.idp.Redirect = p.url + "/v1/sessions/oidc/callback"
	p.provider.RedirectURL = p.idp.Redirect
	p.idp.Claims = map[string]any{"sub": "u-1", "email": "ana@example.org", "email_verified": true, "groups": []string{"staff", "others"}}
	return p
}

// browser keeps cookies; it follows no redirects but by follow.
type browser struct {
	*http.Client

	accept string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "text/html"}
}

func (b *browser) open(t *testing.T, url string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", b.accept)
	resp, err := b.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// begin logs in at the provider, and returns the address that it sends the browser
// back to.
func (p *people) begin(t *testing.T, b *browser, query string) string {
	t.Helper()
	there := b.open(t, p.url+"/v1/sessions/oidc"+query)
	if there.status != http.StatusSeeOther {
		t.Fatalf("begin: %d %s", there.status, there.body)
	}
	back := b.open(t, there.header.Get("Location"))
	if back.status != http.StatusFound {
		t.Fatalf("the provider: %d %s", back.status, back.body)
	}
	return back.header.Get("Location")
}

func TestLoginThroughAProvider(t *testing.T) {
	p, b := startPeople(t, idpKeys(t)), newBrowser(t)
	if a := p.ask(t, "GET", "/v1/sessions", anonymous); a.body != `{"ways":["key","oidc"]}`+"\n" {
		t.Errorf("ways: %s", a.body)
	}
	there := b.open(t, p.url+"/v1/sessions/oidc?next=/docs/%3Fa%3D1")
	for _, c := range (&http.Response{Header: there.header}).Cookies() {
		if c.Name != "weft_login" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/v1/sessions/oidc" || c.MaxAge != 600 {
			t.Errorf("cookie %v", c)
		}
	}
	back := b.open(t, there.header.Get("Location")).header.Get("Location")
	a := b.open(t, back)
	if a.status != 200 || !strings.Contains(a.body, `<meta http-equiv="refresh" content="0;url=/docs/?a=1">`) || a.header.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" {
		t.Fatalf("callback: %d %v %s", a.status, a.header, a.body)
	}
	cookies := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		cookies[c.Name] = c
	}
	if s, l := cookies["weft_session"], cookies["weft_login"]; s == nil || !s.HttpOnly || s.SameSite != http.SameSiteStrictMode || l == nil || l.MaxAge >= 0 {
		t.Errorf("cookies %v", cookies)
	}
	var me api.Me
	b.open(t, p.url+"/v1/me").into(t, &me)
	if want := "oidc:u-1@" + p.idp.Issuer(); me.ID != want || me.Name != "ana@example.org" || me.Role != models.Labeler || me.CSRF == "" {
		t.Errorf("me %+v", me)
	}
	if a := b.open(t, p.url+"/v1/keys"); a.status != 403 {
		t.Errorf("a labeler lists keys: %d", a.status)
	}
	in := func(req *http.Request) { anonymous(req); req.AddCookie(cookies["weft_session"]) }
	if a := p.ask(t, "DELETE", "/v1/session", in); a.status != 403 {
		t.Errorf("a write without the token: %d", a.status)
	}
	if a := p.ask(t, "DELETE", "/v1/session", func(req *http.Request) { in(req); req.Header.Set("X-CSRF-Token", me.CSRF) }); a.status != 204 {
		t.Errorf("logout: %d %s", a.status, a.body)
	}
	if a := b.open(t, p.url+"/v1/me"); a.status != 401 {
		t.Errorf("after logout: %d", a.status)
	}
}

// Whatever the provider sends that proves nothing logs nobody in.
func TestWhatProvesNothing(t *testing.T) {
	keys := idpKeys(t)
	for name, c := range map[string]struct {
		spoil func(p *people)
		want  int
	}{
		"another's nonce":  {func(p *people) { p.idp.Bend = func(c map[string]any) { c["nonce"] = "another" } }, 401},
		"no nonce":         {func(p *people) { p.idp.Bend = func(c map[string]any) { delete(c, "nonce") } }, 401},
		"another audience": {func(p *people) { p.idp.Bend = func(c map[string]any) { c["aud"] = "else" } }, 401},
		"given to another": {func(p *people) {
			p.idp.Bend = func(c map[string]any) { c["aud"] = []string{"weft", "else"}; c["azp"] = "else" }
		}, 401},
		"expired":               {func(p *people) { p.idp.Bend = func(c map[string]any) { c["exp"] = p.now().Add(-time.Second).Unix() } }, 401},
		"another issuer":        {func(p *people) { p.idp.Bend = func(c map[string]any) { c["iss"] = "https://else.example" } }, 401},
		"no subject":            {func(p *people) { p.idp.Bend = func(c map[string]any) { delete(c, "sub") } }, 401},
		"a foreign signature":   {func(p *people) { p.idp.Forged = true }, 401},
		"a wrong client secret": {func(p *people) { p.idp.Secret = "changed" }, 401},
		"user info of another": {func(p *people) {
			delete(p.idp.Claims, "email")
			p.idp.Info = map[string]any{"sub": "u-2", "email": "x@y"}
		}, 401},
		"the provider refuses":   {func(p *people) { p.idp.Refuse = "access_denied" }, 401},
		"no role":                {func(p *people) { p.idp.Claims["groups"] = []string{"weft-admin", "Staff", "weft-admins,staff"} }, 403},
		"no groups at all":       {func(p *people) { delete(p.idp.Claims, "groups") }, 403},
		"groups of another kind": {func(p *people) { p.idp.Claims["groups"] = map[string]any{"staff": true} }, 403},
		"its keys are away":      {func(p *people) { p.idp.NoKeys = true }, 503},
		"the provider is away":   {func(p *people) { p.idp.Close() }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := startPeople(t, keys), newBrowser(t)
			if c.want != 503 && name != "no role" {
				b.accept = "*/*"
			}
			var back string
			if c.want == 503 { // it goes away while somebody logs in
				back = p.begin(t, b, "?next=/asynqmon/")
				c.spoil(p)
			} else {
				c.spoil(p)
				back = p.begin(t, b, "?next=/asynqmon/")
			}
			a := b.open(t, back)
			if a.status != c.want {
				t.Errorf("%d %s, want %d", a.status, a.body, c.want)
			}
			if b.accept == "*/*" && a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%v: %s", a.header, a.body)
			}
			if b.accept != "*/*" && (!strings.Contains(a.body, `<a href="/v1/sessions/oidc?next=%2Fasynqmon%2F">Try again</a>`) || strings.Contains(a.body, "refresh")) {
				t.Errorf("page %s", a.body)
			}
			if me := b.open(t, p.url+"/v1/me"); me.status != 401 {
				t.Errorf("somebody is logged in: %s", me.body)
			}
			if strings.Contains(a.body, "else") || strings.Contains(a.body, "oidc:") {
				t.Errorf("it tells too much: %s", a.body)
			}
		})
	}
}

// A callback is good once, in the browser that began, within ten minutes.
func TestCallbackOfAnother(t *testing.T) {
	p, b := startPeople(t, idpKeys(t)), newBrowser(t)
	b.accept = "*/*"
	back := p.begin(t, b, "")
	here, _ := neturl.Parse(back)
	cookies := b.Jar.Cookies(here)
	want := func(what string, a reply, status int, text string) {
		t.Helper()
		if a.status != status || !strings.Contains(a.body, text) {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	want("another browser", newBrowser(t).open(t, back), 401, "has not begun a login here")
	if p.idp.Asked != 0 {
		t.Error("the code was shown to the provider")
	}
	want("the right one", b.open(t, back), 200, "You are logged in.")
	want("again", b.open(t, back), 401, "has not begun")
	b.Jar.SetCookies(here, cookies)
	want("again, with the cookie kept", b.open(t, back), 401, "has been ended before")
	if p.idp.Asked != 1 {
		t.Errorf("the provider was shown %d codes", p.idp.Asked)
	}

	back = p.begin(t, b, "")
	want("another state", b.open(t, strings.Replace(back, "&state=", "&state=A", 1)), 401, "not the login that this browser began")
	back = p.begin(t, b, "")
	forged := cookies[0]
	forged.Value = forged.Value[:len(forged.Value)-2]
	b.Jar.SetCookies(here, []*http.Cookie{forged})
	want("a forged cookie", b.open(t, back), 401, "not the login that this browser began")
	back = p.begin(t, b, "")
	want("another issuer than it says", b.open(t, strings.Replace(back, "iss=", "iss=https://else.example", 1)), 401, "proves nothing")
	back = p.begin(t, b, "")
	p.pass(10 * time.Minute)
	want("after ten minutes", b.open(t, back), 401, "took too long")
	for range 12 {
		newBrowser(t).open(t, back)
	}
	want("after many", newBrowser(t).open(t, back), 429, "too many requests")
}

func TestProviderAway(t *testing.T) {
	p, b := startPeople(t, idpKeys(t)), newBrowser(t)
	p.idp.Close()
	if a := b.open(t, p.url+"/v1/sessions/oidc"); a.status != 503 || a.header.Get("Retry-After") == "" || len(a.header.Values("Set-Cookie")) > 0 {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := p.ask(t, "GET", "/v1/me", nil); a.status != 200 {
		t.Errorf("with a key: %d", a.status)
	}
	r := start(t, nil) // none is configured
	for _, path := range []string{"", "/callback"} {
		if a := r.ask(t, "GET", "/v1/sessions/oidc"+path, anonymous); a.status != 404 || !strings.Contains(a.body, "api.oidc.issuer") {
			t.Errorf("%q without a provider: %d %s", path, a.status, a.body)
		}
	}
}

// Nobody is led to another site, whatever a browser makes of the text.
func TestNextIsOurs(t *testing.T) {
	p, b := startPeople(t, idpKeys(t)), newBrowser(t)
	for _, next := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "javascript:alert(1)", "evil", "///evil.example", "/a\r\nb", "%2f/evil.example",
	} {
		if a := b.open(t, p.url+"/v1/sessions/oidc?next="+neturl.QueryEscape(next)); a.status != 422 || strings.Contains(a.body, "evil") {
			t.Errorf("%q: %d %v %s", next, a.status, a.header.Get("Location"), a.body)
		}
	}
	const odd = `/posts/x?q="><script>alert(1)</script>`
	if a := b.open(t, p.begin(t, b, "?next="+neturl.QueryEscape(odd))); a.status != 200 || strings.Contains(a.body, "<script>") || strings.Count(a.body, `"`) != 10 {
		t.Errorf("page %s", a.body)
	}
}

// What claims come to: the highest role of several, and a name that is nobody else's.
func TestClaims(t *testing.T) {
	keys := idpKeys(t)
	for name, c := range map[string]struct {
		claim        string
		claims, info map[string]any
		role         models.Role // empty: refused
		name         string      // its beginning
	}{
		"several groups":              {"groups", map[string]any{"groups": []any{"staff", "weft-admins", 7}}, nil, models.Admin, "ana@example.org"},
		"several, the highest first":  {"groups", map[string]any{"groups": []any{"weft-admins", "staff"}}, nil, models.Admin, "ana@example.org"},
		"one group as a text":         {"groups", map[string]any{"groups": "staff"}, nil, models.Labeler, "ana@example.org"},
		"deep in the token":           {"realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": []string{"staff"}}}, nil, models.Labeler, "ana@example.org"},
		"a name with dots":            {"https://x.example/roles", map[string]any{"https://x.example/roles": []string{"staff"}}, nil, models.Labeler, "ana@example.org"},
		"told by user info":           {"groups", map[string]any{"groups": nil}, map[string]any{"groups": []string{"staff"}}, "", ""}, // the token is signed, and wins
		"told by user info alone":     {"teams", nil, map[string]any{"teams": []string{"staff"}}, models.Labeler, "ana@example.org"},
		"by address":                  {"email", map[string]any{"email": "boss@example.org"}, nil, models.Admin, "boss@example.org"},
		"by an unverified address":    {"email", map[string]any{"email": "boss@example.org", "email_verified": false}, nil, "", ""},
		"verified by nobody":          {"email", map[string]any{"email": "boss@example.org", "email_verified": nil}, nil, "", ""},
		"verified by user info alone": {"teams", map[string]any{"email_verified": nil}, map[string]any{"teams": []string{"staff"}, "email_verified": true}, models.Labeler, "somebody ("},
		"verified in a word":          {"email", map[string]any{"email": "boss@example.org", "email_verified": "true"}, nil, models.Admin, "boss@example.org"},
		"another's address as a name": {"groups", map[string]any{"groups": "staff", "email_verified": false, "name": "ana@example.org"}, nil, models.Labeler, "ana@example.org ("},
		"no name":                     {"groups", map[string]any{"groups": "staff", "email": nil}, nil, models.Labeler, "somebody ("},
		"a name of signs":             {"groups", map[string]any{"groups": "staff", "email": nil, "name": "李\u202e\x00雷"}, nil, models.Labeler, "李雷 ("},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := startPeople(t, keys), newBrowser(t)
			p.provider.Claim, p.provider.Roles["boss@example.org"] = c.claim, models.Admin
			if c.claim != "groups" {
				delete(p.idp.Claims, "groups")
			}
			for k, v := range c.claims {
				p.idp.Claims[k] = v
				if v == nil && k != "groups" {
					delete(p.idp.Claims, k)
				}
			}
			p.idp.Info = c.info
			a := b.open(t, p.begin(t, b, ""))
			if c.role == "" {
				if a.status != 403 {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			var me api.Me
			b.open(t, p.url+"/v1/me").into(t, &me)
			if me.Role != c.role || !strings.HasPrefix(me.Name, c.name) || (strings.HasSuffix(c.name, "(") && len(me.Name) != len(c.name)+11) {
				t.Errorf("%d, me %+v", a.status, me)
			}
		})
	}
}

// Whoever has none of the values gets the default role, if there is one.
func TestDefaultRole(t *testing.T) {
	p, b := startPeople(t, idpKeys(t)), newBrowser(t)
	p.provider.Default = models.Viewer
	p.idp.Claims["groups"] = []string{"guests"}
	b.open(t, p.begin(t, b, ""))
	var me api.Me
	if b.open(t, p.url+"/v1/me").into(t, &me); me.Role != models.Viewer {
		t.Errorf("me %+v", me)
	}
}
