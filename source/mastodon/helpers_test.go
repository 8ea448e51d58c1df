package mastodon_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/mastodon"
	"weft/source/web"
)

// recorded reads all recorded answers, by file name.
func recorded(t testing.TB) map[string]source.Exchange {
	t.Helper()
	root := os.Getenv("WEFT_SHARED")
	for dir, _ := os.Getwd(); root == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "shared", "fixtures")); err == nil {
			root = filepath.Join(dir, "shared")
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "fixtures", "mastodon", "*.exchange.json"))
	if root == "" || err != nil || len(files) == 0 {
		t.Skip("no recorded answers here: set WEFT_SHARED to the folder that has fixtures/mastodon")
	}
	out := map[string]source.Exchange{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if out[filepath.Base(f)], err = source.ReadRecorded(data); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// store folds batches as the crawler's intake does.
type store struct {
	posts   map[string]models.Post
	deleted map[string]bool
	hidden  map[string]bool
	skipped map[string]int
	read    int
}

func newStore() *store {
	return &store{posts: map[string]models.Post{}, deleted: map[string]bool{}, hidden: map[string]bool{}, skipped: map[string]int{}}
}

func (s *store) take(t testing.TB, b source.Batch) {
	t.Helper()
	for _, p := range b.Problems {
		t.Errorf("problem: %v", p)
	}
	for _, p := range b.Posts {
		s.read++
		if p.ID != models.PostID("mastodon", p.NativeID) {
			t.Errorf("post %s has the native id %s", p.ID, p.NativeID)
		}
		if !s.deleted[p.NativeID] {
			s.posts[p.NativeID] = p
		}
	}
	for _, d := range b.Deletions {
		switch d.Act {
		case models.Delete:
			s.deleted[d.NativeID] = true
			delete(s.posts, d.NativeID)
		case models.Hide:
			s.hidden[d.NativeID] = true
		case models.Show:
			delete(s.hidden, d.NativeID)
		}
	}
	for why, n := range b.Skipped {
		s.skipped[why] += n
	}
}

// known lists the posts as the crawler would hand them to Recheck.
func (s *store) known() []models.Post {
	var out []models.Post
	for _, id := range slices.Sorted(maps.Keys(s.posts)) {
		p := s.posts[id]
		if s.hidden[id] {
			p.Hidden = "suspended"
		}
		out = append(out, p)
	}
	return out
}

// passing reports whether an error is one that a crawler tries again after.
func passing(err error) bool {
	if t, ok := source.AsTrouble(err); ok {
		return t.Kind == source.Throttled
	}
	return models.ClassOf(err) != models.Permanent
}

// collect runs q once from cursor on, and returns the last cursor.
func collect(t testing.TB, c *mastodon.Connector, q source.Query, cursor json.RawMessage, s *store) (json.RawMessage, error) {
	t.Helper()
	for b, err := range c.Collect(context.Background(), q, cursor) {
		if err != nil {
			return cursor, err
		}
		s.take(t, b)
		if b.Cursor != nil {
			cursor = b.Cursor
		}
	}
	return cursor, nil
}

// serve starts a server, and a connector that calls it for every instance.
func serve(t testing.TB, h http.Handler) (*mastodon.Connector, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return mastodon.New(mastodon.Options{Web: &web.Client{HTTP: srv.Client()}, Base: srv.URL}), srv
}

func query(params map[string]string) source.Query {
	p := map[string]string{"instance": "fashion.example", "tag": "ootd"}
	maps.Copy(p, params)
	return source.Query{Name: "q", Source: "mastodon", Every: time.Minute, Params: p}
}

var errNone = errors.New("no error")

func wantTrouble(t *testing.T, err error, kind source.Kind) *source.Trouble {
	t.Helper()
	if err == nil {
		err = errNone
	}
	tr, ok := source.AsTrouble(err)
	if !ok || tr.Kind != kind {
		t.Fatalf("the error is %v, want one that is %s", err, kind)
	}
	return tr
}
