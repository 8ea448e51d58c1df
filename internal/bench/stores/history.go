package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	bq "cloud.google.com/go/bigquery"
	driver "github.com/parquet-go/parquet-go"
	"google.golang.org/api/option"

	"weft/internal/servers"
	"weft/models"
	"weft/storage/bigquery"
	"weft/storage/blobs"
	"weft/storage/parquet"
)

// partRows are the rows of one part: what archive.max_rows is by default.
const partRows = 50_000

// archiveDay is when all measured posts were created.
func archiveDay() time.Time { return time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC) }

// benchArchive measures the writing of parts to the disk, fsync included,
// against the Parquet library given the same bodies to make the same columns of.
func benchArchive(ctx context.Context, s setting) (err error) {
	store, err := blobs.Open(ctx, "file://"+filepath.Join(s.dir, "weft")+"?metadata=skip")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	files := parquet.New(store)
	var weft, plain time.Duration
	var bytes, raw int64
	for from := 0; from < s.posts; from += partRows {
		rows, err := frozenRows(from, min(from+partRows, s.posts))
		if err != nil {
			return err
		}
		part := partOf(rows, from)
		begin := time.Now()
		n, err := files.Write(ctx, part, rows)
		if err != nil {
			return err
		}
		weft += time.Since(begin)
		bytes += n
		begin = time.Now()
		if err := writePlain(filepath.Join(s.dir, part.ID+".parquet"), rows); err != nil {
			return err
		}
		plain += time.Since(begin)
		for i := range rows {
			raw += int64(len(rows[i].Body))
		}
	}
	fmt.Printf("archive_weft_rows_per_s: %.0f\narchive_bulk_rows_per_s: %.0f\narchive_weft_vs_bulk: %.2f\n",
		rate(s.posts, weft), rate(s.posts, plain), plain.Seconds()/weft.Seconds())
	fmt.Printf("archive_mb_per_s: %.1f\narchive_bytes_per_post: %d\narchive_body_bytes_per_post: %d\n",
		float64(raw)/1e6/weft.Seconds(), bytes/int64(s.posts), raw/int64(s.posts))
	return nil
}

func partOf(rows []models.Row, from int) models.Part {
	return models.Part{
		ID: fmt.Sprintf("bench%07d", from), Day: archiveDay().Format(time.DateOnly), Source: "bench", State: models.PartWritten,
		Rows: len(rows), Checksum: models.Checksum(rows),
	}
}

