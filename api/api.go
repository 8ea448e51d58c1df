// Package api serves Weft over HTTP: one operation per thing that can be asked
// or done, an OpenAPI 3.1 description that is made from them, and its documentation.
//
// An operation is a type for its input, a type for its output, a function between
// them and an action that says who may call it (route.go); huma checks the input
// and writes the description. There is one file for each resource. What surrounds
// every operation is in serve.go: the request's id, who asks, how often, the audit
// log, and that a repeated request is done once.
//
// Errors are application/problem+json (RFC 9457). They name the parameter, never
// its value, since they end up in logs.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
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

// Check asks one store whether it answers.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Params is what the API needs.
type Params struct {
	Guard      *Guard // knows who asks
	Keys       Keys
	Audit      Audit
	Requests   Requests
	Search     Search
	Both       Both
	Trends     Trends
	Exports    Exports
	Posts      Posts
	Images     Images
	Desk       Desk
	Claims     Claims
	Leases     Leases
	Judgments  Judgments
	Quality    Quality
	Pipeline   Pipeline
	Runs       Runs
	Profiles   Profiles
	Subjects   Subjects
	Forgetting Forgetting
	Campaigns  Campaigns
	Books      CampaignBooks
	App        http.Handler // the web app, below appRoot; nil: there is none
	Provider   Provider     // where else one may log in; may be nil
	Checks     []Check      // of readiness; there may be none
	Secret     []byte       // signs cursors and links: 32 bytes or more, the same in all processes

	Rate    float64       // requests a second that one key may send, twice as many at once; 0: as many as it likes
	Timeout time.Duration // of a request; 30 seconds when zero
	Log     *slog.Logger  // required
	Now     func() time.Time

	// Observe is told of each request; route is a pattern, so there are few. May be nil.
	Observe func(route, method string, status int, took time.Duration)
}

// maxBody is how large a request's body may be.
const maxBody = 1 << 20

// server is the handler.
type server struct {
	Params
	mux     *http.ServeMux
	api     huma.API
	actions map[string]*action // by the mux's pattern
	limits  *limits
}

// New returns the handler, or what is missing.
func New(p Params) (http.Handler, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Timeout <= 0 {
		p.Timeout = 30 * time.Second
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Observe == nil {
		p.Observe = func(string, string, int, time.Duration) {}
	}
	s := &server{Params: p, mux: http.NewServeMux(), actions: map[string]*action{}, limits: newLimits(p.Rate, int(2*p.Rate))}
	s.operations()
	s.health()
	s.docs()
	s.app()
	return s, nil
}

// check says what is missing.
func (p *Params) check() error {
	var missing []string
	for name, there := range map[string]bool{
		"Guard": p.Guard != nil, "Keys": p.Keys != nil, "Audit": p.Audit != nil, "Requests": p.Requests != nil, "Search": p.Search != nil,
		"Posts": p.Posts != nil, "Images": p.Images != nil, "Desk": p.Desk != nil, "Claims": p.Claims != nil && p.Leases != nil, "Judgments": p.Judgments != nil, "Quality": p.Quality != nil, "Pipeline": p.Pipeline != nil, "Runs": p.Runs != nil,
		"Profiles": p.Profiles != nil, "Subjects": p.Subjects != nil, "Forgetting": p.Forgetting != nil, "Campaigns": p.Campaigns != nil && p.Books != nil, "Both": p.Both != nil, "Trends": p.Trends != nil, "Exports": p.Exports != nil, "Log": p.Log != nil, "Secret": len(p.Secret) >= 32,
	} {
		if !there {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("api: missing, or too short: %s", strings.Join(missing, ", "))
}

// operations puts the API itself on the mux: one line for each resource.
func (s *server) operations() {
	s.api = humago.New(s.mux, settings())
	s.open("GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml")
	s.me()
	s.sessions()
	s.providers()
	s.keys()
	s.audit()
	s.search()
	s.posts()
	s.history()
	s.trends()
	s.exports()
	s.labels()
	s.labelPost()
	s.profiles()
	s.pipeline()
	s.campaigns()
	s.forget()
	s.describeProblems()
}

// settings are huma's, less what it does that nobody asked for.
func settings() huma.Config {
	c := huma.DefaultConfig("Weft", "1")
	c.Info.Description = "Posts with the fashion attributes that were found in them. Every operation says in x-role which role it wants at least: " +
		"viewer, labeler, analyst, operator or admin."
	c.DocsPath = ""     // its pages load their scripts from a CDN; see docs
	c.CreateHooks = nil // they put a $schema made of the Host header into every answer
	c.SchemasPath = ""  // and serve it here
	c.Transformers = append(c.Transformers, presentable)
	c.RejectUnknownQueryParameters = true // a misspelt filter would widen the answer in silence
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key":     {Type: "http", Scheme: "bearer", Description: "An API key, such as weft_k3jd92kfma_…"},
		"session": {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "A login of the web app. Writes need the header " + csrfHeader + " too."},
	}
	return c
}

// appRoot is where the web app is.
const appRoot = "/app/"

// app puts the web app on the mux. Its files are no secret: what it shows it asks
// of the operations, with the session of who looks at it.
func (s *server) app() {
	if s.App == nil {
		return
	}
	s.open("GET "+appRoot, "GET /{$}")
	s.mux.Handle("GET "+appRoot, s.App)
	s.mux.Handle("GET /{$}", http.RedirectHandler(appRoot, http.StatusFound))
}

// docs puts the documentation on the mux: Swagger UI from this program alone.
func (s *server) docs() {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{Title: "Weft", SwaggerJSON: "/openapi.json", BasePath: "/docs/"})
	s.open("GET /docs/")
	s.mux.HandleFunc("GET /docs/", func(w http.ResponseWriter, r *http.Request) {
		// Its page has a script in it, so 'self' alone is not enough.
		w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		ui.ServeHTTP(w, r)
	})
}
