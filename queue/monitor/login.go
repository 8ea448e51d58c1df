package monitor

import (
	"net/http"
	"net/netip"
	neturl "net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxForm bounds the login form.
const maxForm = 4 << 10

func (m *monitor) showLogin(w http.ResponseWriter, r *http.Request) {
	u, _ := m.guard.user(r)
	m.render(w, r, http.StatusOK, "login.html", page{User: u, Next: safeNext(r.URL.Query().Get("next"))})
}

func (m *monitor) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form can't be read", http.StatusBadRequest)
		return
	}
	name, next := r.PostForm.Get("name"), safeNext(r.PostForm.Get("next"))
	if wait := m.guard.limits.take(r.RemoteAddr, m.guard.now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		m.log.WarnContext(r.Context(), "monitor: too many logins", "user", name, "from", r.RemoteAddr)
		m.render(w, r, http.StatusTooManyRequests, "login.html", page{Next: next, Problem: "Too many tries. Wait a moment."})
		return
	}
	u, ok := m.guard.check(r.Context(), name, r.PostForm.Get("password"))
	if !ok {
		m.log.WarnContext(r.Context(), "monitor: login refused", "user", name, "from", r.RemoteAddr)
		m.render(w, r, http.StatusUnauthorized, "login.html", page{Next: next, Problem: "Name or password is wrong."})
		return
	}
	m.log.InfoContext(r.Context(), "monitor: login", "user", u.Name, "role", u.Role, "from", r.RemoteAddr)
	// The header can be forged, but all it does is to make the cookie stricter.
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	http.SetCookie(w, m.guard.cookie(u, secure))
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // safeNext has let through a path of our own only
}

func (m *monitor) logout(w http.ResponseWriter, r *http.Request) {
	if u, ok := m.guard.revoke(r); ok {
		m.log.InfoContext(r.Context(), "monitor: logout", "user", u.Name, "from", r.RemoteAddr)
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // it takes a cookie away, by TLS or not
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

const (
	loginBurst    = 10
	loginInterval = 6 * time.Second // for one more try after the burst
	maxAddresses  = 10_000
)

// limits holds back who tries passwords: per address, and together for all when
// there are too many addresses to remember.
type limits struct {
	mu     sync.Mutex
	by     map[netip.Prefix]*rate.Limiter
	others *rate.Limiter
}

func newLimits() *limits {
	return &limits{by: map[netip.Prefix]*rate.Limiter{}, others: newLimiter()}
}

func newLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(loginInterval), loginBurst) }

// take spends one try of the address, or tells how long to wait for one.
func (l *limits) take(remote string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.limiter(remote, now)
	if limiter.AllowN(now, 1) {
		return 0
	}
	return loginInterval
}

func (l *limits) limiter(remote string, now time.Time) *rate.Limiter {
	address, err := netip.ParseAddrPort(remote)
	if err != nil {
		return l.others
	}
	bits := 32
	ip := address.Addr().Unmap().WithZone("")
	if ip.Is6() {
		bits = 64 // one household or machine has all of it
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return l.others
	}
	if known, ok := l.by[prefix]; ok {
		return known
	}
	if len(l.by) >= maxAddresses {
		for p, old := range l.by {
			if old.TokensAt(now) >= loginBurst {
				delete(l.by, p)
			}
		}
	}
	if len(l.by) >= maxAddresses {
		return l.others
	}
	l.by[prefix] = newLimiter()
	return l.by[prefix]
}