// frozenRows are rows as the archive step freezes them: about as large as those of
// the demo's posts.
func frozenRows(from, to int) ([]models.Row, error) {
	rows := make([]models.Row, 0, to-from)
	for i := from; i < to; i++ {
		created := archiveDay().Add(time.Duration(i) * time.Millisecond)
		likes := int64(i % 1000)
		attributes := []models.Attribute{
			{Name: "color", Value: "navy", Confidence: 0.91, Evidence: models.FromImage, Model: "color", Version: "v1", Share: 0.4},
			{Name: "color", Value: "red", Confidence: 0.42, Evidence: models.FromImage, Model: "color", Version: "v1", Share: 0.2},
			{Name: "category", Value: "dress", Confidence: 0.8, Evidence: models.FromText, Model: "caption", Version: "v3"},
		}
		p := models.Post{
			ID: postID(i), SchemaVersion: models.SchemaVersion, Rev: 3, Source: "bench", NativeID: fmt.Sprint(i), URL: fmt.Sprintf("https://example.org/p/%d", i),
			CreatedAt: created, CollectedAt: created.Add(time.Minute), Text: fmt.Sprintf("A red dress and a navy bag, number %d, seen at the %d. market 👗 #ootd", i, i%31),
			Hashtags: []string{"ootd"}, Author: models.Author{ID: fmt.Sprint(i % 9973), Handle: fmt.Sprint("author", i%9973)}, Counts: models.Counts{Likes: &likes},
			Media: []models.Media{{URL: fmt.Sprintf("https://cdn.example/%d.jpg", i), State: models.MediaOK, SHA256: fmt.Sprintf("%064x", i*2654435761), PHash: fmt.Sprintf("%016x", i*40503),
				Rendition: fmt.Sprintf("renditions/%064x", i*2654435761), Width: 1080, Height: 1350}},
			Published: map[string]models.Publication{profile: {Generation: 1, Version: "v1", Attributes: attributes, At: created.Add(time.Hour)}},
			Raw:       fmt.Appendf(nil, `{"id": %d, "caption": {"text": "A red dress and a navy bag, number %d"}, "like_count": %d, "user": {"pk": %d}}`, i, i, likes, i%9973),
		}
		run := models.Run{Post: p.ID, Profile: profile, Version: "v1", Generation: 1, Seq: 5, State: models.Done, Step: models.Archive, AdmittedAt: created, MovedAt: created, Attributes: attributes}
		var timeline []models.Entry
		for seq, step := range []models.Step{models.Fetch, models.Fetch, models.AnalyzeLight, models.Index} {
			timeline = append(timeline, models.Entry{Seq: int64(seq), Generation: 1, Step: step, Outcome: models.OutAdvance, Reason: "no rule sends it anywhere else", At: created, Duration: 0.012, Cost: 0.008})
		}
		body, err := json.Marshal(models.Frozen{Post: p, Run: run, Timeline: timeline})
		if err != nil {
			return nil, err
		}
		rows = append(rows, models.Row{
			Post: p.ID, Profile: profile, Generation: 1, Rev: 3, Source: "bench", CreatedAt: created, ArchivedAt: created.Add(2 * time.Hour), Body: body,
		})
	}
	return rows, nil
}

// plainRecord is what somebody would write who has no Weft: the columns that
// are asked for most, of the same bodies.
type plainRecord struct {
	Post       string             `parquet:"post"`
	CreatedAt  time.Time          `parquet:"created_at,timestamp(millisecond)"`
	URL        string             `parquet:"url"`
	Text       string             `parquet:"text"`
	Author     string             `parquet:"author_id"`
	Hashtags   []string           `parquet:"hashtags,list"`
	Attributes []models.Attribute `parquet:"attributes,list"`
	Body       string             `parquet:"body"`
}

func writePlain(path string, rows []models.Row) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Sync(), f.Close()) }()
	w := driver.NewGenericWriter[plainRecord](f, driver.Compression(&driver.Zstd), driver.MaxRowsPerRowGroup(16<<10))
	const chunk = 512
	for from := 0; from < len(rows); from += chunk {
		var records []plainRecord
		for i := from; i < min(from+chunk, len(rows)); i++ {
			var f models.Frozen
			if err := json.Unmarshal(rows[i].Body, &f); err != nil {
				return err
			}
			records = append(records, plainRecord{
				Post: f.Post.ID, CreatedAt: f.Post.CreatedAt, URL: f.Post.URL, Text: f.Post.Text, Author: f.Post.Author.ID, Hashtags: f.Post.Hashtags,
				Attributes: f.Run.Attributes, Body: string(rows[i].Body),
			})
		}
		if _, err := w.Write(records); err != nil {
			return err
		}
	}
	return w.Close()
}

// loadParts are how many files a load brings.
const loadParts = 10

