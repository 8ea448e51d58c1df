package models

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what an answer to a question looks like.
type Kind string

// The kinds of questions.
const (
	KindSingle   Kind = "single"   // one value at most
	KindMultiple Kind = "multiple" // any number of values
	KindTree     Kind = "tree"     // values in groups
	KindText     Kind = "text"     // one's own words
	KindBox      Kind = "box"      // values, and where in the image they are
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{KindSingle, KindMultiple, KindTree, KindText, KindBox} }

// Group is a branch of a tree of values.
type Group struct {
	Name   string   `json:"name"`
	Values []string `json:"values" nullable:"false"` // its values, and names of groups below it
}

// Spot is where in an image somebody saw a value.
type Spot struct {
	Value string `json:"value" maxLength:"500"`
	Image string `json:"image" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the image's original, as the post's images tell it."`
	Box   Box    `json:"box" doc:"In fractions of the image's width and height, from its upper left corner, as its rendition is shown."`
}

const (
	// LongestText is how many characters a value in somebody's own words may have:
	// a paragraph. Search keeps values as one word each, and shows them in lists.
	LongestText = 500
	// MostBoxes is how many boxes an answer to one question may have: more is a
	// slip of the hand, or a picture that should be skipped.
	MostBoxes = 50
	// slack is by how much a box may reach beyond its image: what adding up
	// fractions costs.
	slack = 1e-6
)

var imageKey = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Form is the question's kind. Those that were asked before there were kinds
// say only whether they take one value.
func (q *Question) Form() Kind {
	switch {
	case q.Kind != "":
		return q.Kind
	case q.Single:
		return KindSingle
	default:
		return KindMultiple
	}
}

// One reports whether an answer has one value at most.
func (q *Question) One() bool { return q.Single || q.Kind == KindSingle || q.Kind == KindText }

// Open reports whether the answer is in somebody's own words.
func (q *Question) Open() bool { return q.Kind == KindText || len(q.Options) == 0 }

// Choices are the values that may be chosen; none of an open question. In a tree
// these are the leaves, and the groups where a part of the way is an answer.
func (q *Question) Choices() []string {
	if q.Open() || q.Kind != KindTree {
		return q.Options
	}
	var out []string
	for _, g := range q.Groups {
		if q.Partial {
			out = append(out, g.Name)
		}
	}
	for _, v := range q.Options {
		isGroup := slices.ContainsFunc(q.Groups, func(g Group) bool { return g.Name == v })
		if !isGroup {
			out = append(out, v)
		}
	}
	return out
}

// Misfit is one thing that is wrong with an answer.
type Misfit struct {
	Attribute string
	Unasked   bool   // Attribute is none that is asked for
	Boxes     bool   // it is in the boxes, not in the values
	At        int    // which value or box; -1: all of them
	Wrong     string // "pink" is no value of "color"
	Wanted    string // one of: red, navy
}

// Misfits says everything that is wrong with an answer to the item: what was not
// asked, is missing, or is no choice. A skipped item fits.
func (it *Item) Misfits(a Answer) []Misfit {
	if a.Skip != "" {
		return nil
	}
	var out []Misfit
	var names []string
	for i := range it.Questions {
		names = append(names, it.Questions[i].Attribute)
	}
	stranger := func(name string, boxes bool) {
		if !slices.Contains(names, name) {
			out = append(out, Misfit{
				Attribute: name, Unasked: true, Boxes: boxes, At: -1, Wrong: fmt.Sprintf("it does not ask for %q; it asks for: %s", name, strings.Join(names, ", ")),
				Wanted: "only what is asked for: " + strings.Join(names, ", "),
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Values)) {
		stranger(name, false)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Boxes)) {
		stranger(name, true)
	}
	for i := range it.Questions {
		out = append(out, it.Questions[i].misfits(a)...)
	}
	return out
}

// misfits is Misfits of one question.
func (q *Question) misfits(a Answer) []Misfit {
	values, given := a.Values[q.Attribute]
	if !given {
		return []Misfit{{
			Attribute: q.Attribute, At: -1, Wanted: "an answer, if need be an empty list",
			Wrong: fmt.Sprintf("it also asks for %q: answer it, if need be with nothing, or skip the item", q.Attribute),
		}}
	}
	var out []Misfit
	if q.One() && len(values) > 1 {
		out = append(out, Misfit{
			Attribute: q.Attribute, At: -1, Wrong: fmt.Sprintf("%q has one value at most, not %d", q.Attribute, len(values)), Wanted: "one value at most",
		})
	}
	choices := q.Choices()
	for i, v := range values {
		switch {
		case !q.Open() && !slices.Contains(choices, v):
			all := strings.Join(choices, ", ")
			out = append(out, Misfit{Attribute: q.Attribute, At: i, Wrong: fmt.Sprintf("%q is no value of %q; allowed: %s", v, q.Attribute, all), Wanted: "one of: " + all})
		case q.Open() && (v == "" || utf8.RuneCountInString(v) > LongestText):
			want := fmt.Sprintf("1 to %d characters", LongestText)
			out = append(out, Misfit{Attribute: q.Attribute, At: i, Wrong: fmt.Sprintf("a value of %q has %d characters; allowed: %s", q.Attribute, utf8.RuneCountInString(v), want), Wanted: want})
		}
	}
	return append(out, q.misplaced(values, a.Boxes[q.Attribute])...)
}

// misplaced says what is wrong with the boxes. Of a question for boxes each value
// has one or more, and each box has one of the values.
func (q *Question) misplaced(values []string, boxes []Spot) []Misfit {
	wrong := func(at int, text, wanted string, args ...any) Misfit {
		return Misfit{Attribute: q.Attribute, Boxes: true, At: at, Wrong: fmt.Sprintf(text, args...), Wanted: wanted}
	}
	if q.Kind != KindBox {
		if len(boxes) > 0 {
			return []Misfit{wrong(-1, "%q takes no boxes", "no boxes", q.Attribute)}
		}
		return nil
	}
	var out []Misfit
	if len(boxes) > MostBoxes {
		out = append(out, wrong(-1, "%q has %d boxes; allowed: %d", fmt.Sprintf("%d boxes at most", MostBoxes), q.Attribute, len(boxes), MostBoxes))
	}
	for i, b := range boxes {
		switch {
		case !slices.Contains(values, b.Value):
			out = append(out, wrong(i, "a box of %q is of %q, which is none of its values", "the box of one of the values", q.Attribute, b.Value))
		case !imageKey.MatchString(b.Image):
			out = append(out, wrong(i, "a box of %q names the image %q", "the SHA-256 of an image of the post", q.Attribute, b.Image))
		case !b.Box.Within():
			out = append(out, wrong(i, "a box of %q is at %g, %g with the size %g, %g", "x, y, w and h in fractions of the image, within it", q.Attribute, b.Box.X, b.Box.Y, b.Box.W, b.Box.H))
		}
	}
	for _, v := range values {
		if !slices.ContainsFunc(boxes, func(b Spot) bool { return b.Value == v }) {
			out = append(out, wrong(-1, "%q is without a box in %q", "a box for "+v, v, q.Attribute))
		}
	}
	return out
}

// Within reports whether the box is of some size and inside of its image.
func (b Box) Within() bool {
	for _, v := range []float64{b.X, b.Y, b.W, b.H} {
		if math.IsNaN(v) || v < 0 || v > 1 {
			return false
		}
	}
	return b.W > 0 && b.H > 0 && b.X+b.W <= 1+slack && b.Y+b.H <= 1+slack
}
