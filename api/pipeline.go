package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// ErrNoQueue means that there is no queue here: the embedded one runs in another
// process, which is not there.
var ErrNoQueue = errors.New("the queue is not running")

// Pipeline is what operators ask of the chain.
type Pipeline interface {
	// Queues may be ErrNoQueue, as Replay is.
	Queues(ctx context.Context) ([]Queue, error)
	Sources(ctx context.Context) ([]QueryStatus, error)
	// Replay queues ended runs again from the step they ended at, or only counts them.
	Replay(ctx context.Context, f models.RunFilter, dryRun bool) (Replayed, error)
}

// Runs tells of runs.
type Runs interface {
	Runs(ctx context.Context, f models.RunFilter) ([]models.Run, error)
	Counts(ctx context.Context) ([]models.Count, error)
	// Activity tells what the steps did in the hours that began at since or later
	// and before until, by hour, profile, step and outcome.
	Activity(ctx context.Context, since, until time.Time, profile string) ([]models.Activity, error)
}

// Queue is how many tasks of a queue stand where.
type Queue struct {
	Queue     string `json:"queue"`
	Pending   int    `json:"pending"`
	Active    int    `json:"active"`
	Scheduled int    `json:"scheduled"`
	Retry     int    `json:"retry"`
	Archived  int    `json:"archived"`
	Paused    bool   `json:"paused"`
}

// QueryStatus is how the collection of one query fares.
type QueryStatus struct {
	Name    string           `json:"name" doc:"Of the query."`
	Source  string           `json:"source" doc:"The network."`
	Success *time.Time       `json:"last_success,omitempty"`
	Lag     float64          `json:"lag_seconds" doc:"Between the newest moment that was read and the last success."`
	PerHour float64          `json:"posts_per_hour"`
	Posts   int64            `json:"posts"`
	Deleted int64            `json:"deletions"`
	Errors  int              `json:"errors" doc:"Failures in a row."`
	Error   string           `json:"error,omitempty"`
	Next    *time.Time       `json:"next_run,omitempty"`
	Paused  string           `json:"paused,omitempty" doc:"Why it waits."`
	Left    *float64         `json:"limit_left,omitempty" doc:"Share of the network's limit, where it tells."`
	Skipped map[string]int64 `json:"skipped,omitempty" doc:"Posts that were not taken, by reason."`
	Gaps    []models.Gap     `json:"gaps,omitempty" nullable:"false" doc:"Stretches of time that the network no longer gives."`
	Removed bool             `json:"removed" doc:"It is not in this process's configuration; its cursor is kept."`
}

// Replayed is what a replay took, or would take.
type Replayed struct {
	Runs   int  `json:"runs"`
	Moved  int  `json:"moved" doc:"Of them, queued again; the others had moved on meanwhile."`
	DryRun bool `json:"dry_run"`
}

type listOf[T any] struct {
	Body struct {
		Items []T `json:"items" nullable:"false"`
	}
}

func list[T any](items []T) *listOf[T] {
	out := &listOf[T]{}
	out.Body.Items = append([]T{}, items...)
	return out
}

// RunFilter selects runs. It is exported because huma
// leaves out the fields of embedded types that are not.
type RunFilter struct {
	State    string `json:"state,omitempty" query:"state" enum:"queued,parked,done,dropped,failed,superseded" default:"failed" doc:"Where it stands."`
	Step     string `json:"step,omitempty" query:"step" enum:"fetch,analyze-light,analyze-heavy,label,index,archive" doc:"The step it stands at, or ended at."`
	Profile  string `json:"profile,omitempty" query:"profile" maxLength:"32" doc:"Only of this use case."`
	Campaign string `json:"campaign,omitempty" query:"campaign" maxLength:"32" doc:"Only of this campaign."`
	Error    string `json:"error,omitempty" query:"error" maxLength:"200" doc:"A part of the error or reason."`
}

func (f RunFilter) filter() models.RunFilter {
	return models.RunFilter{State: models.State(f.State), Step: models.Step(f.Step), Profile: f.Profile, Campaign: f.Campaign, Error: f.Error}
}

type runsInput struct {
	RunFilter
	Cursor string `query:"cursor" maxLength:"1024" doc:"next_cursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most runs on a page."`
}

// Run is one passage of a post through a profile.
type Run struct {
	Post string `json:"post"`
	Passage
}

