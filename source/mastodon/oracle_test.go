package mastodon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/mastodon"
	"weft/source/web"
)

func world(posts int) *network.World {
	return network.NewWorld(network.Options{
		Seed: 7, Posts: posts, Tag: "ootd", Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Edits: 0.05, Removals: 0.05, Closures: 3, Suspends: 4, Images: 40,
	})
}

// TestOracle collects a world of 10,000 posts through a server that misbehaves,
// broken off at random, and compares with what there is.
func TestOracle(t *testing.T) {
	w := world(10_000)
	h := w.Mastodon(network.MastodonOptions{Churn: 40, Late: 17, Delay: 3 * time.Minute})
	srv := httptest.NewServer(network.Faulty(h, 3, network.SomeFaults()))
	defer srv.Close()
	c := mastodon.New(mastodon.Options{Web: &web.Client{HTTP: srv.Client()}, Base: srv.URL})
	q := query(map[string]string{"backfill": "200", "overlap": "8m"})
	s, rng := newStore(), rand.New(rand.NewPCG(1, 2))
	var cursor json.RawMessage
	breaks, faults, whole := 0, 0, 0
	for whole < 2 { // two passes ended after all had happened: the second began after it, too
		for b, err := range c.Collect(context.Background(), q, cursor) {
			if err != nil {
				if !passing(err) {
					t.Fatal(err)
				}
				faults++
				break
			}
			if rng.IntN(20) == 0 { // killed before the batch was stored
				breaks++
				break
			}
			s.take(t, b)
			if rng.IntN(20) == 0 { // killed between posts and cursor
				breaks++
				break
			}
			cursor = b.Cursor
			if w.Finished() && !bytes.Contains(cursor, []byte(`"pass"`)) {
				whole++
			}
		}
	}
	seen := len(s.posts)
	recheckAll(t, c, s)
	compare(t, w, s)
	t.Logf("%d posts known before the re-check, %d read, %d broken off, %d faults, cursor %d bytes", seen, s.read, breaks, faults, len(cursor))
	if breaks < 10 || faults < 10 || seen < 9000 {
		t.Errorf("the test shows nothing: %d broken off, %d faults, %d posts", breaks, faults, seen)
	}
	if len(cursor) > 8<<10 {
		t.Errorf("the cursor has %d bytes", len(cursor))
	}
}

// recheckAll asks for every post again until it was answered.
func recheckAll(t *testing.T, c *mastodon.Connector, s *store) {
	t.Helper()
	for part := range slices.Chunk(s.known(), source.RecheckSize) {
		for {
			b, err := c.Recheck(context.Background(), part)
			if err == nil {
				s.take(t, b)
				break
			}
			if !passing(err) {
				t.Fatal(err)
			}
		}
	}
}

func compare(t *testing.T, w *network.World, s *store) {
	t.Helper()
	// What was read while its author was suspended, and lies deeper than the
	// overlap when the author comes back, can't be found: timelines don't tell.
	back := map[int]bool{}
	events, _ := w.Events(0, 1<<30)
	for _, e := range events {
		back[e.Author] = back[e.Author] || e.Kind == network.Restore
	}
	left, returned := len(s.posts), 0
	for _, truth := range w.Truths() {
		id := network.MastodonID(truth.N)
		p, ok := s.posts[id]
		switch {
		case truth.Gone:
			if ok {
				t.Errorf("post %d is gone, but is still there", truth.N)
			}
		case truth.Hidden && ok != s.hidden[id]:
			t.Errorf("post %d of a suspended author: known %v, hidden %v", truth.N, ok, s.hidden[id])
		case truth.Hidden: // never seen, or hidden
		case !ok && back[truth.Author.N]:
			returned++
		case !ok:
			t.Errorf("post %d is missing", truth.N)
		case s.hidden[id]:
			t.Errorf("post %d is hidden for no reason", truth.N)
		default:
			same(t, truth, p)
		}
		if ok {
			left--
		}
	}
	if returned > 5 {
		t.Errorf("%d posts of suspended authors who came back are missing", returned)
	}
	if left != 0 {
		t.Errorf("%d posts that nobody wrote", left)
	}
}

func same(t *testing.T, truth network.Truth, p models.Post) {
	t.Helper()
	if !strings.Contains(p.Text, " (edited)") == !truth.EditedAt.IsZero() {
		t.Errorf("post %d: text %q, edited at %s", truth.N, p.Text, truth.EditedAt)
	}
	if !p.CreatedAt.Equal(truth.Created) || len(p.Media) != len(truth.Images) || *p.Counts.Likes != truth.Likes {
		t.Errorf("post %d: created %s, %d images, %d likes; want %s, %d, %d", truth.N, p.CreatedAt, len(p.Media), *p.Counts.Likes, truth.Created, len(truth.Images), truth.Likes)
	}
	if p.Flagged(models.Adult) != truth.Adult || p.Flagged(models.NoIndex) != truth.NoIndex || (p.Author.Handle == "") != truth.NoIndex {
		t.Errorf("post %d: flags %v, author %q; want adult %v, no-index %v", truth.N, p.Flags, p.Author.Handle, truth.Adult, truth.NoIndex)
	}
}

// TestOldServersToo: no Link header, and no call for several statuses.
func TestOldServersToo(t *testing.T) {
	w := world(400)
	c, _ := serve(t, w.Mastodon(network.MastodonOptions{Churn: 10, NoLinks: true, Old: true}))
	s := newStore()
	var cursor json.RawMessage
	for over := false; !over; {
		over = w.Finished()
		var err error
		if cursor, err = collect(t, c, query(nil), cursor, s); err != nil {
			t.Fatal(err)
		}
	}
	recheckAll(t, c, s)
	compare(t, w, s)
}
