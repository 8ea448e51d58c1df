package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Posts reads the documents of posts.
type Posts interface {
	// Post returns a post with its runs, or models.ErrNotFound.
	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
	Timeline(ctx context.Context, post, profile string) ([]models.Entry, error)
	// Stub returns what stays of a purged post, or models.ErrNotFound.
	Stub(ctx context.Context, id string) (models.Stub, error)
}

// PostPath names a post. It is exported because huma
// leaves out the fields of embedded types that are not.
type PostPath struct {
	ID string `path:"id" pattern:"^[a-z0-9-]{1,32}[.][A-Za-z0-9_-]{1,48}$" doc:"The source, a dot, and the source's own id." example:"mastodon.112233"`
}

type postOutput struct{ Body Post }

// posts registers what can be asked of a single post.
func (s *server) posts() {
	one := func(id, path, summary, description string) action {
		return action{Role: models.Viewer, Operation: huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/v1/posts/{id}" + path, Tags: []string{"posts"}, Summary: summary, Description: description,
			Errors: []int{http.StatusNotFound, http.StatusGone},
		}}
	}
	register(s, one("get-post", "", "Read one post", "404 for a post that is not in search, 410 for one that was deleted."), s.getPost)
	register(s, one("get-timeline", "/timeline", "Tell where a post went, and why",
		"One run for each of its profiles, with a line for each move: what was decided and why, by which models, how long it took and what it cost. It holds nothing of the post itself."), s.getTimeline)
	register(s, one("get-attributes", "/attributes", "Tell how a post's attributes came about",
		"What each profile published with the models' versions, what it had published before, and people's answers, which override models."), s.getAttributes)
	register(s, one("list-images", "/images", "List a post's images", ""), s.listImages)
	image := one("get-image", "/images/{n}", "Read the rendition of an image", "Its longest side has 512 pixels. Images of posts that are not in search are for labelers and above.")
	image.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"image/jpeg": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}, "304": {Description: "It is the one that If-None-Match names."}}
	register(s, image, s.getImage)
}

