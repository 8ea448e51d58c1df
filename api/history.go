package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"weft/models"
)

// Both reads posts of both ends of the data: of search, which has the recent
// ones, and of the history.
type Both interface {
	Page(ctx context.Context, q models.SearchQuery) (docs []models.SearchDoc, next string, err error)
	Count(ctx context.Context, q models.SearchQuery) (total int64, facets map[string][]models.FacetCount, err error)
	Explain(ctx context.Context, q models.SearchQuery) (Explanation, error)
}

// Explanation says where a query looks.
type Explanation struct {
	Ends      []string    `json:"ends" nullable:"false" doc:"search, history, or both."`
	Watermark string      `json:"watermark" doc:"Posts created on this day (UTC) or later are in search alone; of earlier ones, some or all are in the history alone."`
	Recent    int64       `json:"recent" doc:"Posts in search that fit."`
	History   HistoryCost `json:"history" doc:"What of the history lies in the range, and is looked at if all of the answer is asked for."`
}

// HistoryCost is what is looked at in the history.
type HistoryCost struct {
	Days    int    `json:"days"`
	Parts   int    `json:"parts" doc:"Files."`
	Rows    int64  `json:"rows" doc:"A post has one for each profile and change."`
	Bytes   int64  `json:"bytes"`
	BytesBy string `json:"bytes_by" doc:"files: their sizes. dry run: what BigQuery says that it would bill."`
}

// bothTimeout is how long a query over the history may take: it reads files.
const bothTimeout = 2 * time.Minute

// PostFilter are the filters of posts at both ends, as in searchInput. It is exported
// since huma passes over what an embedded type has otherwise.
type PostFilter struct {
	Q             string    `query:"q" maxLength:"500" doc:"Full text over caption, hashtags, author and attribute values; all words must occur."`
	Attribute     []string  `query:"attribute,explode" maxItems:"50" doc:"An attribute as name:value, such as color:red. Several of one name: any of them; of different names: each of them."`
	MinConfidence float64   `query:"min_confidence" minimum:"0" maximum:"1" doc:"Least confidence of those attributes."`
	Source        []string  `query:"source,explode" maxItems:"50" doc:"The network, such as mastodon."`
	Language      []string  `query:"language,explode" maxItems:"50" doc:"BCP 47, such as de."`
	Country       []string  `query:"country,explode" maxItems:"50" doc:"Of the author; ISO 3166-1 alpha-2, such as FR."`
	Region        []string  `query:"region,explode" maxItems:"50" doc:"Of the author; ISO 3166-2, such as FR-IDF."`
	Since         time.Time `query:"since" required:"true" doc:"Created at this time or later."`
	Until         time.Time `query:"until" required:"true" doc:"Created before this time."`
	MinLikes      int64     `query:"min_likes" minimum:"0" doc:"Least number of likes."`
}

// Resolve checks what the tags can't say.
func (f *PostFilter) Resolve(huma.Context) []error {
	s := f.search()
	return s.Resolve(nil)
}

func (f *PostFilter) search() searchInput {
	return searchInput{
		Q: f.Q, Attribute: f.Attribute, MinConfidence: f.MinConfidence, Source: f.Source, Language: f.Language, Country: f.Country, Region: f.Region,
		Since: f.Since, Until: f.Until, MinLikes: f.MinLikes,
	}
}

type historyInput struct {
	PostFilter

	Profile []string `query:"profile,explode" maxItems:"50" doc:"The use case that published the post."`
	Facet   []string `query:"facet,explode" maxItems:"20" doc:"Count the posts by source, language, country, profile, hashtag, or an attribute's name."`
	Count   bool     `query:"count" doc:"Also count all posts that fit. Those of the history are looked at one by one, so it costs more than a page."`
	Explain bool     `query:"explain" doc:"Don't answer, but say where it would be looked for, and at how much."`
	Sort    string   `query:"sort" enum:"newest,oldest,likes" default:"newest" doc:"Order of the posts."`
	Cursor  string   `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before. Only limit, facet and count may change between pages."`
	Limit   int      `query:"limit" minimum:"1" maximum:"1000" default:"20" doc:"Most posts on a page."`
}

func (i *historyInput) query() models.SearchQuery {
	f := i.search()
	q := f.query()
	q.Profiles, q.Facets, q.Sort, q.Limit = i.Profile, i.Facet, i.Sort, i.Limit
	return q
}

type historyOutput struct{ Body historyPage }

// historyPage is a page of posts of both ends.
type historyPage struct {
	Items      []Post                         `json:"items" nullable:"false"`
	Total      *int64                         `json:"total,omitempty" doc:"Number of all posts that fit, if it or facets were asked for."`
	NextCursor string                         `json:"next_cursor,omitempty" doc:"Give it as cursor for the next page; missing on the last."`
	Facets     map[string][]models.FacetCount `json:"facets,omitempty" doc:"By the name asked for, the 20 most frequent values of all posts that fit."`
	Explain    *Explanation                   `json:"explain,omitempty"`
}

// history registers the query over both ends of the data.
func (s *server) history() {
	register(s, action{Role: models.Viewer, Timeout: bothTimeout, Operation: huma.Operation{
		OperationID: "query-history", Method: http.MethodGet, Path: "/v1/history", Tags: []string{"posts"},
		Summary: "Query all posts of a time range, recent or historic",
		Description: "Each post comes once, be it in search or only in the history. Pages by creation neither overlap nor leave gaps, " +
			"although posts move from one to the other meanwhile. What was deleted or hidden is not shown.",
		Errors: []int{http.StatusUnprocessableEntity},
	}}, s.queryHistory)
}

func (s *server) queryHistory(ctx context.Context, in *historyInput) (*historyOutput, error) {
	q := in.query()
	purpose := "history " + q.Fingerprint()
	var ok bool
	if q.After, ok = s.opened(purpose, in.Cursor); !ok {
		return nil, badCursor()
	}
	out := &historyOutput{historyPage{Items: []Post{}}}
	if in.Explain {
		e, err := s.Both.Explain(ctx, q)
		if err != nil {
			return nil, s.refused(ctx, err)
		}
		out.Body.Explain = &e
		return out, nil
	}
	docs, next, err := s.Both.Page(ctx, q)
	if err != nil {
		return nil, s.refused(ctx, err)
	}
	out.Body.NextCursor = s.sealed(purpose, next)
	for _, d := range docs {
		out.Body.Items = append(out.Body.Items, shown(d))
	}
	if in.Count || len(in.Facet) > 0 {
		total, facets, err := s.Both.Count(ctx, q)
		if err != nil {
			return nil, s.refused(ctx, err)
		}
		out.Body.Total, out.Body.Facets = &total, facets
	}
	return out, nil
}

// refused is failed for queries of both ends, which may be refused for what they ask.
func (s *server) refused(ctx context.Context, err error) error {
	if ctx.Err() == nil && models.ClassOf(err) == models.Permanent {
		s.Log.InfoContext(ctx, "api: a query was refused", "request", of(ctx).id, "error", err)
		return huma.Error422UnprocessableEntity("this can't be answered: it asks for too much of the history, or for what this installation can't ask; take a shorter range, or make an export")
	}
	return s.failed(ctx, "history", err)
}
