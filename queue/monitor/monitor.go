// Package monitor serves asynqmon, the user interface of the queues, behind a
// login.
//
// asynqmon itself knows neither users nor cross-site requests, and all of its
// writes are plain POSTs: whoever reaches it may delete a queue. So everything
// here stands before it: a signed session, a role (viewers get a handler that is
// read-only, whatever they send), a check of each write's origin, and a line in
// the log for each write.
//
// It also shows a post's journey, since asynq forgets a task that is done: the
// document store knows where a post has been.
package monitor

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	neturl "net/url"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"weft/models"
)

// root is where asynqmon lives. It can't be "/", since it answers every path below.
const root = "/asynqmon"

// Auth knows who sends a request. What it keeps of a login is its own business.
type Auth interface {
	// User returns who is logged in; false if nobody is.
	User(r *http.Request) (models.Principal, bool)
	// Login begins a session with a key. wait is how long to wait before the next
	// try, if there were too many.
	Login(w http.ResponseWriter, r *http.Request, key string) (p models.Principal, wait time.Duration, ok bool)
	Logout(w http.ResponseWriter, r *http.Request) error
}

// Params is what a monitor needs.
type Params struct {
	Redis   redis.UniversalClient                                // shared, and never closed here
	Auth    Auth                                                 // knows who asks; required
	PostURL func(id string) string                               // where a post can be seen; the journey page when nil
	Journey func(ctx context.Context, id string) (string, error) // models.ErrNotFound for an unknown post; no journey page when nil
	Audit   func(ctx context.Context, l models.AuditLine) error  // told of each write; may be nil
	Log     *slog.Logger                                         // logins and writes; required
}

// monitor is the handler.
type monitor struct {
	auth    Auth
	audit   func(ctx context.Context, l models.AuditLine) error
	journey func(ctx context.Context, id string) (string, error)
	pages   *template.Template
	log     *slog.Logger
	reading *view // for everybody
	writing *view // for operators
}

// New returns the handler. It is meant to be at the root of its own address.
func New(p Params) (http.Handler, error) {
	if p.Redis == nil || p.Log == nil || p.Auth == nil {
		return nil, errors.New("monitor: Redis, Auth and Log are required")
	}
	if p.PostURL == nil {
		p.PostURL = func(id string) string { return "/posts/" + neturl.PathEscape(id) }
	}
	pages, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	m := &monitor{auth: p.Auth, audit: p.Audit, journey: p.Journey, pages: pages, log: p.Log, reading: newView(p, true), writing: newView(p, false)}
	return http.NewCrossOriginProtection().Handler(m.routes()), nil
}

//go:embed pages
var files embed.FS

