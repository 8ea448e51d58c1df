package text

import (
	"math"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"weft/models"
)

// key is what an attribute says.
type key struct{ name, value string }

// place is a kind of evidence within a caption.
type place int

const (
	inText place = iota
	inMention
	inHashtag
	inSplit
	inEmoji
)

// evidence collects what speaks for a key.
type evidence struct {
	best     float64
	places   map[place]bool
	tagsOnly bool
	denied   bool
}

// reading is one caption being read.
type reading struct {
	*Caption
	fold     folder // its own: a case folder is not to be shared between goroutines
	lang     string
	original string // cleaned
	folded   string // with hashtags blanked out
	at       []int  // where each folded byte came from
	hits     []hit
	seen     map[key]*evidence
}

// readText goes through the caption's words from left to right and carries
// negations along.
func (r *reading) readText() {
	denied := r.denials(r.folded, r.hits)
	for i, h := range r.hits {
		if h.role() != isTerm {
			continue
		}
		for _, e := range h.entries {
			if conf, ok := r.textConfidence(i, e); ok {
				where := inText
				switch {
				case e.emoji:
					where = inEmoji
				case r.mentioned(h):
					where = inMention
				}
				r.note(e, conf, where, denied[i])
			}
		}
	}
}

// denials says for each hit whether it is turned down: by a negation close
// before it, or by going on from a term that is.
func (r *reading) denials(folded string, hits []hit) []bool {
	denied := make([]bool, len(hits))
	for i := 1; i < len(hits); i++ {
		before := hits[i-1]
		g := r.matcher.gap(folded[before.to:hits[i].from], r.chain)
		switch {
		case before.role() == isNegate:
			denied[i] = reaches(folded[before.from:before.to], g)
		case denied[i-1]:
			// "no silk dress", "no Gucci or Prada"; a comma alone ends it.
			denied[i] = !g.clause && g.chain && before.role() == isTerm
		}
	}
	r.denyBackwards(folded, hits, denied)
	return denied
}

// denyBackwards lets "dupe" and "for exposure" turn down the brand before them,
// and the brands that it is listed with.
func (r *reading) denyBackwards(folded string, hits []hit, denied []bool) {
	for i := 1; i < len(hits); i++ {
		if hits[i].role() != isDeny {
			continue
		}
		asked := strings.Contains(folded[hits[i-1].to:hits[i].from], "?") // thrifted? nope
		for j := i - 1; j >= 0 && hits[j].role() == isTerm && (asked || isKind(hits[j], AttrBrand)); j-- {
			g := r.matcher.gap(folded[hits[j].to:hits[j+1].from], r.chain)
			if !g.chain && (g.clause || g.words+g.han > 1) && !(asked && j == i-1) {
				break
			}
			denied[j] = true
		}
	}
}

// reaches reports whether a negation holds across a gap. A single Chinese
// character does so for its neighbour alone: 无袖连衣裙 is a dress.
func reaches(negation string, g gap) bool {
	first, size := utf8.DecodeRuneInString(negation)
	if isHan(first) && size == len(negation) {
		return g.words == 0 && g.han == 0 && !g.clause
	}
	return !g.clause && g.words <= 2 && g.han <= 2
}

// textConfidence weighs a term among the caption's words. It is false for a
// form that doesn't count here at all.
func (r *reading) textConfidence(i int, e entry) (float64, bool) {
	h := r.hits[i]
	switch {
	case e.lang != "" && r.lang != "" && e.lang != r.lang:
		return 0, false
	case e.before && !r.garmentAt(i+1, h.to):
		return 0, false
	case r.mentioned(h):
		return ConfidenceMention, true
	case e.emoji:
		return ConfidenceEmoji, true
	case e.ambiguous:
		return r.commonWord(h), true
	case e.lang != "" && r.lang == "":
		return ConfidenceLanguage, true
	case e.kind == AttrColor && !r.besideGarment(i):
		return ConfidenceLoose, true
	default:
		return ConfidenceText, true
	}
}

// mentioned reports whether the hit is all of an @mention.
func (r *reading) mentioned(h hit) bool { return h.from > 0 && r.folded[h.from-1] == '@' }

// commonWord weighs a brand that is also a word: a capital within a sentence
// speaks for the brand.
func (r *reading) commonWord(h hit) float64 {
	from := r.at[h.from]
	first, _ := utf8.DecodeRuneInString(r.original[from:])
	if unicode.IsUpper(first) && !sentenceStart(r.original, from) {
		return ConfidenceCapital
	}
	return ConfidenceCommon
}

// garmentAt reports whether hit i begins at from and is a garment, or what one
// is made of: 白真丝裙子.
func (r *reading) garmentAt(i, from int) bool {
	return i < len(r.hits) && r.hits[i].from == from && (isGarment(r.hits[i]) || isKind(r.hits[i], AttrMaterial))
}

// besideGarment reports whether a garment stands close to hit i, before or
// after it, with nothing but terms and at most two other words between.
func (r *reading) besideGarment(i int) bool {
	near := func(step int) bool {
		for j, words := i, 0; j+step >= 0 && j+step < len(r.hits); j += step {
			a, b := r.hits[min(j, j+step)], r.hits[max(j, j+step)]
			g := r.matcher.gap(r.folded[a.to:b.from], r.chain)
			if words += g.words + g.han; g.clause || words > 2 {
				return false
			}
			if isGarment(r.hits[j+step]) {
				return true
			}
		}
		return false
	}
	return near(1) || near(-1)
}

