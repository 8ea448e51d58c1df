package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Images reads renditions.
type Images interface {
	// Get returns a blob, or models.ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Image is one image of a post.
type Image struct {
	N      int               `json:"n" doc:"Its place among the post's images, from 0."`
	State  models.MediaState `json:"state" enum:"pending,ok,failed"`
	Reason string            `json:"reason,omitempty" doc:"Why it failed."`
	Alt    string            `json:"alt,omitempty"`
	SHA256 string            `json:"sha256,omitempty" doc:"Of the original."`
	PHash  string            `json:"phash,omitempty" doc:"Perceptual hash: those of near-duplicates differ in few bits."`
	Type   string            `json:"type,omitempty" doc:"Of the original."`
	Size   int64             `json:"size,omitempty" doc:"Of the original, in bytes."`
	Width  int               `json:"width,omitempty"`
	Height int               `json:"height,omitempty"`
	Path   string            `json:"path,omitempty" doc:"Where the rendition is, if there is one."`
}

type imagesOutput struct {
	Body struct {
		Items []Image `json:"items" nullable:"false"`
	}
}

type imageInput struct {
	PostPath
	N     int    `path:"n" minimum:"0" maximum:"1000" doc:"Its place among the post's images, from 0."`
	Match string `header:"If-None-Match" maxLength:"200"`
}

type imageOutput struct {
	Status  int
	Type    string `header:"Content-Type"`
	ETag    string `header:"ETag"`
	Caching string `header:"Cache-Control"`
	Body    []byte
}

// seen returns a post that the one who asks may see: those in search for everybody,
// others, which labelers are asked about, for labelers.
func (s *server) seen(ctx context.Context, id string) (models.Post, error) {
	post, _, err := s.post(ctx, id)
	if err != nil {
		return post, err
	}
	if _, public := models.Project(&post); !public && (post.Hidden != "" || !of(ctx).who.Role.Allows(models.Labeler)) {
		return post, errNoPost()
	}
	return post, nil
}

func (s *server) listImages(ctx context.Context, in *PostPath) (*imagesOutput, error) {
	post, err := s.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &imagesOutput{}
	out.Body.Items = imagesOf(&post)
	return out, nil
}

func imagesOf(post *models.Post) []Image {
	out := []Image{}
	for n, m := range post.Media {
		img := Image{N: n, State: m.State, Reason: m.Reason, Alt: m.Alt, SHA256: m.SHA256, PHash: m.PHash, Type: m.Type, Size: m.Size, Width: m.Width, Height: m.Height}
		if m.State == models.MediaOK && m.Rendition != "" {
			img.Path = "/v1/posts/" + post.ID + "/images/" + strconv.Itoa(n)
		}
		out = append(out, img)
	}
	return out
}

func (s *server) getImage(ctx context.Context, in *imageInput) (*imageOutput, error) {
	post, err := s.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.N >= len(post.Media) || post.Media[in.N].State != models.MediaOK {
		return nil, huma.Error404NotFound("the post has no such image")
	}
	m := post.Media[in.N]
	out := &imageOutput{Status: http.StatusOK, ETag: strconv.Quote(m.SHA256), Caching: "private, max-age=3600", Type: "image/jpeg"}
	if in.Match == out.ETag {
		out.Status = http.StatusNotModified
		return out, nil
	}
	out.Body, err = s.Images.Get(ctx, m.Rendition)
	if errors.Is(err, models.ErrNotFound) {
		return nil, huma.Error404NotFound("the rendition is gone: its time was over")
	}
	if err != nil {
		return nil, s.failed(ctx, "blobs", err)
	}
	return out, nil
}
