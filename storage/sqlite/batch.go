package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"weft/models"
	"weft/storage/document"
)

// maxBatch is how many loads and moves share one round: enough that what a
// transaction costs by itself hardly counts, few enough that other writers
// need not wait long.
const maxBatch = 256

// batcher collects the loads and moves that come while others run, and does
// them together in the next round. It never waits for more to come: a single
// one is done at once, and under load the running round is the delay.
//
// Loads go this way too, on the writing connection. Other connections would
// read while it writes, but every commit empties their page caches, and each
// load would begin and end a transaction of its own. The price: a load waits
// for the write that runs, at most for a big Admit, some ten milliseconds.
type batcher struct {
	w    *writer
	in   chan *pending
	stop chan struct{}
	done chan struct{}
	once sync.Once

	company bool // the last round had more than a few
}

// pending is a load or a move somebody waits for. Documents are encoded and
// decoded by the caller, so that the one writer has less to do.
type pending struct {
	load  *loading
	move  *models.Move
	run   []byte
	entry []byte
	err   error
	ready chan struct{}
}

// loading is what a load asks for and gets.
type loading struct {
	post, profile string
	doc, raw, run []byte
}

var errClosed = errors.New("the store is closed")

func newBatcher(w *writer) *batcher {
	b := &batcher{w: w, in: make(chan *pending, maxBatch), stop: make(chan struct{}), done: make(chan struct{})}
	go b.loop()
	return b
}

// close lets the running round end; it is false when it was closed before.
func (b *batcher) close() bool {
	first := false
	b.once.Do(func() {
		first = true
		close(b.stop)
		<-b.done
	})
	return first
}

// load reads a post and its run, still encoded.
func (b *batcher) load(ctx context.Context, l *loading) error {
	return b.do(ctx, &pending{load: l, ready: make(chan struct{})})
}

// save writes a move.
func (b *batcher) save(ctx context.Context, m models.Move) error {
	p := &pending{move: &m, ready: make(chan struct{})}
	if err := p.encode(); err != nil {
		return err
	}
	return b.do(ctx, p)
}

// do hands p over and waits for its result. If ctx ends first, a move may
// still be written, as with any store across a network.
func (b *batcher) do(ctx context.Context, p *pending) error {
	select {
	case b.in <- p:
	case <-b.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.ready:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done: // whatever came with the last round is ready, the rest never will be
		select {
		case <-p.ready:
			return p.err
		default:
			return errClosed
		}
	}
}

func (p *pending) encode() (err error) {
	document.UTCRun(&p.move.Run)
	if p.run, err = encode(&p.move.Run); err != nil {
		return err
	}
	if p.move.Run.Seq == p.move.From || p.move.Entry == nil {
		return nil
	}
	e := *p.move.Entry
	e.At = e.At.UTC()
	p.entry, err = encode(&e)
	return err
}

func (b *batcher) loop() {
	defer close(b.done)
	var loads, moves []*pending
	for {
		select {
		case p := <-b.in:
			loads, moves = b.collect(p, loads[:0], moves[:0])
			b.read(loads)
			b.write(moves)
			for _, p := range moves {
				close(p.ready)
			}
		case <-b.stop:
			return
		}
	}
}

// linger is how long a round waits for more when the last one had company: a
// commit writes every page it touched, so under load few big rounds cost much
// less than many small ones. Nobody waits for it alone.
const linger = time.Millisecond

// collect takes whatever is waiting besides p.
func (b *batcher) collect(p *pending, loads, moves []*pending) (l, m []*pending) {
	var more <-chan time.Time
	if b.company {
		timer := time.NewTimer(linger)
		defer timer.Stop()
		more = timer.C
	}
	defer func() { b.company = len(l)+len(m) > 2 }()
	for {
		if p.load != nil {
			loads = append(loads, p)
		} else {
			moves = append(moves, p)
		}
		if len(loads)+len(moves) == maxBatch {
			return loads, moves
		}
		if more == nil {
			select {
			case p = <-b.in:
				continue
			default:
				return loads, moves
			}
		}
		select {
		case p = <-b.in:
		case <-more:
			return loads, moves
		}
	}
}

