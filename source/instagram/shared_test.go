package instagram_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/instagram"
	"weft/source/web"
)

const token = "EAAsecrettoken"

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
	dir = filepath.Join(dir, "fixtures", instagram.Name)
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

func parser() *instagram.Connector { return instagram.New(instagram.Options{Now: now, Token: token}) }

func body(format string, args ...any) source.Exchange {
	return source.Exchange{Status: 200, Body: fmt.Appendf(nil, format, args...)}
}

// serve starts a server and a connector that asks it.
func serve(t testing.TB, h http.Handler, opt instagram.Options) *instagram.Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	opt.Web = &web.Client{HTTP: srv.Client(), Now: opt.Now}
	opt.Base, opt.Token, opt.UserID = srv.URL, token, "17841405309211844"
	return instagram.New(opt)
}

// store folds what a collection yields as the store would.
type store struct {
	posts   map[string]models.Post
	deleted map[string]bool
	gaps    []models.Gap
	hashes  map[string]string // ContentHash by id and text
	t       testing.TB
}

func newStore(t testing.TB) *store {
	return &store{posts: map[string]models.Post{}, deleted: map[string]bool{}, hashes: map[string]string{}, t: t}
}

func (s *store) add(b source.Batch) {
	for _, err := range b.Problems {
		s.t.Errorf("problem: %v", err)
	}
	for _, d := range b.Deletions {
		s.deleted[d.NativeID] = true
		delete(s.posts, d.NativeID)
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
func (s *store) collect(c *instagram.Connector, q source.Query, cursor json.RawMessage, most int) (json.RawMessage, error) {
	n := 0
	for b, err := range c.Collect(s.t.Context(), q, cursor) {
		if err != nil {
			return cursor, err
		}
		s.add(b)
		if b.Cursor != nil {
			cursor = b.Cursor
			if strings.Contains(string(cursor), token) {
				s.t.Fatalf("the token is in the cursor: %s", cursor)
			}
		}
		if n++; n == most {
			return cursor, errKilled
		}
	}
	return cursor, nil
}

var errKilled = fmt.Errorf("killed")

func ids(posts []models.Post) []string {
	var out []string
	for _, p := range posts {
		out = append(out, p.NativeID)
	}
	slices.Sort(out)
	return out
}

// serveLimited is serve with a limiter.
func serveLimited(t testing.TB, h http.Handler, l source.Limiter) *instagram.Connector {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return instagram.New(instagram.Options{
		Web: &web.Client{HTTP: srv.Client(), Now: now, Limits: l}, Base: srv.URL, Token: token, UserID: "1", Now: now,
	})
}
