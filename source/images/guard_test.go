package images

import (
	"errors"
	"net/netip"
	"testing"

	"code.dny.dev/ssrf"
)

func TestGuard(t *testing.T) {
	g := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")})
	for address, want := range map[string]error{
		"8.8.8.8:443":                     nil,
		"8.8.8.8:80":                      nil,
		"[2606:4700::1111]:443":           nil,
		"[::ffff:8.8.8.8]:443":            nil, // mapped, and public
		"8.8.8.8:22":                      ssrf.ErrProhibitedPort,
		"[2606:4700::1111]:8080":          ssrf.ErrProhibitedPort,
		"10.1.2.3:9000":                   nil, // allowed, on any port
		"[::ffff:10.1.2.3]:9000":          nil,
		"[fd00:1::5]:8080":                nil,
		"10.2.0.1:443":                    errPrivate,
		"127.0.0.1:80":                    errPrivate,
		"127.99.1.1:80":                   errPrivate,
		"0.0.0.0:80":                      errPrivate,
		"172.16.0.1:80":                   errPrivate,
		"192.168.1.1:443":                 errPrivate,
		"100.64.0.1:443":                  errPrivate, // carrier-grade NAT
		"100.100.100.200:80":              errPrivate, // Alibaba's metadata
		"169.254.169.254:80":              errPrivate, // everybody else's
		"169.254.170.2:80":                errPrivate,
		"168.63.129.16:80":                errPrivate, // Azure's wire server
		"224.0.0.1:80":                    errPrivate,
		"255.255.255.255:80":              errPrivate,
		"240.0.0.1:80":                    errPrivate,
		"198.18.0.1:80":                   errPrivate,
		"[::1]:80":                        errPrivate,
		"[::]:80":                         errPrivate,
		"[fe80::1%eth0]:80":               errPrivate,
		"[fc00::1]:80":                    errPrivate,
		"[fd00:ec2::254]:80":              errPrivate, // AWS' metadata
		"[fec0::1]:80":                    errPrivate,
		"[ff02::1]:80":                    errPrivate,
		"[::ffff:127.0.0.1]:80":           errPrivate,
		"[::ffff:169.254.169.254]:80":     errPrivate,
		"[::127.0.0.1]:80":                errPrivate, // IPv4-compatible
		"[64:ff9b::7f00:1]:80":            errPrivate, // NAT64
		"[64:ff9b::a9fe:a9fe]:80":         errPrivate,
		"[64:ff9b:1::7f00:1]:80":          errPrivate,
		"[2002:7f00:1::1]:80":             errPrivate, // 6to4
		"[2001:0:a9fe:a9fe::1]:80":        errPrivate, // Teredo
		"[2001:db8::1]:80":                errPrivate,
		"[::ffff:0:127.0.0.1]:80":         errPrivate, // SIIT
		"no address":                      errPrivate,
		"[2a00:1450:4001:830::200e]:443":  nil,
		"[2a00:1450:4001:830::200e]:6379": ssrf.ErrProhibitedPort,
	} {
		if err := g.control(t.Context(), "tcp", address, nil); !errors.Is(err, want) || (want == nil && err != nil) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
}
