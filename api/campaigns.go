package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
	"weft/profile"
)

// CampaignBooks keeps campaigns.
type CampaignBooks interface {
	Campaigns(ctx context.Context) ([]models.Campaign, error)
	// Campaign returns a campaign, or models.ErrNotFound.
	Campaign(ctx context.Context, id string) (models.Campaign, error)
	// MoveCampaign writes a campaign whose Rev is one more than the stored one's (1:
	// there is none); otherwise models.ErrConflict.
	MoveCampaign(ctx context.Context, c models.Campaign) error
	CampaignCounts(ctx context.Context, id string) (map[models.State]int64, error)
}

// Campaigns says what campaigns would do, and what they did.
type Campaigns interface {
	Plan(ctx context.Context, c models.Campaign) (Plan, error)
	Changes(ctx context.Context, id string, limit int) (Changes, error)
}

// Plan is what a campaign would take.
type Plan struct {
	Version  string  `json:"version" doc:"Of the profile."`
	Posts    int64   `json:"posts" doc:"That would get a new generation."`
	Purged   int64   `json:"purged" doc:"Of them, would come back from history."`
	NoImages int64   `json:"no_images" doc:"Left out: their images are gone."`
	Lost     int64   `json:"lost" doc:"Purged, and not found in history."`
	Cost     float64 `json:"cost" doc:"Estimated CPU seconds, from what their last generations took."`
}

// Changes is what a campaign changed.
type Changes struct {
	Posts      int                        `json:"posts" doc:"That were compared."`
	Changed    int                        `json:"changed" doc:"Of them, say something else now."`
	New        int                        `json:"new" doc:"Of them, had not been published before."`
	More       bool                       `json:"more" doc:"There are more posts than were asked for."`
	Attributes map[string]AttributeChange `json:"attributes"`
	Examples   []string                   `json:"examples" nullable:"false" doc:"Ids of the first changed posts."`
}

// AttributeChange is what changed of one attribute.
type AttributeChange struct {
	Posts   int            `json:"posts" doc:"That say another value now."`
	Added   map[string]int `json:"added" doc:"By value, the posts that have it now and had not."`
	Removed map[string]int `json:"removed" doc:"By value, the posts that had it and have it no more."`
}

// mostChangeExamples bounds the ids in Changes.
const mostChangeExamples = 20

// Count adds a post with what is published of it now.
func (c *Changes) Count(id string, p models.Publication) {
	c.Posts++
	if len(p.Before) == 0 {
		c.New++
		return
	}
	before, after, changed := p.Before[len(p.Before)-1].Values, p.Values(), false
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	for name := range names {
		if slices.Equal(before[name], after[name]) {
			continue
		}
		changed = true
		a := c.Attributes[name]
		if a.Added == nil {
			a.Added, a.Removed = map[string]int{}, map[string]int{}
		}
		a.Posts++
		tally(a.Added, after[name], before[name])
		tally(a.Removed, before[name], after[name])
		c.Attributes[name] = a
	}
	if changed {
		c.Changed++
		if len(c.Examples) < mostChangeExamples {
			c.Examples = append(c.Examples, id)
		}
	}
}

// tally counts the values that are here and not there.
func tally(n map[string]int, here, there []string) {
	for _, v := range here {
		if !slices.Contains(there, v) {
			n[v]++
		}
	}
}

// Campaign is a reanalysis of many posts.
type Campaign struct {
	ID        string                 `json:"id,omitempty" doc:"None of a dry run."`
	State     models.CampaignState   `json:"state,omitempty" enum:"running,paused,cancelled,done"`
	Profile   string                 `json:"profile"`
	Version   string                 `json:"version"`
	Where     string                 `json:"where,omitempty"`
	Since     *time.Time             `json:"since,omitempty"`
	Until     *time.Time             `json:"until,omitempty"`
	By        string                 `json:"by,omitempty"`
	Error     string                 `json:"error,omitempty" doc:"Why it was paused by itself."`
	Taken     Plan                   `json:"taken" doc:"What it took so far; of a dry run, what it would take."`
	Runs      map[models.State]int64 `json:"runs,omitempty" doc:"Where those stand that it took; when one campaign is read."`
	StartedAt *time.Time             `json:"started_at,omitempty"`
	EndedAt   *time.Time             `json:"ended_at,omitempty"`
}

