package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/internal/config"
	"weft/source"
	"weft/source/bluesky"
	"weft/source/crawl"
	"weft/source/feed"
	"weft/source/file"
	"weft/source/gazetteer"
	"weft/source/instagram"
	"weft/source/mastodon"
	"weft/source/reddit"
	"weft/source/web"
	"weft/source/weibo"
)

// Collection says what to collect.
type Collection struct {
	Queries []string // by name; empty: all that are configured
	Once    bool     // end when each query was read to its end once
}

// Collector collects what the configuration names: it crawls, and takes what is pushed.
type Collector struct {
	a       *App
	crawler *crawl.Crawler
	once    bool
	queries int
}

// NewCollector checks the configured queries, all of them at once.
func (a *App) NewCollector(ctx context.Context, c Collection) (*Collector, error) {
	connectors, err := a.connectors()
	if err != nil {
		return nil, err
	}
	jobs, err := a.jobs(ctx, c, connectors)
	if err != nil {
		return nil, err
	}
	if len(jobs) == 0 && (c.Once || a.Config.Push.Listen == "") {
		return nil, errors.New("there is nothing to collect: name queries in the configuration (docs/sources shows how), or set push.listen")
	}
	host, _ := os.Hostname()
	cfg := a.Config.Crawl
	crawler := crawl.New(jobs, connectors, a.Documents, intake{a}, crawl.Options{
		// The last part tells containers apart, which may share a name and all have process 1.
		Holder: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8]), Backoff: cfg.Backoff, Lease: cfg.Lease, Once: c.Once,
		Recheck: cfg.RecheckEvery, Age: cfg.RecheckAge, Now: a.opt.Now, Crash: a.opt.Crash.Hit, Recorder: a.Metrics, Log: a.Log,
	})
	return &Collector{a: a, crawler: crawler, once: c.Once, queries: len(jobs)}, nil
}

// Collects reports whether the configuration names anything to collect.
func (a *App) Collects() bool { return len(a.Config.Queries) > 0 || a.Config.Push.Listen != "" }

// Run collects until ctx ends, or, with Once, until each query was read.
func (c *Collector) Run(ctx context.Context) error {
	c.a.Log.Info("collecting", "queries", c.queries, "push", c.a.Config.Push.Listen)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := c.crawler.Run(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // told to stop
		}
		return err
	})
	if !c.once && c.a.Config.Push.Listen != "" {
		g.Go(func() error { return c.a.servePush(ctx) })
	}
	return g.Wait()
}

// jobs turns the configured queries into jobs, or tells everything that is wrong with them.
func (a *App) jobs(ctx context.Context, c Collection, connectors map[string]source.Connector) ([]crawl.Job, error) {
	var jobs []crawl.Job
	var errs []error
	var names []string
	for _, q := range a.Config.Queries {
		names = append(names, q.Name)
		if len(c.Queries) > 0 && !slices.Contains(c.Queries, q.Name) {
			continue
		}
		job := crawl.Job{Query: source.Query{Name: q.Name, Source: q.Source, Every: time.Duration(q.Every), Params: q.Params}, Profiles: q.Profiles}
		jobs = append(jobs, job)
		for _, err := range a.checkJob(ctx, job, connectors) {
			errs = append(errs, fmt.Errorf("query %q: %w", q.Name, err))
		}
	}
	for _, name := range c.Queries {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("no query %q; there are: %s", name, strings.Join(names, ", ")))
		}
	}
	return jobs, errors.Join(errs...)
}

