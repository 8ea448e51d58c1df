package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	neturl "net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

const (
	oidcPath   = "/v1/sessions/oidc"
	oidcCookie = "weft_login"
	// attemptLife is how long somebody may take to log in at the provider.
	attemptLife = 10 * time.Minute
)

// Provider is an identity provider.
type Provider interface {
	// Begin returns where a browser logs in.
	Begin(ctx context.Context, l models.LoginAttempt) (url string, err error)
	// Finish returns who logged in, for the code that came back with the browser.
	// The error is models.ErrNoRole, Unavailable, or Permanent.
	Finish(ctx context.Context, l models.LoginAttempt, code string) (models.Identity, error)
}

// attempt is what a browser keeps while its owner is at the provider. The cookie is
// signed; what is in it may be known to its owner, who could start over anyway.
type attempt struct {
	models.LoginAttempt

	Next string `json:"next"`
	Ends int64  `json:"ends"`
}

type waysOutput struct {
	Body struct {
		Ways []string `json:"ways" nullable:"false" enum:"key,oidc" doc:"key: POST /v1/session. oidc: send the browser to /v1/sessions/oidc."`
	}
}

type beginInput struct {
	exchange

	Next string `query:"next" maxLength:"2000" default:"/" doc:"Where to go afterwards: a path of this address."`
}

// Resolve takes the request, and lets nobody be led elsewhere.
func (i *beginInput) Resolve(c huma.Context) []error {
	if !ours(i.Next) {
		return []error{&huma.ErrorDetail{Location: "query.next", Message: "expected a path of this address, such as /docs/"}}
	}
	return i.exchange.Resolve(c)
}

type endInput struct {
	exchange

	State string `query:"state" doc:"As it was sent along."`
	Code  string `query:"code" doc:"What the provider gives for the token."`
	Error string `query:"error" doc:"Why it gives none."`
	Iss   string `query:"iss" doc:"Who the provider says it is (RFC 9207)."`
}

type redirectOutput struct {
	Location string `header:"Location" doc:"At the provider."`
}

// providers registers login through an identity provider.
func (s *server) providers() {
	register(s, action{Operation: huma.Operation{
		OperationID: "list-logins", Method: http.MethodGet, Path: "/v1/sessions", Tags: []string{"access"}, Summary: "Tell how one may log in here",
	}}, func(context.Context, *struct{}) (*waysOutput, error) {
		out := &waysOutput{}
		out.Body.Ways = []string{"key"}
		if s.Provider != nil {
			out.Body.Ways = append(out.Body.Ways, "oidc")
		}
		return out, nil
	})
	register(s, action{Operation: huma.Operation{
		OperationID: "begin-oidc", Method: http.MethodGet, Path: oidcPath, Tags: []string{"access"}, DefaultStatus: http.StatusSeeOther,
		Summary:     "Log in through the identity provider",
		Description: "For browsers: it sends them to the provider, which sends them back. 404 when none is configured.",
		Errors:      []int{http.StatusNotFound},
	}}, s.beginOIDC)
	register(s, action{Reads: true, Operation: huma.Operation{
		OperationID: "end-oidc", Method: http.MethodGet, Path: oidcPath + "/callback", Tags: []string{"access"},
		Summary:     "Where the identity provider sends browsers back to",
		Description: "It begins a session as POST /v1/session does, and leads on to next. Browsers are told what is wrong on a page, others in a problem.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
		// Providers send more along than anybody can list: session_state, scope, hd.
		SkipValidateParams: true,
		Responses: map[string]*huma.Response{"200": {Description: "A page that leads on.", Content: map[string]*huma.MediaType{
			"text/html": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}},
	}}, s.endOIDC)
}

func (s *server) beginOIDC(ctx context.Context, in *beginInput) (*redirectOutput, error) {
	if s.Provider == nil {
		return nil, huma.Error404NotFound("no identity provider is configured (api.oidc.issuer)")
	}
	a := attempt{LoginAttempt: models.LoginAttempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()},
		Next: in.Next, Ends: s.Now().Add(attemptLife).Unix()}
	url, err := s.Provider.Begin(ctx, a.LoginAttempt)
	if err != nil {
		return nil, s.failed(ctx, "the identity provider", err)
	}
	kept, err := json.Marshal(a)
	if err != nil {
		return nil, s.failed(ctx, "the identity provider", err)
	}
	http.SetCookie(in.w, s.attemptCookie(in.r, s.sealed(oidcCookie, string(kept)), int(attemptLife/time.Second)))
	return &redirectOutput{url}, nil
}

// attemptCookie must come along when the provider sends the browser back, which is
// a navigation from another site: Lax, not Strict.
func (s *server) attemptCookie(r *http.Request, value string, seconds int) *http.Cookie {
	c := s.Guard.cookie(r, value, time.Time{})
	c.Name, c.Path, c.MaxAge, c.SameSite = oidcCookie, oidcPath, seconds, http.SameSiteLaxMode
	return c
}