type runsOutput struct {
	Body struct {
		Items      []Run  `json:"items" nullable:"false"`
		NextCursor string `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; missing on the last."`
	}
}

type replayInput struct {
	Body struct {
		State    string `json:"state,omitempty" enum:"dropped,failed" default:"failed" doc:"Which ended runs."`
		Step     string `json:"step,omitempty" enum:"fetch,analyze-light,analyze-heavy,label,index,archive" doc:"The step they ended at."`
		Profile  string `json:"profile,omitempty" maxLength:"32" doc:"Only of this use case."`
		Campaign string `json:"campaign,omitempty" maxLength:"32" doc:"Only of this campaign."`
		Error    string `json:"error,omitempty" maxLength:"200" doc:"A part of the error or reason."`
		DryRun   bool   `json:"dry_run,omitempty" doc:"Only count them."`
	}
}

type replayOutput struct{ Body Replayed }

// pipeline registers what operators ask of the chain.
func (s *server) pipeline() {
	get := func(role models.Role, id, path, summary string) action {
		return action{Role: role, Operation: huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"operation"}, Summary: summary}}
	}
	register(s, get(models.Viewer, "list-queues", "/v1/queues", "Tell how deep the queues are, and which are paused"), s.listQueues)
	register(s, get(models.Viewer, "list-sources", "/v1/sources", "Tell how the collection of each query fares"), s.listSources)
	register(s, get(models.Viewer, "count-runs", "/v1/runs/counts", "Count runs by profile, state and step"), s.countRuns)
	s.activity()
	register(s, get(models.Analyst, "list-runs", "/v1/runs", "List runs: failed ones, unless another state is asked for"), s.listRuns)
	register(s, action{Role: models.Operator, Creates: true, Timeout: 5 * time.Minute, Operation: huma.Operation{
		OperationID: "replay-runs", Method: http.MethodPost, Path: "/v1/runs/replay", Tags: []string{"operation"}, Summary: "Queue ended runs again, from the step they ended at",
		Description: "Results that are there already are reused. If it breaks off, ask again: runs that are queued already don't fit any more.",
	}}, s.replay)
}

// noQueue answers for what needs the queue.
func (s *server) noQueue(ctx context.Context, err error) error {
	if errors.Is(err, ErrNoQueue) {
		return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("the queue is not running"), http.Header{"Retry-After": {retryAfter}})
	}
	return s.failed(ctx, "queue", err)
}

func (s *server) listQueues(ctx context.Context, _ *struct{}) (*listOf[Queue], error) {
	got, err := s.Pipeline.Queues(ctx)
	if err != nil {
		return nil, s.noQueue(ctx, err)
	}
	return list(got), nil
}

func (s *server) listSources(ctx context.Context, _ *struct{}) (*listOf[QueryStatus], error) {
	got, err := s.Pipeline.Sources(ctx)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return list(got), nil
}

func (s *server) countRuns(ctx context.Context, _ *struct{}) (*listOf[models.Count], error) {
	got, err := s.Runs.Counts(ctx)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	return list(got), nil
}

func (s *server) listRuns(ctx context.Context, in *runsInput) (*runsOutput, error) {
	f := in.filter()
	purpose := fmt.Sprintf("runs %+v", f)
	var ok bool
	if f.After, ok = s.opened(purpose, in.Cursor); !ok {
		return nil, badCursor()
	}
	f.Limit = in.Limit
	runs, err := s.Runs.Runs(ctx, f)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := &runsOutput{}
	out.Body.Items = []Run{}
	for _, run := range runs {
		out.Body.Items = append(out.Body.Items, Run{run.Post, passage(run)})
	}
	if n := len(runs); n == in.Limit { // the last page may be empty
		out.Body.NextCursor = s.sealed(purpose, runs[n-1].Post+"/"+runs[n-1].Profile)
	}
	return out, nil
}

func (s *server) replay(ctx context.Context, in *replayInput) (*replayOutput, error) {
	b := in.Body
	f := RunFilter{b.State, b.Step, b.Profile, b.Campaign, b.Error}.filter()
	got, err := s.Pipeline.Replay(ctx, f, b.DryRun)
	what, _ := json.Marshal(b) // plain data
	note(ctx, "runs", fmt.Sprintf("%d fit", got.Runs), fmt.Sprintf("%s: %d queued again", what, got.Moved))
	if err != nil {
		return nil, s.noQueue(ctx, err)
	}
	return &replayOutput{got}, nil
}
