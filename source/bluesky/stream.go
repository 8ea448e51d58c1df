package bluesky

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"weft/models"
	"weft/source"
)

// streamAt is how far a stream was read. Seq counts at one host only; time goes
// everywhere, but not exactly.
type streamAt struct {
	Host string `json:"host"`
	Seq  int64  `json:"seq,omitempty"`
	Us   int64  `json:"us"` // unix microseconds
}

const (
	// rewind is how far a reading by time goes back before its last event: events
	// of about the same moment come in no fixed order. What it reads twice is
	// stored once.
	rewind = 5 * time.Second
	// rewindHost is the same for another host, whose clock is another one.
	rewindHost = time.Minute
	// quiet is the longest time without any event that is no gap.
	quiet = time.Minute
)

// start is where a connection begins, and what its first event has to prove.
type start struct {
	cursor string    // the parameter; empty: now
	seq    int64     // asked for by seq
	last   time.Time // of the event read last; zero: at the first run
	late   string    // why what lies between last and the first event is lost; empty: judge by time
}

// from chooses the cursor for a connection to s.host. Only a seq of the same
// host, on the wire that goes by it, is exact.
func (c *Connector) from(s settings, at *streamAt, byTime bool) start {
	if at == nil {
		if s.backfill == 0 {
			return start{}
		}
		return start{cursor: micros(c.now().Add(-s.backfill))}
	}
	last := time.UnixMicro(at.Us).UTC()
	switch {
	case at.Host != s.host:
		return start{cursor: micros(last.Add(-rewindHost)), last: last}
	case at.Seq > 0 && !s.v1 && !byTime:
		return start{cursor: strconv.FormatInt(at.Seq, 10), seq: at.Seq, last: last}
	}
	return start{cursor: micros(last.Add(-rewind)), last: last}
}

func micros(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

// errRenumbered means that the host counts anew: its seqs are not ours.
var errRenumbered = errors.New("the stream's host counts its events anew")

// stream reads one connection to its end. Where the host no longer knows our
// seq, because it is too old or the host was set up again, time finds the place.
func (c *Connector) stream(ctx context.Context, s settings, at *streamAt, yield func(source.Batch, error) bool) {
	from := c.from(s, at, false)
	r := &reader{c: c, s: s, start: from, at: at, yield: yield}
	err := r.read(ctx)
	if errors.Is(err, errTooOld) || errors.Is(err, errRenumbered) {
		r.start = c.from(s, at, true)
		if errors.Is(err, errTooOld) {
			r.start.late = "the stream no longer had what came after the cursor"
		}
		if err = r.read(ctx); errors.Is(err, errTooOld) || errors.Is(err, errRenumbered) {
			err = models.Faultf(models.Unavailable, "stream %s: %v, although it was asked by time", hostOf(s.host), err)
		}
	}
	if err != nil && ctx.Err() == nil && !r.stopped {
		yield(source.Batch{}, err)
	}
}

// reader turns the events of a connection into batches.
type reader struct {
	c     *Connector
	s     settings
	start start
	at    *streamAt // of the newest event; nil: none yet
	yield func(source.Batch, error) bool

	begun   bool // the first event was seen
	batch   source.Batch
	events  int // in batch
	stopped bool
}

// read consumes one connection. The errors that it yields itself leave r.stopped set.
func (r *reader) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	frames, err := r.c.dial(ctx, r.address())
	if err != nil {
		return err
	}
	r.begun = false
	tick := time.NewTicker(r.s.flush)
	defer tick.Stop()
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				r.flush()
				return nil // ctx ended
			}
			err := f.err
			if err == nil {
				err = r.frame(f.data)
			}
			if err != nil {
				r.flush()
				return err
			}
			if r.events >= r.s.batch {
				r.flush()
			}
		case <-tick.C:
			r.flush()
		}
		if r.stopped {
			return nil
		}
	}
}

