package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Asked is the post that a question is about, as whoever answers sees it: most
// such posts are not published yet, so the search doesn't have them.
type Asked struct {
	ID        string        `json:"id"`
	Source    string        `json:"source" doc:"The network."`
	CreatedAt time.Time     `json:"created_at"`
	Text      string        `json:"text"`
	Language  string        `json:"language,omitempty" doc:"BCP 47."`
	Hashtags  []string      `json:"hashtags" nullable:"false"`
	Author    models.Author `json:"author"`
	Adult     bool          `json:"adult" doc:"Its network or author says that it is for adults: show the pictures only to who asks for them."`
	Images    []Image       `json:"images" nullable:"false"`
}

type askedOutput struct{ Body Asked }

// labelPost registers the post behind a question.
func (s *server) labelPost() {
	register(s, action{Role: models.Labeler, Operation: huma.Operation{
		OperationID: "get-label-post", Method: http.MethodGet, Path: "/v1/labels/{id}/post", Tags: []string{"labels"},
		Summary: "Read the post that a question is about, published or not", Errors: []int{http.StatusNotFound, http.StatusGone},
	}}, s.getLabelPost)
}

func (s *server) getLabelPost(ctx context.Context, in *ItemPath) (*askedOutput, error) {
	it, err := s.Desk.Item(ctx, in.ID)
	if err != nil {
		return nil, s.missing(ctx, "question", err)
	}
	post, err := s.seen(ctx, it.Post)
	if err != nil {
		return nil, err
	}
	return &askedOutput{Asked{
		ID: post.ID, Source: post.Source, CreatedAt: post.CreatedAt, Text: post.Text, Language: post.Language, Hashtags: append([]string{}, post.Hashtags...),
		Author: post.Author, Adult: slices.Contains(post.Flags, models.Adult), Images: imagesOf(&post),
	}}, nil
}
