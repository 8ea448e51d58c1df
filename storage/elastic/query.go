package elastic

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/storage/spelling"
)

// The limits of the embedded search.
const (
	defaultLimit = 20
	maxLimit     = 1000
	facetValues  = 20
	maxFacets    = 100
	maxPhrases   = 64
	sortKeys     = 2 // one and the id; in a view, hits may come with a third, which isn't needed
)

// plan is a query made ready.
type plan struct {
	must    []object // the phrases, which make the relevance
	filter  []object
	stems   string // what was typed, if the cluster can compare stems
	nothing bool   // text was given, but no word in it
	facets  []string
	sort    string
	limit   int
	counted bool
	print   string // of the query, for its cursors
	after   *cursor
}

// cursor is where a page ended, and in which view of the data.
type cursor struct {
	Query string            `json:"q"`
	View  string            `json:"v,omitempty"` // a point in time
	Sort  []json.RawMessage `json:"s"`
}

func (c cursor) String() string {
	b, _ := json.Marshal(c) // plain data
	return base64.RawURLEncoding.EncodeToString(b)
}

func (s *Search) plan(q models.SearchQuery) (*plan, error) {
	p := &plan{sort: q.Sort, limit: q.Limit, counted: !q.Uncounted, print: q.Fingerprint(), filter: []object{}}
	if p.limit <= 0 {
		p.limit = defaultLimit
	}
	p.limit = min(p.limit, maxLimit)
	switch q.Sort {
	case "":
		p.sort = "newest"
	case "newest", "oldest", "relevance", "likes":
	default:
		return nil, fmt.Errorf("unknown sort %q; allowed: newest, oldest, relevance, likes", q.Sort)
	}
	if strings.TrimSpace(q.Text) != "" {
		phrases := spelling.Phrases(q.Text)
		if len(phrases) > maxPhrases {
			return nil, fmt.Errorf("the text has %d words; allowed: up to %d", len(phrases), maxPhrases)
		}
		p.nothing = len(phrases) == 0
		for _, ph := range phrases {
			p.must = append(p.must, occurs(ph))
		}
		if s.features.stems {
			p.stems = q.Text
		}
	}
	if len(p.must) == 0 && p.sort == "relevance" {
		p.sort = "newest" // without words all are equally relevant
	}
	for _, f := range q.Facets {
		if !slices.Contains(p.facets, f) {
			p.facets = append(p.facets, f)
		}
	}
	if len(p.facets) > maxFacets {
		return nil, fmt.Errorf("%d facets; allowed: up to %d", len(p.facets), maxFacets)
	}
	if err := q.Check(); err != nil {
		return nil, err
	}
	p.narrow(q)
	if err := p.resume(q.After); err != nil {
		return nil, err
	}
	return p, nil
}

// occurs wants a phrase to occur.
func occurs(p spelling.Phrase) object {
	if p.Prefix {
		return object{"prefix": object{"words": object{"value": p.Words}}}
	}
	return object{"match_phrase": object{"words": object{"query": p.Words, "analyzer": "whitespace"}}}
}

// narrow adds the conditions of q, all but the text.
func (p *plan) narrow(q models.SearchQuery) {
	anyOf := func(field string, values []string) {
		if len(values) > 0 {
			p.filter = append(p.filter, object{"terms": object{field: values}})
		}
	}
	anyOf("source", q.Sources)
	anyOf("language", q.Languages)
	anyOf("author.location.country", q.Countries)
	anyOf("author.location.region", q.Regions)
	anyOf("profiles", q.Profiles)
	for name, values := range q.Attributes {
		if len(values) > 0 {
			p.filter = append(p.filter, object{"nested": object{"path": "attributes", "query": object{"bool": object{"filter": []object{
				{"term": object{"attributes.name": name}}, {"terms": object{"attributes.value": values}},
				{"range": object{"attributes.confidence": object{"gte": q.MinConfidence}}},
			}}}}})
		}
	}
	created := object{}
	if !q.Since.IsZero() {
		created["gte"] = stamp(q.Since)
	}
	if !q.Until.IsZero() {
		created["lt"] = stamp(q.Until)
	}
	if len(created) > 0 {
		p.filter = append(p.filter, object{"range": object{"created_at": created}})
	}
	if n := q.Near; n != nil {
		p.filter = append(p.filter, object{"geo_distance": object{
			"distance": fmt.Sprintf("%gm", n.Meters), "point": n.GeoPoint, "ignore_unmapped": true,
		}})
	}
	if q.MinLikes > 0 {
		p.filter = append(p.filter, object{"range": object{"counts.likes": object{"gte": q.MinLikes}}})
	}
}

// stamp words a time as it is compared: without what is below the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (p *plan) resume(after string) error {
	if after == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(after)
	c := &cursor{}
	if err == nil {
		err = json.Unmarshal(raw, c)
	}
	if err != nil || c.Query == "" || len(c.Sort) != sortKeys {
		return fmt.Errorf("%.40q is no cursor: take the answer's next as it is", after)
	}
	if c.Query != p.print {
		return errors.New("the cursor belongs to another query: only the page size and the facets may change between pages")
	}
	p.after = c
	return nil
}

func (p *plan) empty() models.SearchAnswer {
	a := models.SearchAnswer{Facets: map[string][]models.FacetCount{}}
	for _, f := range p.facets {
		a.Facets[f] = nil
	}
	return a
}

// moves reports whether the sort keys of documents change while somebody pages
// through, so that pages need a view that stands still. A creation date never
// changes: pages by it neither overlap nor leave gaps as they are.
func (p *plan) moves() bool { return p.sort == "likes" || p.sort == "relevance" }

// request is the body of the search for one page and one hit more.
func (p *plan) request() object {
	query := object{"filter": p.filter}
	if p.sort == "relevance" {
		query["must"] = p.must
		if p.stems != "" {
			query["should"] = object{"multi_match": object{"query": p.stems, "fields": []string{"stems.*"}}}
		}
	} else {
		query["filter"] = slices.Concat(p.filter, p.must)
	}
	r := object{
		"query": object{"bool": query}, "size": p.limit + 1, "track_total_hits": p.counted, "sort": p.order(),
		"_source": true,
	}
	if aggs := p.aggregations(p.facets, facetDepth); len(aggs) > 0 {
		r["aggs"] = aggs
	}
	if p.after != nil {
		r["search_after"] = p.after.Sort
	}
	return r
}

// order tells documents with equal keys apart by their ids.
func (p *plan) order() []object {
	id := object{"id": object{"order": "asc", "unmapped_type": "keyword"}}
	switch p.sort {
	case "oldest":
		return []object{{"created_at": object{"order": "asc", "unmapped_type": "date"}}, id}
	case "likes":
		return []object{{"counts.likes": object{"order": "desc", "missing": -1, "unmapped_type": "long"}}, id}
	case "relevance":
		return []object{{"_score": object{"order": "desc"}}, id}
	}
	return []object{{"created_at": object{"order": "desc", "unmapped_type": "date"}}, id}
}