func campaignShown(c models.Campaign) Campaign {
	state := c.State
	if state == "" { // a command took the posts by itself
		state = models.CampaignRunning
		if !c.EndedAt.IsZero() {
			state = models.CampaignDone
		}
	}
	return Campaign{
		ID: c.ID, State: state, Profile: c.Profile, Version: c.Version, Where: c.Where, Since: moment(c.Since), Until: moment(c.Until), By: c.By, Error: c.Error,
		Taken:     Plan{Version: c.Version, Posts: c.Posts, Purged: c.Purged, NoImages: c.NoImages, Lost: c.Lost, Cost: c.Cost},
		StartedAt: moment(c.StartedAt), EndedAt: moment(c.EndedAt),
	}
}

type createCampaignInput struct {
	Body struct {
		Profile string     `json:"profile" pattern:"^[a-z0-9-]{1,32}$" doc:"The use case, in its present version."`
		Since   *time.Time `json:"since,omitempty" doc:"Posts created at this time or later."`
		Until   *time.Time `json:"until,omitempty" doc:"Posts created before this time."`
		Where   string     `json:"where,omitempty" maxLength:"1000" doc:"Posts for which this holds, in the language of profiles' when: confidence(\"color\") < 0.6."`
		DryRun  bool       `json:"dry_run,omitempty" doc:"Only say how many posts, and at what cost."`
	}
}

// Resolve checks what the tags can't say.
func (i *createCampaignInput) Resolve(huma.Context) []error {
	var errs []error
	if b := i.Body; b.Since != nil && b.Until != nil && !b.Since.Before(*b.Until) {
		errs = append(errs, &huma.ErrorDetail{Location: "body.until", Message: "expected a time after since"})
	}
	if i.Body.Where != "" {
		if _, err := profile.ParseWhere(i.Body.Where); err != nil {
			errs = append(errs, &huma.ErrorDetail{Location: "body.where", Message: "expected an expression of profiles' when: " + err.Error()})
		}
	}
	return errs
}

// CampaignPath names a campaign. It is exported because huma
// leaves out the fields of embedded types that are not.
type CampaignPath struct {
	ID string `path:"id" pattern:"^[a-z0-9]{1,32}$"`
}

type moveCampaignInput struct {
	CampaignPath
	IfMatch string `header:"If-Match" maxLength:"64" doc:"ETag of the campaign that was seen: 412 if it has changed since. It changes with every page of posts."`
}

