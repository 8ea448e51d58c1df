package tasks

import (
	"context"
	"sync"
	"time"

	"weft/models"
)

const (
	// maxGate is the longest a gate stays shut before it lets one task try.
	maxGate = 30 * time.Second
	// patience is how long a handler waits at a gate before it gives its task
	// back. It must end well before asynq's deadline of the task, which would
	// count as a worker's death.
	patience = 30 * time.Second
)

// gate stops a worker from pulling more of a queue while a service behind its
// step is away: handlers wait here and hold their server's slots. It costs a
// task a delay, never an attempt. After each pause one handler tries; its
// success opens the gate. A nil gate is always open.
type gate struct {
	base time.Duration

	mu      sync.Mutex
	pause   time.Duration // zero: open
	until   time.Time
	trying  bool
	opened  chan struct{} // closed when it opens or drains
	drained bool
}

func newGate(base time.Duration) *gate { return &gate{base: base, opened: make(chan struct{})} }

// enter returns when the caller may go on, or with an error that costs the task
// nothing but a delay.
func (g *gate) enter(ctx context.Context) error {
	if g == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		g.mu.Lock()
		if g.drained {
			g.mu.Unlock()
			return models.Faultf(models.Unavailable, "tasks: shutting down")
		}
		wait := time.Until(g.until)
		if g.pause == 0 || (wait <= 0 && !g.trying) {
			g.trying = g.pause > 0
			g.mu.Unlock()
			return nil
		}
		opened := g.opened
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return models.Faultf(models.Unavailable, "tasks: at the gate: %w", ctx.Err())
		case <-opened:
		case <-time.After(max(wait, 10*time.Millisecond)):
		}
	}
}

// report tells how a step came out.
func (g *gate) report(err error) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil || models.ClassOf(err) != models.Unavailable {
		if g.pause > 0 {
			g.pause = 0
			close(g.opened)
			g.opened = make(chan struct{})
		}
		return
	}
	if time.Now().Before(g.until) {
		return // others had started before it shut; they don't make it longer
	}
	g.pause = min(max(2*g.pause, g.base), maxGate)
	g.until = time.Now().Add(g.pause)
}

// leave is for a handler that is done, whether it reported or not: the next one may try.
func (g *gate) leave() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trying = false
}

// drain lets everybody go, with an error.
func (g *gate) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.drained {
		g.drained = true
		close(g.opened)
		g.opened = make(chan struct{})
	}
}
