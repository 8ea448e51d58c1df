package models

import (
	"slices"
	"strings"
	"time"
)

// Asker is a person who asks for questions to answer.
type Asker struct {
	Name    string
	Reviews bool // may decide what others could not: an analyst
}

// Claim is a person's lease on an item: until it runs out, and is not
// extended, nobody else gets the item beyond the answers that it wants.
type Claim struct {
	Token   string    `json:"token"` // begins with the item's id
	Item    string    `json:"item"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
}

// ClaimedItem returns the id of the item that a claim's token is about.
func ClaimedItem(token string) string {
	item, _, _ := strings.Cut(token, ".")
	return item
}

// Claimed is a claim with what whoever has it needs.
type Claimed struct {
	Claim Claim
	Item  Item
	Draft *Draft // what the same person had begun to say
}

// Draft is what somebody was about to answer. It outlives claims, and goes with
// the answer.
type Draft struct {
	Item    string              `json:"item"`
	By      string              `json:"by"`
	Values  map[string][]string `json:"values,omitempty"`
	Boxes   map[string][]Spot   `json:"boxes,omitempty"`
	Skip    string              `json:"skip,omitempty"`
	SavedAt time.Time           `json:"saved_at"`
}

// Gold is the right answer of an item, which its labelers don't see: what they
// say to it tells how well they label.
type Gold struct {
	Values map[string][]string `json:"values"`
	By     string              `json:"by"`
	At     time.Time           `json:"at"`
}

// Waiting tells somebody who asks for items what else there is.
type Waiting struct {
	Open   int       // that the person could have now, counted up to MostCounted
	Others int       // held by others
	Next   time.Time // when the first of those comes free, unless it is extended; zero if none is held
}

// MostCounted is how far open items are counted for a person who asks for work:
// more would cost more with every item that waits.
const MostCounted = 1000

// Given is one person's answer, by itself.
type Given struct {
	Item    string `json:"item"`
	Profile string `json:"profile"`
	Answer
}

// GivenFilter selects answers, the newest first. Empty fields select all.
type GivenFilter struct {
	By           string
	Profile      string
	Since, Until time.Time
	Before       time.Time // cursor: At and Item of the last one seen
	BeforeItem   string
	Limit        int // 0 means 100
}

// SkipReasons are why somebody may leave a question to others. SkipOther takes
// more words behind it.
func SkipReasons() []string {
	return []string{"not fashion", "bad image", "several people", "not sure", "offensive", "personal data"}
}

// SkipOther begins a reason in the person's own words.
const SkipOther = "other: "

// twice is how many people must skip an item before it is an analyst's.
const twice = 2

// Contested reports whether an analyst should decide: the answers disagree, or
// two people could not say.
func (it *Item) Contested() bool {
	if it.State != ItemOpen && it.State != ItemEscalated {
		return false
	}
	verdict, _ := it.Judge()
	return verdict == Disagree || verdict == Unsettled && it.Disputed || it.Skipped()
}

// Skipped reports whether so many skipped the item that only an analyst is asked.
func (it *Item) Skipped() bool {
	n := 0
	for _, a := range it.Answers {
		if a.Skip != "" && !a.Check {
			n++
		}
	}
	return n >= twice
}

// Seen lists who answered or skipped the item, in order: nobody is asked twice.
func (it *Item) Seen() []string {
	var names []string
	for _, a := range it.Answers {
		names = append(names, a.By)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Lacks returns how many more answers the item wants from people who have not
// seen it.
func (it *Item) Lacks() int {
	if it.State != ItemOpen && it.State != ItemEscalated {
		return 0
	}
	switch verdict, _ := it.Judge(); verdict {
	case Settled:
		return 0
	case Disagree:
		return 1
	default:
		n := 0
		for _, a := range it.Answers {
			if a.Skip == "" && !a.Check {
				n++
			}
		}
		return max(1, it.Wanted) - n
	}
}
