package profile

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"weft/models"
)

// How much of a report a person reads; JSON has all.
const (
	mostReasons = 5
	mostChanges = 20
)

// WriteText writes the report as a table for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "profile %s (version %s), %s", r.Profile, r.Version, posts(r.Posts))
	if r.Unmatched > 0 {
		fmt.Fprintf(&b, ", of which its match would not have chosen %d", r.Unmatched)
	}
	b.WriteString("\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "step\tposts\tshare\tCPU seconds\t")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%s\t%d\t%.1f%%\t%.1f\t\n", s.Step, s.Posts, s.Share*100, s.CostSeconds)
	}
	fmt.Fprintf(t, "all\t\t\t%.1f\t\n", r.Cost)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Fprintf(&b, "\nends: %d done, %d dropped; waiting for a person on the way: %d\n\nwhy\n",
		r.Ends[models.Done], r.Ends[models.Dropped], r.Parked)
	for _, s := range r.Steps {
		s.writeReasons(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (s *StepReport) writeReasons(b *strings.Builder) {
	for i, c := range s.Reasons {
		if i == mostReasons {
			fmt.Fprintf(b, "  %s: %d more reasons\n", s.Step, len(s.Reasons)-i)
			return
		}
		what := "yes"
		if !c.Entered {
			what = "no"
		}
		fmt.Fprintf(b, "  %s: %s, %s: %s, such as %s\n", s.Step, what, c.Reason, posts(c.Posts), strings.Join(c.Examples, ", "))
	}
}

// WriteText writes the differences for people.
func (r *DiffReport) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s: %d of %d posts take another route; %+.1f CPU seconds; %+d waiting for a person\n",
		r.Old, r.New, r.Changed, r.Posts, r.CostSeconds, r.Parked)
	for _, c := range r.Routes {
		fmt.Fprintf(&b, "\n%s\n  before: %s\n  after:  %s\n", posts(c.Posts), c.Old, c.New)
	}
	if len(r.Changes) > 0 {
		b.WriteString("\nposts\n")
	}
	for i, c := range r.Changes {
		if i == mostChanges {
			fmt.Fprintf(&b, "  and %d more\n", len(r.Changes)-i)
			break
		}
		fmt.Fprintf(&b, "  %s  %s\n", c.Post, c.Reason)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write difference: %w", err)
	}
	return nil
}

func posts(n int) string {
	if n == 1 {
		return "1 post"
	}
	return fmt.Sprintf("%d posts", n)
}
