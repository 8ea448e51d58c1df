package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"weft/models"
	"weft/queue"
)

// allParts is more than there will ever be: a part is a file of a day and source.
const allParts = 1 << 30

// Status is where everything stands.
type Status struct {
	Admitted int64                    `json:"admitted"`
	States   map[models.State]int64   `json:"states"` // of all passages; their sum is Admitted
	Counts   []models.Count           `json:"counts"`
	Queues   []queue.Depth            `json:"queues,omitempty"` // absent when the queue is not running
	Parts    map[models.PartState]int `json:"parts"`
	Items    int                      `json:"items"` // questions that wait for people, at most 10,000
	Queries  []QueryStatus            `json:"queries,omitempty"`
}

// Status counts from the documents; the queue adds its own depths.
func (a *App) Status(ctx context.Context) (Status, error) {
	s := Status{States: map[models.State]int64{}, Parts: map[models.PartState]int{}}
	var err error
	if s.Admitted, err = a.Documents.Admitted(ctx); err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	if s.Counts, err = a.Documents.Counts(ctx); err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	for _, c := range s.Counts {
		s.States[c.State] += c.N
	}
	parts, err := a.Documents.Parts(ctx, "", allParts)
	if err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	for _, p := range parts {
		s.Parts[p.State]++
	}
	items, err := a.Documents.Items(ctx, models.ItemFilter{
		States: []models.ItemState{models.ItemOpen, models.ItemEscalated}, Limit: 10_000,
	})
	if err != nil {
		return s, fmt.Errorf("status: %w", err)
	}
	s.Items = len(items)
	if s.Queries, err = a.queryStatus(ctx); err != nil {
		return s, err
	}
	if a.Queue != nil {
		s.Queues, err = a.Queue.Depths(ctx)
	}
	return s, err
}

// WriteText writes the status for people.
func (s Status) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(tw, "admitted\t%d\n", s.Admitted)
	for _, st := range models.States() {
		fmt.Fprintf(tw, "%s\t%d\n", st, s.States[st])
	}
	fmt.Fprintf(tw, "questions open\t%d\n", s.Items)
	for _, st := range []models.PartState{models.PartStaged, models.PartWritten, models.PartLoading, models.PartLoaded, models.PartVerified} {
		if s.Parts[st] > 0 {
			fmt.Fprintf(tw, "parts %s\t%d\n", st, s.Parts[st])
		}
	}
	fmt.Fprintln(tw, "\nprofile\tstate\tstep\truns")
	for _, c := range s.Counts {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\n", c.Profile, c.State, c.Step, c.N)
	}
	if s.Queues == nil {
		fmt.Fprintln(tw, "\nthe queue is not running")
		return cmp.Or(tw.Flush(), writeQueries(w, s.Queries, time.Now()))
	}
	fmt.Fprintln(tw, "\nqueue\tpending\tactive\tscheduled\tretry\tarchived")
	for _, q := range s.Queues {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\n", q.Queue, q.Pending, q.Active, q.Scheduled, q.Retry, q.Archived)
	}
	return cmp.Or(tw.Flush(), writeQueries(w, s.Queries, time.Now()))
}
