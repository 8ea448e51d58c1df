package trends_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"weft/internal/reading"
	"weft/internal/trends"
	"weft/labeling/ppi"
	"weft/models"
	"weft/storage/blobs"
	"weft/storage/history"
	"weft/storage/parquet"
	"weft/storage/sqlite"
)

// made is a made-up post: what models see in it, and what people said of it.
type made struct {
	id        string
	at        time.Time
	source    string
	predicted bool
	label     string // navy, red or nothing
	sample    bool
}

// posts are 240 of two months and two sources. Models see navy in too many, most
// of all in those that a rule asked about.
func posts() []made {
	out := make([]made, 240)
	for i := range out {
		m := &out[i]
		m.source = []string{"weibo", "mastodon"}[i%2]
		m.id = fmt.Sprintf("%s.%04d", m.source, i)
		m.at = time.Date(2026, 1, 20+i%20, 6, 0, i, 0, time.UTC)
		m.predicted = i%3 != 0
		switch {
		case i%4 < 2: // the sample, of both sources
			m.sample, m.label = true, map[bool]string{true: "navy", false: "red"}[i%5 < 2]
		case i%8 == 2: // a rule's: never navy
			m.label = "red"
		}
	}
	return out
}

type world struct {
	docs   *sqlite.Documents
	search *sqlite.Search
	files  *parquet.Parts
	reader *reading.Reader
}

func fill(t *testing.T, all []made) *world {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &world{}
	var err error
	w.docs, err = sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	must(err)
	w.search, err = sqlite.OpenSearch(t.Context(), filepath.Join(t.TempDir(), "search.db"))
	must(err)
	store, err := blobs.Open(t.Context(), "mem://")
	must(err)
	t.Cleanup(func() { _, _, _ = w.docs.Close(), w.search.Close(), store.Close() })
	w.files = parquet.New(store)
	w.reader = reading.New(reading.Params{
		Search: w.search, Documents: w.docs, Manifest: w.docs, History: reading.Files{Manifest: w.docs, Scanner: w.files},
	})
	for i := range all {
		must(w.add(t, &all[i]))
	}
	return w
}

func (w *world) add(t *testing.T, m *made) error {
	t.Helper()
	ctx := t.Context()
	color := map[bool]string{true: "navy", false: "red"}[m.predicted]
	p := models.Post{
		ID: m.id, SchemaVersion: models.SchemaVersion, Source: m.source, NativeID: m.id, CreatedAt: m.at, Text: "x",
		Published: map[string]models.Publication{"catalog": {Generation: 1, Version: "v1", Attributes: []models.Attribute{{Name: "color", Value: color, Confidence: 0.6}}}},
	}
	run := models.NewRun(m.id, "catalog", "v1", models.Normal, m.at, time.Minute)
	if _, err := w.docs.Admit(ctx, []models.Admission{{Post: p, Run: run}}); err != nil {
		return err
	}
	if m.label != "" {
		it := models.Item{
			ID: models.ItemID(m.id, "catalog", "t1"), Rev: 1, Post: m.id, Profile: "catalog", Taxonomy: "t1", State: models.ItemClosed, Sample: m.sample, Rule: !m.sample,
			Questions: []models.Question{{Attribute: "color"}}, OpenedAt: m.at,
		}
		if err := w.docs.PutItem(ctx, it); err != nil {
			return err
		}
		label := models.Label{Attribute: "color", Taxonomy: "t1", Values: []string{m.label}, By: []string{"bo"}, At: m.at, Item: it.ID, Sample: m.sample}
		if _, err := w.docs.Update(ctx, m.id, models.Change{Labels: []models.Label{label}}); err != nil {
			return err
		}
	}
	if err := w.docs.Move(ctx, run.End(models.Done, "done", m.at.Add(time.Hour))); err != nil {
		return err
	}
	post, _, err := w.docs.Post(ctx, m.id)
	if err != nil {
		return err
	}
	d, _ := models.Project(&post)
	if err := w.search.Put(ctx, d); err != nil {
		return err
	}
	body, err := json.Marshal(models.Frozen{Post: post, Run: run})
	if err != nil {
		return err
	}
	row := models.Row{Post: m.id, Profile: "catalog", Generation: 1, Rev: post.Rev, Source: m.source, CreatedAt: m.at, ArchivedAt: m.at.Add(time.Hour), Body: body}
	if err := w.docs.Stage(ctx, []models.Row{row}); err != nil {
		return err
	}
	return w.docs.Clean(ctx, m.id, post.Rev)
}