type changesInput struct {
	CampaignPath
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"Most posts to compare."`
}

type campaignOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Campaign
}

type changesOutput struct{ Body Changes }

// campaigns registers reanalyses.
func (s *server) campaigns() {
	op := func(role models.Role, method, id, path, summary, description string, errs ...int) action {
		return action{Role: role, Operation: huma.Operation{
			OperationID: id, Method: method, Path: "/v1/campaigns" + path, Tags: []string{"campaigns"}, Summary: summary, Description: description, Errors: errs,
		}}
	}
	register(s, op(models.Viewer, http.MethodGet, "list-campaigns", "", "List all campaigns, the newest first", ""), s.listCampaigns)
	create := op(models.Operator, http.MethodPost, "create-campaign", "", "Send old posts through their profile again",
		"As a new generation, in the bulk lane, without fetching them again: a worker takes them page by page. What readers see of a post stays until its new generation is through. 200 for a dry run, 201 for a campaign.", http.StatusNotFound)
	create.Creates, create.Timeout, create.DefaultStatus = true, 5*time.Minute, http.StatusCreated
	create.Responses = map[string]*huma.Response{"200": {Description: "What a campaign would take.", Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Campaign"}},
	}}}
	register(s, create, s.createCampaign)
	register(s, op(models.Viewer, http.MethodGet, "get-campaign", "/{id}", "Tell how far a campaign has come", "", http.StatusNotFound), s.getCampaign)
	register(s, op(models.Viewer, http.MethodGet, "get-changes", "/{id}/changes", "Tell what a campaign changed",
		"What its posts say now against what they said before it, for those that are through.", http.StatusNotFound), s.getChanges)
	for _, m := range []struct {
		verb, summary, description string
		from                       []models.CampaignState
		to                         models.CampaignState
	}{
		{"pause", "Take no more posts", "Those that were taken go on.", []models.CampaignState{models.CampaignRunning}, models.CampaignPaused},
		{"resume", "Go on taking posts", "", []models.CampaignState{models.CampaignPaused}, models.CampaignRunning},
		{"cancel", "End a campaign", "Posts on their way end without being published: what was published before stays.",
			[]models.CampaignState{models.CampaignRunning, models.CampaignPaused, models.CampaignDone}, models.CampaignCancelled},
	} {
		a := op(models.Operator, http.MethodPost, m.verb+"-campaign", "/{id}/"+m.verb, m.summary, m.description, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed)
		register(s, a, func(ctx context.Context, in *moveCampaignInput) (*campaignOutput, error) {
			return s.moveCampaign(ctx, in, m.from, m.to)
		})
	}
}

func (s *server) listCampaigns(ctx context.Context, _ *struct{}) (*listOf[Campaign], error) {
	all, err := s.Books.Campaigns(ctx)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	var out []Campaign
	for _, c := range all {
		out = append(out, campaignShown(c))
	}
	return list(out), nil
}

func (s *server) createCampaign(ctx context.Context, in *createCampaignInput) (*campaignOutput, error) {
	p, err := s.Profiles.Named(ctx, in.Body.Profile)
	if err != nil {
		return nil, s.missing(ctx, "profile", err)
	}
	c := models.Campaign{
		ID: strings.ToLower(rand.Text()[:10]), Rev: 1, State: models.CampaignRunning, Profile: p.Name, Version: p.Version, Where: in.Body.Where,
		By: of(ctx).who.Name, StartedAt: s.Now().UTC().Truncate(time.Millisecond),
	}
	if in.Body.Since != nil {
		c.Since = in.Body.Since.UTC()
	}
	if in.Body.Until != nil {
		c.Until = in.Body.Until.UTC()
	}
	what, _ := json.Marshal(in.Body) // plain data
	if in.Body.DryRun {
		plan, err := s.Campaigns.Plan(ctx, c)
		if err != nil {
			return nil, s.failed(ctx, "documents", err)
		}
		note(ctx, "", "", string(what))
		shown := campaignShown(c)
		shown.ID, shown.State, shown.StartedAt, shown.Taken = "", "", nil, plan
		return &campaignOutput{Status: http.StatusOK, Body: shown}, nil
	}
	if err := s.Books.MoveCampaign(ctx, c); err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	note(ctx, c.ID, "", string(what))
	return &campaignOutput{Status: http.StatusCreated, ETag: etag(c.Rev), Body: campaignShown(c)}, nil
}

func (s *server) getCampaign(ctx context.Context, in *CampaignPath) (*campaignOutput, error) {
	c, err := s.Books.Campaign(ctx, in.ID)
	if err != nil {
		return nil, s.missing(ctx, "campaign", err)
	}
	out := &campaignOutput{Status: http.StatusOK, ETag: etag(c.Rev), Body: campaignShown(c)}
	if out.Body.Runs, err = s.Books.CampaignCounts(ctx, in.ID); err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return out, nil
}

func (s *server) getChanges(ctx context.Context, in *changesInput) (*changesOutput, error) {
	if _, err := s.Books.Campaign(ctx, in.ID); err != nil {
		return nil, s.missing(ctx, "campaign", err)
	}
	got, err := s.Campaigns.Changes(ctx, in.ID, in.Limit)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	got.Examples = append([]string{}, got.Examples...)
	return &changesOutput{got}, nil
}

// moveCampaign takes a campaign from one state to another. Without If-Match a page
// that was booked meanwhile is no reason to refuse.
func (s *server) moveCampaign(ctx context.Context, in *moveCampaignInput, from []models.CampaignState, to models.CampaignState) (*campaignOutput, error) {
	for {
		c, err := s.Books.Campaign(ctx, in.ID)
		if err != nil {
			return nil, s.missing(ctx, "campaign", err)
		}
		if in.IfMatch != "" && in.IfMatch != etag(c.Rev) {
			return nil, huma.Error412PreconditionFailed("the campaign has changed; read it again")
		}
		if !slices.Contains(from, c.State) {
			return nil, huma.Error409Conflict("a campaign that is " + string(campaignShown(c).State) + " can't become " + string(to))
		}
		before := c.State
		c.Rev, c.State, c.Error = c.Rev+1, to, ""
		if to == models.CampaignCancelled {
			c.EndedAt = time.Time{} // once its runs have ended
		}
		err = s.Books.MoveCampaign(ctx, c)
		if errors.Is(err, models.ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, s.failed(ctx, "documents", err)
		}
		note(ctx, c.ID, string(before), string(to))
		return &campaignOutput{Status: http.StatusOK, ETag: etag(c.Rev), Body: campaignShown(c)}, nil
	}
}
