package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// searchInput are the filters of a search. Each narrows; those that may be
// repeated take any of their values. Slices say explode: without it huma takes a
// list with commas, and drops all but the first of a repeated parameter.
type searchInput struct {
	Q             string    `query:"q" maxLength:"500" doc:"Full text over caption, hashtags, author and attribute values; all words must occur."`
	Attribute     []string  `query:"attribute,explode" maxItems:"50" doc:"An attribute as name:value, such as color:red. Several of one name: any of them; of different names: each of them."`
	MinConfidence float64   `query:"min_confidence" minimum:"0" maximum:"1" doc:"Least confidence of those attributes."`
	Source        []string  `query:"source,explode" maxItems:"50" doc:"The network, such as mastodon."`
	Language      []string  `query:"language,explode" maxItems:"50" doc:"BCP 47, such as de."`
	Country       []string  `query:"country,explode" maxItems:"50" doc:"Of the author; ISO 3166-1 alpha-2, such as FR."`
	Region        []string  `query:"region,explode" maxItems:"50" doc:"Of the author; ISO 3166-2, such as FR-IDF."`
	Profile       []string  `query:"profile,explode" maxItems:"50" doc:"The use case that published the post."`
	Since         time.Time `query:"since" doc:"Created at this time or later."`
	Until         time.Time `query:"until" doc:"Created before this time."`
	Near          string    `query:"near" maxLength:"100" pattern:"^(-?[0-9]{1,3}([.][0-9]+)?,-?[0-9]{1,3}([.][0-9]+)?,[0-9]{1,8})?$" doc:"Made around a place, as latitude,longitude,meters: 48.86,2.35,5000. Few posts say where they were made."`
	MinLikes      int64     `query:"min_likes" minimum:"0" doc:"Least number of likes."`
	Like          string    `query:"like" maxLength:"81" pattern:"^([a-z0-9-]{1,32}[.][A-Za-z0-9_-]{1,48})?$" doc:"Id of a post: those that look most like it, the nearest first. One page; facet, sort and cursor can't be asked for with it."`
	Facet         []string  `query:"facet,explode" maxItems:"20" doc:"Count the hits by source, language, country, profile, hashtag, or an attribute's name."`
	Sort          string    `query:"sort" enum:"newest,oldest,relevance,likes" default:"newest" doc:"Order of the hits."`
	Cursor        string    `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before. Only limit and facet may change between pages."`
	Limit         int       `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Most hits on a page."`
}

// postPattern is the form of a post's id.
var postPattern = regexp.MustCompile(`^[a-z0-9-]{1,32}[.][A-Za-z0-9_-]{1,48}$`)

var regionPattern = regexp.MustCompile(`^[A-Z]{2}-[A-Z0-9]{1,3}$`)

var attributePattern = regexp.MustCompile(`^[a-z0-9_-]{1,64}:.{1,200}$`)

// Resolve checks what the tags can't say.
func (i *searchInput) Resolve(c huma.Context) []error {
	var errs []error
	if i.Like != "" {
		for name, there := range map[string]bool{"facet": len(i.Facet) > 0, "sort": c != nil && c.Query("sort") != "", "cursor": i.Cursor != ""} {
			if there {
				errs = append(errs, &huma.ErrorDetail{Location: "query." + name, Message: "expected none beside like, whose answer is one page with the nearest first"})
			}
		}
	}
	for _, r := range i.Region {
		if !regionPattern.MatchString(r) {
			errs = append(errs, &huma.ErrorDetail{Location: "query.region", Message: "expected a code of ISO 3166-2, such as FR-IDF"})
		}
	}
	for _, a := range i.Attribute {
		if !attributePattern.MatchString(a) {
			errs = append(errs, &huma.ErrorDetail{Location: "query.attribute", Message: "expected name:value, such as color:red"})
		}
	}
	if !i.Since.IsZero() && !i.Until.IsZero() && !i.Since.Before(i.Until) {
		errs = append(errs, &huma.ErrorDetail{Location: "query.until", Message: "expected a time after since"})
	}
	if near, ok := i.near(); ok {
		if err := (models.SearchQuery{Near: &near}).Check(); err != nil {
			errs = append(errs, &huma.ErrorDetail{Location: "query.near", Message: "expected a latitude up to 90, a longitude up to 180, and up to 21000000 meters"})
		}
	}
	return errs
}

// near reads the circle; false if there is none, or none of the right form.
func (i *searchInput) near() (c models.GeoCircle, ok bool) {
	parts := strings.Split(i.Near, ",")
	if len(parts) != 3 {
		return c, false
	}
	var errs [3]error
	c.Lat, errs[0] = strconv.ParseFloat(parts[0], 64)
	c.Lon, errs[1] = strconv.ParseFloat(parts[1], 64)
	c.Meters, errs[2] = strconv.ParseFloat(parts[2], 64)
	return c, errors.Join(errs[:]...) == nil
}

