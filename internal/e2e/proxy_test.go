package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// wires are what lies between the workers and the servers: a proxy in front of
// each, which cuts, truncates and delays connections when it is told to.
type wires struct {
	t       *testing.T
	proxies map[string]*toxiproxy.Proxy
}

// newWires puts a proxy in front of each address, and returns the addresses of
// the proxies under the same names.
func newWires(t *testing.T, upstreams map[string]string) (*wires, map[string]string) {
	t.Helper()
	n := &wires{t: t, proxies: map[string]*toxiproxy.Proxy{}}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	addresses := map[string]string{}
	for name, address := range upstreams {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		p := toxiproxy.NewProxy(server, name, "127.0.0.1:0", u.Host)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		n.proxies[name] = p
		addresses[name] = strings.Replace(address, u.Host, p.Listen, 1)
	}
	return n, addresses
}

// The troubles of a network, as toxiproxy writes them. Each meets the answers of
// the server, so that it did what it was asked and nobody knows.
const (
	slow      = `{"type": "latency", "attributes": {"latency": 700, "jitter": 300}}`
	reset     = `{"type": "reset_peer", "attributes": {"timeout": 20}}`
	truncated = `{"type": "limit_data", "attributes": {"bytes": 3000}}`
	silent    = `{"type": "timeout", "attributes": {"timeout": 4000}}`
)

// trouble gives the named server's connections a trouble.
func (n *wires) trouble(name, toxic string) {
	n.t.Helper()
	if _, err := n.proxies[name].Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		n.t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}

// calm ends every trouble.
func (n *wires) calm() {
	for _, p := range n.proxies {
		p.Toxics.ResetToxics(context.Background())
	}
}
