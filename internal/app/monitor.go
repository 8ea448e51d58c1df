package app

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"weft/api"
	"weft/models"
	"weft/queue/monitor"
)

// doorkeeper is the API's guard in the monitor's words.
type doorkeeper struct {
	guard *api.Guard
	log   *slog.Logger
}

// User returns who is logged in.
func (d doorkeeper) User(r *http.Request) (models.Principal, bool) {
	p, err := d.guard.Who(r)
	if err != nil && !api.Nobody(err) && api.Wait(err) == 0 {
		d.log.ErrorContext(r.Context(), "monitor: who asks can't be found out", "error", err)
	}
	return p, err == nil
}

// Login begins a session with a key.
func (d doorkeeper) Login(w http.ResponseWriter, r *http.Request, key string) (models.Principal, time.Duration, bool) {
	p, err := d.guard.Login(w, r, key)
	if err != nil && !api.Nobody(err) && api.Wait(err) == 0 {
		d.log.ErrorContext(r.Context(), "monitor: login", "error", err)
	}
	return p, api.Wait(err), err == nil
}

// Logout ends the session.
func (d doorkeeper) Logout(w http.ResponseWriter, r *http.Request) error { return d.guard.Logout(w, r) }

// Monitor returns asynqmon behind the API's keys and sessions, with the posts'
// journeys beside it.
func (a *App) Monitor(guard *api.Guard) (http.Handler, error) {
	return monitor.New(monitor.Params{
		Redis: a.Redis, Auth: doorkeeper{guard, a.Log}, Audit: a.Documents.PutAuditLine, Log: a.Log,
		Journey: func(ctx context.Context, id string) (string, error) {
			j, err := a.Journey(ctx, id)
			if err != nil {
				return "", err
			}
			var b strings.Builder
			err = j.WriteText(&b)
			return b.String(), err
		},
	})
}

// All returns everything that can be asked of Weft at one address: the API with
// the web app, the queues' monitor and the posts' journeys.
func (a *App) All(ctx context.Context) (http.Handler, error) {
	guard, err := a.Guard()
	if err != nil {
		return nil, err
	}
	asked, err := a.API(ctx, guard)
	if err != nil {
		return nil, err
	}
	watched, err := a.Monitor(guard)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", asked)
	for _, path := range []string{"/asynqmon/", "/login", "/logout", "/style.css", "/posts", "/posts/"} {
		mux.Handle(path, watched)
	}
	return mux, nil
}