func isGarment(h hit) bool { return isKind(h, AttrGarment) }

func isKind(h hit, kind string) bool {
	return slices.ContainsFunc(h.entries, func(e entry) bool { return e.role == isTerm && e.kind == kind })
}

// readTag reads one hashtag: as a term, as Chinese text, or taken apart.
func (r *reading) readTag(t span) {
	folded := r.fold.fold(t.tag)
	tag := compact(folded)
	denied := r.deniedBefore(t.from)
	if entries := r.splitter.exact[tag]; len(entries) > 0 {
		r.noteTag(entries, ConfidenceHashtag, inHashtag, denied)
		return
	}
	if strings.ContainsFunc(tag, isHan) {
		hits := r.matcher.find(folded)
		turned := r.denials(folded, hits)
		for i, h := range hits {
			r.noteTag(h.entries, ConfidenceSplit, inSplit, denied || turned[i])
		}
		return
	}
	parts := r.splitter.split(tag)
	if parts == nil {
		r.noteTag(r.splitter.brandAtEnd(tag), ConfidencePartial, inSplit, denied)
		return
	}
	denied = denied || slices.ContainsFunc(parts, func(p part) bool { return hit{entries: p.entries}.is(isDeny) })
	garment := slices.ContainsFunc(parts, func(p part) bool { return isGarment(hit{entries: p.entries}) })
	for _, p := range parts {
		if len(p.entries) > 0 && p.entries[0].role == isNegate {
			denied = true
			continue
		}
		conf := ConfidenceSplit
		if !garment && slices.ContainsFunc(p.entries, func(e entry) bool { return e.kind == AttrColor }) {
			conf = ConfidencePartial - 0.05 // #blackgirlstyle
		}
		r.noteTag(p.entries, conf, inSplit, denied)
	}
}

// handle is a mention. Networks let it have points, which names don't.
var handle = regexp.MustCompile(`@[\w.]+`)

// readMentions takes handles that are a brand's name without its spaces and
// signs: @louisvuitton, @drmartens_official.
func (r *reading) readMentions() {
	for _, at := range handle.FindAllStringIndex(r.folded, -1) {
		name := strings.TrimSuffix(compact(r.folded[at[0]:at[1]]), "official")
		for _, e := range r.splitter.exact[name] {
			if e.role == isTerm && e.kind == AttrBrand {
				r.note(e, ConfidenceMention, inMention, r.deniedBefore(r.at[at[0]]))
			}
		}
	}
}

// deniedBefore reports whether the caption's words turn down the hashtag at
// byte from: "no #gucci".
func (r *reading) deniedBefore(from int) bool {
	for _, h := range slices.Backward(r.hits) {
		if r.at[h.to] > from {
			continue
		}
		if h.role() != isNegate {
			return false
		}
		end := sort.SearchInts(r.at, from)
		return reaches(r.folded[h.from:h.to], r.matcher.gap(r.folded[h.to:end], r.chain))
	}
	return false
}

func (r *reading) noteTag(entries []entry, conf float64, where place, denied bool) {
	for _, e := range entries {
		switch {
		case e.role != isTerm, e.before, e.lang != "" && r.lang != "" && e.lang != r.lang:
		case e.ambiguous:
			r.note(e, conf*0.75, where, denied)
		case e.lang != "" && r.lang == "":
			r.note(e, ConfidenceLanguage, where, denied)
		case e.kind == AttrColor && where == inHashtag:
			r.note(e, ConfidenceLoose, where, denied)
		default:
			r.note(e, conf, where, denied)
		}
	}
}

// note records a term and what it implies.
func (r *reading) note(e entry, conf float64, where place, denied bool) {
	r.add(key{e.kind, e.term.Value}, conf, where, denied)
	if e.term.Category != "" {
		r.add(key{AttrCategory, e.term.Category}, conf, where, denied)
	}
	for name, value := range e.term.Also {
		if !denied { // "no leather jacket" says nothing of leather
			r.add(key{name, value}, conf*0.9, where, false)
		}
	}
}

func (r *reading) add(k key, conf float64, where place, denied bool) {
	e := r.seen[k]
	if e == nil {
		e = &evidence{places: map[place]bool{}, tagsOnly: true}
		r.seen[k] = e
	}
	if denied {
		e.denied = true
		return
	}
	e.best = max(e.best, conf)
	e.places[where] = true
	e.tagsOnly = e.tagsOnly && (where == inHashtag || where == inSplit)
}

// attributes weighs what was seen.
func (r *reading) attributes() []models.Attribute {
	tagged := 0
	for k, e := range r.seen {
		if k.name == AttrBrand && e.best > 0 && e.tagsOnly {
			tagged++
		}
	}
	var out []models.Attribute
	for k, e := range r.seen {
		if e.best == 0 {
			continue
		}
		conf := e.best
		if len(e.places) > 1 {
			conf += agreement
		}
		if e.denied {
			conf *= doubt
		}
		if k.name == AttrBrand && e.tagsOnly && tagged > 4 {
			conf *= spam
		}
		conf = math.Round(min(most, conf)*1000) / 1000
		out = append(out, models.Attribute{Name: k.name, Value: k.value, Confidence: conf, Evidence: models.FromText})
	}
	models.SortAttributes(out)
	return out
}
