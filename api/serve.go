package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
	"runtime/debug"
	"time"
)

// requestIDPattern is what is taken over of a caller's own request id: it is
// logged and sent back.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

type requestKey struct{}

// request is what is known of a request besides net/http's own.
type request struct {
	id    string
	token string // its name
}

// of returns what is known of the request whose context this is.
func of(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

// ServeHTTP gives each request an id, a deadline and a bound on its body, and
// tells the log and the metrics what came of it.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	req := &request{id: r.Header.Get("X-Request-ID")}
	if !requestIDPattern.MatchString(req.id) {
		req.id = rand.Text()
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), requestKey{}, req), s.Timeout)
	defer cancel()
	r = r.WithContext(ctx)
	h := w.Header()
	h.Set("X-Request-ID", req.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	out := &answer{ResponseWriter: w, status: http.StatusOK}
	route, next := s.route(r)
	defer func() {
		if caught := recover(); caught != nil {
			s.Log.ErrorContext(ctx, "api: panic", "request", req.id, "route", route, "panic", caught, "stack", string(debug.Stack()))
			if out.begun {
				panic(http.ErrAbortHandler) // so that the caller doesn't take half an answer for a whole one
			}
			writeProblem(out, http.StatusInternalServerError, logSaysWhy)
		}
		took := time.Since(began)
		s.Observe(route, method(r), out.status, took)
		s.Log.DebugContext(ctx, "api: request", "request", req.id, "token", req.token, "method", method(r), "path", r.URL.Path, "status", out.status, "took", took)
	}()
	next.ServeHTTP(out, r)
}

// route finds who answers, and under which name the metrics count it.
func (s *server) route(r *http.Request) (string, http.Handler) {
	found, pattern := s.mux.Handler(r)
	switch {
	case len(s.tokens) == 0 && !fromHere(r.Host):
		return "refused", problem(http.StatusMisdirectedRequest, "no tokens are configured, so only this machine may ask, by the name localhost or its address")
	case r.ContentLength > maxBody:
		return "refused", problem(http.StatusRequestEntityTooLarge, "the body is over 1 MiB")
	case pattern == "":
		return "none", plain{found}
	}
	return pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		s.mux.ServeHTTP(w, r)
	})
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
	writeProblem(w, said.status, detail)
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
