package gazetteer

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"weft/models"
)

// answer is a place as far as it is known.
type answer struct {
	country, region, city string
	confidence            float64
}

func (a answer) level() level {
	switch {
	case a.city != "":
		return city
	case a.region != "":
		return region
	default:
		return country
	}
}

// Text reads free text from a profile, such as "Paris, France" or "上海 黄浦区".
// Of several places it takes the first, with less confidence.
func (g *Gazetteer) Text(raw string) models.Location {
	raw = bounded(raw)
	if raw == "" {
		return models.Location{Kind: kindNone}
	}
	return located(raw, kindProfile, g.read(raw))
}

func (g *Gazetteer) read(raw string) answer {
	s, flags := takeFlags(norm.NFKC.String(raw))
	said, ok := g.answerText(s, nil)
	switch {
	case len(flags) == 0:
		return said
	case !ok:
		a := answer{country: flags[0], confidence: byFlag}
		if len(flags) > 1 {
			a.confidence *= manyLand
		}
		return g.silent(s, a)
	}
	if slices.Contains(flags, said.country) {
		said.confidence = max(said.confidence, agreed*sameLand)
		return said
	}
	// A flag may pick among places of one name, or tell of another home.
	if a, ok := g.answerText(s, g.table.find("@"+Fold(flags[0]))); ok && a.country == flags[0] {
		a.confidence *= sameLand
		return a
	}
	said.confidence *= manyLand
	return said
}

// silent lowers a's confidence for the words besides it that say nothing.
func (g *Gazetteer) silent(s string, a answer) answer {
	if Fold(s) != "" {
		a.confidence *= besides
	}
	return a
}

// places are split by signs, the parts of one by commas. A hyphen counts only
// between spaces.
var (
	between = regexp.MustCompile(`\s*(?:[|/\\;&+•・·→➡✈~\n\r\t<>]|\s[-–—]+\s|\s(?i:and|to|via|et|und|y)\s)[\x{FE0F}\s]*`)
	comma   = regexp.MustCompile(`\s*[,，、()\[\]【】]\s*`)
	lead    = regexp.MustCompile(`(?i)^\s*(?:(?:i\s+)?(?:currently\s+)?(?:liv(?:es|e|ing)|based|located|born|made|residing)\s+in|based|from|currently\s+in|in|near|loc(?:ation)?:|at)\s+`)
	degrees = regexp.MustCompile(`-?\d{1,3}[.°]\d*`)
)

// answerText reads text, together with a country that is known otherwise.
func (g *Gazetteer) answerText(s string, with []place) (answer, bool) {
	if len(degrees.FindAllString(s, 3)) > 1 {
		return answer{}, false // coordinates: not a name, and no data here to place them
	}
	s = lead.ReplaceAllString(s, "")
	if c := g.part(s); len(c.places) > 0 {
		return g.chain([]part{c}, with)
	}
	var all []part
	var groups [][]part
	for _, group := range between.Split(s, 12) {
		var parts []part
		for _, p := range comma.Split(group, 12) {
			if Fold(p) != "" {
				parts = append(parts, g.parts(lead.ReplaceAllString(p, ""))...)
			}
		}
		all = append(all, parts...)
		groups = append(groups, parts)
	}
	if a, ok := g.chain(all, with); ok {
		return a, true
	}
	return g.first(groups, with)
}

// first takes the first of several places that contradict each other.
func (g *Gazetteer) first(groups [][]part, with []place) (answer, bool) {
	var found []answer
	for _, parts := range groups {
		if a, ok := g.chain(parts, with); ok {
			found = append(found, a)
			continue
		}
		if a, ok := g.rooted(parts, with); ok {
			found = append(found, a)
			continue
		}
		for _, p := range parts {
			if a, ok := g.chain([]part{p}, with); ok {
				found = append(found, a)
			}
		}
	}
	if len(found) == 0 {
		return answer{}, false
	}
	a, factor := found[0], sameLand
	if len(found) == 1 {
		factor = 1
	}
	for _, other := range found[1:] {
		if other.country != a.country {
			factor = manyLand
		}
	}
	a.confidence *= factor
	return a, true
}

// takeFlags takes flag emoji out of s and returns their countries.
func takeFlags(s string) (string, []string) {
	var flags []string
	var b strings.Builder
	r := []rune(s)
	for i := 0; i < len(r); i++ {
		if i+1 < len(r) && indicator(r[i]) && indicator(r[i+1]) {
			code := string([]rune{r[i] - 0x1F1E6 + 'A', r[i+1] - 0x1F1E6 + 'A'})
			if reg, err := language.ParseRegion(code); err == nil && reg.IsCountry() {
				flags = append(flags, code)
			}
			b.WriteByte(' ')
			i++
			continue
		}
		if r[i] == 0x1F3F4 && i+5 < len(r) && r[i+1] == 0xE0067 && r[i+2] == 0xE0062 { // England, Scotland and Wales
			flags = append(flags, "GB")
		}
		if unicode.Is(unicode.So, r[i]) || r[i] >= 0xE0000 {
			b.WriteByte('|') // an emoji parts places as well as a bar
			continue
		}
		b.WriteRune(r[i])
	}
	return b.String(), flags
}

func indicator(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }
