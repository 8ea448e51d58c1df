package images

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// errPrivate: the address is not one of the public internet.
var errPrivate = errors.New("its host has an address that is not public, which is never called unless images.allow names it")

// guard decides where a connection may go. It sees the address that is about
// to be dialled, after all resolving, so neither a name nor a redirect nor a
// second answer of the name server gets around it.
type guard struct {
	allow  []netip.Prefix
	public *ssrf.Guardian // IANA's special-purpose registries are closed, and all ports but 80 and 443
}

func newGuard(allow []netip.Prefix) *guard {
	// The one address of a cloud's metadata that lies in public space: Azure's.
	azure := netip.PrefixFrom(netip.AddrFrom4([4]byte{168, 63, 129, 16}), 32)
	return &guard{allow: allow, public: ssrf.New(ssrf.WithDeniedV4Prefixes(azure))}
}

// control is a net.Dialer's ControlContext.
func (g *guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errPrivate, network)
	}
	return g.check(to)
}

func (g *guard) check(to netip.AddrPort) error {
	// An IPv4 address in IPv6's clothes is judged as what it is.
	ip := to.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	if g.public.SafeAddr(ip) != nil {
		return errPrivate // not which one: a reason may be shown to anybody
	}
	return g.public.SafeAddrPort(netip.AddrPortFrom(ip, to.Port()))
}