func (s *server) endOIDC(ctx context.Context, in *endInput) (*huma.StreamResponse, error) {
	next, err := s.loggedIn(ctx, in)
	if err == nil {
		return s.page(in, http.StatusOK, template.HTMLAttr(`http-equiv="refresh"`), next, "You are logged in.", "Go on"), nil
	}
	e, ok := errors.AsType[huma.StatusError](err)
	if !ok || !strings.Contains(in.r.Header.Get("Accept"), "text/html") {
		return nil, err
	}
	again := oidcPath + "?" + neturl.Values{"next": {next}}.Encode()
	return s.page(in, e.GetStatus(), "", again, "Nobody was logged in: "+e.Error()+". Request "+of(ctx).id+".", "Try again"), nil
}

// loggedIn begins the session of whoever comes back from the provider. next is
// where they wanted to go, or "/".
func (s *server) loggedIn(ctx context.Context, in *endInput) (next string, err error) {
	if s.Provider == nil {
		return "/", huma.Error404NotFound("no identity provider is configured (api.oidc.issuer)")
	}
	a, err := s.attempted(ctx, in)
	http.SetCookie(in.w, s.attemptCookie(in.r, "", -1)) // an attempt is good for one try
	if err != nil {
		return "/", err
	}
	if in.Error != "" {
		s.Log.InfoContext(ctx, "api: the identity provider logged nobody in", "request", of(ctx).id, "error", brief(in.Error))
		return a.Next, huma.Error401Unauthorized("the identity provider logged nobody in")
	}
	if in.Code == "" || len(in.Code) > 4096 {
		return a.Next, huma.Error401Unauthorized("the identity provider sent no code")
	}
	who, err := s.Provider.Finish(ctx, a.LoginAttempt, in.Code)
	if err == nil && in.Iss != "" && in.Iss != who.Issuer {
		err = models.Faultf(models.Permanent, "api: the callback is of another issuer than the token")
	}
	switch {
	case errors.Is(err, models.ErrNoRole):
		s.Log.WarnContext(ctx, "api: no role is meant for whoever logged in", "request", of(ctx).id, "subject", who.ID(), "error", err)
		return a.Next, huma.Error403Forbidden("you were recognized, and may do nothing here: ask whoever runs it for a role")
	case models.ClassOf(err) == models.Permanent && err != nil:
		s.Log.WarnContext(ctx, "api: a login at the identity provider proved nothing", "request", of(ctx).id, "error", err)
		return a.Next, s.disbelieved(in, "what the identity provider sent proves nothing; the log says why")
	case err != nil:
		return a.Next, s.failed(ctx, "the identity provider", err)
	}
	p, err := s.Guard.Begin(in.w, in.r, models.Session{Name: who.Name, Role: who.Role, Subject: who.ID()})
	if err != nil {
		return a.Next, s.failed(ctx, "documents", err)
	}
	of(ctx).who = p
	return a.Next, nil
}

// attempted returns the attempt that the browser began, which nobody has ended
// yet.
func (s *server) attempted(ctx context.Context, in *endInput) (attempt, error) {
	var a attempt
	c, err := in.r.Cookie(oidcCookie)
	if err != nil || c.Value == "" {
		return a, s.disbelieved(in, "this browser has not begun a login here, or took too long")
	}
	kept, ok := s.opened(oidcCookie, c.Value)
	if !ok || json.Unmarshal([]byte(kept), &a) != nil || in.State != a.State || s.Now().Unix() >= a.Ends {
		return a, s.disbelieved(in, "this is not the login that this browser began, or it took too long")
	}
	now := s.Now().UTC()
	_, err = s.Requests.ReserveRequest(ctx, models.Reservation{ID: digest(oidcCookie, a.State), At: now, Expires: now.Add(attemptLife)})
	switch {
	case errors.Is(err, models.ErrConflict):
		return a, s.disbelieved(in, "this login has been ended before")
	case err != nil:
		return a, s.failed(ctx, "documents", err)
	}
	return a, nil
}

// disbelieved answers whoever brings something wrong, which may be done as often
// as bringing wrong keys.
func (s *server) disbelieved(in *endInput, detail string) error {
	if wait := Wait(s.Guard.refuse(in.r, errNobody)); wait > 0 {
		return tooMany(wait)
	}
	return huma.Error401Unauthorized(detail)
}

// ours reports whether next is a path of this address and nothing that a browser
// would read as another.
func ours(next string) bool {
	u, err := neturl.Parse(next)
	return err == nil && !u.IsAbs() && u.Host == "" && u.User == nil && strings.HasPrefix(next, "/") && !strings.HasPrefix(next, "//") &&
		!strings.ContainsFunc(next, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f })
}

// page answers a browser. It leads on by itself with a refresh, not a redirect: that
// would count as coming from the provider's site, and a Strict cookie would
// stay behind.
func (s *server) page(in *endInput, status int, refresh template.HTMLAttr, link, text, words string) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "text/html; charset=utf-8")
		c.SetStatus(status)
		if err := loginPage().Execute(c.BodyWriter(), map[string]any{"Refresh": refresh, "Link": link, "Text": text, "Words": words}); err != nil {
			s.Log.InfoContext(in.r.Context(), "api: a login's page was cut short", "error", err)
		}
	}}
}

func loginPage() *template.Template {
	return template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Weft</title>
{{- if .Refresh}}<meta {{.Refresh}} content="0;url={{.Link}}">{{end}}</head>
<body><p>{{.Text}}</p><p><a href="{{.Link}}">{{.Words}}</a></p></body></html>
`))
}
