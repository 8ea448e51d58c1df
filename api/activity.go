package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// longestActivity is how long a time one answer covers: a week, by hours.
const longestActivity = 7 * 24 * time.Hour

// StepHour is what a step did in an hour with the posts of a profile, as far as it
// came to one outcome.
type StepHour struct {
	Hour    time.Time      `json:"hour" doc:"When it begins, in UTC."`
	Profile string         `json:"profile"`
	Step    models.Step    `json:"step"`
	Outcome models.Outcome `json:"outcome" doc:"advance (to the next step), done, dropped, failed, park (until people answer), wait (for a service, or as the step asked), or retry (it failed, and is tried again)."`
	N       int64          `json:"n" doc:"Posts that the step ended so. One that waited, or was tried again, counts each time."`
	Cost    float64        `json:"cost" doc:"CPU seconds."`
}

type activityInput struct {
	Since   time.Time `query:"since" doc:"From the hour that this time is in; a day before until, when missing."`
	Until   time.Time `query:"until" doc:"Only hours that began before this time; now, when missing. At most a week after since."`
	Profile string    `query:"profile" maxLength:"32" doc:"Only of this use case."`
}

// activity registers what the steps did by hour.
func (s *server) activity() {
	register(s, action{Role: models.Viewer, Operation: huma.Operation{
		OperationID: "list-activity", Method: http.MethodGet, Path: "/v1/activity", Tags: []string{"operation"}, Summary: "Tell how many posts each step ended, and how, hour by hour",
		Description: "By hour, profile, step and outcome, with what it cost; what there was none of is left out. Counts come within seconds, and those of a process that was killed lack its last seconds: " +
			"where numbers must be right, count runs. Hours are kept for five weeks.",
		Errors: []int{http.StatusUnprocessableEntity},
	}}, s.listActivity)
}

func (s *server) listActivity(ctx context.Context, in *activityInput) (*listOf[StepHour], error) {
	since, until := in.Since, in.Until
	if until.IsZero() {
		until = s.Now()
	}
	if since.IsZero() {
		since = until.Add(-24 * time.Hour)
	}
	since = since.UTC().Truncate(time.Hour)
	if !since.Before(until) {
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "query.until", Message: "expected a time after since"})
	}
	if until.Sub(since) > longestActivity+time.Hour { // since was taken to its hour
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "query.until", Message: "expected a time at most 168 hours after since"})
	}
	counts, err := s.Runs.Activity(ctx, since, until, in.Profile)
	if err != nil {
		return nil, s.failed(ctx, "documents", err)
	}
	out := make([]StepHour, len(counts))
	for i, c := range counts {
		out[i] = StepHour(c)
	}
	return list(out), nil
}
