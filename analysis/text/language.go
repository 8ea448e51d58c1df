package text

import (
	"slices"
	"strings"
	"unicode"
)

// Language guesses a caption's language: en, fr, es or zh, and "" when it can't
// tell. Captions are short and full of names, so it wants a reason: Han
// characters without kana, or stop words of one language more than of any
// other. Hashtags, mentions and links don't count.
func Language(caption string) string {
	s := clean(caption)
	tags := slices.DeleteFunc(findTags(s), func(t span) bool {
		return strings.ContainsFunc(t.tag, isHan) // Chinese tags are words of the language
	})
	s = mask(s, tags)
	han, other := 0, 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			return ""
		case isHan(r):
			han++
		case unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r):
			other++
		}
	}
	latin := strings.FieldsFunc(newFolder().fold(s), func(r rune) bool { return !unicode.Is(unicode.Latin, r) && r != '@' && r != '\'' })
	words := len(latin)
	switch {
	case han > 1 && han >= words:
		return "zh"
	case other > words:
		return ""
	default:
		return byStopWords(latin)
	}
}

// stopWords are frequent words that, accents folded, belong to one of the
// languages alone, or nearly.
func stopWords() map[string]string {
	return map[string]string{
		"en": "the and with my this for is was are you your it's i'm im its of that just from what how when love wearing today new these those have has got on at by but so it we our she he her his not no never without",
		"fr": "le les des une et avec mon ma mes pour dans ce cette ces est sont du aux sur pas ne je tu nous vous il elle qui que quoi tres plus aujourd hui jour mais ou sans au j'adore en ai suis portee porte c l d j la par moi c'est tout toute tous j'aime j'ai trop merci juste chez aussi encore bien depuis rien quelle quel",
		"es": "el los las una y con mi mis para este esta estos es son del en por que muy mas pero no yo tu hoy sin al lo se como me la de nada solo desde hace mientras ni llevo gracias siempre nuevo nueva",
	}
}

func byStopWords(words []string) string {
	scores := map[string]int{}
	for lang, list := range stopWords() {
		set := map[string]bool{}
		for w := range strings.FieldsSeq(list) {
			set[w] = true
		}
		for _, w := range words {
			if set[w] {
				scores[lang]++
			}
		}
	}
	best := ""
	for _, lang := range []string{"en", "fr", "es"} {
		if scores[lang] > scores[best] {
			best = lang
		}
	}
	for _, lang := range []string{"en", "fr", "es"} {
		if lang != best && scores[lang] == scores[best] {
			return ""
		}
	}
	return best
}
