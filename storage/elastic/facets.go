package elastic

import (
	"fmt"
	"strings"

	"weft/models"
)

// Each shard returns its most frequent values of a facet. If one has more than
// it returned, the sums may be wrong, and the question is put again, deeper.
// Beyond facetDepths different values in one month a count may be short by the
// few of a month where the value is rarer than 50,000 others.
const (
	facetDepth  = 1000
	facetDepths = 50_000
	longestName = 256 // of an attribute: none of ours comes near
)

// facetFields are the facets that are no attributes.
func facetFields() map[string]string {
	return map[string]string{
		"source": "source", "language": "language", "country": "author.location.country", "profile": "profiles", "hashtag": "hashtags",
	}
}

// aggregations asks for the values of facets; it names them by their places.
func (p *plan) aggregations(facets []string, depth int) object {
	aggs := object{}
	for i, facet := range facets {
		if len(facet) > longestName {
			continue
		}
		terms := object{
			"size": facetValues + 1, "shard_size": depth, // one more, for the empty value
			"order": []object{{"_count": "desc"}, {"_key": "asc"}},
		}
		if field := facetFields()[facet]; field != "" {
			terms["field"] = field
		} else {
			terms["field"], terms["include"] = "pairs", literal(facet+pairMark)+".*"
		}
		aggs[fmt.Sprint("f", i)] = object{"terms": terms}
	}
	return aggs
}

// literal quotes a text for Lucene's regular expressions.
func literal(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if strings.ContainsRune(`.?+*|{}[]()"\#@&<>~^$-/`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// facetAnswer is what is answered to aggregations.
type facetAnswer map[string]struct {
	Error   int64 `json:"doc_count_error_upper_bound"`
	Buckets []struct {
		Key   string `json:"key"`
		Count int64  `json:"doc_count"`
	} `json:"buckets"`
}

// facets fills in the facets of an answer, and returns those that are not sure.
func (f facetAnswer) fill(facets []string, into map[string][]models.FacetCount) (unsure []string) {
	for i, facet := range facets {
		agg := f[fmt.Sprint("f", i)]
		if agg.Error != 0 {
			unsure = append(unsure, facet)
		}
		var values []models.FacetCount
		for _, b := range agg.Buckets {
			value := b.Key
			if facetFields()[facet] == "" {
				value = strings.TrimPrefix(value, facet+pairMark)
			}
			if value != "" && len(values) < facetValues {
				values = append(values, models.FacetCount{Value: value, N: b.Count})
			}
		}
		into[facet] = values
	}
	return unsure
}
