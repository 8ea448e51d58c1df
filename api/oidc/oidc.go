// Package oidc asks an identity provider (OpenID Connect) who somebody is: the
// authorization code flow with PKCE, and what its claims mean here.
//
// It keeps nothing of a login, and no token outlives the call that got it. What ties a login
// to a browser, and the session that follows, are the API's (api/oidc.go).
package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weft/models"
)

// askFor is how long the provider may take for one answer.
const askFor = 10 * time.Second

// Params is what a Provider needs.
type Params struct {
	Issuer       string // as the provider calls itself, to the letter
	ClientID     string
	ClientSecret string // empty: a public client, which PKCE alone protects
	RedirectURL  string // of the callback, as the provider knows it
	Scopes       []string
	Claim        string                 // says what Roles are for
	Roles        map[string]models.Role // by the claim's value; of several the highest counts
	Default      models.Role            // of whoever has none of these; empty: refused
	Now          func() time.Time
}

// Provider is an identity provider. Its metadata are read when they are first
// needed, so that it may be away while the API starts.
type Provider struct {
	Params

	client *http.Client

	mu    sync.Mutex
	known *metadata
}

// metadata is what a provider says of itself.
type metadata struct {
	*oidc.Provider

	keys   *oidc.RemoteKeySet
	algs   []string
	config oauth2.Config
}

// New returns a provider; nothing is asked of it yet.
func New(p Params) *Provider {
	if p.Now == nil {
		p.Now = time.Now
	}
	return &Provider{Params: p, client: &http.Client{Timeout: askFor, Transport: edge{http.DefaultTransport}}}
}

// Begin returns where a browser logs in.
func (p *Provider) Begin(ctx context.Context, l models.LoginAttempt) (string, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return "", err
	}
	return m.config.AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), nil
}

// Finish returns who logged in, for the code that the provider sent along with
// the browser. The error is models.ErrNoRole, Unavailable, or Permanent when what
// the provider says doesn't prove anything.
func (p *Provider) Finish(ctx context.Context, l models.LoginAttempt, code string) (models.Identity, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return models.Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := m.config.Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return models.Identity{}, fault("exchange the code", err)
	}
	claimed, err := p.verified(ctx, m, token, l.Nonce)
	if err != nil {
		return models.Identity{}, err
	}
	if claimed.lacks(p.Claim) && m.UserInfoEndpoint() != "" {
		// many providers keep these out of the token
		info, err := m.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return models.Identity{}, fault("user info", err)
		}
		more := claims{}
		if err := info.Claims(&more); err != nil {
			return models.Identity{}, fault("user info", err)
		}
		if info.Subject != claimed.text("sub") {
			return models.Identity{}, models.Faultf(models.Permanent, "oidc: user info is of somebody else")
		}
		claimed.add(more)
	}
	return p.identity(claimed)
}

// verified returns the claims of the ID token that came with token.
func (p *Provider) verified(ctx context.Context, m *metadata, token *oauth2.Token, nonce string) (claims, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, models.Faultf(models.Permanent, "oidc: the provider sent no id_token; is the scope openid asked for?")
	}
	keys := &watchedKeys{set: m.keys}
	id, err := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: m.algs, Now: p.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, fault("verify the token", errors.Join(err, keys.err))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, models.Faultf(models.Permanent, "oidc: the token's nonce is of another login")
	}
	got := claims{}
	if err := id.Claims(&got); err != nil {
		return nil, fault("claims", err)
	}
	// A token for several must say whom it was given to (OpenID Connect Core, 3.1.3.7).
	if by := got.text("azp"); (len(id.Audience) > 1 || by != "") && by != p.ClientID {
		return nil, models.Faultf(models.Permanent, "oidc: the token was given to another client")
	}
	return got, nil
}

// identity turns claims into who it is, and what they may do.
func (p *Provider) identity(c claims) (models.Identity, error) {
	sub := c.text("sub")
	if sub == "" || len(sub) > 255 {
		return models.Identity{}, models.Faultf(models.Permanent, "oidc: a subject of %d bytes; allowed are 1 to 255", len(sub))
	}
	who := models.Identity{Issuer: p.Issuer, Subject: sub, Name: c.name(p.Issuer), Role: p.Default}
	for _, v := range c.values(p.Claim) {
		if r, ok := p.Roles[v]; ok && (who.Role == "" || r.Allows(who.Role)) {
			who.Role = r
		}
	}
	if who.Role == "" {
		return who, fmt.Errorf("oidc: %w: the claim %q has none of the values that roles are for", models.ErrNoRole, p.Claim)
	}
	return who, nil
}

// metadata returns what the provider says of itself, which is asked for until it
// has answered once.
func (p *Provider) metadata(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	known := p.known
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "oidc: discover %s: %w", p.Issuer, err)
	}
	m := &metadata{Provider: found, config: oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: p.RedirectURL, Endpoint: found.Endpoint(), Scopes: p.Scopes,
	}}
	var said struct {
		Keys    string   `json:"jwks_uri"`
		Algs    []string `json:"id_token_signing_alg_values_supported"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&said); err != nil {
		return nil, models.Faultf(models.Unavailable, "oidc: discover %s: %w", p.Issuer, err)
	}
	m.algs = signed(said.Algs)
	// The context outlives the request: keys are read again when they have changed.
	m.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), p.client), said.Keys)
	// Without being told, oauth2 tries one way after the other, and some providers
	// take a code that is shown twice for stolen.
	m.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if p.ClientSecret != "" && (len(said.Methods) == 0 || slices.Contains(said.Methods, "client_secret_basic")) {
		m.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = cmp.Or(p.known, m)
	return p.known, nil
}

// signed returns those of a provider's algorithms that prove who signed: with HS256 whoever knows
// the client's secret could, and "none" is anybody.
func signed(said []string) []string {
	good := []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}
	both := slices.DeleteFunc(slices.Clone(said), func(a string) bool { return !slices.Contains(good, a) })
	if len(both) == 0 {
		return []string{oidc.RS256} // what every provider must offer
	}
	return both
}

// watchedKeys notes why a signature couldn't be checked: the verifier's own error
// keeps only the text of it.
type watchedKeys struct {
	set oidc.KeySet
	err error
}

// VerifySignature is oidc.KeySet's.
func (k *watchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.set.VerifySignature(ctx, jwt)
	k.err = err
	return payload, err
}

// edge classifies what keeps a provider from answering, whatever was asked.
type edge struct{ next http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (e edge) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := e.next.RoundTrip(r)
	if err != nil {
		return nil, models.Faultf(models.Unavailable, "oidc: %w", err)
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return nil, errors.Join(models.Faultf(models.Unavailable, "oidc: %s answers %s", r.URL.Host, resp.Status), resp.Body.Close())
	}
	return resp, nil
}

// fault is Permanent unless the edge has said otherwise: what was proved wrong
// doesn't become right by asking again.
func fault(what string, err error) error {
	if class := models.ClassOf(err); class == models.Unavailable {
		return models.Faultf(class, "oidc: %s: %w", what, err)
	}
	return models.Faultf(models.Permanent, "oidc: %s: %w", what, err)
}
