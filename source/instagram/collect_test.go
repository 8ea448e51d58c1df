package instagram_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/instagram"
)

func start() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

func byTag(params ...string) source.Query {
	q := source.Query{Name: "ootd", Source: instagram.Name, Params: map[string]string{"hashtag": "#OOTD"}}
	for i := 0; i+1 < len(params); i += 2 {
		q.Params[params[i]] = params[i+1]
	}
	return q
}

// untilRead collects the queries in turn, killed and disturbed, until
// everything happened and each came to its end once more.
func untilRead(t *testing.T, w *network.World, s *store, c *instagram.Connector, queries []source.Query, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	cursors := make([]json.RawMessage, len(queries))
	done := make([]bool, len(queries))
	for round := 0; slices.Contains(done, false); round++ {
		if round > 20_000 {
			t.Fatal("the collection comes to no end")
		}
		i, finished, most := round%len(queries), w.Finished(), 0
		if rng.IntN(3) == 0 {
			most = 1 + rng.IntN(12)
		}
		if done[i] {
			continue
		}
		var err error
		cursors[i], err = s.collect(c, queries[i], cursors[i], most)
		if err != nil && !errors.Is(err, errKilled) && models.ClassOf(err) == models.Permanent {
			t.Fatal(err)
		}
		done[i] = err == nil && finished
	}
}

func TestHashtagAgainstTheOracle(t *testing.T) {
	const seed = 61
	w := network.NewWorld(network.Options{Seed: seed, Posts: 10_000, Tag: "ootd", Start: start(), Edits: 0.05, Removals: 0.05, Images: 50})
	w.Advance(300)
	h := network.Faulty(w.Instagram(network.InstagramOptions{Token: token, Secret: "app", Advance: 20}), seed, network.SomeFaults())
	c := serve(t, h, instagram.Options{Secret: "app", Now: w.Now})
	s := newStore(t)
	untilRead(t, w, s, c, []source.Query{byTag("overlap", "5m")}, seed)
	for _, tr := range w.Truths() {
		p, ok := s.posts[network.InstagramID(tr.N)]
		switch {
		case !ok && !tr.Gone:
			t.Errorf("post %d is missing", tr.N)
		case ok:
			check(t, p, tr)
		}
	}
	if len(s.posts) > 10_000 || len(s.gaps) > 0 {
		t.Errorf("%d posts, gaps %v", len(s.posts), s.gaps)
	}
	// Edits further down are found by whoever reads everything again.
	readAll(t, c, w)
}

// readAll reads the whole hashtag as if for the first time, and compares with the truth.
func readAll(t *testing.T, c *instagram.Connector, w *network.World) {
	t.Helper()
	s := newStore(t)
	cursor, err := s.collect(c, byTag("overlap", "5m"), nil, 0)
	for range 200 {
		if err == nil {
			break
		}
		cursor, err = s.collect(c, byTag("overlap", "5m"), cursor, 0)
	}
	for _, tr := range w.Truths() {
		p, ok := s.posts[network.InstagramID(tr.N)]
		if ok == tr.Gone || (ok && p.Text != network.InstagramText(tr.Post)) {
			t.Errorf("post %d: read %v, gone %v, text %q (%v)", tr.N, ok, tr.Gone, p.Text, err)
		}
	}
}

func check(t *testing.T, p models.Post, tr network.Truth) {
	t.Helper()
	text := strings.Replace(p.Text, " (edited)", "", 1)
	if want := strings.Replace(network.InstagramText(tr.Post), " (edited)", "", 1); text != want || !p.CreatedAt.Equal(tr.Created) {
		t.Errorf("post %d: %q of %v, want %q of %v", tr.N, text, p.CreatedAt, want, tr.Created)
	}
	if len(p.Media) != len(tr.Images) {
		t.Errorf("post %d: %d images, want %d", tr.N, len(p.Media), len(tr.Images))
	}
	if hidden := tr.N%7 == 0; hidden != (p.Counts.Likes == nil) {
		t.Errorf("post %d: likes %v, hidden %v", tr.N, p.Counts.Likes, hidden)
	}
}

// The hashtag edges may give the same cursor for every page, which is no sign
// of an end. Where the server keeps the place, a broken pass begins anew.
func TestRepeatedCursorIsNoEnd(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 5, Posts: 600, Tag: "ootd", Start: start(), Images: 5})
	w.Finish()
	s := newStore(t)
	c := serve(t, w.Instagram(network.InstagramOptions{Token: token, Held: true}), instagram.Options{Now: w.Now})
	cursor, err := s.collect(c, byTag(), nil, 4) // killed on its way
	if !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if cursor, err = s.collect(c, byTag(), cursor, 0); err != nil {
		t.Fatal(err)
	}
	if len(s.posts) != 600 {
		t.Errorf("%d posts of 600", len(s.posts))
	}
	if s := string(cursor); strings.Contains(s, `"pass"`) || strings.Contains(s, "http") {
		t.Errorf("the pass isn't over, or an address is kept: %s", s)
	}
}

