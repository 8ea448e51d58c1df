package answers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/internal/servers"
	"weft/models"
	"weft/storage/bigquery"
	"weft/storage/blobs"
	"weft/storage/duckdb"
	"weft/storage/parquet"
)

// dialect writes what stands in braces in a question. $1 and $2 are its words.
type dialect struct{ days, join string }

var (
	daysPattern = regexp.MustCompile(`\{days (\S+) (\S+)\}`)
	joinPattern = regexp.MustCompile(`\{(attributes|labels|hashtags) (\w+)\}`)
)

func (d dialect) write(sql string) string {
	return joinPattern.ReplaceAllString(daysPattern.ReplaceAllString(sql, d.days), d.join)
}

func TestHistory(t *testing.T) {
	q := readQuestions(t)
	t.Run("duckdb", func(t *testing.T) {
		dir := t.TempDir()
		files, err := blobs.Open(t.Context(), "file://"+dir+"?metadata=skip")
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		parts := writeParts(t, parquet.New(files))
		h, err := duckdb.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if err := h.Follow(t.Context(), parts, nil); err != nil {
			t.Fatal(err)
		}
		ask := func(sql string) ([]string, [][]any, error) { return h.Query(t.Context(), sql) }
		got := askHistory(t, dialect{days: "dt BETWEEN DATE '$1' AND DATE '$2'", join: ", UNNEST($1) AS u_$2($2)"}, q.History, ask)
		if *update {
			save(t, func(g *golden) { g.History = got })
		}
		checkHistory(t, got)
	})
	t.Run("bigquery", func(t *testing.T) {
		root := "gs://" + servers.Bucket(t)
		endpoint, gcs := servers.URL(t, servers.BigQuery), servers.URL(t, servers.GCS)
		t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(gcs, "http://"))
		files, err := blobs.Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		parts := writeParts(t, parquet.New(files))
		w, err := bigquery.Open(t.Context(), bigquery.Options{URL: servers.Dataset(t, endpoint), Files: root})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Load(t.Context(), "answers", parts); err != nil {
			t.Fatal(err)
		}
		ask := func(sql string) ([]string, [][]any, error) { return w.Query(t.Context(), sql) }
		checkHistory(t, askHistory(t, dialect{days: "dt BETWEEN DATE '$1' AND DATE '$2'", join: ", UNNEST($1) AS $2"}, q.History, ask))
	})
}

func checkHistory(t *testing.T, answers map[string]historyAnswer) {
	t.Helper()
	want := readAnswers(t).History
	for name, got := range answers {
		compare(t, want, name, got)
	}
}

func askHistory(t *testing.T, d dialect, questions []historyQuestion, ask func(sql string) ([]string, [][]any, error)) map[string]historyAnswer {
	t.Helper()
	answers := map[string]historyAnswer{}
	for _, q := range questions {
		columns, rows, err := ask(d.write(q.SQL))
		if err != nil {
			t.Fatalf("%s: %v", q.Name, err)
		}
		for _, row := range rows {
			for i := range row {
				row[i] = settle(row[i])
			}
		}
		answers[q.Name] = historyAnswer{Columns: columns, Rows: rows}
	}
	return answers
}

// settle makes one of what the two engines' sums and times come as.
func settle(v any) any {
	switch x := v.(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case fmt.Stringer: // sums of whole numbers come as big ones
		return json.Number(x.String())
	}
	return v
}

