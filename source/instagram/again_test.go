package instagram_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"weft/internal/sim/network"
	"weft/models"
	"weft/source"
	"weft/source/instagram"
)

func TestAccountsAgainstTheOracle(t *testing.T) {
	const seed = 62
	w := network.NewWorld(network.Options{Seed: seed, Posts: 10_000, Tag: "ootd", Start: start(), Authors: 10, Edits: 0.05, Removals: 0.05, Images: 50})
	w.Advance(300)
	h := network.Faulty(w.Instagram(network.InstagramOptions{Token: token, Advance: 20}), seed, network.SomeFaults())
	c := serve(t, h, instagram.Options{Now: w.Now})
	var queries []source.Query
	for _, a := range w.Authors() {
		queries = append(queries, source.Query{Name: a.Handle, Source: instagram.Name, Params: map[string]string{"account": a.Handle, "overlap": "5m"}})
	}
	s := newStore(t)
	untilRead(t, w, s, c, queries, seed)
	for _, tr := range w.Truths() {
		if _, ok := s.posts[network.InstagramID(tr.N)]; !ok && !tr.Gone {
			t.Errorf("post %d is missing", tr.N)
		}
	}
	// Without faults: each part walks through twenty pages, and would do so five times.
	recheck(t, s, serve(t, w.Instagram(network.InstagramOptions{Token: token}), instagram.Options{Now: w.Now}))
	for _, tr := range w.Truths() {
		p, ok := s.posts[network.InstagramID(tr.N)]
		if ok == tr.Gone {
			t.Errorf("post %d: kept %v, gone %v", tr.N, ok, tr.Gone)
		}
		if ok && (p.Text != network.InstagramText(tr.Post) || p.Author.Handle != tr.Author.Handle || p.Author.Followers != tr.Author.Followers) {
			t.Errorf("post %d: %q by %+v", tr.N, p.Text, p.Author)
		}
	}
}

// recheck looks at all posts again, as the crawler would: 40 at a time, newest first.
func recheck(t *testing.T, s *store, c *instagram.Connector) {
	t.Helper()
	all := make([]models.Post, 0, len(s.posts))
	for _, p := range s.posts {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b models.Post) int {
		if n := strings.Compare(a.Author.Handle, b.Author.Handle); n != 0 {
			return n
		}
		return b.CreatedAt.Compare(a.CreatedAt)
	})
	const size = 700 // more than the crawler's 40, since each walks from the newest post on
	for part := range slices.Chunk(all, size) {
		b, err := c.Recheck(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		s.add(b)
	}
}

func TestResolve(t *testing.T) {
	w := network.NewWorld(network.Options{Seed: 9, Posts: 300, Tag: "ootd", Start: start(), Authors: 4, Removals: 0.3, Images: 5})
	w.Finish()
	c := serve(t, w.Instagram(network.InstagramOptions{Token: token}), instagram.Options{Now: w.Now})
	gone := 0
	for _, tr := range w.Truths()[:60] {
		p, err := c.Resolve(t.Context(), models.Post{NativeID: network.InstagramID(tr.N), CreatedAt: tr.Created, Author: models.Author{Handle: tr.Author.Handle}})
		switch {
		case tr.Gone:
			gone++
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("post %d is gone: %v", tr.N, err)
			}
		case err != nil || p.NativeID != network.InstagramID(tr.N):
			t.Errorf("post %d: %v", tr.N, err)
		}
	}
	if gone == 0 {
		t.Error("no post was gone")
	}
	_, err := c.Resolve(t.Context(), models.Post{NativeID: "1", CreatedAt: start()})
	if err == nil || errors.Is(err, models.ErrNotFound) || models.ClassOf(err) != models.Permanent {
		t.Errorf("a post found by hashtag can't be read again, which is no proof: %v", err)
	}
	_, err = c.Resolve(t.Context(), models.Post{NativeID: "1", CreatedAt: start(), Author: models.Author{Handle: "renamed"}})
	if err == nil || errors.Is(err, models.ErrNotFound) {
		t.Errorf("an account that isn't found is no proof: %v", err)
	}
}

// An answer without the list is no proof that the posts are gone.
func TestRecheckTakesNoSilenceForADeletion(t *testing.T) {
	for _, answer := range []string{
		`{"business_discovery":{"id":"1","username":"b"},"id":"2"}`, `{"id":"2"}`, `{"business_discovery":{"id":"1","media":{}}}`,
		`{"business_discovery":{"media":{"data":[{"id":"x"}]}}}`, `{"business_discovery":{"media":{"data":5}}}`,
	} {
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, answer) })
		c := serve(t, h, instagram.Options{Now: now})
		b, err := c.Recheck(t.Context(), []models.Post{{Source: instagram.Name, NativeID: "1", CreatedAt: start(), Author: models.Author{Handle: "b"}}})
		if len(b.Deletions) != 0 {
			t.Errorf("%s: %+v %v", answer, b.Deletions, err)
		}
	}
}
