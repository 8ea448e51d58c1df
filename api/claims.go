package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Claims hands out questions, each to no more people than it wants answers.
type Claims interface {
	// Claim leases up to n items to who, the most valuable first.
	Claim(ctx context.Context, who models.Asker, profile string, n int) ([]models.Claimed, models.Waiting, error)
	// Take leases a certain item: models.ErrConflict if others hold it.
	Take(ctx context.Context, who models.Asker, item string) (models.Claimed, error)
	// Held lists what who holds.
	Held(ctx context.Context, who models.Asker) ([]models.Claimed, error)
}

// Leases keeps what was handed out.
type Leases interface {
	// Extend makes claims last; those that it doesn't return are lost.
	Extend(ctx context.Context, by string, tokens []string) ([]models.Claim, error)
	Release(ctx context.Context, by string, tokens []string) error
	// SaveDraft keeps d, and says whether the claim of that token lives.
	SaveDraft(ctx context.Context, token string, d models.Draft) (saved models.Draft, held bool, err error)
}

// Claim is a lease on a question.
type Claim struct {
	Token      string       `json:"token" doc:"Give it with drafts and the answer."`
	ExpiresAt  time.Time    `json:"expires_at" doc:"Unless a heartbeat extends it."`
	Item       Item         `json:"item"`
	Draft      *AnswerDraft `json:"draft,omitempty" doc:"What you had begun to say, also under an earlier claim."`
	Reason     string       `json:"reason" doc:"Why you see this item."`
	Adjudicate bool         `json:"adjudicate" doc:"Your answer decides, whatever others said."`
}

// AnswerDraft is an answer that isn't given yet.
type AnswerDraft struct {
	Values  map[string][]string      `json:"values,omitempty"`
	Boxes   map[string][]models.Spot `json:"boxes,omitempty"`
	Skip    string                   `json:"skip,omitempty"`
	SavedAt time.Time                `json:"saved_at"`
}

// Waiting is what else there is.
type Waiting struct {
	Open         int        `json:"open" doc:"Items that you could have now, counted up to 1000."`
	HeldByOthers int        `json:"held_by_others"`
	NextFreeAt   *time.Time `json:"next_free_at,omitempty" doc:"When the first of those comes free, unless its holder extends it."`
}

// HeldClaim is a claim that lasts.
type HeldClaim struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *server) claimShown(ctx context.Context, c models.Claimed) Claim {
	who := of(ctx).who
	out := Claim{
		Token: c.Claim.Token, ExpiresAt: c.Claim.Expires, Item: s.itemShown(ctx, c.Item),
		Reason: c.Item.Reason, Adjudicate: c.Item.Contested() && who.Role.Allows(models.Analyst),
	}
	if out.Adjudicate {
		out.Reason = "the answers disagree"
		if c.Item.Skipped() {
			out.Reason = "two people skipped it"
		}
	}
	if c.Draft != nil {
		out.Draft = &AnswerDraft{c.Draft.Values, c.Draft.Boxes, c.Draft.Skip, c.Draft.SavedAt}
	}
	return out
}

// asker is who asks, to the labeling desk.
func asker(ctx context.Context) models.Asker {
	who := of(ctx).who
	return models.Asker{Name: who.Name, Reviews: who.Role.Allows(models.Analyst)}
}

type claimsInput struct {
	Body struct {
		Profile string `json:"profile,omitempty" maxLength:"32" doc:"Only of this use case."`
		Count   int    `json:"count,omitempty" minimum:"1" maximum:"5" default:"2" doc:"How many at most, besides those that you hold."`
	}
}

type claimsOutput struct {
	Body struct {
		Claims      []Claim  `json:"claims" nullable:"false"`
		Waiting     Waiting  `json:"waiting"`
		SkipReasons []string `json:"skip_reasons" nullable:"false" doc:"What skip may say; besides, other: and your own words."`
	}
}

type claimOutput struct{ Body Claim }

type tokensInput struct {
	Body struct {
		Tokens []string `json:"tokens" minItems:"1" maxItems:"20" nullable:"false"`
	}
}

type heartbeatOutput struct {
	Body struct {
		Held []HeldClaim `json:"held" nullable:"false"`
		Lost []string    `json:"lost" nullable:"false" doc:"Tokens of claims that ran out, or were never yours. Their drafts are kept."`
	}
}

type draftInput struct {
	ItemPath
	Body struct {
		Values map[string][]string      `json:"values,omitempty" doc:"As far as they are chosen."`
		Boxes  map[string][]models.Spot `json:"boxes,omitempty" doc:"As far as they are drawn."`
		Skip   string                   `json:"skip,omitempty" maxLength:"200"`
		Token  string                   `json:"token" maxLength:"200" doc:"Of your claim."`
	}
}

type draftOutput struct {
	Body struct {
		SavedAt time.Time `json:"saved_at"`
		Held    bool      `json:"held" doc:"False: the claim was lost, the draft is kept all the same."`
	}
}

