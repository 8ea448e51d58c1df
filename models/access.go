package models

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Role says what somebody may do. Each may do all that those before it may.
type Role string

// The roles, from the least to the most.
const (
	Viewer   Role = "viewer"   // reads posts, search, status
	Labeler  Role = "labeler"  // answers questions
	Analyst  Role = "analyst"  // asks large questions: simulations, exports, plans
	Operator Role = "operator" // replays, pauses, starts campaigns
	Admin    Role = "admin"    // forgets posts, hands out keys, reads the audit log
)

// Roles returns every role, from the least to the most.
func Roles() []Role { return []Role{Viewer, Labeler, Analyst, Operator, Admin} }

// Known reports whether there is such a role.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }

// Allows reports whether r may do what asks for least. An unknown role may do
// nothing.
func (r Role) Allows(least Role) bool {
	return r.Known() && least.Known() && slices.Index(Roles(), r) >= slices.Index(Roles(), least)
}

// APIKey lets one party in. The secret itself is shown once and never stored.
type APIKey struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Hash      string    `json:"hash"` // SHA-256 of the secret, in hex: it is random, so nothing slower is needed
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by,omitempty"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	UsedAt    time.Time `json:"used_at,omitzero"` // to the minute
}

// Live reports whether the key lets anybody in at the given time.
func (k *APIKey) Live(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Session is a login of the web app, by a key or through an identity provider.
type Session struct {
	ID        string    `json:"id"` // SHA-256 of what the cookie holds, in hex
	Name      string    `json:"name"`
	Role      Role      `json:"role"`              // of a login through a provider; that of Key otherwise
	Key       string    `json:"key,omitempty"`     // id of the key that logged in: the session ends with it
	Subject   string    `json:"subject,omitempty"` // Identity.ID of a login through a provider
	CSRF      string    `json:"csrf"`              // what writes of this session must carry in a header
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// ErrNoRole: an identity provider knows who it is, and no role is meant for them.
var ErrNoRole = errors.New("no role is meant for this person")

// Identity is whom an identity provider vouches for.
type Identity struct {
	Issuer  string
	Subject string // what the issuer calls them for ever; names may change hands
	Name    string // no two people of an issuer have the same
	Role    Role
}

// ID names the person for ever, at whatever provider.
func (i Identity) ID() string { return i.Subject + "@" + i.Issuer }

// LoginAttempt ties a login at a provider to the browser that began it. All three
// are random; the provider learns State and Nonce, and only a hash of Verifier
// until it gives out the token.
type LoginAttempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// AuditLine says who changed what over the API. It is written twice: before the
// change, with Status 0, and after it.
type AuditLine struct {
	ID      string    `json:"id"` // grows with time
	At      time.Time `json:"at"`
	By      string    `json:"by"` // id of a Principal
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Action  string    `json:"action"` // the operation's id
	Target  string    `json:"target,omitempty"`
	Before  string    `json:"before,omitempty"` // in a few words or JSON; never a secret
	After   string    `json:"after,omitempty"`
	Request string    `json:"request"`
	Status  int       `json:"status"` // of the answer; 0: it was begun, and its end is not known
}

// AuditID returns a new line's id: lines are listed in the order of their ids.
func AuditID(now time.Time) string {
	return fmt.Sprintf("%013x-%s", now.UnixMicro(), strings.ToLower(rand.Text()[:10]))
}

// AuditFilter selects lines of the audit log, the newest first.
type AuditFilter struct {
	By     string
	Action string
	Before string // cursor: id of the last line seen
	Limit  int    // 0 means 100
}

// Reservation is a request that must not be done twice: its Idempotency-Key, and
// what it was answered.
type Reservation struct {
	ID      string            `json:"id"`   // a hash of who asked for what under which key
	Hash    string            `json:"hash"` // of the request
	Status  int               `json:"status"`
	Header  map[string]string `json:"header,omitempty"`
	Body    []byte            `json:"body,omitempty"`
	At      time.Time         `json:"at"`
	Expires time.Time         `json:"expires"`
}

// Principal is who sends a request.
type Principal struct {
	ID   string `json:"id"` // of a key, or "oidc:" and Identity.ID
	Name string `json:"name"`
	Role Role   `json:"role"`
	CSRF string `json:"-"` // of a session: what its writes must carry; empty for a key
}
