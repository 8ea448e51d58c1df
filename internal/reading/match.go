package reading

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"weft/models"
	"weft/storage/spelling"
)

// filter is a query made ready to be held against documents. It means what the
// stores of search mean, whose suite it passes.
type filter struct {
	q       models.SearchQuery
	phrases []spelling.Phrase
	nothing bool // text was given, but no word in it
}

func newFilter(q models.SearchQuery) *filter {
	f := &filter{q: q}
	if strings.TrimSpace(q.Text) != "" {
		f.phrases = spelling.Phrases(q.Text)
		f.nothing = len(f.phrases) == 0
	}
	return f
}

// fits reports whether d is among the answers.
func (f *filter) fits(d *models.SearchDoc) bool {
	q := &f.q
	in := func(allowed []string, v string) bool { return len(allowed) == 0 || slices.Contains(allowed, v) }
	switch {
	case f.nothing,
		!in(q.Sources, d.Source), !in(q.Languages, d.Language), !in(q.Countries, d.Author.Location.Country),
		!in(q.Regions, d.Author.Location.Region),
		len(q.Profiles) > 0 && !slices.ContainsFunc(d.Profiles, func(p string) bool { return slices.Contains(q.Profiles, p) }),
		!q.Since.IsZero() && floor(d.CreatedAt).Before(floor(q.Since)),
		!q.Until.IsZero() && !floor(d.CreatedAt).Before(floor(q.Until)),
		q.MinLikes > 0 && (d.Counts.Likes == nil || *d.Counts.Likes < q.MinLikes),
		q.Near != nil && (d.Point == nil || distance(*d.Point, q.Near.GeoPoint) > q.Near.Meters):
		return false
	}
	for name, values := range q.Attributes {
		if len(values) > 0 && !slices.ContainsFunc(d.Attributes, func(a models.Attribute) bool {
			return a.Name == name && slices.Contains(values, a.Value) && a.Confidence >= q.MinConfidence
		}) {
			return false
		}
	}
	return f.says(d)
}

// says reports whether every phrase occurs in one of the document's texts.
func (f *filter) says(d *models.SearchDoc) bool {
	if len(f.phrases) == 0 {
		return true
	}
	texts := slices.Concat([]string{d.Text, d.Author.Handle, d.Author.Name}, d.Hashtags)
	for _, a := range d.Attributes {
		texts = append(texts, a.Value)
	}
	for i := range texts {
		texts[i] = spelling.Words(texts[i])
	}
	return !slices.ContainsFunc(f.phrases, func(p spelling.Phrase) bool { return !slices.ContainsFunc(texts, p.In) })
}

// distance is how far two places are apart, in metres, on a sphere of the
// earth's mean radius.
func distance(a, b models.GeoPoint) float64 {
	const radius, degree = 6371008.7714, math.Pi / 180
	lat, lon := math.Sin((a.Lat-b.Lat)*degree/2), math.Sin((a.Lon-b.Lon)*degree/2)
	return 2 * radius * math.Asin(min(1, math.Sqrt(lat*lat+math.Cos(a.Lat*degree)*math.Cos(b.Lat*degree)*lon*lon)))
}

// scan is what of a filter the history can narrow by itself. Attributes,
// regions and profiles must at least be written somewhere in a row's body.
func (f *filter) scan() models.HistoryScan {
	s := models.HistoryScan{
		Since: f.q.Since, Until: f.q.Until, Sources: f.q.Sources, Languages: f.q.Languages, Countries: f.q.Countries, MinLikes: f.q.MinLikes,
		Oldest: f.q.Sort == "oldest",
	}
	if len(f.q.Regions) > 0 {
		s.Mentions = append(s.Mentions, written(f.q.Regions))
	}
	if len(f.q.Profiles) > 0 {
		s.Mentions = append(s.Mentions, written(f.q.Profiles))
	}
	for _, name := range slices.Sorted(maps.Keys(f.q.Attributes)) {
		if values := f.q.Attributes[name]; len(values) > 0 {
			s.Mentions = append(s.Mentions, written(values))
		}
	}
	return s
}

// written is how JSON writes strings.
func written(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		b, _ := json.Marshal(v) // strings always marshal
		out[i] = string(b)
	}
	return out
}

// Values are what a document counts for in a facet, each once.
func Values(d *models.SearchDoc, facet string) []string {
	var values []string
	switch facet {
	case "source":
		values = []string{d.Source}
	case "language":
		values = []string{d.Language}
	case "country":
		values = []string{d.Author.Location.Country}
	case "profile":
		values = slices.Clone(d.Profiles)
	case "hashtag":
		values = slices.Clone(d.Hashtags)
	default:
		for _, a := range d.Attributes {
			if a.Name == facet {
				values = append(values, a.Value)
			}
		}
	}
	slices.Sort(values)
	return slices.DeleteFunc(slices.Compact(values), func(v string) bool { return v == "" })
}

// Fits reports whether a document is among the answers to q.
func Fits(q models.SearchQuery, d *models.SearchDoc) bool { return newFilter(q).fits(d) }
