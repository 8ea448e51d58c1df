// Package idp is an identity provider for tests: discovery, keys, the authorization
// code flow with PKCE, and user info, over real HTTP with real RS256 signatures.
//
// It holds its clients to the rules (a code is good once, for the client and the
// address it was made for, with the verifier it was asked for with), and breaks
// them itself when a test says so.
package idp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Provider is a running provider. Its fields may be changed between logins.
type Provider struct {
	ClientID, Secret, Redirect string

	Claims map[string]any // of whoever logs in next; sub is needed
	Info   map[string]any // what only user info tells
	// Bend changes the token's claims before they are signed; may be nil.
	Bend func(claims map[string]any)
	// Forged signs with a key that is in nobody's list.
	Forged bool
	Refuse string // an error instead of a code
	NoKeys bool   // the list of keys is away

	server  *httptest.Server
	signing Keys
	now     func() time.Time

	mu     sync.Mutex
	codes  map[string]neturl.Values // the authorization requests by their code
	tokens map[string]map[string]any
	Asked  int // how often a code was exchanged
}

// Keys are a provider's, and a forger's. To make them takes longer than a login, so
// tests share them.
type Keys struct{ own, forged *rsa.PrivateKey }

// NewKeys makes some.
func NewKeys() (k Keys, err error) {
	if k.own, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return k, err
	}
	k.forged, err = rsa.GenerateKey(rand.Reader, 2048)
	return k, err
}

// Start runs a provider. The caller closes it.
func Start(keys Keys, now func() time.Time) *Provider {
	p := &Provider{
		ClientID: "weft", Secret: "of the client: ü", signing: keys, now: now,
		Claims: map[string]any{"sub": "u-1"}, codes: map[string]neturl.Values{}, tokens: map[string]map[string]any{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	p.server = httptest.NewServer(mux)
	return p
}

// Issuer is what the provider calls itself.
func (p *Provider) Issuer() string { return p.server.URL }

// Close ends it.
func (p *Provider) Close() { p.server.Close() }

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.Issuer(), "authorization_endpoint": p.Issuer() + "/authorize", "token_endpoint": p.Issuer() + "/token",
		"userinfo_endpoint": p.Issuer() + "/userinfo", "jwks_uri": p.Issuer() + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}, "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	if p.NoKeys {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.signing.own.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
}

// authorize sends the browser back at once: whoever it is has logged in before.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	if q.Get("client_id") != p.ClientID || q.Get("redirect_uri") != p.Redirect || q.Get("response_type") != "code" ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" || q.Get("nonce") == "" {
		http.Error(w, "a bad request for authorization", http.StatusBadRequest)
		return
	}
	back := neturl.Values{"state": {q.Get("state")}, "iss": {p.Issuer()}, "session_state": {"kept"}}
	if p.Refuse != "" {
		back.Set("error", p.Refuse)
	} else {
		code := rand.Text()
		p.codes[code] = q
		back.Set("code", code)
	}
	http.Redirect(w, r, p.Redirect+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Asked++
	id, secret, _ := r.BasicAuth()
	secret, _ = neturl.QueryUnescape(secret)
	if id != p.ClientID || secret != p.Secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	asked, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || r.FormValue("redirect_uri") != asked.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	now := p.now()
	claims := map[string]any{"iss": p.Issuer(), "aud": p.ClientID, "nonce": asked.Get("nonce"), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	maps.Copy(claims, p.Claims)
	if p.Bend != nil {
		p.Bend(claims)
	}
	raw, err := p.sign(claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	access := rand.Text()
	p.tokens[access] = map[string]any{"sub": p.Claims["sub"]}
	maps.Copy(p.tokens[access], p.Info)
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": raw})
}

func (p *Provider) sign(claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key := p.signing.own
	if p.Forged {
		key = p.signing.forged
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, ok := p.tokens[r.Header.Get("Authorization")[min(len("Bearer "), len(r.Header.Get("Authorization"))):]]
	if !ok {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	answer(w, http.StatusOK, info)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller went away
}
