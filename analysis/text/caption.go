package text

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"weft/analysis/taxonomy"
	"weft/models"
)

// CaptionVersion names the code of the caption model. Raise it with any change
// that alters results: they are kept for ever under the version they had.
const CaptionVersion = "2"

// Attributes that captions yield. Category is the coarse class of a garment,
// the one that image models tell apart.
const (
	AttrBrand    = "brand"
	AttrGarment  = "garment"
	AttrCategory = "category"
	AttrMaterial = "material"
	AttrStyle    = "style"
	AttrOccasion = "occasion"
	AttrColor    = "color"
)

// Confidences by kind of evidence. They are set by judgement: no labelled
// captions can be had. What is seen in two kinds of places gets a little more,
// what is also denied in the same caption a good deal less.
const (
	ConfidenceMention  = 0.90 // @gucci
	ConfidenceText     = 0.85 // a word of the caption
	ConfidenceHashtag  = 0.80 // #gucci
	ConfidenceSplit    = 0.65 // #gucciootd, taken apart whole
	ConfidencePartial  = 0.50 // #guccixyz: a long brand name and something unknown
	ConfidenceEmoji    = 0.45 // 👗, which may be mere decoration
	ConfidenceLanguage = 0.40 // a word that means this in one language only, in a caption of unknown language
	ConfidenceCommon   = 0.35 // a brand that is also a common word, written like one: gap
	ConfidenceCapital  = 0.70 // the same with a capital inside a sentence: my Gap jeans
	ConfidenceLoose    = 0.55 // a colour with no garment beside it: red lips
	most               = 0.95
	agreement          = 0.05 // for a second kind of place
	doubt              = 0.6  // factor, for what is denied elsewhere in the caption
	spam               = 0.5  // factor, for more than four brands in hashtags
)

// Caption is the caption model. It is safe for concurrent use.
type Caption struct {
	lexicon  *lexicon
	matcher  *matcher
	splitter *splitter
	fold     folder
	chain    map[string]bool
}

// NewCaption builds the model from the lexicons in the program. It takes some
// milliseconds: make one and keep it.
func NewCaption(colors *taxonomy.Colors) (*Caption, error) {
	sub, err := fs.Sub(lexicons, "lexicons/v1")
	if err != nil {
		return nil, fmt.Errorf("read lexicons: %w", err)
	}
	return newCaption(sub, colors)
}

func newCaption(fsys fs.FS, colors *taxonomy.Colors) (*Caption, error) {
	l, err := loadLexicon(fsys)
	if err != nil {
		return nil, err
	}
	c := &Caption{lexicon: l, fold: newFolder(), chain: map[string]bool{"": true}}
	for _, w := range l.words.Chain {
		c.chain[c.fold.fold(w)] = true
	}
	byPattern := map[string][]entry{}
	add := func(pattern string, e entry) {
		for _, old := range byPattern[pattern] {
			if old.role != e.role || old.term == e.term {
				return // an ignored phrase or a negation stays that
			}
		}
		byPattern[pattern] = append(byPattern[pattern], e)
	}
	for _, w := range l.words.Ignore {
		add(c.fold.fold(w), entry{role: isIgnore})
	}
	for _, w := range l.words.Negate {
		add(c.fold.fold(w), entry{role: isNegate})
	}
	for _, w := range l.words.After {
		add(c.fold.fold(w), entry{role: isDeny})
	}
	for _, f := range l.files {
		for i := range f.Terms {
			t := &f.Terms[i]
			if f.Kind == AttrColor && !slices.Contains(colors.Names(), t.Value) {
				return nil, fmt.Errorf("read lexicons: %q is no colour of the taxonomy", t.Value)
			}
			for _, form := range t.forms() {
				for _, v := range form.variants(c.fold, f.Plurals) {
					add(v, entry{kind: f.Kind, term: t, lang: form.lang, before: form.before, emoji: form.emoji, ambiguous: t.Ambiguous && form.latin})
				}
			}
		}
	}
	c.matcher, c.splitter = newMatcher(byPattern), newSplitter(byPattern, l.words.Fillers, c.fold)
	return c, nil
}

// Hash identifies the lexicons' content.
func (c *Caption) Hash() string { return c.lexicon.hash }

// Values returns the values that an attribute can have, in the lexicon's order.
func (c *Caption) Values(attribute string) []string {
	var values []string
	for _, f := range c.lexicon.files {
		for _, t := range f.Terms {
			switch {
			case f.Kind == attribute:
				values = append(values, t.Value)
			case f.Kind == AttrGarment && attribute == AttrCategory && !slices.Contains(values, t.Category):
				values = append(values, t.Category)
			}
		}
	}
	return values
}

// Analyze finds what a caption says is worn.
func (c *Caption) Analyze(caption string) []models.Attribute {
	s := clean(caption)
	tags := findTags(s)
	r := &reading{Caption: c, fold: newFolder(), lang: Language(caption), original: s, seen: map[key]*evidence{}}
	r.folded, r.at = r.fold.foldMapped(mask(s, tags))
	r.hits = c.matcher.find(r.folded)
	if r.lang == "" {
		r.lang = r.vote()
	}
	r.readText()
	r.readMentions()
	for _, t := range tags {
		r.readTag(t)
	}
	return r.attributes()
}

// vote guesses the language from terms that are written so in one only.
func (r *reading) vote() string {
	votes := map[string]int{}
	for _, h := range r.hits {
		for _, e := range h.entries {
			if e.role != isTerm || e.emoji {
				continue
			}
			if lang := e.term.onlyIn(r.fold, r.folded[h.from:h.to]); lang != "" {
				votes[lang]++
			}
		}
	}
	best, tie := "", false
	for _, lang := range []string{"en", "fr", "es"} {
		switch {
		case votes[lang] > votes[best]:
			best, tie = lang, false
		case best != "" && votes[lang] == votes[best]:
			tie = true
		}
	}
	if tie {
		return ""
	}
	return best
}

// onlyIn is the one language in which the term is written like word, "" where
// there are more.
func (t *term) onlyIn(f folder, word string) string {
	if hasForm(f, t.Any, word) {
		return ""
	}
	only := ""
	for lang, forms := range map[string][]string{"en": t.EN, "fr": t.FR, "es": t.ES} {
		if hasForm(f, forms, word) {
			if only != "" {
				return ""
			}
			only = lang
		}
	}
	return only
}

func hasForm(f folder, forms []string, word string) bool {
	return slices.ContainsFunc(forms, func(form string) bool { return f.fold(form) == word })
}

// sentenceStart reports whether nothing but spaces stands between from and the
// end of a sentence before it.
func sentenceStart(s string, from int) bool {
	before := strings.TrimRightFunc(s[:from], func(r rune) bool { return unicode.IsSpace(r) && r != '\n' })
	return before == "" || strings.ContainsAny(before[len(before)-1:], ".!?:\n")
}
