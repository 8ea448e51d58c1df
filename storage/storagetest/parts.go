package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
)

// PartStore is what the suite asks of the history's part files.
type PartStore interface {
	Write(ctx context.Context, part models.Part, rows []models.Row) (int64, error)
	Read(ctx context.Context, part models.Part) ([]models.Row, error)
	Verify(ctx context.Context, part models.Part) (rows int, checksum uint64, err error)
	Find(ctx context.Context, parts []models.Part, ids []string) ([]models.Row, error)
}

// Parts holds part files to what the part builder relies on. open returns an empty store.
func Parts(t *testing.T, open func(t *testing.T) PartStore) {
	t.Run("round trip", func(t *testing.T) { partRoundTrip(t, open(t)) })
	t.Run("a repeated write", func(t *testing.T) { partRepeated(t, open(t)) })
	t.Run("refused rows leave no file", func(t *testing.T) { partRefused(t, open(t)) })
	t.Run("missing", func(t *testing.T) { partMissing(t, open(t)) })
	t.Run("find", func(t *testing.T) { partFind(t, open(t)) })
}

// HistoryRows makes n rows of one day and source, with everything a post can
// have. Every fifth post is there in a second generation.
func HistoryRows(n int, source string, day time.Time) []models.Row {
	rows := make([]models.Row, 0, n)
	for i := range n {
		post, generation := i, 1
		if i%5 == 4 {
			post, generation = i-1, 2
		}
		rows = append(rows, historyRow(post, generation, source, day))
	}
	return rows
}

func historyRow(i, generation int, source string, day time.Time) models.Row {
	created := day.Add(time.Duration(i*7919%86_400_000) * time.Millisecond)
	likes := int64(i * 3)
	id := models.PostID(source, fmt.Sprintf("n%05d", i))
	colors := []string{"navy", "red", "ecru"}
	attrs := []models.Attribute{
		{Name: "color", Value: colors[i%3], Confidence: 0.75, Share: 0.5, Evidence: models.FromImage, Image: "aa", Model: "color", Version: "1"},
		{Name: "category", Value: "dress", Confidence: 0.5, Evidence: models.FromText, Model: "caption", Version: "2"},
	}
	rev := int64(generation * 3)
	p := models.Post{
		ID: id, SchemaVersion: 1, Rev: rev, Source: source, NativeID: fmt.Sprintf("n%05d", i), URL: "https://example.org/" + id,
		CreatedAt: created, CollectedAt: created.Add(time.Hour), Text: fmt.Sprintf("silk dress № %d 奢侈品 <b>", i), Language: "en",
		Hashtags: []string{"ootd", "奢侈品"}, Counts: models.Counts{Likes: &likes},
		Author: models.Author{ID: "a1", Handle: "ann", Location: models.Location{Country: "FR", Region: "FR-75", City: "Paris"}},
		Media:  []models.Media{{URL: "u", State: models.MediaOK, SHA256: "aa", PHash: "00ff", Rendition: "r/aa", Width: 640, Height: 480}},
		Published: map[string]models.Publication{
			"catalog": {Generation: generation, Version: "v1", Attributes: attrs, At: created.Add(2 * time.Hour)},
		},
	}
	if i%2 == 0 {
		p.Labels = []models.Label{{Attribute: "category", Taxonomy: "t1", Values: []string{"gown"}, By: []string{"bo"}, At: created.Add(time.Hour), Item: "i1"}}
	}
	run := models.Run{Post: id, Profile: "catalog", Version: "v1", Generation: generation, Seq: 9, State: models.Done, Attributes: attrs}
	body, err := json.Marshal(models.Frozen{Post: p, Run: run, Timeline: []models.Entry{{Seq: 8, Reason: "why"}}})
	if err != nil {
		panic(err) // plain data always marshals
	}
	return models.Row{
		Post: id, Profile: "catalog", Generation: generation, Rev: rev, Source: source,
		CreatedAt: created, ArchivedAt: created.Add(3 * time.Hour), Body: body,
	}
}

func testPart(id string, rows []models.Row) models.Part {
	return models.Part{
		ID: id, Day: rows[0].Day(), Source: rows[0].Source, State: models.PartStaged,
		Rows: len(rows), Checksum: models.Checksum(rows),
	}
}

func testDay() time.Time { return time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC) }

func sortRows(rows []models.Row) []models.Row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b models.Row) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		if a.Key() < b.Key() {
			return -1
		}
		return 1
	})
	return rows
}

// bodies compares bodies as text: as bytes a difference would take seconds to print.
func bodies() cmp.Option {
	return cmp.Transformer("body", func(b json.RawMessage) string { return string(b) })
}

