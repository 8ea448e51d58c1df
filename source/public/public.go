// Package public tells addresses of the public internet from all others. It is
// the one place where that is decided, for images and for the networks' APIs.
package public

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// Internet judges addresses. It is safe for concurrent use.
type Internet struct {
	allow []netip.Prefix
	rules *ssrf.Guardian // IANA's special-purpose registries are closed, and all ports but 80 and 443
}

// New returns a judge that also lets in what allow names: intranets, tests.
func New(allow []netip.Prefix) *Internet {
	// The one address of a cloud's metadata that lies in public space: Azure's.
	azure := netip.PrefixFrom(netip.AddrFrom4([4]byte{168, 63, 129, 16}), 32)
	return &Internet{allow: allow, rules: ssrf.New(ssrf.WithDeniedV4Prefixes(azure))}
}

// Allowed reports whether ip was named, public or not.
func (i *Internet) Allowed(ip netip.Addr) bool {
	return slices.ContainsFunc(i.allow, func(p netip.Prefix) bool { return p.Contains(bare(ip)) })
}

// Open reports whether ip is public, or allowed.
func (i *Internet) Open(ip netip.Addr) bool {
	return i.Allowed(ip) || i.rules.SafeAddr(bare(ip)) == nil
}

// Port returns an error that wraps ssrf.ErrProhibitedPort for a port of a public
// address that is neither 80 nor 443.
func (i *Internet) Port(to netip.AddrPort) error {
	return i.rules.SafeAddrPort(netip.AddrPortFrom(bare(to.Addr()), to.Port()))
}

// bare is an address without clothes: IPv4 within IPv6 is judged as what it is.
func bare(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }
