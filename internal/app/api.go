package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"weft/api"
	"weft/api/oidc"
	"weft/models"
	"weft/web"
)

// Guard knows who asks the API and the monitor, by the stored keys and sessions.
func (a *App) Guard() (*api.Guard, error) {
	return api.NewGuard(api.GuardParams{Keys: a.Documents, Sessions: a.Documents, Life: a.Config.API.Session, Log: a.Log, Now: a.opt.Now})
}

// API returns the HTTP API over the opened stores.
func (a *App) API(ctx context.Context, guard *api.Guard) (http.Handler, error) {
	secret, err := a.secret(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := a.Reader(ctx)
	if err != nil {
		return nil, err
	}
	p, both, labels := ports{a}, readings{a, reader}, a.labelDesk()
	return api.New(api.Params{
		Guard: guard, Provider: a.provider(), Keys: a.Documents, Audit: a.Documents, Requests: a.Documents, Secret: secret,
		Search: a.Search, Posts: a.Documents, Images: a.Blobs, Desk: labels, Claims: labels, Leases: labels, Judgments: labels, Quality: labels, Runs: a.Documents,
		Both: both, Trends: both, Exports: exportsPort{a, reader},
		Pipeline: p, Profiles: p, Subjects: p, Forgetting: p, Books: a.Documents, Campaigns: p,
		App:  web.Handler(),
		Rate: float64(a.Config.API.Rate), Now: a.opt.Now, Observe: a.Metrics.Request, Log: a.Log,
		Checks: []api.Check{
			{Name: "documents", Ask: func(ctx context.Context) error { _, err := a.Documents.Meta(ctx, "ready"); return err }},
			{Name: "search", Ask: func(ctx context.Context) error {
				_, err := a.Search.Get(ctx, "weft.ready")
				if errors.Is(err, models.ErrNotFound) {
					return nil // that it answers counts
				}
				return err
			}},
		},
	})
}

// provider is the identity provider that people may log in through, or nil.
func (a *App) provider() api.Provider {
	o := a.Config.API.OIDC
	if o.Issuer == "" {
		return nil
	}
	return oidc.New(oidc.Params{
		Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, RedirectURL: o.RedirectURL, Scopes: o.Scopes,
		Claim: o.Claim, Roles: o.RoleOf(), Default: models.Role(o.DefaultRole), Now: a.opt.Now,
	})
}

// secret signs what all processes of an installation give out. It is kept as a
// reserved request, because of several that make one at the same time the first wins.
func (a *App) secret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) // never fails: the program ends instead
	now := a.opt.Now()
	kept, err := a.Documents.ReserveRequest(ctx, models.Reservation{ID: "secret of the api", Status: 1, Body: fresh, At: now, Expires: now.AddDate(100, 0, 0)})
	if err != nil && !errors.Is(err, models.ErrConflict) {
		return nil, fmt.Errorf("app: api: secret: %w", err)
	}
	return kept.Body, nil
}

// ServeAPI serves the API and the metrics where the configuration says until ctx
// ends. It tells ready where it listens.
func (a *App) ServeAPI(ctx context.Context, ready func(url string)) error {
	guard, err := a.Guard()
	if err != nil {
		return err
	}
	h, err := a.API(ctx, guard)
	if err != nil {
		return err
	}
	stopMetrics, err := a.ServeMetrics(ctx)
	if err != nil {
		return err
	}
	defer stopMetrics()
	return a.Serve(ctx, a.Config.API.Listen, h, ready)
}

// Serve serves h at addr until ctx ends, and then lets the requests under way come
// to their end, for as long as draining may take. It tells ready where it listens.
func (a *App) Serve(ctx context.Context, addr string, h http.Handler, ready func(url string)) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("app: listen: %w", err)
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ready("http://" + listener.Addr().String())
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("app: serve: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.Drain)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		return errors.Join(fmt.Errorf("app: serve: requests were cut off: %w", err), server.Close())
	}
	return nil
}
