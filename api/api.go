// Package api serves Weft over HTTP: search over recent posts, an OpenAPI 3.1
// description that is made from the handlers, and its documentation.
//
// An operation is a type for its input, a type for its output and a function
// between them; huma checks the input and writes the description. All operations
// want a bearer token when any is configured; health and documentation don't.
//
// Errors are application/problem+json (RFC 9457). They name the parameter, never
// its value, since they end up in logs.
package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"weft/models"
)

// Search is what is asked of the search over recent posts.
type Search interface {
	Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error)
	// Get returns one document, or models.ErrNotFound.
	Get(ctx context.Context, id string) (models.SearchDoc, error)
}

// Posts tells a deleted post from one that never was.
type Posts interface {
	// Post returns a post with its runs, or models.ErrNotFound.
	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
}

// Check asks one store whether it answers.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Token lets one party in.
type Token struct {
	Name   string
	SHA256 string // of the token, 64 hex digits: the configuration holds no secret
}

// Params is what the API needs.
type Params struct {
	Search  Search
	Posts   Posts
	Checks  []Check       // of readiness
	Tokens  []Token       // none: everybody on this machine may ask
	Timeout time.Duration // of a request; 30 seconds when zero
	Log     *slog.Logger  // required

	// Observe is told of each request; route is a pattern, so there are few. May be nil.
	Observe func(route, method string, status int, took time.Duration)
}

// maxBody is how large a request's body may be.
const maxBody = 1 << 20

// server is the handler.
type server struct {
	Params
	mux    *http.ServeMux
	tokens []holder
}

// New returns the handler, or what is wrong with the tokens.
func New(p Params) (http.Handler, error) {
	if p.Search == nil || p.Posts == nil || p.Log == nil {
		return nil, errors.New("api: Search, Posts and Log are required")
	}
	if p.Timeout <= 0 {
		p.Timeout = 30 * time.Second
	}
	if p.Observe == nil {
		p.Observe = func(string, string, int, time.Duration) {}
	}
	s := &server{Params: p, mux: http.NewServeMux()}
	for i, t := range p.Tokens {
		sum, err := hex.DecodeString(t.SHA256)
		if err != nil || len(sum) != sha256.Size || t.Name == "" {
			return nil, fmt.Errorf("api: token %d: a name and 64 hex digits are wanted, as sha256sum prints them", i+1)
		}
		s.tokens = append(s.tokens, holder{name: t.Name, sum: sum})
	}
	s.operations()
	s.health()
	s.docs()
	return s, nil
}

// operations puts the API itself on the mux.
func (s *server) operations() {
	a := humago.New(s.mux, settings())
	a.UseMiddleware(s.authorize(a))
	s.posts(a)
}

// settings are huma's, less what it does that nobody asked for.
func settings() huma.Config {
	c := huma.DefaultConfig("Weft", "1")
	c.Info.Description = "Posts with the fashion attributes that were found in them."
	c.DocsPath = ""     // its pages load their scripts from a CDN; see docs
	c.CreateHooks = nil // they put a $schema made of the Host header into every answer
	c.SchemasPath = ""  // and serve it here
	c.Transformers = append(c.Transformers, withoutValues)
	c.RejectUnknownQueryParameters = true // a misspelt filter would widen the answer in silence
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token of api.tokens."},
	}
	c.Security = []map[string][]string{{"token": {}}}
	return c
}

// docs puts the documentation on the mux: Swagger UI from this program alone.
func (s *server) docs() {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{Title: "Weft", SwaggerJSON: "/openapi.json", BasePath: "/docs/"})
	s.mux.HandleFunc("GET /docs/", func(w http.ResponseWriter, r *http.Request) {
		// Its page has a script in it, so 'self' alone is not enough.
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		ui.ServeHTTP(w, r)
	})
}
