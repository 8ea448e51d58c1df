package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"weft/models"
)

// Truth is what is true of each post, by the post's native id, then by attribute.
type Truth map[string]map[string][]string

// TruthOf collects the truth of posts.
func TruthOf(posts []Post) Truth {
	t := Truth{}
	for i := range posts {
		t[posts[i].Record.ID] = posts[i].Truth
	}
	return t
}

// Of returns the truth of a post, by its id in Weft or its native one. Nil
// means that the post is not known.
func (t Truth) Of(post string) map[string][]string {
	if v, ok := t[post]; ok {
		return v
	}
	_, native, _ := strings.Cut(post, ".")
	return t[native]
}

// Labeler answers questions in the place of a person, and is named so that
// nobody takes it for one.
type Labeler struct {
	Truth     Truth
	ErrorRate float64 // how often an answer is wrong or skipped, half and half
	Seed      uint64
	Name      string // "simulated-1" if empty; two labelers with different names err independently
}

// Answer answers item. The same labeler always says the same to the same item,
// and the answer's At is when the item was opened, so that nothing depends on
// the clock; a caller for whom the time matters sets it.
func (l Labeler) Answer(item models.Item) models.Answer {
	name := l.Name
	if name == "" {
		name = "simulated-1"
	}
	h := fnv.New64a()
	h.Write([]byte(name + "\x00" + item.ID))
	rng := rand.New(rand.NewPCG(l.Seed, h.Sum64()))
	a := models.Answer{By: name, At: item.OpenedAt}
	truth := l.Truth.Of(item.Post)
	if truth == nil {
		a.Skip = "simulated: nothing is known of this post"
		return a
	}
	err := rng.Float64()
	if err < l.ErrorRate/2 {
		a.Skip = "simulated: can't tell from the picture"
		return a
	}
	a.Values = map[string][]string{}
	for _, q := range item.Questions {
		a.Values[q.Attribute] = allowed(truth[q.Attribute], q.Options)
	}
	if err < l.ErrorRate && len(item.Questions) > 0 {
		q := item.Questions[rng.IntN(len(item.Questions))]
		a.Values[q.Attribute] = wrong(q, a.Values[q.Attribute], rng)
	}
	return a
}

// allowed keeps the values that are among the options; no options allow all.
// It is never nil: an empty answer says that there is none.
func allowed(values, options []string) []string {
	out := []string{}
	for _, v := range values {
		if len(options) == 0 || slices.Contains(options, v) {
			out = append(out, v)
		}
	}
	return out
}

// wrong picks another value; with free text, it overlooks what is there.
func wrong(q models.Question, right []string, rng *rand.Rand) []string {
	var others []string
	for _, o := range append(slices.Clone(q.Options), q.Suggestion...) {
		if !slices.Contains(right, o) {
			others = append(others, o)
		}
	}
	if len(others) == 0 {
		return []string{}
	}
	return []string{others[rng.IntN(len(others))]}
}