func (s *server) getPost(ctx context.Context, in *PostPath) (*postOutput, error) {
	doc, err := s.Search.Get(ctx, in.ID)
	if err == nil {
		return &postOutput{shown(doc)}, nil
	}
	if !errors.Is(err, models.ErrNotFound) {
		return nil, s.failed(ctx, "search", err)
	}
	if _, _, err := s.post(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, errNoPost() // under way, hidden, or published by no profile
}

func errNoPost() error { return huma.Error404NotFound("there is no such post") }

// post reads a post that was not deleted. A purged one has only its id.
func (s *server) post(ctx context.Context, id string) (models.Post, []models.Run, error) {
	post, runs, err := s.Posts.Post(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return post, nil, errNoPost()
	case err != nil:
		return post, nil, s.failed(ctx, "documents", err)
	case post.Tombstone != nil:
		return post, nil, huma.Error410Gone("this post was deleted")
	}
	return post, runs, nil
}

// Passage is one run of a post, and where it has been.
type Passage struct {
	Profile    string       `json:"profile"`
	Version    string       `json:"version" doc:"Content hash of the profile."`
	Generation int          `json:"generation" doc:"Grows with each reanalysis."`
	State      models.State `json:"state" enum:"queued,parked,done,dropped,failed,superseded"`
	Step       models.Step  `json:"step" doc:"Where it stands, or ended."`
	Seq        int64        `json:"seq" doc:"Grows with each move."`
	Lane       models.Lane  `json:"lane" enum:"normal,bulk"`
	Campaign   string       `json:"campaign,omitempty"`
	Reason     string       `json:"reason,omitempty"`
	Error      string       `json:"error,omitempty"`
	Cost       float64      `json:"cost" doc:"CPU seconds of this generation."`
	AdmittedAt time.Time    `json:"admitted_at"`
	MovedAt    time.Time    `json:"moved_at"`
	Timeline   []Move       `json:"timeline" nullable:"false"`
}

// Move is one line of a timeline.
type Move struct {
	Seq        int64          `json:"seq"`
	Generation int            `json:"generation"`
	Step       models.Step    `json:"step"`
	Outcome    models.Outcome `json:"outcome"`
	Next       models.Step    `json:"next,omitempty"`
	Reason     string         `json:"reason"`
	At         time.Time      `json:"at"`
	Duration   float64        `json:"duration,omitempty" doc:"Seconds."`
	Cost       float64        `json:"cost,omitempty" doc:"CPU seconds."`
	Attempts   int            `json:"attempts,omitempty"`
	Models     []string       `json:"models,omitempty" nullable:"false" doc:"As name@version."`
	Error      string         `json:"error,omitempty"`
}

type timelineOutput struct {
	Body struct {
		ID       string     `json:"id"`
		Rev      int64      `json:"rev" doc:"Grows with every change that a reader can see."`
		Runs     []Passage  `json:"runs" nullable:"false"`
		PurgedAt *time.Time `json:"purged_at,omitempty" doc:"Since then only the history has the post, and its runs are not listed."`
	}
}

func (s *server) getTimeline(ctx context.Context, in *PostPath) (*timelineOutput, error) {
	out := &timelineOutput{}
	out.Body.ID, out.Body.Runs = in.ID, []Passage{}
	if stub, err := s.Posts.Stub(ctx, in.ID); err == nil {
		out.Body.Rev, out.Body.PurgedAt = stub.Rev, &stub.PurgedAt
		return out, nil
	} else if !errors.Is(err, models.ErrNotFound) {
		return nil, s.failed(ctx, "documents", err)
	}
	post, runs, err := s.post(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out.Body.Rev = post.Rev
	for _, run := range runs {
		entries, err := s.Posts.Timeline(ctx, in.ID, run.Profile)
		if err != nil {
			return nil, s.failed(ctx, "documents", err)
		}
		p := passage(run)
		for _, e := range entries {
			p.Timeline = append(p.Timeline, Move{
				Seq: e.Seq, Generation: e.Generation, Step: e.Step, Outcome: e.Outcome, Next: e.Next, Reason: e.Reason, At: e.At,
				Duration: e.Duration, Cost: e.Cost, Attempts: e.Attempts, Models: e.Models, Error: e.Error,
			})
		}
		out.Body.Runs = append(out.Body.Runs, p)
	}
	return out, nil
}

func passage(run models.Run) Passage {
	return Passage{
		Profile: run.Profile, Version: run.Version, Generation: run.Generation, State: run.State, Step: run.Step, Seq: run.Seq, Lane: run.Lane,
		Campaign: run.Campaign, Reason: run.Reason, Error: run.Error, Cost: run.Cost, AdmittedAt: run.AdmittedAt, MovedAt: run.MovedAt, Timeline: []Move{},
	}
}

// Published is what a profile made visible of a post.
type Published struct {
	Profile    string             `json:"profile"`
	Generation int                `json:"generation"`
	Version    string             `json:"version" doc:"Content hash of the profile."`
	At         time.Time          `json:"at"`
	Unchecked  bool               `json:"unchecked" doc:"People were to check it, and nobody did in time."`
	Attributes []models.Attribute `json:"attributes" nullable:"false" doc:"What models found."`
	Before     []models.Revision  `json:"before" nullable:"false" doc:"What earlier generations had published, the newest first."`
}

// Answered is what people said of an attribute.
type Answered struct {
	Attribute string        `json:"attribute"`
	Values    []string      `json:"values" nullable:"false" doc:"None: they saw that there is none."`
	Boxes     []models.Spot `json:"boxes,omitempty" nullable:"false" doc:"Where they are, if that was asked."`
	Taxonomy  string        `json:"taxonomy"`
	Answers   int           `json:"answers" doc:"How many people agreed."`
	Sample    bool          `json:"sample" doc:"Asked as part of the profile's uniform sample."`
	At        time.Time     `json:"at"`
}

type attributesOutput struct {
	Body struct {
		ID        string             `json:"id"`
		Rev       int64              `json:"rev"`
		Effective []models.Attribute `json:"effective" nullable:"false" doc:"What a reader sees: people's answers in the place of what models found."`
		Published []Published        `json:"published" nullable:"false"`
		Labels    []Answered         `json:"labels" nullable:"false"`
	}
}

func (s *server) getAttributes(ctx context.Context, in *PostPath) (*attributesOutput, error) {
	post, _, err := s.post(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if post.Hidden != "" {
		return nil, errNoPost()
	}
	out := &attributesOutput{}
	out.Body.ID, out.Body.Rev, out.Body.Effective, out.Body.Published, out.Body.Labels = post.ID, post.Rev, []models.Attribute{}, []Published{}, []Answered{}
	var found []models.Attribute
	for _, name := range slices.Sorted(maps.Keys(post.Published)) {
		p := post.Published[name]
		found = append(found, p.Attributes...)
		before := slices.Clone(p.Before)
		slices.Reverse(before)
		out.Body.Published = append(out.Body.Published, Published{
			Profile: name, Generation: p.Generation, Version: p.Version, At: p.At, Unchecked: p.Unchecked,
			Attributes: append([]models.Attribute{}, p.Attributes...), Before: append([]models.Revision{}, before...),
		})
	}
	if len(post.Published) > 0 {
		out.Body.Effective = append(out.Body.Effective, models.Effective(found, post.Labels)...)
	}
	for _, l := range post.Labels {
		out.Body.Labels = append(out.Body.Labels, Answered{
			Attribute: l.Attribute, Values: append([]string{}, l.Values...), Boxes: l.Boxes, Taxonomy: l.Taxonomy, Answers: len(l.By), Sample: l.Sample, At: l.At,
		})
	}
	return out, nil
}
