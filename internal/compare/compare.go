// Package compare holds two versions of a model against each other: what both
// said of the same images or texts, and what people say.
package compare

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"time"

	"weft/models"
)

// Nothing is the value of an input of which a model said nothing.
const Nothing = "(nothing)"

// Post is one post that both versions have seen.
type Post struct {
	ID     string
	Inputs []Input
	Labels []models.Label
}

// Input is one image of a post, or its text.
type Input struct {
	Rendition string // blob key of the image; empty for a text
	Text      string
	Active    models.Result
	Shadow    models.Result
}

// Side is one of the two.
type Side struct {
	Name    string  `json:"name"` // of its declaration
	Version string  `json:"version"`
	Cost    float64 `json:"cpu_seconds_per_input"` // as it was booked when each result was computed, reading and decoding in it
}

// Report compares two versions of a model. Its JSON form is an interface: see
// `weft models compare --json`.
type Report struct {
	Model      string       `json:"model"` // the name that profiles use
	Active     Side         `json:"active"`
	Shadow     Side         `json:"shadow"`
	From       time.Time    `json:"from,omitzero"`
	To         time.Time    `json:"to,omitzero"`
	Posts      int          `json:"posts"`  // looked at
	Both       int          `json:"both"`   // posts that both have seen
	Inputs     int          `json:"inputs"` // images or texts that both have seen
	Attributes []*Attribute `json:"attributes"`
}

// Attribute is the comparison on one attribute. An input counts with the value
// that a version is surest of; a post, against its label, with the surest over
// its inputs.
type Attribute struct {
	Name       string                    `json:"name"`
	N          int                       `json:"n"`
	Agree      int                       `json:"agree"`
	Agreement  float64                   `json:"agreement"`
	Interval   [2]float64                `json:"agreement_95"` // Wilson's
	Kappa      float64                   `json:"kappa"`        // Cohen's: agreement beyond what chance makes
	Confusion  map[string]map[string]int `json:"confusion"`    // what the active one said, then what the shadow said
	Confidence Pair                      `json:"mean_confidence"`
	Labels     Labels                    `json:"labels"`
	Wins       []Example                 `json:"wins,omitempty"`
	Losses     []Example                 `json:"losses,omitempty"`
	Differ     []Example                 `json:"differ,omitempty"` // without a label

	told [2]int
}

// Pair is one number of each.
type Pair struct {
	Active float64 `json:"active"`
	Shadow float64 `json:"shadow"`
}

// Labels counts posts that people labelled.
type Labels struct {
	N         int     `json:"n"`
	Sample    int     `json:"of_sample"` // asked in a profile's uniform sample; the others were chosen because something was unsure
	BothRight int     `json:"both_right"`
	BothWrong int     `json:"both_wrong"`
	Wins      int     `json:"wins"`   // the shadow is right, the active one wrong
	Losses    int     `json:"losses"` // the other way round
	P         float64 `json:"p"`      // McNemar's exact test: how likely so uneven a count is if both are as good
	Accuracy  Pair    `json:"accuracy"`
}

// Example is a post to look at.
type Example struct {
	Post      string   `json:"post"`
	Rendition string   `json:"rendition,omitempty"`
	Text      string   `json:"text,omitempty"`
	Active    Said     `json:"active"`
	Shadow    Said     `json:"shadow"`
	Truth     []string `json:"truth,omitempty"`

	order [sha256.Size]byte
}

// Said is the value that a version is surest of.
type Said struct {
	Value      string  `json:"value"`
	Confidence float64 `json:"confidence"`
}

// shown is how many examples of a kind are kept of an attribute: those whose
// ids hash lowest, which is a random sample that stays the same.
const shown = 12

// Tally adds posts up. It keeps counts and a few examples, so its size does not
// grow with the posts.
type Tally struct{ report Report }

// NewTally begins a comparison on the given attributes.
func NewTally(r Report, attributes []string) *Tally {
	for _, name := range attributes {
		r.Attributes = append(r.Attributes, &Attribute{Name: name, Confusion: map[string]map[string]int{}})
	}
	return &Tally{report: r}
}

// Skip counts a post that not both have seen.
func (t *Tally) Skip() { t.report.Posts++ }

// Add counts a post.
func (t *Tally) Add(p Post) {
	t.report.Posts++
	t.report.Both++
	t.report.Inputs += len(p.Inputs)
	for _, in := range p.Inputs {
		t.report.Active.Cost += in.Active.Cost
		t.report.Shadow.Cost += in.Shadow.Cost
	}
	for _, a := range t.report.Attributes {
		a.add(p)
	}
}

