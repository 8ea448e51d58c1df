package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Judgments are the answers that were given, and what is known to be right.
type Judgments interface {
	// Given lists answers with their items, the newest first.
	Given(ctx context.Context, f models.GivenFilter) ([]models.Given, []models.Item, error)
	// Contested lists the items that an analyst should decide, the most valuable
	// first, those behind a place in the list (nil: from its beginning).
	Contested(ctx context.Context, profile string, after *models.ItemPlace, limit int) ([]models.Item, error)
	// SetGold sets an item's right answer; without values it has none any more.
	// What is wrong with it is ErrAnswer.
	SetGold(ctx context.Context, id string, g models.Gold) (models.Item, error)
}

// Quality measures people's answers.
type Quality interface {
	Agreement(ctx context.Context, f models.QualityFilter) ([]models.Agreement, error)
	Labelers(ctx context.Context, f models.QualityFilter) ([]models.LabelerQuality, error)
	Progress(ctx context.Context, profile string) (models.LabelProgress, error)
}

type mineInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most answers on a page."`
	Cursor string `query:"cursor" maxLength:"400" doc:"next_cursor of the page before."`
}

// MyAnswer is an answer with its question.
type MyAnswer struct {
	Item   Item   `json:"item"`
	Answer Answer `json:"answer"`
}

type mineOutput struct {
	Body struct {
		Items      []MyAnswer `json:"items" nullable:"false"`
		NextCursor string     `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; missing on the last."`
	}
}

type disputedInput struct {
	Profile string `query:"profile" maxLength:"32" doc:"Only of this use case."`
	Limit   int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most questions on a page."`
	Cursor  string `query:"cursor" maxLength:"400" doc:"next_cursor of the page before."`
}

type disputedOutput struct {
	Body struct {
		Items      []Item `json:"items" nullable:"false"`
		NextCursor string `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; missing on the last."`
	}
}

type goldInput struct {
	ItemPath
	Body struct {
		Values map[string][]string `json:"values" doc:"For every attribute that is asked for, its right values."`
	}
}

type qualityInput struct {
	Profile string    `query:"profile" maxLength:"32" doc:"Only of this use case."`
	Since   time.Time `query:"since" doc:"Only answers from then on."`
	Until   time.Time `query:"until" doc:"Only answers before."`
}

type agreementOutput struct {
	Body struct {
		Attributes []models.Agreement `json:"attributes" nullable:"false"`
	}
}

type labelersInput struct {
	Profile string    `query:"profile" maxLength:"32" doc:"Only of this use case."`
	Since   time.Time `query:"since" doc:"Only answers from then on."`
}

type labelersOutput struct {
	Body struct {
		Labelers []models.LabelerQuality `json:"labelers" nullable:"false"`
	}
}

type progressInput struct {
	Profile string `query:"profile" maxLength:"32" doc:"Only of this use case."`
}

type progressOutput struct{ Body models.LabelProgress }

// judgments registers what was answered, and how well.
func (s *server) judgments() {
	tags := []string{"labels"}
	register(s, action{Role: models.Labeler, Operation: huma.Operation{
		OperationID: "list-my-answers", Method: http.MethodGet, Path: "/v1/labels/mine", Tags: tags, Summary: "List your answers, the newest first",
	}}, s.listMine)
	register(s, action{Role: models.Analyst, Operation: huma.Operation{
		OperationID: "list-disputed", Method: http.MethodGet, Path: "/v1/labels/disputed", Tags: tags,
		Summary:     "List the questions that want an analyst's word",
		Description: "Their answers disagree, or two people skipped them. Claim one and answer it: that decides.",
	}}, s.listDisputed)
	register(s, action{Role: models.Analyst, Operation: huma.Operation{
		OperationID: "set-gold", Method: http.MethodPut, Path: "/v1/labels/{id}/gold", Tags: tags, Summary: "Say what is right, hidden from labelers",
		Description: "Once it is settled, the question is mixed into everybody's work; what they say then tells of them, and changes no label.",
		Errors:      []int{http.StatusNotFound, http.StatusGone},
	}}, s.setGold)
	register(s, action{Role: models.Analyst, Operation: huma.Operation{
		OperationID: "delete-gold", Method: http.MethodDelete, Path: "/v1/labels/{id}/gold", Tags: tags, Summary: "Take back what was said to be right",
		Errors: []int{http.StatusNotFound, http.StatusGone},
	}}, s.deleteGold)
	register(s, action{Role: models.Analyst, Timeout: time.Minute, Operation: huma.Operation{
		OperationID: "measure-agreement", Method: http.MethodGet, Path: "/v1/labels/agreement", Tags: tags, Summary: "Measure how far labelers agree, by attribute",
		Description: "Over blind answers: skips, gold questions and analysts' decisions are not among them. Over the newest 100,000 at most.",
	}}, s.measureAgreement)
	register(s, action{Role: models.Analyst, Timeout: time.Minute, Operation: huma.Operation{
		OperationID: "measure-labelers", Method: http.MethodGet, Path: "/v1/labels/labelers", Tags: tags, Summary: "Measure each labeler's answers",
	}}, s.measureLabelers)
	register(s, action{Role: models.Labeler, Operation: huma.Operation{
		OperationID: "get-label-progress", Method: http.MethodGet, Path: "/v1/labels/progress", Tags: tags, Summary: "Tell how labeling gets on",
	}}, s.labelProgress)
}

