package monitor

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// The roles.
const (
	Viewer   = "viewer"   // sees everything, changes nothing
	Operator = "operator" // may pause, run, archive and delete
)

// User may log in.
type User struct {
	Name         string
	PasswordHash string // as HashPassword makes it
	Role         string // Viewer or Operator
}

const (
	hashCost    = 12 // about 0.2 s of CPU for a login
	minPassword = 8
	maxPassword = 72 // bcrypt ignores or refuses what is beyond
)

// HashPassword returns what stands in a User for password.
func HashPassword(password string) (string, error) {
	if n := len(password); n < minPassword || n > maxPassword {
		return "", fmt.Errorf("monitor: a password has %d to %d bytes, this one has %d", minPassword, maxPassword, n)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), hashCost)
	if err != nil {
		return "", fmt.Errorf("monitor: hash password: %w", err)
	}
	return string(hash), nil
}

// GeneratePassword returns a new password of 26 letters and digits (130 bits).
func GeneratePassword() string { return rand.Text() }

const (
	cookieName   = "weft_monitor"
	sessionTime  = 12 * time.Hour
	maxRevoked   = 10_000
	parallelHash = 2 // logins that may burn CPU at the same time
)

// guard knows who is who. A session is a signed cookie, so it needs no store: a
// restart with the same key keeps it, and a changed password ends it.
type guard struct {
	users   map[string]User
	key     []byte
	decoy   []byte // compared when there is no such user, so that both take equally long
	now     func() time.Time
	limits  *limits
	hashing chan struct{}

	mu      sync.Mutex
	revoked map[string]time.Time // logged out sessions, until they would have ended
}

func newGuard(users []User, key []byte, now func() time.Time) (*guard, error) {
	g := &guard{users: map[string]User{}, key: key, now: now, limits: newLimits(), hashing: make(chan struct{}, parallelHash), revoked: map[string]time.Time{}}
	if len(users) == 0 {
		return nil, errors.New("monitor: at least one user is needed")
	}
	if len(key) < 32 {
		return nil, fmt.Errorf("monitor: the session key has %d bytes; at least 32 are needed", len(key))
	}
	highest := bcrypt.MinCost
	for _, u := range users {
		cost, err := bcrypt.Cost([]byte(u.PasswordHash))
		if err != nil {
			return nil, fmt.Errorf("monitor: user %q: the password hash is not one of bcrypt", u.Name)
		}
		if u.Role != Viewer && u.Role != Operator {
			return nil, fmt.Errorf("monitor: user %q: %q is not a role; allowed: %s, %s", u.Name, u.Role, Viewer, Operator)
		}
		if _, twice := g.users[u.Name]; twice || u.Name == "" {
			return nil, fmt.Errorf("monitor: user %q has no name or is there twice", u.Name)
		}
		g.users[u.Name], highest = u, max(highest, cost)
	}
	decoy, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), highest)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	g.decoy = decoy
	return g, nil
}

// check tells whether the password is the user's. It takes equally long for
// users that don't exist.
func (g *guard) check(ctx context.Context, name, password string) (User, bool) {
	select {
	case g.hashing <- struct{}{}:
		defer func() { <-g.hashing }()
	case <-ctx.Done():
		return User{}, false
	}
	u, known := g.users[name]
	hash := g.decoy
	if known {
		hash = []byte(u.PasswordHash)
	}
	err := bcrypt.CompareHashAndPassword(hash, []byte(password))
	return u, known && err == nil
}

// cookie returns a new session of u. secure is for requests that came by TLS.
func (g *guard) cookie(u User, secure bool) *http.Cookie {
	ends := g.now().Add(sessionTime)
	id := rand.Text()
	value := strings.Join([]string{encode([]byte(u.Name)), strconv.FormatInt(ends.Unix(), 10), id}, ".")
	return &http.Cookie{ //nolint:gosec // on loopback there is no TLS, and a secure cookie would never come back
		Name: cookieName, Value: value + "." + encode(g.sign(value, u)), Path: "/", Expires: ends,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	}
}

// sign covers the password's hash too, so a new password ends old sessions.
func (g *guard) sign(value string, u User) []byte {
	h := hmac.New(sha256.New, g.key)
	h.Write([]byte(value + "\x00" + u.PasswordHash))
	return h.Sum(nil)
}

// user returns whose session the request carries. The role is the user's
// present one, not that of the login.
func (g *guard) user(r *http.Request) (User, bool) {
	u, _, _, ok := g.session(r)
	return u, ok
}

func (g *guard) session(r *http.Request) (u User, id string, ends time.Time, ok bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return User{}, "", time.Time{}, false
	}
	parts := strings.Split(c.Value, ".")
	if len(parts) != 4 {
		return User{}, "", time.Time{}, false
	}
	name, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	unix, err2 := strconv.ParseInt(parts[1], 10, 64)
	mac, err3 := base64.RawURLEncoding.DecodeString(parts[3])
	u = g.users[string(name)] // an unknown name has no password hash, and so no valid signature either
	valid := hmac.Equal(mac, g.sign(strings.Join(parts[:3], "."), u))
	ends = time.Unix(unix, 0)
	if !valid || u.Name == "" || errors.Join(err1, err2, err3) != nil || !g.now().Before(ends) {
		return User{}, "", time.Time{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, out := g.revoked[parts[2]]; out {
		return User{}, "", time.Time{}, false
	}
	return u, parts[2], ends, true
}

// revoke ends the request's session.
func (g *guard) revoke(r *http.Request) (User, bool) {
	u, id, ends, ok := g.session(r)
	if !ok {
		return User{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.revoked) >= maxRevoked {
		for old, end := range g.revoked {
			if g.now().After(end) {
				delete(g.revoked, old)
			}
		}
	}
	g.revoked[id] = ends
	return u, true
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
