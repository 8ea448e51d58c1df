package reading

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"weft/models"
)

// Asked is a history whose engine answers a page at a time.
type Asked struct {
	// Ask returns at most scan.Limit posts; fewer are the last.
	Ask func(ctx context.Context, scan models.HistoryScan) ([]models.Row, error)
}

// asked is how many rows are asked for at once. Each comes with its whole post.
const asked = 1000

// Newest asks page by page.
func (h Asked) Newest(ctx context.Context, scan models.HistoryScan) iter.Seq2[models.Row, error] {
	return func(yield func(models.Row, error) bool) {
		scan.Limit = asked
		for {
			rows, err := h.Ask(ctx, scan)
			if err != nil {
				yield(models.Row{}, err)
				return
			}
			for i := range rows {
				if !yield(rows[i], nil) {
					return
				}
			}
			if len(rows) < asked {
				return
			}
			last := rows[len(rows)-1]
			scan.After = models.PlaceOf(last.Post, last.CreatedAt)
		}
	}
}

// Priced is a history that is billed, and says by how much.
type Priced struct {
	Asked

	Estimate func(ctx context.Context, scan models.HistoryScan) (int64, error)
}

// EstimateNewest says how many bytes a scan is billed for at most.
func (h Priced) EstimateNewest(ctx context.Context, scan models.HistoryScan) (int64, error) {
	return h.Estimate(ctx, scan)
}

// Scanner reads the files of the history, each from a moment on, in the order of
// creation.
type Scanner interface {
	Scan(ctx context.Context, part models.Part, from int64) iter.Seq2[models.Row, error]
}

// Files is the history as its files alone tell it: no engine is needed and
// nothing is billed, but everything is read. It knows the oldest first alone.
type Files struct {
	Manifest Manifest
	Scanner  Scanner
}

// Newest merges the files of scan's days, day by day. Of each file a few pages
// are in memory.
func (h Files) Newest(ctx context.Context, scan models.HistoryScan) iter.Seq2[models.Row, error] {
	return func(yield func(models.Row, error) bool) {
		if !scan.Oldest {
			yield(models.Row{}, models.Faultf(models.Permanent, "reading: the files of the history are read the oldest first"))
			return
		}
		days, err := h.days(ctx, scan)
		if err != nil {
			yield(models.Row{}, err)
			return
		}
		for _, parts := range days {
			if !h.day(ctx, parts, scan, yield) {
				return
			}
		}
	}
}

// days are the parts of a scan, by day.
func (h Files) days(ctx context.Context, scan models.HistoryScan) ([][]models.Part, error) {
	all, err := h.Manifest.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p models.Part) bool {
		return p.Day < scan.From || p.Day > scan.To || len(scan.Sources) > 0 && !slices.Contains(scan.Sources, p.Source)
	})
	slices.SortFunc(all, func(a, b models.Part) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.ID, b.ID)) })
	var out [][]models.Part
	for _, p := range all {
		if n := len(out); n > 0 && out[n-1][0].Day == p.Day {
			out[n-1] = append(out[n-1], p)
			continue
		}
		out = append(out, []models.Part{p})
	}
	return out, nil
}

// source is a file under way.
type source struct {
	row  models.Row
	next func() (models.Row, error, bool)
}

// day yields the newest row of each post of a day, and reports whether to go on.
// Files are in the order of creation, and all rows of a post were created at one
// moment: so the rows of a moment are collected from all files, and told apart.
func (h Files) day(ctx context.Context, parts []models.Part, scan models.HistoryScan, yield func(models.Row, error) bool) bool {
	from := max(scan.After.Milli, scan.Since.UnixMilli())
	var open []*source
	for i := range parts {
		next, stop := iter.Pull2(h.Scanner.Scan(ctx, parts[i], from))
		defer stop()
		s := &source{next: next}
		ok, err := s.step()
		if err != nil {
			yield(models.Row{}, err)
			return false
		}
		if ok {
			open = append(open, s)
		}
	}
	for len(open) > 0 {
		rows, left, err := moment(open)
		if err != nil {
			yield(models.Row{}, err)
			return false
		}
		open = left
		for _, row := range newest(rows) {
			at := models.PlaceOf(row.Post, row.CreatedAt)
			if !at.Behind(scan.After, true) || !scan.Until.IsZero() && at.Milli >= scan.Until.UnixMilli() {
				continue
			}
			if !yield(row, nil) {
				return false
			}
		}
	}
	return true
}

// step reads the next row of a file; false at its end.
func (s *source) step() (ok bool, err error) {
	var row models.Row
	if row, err, ok = s.next(); ok && err == nil {
		s.row = row
	}
	return ok && err == nil, err
}

// moment takes the rows of the earliest moment from all files, and returns the
// files that are not at their end.
func moment(open []*source) (rows []models.Row, left []*source, err error) {
	first := open[0].row.CreatedAt.UnixMilli()
	for _, s := range open[1:] {
		first = min(first, s.row.CreatedAt.UnixMilli())
	}
	for _, s := range open {
		more := true
		for more && s.row.CreatedAt.UnixMilli() == first {
			rows = append(rows, s.row)
			if more, err = s.step(); err != nil {
				return nil, nil, err
			}
		}
		if more {
			left = append(left, s)
		}
	}
	return rows, left, nil
}

// newest keeps the newest row of each post, in the order of their ids.
func newest(rows []models.Row) []models.Row {
	slices.SortFunc(rows, func(a, b models.Row) int {
		return cmp.Or(cmp.Compare(a.Post, b.Post), cmp.Compare(b.Rev, a.Rev), cmp.Compare(b.Generation, a.Generation), cmp.Compare(a.Profile, b.Profile))
	})
	return slices.CompactFunc(rows, func(a, b models.Row) bool { return a.Post == b.Post })
}
