package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
	"weft/profile"
)

// Profiles knows the use cases.
type Profiles interface {
	// Profiles returns every stored version of every profile, the newest of each first.
	Profiles(ctx context.Context) ([]models.ProfileVersion, error)
	// Named returns the profile that posts would start with now, or models.ErrNotFound.
	Named(ctx context.Context, name string) (*profile.Profile, error)
	// Parse checks a profile; the error is of type profile.Errors.
	Parse(file string, body []byte) (*profile.Profile, error)
}

// Subjects are posts for a simulation.
type Subjects interface {
	// Subjects takes up to limit stored posts, with what models said of them and what steps cost.
	Subjects(ctx context.Context, limit int) ([]profile.Subject, profile.CostModel, error)
	// Names lists the profiles that posts can start with.
	Names() []string
}

// Profile is a use case.
type Profile struct {
	Name     string   `json:"name"`
	Version  string   `json:"version,omitempty" doc:"Content hash of its body."`
	Current  bool     `json:"current" doc:"Posts can start with it; others are only stored, for the runs that began with them."`
	Versions []string `json:"versions" nullable:"false" doc:"All stored versions, the newest first."`
	Body     string   `json:"body,omitempty" doc:"YAML; when one profile is read."`
}

type profileInput struct {
	Name string `path:"name" pattern:"^[a-z0-9-]{1,32}$"`
}

type profileOutput struct{ Body Profile }

type draft struct {
	Name string `json:"name,omitempty" maxLength:"32" doc:"Of a profile that is there."`
	Body string `json:"body,omitempty" maxLength:"262144" doc:"Or a profile in YAML."`
}

type checkInput struct {
	Body struct {
		Body string `json:"body" maxLength:"262144" doc:"A profile in YAML."`
	}
}

// Mistake is one thing that is wrong with a profile.
type Mistake struct {
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Message string `json:"message"`
}

type checkOutput struct {
	Body struct {
		OK      bool      `json:"ok"`
		Name    string    `json:"name,omitempty"`
		Version string    `json:"version,omitempty"`
		Errors  []Mistake `json:"errors" nullable:"false"`
	}
}

type simulateInput struct {
	Body struct {
		Profile draft `json:"profile"`
		Limit   int   `json:"limit,omitempty" minimum:"1" maximum:"10000" default:"1000" doc:"Most stored posts to try it with."`
	}
}

type simulateOutput struct{ Body *profile.Report }

type diffInput struct {
	Body struct {
		Before draft `json:"before"`
		After  draft `json:"after"`
		Limit  int   `json:"limit,omitempty" minimum:"1" maximum:"10000" default:"1000" doc:"Most stored posts to try them with."`
	}
}

type diffOutput struct{ Body *profile.DiffReport }

// profiles registers the use cases.
func (s *server) profiles() {
	act := func(role models.Role, method, id, path, summary string, errs ...int) action {
		return action{Role: role, Reads: true, Timeout: 2 * time.Minute, Operation: huma.Operation{
			OperationID: id, Method: method, Path: path, Tags: []string{"profiles"}, Summary: summary, Errors: errs,
		}}
	}
	register(s, act(models.Viewer, http.MethodGet, "list-profiles", "/v1/profiles", "List the use cases"), s.listProfiles)
	register(s, act(models.Viewer, http.MethodGet, "get-profile", "/v1/profiles/{name}", "Read a use case", http.StatusNotFound), s.getProfile)
	register(s, act(models.Analyst, http.MethodPost, "check-profile", "/v1/profiles/check", "Check a profile: every mistake with its line"), s.checkProfile)
	register(s, act(models.Analyst, http.MethodPost, "simulate-profile", "/v1/profiles/simulate",
		"Tell what a profile would do with stored posts: how many, why, at what cost", http.StatusNotFound), s.simulateProfile)
	register(s, act(models.Analyst, http.MethodPost, "diff-profiles", "/v1/profiles/diff",
		"Tell which stored posts change route between two profiles", http.StatusNotFound), s.diffProfiles)
}

func (s *server) listProfiles(ctx context.Context, _ *struct{}) (*listOf[Profile], error) {
	stored, err := s.Profiles.Profiles(ctx)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	names := s.Subjects.Names()
	for _, v := range stored {
		if !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	var out []Profile
	for _, name := range names {
		p := Profile{Name: name, Current: slices.Contains(s.Subjects.Names(), name), Versions: versions(stored, name)}
		out = append(out, p)
	}
	return list(out), nil
}

func versions(stored []models.ProfileVersion, name string) []string {
	out := []string{}
	for _, v := range stored {
		if v.Name == name {
			out = append(out, v.Version)
		}
	}
	return out
}

func (s *server) getProfile(ctx context.Context, in *profileInput) (*profileOutput, error) {
	p, err := s.Profiles.Named(ctx, in.Name)
	if err != nil {
		return nil, s.missing(ctx, "profile", err)
	}
	stored, err := s.Profiles.Profiles(ctx)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return &profileOutput{Profile{Name: p.Name, Version: p.Version, Current: true, Versions: versions(stored, p.Name), Body: string(p.Body)}}, nil
}

func (s *server) checkProfile(_ context.Context, in *checkInput) (*checkOutput, error) {
	out := &checkOutput{}
	out.Body.Errors = []Mistake{}
	p, err := s.Profiles.Parse("profile", []byte(in.Body.Body))
	if err == nil {
		out.Body.OK, out.Body.Name, out.Body.Version = true, p.Name, p.Version
		return out, nil
	}
	out.Body.Errors = mistakes(err)
	return out, nil
}

func mistakes(err error) []Mistake {
	var all profile.Errors
	if !errors.As(err, &all) {
		return []Mistake{{Line: 1, Col: 1, Message: err.Error()}}
	}
	out := []Mistake{}
	for _, e := range all {
		out = append(out, Mistake{e.Line, e.Col, e.Msg})
	}
	return out
}

// drafted returns the profile that a draft means; where says which of the body it is.
func (s *server) drafted(ctx context.Context, where string, d draft) (*profile.Profile, error) {
	switch {
	case (d.Name == "") == (d.Body == ""):
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: where, Message: "expected either name or body"})
	case d.Name != "":
		p, err := s.Profiles.Named(ctx, d.Name)
		if err != nil {
			return nil, s.missing(ctx, "profile", err)
		}
		return p, nil
	}
	p, err := s.Profiles.Parse("profile", []byte(d.Body))
	if err == nil {
		return p, nil
	}
	return nil, huma.Error422UnprocessableEntity("the profile is refused: check-profile tells where its mistakes are",
		&huma.ErrorDetail{Location: where + ".body", Message: "expected a profile without mistakes"})
}

func (s *server) simulateProfile(ctx context.Context, in *simulateInput) (*simulateOutput, error) {
	p, err := s.drafted(ctx, "body.profile", in.Body.Profile)
	if err != nil {
		return nil, err
	}
	posts, costs, err := s.Subjects.Subjects(ctx, in.Body.Limit)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return &simulateOutput{profile.Simulate(p, slices.Values(posts), costs)}, nil
}

func (s *server) diffProfiles(ctx context.Context, in *diffInput) (*diffOutput, error) {
	before, err := s.drafted(ctx, "body.before", in.Body.Before)
	if err != nil {
		return nil, err
	}
	after, err := s.drafted(ctx, "body.after", in.Body.After)
	if err != nil {
		return nil, err
	}
	posts, costs, err := s.Subjects.Subjects(ctx, in.Body.Limit)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return &diffOutput{profile.Diff(before, after, slices.Values(posts), costs)}, nil
}
