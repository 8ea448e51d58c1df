package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/models"
)

// putAll puts documents at the same time and returns the outcome of each.
func putAll(ctx context.Context, s *Search, docs ...models.SearchDoc) map[string]error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := map[string]error{}
	for _, d := range docs {
		wg.Go(func() {
			err := s.Put(ctx, d)
			mu.Lock()
			defer mu.Unlock()
			out[d.ID] = err
		})
	}
	wg.Wait()
	return out
}

func numbered(n int) []models.SearchDoc {
	docs := make([]models.SearchDoc, n)
	for i := range docs {
		docs[i] = models.SearchDoc{ID: fmt.Sprint("d", i), Version: 1}
	}
	return docs
}

// wantClass checks the class of an error and a part of its words.
func wantClass(t *testing.T, what string, err error, class models.Class, words string) {
	t.Helper()
	if err == nil || models.ClassOf(err) != class || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v (%s), want %s with %q", what, err, models.ClassOf(err), class, words)
	}
}

func TestEachItsOwnOutcome(t *testing.T) {
	f, s := newFake(t)
	f.item = func(id string) (int, string) {
		switch id {
		case "d1":
			return 429, `{"type":"es_rejected_execution_exception","reason":"queue is full"}`
		case "d2":
			return 400, `{"type":"document_parsing_exception","reason":"failed to parse field [counts.likes]","caused_by":{"type":"illegal_argument_exception","reason":"For input string: x"}}`
		case "d3":
			return 503, `{"type":"unavailable_shards_exception","reason":"primary shard is not active"}`
		case "d4":
			return 403, `{"type":"cluster_block_exception","reason":"index read-only"}`
		case "d5":
			return 409, `{"type":"version_conflict_engine_exception","reason":"current version [7] is higher"}`
		}
		return 201, ""
	}
	got := putAll(t.Context(), s, numbered(8)...)
	wantClass(t, "429", got["d1"], models.Unavailable, "queue is full")
	wantClass(t, "a mapping conflict", got["d2"], models.Permanent, "counts.likes]: For input string: x")
	wantClass(t, "503", got["d3"], models.Unavailable, "not active")
	wantClass(t, "a block", got["d4"], models.Unavailable, "read-only")
	for _, id := range []string{"d0", "d5", "d6", "d7"} {
		if got[id] != nil {
			t.Errorf("%s: %v, want success", id, got[id])
		}
	}
	if f.sizes[0] != 8 {
		t.Errorf("bulk requests of %v documents, want all 8 in the first", f.sizes)
	}
}

func TestBatchLimits(t *testing.T) {
	f, s := newFake(t)
	docs := numbered(batchItems + 100)
	big := strings.Repeat("x ", batchBytes/5)
	docs[0].Text, docs[1].Text, docs[2].Text = big, big, big
	for id, err := range putAll(t.Context(), s, docs...) {
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if most := slices.Max(f.sizes); most > batchItems || len(f.sizes) > 100 {
		t.Errorf("bulk requests of %v documents, want few, of up to %d", f.sizes, batchItems)
	}
}

// A request that fails whole fails its own batch and no other.
func TestWholeRequestFails(t *testing.T) {
	for name, c := range map[string]struct {
		request func(n int, w http.ResponseWriter) bool
		words   string
	}{
		"503": {func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				w.WriteHeader(503)
			}
			return n == 1
		}, "Service Unavailable"},
		"429": {func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				w.WriteHeader(429)
				fmt.Fprint(w, `{"error":{"type":"circuit_breaking_exception","reason":"data too large"}}`)
			}
			return n == 1
		}, "data too large"},
		"a cut connection": {func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			return false
		}, "EOF"},
		"half an answer": {func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				fmt.Fprint(w, `{"items":[{"index":{"status":201}}`)
			}
			return n == 1
		}, "EOF"},
		"an item missing": {func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				fmt.Fprint(w, `{"items":[{"index":{"status":201}}]}`)
			}
			return n == 1
		}, "it answered for 1 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := newFake(t)
			f.request = c.request
			for id, err := range putAll(t.Context(), s, numbered(3)...) {
				wantClass(t, id, err, models.Unavailable, c.words)
			}
			for id, err := range putAll(t.Context(), s, numbered(3)...) {
				if err != nil {
					t.Errorf("%s of the next batch: %v", id, err)
				}
			}
			if !slices.Equal(f.sizes, []int{3, 3}) {
				t.Errorf("bulk requests of %v documents, want two of 3: nothing is repeated by itself", f.sizes)
			}
		})
	}
}

