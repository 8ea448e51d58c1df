package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"weft/models"
	"weft/source/crawl"
	"weft/source/limit"
)

// QueryStatus is how one query fares.
type QueryStatus struct {
	Name    string           `json:"name"`
	Source  string           `json:"source"`
	Success time.Time        `json:"last_success,omitzero"`
	Lag     float64          `json:"lag_seconds"`    // between the newest moment of the source that was read, and the last success
	PerHour float64          `json:"posts_per_hour"` // over the last 60 minutes
	Posts   int64            `json:"posts"`
	Deleted int64            `json:"deletions"`
	Errors  int              `json:"errors"` // in a row
	Error   string           `json:"error,omitempty"`
	Next    time.Time        `json:"next_run,omitzero"`
	Paused  string           `json:"paused,omitempty"`
	Left    *float64         `json:"limit_left,omitempty"` // share of the network's limit, where it tells
	Skipped map[string]int64 `json:"skipped,omitempty"`
	Gaps    []models.Gap     `json:"gaps,omitempty"`
	Removed bool             `json:"removed,omitempty"` // it is not in this configuration; its cursor is kept
}

// queryStatus tells of every configured query, of the re-checks that ran, and
// last of those that left a cursor and are not configured any more, or by
// another name: they go on from there when they come back.
func (a *App) queryStatus(ctx context.Context) ([]QueryStatus, error) {
	cursors, err := a.Documents.Cursors(ctx)
	if err != nil {
		return nil, fmt.Errorf("status: cursors: %w", err)
	}
	var limits []limit.State
	if a.Limiter != nil {
		if limits, err = a.Limiter.State(ctx); err != nil {
			return nil, fmt.Errorf("status: limits: %w", err)
		}
	}
	sources := map[string]string{}
	var names []string
	for _, q := range a.Config.Queries {
		sources[q.Name] = q.Source
		names = append(names, q.Name)
		if re := crawl.RecheckName(q.Source); !slices.Contains(names, re) && slices.ContainsFunc(cursors, func(c models.Cursor) bool { return c.Query == re }) {
			sources[re] = q.Source
			names = append(names, re)
		}
	}
	var out []QueryStatus
	for _, name := range names {
		var c models.Cursor
		if i := slices.IndexFunc(cursors, func(c models.Cursor) bool { return c.Query == name }); i >= 0 {
			c = cursors[i]
		}
		out = append(out, statusOf(name, sources[name], c, limits, a.opt.Now()))
	}
	for _, c := range cursors {
		if !slices.Contains(names, c.Query) {
			s := statusOf(c.Query, c.Source, c, nil, a.opt.Now())
			s.Removed, s.Next, s.Paused = true, time.Time{}, ""
			out = append(out, s)
		}
	}
	return out, nil
}

func statusOf(name, src string, c models.Cursor, limits []limit.State, now time.Time) QueryStatus {
	s := QueryStatus{
		Name: name, Source: src, Success: c.Success, PerHour: c.PerHour(now), Posts: c.Posts, Deleted: c.Deleted,
		Errors: c.Errors, Error: c.Error, Next: c.Next, Paused: c.Paused, Skipped: c.Skipped, Gaps: c.Gaps,
	}
	if !c.Event.IsZero() && c.Success.After(c.Event) {
		s.Lag = c.Success.Sub(c.Event).Seconds()
	}
	for _, l := range limits {
		if l.Key.Source == src && l.Known && (s.Left == nil || l.Left < *s.Left) {
			s.Left = new(l.Left)
		}
	}
	return s
}

// writeQueries writes a table of queries, and below it what keeps any of them waiting.
func writeQueries(w io.Writer, queries []QueryStatus, now time.Time) error {
	if len(queries) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	var removed []string
	fmt.Fprintln(tw, "\nquery\tsource\tlast success\tlag\tposts/h\tposts\terrors\tlimit left\tnext run")
	for _, q := range queries {
		if q.Removed {
			removed = append(removed, q.Name)
			continue
		}
		left := "-"
		if q.Left != nil {
			left = fmt.Sprintf("%.0f %%", *q.Left*100)
		}
		lag := "-"
		if !q.Success.IsZero() {
			lag = (time.Duration(q.Lag) * time.Second).String()
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%.0f\t%d\t%d\t%s\t%s\n", q.Name, q.Source, ago(q.Success, now), lag,
			q.PerHour, q.Posts, q.Errors, left, in(q.Next, now))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(removed) > 0 {
		if _, err := fmt.Fprintf(w, "  not in this configuration: %s\n", strings.Join(removed, ", ")); err != nil {
			return err
		}
	}
	for _, q := range queries {
		for _, line := range notes(q) {
			if _, err := fmt.Fprintf(w, "  %s: %s\n", q.Name, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// notes says what keeps a query from being plain.
func notes(q QueryStatus) []string {
	if q.Removed {
		return nil
	}
	var out []string
	if q.Paused != "" {
		out = append(out, q.Paused)
	}
	if q.Error != "" && !strings.Contains(q.Error, strings.TrimPrefix(q.Paused, "stopped: ")) || q.Error != "" && q.Paused == "" {
		out = append(out, "last error: "+q.Error)
	}
	if n := q.Skipped["could not be read"]; n > 0 {
		out = append(out, fmt.Sprintf("%d entries could not be read; the log names them", n))
	}
	if n := len(q.Gaps); n > 0 {
		g := q.Gaps[n-1]
		out = append(out, fmt.Sprintf("gap: %s to %s was missed (%s)", g.From.Format(time.RFC3339), g.To.Format(time.RFC3339), g.Reason))
	}
	return out
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return now.Sub(t).Truncate(time.Second).String() + " ago"
}

func in(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case !t.After(now):
		return "now"
	}
	return "in " + t.Sub(now).Truncate(time.Second).String()
}
