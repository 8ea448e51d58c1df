package elastic

import (
	"context"
	"sync"
	"time"
)

// Limits of a batch: beyond some hundred documents a bulk request gets no
// faster, and a cluster refuses bodies over 100 MB. While a full one is under way
// another may be, so that one is on the wire while the cluster works on the other.
const (
	batchItems   = 500
	batchBytes   = 5 << 20
	batchesAtOne = 2
)

// change is one Put or Delete.
type change struct {
	id      string
	version int64
	deleted bool
	month   string
	doc     []byte

	err   error
	ready chan struct{}
}

// batcher collects changes for a few milliseconds, or while a batch is under way,
// and hands them over together; each caller waits for its own outcome. A bulk
// costs a cluster a write to its disk, whatever it holds: so what doesn't fill one
// goes only when none is under way, which lets the next ones grow. It holds no
// more than its callers do: each has one change in it.
type batcher struct {
	linger time.Duration
	write  func(batch []*change) // sets each one's err

	mu       sync.Mutex
	waiting  []*change
	bytes    int
	lingers  bool // a timer runs
	underway int
	closed   bool
	idle     *sync.Cond
}

func newBatcher(linger time.Duration, write func([]*change)) *batcher {
	b := &batcher{linger: linger, write: write}
	b.idle = sync.NewCond(&b.mu)
	return b
}

// do hands c over and waits for its outcome. If ctx ends first, c may still be
// written.
func (b *batcher) do(ctx context.Context, c *change) error {
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
	b.bytes += len(c.doc)
	switch {
	case b.full():
		b.start()
	case !b.lingers && b.underway == 0:
		b.lingers = true
		time.AfterFunc(b.linger, b.lingered)
	}
	b.mu.Unlock()
	select {
	case <-c.ready:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *batcher) lingered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lingers = false
	b.start()
}

func (b *batcher) full() bool { return len(b.waiting) >= batchItems || b.bytes >= batchBytes }

// start sends what waits, as far as batches may be under way. It needs the lock.
func (b *batcher) start() {
	for len(b.waiting) > 0 && (b.underway == 0 || b.underway < batchesAtOne && b.full()) {
		n, size := 0, 0
		for n < len(b.waiting) && n < batchItems && (n == 0 || size+len(b.waiting[n].doc) <= batchBytes) {
			size += len(b.waiting[n].doc)
			n++
		}
		batch := b.waiting[:n:n]
		b.waiting, b.bytes = b.waiting[n:], b.bytes-size
		if len(b.waiting) == 0 {
			b.waiting = nil // let go of the array
		}
		b.underway++
		go b.run(batch)
	}
}

func (b *batcher) run(batch []*change) {
	b.write(batch)
	for _, c := range batch {
		close(c.ready)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.underway--
	b.start() // what came meanwhile has waited long enough
	b.idle.Broadcast()
}

// close waits until everything handed over is written, and refuses the rest.
func (b *batcher) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for b.underway > 0 || len(b.waiting) > 0 {
		b.start()
		b.idle.Wait()
	}
}
