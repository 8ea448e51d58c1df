package reddit_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/reddit"
	"weft/source/web"
)

const secret = "app-secret"

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// fixtures is the folder of the recorded answers.
func fixtures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("WEFT_SHARED")
	for up := "."; dir == "" && len(up) < 40; up = filepath.Join(up, "..") {
		if s, err := os.Stat(filepath.Join(up, "..", "shared", "fixtures")); err == nil && s.IsDir() {
			dir = filepath.Join(up, "..", "shared")
		}
	}
	dir = filepath.Join(dir, "fixtures", reddit.Name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recorded answers aren't here: set WEFT_SHARED to the folder shared")
	}
	return dir
}

func recorded(t testing.TB, name string) source.Exchange {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures(t), name))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := source.ReadRecorded(data)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func parser() *reddit.Connector { return reddit.New(reddit.Options{Now: now}) }

func body(format string, args ...any) source.Exchange {
	return source.Exchange{Status: 200, Body: fmt.Appendf(nil, format, args...)}
}

// link is a listing with one post, whose further fields are given.
func link(fields string) source.Exchange {
	return body(`{"kind":"Listing","data":{"after":null,"children":[{"kind":"t3","data":{"name":"t3_abc","created_utc":1600000000.0,"author":"a","author_fullname":"t2_a","title":"T"%s}}]}}`, fields) // constructed
}

func one(t *testing.T, rec source.Exchange) models.Post {
	t.Helper()
	b, err := parser().Parse(rec)
	if err != nil || len(b.Posts) != 1 || len(b.Problems) > 0 {
		t.Fatalf("%+v %v", b, err)
	}
	return b.Posts[0]
}

// serve starts a server and a connector that asks it.
func serve(t testing.TB, h http.Handler, now func() time.Time) *reddit.Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return reddit.New(reddit.Options{
		Web: &web.Client{HTTP: srv.Client(), Now: now}, Base: srv.URL, ClientID: "app", ClientSecret: secret, Now: now,
	})
}

// store folds what a collection yields as the store would.
type store struct {
	posts   map[string]models.Post
	deleted map[string]bool
	hidden  map[string]bool
	gaps    []models.Gap
	hashes  map[string]string // ContentHash by id and text
	t       testing.TB
}

func newStore(t testing.TB) *store {
	return &store{posts: map[string]models.Post{}, deleted: map[string]bool{}, hidden: map[string]bool{}, hashes: map[string]string{}, t: t}
}

func (s *store) add(b source.Batch) {
	for _, err := range b.Problems {
		s.t.Errorf("problem: %v", err)
	}
	for _, d := range b.Deletions {
		switch d.Act {
		case models.Delete:
			s.deleted[d.NativeID] = true
			delete(s.posts, d.NativeID)
		case models.Hide, models.Show:
			s.hidden[d.NativeID] = d.Act == models.Hide
		}
	}
	if b.Gap != nil {
		s.gaps = append(s.gaps, *b.Gap)
	}
	for _, p := range b.Posts {
		if s.deleted[p.NativeID] {
			continue
		}
		key := p.NativeID + "\x00" + p.Text
		if h, ok := s.hashes[key]; ok && h != p.ContentHash() {
			s.t.Errorf("post %s reads differently the second time", p.NativeID)
		}
		s.hashes[key] = p.ContentHash()
		s.posts[p.NativeID] = p
	}
}

// collect reads q once, and returns the cursor behind what was stored.
func (s *store) collect(c *reddit.Connector, q source.Query, cursor json.RawMessage, most int) (json.RawMessage, error) {
	n := 0
	for b, err := range c.Collect(s.t.Context(), q, cursor) {
		if err != nil {
			return cursor, err
		}
		s.add(b)
		if b.Cursor != nil {
			cursor = b.Cursor
			if strings.Contains(string(cursor), secret) || strings.Contains(string(cursor), "token-") {
				s.t.Fatalf("a secret is in the cursor: %s", cursor)
			}
		}
		if n++; n == most {
			return cursor, errKilled
		}
	}
	return cursor, nil
}

var errKilled = fmt.Errorf("killed")
