package text

import (
	"sort"
	"strings"
	"unicode/utf8"

	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
)

// role says what a pattern does in a caption.
type role int

const (
	isTerm   role = iota
	isIgnore      // swallows what it holds
	isNegate
	isDeny // turns down the brand before it
)

// entry is one meaning of a pattern; a pattern may have several ("denim").
type entry struct {
	role      role
	kind      string
	term      *term
	lang      string
	before    bool
	ambiguous bool
	emoji     bool
}

// matcher finds every pattern in one pass.
type matcher struct {
	automaton ahocorasick.AhoCorasick
	patterns  []string
	entries   [][]entry
	shorter   [][]int // patterns that begin the same and are shorter, longest first
}

func newMatcher(byPattern map[string][]entry) *matcher {
	m := &matcher{}
	for p := range byPattern {
		m.patterns = append(m.patterns, p)
	}
	sort.Strings(m.patterns) // a pattern's prefixes come before it
	index := map[string]int{}
	for i, p := range m.patterns {
		index[p] = i
		m.entries = append(m.entries, byPattern[p])
		var shorter []int
		for cut := len(p) - 1; cut > 0; cut-- {
			if j, ok := index[p[:cut]]; ok {
				shorter = append(shorter, j)
			}
		}
		m.shorter = append(m.shorter, shorter)
	}
	builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{MatchKind: ahocorasick.LeftMostLongestMatch})
	m.automaton = builder.Build(m.patterns)
	return m
}

// hit is a pattern at a place in folded text.
type hit struct {
	from, to int
	entries  []entry
}

func (h hit) role() role { return h.entries[0].role }

func (h hit) is(what role) bool { return len(h.entries) > 0 && h.entries[0].role == what }

// find returns the hits in folded text: leftmost, longest, on word boundaries,
// not overlapping.
func (m *matcher) find(folded string) []hit {
	var hits []hit
	end := 0
	for iter := m.automaton.Iter(folded); ; {
		match := iter.Next()
		if match == nil {
			return hits
		}
		if match.Start() < end { // the iterator goes on one byte behind each start
			continue
		}
		for _, p := range append([]int{match.Pattern()}, m.shorter[match.Pattern()]...) {
			from, to := match.Start(), match.Start()+len(m.patterns[p])
			if bounded(folded, from, to) {
				hits = append(hits, hit{from, to, m.entries[p]})
				end = to
				break
			}
		}
	}
}

// bounded reports whether no word goes on across the ends of folded[from:to].
func bounded(folded string, from, to int) bool {
	first, _ := utf8.DecodeRuneInString(folded[from:])
	last, _ := utf8.DecodeLastRuneInString(folded[:to])
	before, _ := utf8.DecodeLastRuneInString(folded[:from])
	after, _ := utf8.DecodeRuneInString(folded[to:])
	return !(from > 0 && wordRune(first) && wordRune(before)) && !(to < len(folded) && wordRune(last) && wordRune(after))
}

// gap describes the text between two hits.
type gap struct {
	words, han int  // words of separated scripts, and Han characters
	clause     bool // a clause ends in it
	chain      bool // nothing but a comma or a word such as "or"
}

func (m *matcher) gap(between string, chain map[string]bool) gap {
	g := gap{clause: strings.ContainsAny(between, ".,;:!?\n。，、！？；：…|()")}
	for _, w := range strings.FieldsFunc(between, func(r rune) bool { return !wordRune(r) && !isHan(r) && r != '\'' }) {
		for _, r := range w {
			if isHan(r) {
				g.han++
			}
		}
		if r, _ := utf8.DecodeRuneInString(w); !isHan(r) {
			g.words++
		}
	}
	g.chain = chain[strings.Trim(between, " ,、，")]
	return g
}
