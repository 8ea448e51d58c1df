package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	// models.ErrConflict. What is wrong with the answer itself is ErrAnswer; that
	// the claim was lost to others is ErrClaim.
	Answer(ctx context.Context, who models.Asker, h Handed, a models.Answer) (models.Item, error)
}

// ErrClaim means that a claim ran out, and others have its question now.
var ErrClaim = errors.New("the claim was lost to others")

// Handed says which question is answered, and on what ground.
type Handed struct {
	Item  string
	Rev   int64  // what was read; 0: any
	Claim string // token; empty: without one
}

// Question asks for the values of one attribute.
type Question struct {
	Attribute  string         `json:"attribute"`
	Kind       models.Kind    `json:"kind" enum:"single,multiple,tree,text,box" doc:"What an answer is: one value at most; any number; values of a tree; one's own words; values with the places where they are seen (boxes)."`
	Options    []string       `json:"options,omitempty" nullable:"false" doc:"What may be chosen; missing: any text."`
	Multiple   bool           `json:"multiple" doc:"More than one value may be chosen."`
	Groups     []models.Group `json:"groups,omitempty" nullable:"false" doc:"Of a tree, from the top: each has values, groups among them. Options are those that may be chosen."`
	Suggestion []string       `json:"suggestion,omitempty" nullable:"false" doc:"What a model found."`
	Confidence float64        `json:"confidence,omitempty" doc:"Of the surest suggestion; 0 to 1."`
	Model      string         `json:"model,omitempty" doc:"Which model suggests it."`
	Version    string         `json:"version,omitempty" doc:"Of the model."`
	Boxes      []models.Spot  `json:"boxes,omitempty" nullable:"false" doc:"Where a model saw what it suggests."`
	Longest    int            `json:"longest,omitempty" doc:"Of an answer in one's own words: how many characters it may have."`
	Guidelines string         `json:"guidelines,omitempty" doc:"What the profile says to those who answer."`
	Examples   []string       `json:"examples,omitempty" nullable:"false" doc:"Addresses of images that show it."`
}

// Item is a question to people.
type Item struct {
	ID        string           `json:"id"`
	Rev       int64            `json:"rev"`
	Post      string           `json:"post"`
	Profile   string           `json:"profile"`
	Taxonomy  string           `json:"taxonomy" doc:"Version of the values that may be chosen."`
	State     models.ItemState `json:"state" enum:"open,escalated,closed,expired,withdrawn"`
	Questions []Question       `json:"questions" nullable:"false"`
	Reason    string           `json:"reason" doc:"Why it is asked."`
	Sample    bool             `json:"sample" doc:"Asked as part of the profile's uniform sample."`
	Wanted    int              `json:"wanted" doc:"Answers wanted before any adjudication."`
	Given     int              `json:"given" doc:"Answers given."`
	Verdict   models.Verdict   `json:"verdict" enum:"unsettled,disagree,settled"`
	Mine      *Answer          `json:"mine,omitempty" doc:"What the one who asks has answered."`
	Answers   []Answer         `json:"answers,omitempty" nullable:"false" doc:"All answers, for analysts and above: whoever still answers must not see them."`
	Priority  float64          `json:"priority"`
	OpenedAt  time.Time        `json:"opened_at"`
	Due       *time.Time       `json:"due,omitempty"`
	Contested bool             `json:"contested,omitempty" doc:"An analyst should decide; only they are told."`
	Gold      *Gold            `json:"gold,omitempty" doc:"The right answer; only analysts are told."`
}

// Gold is a right answer.
type Gold struct {
	Values map[string][]string `json:"values"`
	By     string              `json:"by"`
	At     time.Time           `json:"at"`
}

// Answer is what one person said.
type Answer struct {
	By     string                   `json:"by"`
	At     time.Time                `json:"at"`
	Values map[string][]string      `json:"values,omitempty"`
	Boxes  map[string][]models.Spot `json:"boxes,omitempty" doc:"By attribute: where the values are."`
	Skip   string                   `json:"skip,omitempty"`
	Final  bool                     `json:"final,omitempty" doc:"An analyst's decision."`
	Check  bool                     `json:"check,omitempty" doc:"Given to a settled gold question: it changes no label. Only analysts are told."`
}