// A list that never ends is left after the allowed pages, and its rest is told as a gap.
func TestEndlessListIsCapped(t *testing.T) {
	calls := 0
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		calls++
		fmt.Fprintf(rw, `{"data":[{"id":"1","caption":"a","timestamp":"2026-03-01T11:00:00+0000"}],"paging":{"cursors":{"after":"same"},"next":"https://x.example/?after=same&access_token=%s"}}`, token)
	})
	s := newStore(t)
	c := serve(t, h, instagram.Options{Now: now})
	if _, err := s.collect(c, byTag("pages", "7"), json.RawMessage(`{"what":"hashtag/ootd/recent","hashtag":"17843000000000001"}`), 0); err != nil {
		t.Fatal(err)
	}
	if calls != 7 || len(s.gaps) != 1 {
		t.Errorf("%d calls, gaps %v", calls, s.gaps)
	}
}

func TestHashtagIDIsLookedUpOnce(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 5, Posts: 20, Tag: "ootd", Start: start()})
	w.Finish()
	searches := 0
	sim := w.Instagram(network.InstagramOptions{Token: token})
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "ig_hashtag_search") {
			searches++
		}
		sim.ServeHTTP(rw, r)
	})
	s := newStore(t)
	c := serve(t, h, instagram.Options{Now: w.Now})
	var cursor json.RawMessage
	var err error
	for range 3 {
		if cursor, err = s.collect(c, byTag(), cursor, 0); err != nil {
			t.Fatal(err)
		}
	}
	if searches != 1 {
		t.Errorf("%d look-ups of the same hashtag", searches)
	}
}

func TestBareIDOfHashtagSearch(t *testing.T) {
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "ig_hashtag_search") {
			fmt.Fprint(rw, `{"id":"17841593698074073"}`) // as the guide has it
			return
		}
		if !strings.Contains(r.URL.Path, "/17841593698074073/") {
			http.NotFound(rw, r)
			return
		}
		fmt.Fprint(rw, `{"data":[]}`)
	})
	s := newStore(t)
	if _, err := s.collect(serve(t, h, instagram.Options{Now: now}), byTag(), nil, 0); err != nil {
		t.Error(err)
	}
}

func TestGapAfterADayWithoutReading(t *testing.T) {
	at := start()
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, `{"data":[],"id":"17841593698074073"}`) })
	c := serve(t, h, instagram.Options{Now: func() time.Time { return at }})
	s := newStore(t)
	cursor, err := s.collect(c, byTag(), nil, 0)
	if err != nil || len(s.gaps) != 0 {
		t.Fatalf("%v %v", err, s.gaps)
	}
	at = at.Add(30 * time.Hour)
	if cursor, err = s.collect(c, byTag(), cursor, 1); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if cursor, err = s.collect(c, byTag(), cursor, 0); err != nil {
		t.Fatal(err)
	}
	want := models.Gap{From: start(), To: start().Add(6 * time.Hour)}
	if len(s.gaps) != 1 || !s.gaps[0].From.Equal(want.From) || !s.gaps[0].To.Equal(want.To) {
		t.Errorf("gaps %+v, want one %+v", s.gaps, want)
	}
	at = at.Add(time.Hour)
	if _, err = s.collect(c, byTag(), cursor, 0); err != nil || len(s.gaps) != 1 {
		t.Errorf("a reading in time has no gap: %v %v", err, s.gaps)
	}
}

type budget struct {
	free  time.Time
	taken []string
}

func (b *budget) Take(_ context.Context, name, item string, limit int, window time.Duration, _ time.Time) (time.Time, error) {
	b.taken = append(b.taken, fmt.Sprint(name, " ", item, " ", limit, " ", window))
	return b.free, nil
}

func TestThirtyHashtagsInSevenDays(t *testing.T) {
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, `{"data":[],"id":"17841593698074073"}`) })
	b := &budget{}
	s := newStore(t)
	c := serve(t, h, instagram.Options{Now: now, Windows: b})
	if _, err := s.collect(c, byTag(), nil, 0); err != nil {
		t.Fatal(err)
	}
	if want := []string{"instagram/17841405309211844/hashtags ootd 30 168h0m0s"}; !slices.Equal(b.taken, want) {
		t.Errorf("taken %q, want %q", b.taken, want)
	}
	b.free = now().Add(50 * time.Hour)
	_, err := s.collect(c, byTag(), nil, 0)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Throttled || !trouble.Until.Equal(b.free) {
		t.Errorf("a full budget: %v", err)
	}
}

