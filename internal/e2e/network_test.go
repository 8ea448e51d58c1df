package e2e

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"weft/internal/config"
	"weft/internal/testredis"
)

// line is the network between the workers and one server.
type line struct {
	name  string
	proxy *toxiproxy.Proxy
}

// trouble is what a network does to a line for a while, as toxiproxy writes it.
// Without a toxic the line is cut: nobody listens, and what was open is closed.
type trouble struct{ name, toxic string }

func troubles() []trouble {
	return []trouble{
		{"cut", ""},
		{"reset", `{"name": "t", "type": "reset_peer", "attributes": {"timeout": 20}}`},
		{"answers truncated", `{"name": "t", "type": "limit_data", "attributes": {"bytes": 700}}`},
		{"questions truncated", `{"name": "t", "type": "limit_data", "stream": "upstream", "attributes": {"bytes": 700}}`},
		{"slow", `{"name": "t", "type": "latency", "attributes": {"latency": 250, "jitter": 200}}`},
		{"silent, then closed", `{"name": "t", "type": "timeout", "attributes": {"timeout": 900}}`},
	}
}

// badNetwork carries posts while the lines to the documents, to search and to
// Redis are cut, reset, truncated and delayed in turn: nothing is lost, nothing is
// there twice, no run fails, and nobody lends a hand. The buckets are left alone:
// the stand-in of GCS finds nothing when it is asked by another name than its own.
func badNetwork(t *testing.T) { //nolint:thelper // a test
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a test
	r := newFilesRig(t, 60, "8760h")
	lines := r.behindProxies()
	r.start(child{Import: r.importFile(), Label: true, Flaky: r.flaky()})
	r.start(child{Label: true, Flaky: r.flaky()})
	r.underWay()
	for range 2 {
		for _, l := range lines {
			all := troubles()
			for _, i := range rng.Perm(len(all))[:3] {
				t.Logf("%s: %s", l.name, all[i].name)
				l.suffer(t, all[i], func() { pause(r.ctx, 700*time.Millisecond) })
			}
		}
	}
	r.wait("everything to settle", settle, r.settled)
	r.check(0)
}

// behindProxies puts a proxy of its own before each server that the workers
// know. The test itself looks past them.
func (r *rig) behindProxies() []line {
	r.t.Helper()
	quiet := zerolog.Nop()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), quiet)
	var lines []line
	through := func(name, address string) string {
		u, err := url.Parse(address)
		if err != nil {
			r.t.Fatal(err)
		}
		at, err := testredis.FreeAddr() // which it can have again after it was cut
		if err != nil {
			r.t.Fatal(err)
		}
		p := toxiproxy.NewProxy(server, name, at, u.Host)
		if err := p.Start(); err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(p.Stop)
		lines = append(lines, line{name, p})
		u.Host = p.Listen
		return u.String()
	}
	names := map[string]string{"documents.url": "documents", "search.url": "search"}
	for _, o := range r.stores {
		if name := names[o.Key]; name != "" {
			r.more = append(r.more, config.Override{Key: o.Key, Value: through(name, o.Value)})
		}
	}
	r.more = append(r.more, config.Override{Key: "redis.url", Value: through("redis", r.redis.URL())})
	if len(lines) != 3 {
		r.t.Fatalf("%d lines: %v", len(lines), lines)
	}
	return lines
}

// suffer lets a line be in trouble meanwhile.
func (l line) suffer(t *testing.T, what trouble, meanwhile func()) {
	t.Helper()
	if what.toxic == "" {
		l.proxy.Stop()
		meanwhile()
		if err := l.proxy.Start(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(what.toxic)); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	l.proxy.Toxics.ResetToxics(t.Context())
}
