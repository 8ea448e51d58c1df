package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"weft/models"
)

const (
	sessionCookie = "weft_session"
	csrfHeader    = "X-CSRF-Token"
	keyPrefix     = "weft"
	keyIDLength   = 10

	// known is how long a key or session that was read counts as read: so long
	// may another process's revocation take to be noticed here.
	known = 5 * time.Second
	// usedEvery is how often the use of a key is noted.
	usedEvery = time.Minute

	// Who brings wrong credentials from one address may do so ten times, and then
	// once in six seconds.
	wrongPerSecond = 1.0 / 6
	wrongBurst     = 10
)

// errNobody: the request carries no credentials that let anybody in.
var errNobody = errors.New("api: no valid credentials")

// Keyring reads the keys.
type Keyring interface {
	// Key returns a key, revoked or not, or models.ErrNotFound.
	Key(ctx context.Context, id string) (models.APIKey, error)
	// UseKey notes when a key was used last.
	UseKey(ctx context.Context, id string, at time.Time) error
}

// Sessions keeps the logins of the web app.
type Sessions interface {
	AddSession(ctx context.Context, s models.Session) error
	// Session returns a login, be it over or not, or models.ErrNotFound.
	Session(ctx context.Context, id string) (models.Session, error)
	EndSession(ctx context.Context, id string) error
}

// GuardParams is what a Guard needs.
type GuardParams struct {
	Keys     Keyring
	Sessions Sessions
	Life     time.Duration // of a session; twelve hours when zero
	Log      *slog.Logger  // required
	Now      func() time.Time
}

// Guard knows who sends a request. The API and the queues' monitor share it.
type Guard struct {
	GuardParams
	wrong *limits

	mu       sync.Mutex
	keys     map[string]remembered[models.APIKey]
	sessions map[string]remembered[models.Session]
}

type remembered[T any] struct {
	value T
	until time.Time
}

// NewGuard returns a guard over the stored keys and sessions.
func NewGuard(p GuardParams) (*Guard, error) {
	if p.Keys == nil || p.Sessions == nil || p.Log == nil {
		return nil, errors.New("api: a guard needs Keys, Sessions and Log")
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Life <= 0 {
		p.Life = 12 * time.Hour
	}
	return &Guard{
		GuardParams: p, wrong: newLimits(wrongPerSecond, wrongBurst),
		keys: map[string]remembered[models.APIKey]{}, sessions: map[string]remembered[models.Session]{},
	}, nil
}

// NewKey makes a key: what is shown once, and what is stored.
func NewKey(name string, role models.Role, by string, now time.Time) (shown string, k models.APIKey) {
	id, secret := strings.ToLower(rand.Text()[:keyIDLength]), strings.ToLower(rand.Text())
	shown = strings.Join([]string{keyPrefix, id, secret}, "_")
	return shown, models.APIKey{ID: id, Name: name, Role: role, Hash: hash(secret), CreatedAt: now.UTC().Truncate(time.Millisecond), CreatedBy: by}
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Who returns who sent the request, by its key or by its session. The error is
// errNobody's, a tooOften, or a store's.
func (g *Guard) Who(r *http.Request) (models.Principal, error) {
	p, err := g.who(r)
	if errors.Is(err, errNobody) && r.Header.Get("Authorization") != "" {
		err = g.refuse(r, err)
	}
	return p, err
}

// refuse counts wrong credentials against the address they come from. Good ones
// from there are let in all the same: many may share an address.
func (g *Guard) refuse(r *http.Request, err error) error {
	g.Log.WarnContext(r.Context(), "api: wrong credentials", "from", r.RemoteAddr)
	if wait := g.wrong.take(address(r.RemoteAddr), g.Now()); wait > 0 {
		return tooOften(wait)
	}
	return err
}

func (g *Guard) who(r *http.Request) (models.Principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, text, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return models.Principal{}, errNobody
		}
		k, err := g.key(r.Context(), strings.TrimSpace(text))
		return models.Principal{ID: k.ID, Name: k.Name, Role: k.Role}, err
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return models.Principal{}, errNobody
	}
	return g.session(r.Context(), hash(c.Value))
}

// key finds the key that text is, if it is one and lives.
func (g *Guard) key(ctx context.Context, text string) (models.APIKey, error) {
	id, secret, ok := strings.Cut(strings.TrimPrefix(text, keyPrefix+"_"), "_")
	if !ok || len(id) != keyIDLength || !strings.HasPrefix(text, keyPrefix+"_") {
		return models.APIKey{}, errNobody
	}
	k, err := g.readKey(ctx, id)
	if err != nil {
		return models.APIKey{}, err
	}
	if subtle.ConstantTimeCompare([]byte(hash(secret)), []byte(k.Hash)) != 1 {
		return models.APIKey{}, errNobody
	}
	g.used(ctx, k)
	return k, nil
}

// readKey returns a living key, which may have been read moments ago.
func (g *Guard) readKey(ctx context.Context, id string) (models.APIKey, error) {
	k, err := recall(g, g.keys, id, func() (models.APIKey, error) { return g.Keys.Key(ctx, id) })
	if errors.Is(err, models.ErrNotFound) || (err == nil && !k.Live(g.Now())) {
		return models.APIKey{}, errNobody
	}
	return k, err
}