// purge lets the posts of January go.
func (w *world) purge(t *testing.T) int {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := history.New(history.Params{Staging: w.docs, Mover: w.docs, Files: w.files, Clock: now, MaxRows: 100}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	age := now().Sub(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	done, err := history.NewPurger(history.PurgeParams{
		Posts: w.docs, Marks: w.docs, Marker: w.docs, Search: w.search, Clock: now, Shortest: age, Retention: func(string, string) time.Duration { return age },
	}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done.Purged
}

// want is what the posts come to, counted one by one.
func want(all []made, from, until time.Time, source string) trends.Cell {
	c := trends.Cell{From: from, Until: until, Group: source}
	var pairs ppi.Pairs
	var rest ppi.Unlabelled
	for _, m := range all {
		if m.at.Before(from) || !m.at.Before(until) || source != "" && m.source != source {
			continue
		}
		c.Posts++
		if m.predicted {
			c.Predicted++
		}
		switch {
		case !m.sample:
			rest.Posts++
			if m.predicted {
				rest.Predicted++
			}
		case m.label == "navy" && m.predicted:
			pairs.Both++
		case m.label == "navy":
			pairs.PeopleOnly++
		case m.predicted:
			pairs.ModelOnly++
		default:
			pairs.Neither++
		}
	}
	c.Labelled, c.Estimate = pairs.N(), ppi.Share(pairs, rest)
	return c
}

func TestShares(t *testing.T) {
	all := posts()
	w := fill(t, all)
	january, february, march := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	q := trends.Query{
		Attribute: "color", Value: "navy", Bucket: "month", Posts: models.SearchQuery{Profiles: []string{"catalog"}, Since: january, Until: march},
	}
	for _, purged := range []bool{false, true} {
		if n := 0; purged {
			if n = w.purge(t); n < 100 || n > 200 {
				t.Fatalf("%d purged", n)
			}
		}
		for _, by := range []string{"", "source"} {
			q.By = by
			got, err := trends.Shares(t.Context(), w.reader, w.docs, q)
			if err != nil {
				t.Fatal(err)
			}
			groups := []string{""}
			if by != "" {
				groups = []string{"mastodon", "weibo"}
			}
			var wanted []trends.Cell
			for _, span := range [][2]time.Time{{january, february}, {february, march}} {
				for _, g := range groups {
					wanted = append(wanted, want(all, span[0], span[1], g))
				}
			}
			if len(got) != len(wanted) {
				t.Fatalf("purged %v, by %q: %d cells, want %d: %+v", purged, by, len(got), len(wanted), got)
			}
			for i := range got {
				if got[i] != wanted[i] {
					t.Errorf("purged %v, by %q:\n got %+v\nwant %+v", purged, by, got[i], wanted[i])
				}
				if c := got[i]; by == "" && (!c.Enough || c.Corrected > c.Model-0.1) {
					t.Errorf("%+v; models see navy in far too many, and the sample must say so", c)
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	w := fill(t, nil)
	good := trends.Query{Attribute: "color", Value: "navy", Bucket: "day", Posts: models.SearchQuery{
		Profiles: []string{"catalog"}, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	}}
	if got, err := trends.Shares(t.Context(), w.reader, w.docs, good); err != nil || len(got) != 31 {
		t.Errorf("%d days, %v; want 31", len(got), err)
	}
	for name, spoil := range map[string]func(q *trends.Query){
		"no range":       func(q *trends.Query) { q.Posts.Until = time.Time{} },
		"two profiles":   func(q *trends.Query) { q.Posts.Profiles = []string{"a", "b"} },
		"no value":       func(q *trends.Query) { q.Value = "" },
		"a bucket":       func(q *trends.Query) { q.Bucket = "year" },
		"too many spans": func(q *trends.Query) { q.Posts.Until = q.Posts.Until.AddDate(1, 0, 0) },
		"another value":  func(q *trends.Query) { q.Posts.Attributes = map[string][]string{"color": {"red"}} },
	} {
		q := good
		spoil(&q)
		if _, err := trends.Shares(t.Context(), w.reader, w.docs, q); err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}
