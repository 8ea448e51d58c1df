package reading

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// windowFactor is how many rows the days of a window have for each post that is
// wanted in a round, unless it is a single day: few days are few files, and most
// rows are older versions of others or don't fit.
const windowFactor = 8

// walk goes through the days of the history in order, window by window.
type walk struct {
	r       *Reader
	scan    models.HistoryScan
	parts   string // that the window was made of, to tell whether it is still so
	windows [][2]string
	last    models.Place // that was taken
	next    func() (models.Row, error, bool)
	end     func()
	row     *models.Row // that was peeked at
}

// walking returns the walk from the place that was merged, nil if the history has
// nothing to tell. One that is under way is good for as long as its parts are the
// history: a post that left search since has its rows in one of them.
func (m *merge) walking(ctx context.Context, mark models.Watermark) (*walk, error) {
	scan := m.r.whole(m.f, mark)
	if !scan.Since.IsZero() && !scan.Since.Before(scan.Until) {
		return nil, nil //nolint:nilnil // there is nothing to walk through, and that is no error
	}
	parts, err := m.r.parts(ctx, scan)
	if err != nil {
		return nil, err
	}
	if m.r.p.History == nil && len(parts) > 0 {
		return nil, models.Faultf(models.Permanent, "reading: this range needs the history, which can't be asked here: set history.warehouse, or ask for posts since %s", mark)
	}
	var names strings.Builder
	for i := range parts {
		names.WriteString(parts[i].ID + " ")
	}
	if w := m.walk; w != nil && w.parts == names.String() && w.at(m.after, m.oldest) {
		return w, nil
	}
	m.stop()
	m.walk = &walk{r: m.r, scan: scan, parts: names.String(), last: m.after, windows: windows(parts, m.after, m.oldest, windowFactor*m.size)}
	return m.walk, nil
}

// whole is the scan of all that f may have to look at: days are open where f's are.
func (r *Reader) whole(f *filter, mark models.Watermark) models.HistoryScan {
	scan := f.scan()
	if before := mark.Before(); scan.Until.IsZero() || before.Before(scan.Until) {
		scan.Until = before
	}
	scan.From, scan.To = "0001-01-01", scan.Until.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
	if !scan.Since.IsZero() {
		scan.From = scan.Since.UTC().Format(time.DateOnly)
	}
	return scan
}

// parts are the verified parts that a scan may have to look at.
func (r *Reader) parts(ctx context.Context, scan models.HistoryScan) ([]models.Part, error) {
	all, err := r.p.Manifest.Parts(ctx, models.PartVerified, allParts)
	if err != nil {
		return nil, fmt.Errorf("reading: list parts: %w", err)
	}
	return slices.DeleteFunc(all, func(p models.Part) bool {
		return p.Day < scan.From || p.Day > scan.To || len(scan.Sources) > 0 && !slices.Contains(scan.Sources, p.Source)
	}), nil
}

// windows groups the days that are left into ranges, in the order of the walk.
func windows(parts []models.Part, after models.Place, oldest bool, most int) [][2]string {
	rows := map[string]int{}
	at := time.UnixMilli(after.Milli).UTC().Format(time.DateOnly)
	for i := range parts {
		if day := parts[i].Day; after.ID == "" || day == at || day > at == oldest {
			rows[day] += parts[i].Rows
		}
	}
	days := make([]string, 0, len(rows))
	for day := range rows {
		days = append(days, day)
	}
	slices.Sort(days)
	if !oldest {
		slices.Reverse(days)
	}
	var out [][2]string
	held := 0
	for _, day := range days {
		if n := len(out); n > 0 && held+rows[day] <= most {
			out[n-1] = [2]string{min(out[n-1][0], day), max(out[n-1][1], day)}
			held += rows[day]
			continue
		}
		out, held = append(out, [2]string{day, day}), rows[day]
	}
	return out
}

func (w *walk) stop() {
	if w.end != nil {
		w.end()
	}
	w.next, w.end = nil, nil
}

// at reports whether the walk goes on right behind a place.
func (w *walk) at(place models.Place, oldest bool) bool {
	return w.last == place || place.Behind(w.last, oldest) && w.row != nil && models.PlaceOf(w.row.Post, w.row.CreatedAt).Behind(place, oldest)
}

// peek returns the next row, nil at the end.
func (w *walk) peek(ctx context.Context) (*models.Row, error) {
	for w.row == nil {
		if w.next == nil {
			if len(w.windows) == 0 {
				return nil, nil //nolint:nilnil // the end is no error
			}
			scan := w.scan
			scan.From, scan.To, scan.After = w.windows[0][0], w.windows[0][1], w.last
			w.next, w.end = iter.Pull2(w.r.p.History.Newest(ctx, scan))
		}
		row, err, ok := w.next()
		switch {
		case err != nil:
			return nil, err
		case ok:
			w.row = &row
		default:
			w.stop()
			w.windows = w.windows[1:]
		}
	}
	return w.row, nil
}

// take goes beyond the row that was peeked at.
func (w *walk) take(at models.Place) { w.row, w.last = nil, at }
