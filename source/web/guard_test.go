package web

import (
	"net/http"
	"net/netip"
	"testing"
)

// A name is judged by what it resolves to when the connection is made, whatever
// it resolved to before.
func TestNamesMustResolveToPublicAddresses(t *testing.T) {
	g := Public([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, "proxy.intra").Transport.(*routes).guard
	for address, want := range map[string]bool{
		"8.8.8.8:443": true, "8.8.8.8:8443": true, "10.1.2.3:8080": true, "[::ffff:10.1.2.3]:80": true, "[2606:4700::1111]:443": true,
		"10.2.0.1:443": false, "127.0.0.1:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "169.254.169.254:80": false,
		"168.63.129.16:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[fd00:ec2::254]:80": false, "0.0.0.0:80": false, "[fe80::1%eth0]:80": false, "name:80": false,
	} {
		if got := g.control(t.Context(), "tcp", address, nil) == nil; got != want {
			t.Errorf("%s: called %v, want %v", address, got, want)
		}
	}
	for host, want := range map[string]bool{"127.0.0.1": true, "::1": true, "LOCALHOST": true, "Proxy.intra": true, "localhost.": false, "127.1": false, "blog.example": false} {
		if got := g.ours(host); got != want {
			t.Errorf("%s is ours: %v, want %v", host, got, want)
		}
	}
	first, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.9.9.9:8080/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]bool{
		"http://10.9.9.9:8080/b": true, "http://10.9.9.9:8081/": false, "http://proxy.intra/": false, "http://blog.example/": true, "https://blog.example:443/": true,
		"http://blog.example:22/": false, "http://10.1.0.1:9000/": true,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.redirect(req, []*http.Request{first}) == nil; got != want {
			t.Errorf("a redirect to %s: followed %v, want %v", to, got, want)
		}
	}
}
