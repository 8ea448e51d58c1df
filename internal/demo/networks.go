package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/sim/network"
	"weft/models"
)

// Collected is what came of collecting from made-up networks.
type Collected struct {
	Posts   int     `json:"posts"`   // collected, and still there in the end
	Edited  int     `json:"edited"`  // of them, since they were written
	Deleted int     `json:"deleted"` // of all that were written: gone here too
	Seconds float64 `json:"seconds"`
}

// made is one made-up network on loopback.
type made struct {
	source string
	world  *network.World
	query  config.Query
}

// native is the network's own id of post n.
func (m made) native(n int) string {
	if m.source == "bluesky" {
		return m.world.BlueskyID(n)
	}
	return network.MastodonID(n)
}

// collect starts two made-up networks, on which people write, edit and delete,
// and lets the connectors collect from them over HTTP and WebSocket until
// everything is here as it is there.
func collect(ctx context.Context, a *app.App, seed uint64, posts int) (Collected, error) {
	start := time.Now()
	networks, stop, err := online(ctx, &a.Config, seed, posts)
	if err != nil {
		return Collected{}, err
	}
	defer stop()
	collector, err := a.NewCollector(ctx, app.Collection{})
	if err != nil {
		return Collected{}, fmt.Errorf("demo: %w", err)
	}
	crawling, done := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- collector.Run(crawling) }()
	for missing := "anything"; missing != ""; {
		select {
		case err := <-ended:
			done()
			return Collected{}, fmt.Errorf("demo: collect: %w", errors.Join(err, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
		missing = ""
		for _, n := range networks {
			n.world.Advance(posts / 20)
			if what, err := n.compare(ctx, a); err != nil || what != "" {
				missing = what + fmt.Sprint(err)
			}
		}
	}
	done()
	c := Collected{Seconds: time.Since(start).Seconds()}
	for _, n := range networks {
		for _, t := range n.world.Truths() {
			switch {
			case t.Gone:
				c.Deleted++
			case !t.EditedAt.IsZero():
				c.Edited++
				fallthrough
			default:
				c.Posts++
			}
		}
	}
	return c, <-ended
}

// online serves the networks on loopback, and configures a query for each.
func online(ctx context.Context, cfg *config.Config, seed uint64, posts int) ([]made, func(), error) {
	var servers []*http.Server
	stop := func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	var out []made
	for i, name := range []string{"mastodon", "bluesky"} {
		m := made{source: name, world: network.NewWorld(network.Options{
			Seed: seed + uint64(i), Posts: posts, Tag: "ootd", Start: time.Now().Add(-time.Hour).UTC().Truncate(time.Second), Edits: 0.1, Removals: 0.1, Images: 20,
		})}
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("demo: %w", err)
		}
		base := "http://" + l.Addr().String()
		m.query = config.Query{Name: "demo-" + name, Source: name, Profiles: []string{"tendencies"}, Every: config.Span(time.Second)}
		h := m.world.Mastodon(network.MastodonOptions{})
		m.query.Params = map[string]string{"instance": "fashion.example", "tag": "ootd"}
		if name == "bluesky" {
			h = m.world.Bluesky(network.BlueskyOptions{})
			m.query.Params = map[string]string{"host": "ws://" + l.Addr().String(), "tags": "ootd", "flush": "100ms"}
			cfg.Sources.Bluesky.Public, cfg.Sources.Bluesky.CDN = base, base
		} else {
			cfg.Sources.Mastodon.URL = base
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
		servers = append(servers, s)
		go func() { _ = s.Serve(l) }()
		cfg.Queries = append(cfg.Queries, m.query)
		out = append(out, m)
	}
	return out, stop, nil
}

// compare tells what is not yet here as it is there.
func (m made) compare(ctx context.Context, a *app.App) (string, error) {
	if !m.world.Finished() {
		return m.source + " goes on", nil
	}
	for _, t := range m.world.Truths() {
		post, runs, err := a.Documents.Post(ctx, models.PostID(m.source, m.native(t.N)))
		there := err == nil && post.Tombstone == nil
		if err != nil && !errors.Is(err, models.ErrNotFound) {
			return "", err
		}
		switch {
		case t.Gone && there:
			return fmt.Sprintf("%s %d is deleted", m.source, t.N), nil
		case t.Gone:
		case !there:
			return fmt.Sprintf("%s %d is missing", m.source, t.N), nil
		case !t.EditedAt.IsZero() && !strings.Contains(post.Text, "(edited)"):
			return fmt.Sprintf("%s %d was edited", m.source, t.N), nil
		default:
			for _, r := range runs {
				if r.State == models.Queued {
					return r.String() + " is on its way", nil
				}
			}
		}
	}
	return "", nil
}