// used notes the key's use, once in a while. That it can't be noted doesn't keep
// anybody out.
func (g *Guard) used(ctx context.Context, k models.APIKey) {
	now := g.Now()
	if now.Sub(k.UsedAt) < usedEvery {
		return
	}
	if err := g.Keys.UseKey(ctx, k.ID, now); err != nil {
		g.Log.WarnContext(ctx, "api: the use of a key was not noted", "key", k.ID, "error", err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r, ok := g.keys[k.ID]; ok {
		r.value.UsedAt = now
		g.keys[k.ID] = r
	}
}

// session returns who is logged in by the session of that id.
func (g *Guard) session(ctx context.Context, id string) (models.Principal, error) {
	s, err := recall(g, g.sessions, id, func() (models.Session, error) { return g.Sessions.Session(ctx, id) })
	if errors.Is(err, models.ErrNotFound) || (err == nil && !g.Now().Before(s.ExpiresAt)) {
		return models.Principal{}, errNobody
	}
	if err != nil {
		return models.Principal{}, err
	}
	if s.Key == "" && s.Subject == "" {
		return models.Principal{}, errNobody // nobody vouches for it
	}
	if s.Key == "" {
		return models.Principal{ID: "oidc:" + s.Subject, Name: s.Name, Role: s.Role, CSRF: s.CSRF}, nil
	}
	k, err := g.readKey(ctx, s.Key) // the key's present role, and its end
	return models.Principal{ID: k.ID, Name: k.Name, Role: k.Role, CSRF: s.CSRF}, err
}

// recall returns what was read moments ago, or reads it.
func recall[T any](g *Guard, from map[string]remembered[T], id string, read func() (T, error)) (T, error) {
	now := g.Now()
	g.mu.Lock()
	r, ok := from[id]
	g.mu.Unlock()
	if ok && now.Before(r.until) {
		return r.value, nil
	}
	v, err := read()
	if err != nil {
		return v, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(from) >= maxLimiters {
		clear(from)
	}
	from[id] = remembered[T]{v, now.Add(known)}
	return v, nil
}

// Forget makes this process read a key or session anew: it has just ended.
func (g *Guard) Forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.keys, id)
	delete(g.sessions, id)
}

// Login begins a session of whoever holds the key that text is.
func (g *Guard) Login(w http.ResponseWriter, r *http.Request, text string) (models.Principal, error) {
	k, err := g.key(r.Context(), strings.TrimSpace(text))
	if errors.Is(err, errNobody) {
		err = g.refuse(r, err)
	}
	if err != nil {
		return models.Principal{}, err
	}
	return g.Begin(w, r, models.Session{Name: k.Name, Role: k.Role, Key: k.ID})
}

// Begin keeps a session and sends its cookie. s says who it is.
func (g *Guard) Begin(w http.ResponseWriter, r *http.Request, s models.Session) (models.Principal, error) {
	secret, now := rand.Text(), g.Now().UTC()
	s.ID, s.CSRF, s.CreatedAt, s.ExpiresAt = hash(secret), rand.Text(), now, now.Add(g.Life)
	if err := g.Sessions.AddSession(r.Context(), s); err != nil {
		return models.Principal{}, err
	}
	http.SetCookie(w, g.cookie(r, secret, s.ExpiresAt))
	g.Log.InfoContext(r.Context(), "api: login", "name", s.Name, "role", s.Role, "key", s.Key, "subject", s.Subject, "from", r.RemoteAddr)
	return g.session(r.Context(), s.ID)
}

// Logout ends the request's session, if it has one.
func (g *Guard) Logout(w http.ResponseWriter, r *http.Request) error {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil //nolint:nilerr // nobody is logged in, which is what is wanted
	}
	gone := g.cookie(r, "", time.Unix(1, 0)) //nolint:gosec // as strict as the one that it removes
	gone.MaxAge = -1
	http.SetCookie(w, gone)
	err = g.Sessions.EndSession(r.Context(), hash(c.Value))
	g.Forget(hash(c.Value))
	return err
}

// cookie is a session's. Whether the request came by TLS may be told by a proxy:
// that can be forged, but all it does is to make the cookie stricter.
func (g *Guard) cookie(r *http.Request, value string, ends time.Time) *http.Cookie {
	secure := r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	return &http.Cookie{ //nolint:gosec // on loopback there is no TLS, and a secure cookie would never come back
		Name: sessionCookie, Value: value, Path: "/", Expires: ends, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	}
}

// tooOften says how long to wait before asking again.
type tooOften time.Duration

func (t tooOften) Error() string { return "api: too many requests" }

// Wait returns how long to wait after an error of Who or Login; 0: it is none of that kind.
func Wait(err error) time.Duration {
	t, _ := errors.AsType[tooOften](err)
	return time.Duration(t)
}

// Nobody reports whether an error of Who or Login means that the credentials are
// missing or wrong.
func Nobody(err error) bool { return errors.Is(err, errNobody) }
