package profile

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"weft/models"
)

// Word is one word of the language of `when`.
type Word struct {
	Name string `json:"name"`
	Use  string `json:"use"` // how it is written
	Doc  string `json:"doc"`
}

// Vocabulary returns the words that `when` and `--where` may use, beside the
// operators of expr-lang. It has no clock and no randomness, so a condition
// says the same of the same post for ever.
func Vocabulary() []Word {
	return []Word{
		{"confidence", `confidence("color")`, "how sure the models are, 0 to 1: the lowest over the post's usable images of the highest in each; 0 if nothing was found, 1 if a person answered"},
		{"has", `has("color")`, "whether there is any value"},
		{"value", `value("color")`, `the most confident value, or ""`},
		{"values", `values("color")`, "all values, the most confident first"},
		{"labeled", `labeled("color")`, "whether a person answered, if only that there is none"},
		{"images", "images > 0", "number of usable images"},
		{"source", `source == "instagram"`, "the network"},
		{"language", `language == "fr"`, `BCP 47, or ""`},
		{"country", `country == "FR"`, `of the author, ISO 3166-1, or ""`},
		{"text", `text contains "silk"`, "the caption"},
		{"hashtags", `"luxury" in hashtags`, "without the sign, lower-cased"},
		{"followers", "followers >= 10000", "of the author"},
		{"likes", "likes > 100", "0 if unknown"},
		{"comments", "comments > 10", "0 if unknown"},
	}
}

// safeBuiltins are the only functions of expr-lang that are left on: all are
// pure, and cost no more than a pass over what they are given.
func safeBuiltins() []string {
	return []string{"all", "any", "none", "one", "count", "filter", "len", "lower", "upper"}
}

// askers are the functions that take the name of an attribute.
func askers() []string { return []string{"confidence", "has", "value", "values", "labeled"} }

// facts is what an expression sees of a post. Expr binds words to its fields.
type facts struct {
	Confidence func(string) float64  `expr:"confidence"`
	Has        func(string) bool     `expr:"has"`
	Value      func(string) string   `expr:"value"`
	Values     func(string) []string `expr:"values"`
	Labeled    func(string) bool     `expr:"labeled"`
	Images     int                   `expr:"images"`
	Source     string                `expr:"source"`
	Language   string                `expr:"language"`
	Country    string                `expr:"country"`
	Text       string                `expr:"text"`
	Hashtags   []string              `expr:"hashtags"`
	Followers  int                   `expr:"followers"`
	Likes      int                   `expr:"likes"`
	Comments   int                   `expr:"comments"`
}

// mention is a word as an expression uses it: confidence("color"), or images.
type mention struct{ word, attribute string }

// trace is what the functions answered during one evaluation.
type trace map[mention]any

// newFacts reads post and run; calls are written down in t.
func newFacts(post *models.Post, run *models.Run, t trace) facts {
	images := post.Images()
	l := look{labels: post.Labels}
	if run != nil {
		l.found = run.Attributes
	}
	l.found = models.Effective(l.found, post.Labels)
	for _, m := range images {
		l.images = append(l.images, m.SHA256)
	}
	return facts{
		Confidence: traced(t, "confidence", l.confidence),
		Has:        traced(t, "has", l.has),
		Value:      traced(t, "value", l.value),
		Values:     traced(t, "values", l.values),
		Labeled:    traced(t, "labeled", l.labeled),
		Images:     len(images), Source: post.Source, Language: post.Language, Country: post.Author.Location.Country,
		Text: post.Text, Hashtags: post.Hashtags, Followers: int(post.Author.Followers),
		Likes: known(post.Counts.Likes), Comments: known(post.Counts.Comments),
	}
}

func traced[T any](t trace, word string, f func(string) T) func(string) T {
	return func(attribute string) T {
		v := f(attribute)
		t[mention{word, attribute}] = v
		return v
	}
}

func known(n *int64) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

// variable returns what a word without an argument stands for.
func (f facts) variable(word string) any {
	return map[string]any{
		"images": f.Images, "source": f.Source, "language": f.Language, "country": f.Country, "text": f.Text,
		"hashtags": f.Hashtags, "followers": f.Followers, "likes": f.Likes, "comments": f.Comments,
	}[word]
}

// look answers questions about attributes.
type look struct {
	found  []models.Attribute
	labels []models.Label
	images []string // SHA-256 of the usable ones
}

func (l look) labeled(name string) bool {
	return slices.ContainsFunc(l.labels, func(x models.Label) bool { return x.Attribute == name })
}

func (l look) has(name string) bool {
	return slices.ContainsFunc(l.found, func(a models.Attribute) bool { return a.Name == name })
}

// confidence is the lowest over the images of the highest in each. What holds
// for the post counts in every image. A person's answer is certain, and so is
// the answer that there is none: else it would be doubted, and asked for, again.
func (l look) confidence(name string) float64 {
	if l.labeled(name) {
		return 1
	}
	whole, each := 0.0, map[string]float64{}
	for _, a := range l.found {
		c := a.Confidence
		switch {
		case a.Name != name || math.IsNaN(c):
		case a.Image == "":
			whole = max(whole, c)
		default:
			each[a.Image] = max(each[a.Image], c)
		}
	}
	if len(l.images) == 0 {
		return whole
	}
	lowest := math.Inf(1)
	for _, image := range l.images {
		lowest = min(lowest, max(whole, each[image]))
	}
	return lowest
}

func (l look) value(name string) string {
	if v := l.values(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// values are distinct, the most confident first, ties by the alphabet.
func (l look) values(name string) []string {
	best := map[string]float64{}
	for _, a := range l.found {
		if a.Name == name {
			best[a.Value] = max(best[a.Value], a.Confidence)
		}
	}
	out := make([]string, 0, len(best))
	for v := range best {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(best[b], best[a]), cmp.Compare(a, b))
	})
	return out
}

// shown writes what a word came to, as people read it.
func (m mention) shown(v any) string {
	switch m.word {
	case "confidence":
		sure, _ := v.(float64) // nothing else can come of the word
		return m.attribute + " " + decimal(sure, 2)
	case "has":
		if v == true {
			return "has " + m.attribute
		}
		return "no " + m.attribute
	case "labeled":
		if v == true {
			return m.attribute + " labeled"
		}
		return m.attribute + " not labeled"
	case "value", "values":
		return m.attribute + " " + brief(v)
	default:
		return m.word + " " + brief(v)
	}
}

// brief shows a value in a few words; a caption would drown the reason.
func brief(v any) string {
	const most = 24
	switch v := v.(type) {
	case string:
		if r := []rune(v); len(r) > most {
			v = string(r[:most]) + "…"
		}
		return fmt.Sprintf("%q", v)
	case []string:
		shown := []string{}
		for _, s := range v[:min(len(v), 5)] {
			shown = append(shown, brief(s))
		}
		if len(v) > 5 {
			shown = append(shown, fmt.Sprintf("and %d more", len(v)-5))
		}
		return "[" + strings.Join(shown, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}