func (a *App) checkJob(ctx context.Context, job crawl.Job, connectors map[string]source.Connector) []error {
	var errs []error
	conn, ok := connectors[job.Source]
	if !ok {
		errs = append(errs, fmt.Errorf("unknown source %q; there are: %s", job.Source, strings.Join(slices.Sorted(maps.Keys(connectors)), ", ")))
	} else {
		errs = source.CheckQuery(job.Query, conn.Params())
	}
	for _, p := range job.Profiles {
		if _, err := a.Library.Named(ctx, p); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// connectors makes one connector for each network, over one web client.
func (a *App) connectors() (map[string]source.Connector, error) {
	allow, err := a.allowed()
	if err != nil {
		return nil, err
	}
	client := &web.Client{HTTP: web.Public(allow, ownHosts(a.Config.Sources)...), Agent: a.Config.Crawl.Agent, Now: a.opt.Now}
	if a.Limiter != nil {
		client.Limits = paced{a.Limiter, max(a.opt.Pace, 1)}
	}
	made, err := network(a.Config.Sources, client, a.Documents, a.opt.Now)
	if err != nil {
		return nil, err
	}
	out := map[string]source.Connector{}
	for name, n := range made {
		out[name] = n
	}
	out["file"] = file.New(file.Options{Now: a.opt.Now})
	return out, nil
}

// ownHosts are the servers that the configuration puts in a network's place:
// they may lie in the operator's own network.
func ownHosts(s config.Sources) []string {
	var out []string
	for _, address := range []string{
		s.Bluesky.URL, s.Bluesky.Public, s.Bluesky.CDN, s.Instagram.URL, s.Mastodon.URL, s.Reddit.URL, s.Reddit.Auth, s.Weibo.URL, s.Weibo.MobileURL,
	} {
		if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
			out = append(out, u.Hostname())
		}
	}
	return out
}

// connector is what each network's package gives.
type connector interface {
	source.Connector
	source.Parser
}

// network makes the connectors that talk to networks.
func network(s config.Sources, client *web.Client, windows instagram.Windows, now func() time.Time) (map[string]connector, error) {
	places, err := gazetteer.New()
	if err != nil {
		return nil, fmt.Errorf("app: gazetteer: %w", err)
	}
	return map[string]connector{
		"bluesky":  bluesky.New(bluesky.Options{Web: client, Base: s.Bluesky.URL, Public: s.Bluesky.Public, CDN: s.Bluesky.CDN, Handle: s.Bluesky.Handle, AppPassword: s.Bluesky.Password, Now: now}),
		"feed":     feed.New(feed.Options{Web: client, Now: now}),
		"mastodon": mastodon.New(mastodon.Options{Web: client, Base: s.Mastodon.URL, Token: s.Mastodon.Token, TokenInstance: s.Mastodon.Instance, Now: now}),
		"instagram": instagram.New(instagram.Options{
			Web: client, Base: s.Instagram.URL, Version: s.Instagram.Version, Token: s.Instagram.Token, Secret: s.Instagram.AppSecret, UserID: s.Instagram.UserID,
			Windows: windows, Now: now,
		}),
		"reddit": reddit.New(reddit.Options{Web: client, Base: s.Reddit.URL, Auth: s.Reddit.Auth, ClientID: s.Reddit.ClientID, ClientSecret: s.Reddit.ClientSecret, Now: now}),
		"weibo": weibo.New(weibo.Options{
			Web: client, Places: places, Base: s.Weibo.URL, Token: s.Weibo.Token, Rate: source.Rate{N: s.Weibo.CallsPerDay, Per: 24 * time.Hour}, AllowMobile: s.Weibo.Mobile, MobileBase: s.Weibo.MobileURL, Cookie: s.Weibo.MobileCookie, Now: now,
		}),
	}, nil
}

// Parsers returns what reads recorded answers, by network. It needs no stores.
func Parsers(now func() time.Time) (map[string]source.Parser, error) {
	made, err := network(config.Sources{}, &web.Client{HTTP: &http.Client{}}, nil, now)
	if err != nil {
		return nil, err
	}
	out := map[string]source.Parser{"file": file.New(file.Options{Now: now})}
	for name, c := range made {
		out[name] = c
	}
	return out, nil
}

// ParserNames returns their names in order.
func ParserNames(parsers map[string]source.Parser) []string { return slices.Sorted(maps.Keys(parsers)) }

// paced lets tests hurry: the made-up networks don't mind.
type paced struct {
	source.Limiter
	times int
}

func (p paced) Wait(ctx context.Context, k source.Key, r source.Rate) error {
	r.N *= p.times
	return p.Limiter.Wait(ctx, k, r)
}

// Report keeps a hurried caller from slowing down before the network's limit.
func (p paced) Report(ctx context.Context, k source.Key, s source.Signal) error {
	if p.times > 1 {
		s.Known = false
	}
	if s.Until.IsZero() && s.Stop == "" && !s.Known {
		return nil
	}
	return p.Limiter.Report(ctx, k, s)
}