// Report is what the posts came to. It is asked once, at the end.
func (t *Tally) Report() Report {
	r := t.report
	if r.Inputs > 0 {
		r.Active.Cost /= float64(r.Inputs)
		r.Shadow.Cost /= float64(r.Inputs)
	}
	for _, a := range r.Attributes {
		a.finish()
	}
	return r
}

func (a *Attribute) add(p Post) {
	var best [2]Said
	var differs *Example
	for _, in := range p.Inputs {
		said := [2]Said{surest(in.Active, a.Name), surest(in.Shadow, a.Name)}
		a.count(said)
		for i, s := range said {
			if best[i].Value == "" || s.Confidence > best[i].Confidence {
				best[i] = s
			}
		}
		if said[0].Value != said[1].Value && differs == nil {
			differs = example(p, in, said, nil)
		}
	}
	at := slices.IndexFunc(p.Labels, func(l models.Label) bool { return l.Attribute == a.Name })
	if at < 0 {
		if differs != nil {
			a.Differ = keep(a.Differ, *differs)
		}
		return
	}
	a.judge(p, best, newest(p.Labels, a.Name))
}

// count adds one input.
func (a *Attribute) count(said [2]Said) {
	a.N++
	if said[0].Value == said[1].Value {
		a.Agree++
	}
	if a.Confusion[said[0].Value] == nil {
		a.Confusion[said[0].Value] = map[string]int{}
	}
	a.Confusion[said[0].Value][said[1].Value]++
	for i, sum := range []*float64{&a.Confidence.Active, &a.Confidence.Shadow} {
		if said[i].Value != Nothing {
			a.told[i]++
			*sum += said[i].Confidence
		}
	}
}

// judge holds a labelled post against its label.
func (a *Attribute) judge(p Post, best [2]Said, label models.Label) {
	l := &a.Labels
	l.N++
	if label.Sample {
		l.Sample++
	}
	active, shadow := right(best[0], label), right(best[1], label)
	switch {
	case active && shadow:
		l.BothRight++
	case shadow:
		l.Wins++
		a.Wins = keep(a.Wins, *example(p, p.Inputs[0], best, label.Values))
	case active:
		l.Losses++
		a.Losses = keep(a.Losses, *example(p, p.Inputs[0], best, label.Values))
	default:
		l.BothWrong++
	}
}

func right(s Said, l models.Label) bool {
	if len(l.Values) == 0 {
		return s.Value == Nothing
	}
	return slices.Contains(l.Values, s.Value)
}

// newest is the label that was given last: an older one may be of another taxonomy.
func newest(labels []models.Label, attribute string) models.Label {
	var out models.Label
	for _, l := range labels {
		if l.Attribute == attribute && !l.At.Before(out.At) {
			out = l
		}
	}
	return out
}

// surest is what a result says of an attribute.
func surest(r models.Result, attribute string) Said {
	best := Said{Value: Nothing}
	for _, a := range r.Attributes {
		if a.Name == attribute && (best.Value == Nothing || a.Confidence > best.Confidence) {
			best = Said{a.Value, a.Confidence}
		}
	}
	return best
}

func example(p Post, in Input, said [2]Said, truth []string) *Example {
	return &Example{
		Post: p.ID, Rendition: in.Rendition, Text: in.Text, Active: said[0], Shadow: said[1], Truth: truth, order: sha256.Sum256([]byte(p.ID)),
	}
}

// keep adds an example to the lowest ones.
func keep(list []Example, e Example) []Example {
	at, _ := slices.BinarySearchFunc(list, e, func(a, b Example) int {
		return cmp.Or(bytes.Compare(a.order[:], b.order[:]), cmp.Compare(a.Post, b.Post))
	})
	if at == shown {
		return list
	}
	list = slices.Insert(list, at, e)
	return list[:min(shown, len(list))]
}

func (a *Attribute) finish() {
	if a.N > 0 {
		a.Agreement = float64(a.Agree) / float64(a.N)
		a.Interval = Wilson(a.Agree, a.N)
		a.Kappa = kappa(a.Confusion, a.N)
	}
	for i, sum := range []*float64{&a.Confidence.Active, &a.Confidence.Shadow} {
		if a.told[i] > 0 {
			*sum /= float64(a.told[i])
		}
	}
	l := &a.Labels
	l.P = McNemar(l.Wins, l.Losses)
	if l.N > 0 {
		l.Accuracy = Pair{float64(l.BothRight+l.Losses) / float64(l.N), float64(l.BothRight+l.Wins) / float64(l.N)}
	}
}
