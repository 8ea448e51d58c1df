package text

import (
	"math"
	"slices"
	"strings"
)

// splitter takes run-together hashtags apart: #streetstyleootd.
type splitter struct {
	exact   map[string][]entry // terms, ignored phrases and negations in compact form
	fillers map[string]bool
	longest int
	deniers []string // compact words that turn down a brand before them
}

func newSplitter(byPattern map[string][]entry, fillers []string, fold folder) *splitter {
	s := &splitter{exact: map[string][]entry{}, fillers: map[string]bool{}}
	for p, entries := range byPattern {
		c := compact(p)
		s.exact[c] = append(s.exact[c], entries...)
		s.longest = max(s.longest, len(c))
		if entries[0].role == isDeny {
			s.deniers = append(s.deniers, c)
		}
	}
	for _, f := range fillers {
		s.fillers[compact(fold.fold(f))] = true
	}
	return s
}

// part is a piece of a hashtag; entries are empty for a filler.
type part struct {
	text    string
	entries []entry
}

// split covers all of a compact tag with terms, negations and fillers, in as
// few pieces as it can, and returns nil where letters would be left over:
// otherwise #hatersgonnahate would be a hat.
func (s *splitter) split(tag string) []part {
	const longestTag = 80 // bytes; the work grows with length times the longest form
	if len(tag) > longestTag {
		return nil
	}
	cost := make([]int, len(tag)+1)
	from := make([]int, len(tag)+1)
	for end := 1; end <= len(tag); end++ {
		cost[end] = math.MaxInt32
		for start := max(0, end-s.longest); start < end; start++ {
			if cost[start] == math.MaxInt32 || !s.known(tag[start:end]) {
				continue
			}
			// Of two ways with as few pieces, the one with the longer last piece came first.
			if c := cost[start] + 1; c < cost[end] {
				cost[end], from[end] = c, start
			}
		}
	}
	if cost[len(tag)] == math.MaxInt32 {
		return nil
	}
	var parts []part
	for end := len(tag); end > 0; end = from[end] {
		word := tag[from[end]:end]
		parts = append([]part{{word, s.exact[word]}}, parts...)
	}
	return parts
}

// known reports whether word may be a piece. Terms of one or two letters are
// only noise there.
func (s *splitter) known(word string) bool {
	if s.fillers[word] {
		return true
	}
	entries := s.exact[word]
	return len(entries) > 0 && (len(word) >= 3 || entries[0].role == isNegate)
}

// brandAtEnd finds an unmistakable brand at the start or end of a tag that
// can't be split: #guccixyz.
func (s *splitter) brandAtEnd(tag string) []entry {
	if s.turnsDown(tag) {
		return nil
	}
	const shortest = 5
	for size := min(len(tag)-1, s.longest); size >= shortest; size-- {
		for _, word := range []string{tag[:size], tag[len(tag)-size:]} {
			for _, e := range s.exact[word] {
				if e.role == isTerm && e.kind == AttrBrand && !e.ambiguous {
					return []entry{e}
				}
			}
		}
	}
	return nil
}

// turnsDown reports whether a word that turns brands down is anywhere in a tag.
func (s *splitter) turnsDown(tag string) bool {
	if strings.HasPrefix(tag, "no") {
		return true
	}
	return slices.ContainsFunc(s.deniers, func(word string) bool { return strings.Contains(tag, word) })
}
