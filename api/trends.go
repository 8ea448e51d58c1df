package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Trends tell shares over time.
type Trends interface {
	Shares(ctx context.Context, q TrendQuery) ([]Share, error)
}

// TrendQuery asks for the share of posts with Attribute=Value among those that fit Posts.
type TrendQuery struct {
	Attribute, Value string
	By               string
	Bucket           string
	Posts            models.SearchQuery
}

// Share is the share in one span of time, of one group.
type Share struct {
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
	Group     string    `json:"group,omitempty" doc:"The value of what was grouped by."`
	Posts     int64     `json:"posts" doc:"All that fit."`
	Predicted int64     `json:"predicted" doc:"Of which models say that they have it."`
	Labelled  int64     `json:"labelled" doc:"Of which people looked at so many, as the profile's uniform sample."`
	Model     float64   `json:"model" doc:"The share that models predict, with their errors."`
	Corrected *float64  `json:"corrected,omitempty" doc:"The share, corrected by the sample's labels (prediction-powered inference)."`
	Low       *float64  `json:"low,omitempty" doc:"Of the corrected share's 95 % interval."`
	High      *float64  `json:"high,omitempty" doc:"Of the corrected share's 95 % interval."`
	Note      string    `json:"note,omitempty" doc:"Why there is no corrected share."`
}

type trendInput struct {
	PostFilter

	Name    string `query:"name" required:"true" pattern:"^[a-z0-9_-]{1,64}$" doc:"The attribute, such as color."`
	Value   string `query:"value" required:"true" minLength:"1" maxLength:"200" doc:"Its value, such as navy."`
	By      string `query:"by" pattern:"^[a-z0-9_-]{0,64}$" doc:"Also by source, language, country, hashtag, or another attribute: its 20 most frequent values."`
	Bucket  string `query:"bucket" enum:"day,week,month" default:"week" doc:"Length of each span, in UTC; weeks begin on Mondays. At most 120 spans."`
	Profile string `query:"profile" required:"true" pattern:"^[a-z0-9-]{1,32}$" doc:"The use case whose posts are counted, and whose sample corrects."`
}

// trends registers the shares over time.
func (s *server) trends() {
	register(s, action{Role: models.Viewer, Timeout: bothTimeout, Operation: huma.Operation{
		OperationID: "get-trend", Method: http.MethodGet, Path: "/v1/trends", Tags: []string{"trends"},
		Summary: "The share of an attribute over time",
		Description: "Over posts of search and the history. The model's share is as wrong as the models are. The corrected one has a 95 % interval, and wants at least 20 labels " +
			"of the profile's uniform sample in its span and group: take longer spans, or fewer groups, where they are not enough.",
		Errors: []int{http.StatusUnprocessableEntity},
	}}, s.getTrend)
}

func (s *server) getTrend(ctx context.Context, in *trendInput) (*listOf[Share], error) {
	f := in.search()
	q := TrendQuery{Attribute: in.Name, Value: in.Value, By: in.By, Bucket: in.Bucket, Posts: f.query()}
	q.Posts.Profiles = []string{in.Profile}
	shares, err := s.Trends.Shares(ctx, q)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	return list(shares), nil
}