// query translates the filters for the store.
func (i *searchInput) query() models.SearchQuery {
	q := models.SearchQuery{
		Text: i.Q, MinConfidence: i.MinConfidence, Sources: i.Source, Languages: i.Language, Countries: i.Country, Regions: i.Region, Profiles: i.Profile,
		Since: i.Since, Until: i.Until, MinLikes: i.MinLikes, Like: i.Like, Facets: i.Facet, Sort: i.Sort, Limit: i.Limit,
	}
	if i.Like != "" {
		q.Sort = "" // the default of those who can be sorted
	}
	for _, a := range i.Attribute {
		if q.Attributes == nil {
			q.Attributes = map[string][]string{}
		}
		name, value, _ := strings.Cut(a, ":")
		q.Attributes[name] = append(q.Attributes[name], value)
	}
	if near, ok := i.near(); ok {
		q.Near = &near
	}
	return q
}

type searchOutput struct{ Body page }

// page is one page of hits.
type page struct {
	Items      []Post                         `json:"items" nullable:"false"`
	Total      int64                          `json:"total" doc:"Number of all hits."`
	NextCursor string                         `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; missing on the last."`
	Facets     map[string][]models.FacetCount `json:"facets,omitempty" doc:"By the name asked for, the most frequent values of all hits."`
}

// Post is what the API tells of a post. It is a type of its own, so that what
// search keeps for itself, such as embeddings, stays there.
type Post struct {
	ID         string             `json:"id"`
	Version    int64              `json:"version" doc:"Grows with every change."`
	Source     string             `json:"source" doc:"The network."`
	URL        string             `json:"url,omitempty" doc:"Of the post in its network."`
	CreatedAt  time.Time          `json:"created_at"`
	Text       string             `json:"text"`
	Language   string             `json:"language,omitempty" doc:"BCP 47."`
	Hashtags   []string           `json:"hashtags,omitempty" nullable:"false" doc:"Without the sign, in small letters."`
	Author     models.Author      `json:"author"`
	Counts     models.Counts      `json:"counts" doc:"A count that is missing is hidden or unknown."`
	Profiles   []string           `json:"profiles" nullable:"false" doc:"The use cases that published it."`
	Unchecked  []string           `json:"unchecked,omitempty" nullable:"false" doc:"Those of them where people were to check it, and nobody did in time."`
	Attributes []models.Attribute `json:"attributes,omitempty" nullable:"false" doc:"What was found in it; people's answers come first."`
	Images     []string           `json:"images,omitempty" nullable:"false" doc:"Keys of its pictures."`
	Flags      []models.Flag      `json:"flags,omitempty" nullable:"false" doc:"What its author or network asks for: no-public is to be shown to people who are logged in alone."`
}

// shown is what the API tells of a document.
func shown(d models.SearchDoc) Post {
	if d.Profiles == nil {
		d.Profiles = []string{}
	}
	return Post{
		ID: d.ID, Version: d.Version, Source: d.Source, URL: d.URL, CreatedAt: d.CreatedAt, Text: d.Text, Language: d.Language,
		Hashtags: d.Hashtags, Author: d.Author, Counts: d.Counts, Profiles: d.Profiles, Unchecked: d.Unchecked,
		Attributes: d.Attributes, Images: d.Images, Flags: d.Flags,
	}
}

// search registers the search over recent posts.
func (s *server) search() {
	register(s, action{Role: models.Viewer, Operation: huma.Operation{
		OperationID: "search-posts", Method: http.MethodGet, Path: "/v1/search", Tags: []string{"posts"},
		Summary: "Search recent posts", Description: "One page of the posts that all filters fit.",
		Errors: []int{http.StatusNotFound},
	}}, s.searchPosts)
}

func (s *server) searchPosts(ctx context.Context, in *searchInput) (*searchOutput, error) {
	q := in.query()
	var ok bool
	if q.After, ok = s.opened("search "+q.Fingerprint(), in.Cursor); !ok {
		return nil, badCursor()
	}
	got, err := s.Search.Search(ctx, q)
	switch {
	case errors.Is(err, models.ErrNotFound) && q.Like != "":
		return nil, huma.Error404NotFound("search has no such post to find look-alikes of")
	case errors.Is(err, models.ErrNoEmbedding):
		return nil, huma.Error422UnprocessableEntity("no look-alikes can be found of this post",
			&huma.ErrorDetail{Location: "query.like", Message: "expected a post whose images were embedded; of this one none was (analysis.embedding)"})
	case err != nil && models.ClassOf(err) == models.Permanent && in.Cursor != "":
		s.Log.InfoContext(ctx, "api: search refused a cursor", "request", of(ctx).id, "error", err)
		return nil, badCursor()
	case err != nil && models.ClassOf(err) == models.Permanent:
		s.Log.InfoContext(ctx, "api: search refused a query", "request", of(ctx).id, "error", err)
		return nil, huma.Error422UnprocessableEntity("search can't answer this query; take fewer words or filters")
	case err != nil:
		return nil, s.failed(ctx, "search", err)
	}
	out := page{Items: []Post{}, Total: got.Total, NextCursor: s.sealed("search "+q.Fingerprint(), got.Next), Facets: got.Facets}
	for _, d := range got.Hits {
		out.Items = append(out.Items, shown(d))
	}
	return &searchOutput{out}, nil
}