func TestTokenProblemStops(t *testing.T) {
	h := network.NewWorld(network.Options{Posts: 1, Start: start()}).Instagram(network.InstagramOptions{
		Fault: func(*http.Request) (int, int) { return 190, 463 },
	})
	_, err := newStore(t).collect(serve(t, h, instagram.Options{Now: now}), byTag(), nil, 0)
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || !strings.Contains(trouble.Do, "expired") {
		t.Errorf("%v", err)
	}
}

func TestWithoutCredentials(t *testing.T) {
	for _, err := range instagram.New(instagram.Options{}).Collect(t.Context(), byTag(), nil) {
		if trouble, ok := source.AsTrouble(err); !ok || !strings.Contains(trouble.Do, "sources.instagram.token and sources.instagram.user_id") {
			t.Errorf("%v", err)
		}
	}
}

func TestExactlyOneOfHashtagAndAccount(t *testing.T) {
	c := serve(t, http.NotFoundHandler(), instagram.Options{Now: now})
	for _, params := range []map[string]string{
		{}, {"hashtag": "a", "account": "b"}, {"hashtag": "a b"}, {"hashtag": "😀"}, {"account": "x){id}"},
		{"hashtag": "a", "edge": "best"}, {"account": "b", "edge": "top"}, {"hashtag": "a", "pages": "0"}, {"hashtag": "a", "backfill": "-1h"}, {"tag": "a"},
	} {
		_, err := newStore(t).collect(c, source.Query{Name: "q", Params: params}, nil, 0)
		if err == nil || models.ClassOf(err) != models.Permanent || strings.Contains(err.Error(), "404") {
			t.Errorf("%v: %v", params, err)
		}
	}
}

// limits notes what the connector reports.
type limits struct{ got []source.Signal }

func (l *limits) Wait(context.Context, source.Key, source.Rate) error { return nil }
func (l *limits) Report(_ context.Context, _ source.Key, s source.Signal) error {
	l.got = append(l.got, s)
	return nil
}

func TestUsageHeadersSlowAndStop(t *testing.T) {
	tests := []struct {
		name, header, value string
		known               bool
		wait                time.Duration // at least; the next minute at most, or 0
	}{
		{"no header is not zero", "X-Other", "1", false, 0},
		{"little", "X-App-Usage", `{"call_count":28,"total_time":25,"total_cputime":25}`, true, 0},
		{"slower", "X-App-Usage", `{"call_count":28,"total_time":85,"total_cputime":25}`, true, 30 * time.Second},
		{"stop", "X-App-Usage", `{"call_count":96}`, true, 15 * time.Minute},
		{"business", "X-Business-Use-Case-Usage", `{"17841":[{"type":"instagram","call_count":100,"total_cputime":20,"total_time":20,"estimated_time_to_regain_access":19}]}`, true, 19 * time.Minute},
		{"broken", "X-App-Usage", `{"call_count":`, false, 0},
	}
	for _, tc := range tests {
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set(tc.header, tc.value)
			fmt.Fprint(rw, `{"data":[],"id":"17841593698074073"}`)
		})
		l := &limits{}
		c := serveLimited(t, h, l)
		if _, err := newStore(t).collect(c, byTag(), nil, 0); err != nil {
			t.Fatal(err)
		}
		if known := len(l.got) > 0 && l.got[0].Known; known != tc.known {
			t.Errorf("%s: signals %+v", tc.name, l.got)
			continue
		}
		if tc.known {
			if wait := max(l.got[0].Until.Sub(now()), 0); wait != tc.wait {
				t.Errorf("%s: wait %v, want %v", tc.name, wait, tc.wait)
			}
		}
	}
}

// A refused call tells the limiter, and its header says how long to wait.
func TestThrottledByTheBusinessBudget(t *testing.T) {
	h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Business-Use-Case-Usage", `{"1":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":42}]}`)
		rw.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(rw, `{"error":{"message":"(#80002) too many calls, token %s","code":80002}}`, token)
	})
	_, err := newStore(t).collect(serve(t, h, instagram.Options{Now: now}), byTag(), nil, 0)
	trouble, ok := source.AsTrouble(err)
	if !ok || trouble.Kind != source.Throttled || !trouble.Until.Equal(now().Add(42*time.Minute)) {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), token) {
		t.Errorf("the token is in the error: %v", err)
	}
}
