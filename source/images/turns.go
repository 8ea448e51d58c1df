package images

import (
	"context"
	"strings"
	"sync"
)

// turns lets only so many requests go to one host at one time.
type turns struct {
	most  int
	mu    sync.Mutex
	hosts map[string]*host
}

// host is forgotten when nobody is at it or waits for it.
type host struct {
	slots chan struct{}
	users int
}

func newTurns(most int) *turns { return &turns{most: most, hosts: map[string]*host{}} }

// enter waits for a turn. Whoever got one must leave.
func (t *turns) enter(ctx context.Context, name string) (leave func(), err error) {
	name = strings.ToLower(name)
	t.mu.Lock()
	h := t.hosts[name]
	if h == nil {
		h = &host{slots: make(chan struct{}, t.most)}
		t.hosts[name] = h
	}
	h.users++
	t.mu.Unlock()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; t.forget(name, h) }, nil
	case <-ctx.Done():
		t.forget(name, h)
		return nil, ctx.Err()
	}
}

func (t *turns) forget(name string, h *host) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(t.hosts, name)
	}
}
