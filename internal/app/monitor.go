package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"weft/internal/config"
	"weft/queue/monitor"
)

// operatorKey is where the embedded set-up keeps its operator's password hash.
const operatorKey = "monitor/operator"

// Operator makes the operator of the embedded set-up if the configuration
// names no users. The password is returned when it is new, and only then.
func (a *App) Operator(ctx context.Context) (users []config.User, password string, err error) {
	if len(a.Config.Monitor.Users) > 0 {
		return a.Config.Monitor.Users, "", nil
	}
	if a.Config.Redis.URL != config.Embedded {
		return nil, "", errors.New("app: monitor.users names nobody who may log in")
	}
	hash, err := a.Documents.Meta(ctx, operatorKey)
	if err != nil {
		return nil, "", fmt.Errorf("app: operator: %w", err)
	}
	if hash == "" {
		password = monitor.GeneratePassword()
		if hash, err = monitor.HashPassword(password); err != nil {
			return nil, "", err
		}
		if err := a.Documents.SetMeta(ctx, operatorKey, hash); err != nil {
			return nil, "", fmt.Errorf("app: operator: %w", err)
		}
	}
	return []config.User{{Name: "operator", PasswordHash: hash, Role: monitor.Operator}}, password, nil
}

// Monitor returns asynqmon behind a login, with the posts' journeys beside it.
func (a *App) Monitor(users []config.User) (http.Handler, error) {
	var known []monitor.User
	for _, u := range users {
		known = append(known, monitor.User{Name: u.Name, PasswordHash: u.PasswordHash, Role: u.Role})
	}
	return monitor.New(monitor.Params{
		Redis: a.Redis, Users: known, SessionKey: []byte(a.Config.Monitor.SessionKey), Log: a.Log,
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

// ServeMonitor serves h on addr until ctx ends, and tells ready where it listens.
func ServeMonitor(ctx context.Context, addr string, h http.Handler, ready func(url string)) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("app: listen: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ready("http://" + listener.Addr().String())
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("app: serve: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(stop)
}