// benchLoad measures a load of several parts by the warehouse against jobs by
// hand: one for all of them, and one for each.
func benchLoad(ctx context.Context, s setting) (err error) {
	gcs, err := server(servers.GCS)
	if err != nil {
		return err
	}
	endpoint, err := server(servers.BigQuery)
	if err != nil {
		return err
	}
	endpoint += "/"
	name := fmt.Sprintf("bench%d", time.Now().UnixNano())
	if err := makeBucket(ctx, gcs, name); err != nil {
		return err
	}
	root := "gs://" + name
	if err := os.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(gcs, "http://")); err != nil {
		return err
	}
	store, err := blobs.Open(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	parts, err := writeParts(ctx, parquet.New(store), s.posts)
	if err != nil {
		return err
	}
	warehouse, err := bigquery.Open(ctx, bigquery.Options{URL: "bigquery://test-project/" + name + "?endpoint=" + url.QueryEscape(endpoint), Files: root})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	begin := time.Now()
	if err := warehouse.Load(ctx, "bench", parts); err != nil {
		return err
	}
	weft := time.Since(begin)
	begin = time.Now()
	tallies, err := warehouse.Tally(ctx, parts)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if tallies[p.ID] != (models.Tally{Rows: p.Rows, Checksum: p.Checksum}) {
			return fmt.Errorf("part %s: the table holds %+v", p.ID, tallies[p.ID])
		}
	}
	fmt.Printf("load_tally_rows_per_s: %.0f\n", rate(s.posts, time.Since(begin)))
	single, bulk, err := loadPlain(ctx, endpoint, name, root, parts)
	if err != nil {
		return err
	}
	compare("load", rate(s.posts, weft), rate(s.posts, single), rate(s.posts, bulk))
	return nil
}

func makeBucket(ctx context.Context, gcs, name string) error {
	h := handmade{http: http.DefaultClient, root: gcs}
	_, err := h.call(ctx, http.MethodPost, "/storage/v1/b?project=test-project", []byte(`{"name": "`+name+`"}`))
	return err
}

func writeParts(ctx context.Context, files *parquet.Parts, n int) ([]models.Part, error) {
	var parts []models.Part
	size := (n + loadParts - 1) / loadParts
	for from := 0; from < n; from += size {
		rows, err := frozenRows(from, min(from+size, n))
		if err != nil {
			return nil, err
		}
		part := partOf(rows, from)
		if _, err := files.Write(ctx, part, rows); err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// loadPlain loads the files with the client alone.
func loadPlain(ctx context.Context, endpoint, dataset, root string, parts []models.Part) (single, bulk time.Duration, err error) {
	client, err := bq.NewClient(ctx, "test-project", option.WithEndpoint(endpoint), option.WithoutAuthentication())
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	table, err := client.Dataset(dataset).Table("history").Metadata(ctx)
	if err != nil {
		return 0, 0, err
	}
	load := func(into string, uris ...string) error {
		ref := bq.NewGCSReference(uris...)
		ref.SourceFormat = bq.Parquet
		ref.ParquetOptions = &bq.ParquetOptions{EnableListInference: true}
		loader := client.Dataset(dataset).Table(into).LoaderFrom(ref)
		loader.HivePartitioningOptions = &bq.HivePartitioningOptions{Mode: bq.CustomHivePartitioningMode, SourceURIPrefix: root + "/{dt:DATE}/{source:STRING}"}
		job, err := loader.Run(ctx)
		if err != nil {
			return err
		}
		status, err := job.Wait(ctx)
		if err != nil {
			return err
		}
		return status.Err()
	}
	var uris []string
	for _, p := range parts {
		uris = append(uris, root+"/"+p.Path())
	}
	for _, into := range []string{"bulk", "single"} {
		if err := client.Dataset(dataset).Table(into).Create(ctx, &bq.TableMetadata{Schema: table.Schema, TimePartitioning: table.TimePartitioning, Clustering: table.Clustering}); err != nil {
			return 0, 0, err
		}
	}
	begin := time.Now()
	if err := load("bulk", uris...); err != nil {
		return 0, 0, err
	}
	bulk = time.Since(begin)
	begin = time.Now()
	for _, uri := range uris {
		if err := load("single", uri); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(begin), bulk, nil
}

// withDatabase puts the name of a database into the URL of a server.
func withDatabase(server, name string) string {
	address, options, _ := strings.Cut(server, "?")
	return strings.TrimSuffix(address, "/") + "/" + name + "?" + options
}
