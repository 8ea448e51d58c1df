package gazetteer

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// part is a piece of text with the places it may be.
type part struct {
	places []place
	alone  []place // what a code is when nothing else is said: "LA" is Los Angeles, behind New Orleans it is Louisiana
	code   bool    // two or three letters: "CA" may be California, Canada or nothing
	vague  bool    // a place's name that alone says something else: "Paradise"
	silent bool    // says nothing, but is expected beside places: a district
}

// parts reads a piece between commas. If the whole is no name, it may be two
// that belong together: "London UK", "上海 黄浦区", "广东广州".
func (g *Gazetteer) parts(s string) []part {
	whole := g.part(s)
	if len(whole.places) > 0 {
		return []part{whole}
	}
	for _, cut := range cuts(s) {
		left, right := g.part(s[:cut]), g.part(s[cut:])
		if len(left.places) > 0 && len(right.places) > 0 && within(left.places, right.places) {
			return []part{left, right}
		}
		if right.silent && len(left.places) > 0 {
			return append(g.parts(s[:cut]), right)
		}
	}
	if left, _, ok := strings.Cut(strings.TrimSpace(s), " "); ok && han(s) {
		// In Chinese the bigger place comes first, and what follows lies in it,
		// whether it is in the table or not: "辽宁 丹东".
		if l := g.part(left); slices.ContainsFunc(l.places, func(p place) bool { return p.level != city }) {
			return []part{l, {silent: true}}
		}
	}
	return []part{whole}
}

// han reports whether s is Chinese characters and spaces only.
func han(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.Is(unicode.Han, r) && !unicode.IsSpace(r) })
}

// cuts are the places where s may be two names: at spaces from the right, and
// in Chinese anywhere, the longest first name first.
func cuts(s string) []int {
	var at []int
	anywhere := han(s)
	for i, r := range s {
		if i > 0 && (unicode.IsSpace(r) || anywhere && utf8.RuneCountInString(s[:i]) >= 2) {
			at = append([]int{i}, at...)
		}
	}
	return at[:min(len(at), 12)]
}

// within reports whether one of a lies in one of b, or the other way round.
func within(a, b []place) bool {
	for _, p := range a {
		for _, q := range b {
			if p.level != q.level && compatible(p, q) {
				return true
			}
		}
	}
	return false
}

var (
	district = regexp.MustCompile(`[\p{Han}](?:区|區|县|縣|旗|镇|街道|新区)$`)
	suffix   = regexp.MustCompile(`(?:市|省|区|區|縣|县|都|府|県|特别行政区|自治区|自治州|地区|시|도|특별시|광역시)$`)
	extra    = regexp.MustCompile(`^(?:the|greater|downtown|metro|central) | (?:city|area|metro area|metropolitan area|proper)$`)
	letters  = regexp.MustCompile(`^[A-Z]{2,3}$`)
)

// part looks a piece up.
func (g *Gazetteer) part(s string) part {
	s = strings.Trim(s, " \u00a0\u3000.!?#@*\"'“”:-_")
	folded := Fold(s)
	if folded == "" || isNothing(folded) && !letters.MatchString(s) {
		return part{}
	}
	var found []place
	if !isNothing(folded) { // "IL" is Illinois behind Springfield
		found = g.table.find(folded)
	}
	for _, shorter := range []*regexp.Regexp{suffix, extra} {
		if rest := shorter.ReplaceAllString(folded, ""); len(found) == 0 && rest != folded && utf8.RuneCountInString(rest) > 1 {
			found = g.table.find(rest)
		}
	}
	if rest, ok := strings.CutPrefix(folded, "中国"); ok && len(found) == 0 {
		found = g.table.find(strings.TrimSpace(rest))
	}
	if code := strings.ReplaceAll(s, ".", ""); letters.MatchString(code) {
		return part{places: append(slices.Clone(found), g.codes(code)...), alone: found, code: true}
	}
	if len(found) > 0 {
		return part{places: found, vague: isVague(folded)}
	}
	return part{silent: district.MatchString(folded)}
}

// codes reads a country's letters and those of the regions whose people write
// them: of the United States, Canada, Australia and Brazil.
func (g *Gazetteer) codes(code string) []place {
	var found []place
	for _, in := range []string{"us", "ca", "au", "br"} {
		found = append(found, g.table.find("@"+in+" "+strings.ToLower(code))...)
	}
	if r, err := language.ParseRegion(code); err == nil && r.IsCountry() {
		found = append(found, g.table.find("@"+strings.ToLower(r.String()))...)
	}
	return found
}

// isNothing reports whether a word says nothing of a place, though some place
// has it for a name.
func isNothing(folded string) bool {
	switch folded {
	case "she", "her", "hers", "he", "him", "his", "they", "them", "theirs", "it", "its", "any", "all", "ask",
		"elle", "elles", "il", "ils", "lui", "ella", "ellas", "ellos", "sie", "ihr", "он", "она", "они", "оно",
		"earth", "world", "the world", "planet earth", "mars", "moon", "the moon", "internet", "the internet", "online", "worldwide",
		"global", "everywhere", "nowhere", "anywhere", "somewhere", "here", "there", "home", "heaven", "hell", "space", "universe",
		"africa", "asia", "europe", "europa", "antarctica", "oceania", "latin america",
		"其他", "其它", "海外", "未知", "不限", "地球", "火星", "世界", "宇宙", "亚洲", "欧洲":
		return true
	}
	return false
}

// isVague reports whether a city's name, alone, is more often a wish.
func isVague(folded string) bool {
	switch folded {
	case "paradise", "eden", "hope", "independence", "surprise", "enterprise", "liberty", "love", "mobile", "reading", "split",
		"most", "bar", "man", "date", "same", "best", "orange", "sandy", "buy", "bliss", "nirvana", "wonderland", "utopia",
		"university", "beach", "sunrise", "sunset", "male", "gay", "cork", "of", "summit", "commerce", "industry", "nature", "born",
		"golden", "hollywood", "rome town", "kissing", "mecca", "central", "normal", "corona", "fantasy", "dream", "angel", "king":
		return true
	}
	return false
}
