package images

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"weft/source/public"
)

// errPrivate: the address is not one of the public internet.
var errPrivate = errors.New("its host has an address that is not public, which is never called unless images.allow names it")

// guard decides where a connection may go. It sees the address that is about
// to be dialled, after all resolving, so neither a name nor a redirect nor a
// second answer of the name server gets around it.
type guard struct{ internet *public.Internet }

func newGuard(allow []netip.Prefix) *guard { return &guard{public.New(allow)} }

// control is a net.Dialer's ControlContext.
func (g *guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errPrivate, network)
	}
	return g.check(to)
}

func (g *guard) check(to netip.AddrPort) error {
	switch {
	case g.internet.Allowed(to.Addr()):
		return nil
	case !g.internet.Open(to.Addr()):
		return errPrivate // not which one: a reason may be shown to anybody
	}
	return g.internet.Port(to)
}
