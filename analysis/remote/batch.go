package remote

import (
	"context"
	"slices"
	"sync"
	"time"

	"weft/analysis/zoo"
	"weft/models"
)

// batcher puts the inputs of concurrent callers into one request. A full one goes
// at once; one that isn't waits for others, but not longer than delay.
type batcher struct {
	most  int
	delay time.Duration
	send  func(zoo.Tensor) (map[string]zoo.Tensor, error)

	mu      sync.Mutex
	waiting []*part
	size    int // inputs that wait
	timer   *time.Timer
	sending sync.WaitGroup
	closed  bool
}

// part is what one caller wants to know.
type part struct {
	in      zoo.Tensor
	outputs map[string]zoo.Tensor
	cost    float64
	err     error
	ready   chan struct{}
}

func newBatcher(most int, delay time.Duration, send func(zoo.Tensor) (map[string]zoo.Tensor, error)) *batcher {
	return &batcher{most: max(1, most), delay: delay, send: send}
}

// do waits for the answer. A caller whose context ends is not awaited; its inputs
// may have been sent. More inputs than fit into a request take several.
func (b *batcher) do(ctx context.Context, in zoo.Tensor) (map[string]zoo.Tensor, float64, error) {
	var parts []*part
	for from := 0; from < int(in.Shape[0]); from += b.most {
		p := &part{in: cut(in, from, min(from+b.most, int(in.Shape[0]))), ready: make(chan struct{})}
		if !b.add(p) {
			return nil, 0, models.Faultf(models.Unavailable, "remote: the model is being closed")
		}
		parts = append(parts, p)
	}
	all, cost := map[string]zoo.Tensor{}, 0.0
	for _, p := range parts {
		select {
		case <-p.ready:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
		if p.err != nil {
			return nil, 0, p.err
		}
		cost += p.cost
		for name, t := range p.outputs {
			all[name] = join(all[name], t)
		}
	}
	return all, cost, nil
}

// add queues a part, and sends what is complete.
func (b *batcher) add(p *part) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	n := int(p.in.Shape[0])
	if b.size+n > b.most {
		b.flush()
	}
	b.waiting, b.size = append(b.waiting, p), b.size+n
	switch {
	case b.size >= b.most || b.delay == 0:
		b.flush()
	case b.timer == nil:
		b.timer = time.AfterFunc(b.delay, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.flush()
		})
	}
	return true
}

// flush sends what waits. The caller holds the lock.
func (b *batcher) flush() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if len(b.waiting) == 0 {
		return
	}
	batch := b.waiting
	b.waiting, b.size = nil, 0
	b.sending.Go(func() {
		b.answer(batch)
		for _, p := range batch {
			close(p.ready)
		}
	})
}

// answer sends a batch. If its server blames the input, each part is sent alone, so
// that one bad input fails alone.
func (b *batcher) answer(batch []*part) {
	var in zoo.Tensor
	for _, p := range batch {
		in = join(in, p.in)
	}
	started := time.Now()
	outputs, err := b.send(in)
	took := time.Since(started).Seconds()
	if err != nil && len(batch) > 1 && models.ClassOf(err) == models.Permanent {
		for _, p := range batch {
			b.answer([]*part{p})
		}
		return
	}
	from := 0
	for _, p := range batch {
		n := int(p.in.Shape[0])
		p.err = err
		p.cost = took * float64(n) / float64(in.Shape[0])
		p.outputs = map[string]zoo.Tensor{}
		for name, t := range outputs {
			p.outputs[name] = cut(t, from, from+n)
		}
		from += n
	}
}

// close sends what waits, waits for it, and takes nothing more.
func (b *batcher) close() {
	b.mu.Lock()
	b.closed = true
	b.flush()
	b.mu.Unlock()
	b.sending.Wait()
}

// cut returns some members of a batch.
func cut(t zoo.Tensor, from, to int) zoo.Tensor {
	each := 1
	for _, d := range t.Shape[1:] {
		each *= int(d)
	}
	out := zoo.Tensor{Shape: slices.Concat([]int64{int64(to - from)}, t.Shape[1:])}
	if t.Texts != nil {
		out.Texts = t.Texts[from*each : to*each : to*each]
	} else {
		out.Floats = t.Floats[from*each : to*each : to*each]
	}
	return out
}

// join appends the members of b to those of a, which may be nothing yet.
func join(a, b zoo.Tensor) zoo.Tensor {
	if a.Shape == nil {
		return b
	}
	return zoo.Tensor{
		Shape:  slices.Concat([]int64{a.Shape[0] + b.Shape[0]}, a.Shape[1:]),
		Floats: append(a.Floats, b.Floats...), Texts: append(a.Texts, b.Texts...),
	}
}
