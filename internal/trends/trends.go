// Package trends tells how large a share of a profile's posts has an attribute,
// over time and by any other attribute or field: as models say, and as corrected
// by what people said of the profile's uniform sample (labeling/ppi).
//
// Labels that were asked for by a rule are of posts that models get wrong more
// often, so only those of the sample correct. Search and the history show a
// label in the place of what models said of a post; here the models' word is
// taken from the posts themselves, labelled ones being few.
package trends

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"weft/internal/reading"
	"weft/labeling/ppi"
	"weft/models"
)

// Reader counts and streams posts of both ends.
type Reader interface {
	Count(ctx context.Context, q models.SearchQuery) (reading.Count, error)
	Stream(ctx context.Context, q models.SearchQuery, after models.Place, want int) iter.Seq2[reading.Found, error]
}

// Documents have the posts that people labelled, and know the watermark.
type Documents interface {
	Labelled(ctx context.Context, attribute string, since, until time.Time, after string, max int) ([]models.Post, error)
	Watermark(ctx context.Context) (models.Watermark, error)
}

// Query asks for the share of the posts with Attribute=Value among those that fit
// Posts, which must name one profile and a time range.
type Query struct {
	Attribute, Value string
	By               string // a facet: the 20 most frequent values each get a line of their own; empty: one for all
	Bucket           string // day, week or month
	Posts            models.SearchQuery
}

// Cell is the share in one span of time, of one group.
type Cell struct {
	From, Until time.Time
	Group       string
	Posts       int64
	Predicted   int64 // of which models saw it in so many
	Labelled    int64 // of the sample
	ppi.Estimate
}

// mostBuckets bounds what a question costs: each span is counted by itself.
const mostBuckets = 120

// Shares answers q, in the order of time, then of the groups.
func Shares(ctx context.Context, r Reader, d Documents, q Query) ([]Cell, error) {
	spans, err := q.spans()
	if err != nil {
		return nil, models.Faultf(models.Permanent, "trends: %w", err)
	}
	labelled, err := people(ctx, r, d, q)
	if err != nil {
		return nil, err
	}
	var out []Cell
	for _, s := range spans {
		cells, err := q.count(ctx, r, s)
		if err != nil {
			return nil, err
		}
		for _, p := range labelled {
			q.correct(p, s, cells)
		}
		groups := make([]string, 0, len(cells))
		for g := range cells {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b string) int { return cmp.Or(cmp.Compare(cells[b].posts, cells[a].posts), cmp.Compare(a, b)) })
		for _, g := range groups {
			out = append(out, cells[g].cell(s, g))
		}
	}
	return out, nil
}

// span is from a moment to before another.
type span struct{ from, until time.Time }

func (s span) holds(at time.Time) bool { return !at.Before(s.from) && at.Before(s.until) }

// spans cuts the range at the days, weeks (Mondays) or months of UTC.
func (q *Query) spans() ([]span, error) {
	from, until := q.Posts.Since.UTC(), q.Posts.Until.UTC()
	switch {
	case q.Posts.Since.IsZero() || q.Posts.Until.IsZero() || !from.Before(until):
		return nil, fmt.Errorf("a time range is needed: since, and until after it")
	case len(q.Posts.Profiles) != 1:
		return nil, fmt.Errorf("%d profiles; allowed: one, since a sample is one profile's", len(q.Posts.Profiles))
	case q.Attribute == "" || q.Value == "":
		return nil, fmt.Errorf("an attribute and its value are needed")
	}
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	var next func(time.Time) time.Time
	switch q.Bucket {
	case "day":
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	case "week":
		day = day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	case "month":
		day = day.AddDate(0, 0, 1-day.Day())
		next = func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	default:
		return nil, fmt.Errorf("bucket %q; allowed: day, week, month", q.Bucket)
	}
	var out []span
	for at := day; at.Before(until); at = next(at) {
		if len(out) == mostBuckets {
			return nil, fmt.Errorf("more than %d spans of a %s; take longer ones, or a shorter range", mostBuckets, q.Bucket)
		}
		s := span{at, next(at)}
		if s.from.Before(from) {
			s.from = from
		}
		if s.until.After(until) {
			s.until = until
		}
		out = append(out, s)
	}
	return out, nil
}

// count counts the posts of a span by group, as they are shown: with labels.
type counts struct {
	posts, predicted int64
	pairs            ppi.Pairs
}