// writeParts writes the rows as parts of a day and source each, every third of
// which is split in two.
func writeParts(t *testing.T, files *parquet.Parts) []models.Part {
	t.Helper()
	type folder struct{ day, source string }
	sorted := map[folder][]models.Row{}
	var folders []folder
	for _, r := range rows(t) {
		at := folder{r.Day(), r.Source}
		if sorted[at] == nil {
			folders = append(folders, at)
		}
		sorted[at] = append(sorted[at], r)
	}
	var parts []models.Part
	for i, at := range folders {
		chunks := [][]models.Row{sorted[at]}
		if n := len(sorted[at]); i%3 == 0 && n > 1 {
			chunks = [][]models.Row{sorted[at][:n/2], sorted[at][n/2:]}
		}
		for j, chunk := range chunks {
			part := models.Part{ID: fmt.Sprintf("p%03d-%d", i, j), Day: at.day, Source: at.source, State: models.PartVerified, Rows: len(chunk), Checksum: models.Checksum(chunk)}
			if _, err := files.Write(t.Context(), part, chunk); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, part)
		}
	}
	return parts
}

// rows are 120 posts of January to March in one or two profiles, some of them
// archived anew.
func rows(t *testing.T) []models.Row {
	t.Helper()
	var out []models.Row
	for i := range 120 {
		source := []string{"instagram", "weibo", "mastodon"}[i%3]
		id := fmt.Sprintf("%s.%04d", source, i)
		created := time.Date(2026, 1, 1, 6, 0, i, 250_000_000, time.UTC).Add(time.Duration(i*17) * time.Hour)
		profiles := [][]string{{"catalog"}, {"catalog", "quality"}}[i%2]
		for _, profile := range profiles {
			for rev := int64(1); rev <= int64(1+i%3); rev++ {
				out = append(out, row(t, i, id, source, profile, rev, created))
			}
		}
	}
	return out
}

func row(t *testing.T, i int, id, source, profile string, rev int64, created time.Time) models.Row {
	t.Helper()
	generation := 1 + int(rev)/3
	attributes := []models.Attribute{
		{Name: "color", Value: []string{"navy", "red", "ecru"}[i%3], Confidence: float64(i%8) / 8, Evidence: models.FromImage, Model: "color", Version: "v1"},
		{Name: "category", Value: []string{"dress", "shirt"}[i%2], Confidence: 0.75, Evidence: models.FromImage, Model: "garment-s", Version: "v2"},
	}
	p := models.Post{
		ID: id, SchemaVersion: models.SchemaVersion, Rev: rev, Source: source, NativeID: fmt.Sprint(i), CreatedAt: created, CollectedAt: created.Add(time.Hour),
		Text: fmt.Sprintf("%s №%d, reading %d", []string{"silk dress <b>", "奢侈品手表", "été \"brodé\"\n— שלום"}[i%3], i%5, rev), Language: "en",
		Hashtags:  [][]string{nil, {"ootd"}, {"ootd", "奢侈品"}}[i%3],
		Author:    models.Author{ID: fmt.Sprint(i % 7), Handle: "ann", Location: models.Location{Kind: "profile", Country: []string{"FR", "CN", ""}[i%3]}},
		Published: map[string]models.Publication{profile: {Generation: generation, Version: "p1", Attributes: attributes, Unchecked: i%5 == 0, At: created.Add(2 * time.Hour)}},
	}
	if i%4 != 0 {
		likes := int64(i * 3)
		p.Counts.Likes = &likes
	}
	if i%6 == 0 {
		p.Labels = []models.Label{{Attribute: "category", Taxonomy: "t1", Values: []string{"gown"}, By: []string{"bo"}, At: created.Add(time.Hour), Item: "i1", Sample: i%12 == 0}}
	}
	run := models.Run{Post: id, Profile: profile, Version: "p1", Generation: generation, Seq: 6, State: models.Done, Step: models.Archive, Attributes: attributes}
	body, err := json.Marshal(models.Frozen{Post: p, Run: run, Timeline: []models.Entry{{Seq: 5, Reason: "why"}}})
	if err != nil {
		t.Fatal(err)
	}
	return models.Row{
		Post: id, Profile: profile, Generation: generation, Rev: rev, Source: source, CreatedAt: created,
		ArchivedAt: created.Add(3*time.Hour + time.Duration(rev)*time.Minute), Body: slices.Clip(body),
	}
}