func (s *server) listMine(ctx context.Context, in *mineInput) (*mineOutput, error) {
	name := of(ctx).who.Name
	place, ok := s.opened("my answers\x00"+name, in.Cursor)
	if !ok {
		return nil, badCursor()
	}
	f := models.GivenFilter{By: name, Limit: in.Limit + 1}
	if at, item, ok := strings.Cut(place, " "); ok {
		f.Before, _ = time.Parse(time.RFC3339Nano, at) // signed by us
		f.BeforeItem = item
	}
	given, items, err := s.Judgments.Given(ctx, f)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	byID := map[string]models.Item{}
	for _, it := range items {
		byID[it.ID] = it
	}
	out := &mineOutput{}
	out.Body.Items = []MyAnswer{}
	for i, g := range given {
		if i == in.Limit {
			last := given[i-1]
			out.Body.NextCursor = s.sealed("my answers\x00"+name, last.At.Format(time.RFC3339Nano)+" "+last.Item)
			break
		}
		if it, ok := byID[g.Item]; ok {
			out.Body.Items = append(out.Body.Items, MyAnswer{s.itemShown(ctx, it), answerShown(ctx, g.Answer)})
		}
	}
	return out, nil
}

func (s *server) listDisputed(ctx context.Context, in *disputedInput) (*disputedOutput, error) {
	purpose := "disputed\x00" + in.Profile
	place, ok := s.opened(purpose, in.Cursor)
	if !ok {
		return nil, badCursor()
	}
	var after *models.ItemPlace
	if place != "" {
		after = &models.ItemPlace{}
		if err := json.Unmarshal([]byte(place), after); err != nil { // signed by us
			return nil, badCursor()
		}
	}
	items, err := s.Judgments.Contested(ctx, in.Profile, after, in.Limit+1)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &disputedOutput{}
	out.Body.Items = []Item{}
	for i, it := range items {
		if i == in.Limit {
			out.Body.NextCursor = s.sealed(purpose, said(items[i-1].Place()))
			break
		}
		out.Body.Items = append(out.Body.Items, s.itemShown(ctx, it))
	}
	return out, nil
}

func (s *server) setGold(ctx context.Context, in *goldInput) (*itemOutput, error) {
	if len(in.Body.Values) == 0 {
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.values", Message: "expected the right values of every attribute that is asked for"})
	}
	return s.gold(ctx, in.ID, in.Body.Values)
}

func (s *server) deleteGold(ctx context.Context, in *ItemPath) (*itemOutput, error) {
	return s.gold(ctx, in.ID, nil)
}

func (s *server) gold(ctx context.Context, id string, values map[string][]string) (*itemOutput, error) {
	it, err := s.Judgments.SetGold(ctx, id, models.Gold{Values: values, By: of(ctx).who.Name})
	switch {
	case errors.Is(err, ErrAnswer) && it.State == models.ItemWithdrawn:
		return nil, gone()
	case errors.Is(err, ErrAnswer):
		return nil, huma.Error422UnprocessableEntity("validation failed", wrongGold(it, values)...)
	case err != nil:
		return nil, s.missing(ctx, "question", err)
	}
	note(ctx, it.ID, "", said(values))
	return &itemOutput{etag(it.Rev), s.itemShown(ctx, it)}, nil
}

// wrongGold says everything that is wrong with a right answer. It says nothing of
// places: labelers are held against the values.
func wrongGold(it models.Item, values map[string][]string) []error {
	boxes := map[string][]models.Spot{}
	for i := range it.Questions {
		if q := &it.Questions[i]; q.Kind == models.KindBox {
			for _, v := range values[q.Attribute] {
				boxes[q.Attribute] = append(boxes[q.Attribute], models.Spot{Value: v, Image: strings.Repeat("0", 64), Box: models.Box{W: 1, H: 1}})
			}
		}
	}
	return misfits(it, models.Answer{Values: values, Boxes: boxes})
}

func (s *server) measureAgreement(ctx context.Context, in *qualityInput) (*agreementOutput, error) {
	found, err := s.Quality.Agreement(ctx, models.QualityFilter(*in))
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &agreementOutput{}
	out.Body.Attributes = append([]models.Agreement{}, found...)
	return out, nil
}

func (s *server) measureLabelers(ctx context.Context, in *labelersInput) (*labelersOutput, error) {
	found, err := s.Quality.Labelers(ctx, models.QualityFilter{Profile: in.Profile, Since: in.Since})
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &labelersOutput{}
	out.Body.Labelers = append([]models.LabelerQuality{}, found...)
	return out, nil
}

func (s *server) labelProgress(ctx context.Context, in *progressInput) (*progressOutput, error) {
	p, err := s.Quality.Progress(ctx, in.Profile)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return &progressOutput{p}, nil
}