func (q *Query) count(ctx context.Context, r Reader, s span) (map[string]*counts, error) {
	all := q.Posts
	all.Since, all.Until, all.Sort, all.After, all.Facets = s.from, s.until, "", "", nil
	if q.By != "" {
		all.Facets = []string{q.By}
	}
	having := all
	having.Attributes = map[string][]string{}
	for name, values := range all.Attributes {
		having.Attributes[name] = values
	}
	if asked := having.Attributes[q.Attribute]; len(asked) > 0 && !slices.Contains(asked, q.Value) {
		return nil, models.Faultf(models.Permanent, "trends: the posts are narrowed to other values of %q than the one asked for", q.Attribute)
	}
	having.Attributes[q.Attribute] = []string{q.Value}
	of, err := r.Count(ctx, all)
	if err != nil {
		return nil, err
	}
	with, err := r.Count(ctx, having)
	if err != nil {
		return nil, err
	}
	out := map[string]*counts{}
	if q.By == "" {
		out[""] = &counts{posts: of.Total, predicted: with.Total}
		return out, nil
	}
	for _, c := range of.Facets[q.By] {
		out[c.Value] = &counts{posts: c.N}
	}
	for _, c := range with.Facets[q.By] {
		if g := out[c.Value]; g != nil {
			g.predicted = c.N
		}
	}
	return out, nil
}

// people are the posts of the range that people labelled: those in the documents,
// and the purged ones, as the history has them.
func people(ctx context.Context, r Reader, d Documents, q Query) (map[string]*models.Post, error) {
	out := map[string]*models.Post{}
	for after := ""; ; {
		posts, err := d.Labelled(ctx, q.Attribute, q.Posts.Since, q.Posts.Until, after, 500)
		if err != nil {
			return nil, fmt.Errorf("trends: %w", err)
		}
		if len(posts) == 0 {
			break
		}
		for i := range posts {
			after = posts[i].ID
			out[after] = &posts[i]
		}
	}
	mark, err := d.Watermark(ctx)
	if err != nil {
		return nil, fmt.Errorf("trends: %w", err)
	}
	old := q.Posts
	old.Sort, old.After, old.Facets = "oldest", "", nil
	if mark.Before().Before(old.Until) {
		old.Until = mark.Before()
	}
	if !old.Since.Before(old.Until) {
		return out, nil
	}
	for f, err := range r.Stream(ctx, old, models.Place{}, 0) {
		if err != nil {
			return nil, err
		}
		if f.Post != nil && f.Post.LabelledOn(q.Attribute) && out[f.Post.ID] == nil {
			out[f.Post.ID] = f.Post
		}
	}
	return out, nil
}

// correct takes from the counts what people said of a post, and puts in what
// models say of it; and if it is of the profile's sample, counts the pair.
func (q *Query) correct(p *models.Post, s span, cells map[string]*counts) {
	d, ok := models.Project(p)
	if !ok || !s.holds(p.CreatedAt.Truncate(time.Millisecond)) || !reading.Fits(q.Posts, &d) {
		return
	}
	predicted := false
	for _, pub := range p.Published {
		predicted = predicted || has(pub.Attributes, q.Attribute, q.Value)
	}
	groups := []string{""}
	if q.By != "" {
		groups = reading.Values(&d, q.By)
	}
	for _, g := range groups {
		c := cells[g]
		if c == nil {
			continue
		}
		if has(d.Attributes, q.Attribute, q.Value) {
			c.predicted--
		}
		if predicted {
			c.predicted++
		}
		c.pair(p, q, predicted)
	}
}

func has(found []models.Attribute, name, value string) bool {
	return slices.ContainsFunc(found, func(a models.Attribute) bool { return a.Name == name && a.Value == value })
}

// pair counts what the sample's label says beside what was predicted.
func (c *counts) pair(p *models.Post, q *Query, predicted bool) {
	profile := q.Posts.Profiles[0]
	i := slices.IndexFunc(p.Labels, func(l models.Label) bool {
		return l.Attribute == q.Attribute && l.Sample && l.Item == models.ItemID(p.ID, profile, l.Taxonomy)
	})
	if i < 0 {
		return
	}
	switch there := slices.Contains(p.Labels[i].Values, q.Value); {
	case there && predicted:
		c.pairs.Both++
	case there:
		c.pairs.PeopleOnly++
	case predicted:
		c.pairs.ModelOnly++
	default:
		c.pairs.Neither++
	}
}

// cell estimates. Counts and labels are read one after the other, so while posts
// come in there may for a moment be more labels than posts.
func (c *counts) cell(s span, group string) Cell {
	n := c.pairs.N()
	posts, predicted := max(c.posts, n), max(c.predicted, c.pairs.Both+c.pairs.ModelOnly)
	rest := ppi.Unlabelled{Posts: posts - n}
	rest.Predicted = min(rest.Posts, predicted-c.pairs.Both-c.pairs.ModelOnly)
	return Cell{
		From: s.from, Until: s.until, Group: group, Posts: posts, Predicted: predicted, Labelled: n, Estimate: ppi.Share(c.pairs, rest),
	}
}
