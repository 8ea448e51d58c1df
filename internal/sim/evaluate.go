package sim

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"weft/models"
)

// Score is how well one attribute was found.
type Score struct {
	Attribute string  `json:"attribute"`
	Posts     int     `json:"posts"` // indexed posts with a truth of it
	Truths    int     `json:"truths"`
	Found     int     `json:"found"` // values that were found, in all indexed posts
	Right     int     `json:"right"`
	Precision float64 `json:"precision"` // Right of Found; 0 if nothing was found
	Recall    float64 `json:"recall"`    // Right of Truths; 0 if there is none
}

// Report is what was found against the truth.
type Report struct {
	Docs   int     `json:"docs"`   // that a truth is known of
	Scores []Score `json:"scores"` // in the order of Attributes, then by name
}

// Evaluate compares what search shows of posts with the truth. Only posts that
// were indexed count: those that were dropped on purpose are no misses. A value
// that occurs twice in a document counts once.
func Evaluate(truth Truth, docs []models.SearchDoc) Report {
	scores := map[string]*Score{}
	of := func(name string) *Score {
		if scores[name] == nil {
			scores[name] = &Score{Attribute: name}
		}
		return scores[name]
	}
	r := Report{}
	known := known(truth)
	for i := range docs {
		t := truth.Of(docs[i].ID)
		if t == nil {
			continue
		}
		r.Docs++
		for name, values := range t {
			if len(values) > 0 {
				of(name).Posts++
				of(name).Truths += len(values)
			}
		}
		seen := map[[2]string]bool{}
		for _, a := range docs[i].Attributes {
			key := [2]string{a.Name, a.Value}
			if !known[a.Name] || seen[key] {
				continue
			}
			seen[key] = true
			of(a.Name).Found++
			if slices.Contains(t[a.Name], a.Value) {
				of(a.Name).Right++
			}
		}
	}
	for _, name := range order(scores) {
		s := scores[name]
		s.Precision, s.Recall = ratio(s.Right, s.Found), ratio(s.Right, s.Truths)
		r.Scores = append(r.Scores, *s)
	}
	return r
}

// known returns the attributes that the truth speaks of: findings of others
// can't be judged.
func known(truth Truth) map[string]bool {
	names := map[string]bool{}
	for _, t := range truth {
		for name := range t {
			names[name] = true
		}
	}
	return names
}

func order(scores map[string]*Score) []string {
	var names, rest []string
	for _, name := range Attributes() {
		if scores[name] != nil {
			names = append(names, name)
		}
	}
	for name := range scores {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(names, rest...)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// WriteText writes r as a table for people.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "attribute\tposts\tvalues\tfound\tright\tprecision\trecall\t")
	for _, s := range r.Scores {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t\n", s.Attribute, s.Posts, s.Truths, s.Found, s.Right,
			percent(s.Precision, s.Found), percent(s.Recall, s.Truths))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("sim: write report: %w", err)
	}
	return nil
}

func percent(v float64, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*v)
}