// claims registers the leases on questions.
func (s *server) claims() {
	register(s, action{Role: models.Labeler, Reads: true, Operation: huma.Operation{
		OperationID: "claim-labels", Method: http.MethodPost, Path: "/v1/labels/claims", Tags: []string{"labels"},
		Summary: "Take the next questions, the most valuable first",
		Description: "Nobody else gets them until the claim runs out, unless the profile wants several answers; then they don't learn of each other's. " +
			"Never one that you answered. A heartbeat extends the claims.",
	}}, s.claimLabels)
	register(s, action{Role: models.Labeler, Operation: huma.Operation{
		OperationID: "list-claims", Method: http.MethodGet, Path: "/v1/labels/claims", Tags: []string{"labels"}, Summary: "List the questions that you hold",
	}}, s.listClaims)
	register(s, action{Role: models.Labeler, Reads: true, Operation: huma.Operation{
		OperationID: "extend-claims", Method: http.MethodPost, Path: "/v1/labels/claims/heartbeat", Tags: []string{"labels"}, Summary: "Keep the questions that you hold",
	}}, s.extendClaims)
	register(s, action{Role: models.Labeler, Reads: true, Operation: huma.Operation{
		OperationID: "release-claims", Method: http.MethodPost, Path: "/v1/labels/claims/release", Tags: []string{"labels"}, Summary: "Give questions back",
		DefaultStatus: http.StatusNoContent,
	}}, s.releaseClaims)
	register(s, action{Role: models.Labeler, Reads: true, Operation: huma.Operation{
		OperationID: "claim-label", Method: http.MethodPost, Path: "/v1/labels/{id}/claim", Tags: []string{"labels"}, Summary: "Take a certain question",
		Description: "To change an answer of yours (mine tells it), to decide where others disagree (analysts), or by its address.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusGone},
	}}, s.claimLabel)
	register(s, action{Role: models.Labeler, Reads: true, Operation: huma.Operation{
		OperationID: "save-draft", Method: http.MethodPut, Path: "/v1/labels/{id}/draft", Tags: []string{"labels"}, Summary: "Keep what you are about to answer",
		Description: "It is durable with the response, outlives the claim, and goes with the answer.",
		Errors:      []int{http.StatusNotFound, http.StatusGone},
	}}, s.saveDraft)
}

func (s *server) claimLabels(ctx context.Context, in *claimsInput) (*claimsOutput, error) {
	claimed, waiting, err := s.Claims.Claim(ctx, asker(ctx), in.Body.Profile, in.Body.Count)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &claimsOutput{}
	out.Body.Waiting = Waiting{waiting.Open, waiting.Others, moment(waiting.Next)}
	out.Body.Claims, out.Body.SkipReasons = []Claim{}, models.SkipReasons()
	for _, c := range claimed {
		out.Body.Claims = append(out.Body.Claims, s.claimShown(ctx, c))
	}
	return out, nil
}

type heldOutput struct {
	Body struct {
		Claims []Claim `json:"claims" nullable:"false"`
	}
}

func (s *server) listClaims(ctx context.Context, _ *struct{}) (*heldOutput, error) {
	held, err := s.Claims.Held(ctx, asker(ctx))
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &heldOutput{}
	out.Body.Claims = []Claim{}
	for _, c := range held {
		out.Body.Claims = append(out.Body.Claims, s.claimShown(ctx, c))
	}
	return out, nil
}

func (s *server) extendClaims(ctx context.Context, in *tokensInput) (*heartbeatOutput, error) {
	held, err := s.Leases.Extend(ctx, of(ctx).who.Name, in.Body.Tokens)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &heartbeatOutput{}
	out.Body.Held, out.Body.Lost = []HeldClaim{}, []string{}
	lives := map[string]bool{}
	for _, c := range held {
		lives[c.Token] = true
		out.Body.Held = append(out.Body.Held, HeldClaim{c.Token, c.Expires})
	}
	for _, token := range in.Body.Tokens {
		if !lives[token] {
			out.Body.Lost = append(out.Body.Lost, token)
		}
	}
	return out, nil
}

func (s *server) releaseClaims(ctx context.Context, in *tokensInput) (*struct{}, error) {
	if err := s.Leases.Release(ctx, of(ctx).who.Name, in.Body.Tokens); err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return nil, nil //nolint:nilnil // there is nothing to say
}

func (s *server) claimLabel(ctx context.Context, in *ItemPath) (*claimOutput, error) {
	c, err := s.Claims.Take(ctx, asker(ctx), in.ID)
	switch {
	case errors.Is(err, ErrAnswer):
		return nil, gone()
	case errors.Is(err, models.ErrConflict):
		return nil, huma.Error409Conflict("others hold this question, or it wants no more answers")
	case err != nil:
		return nil, s.missing(ctx, "question", err)
	}
	return &claimOutput{s.claimShown(ctx, c)}, nil
}

func (s *server) saveDraft(ctx context.Context, in *draftInput) (*draftOutput, error) {
	d, held, err := s.Leases.SaveDraft(ctx, in.Body.Token, models.Draft{Item: in.ID, By: of(ctx).who.Name, Values: in.Body.Values, Boxes: in.Body.Boxes, Skip: in.Body.Skip})
	switch {
	case errors.Is(err, ErrAnswer):
		return nil, gone()
	case err != nil:
		return nil, s.missing(ctx, "question", err)
	}
	out := &draftOutput{}
	out.Body.SavedAt, out.Body.Held = d.SavedAt, held
	return out, nil
}

func gone() error {
	return huma.Error410Gone("nobody is asked any more: the post was deleted, or is not to be looked at")
}
