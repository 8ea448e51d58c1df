package monitor

import (
	"net/http"
	neturl "net/url"
	"strconv"
	"strings"
	"time"
)

// maxForm bounds the login form.
const maxForm = 4 << 10

func (m *monitor) showLogin(w http.ResponseWriter, r *http.Request) {
	u, _ := m.auth.User(r)
	m.render(w, r, http.StatusOK, "login.html", page{User: u, Next: safeNext(r.URL.Query().Get("next"))})
}

func (m *monitor) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form can't be read", http.StatusBadRequest)
		return
	}
	next := safeNext(r.PostForm.Get("next"))
	_, wait, ok := m.auth.Login(w, r, r.PostForm.Get("key"))
	switch {
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		m.render(w, r, http.StatusTooManyRequests, "login.html", page{Next: next, Problem: "Too many tries. Wait a moment."})
	case !ok:
		m.render(w, r, http.StatusUnauthorized, "login.html", page{Next: next, Problem: "There is no such key, or it lets nobody in any more."})
	default:
		http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // safeNext has let through a path of our own only
	}
}

func (m *monitor) logout(w http.ResponseWriter, r *http.Request) {
	if err := m.auth.Logout(w, r); err != nil {
		m.log.ErrorContext(r.Context(), "monitor: logout", "error", err)
		http.Error(w, "the session can't be ended at the moment", http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// safeNext returns where to go after the login: only to a path of our own.
func safeNext(next string) string {
	u, err := neturl.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return root + "/"
	}
	return next
}
