package bluesky_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
)

func query(params ...string) source.Query {
	q := source.Query{Name: "q", Source: "bluesky", Params: map[string]string{"flush": "20ms"}}
	for i := 0; i < len(params); i += 2 {
		q.Params[params[i]] = params[i+1]
	}
	return q
}

// once collects until n posts and deletions came or the sequence ended.
func (b *bench) once(t *testing.T, q source.Query, s *store, enough func() bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for batch, err := range b.conn.Collect(ctx, q, s.cursor) {
		if err != nil {
			return err
		}
		s.take(batch)
		if enough() {
			return nil
		}
	}
	if ctx.Err() != nil {
		t.Fatal("nothing came in time")
	}
	return nil
}

// advanced tells when n more events were read, whether wanted or not.
func (s *store) at() (host string, seq, us int64) {
	var at struct {
		Stream struct {
			Host    string
			Seq, Us int64
		}
	}
	_ = json.Unmarshal(s.cursor, &at)
	return at.Stream.Host, at.Stream.Seq, at.Stream.Us
}

// TestCursorTooOld: v2 refuses a seq below its floor before the upgrade. What
// is lost is told, and the rest is read.
func TestCursorTooOld(t *testing.T) { testLookback(t, "v2", "no longer had") }

// TestSilentClamp: v1 goes on from its oldest event without a word.
func TestSilentClamp(t *testing.T) { testLookback(t, "v1", "look-back was exceeded") }

