package models

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// ItemState is where a question to people stands.
type ItemState string

// The states of an item.
const (
	ItemOpen      ItemState = "open"
	ItemEscalated ItemState = "escalated" // nobody answered in time: it goes to the front
	ItemClosed    ItemState = "closed"    // settled; its labels are on the post
	ItemExpired   ItemState = "expired"   // the run went on without an answer; a late one still counts
	ItemWithdrawn ItemState = "withdrawn" // the post was deleted
)

// Item is a question to people about one post: which values do these attributes have?
type Item struct {
	ID        string     `json:"id"` // ItemID
	Rev       int64      `json:"rev"`
	Post      string     `json:"post"`
	Profile   string     `json:"profile"`
	Taxonomy  string     `json:"taxonomy"` // version of the values that may be chosen
	Questions []Question `json:"questions"`
	State     ItemState  `json:"state"`
	Rule      bool       `json:"rule,omitempty"`   // asked because the profile's `when` holds
	Sample    bool       `json:"sample,omitempty"` // asked because the post is in the uniform sample
	Reason    string     `json:"reason"`
	Wanted    int        `json:"wanted"`  // answers wanted, before any adjudication
	Parking   bool       `json:"parking"` // a run waits for it
	Answers   []Answer   `json:"answers,omitempty"`
	Priority  float64    `json:"priority"` // higher first
	OpenedAt  time.Time  `json:"opened_at"`
	Due       time.Time  `json:"due,omitzero"`
	Disputed  bool       `json:"disputed,omitempty"` // answers disagreed, so Wanted was raised; Contested tells whether they still do
	Gold      *Gold      `json:"gold,omitempty"`
}

// Question asks for the values of one attribute.
type Question struct {
	Attribute  string   `json:"attribute"`
	Options    []string `json:"options,omitempty"` // empty: free text
	Suggestion []string `json:"suggestion,omitempty"`
	Confidence float64  `json:"confidence,omitempty"`
	Model      string   `json:"model,omitempty"` // whose suggestion it is
	Version    string   `json:"version,omitempty"`
	Single     bool     `json:"single,omitempty"`  // one value at most
	Kind       Kind     `json:"kind,omitempty"`    // empty: single or multiple, as Single says
	Groups     []Group  `json:"groups,omitempty"`  // of a tree, from the top
	Partial    bool     `json:"partial,omitempty"` // of a tree: a group alone is an answer
	Boxes      []Spot   `json:"boxes,omitempty"`   // where a model saw what it suggests
}

// Answer is what one person said. An empty list of values means "there is none".
type Answer struct {
	By     string              `json:"by"`
	At     time.Time           `json:"at"`
	Values map[string][]string `json:"values,omitempty"`
	Boxes  map[string][]Spot   `json:"boxes,omitempty"` // of the attributes that are asked for with their places
	Skip   string              `json:"skip,omitempty"`  // why the person could not say

	Final     bool      `json:"final,omitempty"`     // an analyst's word on a contested item: it decides alone
	Check     bool      `json:"check,omitempty"`     // given to a settled gold item: it tells of the person, and changes no label
	ClaimedAt time.Time `json:"claimed_at,omitzero"` // when the item was handed out; none if the claim had run out
	ActiveMS  int64     `json:"active_ms,omitempty"` // how long the person's page had the focus, as the page says
}

// ItemID names the question that a profile asks of a post under a taxonomy.
func ItemID(post, profile, taxonomy string) string {
	sum := sha256.Sum256([]byte(post + "\x00" + profile + "\x00" + taxonomy))
	return "i" + hex.EncodeToString(sum[:10])
}

// Verdict is what the answers of an item come to.
type Verdict string

// The verdicts.
const (
	Unsettled Verdict = "unsettled" // more answers are wanted
	Disagree  Verdict = "disagree"  // enough answers, no majority: one more is wanted
	Settled   Verdict = "settled"
)

// Judge weighs the item's answers: skipped ones and checks don't count, and each
// attribute needs a strict majority among at least Wanted answers. An analyst's
// final word decides alone, the newest of several. The labels are those of a
// settled item.
func (it *Item) Judge() (Verdict, []Label) {
	given, final := it.counted()
	if !final && len(given) < max(1, it.Wanted) {
		return Unsettled, nil
	}
	var by []string
	var last time.Time
	for _, a := range given {
		by = append(by, a.By)
		if a.At.After(last) {
			last = a.At
		}
	}
	var labels []Label
	for _, q := range it.Questions {
		values, ok := majority(given, q.Attribute)
		if !ok {
			return Disagree, nil
		}
		labels = append(labels, Label{
			Attribute: q.Attribute, Taxonomy: it.Taxonomy, Values: values, By: by, At: last, Item: it.ID, Sample: it.Sample,
			Boxes: placed(given, q.Attribute, values),
		})
	}
	return Settled, labels
}

// counted returns the answers that decide, and whether they are one final word.
func (it *Item) counted() (given []Answer, final bool) {
	for _, a := range it.Answers {
		switch {
		case a.Skip != "" || a.Check:
		case a.Final && (!final || a.At.After(given[0].At)):
			given, final = []Answer{a}, true
		case !final && !a.Final:
			given = append(given, a)
		}
	}
	return given, final
}

// majority returns the set of values that more than half of the answers gave.
func majority(answers []Answer, attribute string) ([]string, bool) {
	for _, a := range answers {
		want := sortedSet(a.Values[attribute])
		n := 0
		for _, b := range answers {
			if slices.Equal(want, sortedSet(b.Values[attribute])) {
				n++
			}
		}
		if 2*n > len(answers) {
			return want, true
		}
	}
	return nil, false
}

// placed returns the boxes of the newest answer that gave these values: people
// agree on values, and boxes of several are not mixed.
func placed(answers []Answer, attribute string, values []string) []Spot {
	var out []Spot
	var at time.Time
	for _, a := range answers {
		if !a.At.Before(at) && len(a.Boxes[attribute]) > 0 && slices.Equal(sortedSet(a.Values[attribute]), values) {
			out, at = a.Boxes[attribute], a.At
		}
	}
	return out
}

func sortedSet(values []string) []string {
	s := slices.Clone(values)
	slices.Sort(s)
	return slices.Compact(s)
}

// WithAnswer returns the item with a's answer in it; a later answer of the same
// person replaces the earlier. A check stands beside what the person said when
// it counted.
func (it Item) WithAnswer(a Answer) Item {
	it.Answers = slices.Clone(it.Answers)
	for i := range it.Answers {
		if it.Answers[i].By == a.By && it.Answers[i].Check == a.Check {
			it.Answers[i] = a
			return it
		}
	}
	it.Answers = append(it.Answers, a)
	return it
}

// ItemFilter selects items, the most valuable first. Empty fields select all.
type ItemFilter struct {
	States    []ItemState
	Profile   string
	Contested bool       // only those that an analyst should decide
	After     *ItemPlace // cursor: the last one seen
	Limit     int        // 0 means 100
}

// ItemPlace is where an item stands in a list of the most valuable first.
type ItemPlace struct {
	Priority float64
	OpenedAt time.Time
	ID       string
}

// Place tells where the item stands.
func (it *Item) Place() ItemPlace { return ItemPlace{it.Priority, it.OpenedAt, it.ID} }