// flush yields what was read. The cursor moves even if nothing was wanted.
func (r *reader) flush() {
	if r.events == 0 || r.stopped {
		return
	}
	if r.at != nil {
		at := *r.at
		r.batch.Cursor = position{Stream: &at}.encode()
		r.batch.At = time.UnixMicro(at.Us).UTC()
	}
	b := r.batch
	fold(&b)
	r.batch, r.events = source.Batch{}, 0
	r.stopped = !r.yield(b, nil)
}

// frame takes one message. An unreadable one is a problem, not the end.
func (r *reader) frame(data []byte) error {
	e, err := readEvent(data)
	if fe, ok := errors.AsType[*frameError](err); ok {
		return fe.fault()
	}
	if err != nil {
		r.events++
		problem(&r.batch, "after seq "+strconv.FormatInt(r.seq(), 10), "%w", err)
		return nil
	}
	if e.kind == "info" {
		if e.info.text("name") == "OutdatedCursor" && r.start.late == "" {
			r.start.late = "the stream's look-back was exceeded"
		}
		return nil
	}
	if !r.begun {
		if r.start.seq > 0 && e.seq > 0 && e.seq < r.start.seq {
			return errRenumbered
		}
		r.begun = true
		r.judge(e.at)
	}
	if r.known(e) {
		return nil
	}
	r.events++
	if err := r.c.take(&r.batch, e, r.s.filter.record, r.s.filter.post); err != nil {
		problem(&r.batch, "event "+e.place(), "%w", err)
	}
	r.advance(e)
	return nil
}

// judge notes a gap when the first event shows that there is one. The old wire
// never says so: it goes on from the oldest event it has.
func (r *reader) judge(first time.Time) {
	if r.start.last.IsZero() {
		return
	}
	reason, missing := r.start.late, first.Sub(r.start.last)
	if reason == "" && missing > quiet {
		reason = "the stream went on later than it was asked to; its look-back was exceeded, or nothing happened"
	}
	if reason != "" && missing > 0 {
		r.batch.Gap = &models.Gap{From: r.start.last, To: first, Reason: reason}
	}
}

// known reports whether e was read before: a seq is exact at its host.
func (r *reader) known(e event) bool {
	return r.at != nil && r.at.Host == r.s.host && e.seq > 0 && r.at.Seq > 0 && e.seq <= r.at.Seq && r.start.seq > 0
}

func (r *reader) seq() int64 {
	if r.at == nil {
		return 0
	}
	return r.at.Seq
}

// advance moves the position. Time never goes back: an event of a little
// earlier must not make the next reading start there.
func (r *reader) advance(e event) {
	at := streamAt{Host: r.s.host, Seq: e.seq, Us: e.at.UnixMicro()}
	if r.at != nil {
		at.Us = max(at.Us, r.at.Us)
	}
	r.at = &at
}

func (e event) place() string {
	if e.seq > 0 {
		return strconv.FormatInt(e.seq, 10)
	}
	return micros(e.at)
}

// address is the stream's, with what is asked for. Accounts and identities come
// whatever is asked for, as long as no kinds are named.
func (r *reader) address() string {
	q, path := url.Values{}, "/xrpc/network.bsky.jetstream.subscribeEvents"
	if r.s.v1 {
		path = "/subscribe"
		q.Set("wantedCollections", postCollection)
	} else {
		q.Set("collections", postCollection)
	}
	q.Set("maxMessageSizeBytes", strconv.Itoa(maxRecord))
	if r.start.cursor != "" {
		q.Set("cursor", r.start.cursor)
	}
	return r.s.host + path + "?" + q.Encode()
}

// fault sorts what a server said before it hung up. Coming back with the cursor
// is right for all of them.
func (e *frameError) fault() error {
	if e.name == "ConsumerTooSlow" {
		return models.Faultf(models.Unavailable, "the stream dropped us: we read too slowly (ConsumerTooSlow); "+
			"if this goes on, narrow the query or give the store more room")
	}
	return models.Faultf(models.Unavailable, "the stream ended with %s: %s", cmp.Or(clip(e.name), "an error without a name"), clip(e.message))
}