// read answers the loads of a round from one snapshot.
func (b *batcher) read(loads []*pending) {
	if len(loads) == 0 {
		return
	}
	err := b.w.view(func(s *session) error {
		for _, p := range loads {
			l := p.load
			p.err = s.one(`SELECT p.doc, p.raw, r.doc FROM posts p JOIN runs r ON r.post = p.id WHERE p.id = ? AND r.profile = ?`,
				[]any{l.post, l.profile}, &l.doc, &l.raw, &l.run)
		}
		return nil
	})
	for _, p := range loads {
		if err != nil {
			p.err = err
		}
		close(p.ready)
	}
}

// write gives each move its result. A batch that breaks for another reason
// than a lost compare-and-set is written again move by move, so that one bad
// move fails alone.
func (b *batcher) write(batch []*pending) {
	if len(batch) == 0 {
		return
	}
	err := b.w.do(context.Background(), func(s *session) error { return s.moves(batch) })
	if err == nil {
		return
	}
	if len(batch) == 1 {
		batch[0].err = err
		return
	}
	for _, p := range batch {
		b.write([]*pending{p})
	}
}

// moves writes a batch in the running transaction. The error it returns breaks
// the batch; what befell one move alone is in its err.
func (s *session) moves(batch []*pending) error {
	spent := map[models.Spend]models.Spent{}
	for _, p := range batch {
		p.err = s.move(p)
		if p.err != nil {
			if errors.Is(p.err, models.ErrConflict) || errors.Is(p.err, models.ErrNotFound) {
				continue
			}
			return p.err
		}
		if sp := p.move.Spend; sp != nil {
			key := *sp
			key.Spent = models.Spent{}
			sum := spent[key]
			sum.Posts += sp.Posts
			sum.Seconds += sp.Seconds
			spent[key] = sum
		}
	}
	for k, v := range spent {
		if _, err := s.exec(`INSERT INTO budgets(profile, step, day, posts, seconds) VALUES(?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET posts = posts + excluded.posts, seconds = seconds + excluded.seconds`,
			k.Profile, string(k.Step), k.Day, v.Posts, v.Seconds); err != nil {
			return err
		}
	}
	return nil
}

// move writes one move. A move without a change costs two statements.
func (s *session) move(p *pending) error {
	m := p.move
	r := &m.Run
	due, ended := times(r)
	n, err := s.exec(`UPDATE runs SET seq = ?, state = ?, step = ?, campaign = ?, due = ?, generation = ?, ended_at = ?, doc = ?
		WHERE post = ? AND profile = ? AND seq = ? AND gone = 0`,
		r.Seq, string(r.State), string(r.Step), r.Campaign, due, int64(r.Generation), ended, p.run, r.Post, r.Profile, m.From)
	if err != nil {
		return err
	}
	if n == 0 {
		return s.whyNot(r.Post, r.Profile)
	}
	if p.entry != nil {
		if err := s.addEntry(r, m.Entry.Seq, p.entry); err != nil {
			return err
		}
	}
	if m.Past != nil && r.Seq != m.From {
		if err := s.addPassages(r.Post, r.Profile, m.Past.State, 1); err != nil {
			return err
		}
	}
	if !m.Change.Empty() {
		if _, _, err := s.change(r.Post, m.Change); err != nil {
			return err
		}
	}
	if m.Dirty {
		return s.dirty(r.Post)
	}
	return nil
}

// whyNot says why a compare-and-set on a run found nothing.
func (s *session) whyNot(post, profile string) error {
	var gone bool
	if err := s.one(`SELECT gone FROM runs WHERE post = ? AND profile = ?`, []any{post, profile}, &gone); err != nil {
		return absent(err)
	}
	if gone {
		return models.ErrNotFound
	}
	return models.ErrConflict
}

// times returns the columns due and ended_at of a run.
func times(r *models.Run) (due, ended int64) {
	if r.State.Ended() {
		return 0, max(1, micros(r.MovedAt))
	}
	return micros(r.Due), 0
}

func (s *session) addEntry(r *models.Run, seq int64, entry []byte) error {
	_, err := s.exec(`INSERT INTO timeline(post, profile, seq, doc) VALUES(?, ?, ?, ?)`, r.Post, r.Profile, seq, entry)
	return err
}

func (s *session) addPassages(post, profile string, state models.State, n int) error {
	if n <= 0 {
		return nil
	}
	_, err := s.exec(`INSERT INTO passages(post, profile, state, n) VALUES(?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET n = n + excluded.n`, post, profile, string(state), n)
	return err
}
