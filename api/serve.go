package api

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"weft/models"
)

// requestIDPattern is what is taken over of a caller's own request id: it is
// logged and sent back.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

type requestKey struct{}

// request is what is known of a request besides net/http's own.
type request struct {
	id     string
	who    models.Principal
	before string // what a write found and left, for the audit log
	after  string
	target string
}

// of returns what is known of the request whose context this is.
func of(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

// note tells the audit log what a write is about, what it found and what it left.
func note(ctx context.Context, target, before, after string) {
	r := of(ctx)
	r.target, r.before, r.after = target, before, after
}

// ServeHTTP gives each request an id, a deadline and a bound on its body, and
// tells the log and the metrics what came of it.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	req := &request{id: r.Header.Get("X-Request-ID")}
	if !requestIDPattern.MatchString(req.id) {
		req.id = rand.Text()
	}
	route, act, next := s.route(r)
	limit := s.Timeout
	if act != nil && act.Timeout > 0 {
		limit = act.Timeout
		c := http.NewResponseController(w)
		_ = errors.Join(c.SetReadDeadline(began.Add(limit)), c.SetWriteDeadline(began.Add(limit+5*time.Second))) // a recorder in a test has none
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), requestKey{}, req), limit)
	defer cancel()
	r = r.WithContext(ctx)
	h := w.Header()
	h.Set("X-Request-ID", req.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	out := &answer{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		if caught := recover(); caught != nil {
			s.Log.ErrorContext(ctx, "api: panic", "request", req.id, "route", route, "panic", caught, "stack", string(debug.Stack()))
			if out.begun {
				panic(http.ErrAbortHandler) // so that the caller doesn't take half an answer for a whole one
			}
			writeProblem(out, r, http.StatusInternalServerError, logSaysWhy)
		}
		took := time.Since(began)
		s.Observe(route, method(r), out.status, took)
		s.Log.DebugContext(ctx, "api: request", "request", req.id, "who", req.who.ID, "method", method(r), "path", r.URL.Path, "status", out.status, "took", took)
	}()
	next.ServeHTTP(out, r)
}

// route finds who answers, and under which name the metrics count it.
func (s *server) route(r *http.Request) (string, *action, http.Handler) {
	found, pattern := s.mux.Handler(r)
	act := s.actions[pattern]
	switch {
	case r.ContentLength > maxBody:
		return "refused", nil, refused(http.StatusRequestEntityTooLarge, "the body is over 1 MiB")
	case pattern == "":
		return "none", nil, plain{found}
	case act == nil: // a redirect of the mux, or a handler that nobody has given a role
		if _, ours := found.(http.HandlerFunc); ours {
			return "refused", nil, refused(http.StatusForbidden, "nobody may do this")
		}
		return pattern, nil, found
	}
	return pattern, act, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		s.admit(w, r, act)
	})
}

// admit does what surrounds an action: who asks, may they, how often, once only,
// and for the record.
func (s *server) admit(w http.ResponseWriter, r *http.Request, act *action) {
	if act.Role != "" && !s.authorized(w, r, act) {
		return
	}
	var do http.Handler = s.mux
	if act.writes() && act.Role != "" {
		do = s.recorded(act, do)
	}
	if act.Creates && r.Header.Get(idempotencyHeader) != "" {
		do = s.once(act, do)
	}
	do.ServeHTTP(w, r)
}

// authorized finds out who asks, and answers those who may not.
func (s *server) authorized(w http.ResponseWriter, r *http.Request, act *action) bool {
	who, err := s.Guard.Who(r)
	switch {
	case Wait(err) > 0:
		writeTooMany(w, r, Wait(err))
		return false
	case Nobody(err):
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeProblem(w, r, http.StatusUnauthorized, "a header Authorization: Bearer KEY is needed, with a key that lives, or the session of a login")
		return false
	case err != nil:
		s.writeFailure(w, r, "documents", err)
		return false
	}
	of(r.Context()).who = who
	if wait := s.limits.take(who.ID, s.Now()); wait > 0 {
		writeTooMany(w, r, wait)
		return false
	}
	if !who.Role.Allows(act.Role) {
		writeProblem(w, r, http.StatusForbidden, fmt.Sprintf("this wants the role %s; yours is %s", act.Role, who.Role))
		return false
	}
	if detail := forged(r, who); detail != "" {
		writeProblem(w, r, http.StatusForbidden, detail)
		return false
	}
	return true
}

// forged says why a request of a session may be another web site's doing: cookies
// come along whoever asks, so a write must come from our own pages and carry what
// only they can read. Keys never come along by themselves.
func forged(r *http.Request, who models.Principal) string {
	if who.CSRF == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return ""
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return "this request comes from another web site"
	}
	said := r.Header.Get(csrfHeader) //nolint:canonicalheader // it is written as usual for people; Get doesn't mind
	if subtle.ConstantTimeCompare([]byte(said), []byte(who.CSRF)) != 1 {
		return "a write of a session needs the header " + csrfHeader + "; GET /v1/me tells its value"
	}
	return ""
}

func writeTooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	writeProblem(w, r, http.StatusTooManyRequests, "too many requests; wait as long as Retry-After says")
}

// refused answers with an error, whatever is asked.
func refused(status int, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeProblem(w, r, status, detail) })
}

// plain turns what the mux says of a path or method that isn't there, which is
// plain text, into a problem.
type plain struct{ mux http.Handler }

func (p plain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	said := &unwritten{header: http.Header{}, status: http.StatusOK}
	p.mux.ServeHTTP(said, r)
	detail := "there is nothing at this path; /docs/ lists what there is"
	if allow := said.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		detail = "this method is not taken here; allowed: " + allow
	}
	writeProblem(w, r, said.status, detail)
}

// unwritten keeps an answer's header and drops its body.
type unwritten struct {
	header http.Header
	status int
}

func (u *unwritten) Header() http.Header         { return u.header }
func (u *unwritten) WriteHeader(status int)      { u.status = status }
func (u *unwritten) Write(b []byte) (int, error) { return len(b), nil }

// answer notes the status that a handler gives.
type answer struct {
	http.ResponseWriter
	status int
	begun  bool
}

// WriteHeader notes the first status.
func (a *answer) WriteHeader(status int) {
	if !a.begun {
		a.status, a.begun = status, true
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer, if nothing has yet.
func (a *answer) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// method returns the request's method if it is a usual one: a caller may invent
// more of them than the metrics have room for.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}
