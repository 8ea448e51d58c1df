package mongo

import (
	"context"
	"sync"
	"time"
)

const (
	// maxBatch is how many loads or moves share one call: what a call costs by
	// itself hardly counts then, and its answer stays well below 48 MB.
	maxBatch = 256
	// rounds is how many calls of a lane may be under way: one is answered while
	// the next is on its way. Moves of one run may be in two of them; they are
	// compare-and-sets.
	rounds = 2
	// linger is how long a call waits for more when the last one had company: a
	// call and its majority acknowledgement cost about as much for one as for
	// many. Nobody waits for it alone.
	linger = 2 * time.Millisecond
	// company is how many make a call worth waiting for.
	company = 3
)

// batcher collects the loads and moves that come at the same time, and does
// them in one call each.
type batcher struct {
	mover        *mover
	loads, moves *lane
}

func newBatcher(d *Documents) *batcher {
	m := &mover{d: d}
	return &batcher{mover: m, loads: newLane(d.loadAll), moves: newLane(m.moveAll)}
}

// close lets what is under way end.
func (b *batcher) close() {
	b.loads.close()
	b.moves.close()
}

// lane collects requests of one kind.
type lane struct {
	in    chan *pending
	stop  chan struct{}
	ended chan struct{} // closed when no round runs any more
	do    func([]*pending)
}

// newLane starts a lane whose rounds are done by do; do sets each request's err.
func newLane(do func([]*pending)) *lane {
	l := &lane{in: make(chan *pending, maxBatch), stop: make(chan struct{}), ended: make(chan struct{}), do: do}
	go l.loop()
	return l
}

func (l *lane) close() {
	close(l.stop)
	<-l.ended
}

// wait hands p over and waits for its answer. If ctx ends first, a move may
// still be written, as whenever a connection breaks.
func (l *lane) wait(ctx context.Context, p *pending) error {
	p.ready = make(chan struct{})
	select {
	case <-l.stop:
		return errClosed
	default:
	}
	select {
	case l.in <- p:
	case <-l.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.ready:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended: // whatever came with the last rounds is ready, the rest never will be
		select {
		case <-p.ready:
			return p.err
		default:
			return errClosed
		}
	}
}

func (l *lane) loop() {
	defer close(l.ended)
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, rounds)
	last := 0
	for {
		select {
		case slots <- struct{}{}:
		case <-l.stop:
			return
		}
		select {
		case p := <-l.in:
			batch := l.collect(p, last >= company)
			last = len(batch)
			running.Go(func() {
				l.do(batch)
				for _, p := range batch {
					close(p.ready)
				}
				<-slots
			})
		case <-l.stop:
			return
		}
	}
}

// collect takes whatever waits besides p, and if there was company, what comes
// within linger.
func (l *lane) collect(p *pending, wait bool) []*pending {
	batch := []*pending{p}
	var more <-chan time.Time
	if wait {
		timer := time.NewTimer(linger)
		defer timer.Stop()
		more = timer.C
	}
	for len(batch) < maxBatch {
		if more == nil {
			select {
			case p = <-l.in:
				batch = append(batch, p)
				continue
			default:
				return batch
			}
		}
		select {
		case p = <-l.in:
			batch = append(batch, p)
		case <-more:
			return batch
		}
	}
	return batch
}