// itemShown is what whoever asks may see of an item. A labeler doesn't learn
// what others said, nor that an item is a settled one with a known answer.
func (s *server) itemShown(ctx context.Context, it models.Item) Item {
	who := of(ctx).who
	analyst := who.Role.Allows(models.Analyst)
	if it.Gold != nil && !analyst {
		it = disguised(it, who.Name)
	}
	verdict, _ := it.Judge()
	out := Item{
		ID: it.ID, Rev: it.Rev, Post: it.Post, Profile: it.Profile, Taxonomy: it.Taxonomy, State: it.State,
		Questions: s.questions(ctx, &it), Reason: it.Reason, Sample: it.Sample, Wanted: it.Wanted, Given: len(it.Answers),
		Verdict: verdict, Priority: it.Priority, OpenedAt: it.OpenedAt, Due: moment(it.Due),
	}
	for _, a := range it.Answers {
		if a.By == who.Name {
			out.Mine = new(answerShown(ctx, a))
		}
		if analyst {
			out.Answers = append(out.Answers, answerShown(ctx, a))
		}
	}
	if analyst {
		out.Contested = it.Contested()
		if it.Gold != nil {
			out.Gold = &Gold{it.Gold.Values, it.Gold.By, it.Gold.At}
		}
	}
	return out
}

func answerShown(ctx context.Context, a models.Answer) Answer {
	out := Answer{By: a.By, At: a.At, Values: a.Values, Boxes: a.Boxes, Skip: a.Skip, Final: a.Final}
	out.Check = a.Check && of(ctx).who.Role.Allows(models.Analyst)
	return out
}

// disguised is a settled gold item as it would be if nobody had answered it but
// the one who asks.
func disguised(it models.Item, name string) models.Item {
	if verdict, _ := it.Judge(); verdict != models.Settled {
		return it
	}
	it.State, it.Wanted = models.ItemOpen, max(1, it.Wanted)
	var mine []models.Answer
	for _, a := range it.Answers {
		if a.By == name {
			a.Check, it.State = false, models.ItemClosed
			mine = []models.Answer{a} // the last one holds
		}
	}
	it.Answers, it.Disputed = mine, false
	return it
}

// questions adds what the item's profile says to those who answer.
func (s *server) questions(ctx context.Context, it *models.Item) []Question {
	out := []Question{}
	for i := range it.Questions {
		q := &it.Questions[i]
		shown := Question{
			Attribute: q.Attribute, Kind: q.Form(), Multiple: !q.One(), Groups: q.Groups,
			Suggestion: q.Suggestion, Confidence: q.Confidence, Model: q.Model, Version: q.Version, Boxes: q.Boxes,
		}
		if q.Open() {
			shown.Longest = models.LongestText
		} else {
			shown.Options = q.Choices()
		}
		out = append(out, shown)
	}
	p, err := s.Profiles.Named(ctx, it.Profile)
	if err != nil || p.Label == nil { // it is no more: then without guidelines
		return out
	}
	for i := range out {
		g := p.Label.Guidelines[out[i].Attribute]
		out[i].Guidelines, out[i].Examples = g.Text, g.Examples
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

// ItemPath names a question. It is exported because huma
// leaves out the fields of embedded types that are not.
type ItemPath struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_.-]{1,128}$" doc:"Of the item."`
}

type itemOutput struct {
	ETag string `header:"ETag" doc:"Of this state of the item; give it as If-Match."`
	Body Item
}

type answerInput struct {
	ItemPath
	IfMatch string `header:"If-Match" maxLength:"64" doc:"ETag of the item that was answered: 412 if it has changed since."`
	Body    struct {
		Values map[string][]string      `json:"values,omitempty" doc:"For every attribute that is asked for, its values; an empty list says that there is none."`
		Boxes  map[string][]models.Spot `json:"boxes,omitempty" doc:"For every attribute whose question is of the kind box: where its values are, one or more boxes for each."`
		Skip   string                   `json:"skip,omitempty" maxLength:"200" doc:"Why it can't be answered, one of: not fashion, bad image, several people, not sure, offensive, personal data, or other: and your own words; goes without values."`
		Claim  string                   `json:"claim,omitempty" maxLength:"200" doc:"Token of the claim. If it ran out, the answer is taken all the same, unless others have the question now: then 409, and it is kept as a draft."`
		Active int64                    `json:"active_ms,omitempty" minimum:"0" maximum:"86400000" doc:"How long the page had the focus."`
	}
}