func testLookback(t *testing.T, wire, reason string) {
	w := world(5000, time.Second, 0)
	w.Advance(500)
	b, s := newBench(t, w, network.BlueskyOptions{Lookback: 10 * time.Minute}, network.Faults{}), newStore()
	q := query("stream", wire, "backfill", "5m")
	if err := b.once(t, q, s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	last := w.Now()
	w.Advance(3000)
	if err := b.once(t, q, s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	if len(s.gaps) != 1 {
		t.Fatalf("gaps %v, want one", s.gaps)
	}
	g := s.gaps[0]
	if floor := w.Now().Add(-10 * time.Minute); !g.From.Equal(last) || g.To.Sub(floor).Abs() > 2*time.Second || !strings.Contains(g.Reason, reason) {
		t.Errorf("gap %+v, want from %s to about %s because %q", g, last, floor, reason)
	}
	if len(s.posts) < 500 {
		t.Errorf("%d posts, want those of the look-back", len(s.posts))
	}
}

// reached reports whether the position is at the world's time.
func (b *bench) reached(s *store) func() bool {
	return func() bool { _, _, us := s.at(); return us >= b.w.Now().UnixMicro() }
}

// TestOutdatedCursor: v2 clamps a time below its floor, and says so in #info.
func TestOutdatedCursor(t *testing.T) {
	w := world(2000, time.Second, 0)
	w.Advance(1500)
	b, s := newBench(t, w, network.BlueskyOptions{Lookback: 10 * time.Minute}, network.Faults{}), newStore()
	old := w.Opt.Start.Add(time.Minute)
	raw, _ := json.Marshal(map[string]any{"stream": map[string]any{"host": "wss://other.example", "seq": 12, "us": old.UnixMicro()}})
	s.cursor = raw
	if err := b.once(t, query(), s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	if len(s.gaps) != 1 || !s.gaps[0].From.Equal(old) || !strings.Contains(s.gaps[0].Reason, "look-back") {
		t.Errorf("gaps %+v, want one from %s", s.gaps, old)
	}
}

// TestConsumerTooSlow: the error frame ends the reading after what was good.
func TestConsumerTooSlow(t *testing.T) {
	w := world(400, time.Second, 0)
	w.Advance(300)
	b, s := newBench(t, w, network.BlueskyOptions{SlowOnce: 100}, network.Faults{}), newStore()
	err := b.once(t, query(), s, func() bool { return false })
	if err == nil || models.ClassOf(err) != models.Unavailable || !strings.Contains(err.Error(), "ConsumerTooSlow") {
		t.Fatalf("got %v", err)
	}
	if _, seq, _ := s.at(); seq != 100 {
		t.Errorf("the position is at seq %d, want 100: what came before the error is stored", seq)
	}
	if err := b.once(t, query(), s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	if _, seq, _ := s.at(); seq != 300 {
		t.Errorf("the position is at seq %d, want 300", seq)
	}
}

// TestCursorMovesWithoutPosts: a filter that nothing passes still moves on, and
// deletions of posts that were never taken are told.
func TestCursorMovesWithoutPosts(t *testing.T) {
	w := world(400, time.Second, 0)
	w.Finish()
	b, s := newBench(t, w, network.BlueskyOptions{}, network.Faults{}), newStore()
	var at []time.Time
	for batch, err := range b.conn.Collect(t.Context(), query("words", "no such word", "batch", "100"), nil) {
		if err != nil {
			t.Fatal(err)
		}
		s.take(batch)
		at = append(at, batch.At)
		if b.reached(s)() {
			break
		}
	}
	if len(s.posts) != 0 || len(s.gone) == 0 || len(s.closed) != 3 || len(at) < 4 || !at[len(at)-1].Equal(w.Now()) {
		t.Errorf("%d posts, %d deletions, %d accounts closed, batches at %v", len(s.posts), len(s.gone), len(s.closed), at)
	}
}

// TestSeqIsExact: coming back to the same host by seq repeats nothing.
func TestSeqIsExact(t *testing.T) {
	w := world(400, time.Second, 0)
	w.Advance(100)
	b, s := newBench(t, w, network.BlueskyOptions{}, network.Faults{}), newStore()
	if err := b.once(t, query(), s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	seen, again := len(s.posts), newStore()
	again.cursor = s.cursor
	w.Advance(50)
	if err := b.once(t, query(), again, b.reached(again)); err != nil {
		t.Fatal(err)
	}
	for id := range again.posts {
		if _, ok := s.posts[id]; ok && !strings.Contains(again.posts[id].Text, "(edited)") {
			t.Errorf("%s was read twice", id)
		}
	}
	if seen == 0 || len(again.posts) == 0 {
		t.Errorf("%d and %d posts", seen, len(again.posts))
	}
}

// TestRenumberedHost: a host that was set up again counts from the beginning,
// and takes our seq for one of the future. Time finds the place.
func TestRenumberedHost(t *testing.T) {
	w := world(2000, time.Second, 0)
	w.Advance(500)
	var handler atomic.Value
	handler.Store(w.Bluesky(network.BlueskyOptions{FirstSeq: 1_000_000}))
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.Load().(http.Handler).ServeHTTP(rw, r) }))
	t.Cleanup(srv.Close)
	b, s := newBench(t, w, network.BlueskyOptions{}, network.Faults{}), newStore()
	q := query("host", "ws"+strings.TrimPrefix(srv.URL, "http"))
	if err := b.once(t, q, s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	handler.Store(w.Bluesky(network.BlueskyOptions{Advance: 1}))
	w.Advance(100)
	// The first event that comes live shows it.
	if err := b.once(t, q, s, b.reached(s)); err != nil {
		t.Fatal(err)
	}
	for _, truth := range w.Truths() {
		if _, ok := s.posts[w.BlueskyID(truth.N)]; !ok && !truth.Gone && truth.Created.After(w.Opt.Start.Add(10*time.Second)) {
			t.Errorf("post %d is missing", truth.N)
		}
	}
	if _, seq, _ := s.at(); seq > 3000 {
		t.Errorf("the position has an old seq: %d", seq)
	}
}

// TestHostRefuses says what to do about answers before the upgrade.
func TestHostRefuses(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		stop   source.Kind
		class  models.Class
		says   string
	}{
		{404, "not found", "", models.Permanent, "stream: v1"},
		{429, `{"error":"RateLimitExceeded"}`, source.Throttled, "", "429"},
		{403, "<html>no</html>", source.Stopped, "", "another host"},
		{503, "", "", models.Unavailable, "503"},
		{400, `{"error":"InvalidRequest","message":"bad did"}`, "", models.Permanent, "bad did"},
		{400, `{"error":"CursorTooOld","message":"floor 9"}`, "", models.Unavailable, "older than"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(c.status)
			_, _ = rw.Write([]byte(c.body))
		}))
		w := world(200, time.Second, 0)
		b, s := newBench(t, w, network.BlueskyOptions{}, network.Faults{}), newStore()
		err := b.once(t, query("host", "ws"+strings.TrimPrefix(srv.URL, "http")), s, func() bool { return false })
		srv.Close()
		tr, isTrouble := source.AsTrouble(err)
		switch {
		case err == nil || !strings.Contains(err.Error(), c.says):
			t.Errorf("%d %s: got %v, want %q in it", c.status, c.body, err, c.says)
		case isTrouble != (c.stop != "") || (isTrouble && tr.Kind != c.stop) || (!isTrouble && models.ClassOf(err) != c.class):
			t.Errorf("%d: %v is of the wrong kind", c.status, err)
		}
	}
}

// TestQueryChecks refuses what makes no sense, naming the parameter.
func TestQueryChecks(t *testing.T) {
	b := newBench(t, world(200, time.Second, 0), network.BlueskyOptions{}, network.Faults{})
	for says, q := range map[string]source.Query{
		"stream":        query("stream", "v3"),
		"unknown":       query("hashtag", "x"),
		"q is for":      query("q", "x"),
		"takes q":       query("mode", "search"),
		"takes one of":  query("mode", "search", "tags", "a,b"),
		"words is for":  query("mode", "search", "words", "a"),
		"host":          query("host", "https://x.example/?a=b"),
		"backfill":      query("backfill", "soon"),
		"batch":         query("batch", "0"),
		"language tag":  query("langs", "klingon!"),
		"none of any":   query("images", "yes"),
		"10ms to 1m0s,": query("flush", "1h"),
	} {
		err := b.once(t, q, newStore(), func() bool { return false })
		if err == nil || models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q in it", q.Params, err, says)
		}
	}
}
