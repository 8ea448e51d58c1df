package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/crawl"
	"weft/source/push"
)

// servePush takes posts over HTTP until ctx ends.
func (a *App) servePush(ctx context.Context) error {
	var tokens []push.Token
	for _, t := range a.Config.Push.Tokens {
		parts := strings.Split(t, ":") // name, hash and maybe sources, as the configuration has checked
		token := push.Token{Name: parts[0], SHA256: parts[1]}
		if len(parts) > 2 {
			token.Sources = strings.Split(parts[2], "+")
		}
		tokens = append(tokens, token)
	}
	h, err := push.New(pushed{intake{a}}, push.Options{Tokens: tokens, Now: a.opt.Now, Log: a.Log})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.Config.Push.Listen)
	if err != nil {
		return fmt.Errorf("app: push.listen: %w", err)
	}
	a.Log.Info("taking posts", "address", "http://"+l.Addr().String()+"/push")
	mux := http.NewServeMux()
	mux.Handle("/push", h)
	// Whoever has no token is done with after ReadTimeout; the handler gives a
	// body that may be pushed more of it.
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		// What is being taken is taken to its end.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err := server.Shutdown(end)
		if errors.Is(err, context.DeadlineExceeded) {
			// Whoever is cut off has no answer, and sends the body again.
			a.Log.Warn("push: requests were cut off: they took longer than a shutdown may")
			err = server.Close()
		}
		stopped <- err
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("app: push: %w", err)
	}
	return <-stopped
}

// pushed is the push endpoint's way into the stores: the same as the crawler's.
type pushed struct{ in intake }

// Admit stores posts and starts their runs.
func (p pushed) Admit(ctx context.Context, _ string, profiles []string, posts []models.Post) (map[models.AdmissionResult]int, error) {
	for _, name := range profiles {
		if _, err := p.in.a.Library.Named(ctx, name); err != nil {
			return nil, models.Faultf(models.Permanent, "%w", err)
		}
	}
	if err := p.room(ctx); err != nil {
		return nil, err
	}
	counts := map[models.AdmissionResult]int{}
	batch, err := p.in.admissions(ctx, crawl.Job{Profiles: profiles}, posts)
	if err != nil {
		return nil, err
	}
	return counts, p.in.a.Admit(ctx, batch, nil, counts)
}

// roomWithin is how long a push waits for a queue that is too deep, and
// roomAgain after what time it may come back.
const (
	roomWithin = 5 * time.Second
	roomAgain  = 30 * time.Second
)

// room waits for a little, and then sends the caller away: one that hangs is
// sent again by whoever lost patience, and both hold a connection.
func (p pushed) room(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, roomWithin)
	defer cancel()
	err := p.in.Room(short, func(string) {})
	if err != nil && short.Err() != nil && ctx.Err() == nil {
		return &source.Trouble{Kind: source.Throttled, Until: p.in.a.opt.Now().Add(roomAgain), Err: errors.New("the queue is too deep")}
	}
	return err
}

// Delete forgets posts.
func (p pushed) Delete(ctx context.Context, deletions []models.Deletion) error {
	return p.in.Admit(ctx, crawl.Job{Query: source.Query{Name: "push"}}, source.Batch{Deletions: deletions})
}
