package storagetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
)

// NewestRows are rows of three days and six sources, of which posts have several.
func NewestRows() []models.Row {
	var rows []models.Row
	for i, source := range []string{"weibo", "tumblr", "mastodon", "bluesky", "reddit", "feed"} {
		rows = append(rows, HistoryRows(25, source, testDay().AddDate(0, 0, i/2))...)
	}
	return rows
}

// Newest holds an engine of the history to what models.HistoryScan asks. ask
// answers over NewestRows.
func Newest(t *testing.T, ask func(ctx context.Context, scan models.HistoryScan) ([]models.Row, error)) {
	t.Helper()
	from, to := testDay().Format(time.DateOnly), testDay().AddDate(0, 0, 3).Format(time.DateOnly)
	all := newestScan(NewestRows(), models.HistoryScan{From: from, To: to})
	middle := all[len(all)/2]
	for name, scan := range map[string]models.HistoryScan{
		"all":            {},
		"the oldest":     {Oldest: true},
		"a page":         {Limit: 7},
		"one day":        {From: from, To: from},
		"no day":         {From: "2020-01-01", To: "2020-01-02"},
		"a range":        {Since: middle.CreatedAt.Add(-time.Hour), Until: middle.CreatedAt},
		"a source":       {Sources: []string{"tumblr"}, Limit: 30},
		"two sources":    {Sources: []string{"tumblr", "nobody", "weibo"}, Limit: 30, Oldest: true},
		"behind a place": {After: models.PlaceOf(middle.Post, middle.CreatedAt), Limit: 20},
		"and the other":  {After: models.PlaceOf(middle.Post, middle.CreatedAt), Limit: 20, Oldest: true},
		"likes":          {MinLikes: 40},
		"languages":      {Languages: []string{"de", "en"}, Countries: []string{"FR"}},
		"no such one":    {Languages: []string{"de"}},
		"mentions":       {Mentions: [][]string{{`"navy"`, `"red"`}, {`"catalog"`}}, Limit: 9},
		"no mentions":    {Mentions: [][]string{{`"navy"`}, {`"it's nowhere"`}}},
	} {
		if scan.From == "" {
			scan.From, scan.To = from, to
		}
		got, err := ask(t.Context(), scan)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, rowWords(newestScan(NewestRows(), scan)), rowWords(got))
	}
}

// rowWords are rows as they can be compared by whoever reads the difference.
func rowWords(rows []models.Row) []string {
	var out []string
	for i := range rows {
		r := &rows[i]
		out = append(out, fmt.Sprintf("%s %s %s %d %016x", r.Key(), r.Source, r.CreatedAt.UTC().Format(time.RFC3339Nano), r.ArchivedAt.UnixMilli(), r.Checksum()))
	}
	return out
}

// newestScan answers by looking at every row.
func newestScan(rows []models.Row, scan models.HistoryScan) []models.Row {
	best := map[string]models.Row{}
	for _, r := range rows {
		if b, ok := best[r.Post]; !ok || r.Rev > b.Rev {
			best[r.Post] = r
		}
	}
	var out []models.Row
	for _, r := range best {
		if newestFits(&r, scan) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b models.Row) int {
		c := cmp.Compare(b.CreatedAt.UnixMilli(), a.CreatedAt.UnixMilli())
		if scan.Oldest {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.Post, b.Post))
	})
	if scan.Limit > 0 && len(out) > scan.Limit {
		out = out[:scan.Limit]
	}
	return out
}

func newestFits(r *models.Row, scan models.HistoryScan) bool {
	var f models.Frozen
	if err := json.Unmarshal(r.Body, &f); err != nil {
		panic(err) // the suite made it
	}
	in := func(allowed []string, v string) bool { return len(allowed) == 0 || slices.Contains(allowed, v) }
	for _, words := range scan.Mentions {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(string(r.Body), w) }) {
			return false
		}
	}
	likes := f.Post.Counts.Likes
	return r.Day() >= scan.From && r.Day() <= scan.To && in(scan.Sources, r.Source) && in(scan.Languages, f.Post.Language) &&
		in(scan.Countries, f.Post.Author.Location.Country) && (scan.MinLikes == 0 || likes != nil && *likes >= scan.MinLikes) &&
		(scan.Since.IsZero() || !r.CreatedAt.Before(scan.Since)) && (scan.Until.IsZero() || r.CreatedAt.Before(scan.Until)) &&
		models.PlaceOf(r.Post, r.CreatedAt).Behind(scan.After, scan.Oldest)
}