// A request that is refused as it is gets halved until the document is found
// that it is refused for.
func TestPoisonousDocument(t *testing.T) {
	f, s := newFake(t)
	poisoned := false
	f.item = func(id string) (int, string) { poisoned = poisoned || id == "d2"; return 201, "" }
	f.request = func(_ int, w http.ResponseWriter) bool {
		was := poisoned
		poisoned = false
		if was {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		return was
	}
	for id, err := range putAll(t.Context(), s, numbered(8)...) {
		if id == "d2" {
			wantClass(t, id, err, models.Permanent, "Too Large")
		} else if err != nil {
			t.Errorf("%s, beside the one: %v", id, err)
		}
	}
}

func TestTimeOutAndCancelled(t *testing.T) {
	f, s := newFake(t)
	s.client.timeout = 20 * time.Millisecond
	release := make(chan struct{})
	f.request = func(int, http.ResponseWriter) bool { <-release; return false }
	defer close(release)
	wantClass(t, "a cluster that doesn't answer", s.Put(t.Context(), numbered(1)[0]), models.Unavailable, "deadline")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, numbered(1)[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("Put of a caller who left = %v", err)
	}
	if _, err := s.Search(ctx, models.SearchQuery{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Search of a caller who left = %v", err)
	}
}

func TestReadsRefused(t *testing.T) {
	_, s := newFake(t)
	_, err := s.Search(t.Context(), models.SearchQuery{})
	wantClass(t, "Search", err, models.Unavailable, "data too large")
	_, err = s.Search(t.Context(), models.SearchQuery{Sort: "likes"})
	wantClass(t, "Search in a view", err, models.Unavailable, "data too large")
	_, err = s.Count(t.Context())
	wantClass(t, "Count", err, models.Unavailable, "data too large")
	if _, err = s.Get(t.Context(), "x"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("Get = %v", err)
	}
}

// A month that can't be reached is no empty one.
func TestMissingShard(t *testing.T) {
	f, s := newFake(t)
	f.says = map[string]string{}
	for _, p := range []string{"/weft/_count", "/weft-v1-0001-01/_count"} {
		f.says[p] = `{"count":0,"_shards":{"total":3,"successful":2,"failed":1}}`
	}
	for _, p := range []string{"/weft-v*/_settings/index.blocks.write", "/weft-v1-0001-01/_settings", "/weft-v1-0001-01/_refresh", "/weft-v1-0001-01"} {
		f.says[p] = `{}`
	}
	_, err := s.Count(t.Context())
	wantClass(t, "Count", err, models.Unavailable, "1 of 3 shards")
	dropped, err := s.DropEmpty(t.Context(), time.Now())
	wantClass(t, "DropEmpty", err, models.Unavailable, "1 of 3 shards")
	if len(dropped) != 0 || slices.Contains(f.paths, "DELETE /weft-v1-0001-01") {
		t.Errorf("it dropped %v", dropped)
	}
}

func TestClosed(t *testing.T) {
	_, s := newFake(t)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantClass(t, "Put", s.Put(t.Context(), numbered(1)[0]), models.Unavailable, "closed")
	wantClass(t, "Delete", s.Delete(t.Context(), "x", 1), models.Unavailable, "closed")
	_, err := s.Get(t.Context(), "x")
	wantClass(t, "Get", err, models.Unavailable, "closed")
	_, err = s.Search(t.Context(), models.SearchQuery{})
	wantClass(t, "Search", err, models.Unavailable, "closed")
	_, err = s.Count(t.Context())
	wantClass(t, "Count", err, models.Unavailable, "closed")
}

// Nobody is there: that is the cluster's trouble, and told without the password.
func TestOpenRefused(t *testing.T) {
	_, err := Open(t.Context(), "http://weft:secret@127.0.0.1:1/x", Options{})
	wantClass(t, "Open", err, models.Unavailable, "refused")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the password: %v", err)
	}
}