// Resolve checks what the tags can't say.
func (i *answerInput) Resolve(huma.Context) []error {
	switch {
	case (i.Body.Skip == "") == (len(i.Body.Values) == 0):
		return []error{&huma.ErrorDetail{Location: "body", Message: "expected either values or skip"}}
	case i.Body.Skip != "" && !skipKnown(i.Body.Skip):
		return []error{&huma.ErrorDetail{Location: "body.skip", Message: "expected one of: " + strings.Join(models.SkipReasons(), ", ") + ", or other: and words"}}
	case i.IfMatch != "" && rev(i.IfMatch) == 0:
		return []error{&huma.ErrorDetail{Location: "header.If-Match", Message: "expected the ETag of an item, such as \"3\""}}
	}
	return nil
}

func skipKnown(reason string) bool {
	words, other := strings.CutPrefix(reason, models.SkipOther)
	return slices.Contains(models.SkipReasons(), reason) || other && strings.TrimSpace(words) != ""
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
	s.claims()
	s.judgments()
}

func (s *server) listLabels(ctx context.Context, in *labelsInput) (*labelsOutput, error) {
	items, err := s.Desk.Open(ctx, in.Profile, in.Limit)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &labelsOutput{}
	out.Body.Items = []Item{}
	for _, it := range items {
		out.Body.Items = append(out.Body.Items, s.itemShown(ctx, it))
	}
	return out, nil
}

func (s *server) getLabel(ctx context.Context, in *ItemPath) (*itemOutput, error) {
	it, err := s.Desk.Item(ctx, in.ID)
	if err != nil {
		return nil, s.missing(ctx, "question", err)
	}
	return &itemOutput{etag(it.Rev), s.itemShown(ctx, it)}, nil
}

func (s *server) answerLabel(ctx context.Context, in *answerInput) (*itemOutput, error) {
	answer := models.Answer{By: of(ctx).who.Name, Values: in.Body.Values, Boxes: in.Body.Boxes, Skip: in.Body.Skip, ActiveMS: in.Body.Active}
	if err := s.onItsImages(ctx, in.ID, answer.Boxes); err != nil {
		return nil, err
	}
	it, err := s.Desk.Answer(ctx, asker(ctx), Handed{in.ID, rev(in.IfMatch), in.Body.Claim}, answer)
	switch {
	case errors.Is(err, ErrClaim):
		return nil, huma.Error409Conflict("the claim ran out and others have the question now; your answer is kept as a draft")
	case errors.Is(err, ErrAnswer) && it.State == models.ItemWithdrawn:
		return nil, gone()
	case errors.Is(err, ErrAnswer):
		return nil, huma.Error422UnprocessableEntity("validation failed", misfits(it, answer)...)
	case errors.Is(err, models.ErrConflict):
		return nil, huma.Error412PreconditionFailed("the question has changed; read it again")
	case err != nil:
		return nil, s.missing(ctx, "question", err)
	}
	note(ctx, it.ID, fmt.Sprintf("rev %d", it.Rev-1), said(in.Body))
	return &itemOutput{etag(it.Rev), s.itemShown(ctx, it)}, nil
}

// said is plain data as JSON, for the audit log.
func said(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// misfits says everything that is wrong with an answer.
func misfits(it models.Item, a models.Answer) []error {
	var errs []error
	for _, m := range it.Misfits(a) {
		where := "body.values"
		if m.Boxes {
			where = "body.boxes"
		}
		if !m.Unasked {
			where += "." + m.Attribute
		}
		if m.At >= 0 {
			where += fmt.Sprintf("[%d]", m.At)
		}
		errs = append(errs, &huma.ErrorDetail{Location: where, Message: "expected " + m.Wanted})
	}
	return errs
}

// onItsImages refuses boxes on images that the item's post doesn't have.
func (s *server) onItsImages(ctx context.Context, item string, boxes map[string][]models.Spot) error {
	if len(boxes) == 0 {
		return nil
	}
	it, err := s.Desk.Item(ctx, item)
	if err != nil {
		return s.missing(ctx, "question", err)
	}
	if it.State == models.ItemWithdrawn {
		return gone()
	}
	post, err := s.seen(ctx, it.Post)
	if err != nil {
		return err
	}
	var keys []string
	for _, m := range post.Images() {
		keys = append(keys, m.SHA256)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(boxes)) {
		for i, b := range boxes[name] {
			if !slices.Contains(keys, b.Image) {
				errs = append(errs, &huma.ErrorDetail{Location: fmt.Sprintf("body.boxes.%s[%d].image", name, i), Message: "expected the SHA-256 of one of the post's images: " + strings.Join(keys, ", ")})
			}
		}
	}
	if len(errs) > 0 {
		return huma.Error422UnprocessableEntity("validation failed", errs...)
	}
	return nil
}
