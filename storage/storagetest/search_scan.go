package storagetest

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"weft/models"
)

// ScanSearch answers a query by looking at every document: what a search must agree with.
func ScanSearch(docs []models.SearchDoc, q models.SearchQuery) models.SearchAnswer {
	a := models.SearchAnswer{Facets: map[string][]models.FacetCount{}}
	for _, d := range docs {
		if scanMatches(d, q) {
			a.Hits = append(a.Hits, d)
		}
	}
	a.Total = int64(len(a.Hits))
	likes := func(d models.SearchDoc) int64 {
		if d.Counts.Likes == nil {
			return -1
		}
		return *d.Counts.Likes
	}
	slices.SortFunc(a.Hits, func(x, y models.SearchDoc) int {
		first := y.CreatedAt.Compare(x.CreatedAt)
		switch q.Sort {
		case "oldest":
			first = -first
		case "likes":
			first = cmp.Compare(likes(y), likes(x))
		}
		return cmp.Or(first, cmp.Compare(x.ID, y.ID))
	})
	for _, f := range q.Facets {
		a.Facets[f] = scanFacet(a.Hits, f)
	}
	return a
}

func scanFacet(hits []models.SearchDoc, facet string) []models.FacetCount {
	n := map[string]int64{}
	for _, d := range hits {
		values := scanValues(d, facet)
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			if v != "" {
				n[v]++
			}
		}
	}
	var out []models.FacetCount
	for v, c := range n {
		out = append(out, models.FacetCount{Value: v, N: c})
	}
	slices.SortFunc(out, func(x, y models.FacetCount) int { return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(x.Value, y.Value)) })
	return out[:min(len(out), 20)]
}

func scanValues(d models.SearchDoc, facet string) []string {
	switch facet {
	case "source":
		return []string{d.Source}
	case "language":
		return []string{d.Language}
	case "country":
		return []string{d.Author.Location.Country}
	case "profile":
		return slices.Clone(d.Profiles)
	case "hashtag":
		return slices.Clone(d.Hashtags)
	}
	var values []string
	for _, a := range d.Attributes {
		if a.Name == facet {
			values = append(values, a.Value)
		}
	}
	return values
}

func scanMatches(d models.SearchDoc, q models.SearchQuery) bool {
	in := func(allowed []string, v string) bool { return len(allowed) == 0 || slices.Contains(allowed, v) }
	if !in(q.Sources, d.Source) || !in(q.Languages, d.Language) || !in(q.Countries, d.Author.Location.Country) || !in(q.Regions, d.Author.Location.Region) {
		return false
	}
	if len(q.Profiles) > 0 && !slices.ContainsFunc(d.Profiles, func(p string) bool { return slices.Contains(q.Profiles, p) }) {
		return false
	}
	for name, values := range q.Attributes {
		if len(values) > 0 && !slices.ContainsFunc(d.Attributes, func(a models.Attribute) bool {
			return a.Name == name && slices.Contains(values, a.Value) && a.Confidence >= q.MinConfidence
		}) {
			return false
		}
	}
	if !q.Since.IsZero() && d.CreatedAt.Before(q.Since) || !q.Until.IsZero() && !d.CreatedAt.Before(q.Until) {
		return false
	}
	if q.MinLikes > 0 && (d.Counts.Likes == nil || *d.Counts.Likes < q.MinLikes) {
		return false
	}
	if q.Near != nil && (d.Point == nil || scanDistance(*d.Point, q.Near.GeoPoint) > q.Near.Meters) {
		return false
	}
	return scanText(d, q.Text)
}

// scanDistance is the angle between two directions, on a sphere of the earth's mean radius.
func scanDistance(a, b models.GeoPoint) float64 {
	const radius, degree = 6371008.7714, math.Pi / 180
	xyz := func(p models.GeoPoint) (x, y, z float64) {
		return math.Cos(p.Lat*degree) * math.Cos(p.Lon*degree), math.Cos(p.Lat*degree) * math.Sin(p.Lon*degree), math.Sin(p.Lat * degree)
	}
	ax, ay, az := xyz(a)
	bx, by, bz := xyz(b)
	cross := math.Hypot(math.Hypot(ay*bz-az*by, az*bx-ax*bz), ax*by-ay*bx)
	return radius * math.Atan2(cross, ax*bx+ay*by+az*bz)
}

// scanText: every word of the query must occur; a word with signs inside as a
// sequence; a run of characters written without spaces anywhere.
func scanText(d models.SearchDoc, typed string) bool {
	fields := []string{d.Text, d.Author.Handle, d.Author.Name}
	fields = append(fields, d.Hashtags...)
	for _, a := range d.Attributes {
		fields = append(fields, a.Value)
	}
	words := 0
	for word := range strings.FieldsSeq(typed) {
		for _, part := range scanTokens(word) {
			words++
			if !slices.ContainsFunc(fields, func(f string) bool { return scanContains(scanTokens(f), part) }) {
				return false
			}
		}
	}
	return words > 0 || strings.TrimSpace(typed) == ""
}

// scanPart is a sequence of words, or a run without spaces.
type scanPart []string

func scanContains(have []scanPart, want scanPart) bool {
	for _, h := range have {
		if scanDense(want[0]) {
			if scanDense(h[0]) && strings.Contains(h[0], want[0]) {
				return true
			}
			continue
		}
		for i := range len(h) - len(want) + 1 {
			if slices.Equal(h[i:i+len(want)], want) {
				return true
			}
		}
	}
	return false
}

func scanDense(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
	})
}

// scanTokens splits a text into runs without spaces and sequences of folded words between them.
func scanTokens(s string) []scanPart {
	var parts []scanPart
	var plain strings.Builder
	dense := ""
	flush := func() {
		if words := strings.FieldsFunc(scanFold(plain.String()), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }); len(words) > 0 {
			parts = append(parts, words)
		}
		plain.Reset()
		if dense != "" {
			parts = append(parts, scanPart{dense})
		}
		dense = ""
	}
	for _, r := range norm.NFKC.String(s) {
		if scanDense(string(r)) {
			if dense == "" {
				flush()
			}
			dense += string(r)
			continue
		}
		if dense != "" {
			flush()
		}
		plain.WriteRune(r)
	}
	flush()
	return parts
}

// scanFold lowers letters and takes their accents away.
func scanFold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}
