package sqlite

import (
	"context"
	"sync"
)

// maxSearchBatch is how many documents share one transaction: beyond it the
// cost of the commit no longer shows, while other processes wait for the file.
const maxSearchBatch = 256

// searchBatcher collects the changes that come while a transaction runs and
// writes them in the next. It never waits for more: alone, a change is written
// at once; under load, the running transaction is the delay.
type searchBatcher struct {
	w *writer

	mu      sync.Mutex
	waiting []*searchChange
	running bool
	closed  bool
	idle    *sync.Cond
}

func newSearchBatcher(w *writer) *searchBatcher {
	b := &searchBatcher{w: w}
	b.idle = sync.NewCond(&b.mu)
	return b
}

// do hands c over and waits for its result. If ctx ends first, c may still be
// written, as with any store across a network.
func (b *searchBatcher) do(ctx context.Context, c *searchChange) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.ready = make(chan struct{})
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errClosed
	}
	b.waiting = append(b.waiting, c)
	if !b.running {
		b.running = true
		go b.run()
	}
	b.mu.Unlock()
	select {
	case <-c.ready:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits until everything handed over is written; it is false when it was
// closed before.
func (b *searchBatcher) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.closed = true
	for b.running {
		b.idle.Wait()
	}
	return true
}

// run writes batches until nothing waits.
func (b *searchBatcher) run() {
	for {
		b.mu.Lock()
		n := min(len(b.waiting), maxSearchBatch)
		if n == 0 {
			b.running = false
			b.waiting = nil
			b.idle.Broadcast()
			b.mu.Unlock()
			return
		}
		batch := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		b.mu.Unlock()
		b.write(batch)
		for _, c := range batch {
			close(c.ready)
		}
	}
}

// write writes a batch in one transaction. If it breaks, each change is written
// by itself, so that one bad document fails alone.
func (b *searchBatcher) write(batch []*searchChange) {
	err := b.w.do(context.Background(), func(s *session) error {
		for _, c := range batch {
			if err := c.apply(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	if len(batch) == 1 {
		batch[0].err = err
		return
	}
	for _, c := range batch {
		b.write([]*searchChange{c})
	}
}
