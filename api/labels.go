package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// ErrAnswer is in the error of an answer that can't be taken as it is: what it
// says is meant for whoever gave it.
var ErrAnswer = errors.New("the answer is not taken")

// Desk takes people's answers.
type Desk interface {
	// Open lists the items that want answers, the most valuable first.
	Open(ctx context.Context, profile string, limit int) ([]models.Item, error)
	// Item returns an item, or models.ErrNotFound.
	Item(ctx context.Context, id string) (models.Item, error)
	// Answer hands in an answer to an item at a rev (0: at any), else it is
	// models.ErrConflict. What is wrong with the answer itself is ErrAnswer.
	Answer(ctx context.Context, id string, rev int64, a models.Answer) (models.Item, error)
}

// Item is a question to people.
type Item struct {
	ID        string            `json:"id"`
	Rev       int64             `json:"rev"`
	Post      string            `json:"post"`
	Profile   string            `json:"profile"`
	Taxonomy  string            `json:"taxonomy" doc:"Version of the values that may be chosen."`
	State     models.ItemState  `json:"state" enum:"open,escalated,closed,expired,withdrawn"`
	Questions []models.Question `json:"questions" nullable:"false"`
	Reason    string            `json:"reason" doc:"Why it is asked."`
	Sample    bool              `json:"sample" doc:"Asked as part of the profile's uniform sample."`
	Wanted    int               `json:"wanted" doc:"Answers wanted before any adjudication."`
	Given     int               `json:"given" doc:"Answers given."`
	Verdict   models.Verdict    `json:"verdict" enum:"unsettled,disagree,settled"`
	Mine      *Answer           `json:"mine,omitempty" doc:"What the one who asks has answered."`
	Answers   []Answer          `json:"answers,omitempty" nullable:"false" doc:"All answers, for analysts and above: whoever still answers must not see them."`
	Priority  float64           `json:"priority"`
	OpenedAt  time.Time         `json:"opened_at"`
	Due       *time.Time        `json:"due,omitempty"`
}

// Answer is what one person said.
type Answer struct {
	By     string              `json:"by"`
	At     time.Time           `json:"at"`
	Values map[string][]string `json:"values,omitempty"`
	Skip   string              `json:"skip,omitempty"`
}

func itemShown(it models.Item, who models.Principal) Item {
	verdict, _ := it.Judge()
	out := Item{
		ID: it.ID, Rev: it.Rev, Post: it.Post, Profile: it.Profile, Taxonomy: it.Taxonomy, State: it.State,
		Questions: append([]models.Question{}, it.Questions...), Reason: it.Reason, Sample: it.Sample, Wanted: it.Wanted, Given: len(it.Answers),
		Verdict: verdict, Priority: it.Priority, OpenedAt: it.OpenedAt, Due: moment(it.Due),
	}
	for _, a := range it.Answers {
		if a.By == who.Name {
			out.Mine = &Answer{a.By, a.At, a.Values, a.Skip}
		}
		if who.Role.Allows(models.Analyst) {
			out.Answers = append(out.Answers, Answer{a.By, a.At, a.Values, a.Skip})
		}
	}
	return out
}

type labelsInput struct {
	Profile string `query:"profile" maxLength:"32" doc:"Only of this use case."`
	Limit   int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most items; there may be fewer although more are open."`
}

type labelsOutput struct {
	Body struct {
		Items []Item `json:"items" nullable:"false"`
	}
}

type itemInput struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_.-]{1,128}$" doc:"Of the item."`
}

type itemOutput struct {
	ETag string `header:"ETag" doc:"Of this state of the item; give it as If-Match."`
	Body Item
}

type answerInput struct {
	itemInput
	IfMatch string `header:"If-Match" maxLength:"64" doc:"ETag of the item that was answered: 412 if it has changed since."`
	Body    struct {
		Values map[string][]string `json:"values,omitempty" doc:"For every attribute that is asked for, its values; an empty list says that there is none."`
		Skip   string              `json:"skip,omitempty" maxLength:"200" doc:"Why it can't be answered, such as several people; goes without values."`
	}
}

// Resolve checks what the tags can't say.
func (i *answerInput) Resolve(huma.Context) []error {
	switch {
	case (i.Body.Skip == "") == (len(i.Body.Values) == 0):
		return []error{&huma.ErrorDetail{Location: "body", Message: "expected either values or skip"}}
	case i.IfMatch != "" && rev(i.IfMatch) == 0:
		return []error{&huma.ErrorDetail{Location: "header.If-Match", Message: "expected the ETag of an item, such as \"3\""}}
	}
	return nil
}

