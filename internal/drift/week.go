package drift

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"text/tabwriter"
	"time"
)

var weekForm = regexp.MustCompile(`^(\d{4})-W(\d{2})$`)

// Week reads an ISO week such as 2026-W10; it begins on Monday, 0:00 UTC.
func Week(s string) (Window, error) {
	m := weekForm.FindStringSubmatch(s)
	if m == nil {
		return Window{}, fmt.Errorf("%q: write a week as 2026-W10", s)
	}
	year, _ := strconv.Atoi(m[1]) // digits
	n, _ := strconv.Atoi(m[2])
	from := monday(time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)).AddDate(0, 0, 7*(n-1)) // January 4 is always in week 1
	if y, w := from.ISOWeek(); y != year || w != n {
		return Window{}, fmt.Errorf("%q: that year has no such week", s)
	}
	return Window{from, from.AddDate(0, 0, 7)}, nil
}

// LastWeek is the newest week that is over.
func LastWeek(now time.Time) Window {
	to := monday(now)
	return Window{to.AddDate(0, 0, -7), to}
}

func monday(t time.Time) time.Time {
	t = t.UTC()
	back := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, time.UTC)
}

// WriteText writes the report for a terminal.
func (r Report) WriteText(w io.Writer) error {
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	y, n := r.Week.From.ISOWeek()
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "week %d-W%02d against %s to %s; beyond from an index of %g, or a confidence that moved by %g, with %d posts\n\n",
		y, n, day(r.Reference.From), day(r.Reference.To.AddDate(0, 0, -1)), r.Limits.Index, r.Limits.Confidence, r.Limits.Posts)
	fmt.Fprintln(t, "profile\tattribute\tposts\tindex\tconfidence\t\tmoved most")
	for _, c := range r.Changes {
		verdict, sure, most := "", "-", ""
		switch {
		case !c.Enough:
			verdict = "too few posts"
		case c.Beyond:
			verdict = "BEYOND"
		}
		if c.Confidence != nil {
			sure = fmt.Sprintf("%+.3f", *c.Confidence)
		}
		if len(c.Values) > 0 {
			most = fmt.Sprintf("%s %.1f %% → %.1f %%", c.Values[0].Value, 100*c.Values[0].Reference, 100*c.Values[0].Week)
		}
		fmt.Fprintf(t, "%s\t%s\t%d → %d\t%.3f\t%s\t%s\t%s\n", c.Profile, c.Attribute, c.Posts[0], c.Posts[1], c.Index, sure, verdict, most)
	}
	return t.Flush()
}