func partRoundTrip(t *testing.T, s PartStore) {
	for _, n := range []int{1, 7, 1500} {
		rows := HistoryRows(n, "weibo", testDay())
		part := testPart(fmt.Sprint("p", n), rows)
		size, err := s.Write(t.Context(), part, rows)
		if err != nil || size <= 0 {
			t.Fatalf("Write of %d rows = %d, %v", n, size, err)
		}
		got, err := s.Read(t.Context(), part)
		if diff := cmp.Diff(sortRows(rows), got, bodies()); err != nil || diff != "" {
			t.Fatalf("Read of %d rows: %v %.2000s", n, err, diff)
		}
		count, sum, err := s.Verify(t.Context(), part)
		if err != nil || count != n || sum != part.Checksum {
			t.Errorf("Verify = %d, %x, %v; want %d, %x", count, sum, err, n, part.Checksum)
		}
	}
}

func partRepeated(t *testing.T, s PartStore) {
	rows := HistoryRows(20, "weibo", testDay())
	part := testPart("p", rows)
	first, err := s.Write(t.Context(), part, rows)
	succeed(t, err)
	slices.Reverse(rows)
	again, err := s.Write(t.Context(), part, rows)
	if err != nil || again != first {
		t.Errorf("the same rows again = %d, %v; want %d", again, err, first)
	}
	if _, err := s.Write(t.Context(), part, rows[1:]); models.ClassOf(err) != models.Permanent {
		t.Errorf("fewer rows = %v, want a permanent error", err)
	}
	changed := slices.Clone(rows)
	changed[3].Body = append(slices.Clone(changed[3].Body), ' ')
	if _, err := s.Write(t.Context(), part, changed); models.ClassOf(err) != models.Permanent {
		t.Errorf("another body = %v, want a permanent error", err)
	}
	if n, sum, err := s.Verify(t.Context(), part); err != nil || n != 20 || sum != part.Checksum {
		t.Errorf("Verify after refusals = %d, %x, %v", n, sum, err)
	}
}

func partRefused(t *testing.T, s PartStore) {
	rows := HistoryRows(3, "weibo", testDay())
	part := testPart("p", rows)
	for name, spoil := range map[string]func(r *models.Row){
		"another day":     func(r *models.Row) { r.CreatedAt = r.CreatedAt.AddDate(0, 0, 1) },
		"another source":  func(r *models.Row) { r.Source = "x" },
		"no body":         func(r *models.Row) { r.Body = nil },
		"a broken body":   func(r *models.Row) { r.Body = json.RawMessage(`{"post":`) },
		"another's body":  func(r *models.Row) { r.Body = rows[0].Body },
		"huge generation": func(r *models.Row) { r.Generation = 1 << 40 },
	} {
		bad := slices.Clone(rows)
		spoil(&bad[2])
		if _, err := s.Write(t.Context(), part, bad); models.ClassOf(err) != models.Permanent || err == nil {
			t.Errorf("%s: Write = %v, want a permanent error", name, err)
		}
		if _, _, err := s.Verify(t.Context(), part); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s: Verify = %v, want no file", name, err)
		}
	}
}

func partMissing(t *testing.T, s PartStore) {
	part := testPart("none", HistoryRows(1, "weibo", testDay()))
	_, rerr := s.Read(t.Context(), part)
	_, _, verr := s.Verify(t.Context(), part)
	_, ferr := s.Find(t.Context(), []models.Part{part}, []string{"weibo.1"})
	for name, err := range map[string]error{"Read": rerr, "Verify": verr, "Find": ferr} {
		if !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%s of a missing part = %v, want ErrNotFound", name, err)
		}
	}
}

func partFind(t *testing.T, s PartStore) {
	var parts []models.Part
	var all []models.Row
	for i := range 4 {
		rows := HistoryRows(700, []string{"weibo", "tumblr"}[i%2], testDay().AddDate(0, 0, i))
		part := testPart(fmt.Sprint("p", i), rows)
		_, err := s.Write(t.Context(), part, rows)
		succeed(t, err)
		parts, all = append(parts, part), append(all, rows...)
	}
	for _, ids := range [][]string{{all[0].Post}, {all[3].Post, all[699].Post, all[1400].Post, "weibo.nobody"}, {"weibo.nobody"}, nil} {
		got, err := s.Find(t.Context(), parts, ids)
		succeed(t, err)
		var want []models.Row
		for _, r := range all {
			if slices.Contains(ids, r.Post) {
				want = append(want, r)
			}
		}
		if diff := cmp.Diff(sortRows(want), sortRows(got), bodies()); diff != "" {
			t.Errorf("Find(%v): %.2000s", ids, diff)
		}
	}
}