func etag(rev int64) string { return strconv.Quote(strconv.FormatInt(rev, 10)) }

// rev reads an ETag; 0 if it is none of ours.
func rev(tag string) int64 {
	n, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	if err != nil || n < 0 || etag(n) != tag {
		return 0
	}
	return n
}

// labels registers the questions to people.
func (s *server) labels() {
	register(s, action{Role: models.Labeler, Operation: huma.Operation{
		OperationID: "list-labels", Method: http.MethodGet, Path: "/v1/labels", Tags: []string{"labels"},
		Summary: "List the questions that want an answer, the most valuable first",
	}}, s.listLabels)
	register(s, action{Role: models.Labeler, Operation: huma.Operation{
		OperationID: "get-label", Method: http.MethodGet, Path: "/v1/labels/{id}", Tags: []string{"labels"}, Summary: "Read a question",
		Errors: []int{http.StatusNotFound},
	}}, s.getLabel)
	register(s, action{Role: models.Labeler, Creates: true, Operation: huma.Operation{
		OperationID: "answer-label", Method: http.MethodPost, Path: "/v1/labels/{id}/answers", Tags: []string{"labels"}, Summary: "Answer a question",
		Description: "In the name of who asks; a second answer of the same one replaces the first. It is durable with the response, and the waiting run goes on.",
		Errors:      []int{http.StatusNotFound, http.StatusGone, http.StatusPreconditionFailed},
	}}, s.answerLabel)
}

func (s *server) listLabels(ctx context.Context, in *labelsInput) (*labelsOutput, error) {
	items, err := s.Desk.Open(ctx, in.Profile, in.Limit)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &labelsOutput{}
	out.Body.Items = []Item{}
	for _, it := range items {
		out.Body.Items = append(out.Body.Items, itemShown(it, of(ctx).who))
	}
	return out, nil
}

func (s *server) getLabel(ctx context.Context, in *itemInput) (*itemOutput, error) {
	it, err := s.Desk.Item(ctx, in.ID)
	if err != nil {
		return nil, s.missing(ctx, "question", err)
	}
	return &itemOutput{etag(it.Rev), itemShown(it, of(ctx).who)}, nil
}

func (s *server) answerLabel(ctx context.Context, in *answerInput) (*itemOutput, error) {
	it, err := s.Desk.Answer(ctx, in.ID, rev(in.IfMatch), models.Answer{By: of(ctx).who.Name, Values: in.Body.Values, Skip: in.Body.Skip})
	switch {
	case errors.Is(err, ErrAnswer) && it.State == models.ItemWithdrawn:
		return nil, huma.Error410Gone("nobody is asked any more: the post was deleted, or is not to be looked at")
	case errors.Is(err, ErrAnswer):
		return nil, huma.Error422UnprocessableEntity("validation failed", misfits(it, in.Body.Values)...)
	case errors.Is(err, models.ErrConflict):
		return nil, huma.Error412PreconditionFailed("the question has changed; read it again")
	case err != nil:
		return nil, s.missing(ctx, "question", err)
	}
	said, _ := json.Marshal(in.Body) // plain data
	note(ctx, it.ID, fmt.Sprintf("rev %d", it.Rev-1), string(said))
	return &itemOutput{etag(it.Rev), itemShown(it, of(ctx).who)}, nil
}

// misfits says everything that is wrong with an answer.
func misfits(it models.Item, values map[string][]string) []error {
	var errs []error
	asked := map[string]models.Question{}
	var names []string
	for _, q := range it.Questions {
		asked[q.Attribute] = q
		names = append(names, q.Attribute)
		if _, ok := values[q.Attribute]; !ok {
			errs = append(errs, &huma.ErrorDetail{Location: "body.values." + q.Attribute, Message: "expected an answer, if need be an empty list"})
		}
	}
	for name, vs := range values {
		q, ok := asked[name]
		if !ok {
			errs = append(errs, &huma.ErrorDetail{Location: "body.values", Message: "expected only what is asked for: " + strings.Join(names, ", ")})
			continue
		}
		for i, v := range vs {
			if len(q.Options) > 0 && !slices.Contains(q.Options, v) {
				errs = append(errs, &huma.ErrorDetail{Location: fmt.Sprintf("body.values.%s[%d]", name, i), Message: "expected one of: " + strings.Join(q.Options, ", ")})
			}
		}
	}
	return errs
}
