package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"weft/source/public"
)

// errPrivate: somebody else than the operator sends us to an address that is not public.
var errPrivate = errors.New("it leads to an address that is not public, which is never called unless images.allow names it")

// Public returns a client that strangers can't turn against the network that
// this machine is in. Whoever owns a feed's or an instance's name decides what
// it resolves to, and where its answers redirect. So a name has to resolve to a
// public address, judged when the connection is made, or to one that allow
// names; a redirect to another host has to lead to a public address on port 80
// or 443. An address that the operator wrote as numbers, or localhost, or one of
// the hosts in own, is called as written: nobody else decides what that is.
//
// Where the environment names a proxy, the proxy resolves names, and has to
// refuse private addresses itself.
func Public(allow []netip.Prefix, own ...string) *http.Client {
	g := &guard{own: own, internet: public.New(allow)}
	g.plain = &net.Dialer{Timeout: timeout}
	g.strict = &net.Dialer{Timeout: timeout, ControlContext: g.control}
	direct := &http.Transport{
		DialContext: g.dial, ForceAttemptHTTP2: true, MaxIdleConns: 64, MaxIdleConnsPerHost: 4,
		MaxResponseHeaderBytes: 1 << 20, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
	}
	proxied := direct.Clone()
	proxied.Proxy, proxied.DialContext = http.ProxyFromEnvironment, g.plain.DialContext
	return &http.Client{Timeout: timeout, Transport: &routes{guard: g, direct: direct, proxied: proxied}, CheckRedirect: g.redirect}
}

// routes sends requests through the environment's proxy where it names one.
type routes struct {
	guard           *guard
	direct, proxied http.RoundTripper
}

// RoundTrip makes a request.
func (r *routes) RoundTrip(req *http.Request) (*http.Response, error) {
	if proxy, err := http.ProxyFromEnvironment(req); err != nil || proxy != nil {
		return r.proxied.RoundTrip(req)
	}
	return r.direct.RoundTrip(req)
}

// guard decides where a connection may go.
type guard struct {
	own           []string // hosts that the operator runs or trusts
	internet      *public.Internet
	plain, strict *net.Dialer
}

// dial connects to a host as it stands in an address. Ours were judged by
// redirect, if it wasn't the operator who wrote them.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err == nil && g.ours(host) {
		return g.plain.DialContext(ctx, network, address)
	}
	return g.strict.DialContext(ctx, network, address)
}

// control sees the address that is about to be dialled, after all resolving.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !g.internet.Open(to.Addr()) {
		return errPrivate
	}
	return nil
}

// redirect lets nobody choose another host of this machine's network.
func (g *guard) redirect(req *http.Request, via []*http.Request) error {
	host, port := req.URL.Hostname(), req.URL.Port()
	if req.URL.Host == via[0].URL.Host {
		return nil
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && g.internet.Allowed(ip):
		return nil
	case err == nil && !g.internet.Open(ip), err != nil && g.ours(host), port != "" && port != "80" && port != "443":
		return errPrivate
	}
	return nil
}

// ours reports whether the operator alone decides where host is.
func (g *guard) ours(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost") || slices.ContainsFunc(g.own, func(o string) bool { return strings.EqualFold(o, host) })
}