// routes says who answers what.
func (m *monitor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", m.showLogin)
	mux.HandleFunc("POST /login", m.login)
	mux.HandleFunc("POST /logout", m.logout)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "pages/style.css")
	})
	mux.Handle("GET /{$}", http.RedirectHandler(root+"/", http.StatusSeeOther))
	mux.HandleFunc(root+"/", m.asynqmon)
	if m.journey != nil {
		mux.HandleFunc("GET /posts", m.findPost)
		mux.HandleFunc("GET /posts/{id}", m.post)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// pagePolicy is for our own pages, which have no script at all.
const pagePolicy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// page is what the templates show.
type page struct {
	User    models.Principal
	Next    string
	Problem string
	ID      string
	Journey string
	Posts   bool // there is a journey page
}

// render writes one of our own pages.
func (m *monitor) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	p.Posts = m.journey != nil
	var b strings.Builder
	if err := m.pages.ExecuteTemplate(&b, name, p); err != nil {
		m.log.ErrorContext(r.Context(), "monitor: render page", "page", name, "error", err)
		http.Error(w, "the page can't be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // a reader who went away is nobody's error
}

// user returns who sent the request. When nobody is logged in it answers and
// returns false.
func (m *monitor) user(w http.ResponseWriter, r *http.Request) (models.Principal, bool) {
	if u, ok := m.auth.User(r); ok {
		return u, true
	}
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, root+"/api/") {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return models.Principal{}, false
	}
	http.Redirect(w, r, "/login?"+neturl.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	return models.Principal{}, false
}

func (m *monitor) asynqmon(w http.ResponseWriter, r *http.Request) {
	u, ok := m.user(w, r)
	if !ok {
		return
	}
	v := m.reading
	if u.Role.Allows(models.Operator) {
		v = m.writing
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		v.ServeHTTP(w, r)
		return
	}
	what, err := peek(w, r)
	if err != nil {
		http.Error(w, "the request is too long", http.StatusRequestEntityTooLarge)
		return
	}
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	v.ServeHTTP(status, r)
	m.record(r, u, what, status.status)
	m.log.InfoContext(r.Context(), "monitor: write", "user", u.Name, "key", u.ID, "role", u.Role, "method", r.Method, "path", r.URL.Path,
		"body", what, "status", status.status, "from", r.RemoteAddr)
}

// record keeps a write where whoever may see the audit log finds it.
func (m *monitor) record(r *http.Request, u models.Principal, what string, status int) {
	if m.audit == nil {
		return
	}
	now := time.Now().UTC()
	err := m.audit(r.Context(), models.AuditLine{
		ID: models.AuditID(now), At: now.Truncate(time.Millisecond), By: u.ID, Name: u.Name, Role: u.Role, Action: "asynqmon", Target: r.Method + " " + r.URL.Path, After: what, Status: status,
	})
	if err != nil {
		m.log.ErrorContext(r.Context(), "monitor: the audit log lacks a write", "user", u.Name, "path", r.URL.Path, "error", err)
	}
}

// findPost leads from the search field to the post's page.
func (m *monitor) findPost(w http.ResponseWriter, r *http.Request) {
	if u, ok := m.user(w, r); ok {
		id := strings.TrimSpace(r.FormValue("id"))
		if id == "" {
			m.render(w, r, http.StatusOK, "post.html", page{User: u})
			return
		}
		http.Redirect(w, r, "/posts/"+neturl.PathEscape(id), http.StatusSeeOther)
	}
}

// post shows the journey of one post.
func (m *monitor) post(w http.ResponseWriter, r *http.Request) {
	u, ok := m.user(w, r)
	if !ok {
		return
	}
	p, status := page{User: u, ID: r.PathValue("id")}, http.StatusOK
	journey, err := m.journey(r.Context(), p.ID)
	switch {
	case errors.Is(err, models.ErrNotFound):
		p.Problem, status = "There is no such post.", http.StatusNotFound
	case err != nil:
		m.log.WarnContext(r.Context(), "monitor: journey", "post", p.ID, "error", err)
		p.Problem, status = "The journey can't be read at the moment.", http.StatusBadGateway
	default:
		p.Journey = lines(journey)
	}
	m.render(w, r, status, "post.html", p)
}

// sharedClient hands our client to asynqmon. Its handlers are never closed,
// since that would close the client for everybody.
type sharedClient struct{ redis.UniversalClient }

// MakeRedisClient returns the client itself: asynqmon asks for its type.
func (s sharedClient) MakeRedisClient() any { return s.UniversalClient }

var _ asynq.RedisConnOpt = sharedClient{}

// newHandler returns asynqmon over the shared client.
func newHandler(p Params, readOnly bool) http.Handler {
	return asynqmon.New(asynqmon.Options{
		RootPath: root, RedisConnOpt: sharedClient{p.Redis}, ReadOnly: readOnly,
		PayloadFormatter: asynqmon.PayloadFormatterFunc(func(_ string, payload []byte) string { return formatPayload(payload, p.PostURL) }),
		ResultFormatter:  asynqmon.ResultFormatterFunc(func(_ string, result []byte) string { return printable(string(result)) }),
	})
}
