package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/api"
	"weft/internal/activity"
	"weft/internal/config"
	"weft/internal/reindex"
	"weft/labeling"
	"weft/models"
	"weft/queue"
	"weft/storage/bigquery"
	"weft/storage/blobs"
	"weft/storage/elastic"
	"weft/storage/history"
	"weft/storage/mongo"
	"weft/storage/parquet"
	"weft/storage/sqlite"
	"weft/tasks"
)

// Documents is everything that Weft's parts ask of the document store. Each
// part declares its own few methods; this is their sum, for the wiring alone.
type Documents interface {
	tasks.Books
	tasks.Items
	tasks.Refs
	tasks.Staging
	tasks.Timelines
	tasks.DirtyPosts
	queue.Books
	queue.Memory
	labeling.Items
	labeling.Posts
	labeling.Claims
	labeling.Leases
	labeling.Outlook
	labeling.Judged
	history.Staging
	history.Mover
	history.Posts
	history.Erasures
	history.Marks
	history.Manifest
	reindex.Posts
	ProfileStore
	Profiles(ctx context.Context) ([]models.ProfileVersion, error)
	api.Keyring
	api.Keys
	api.Sessions
	api.Audit
	api.Requests
	activity.Store

	Admit(ctx context.Context, admissions []models.Admission) ([]models.Admittance, error)
	Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	ForgetLog(ctx context.Context, post string, limit int) ([]models.Audit, error)
	Unseen(ctx context.Context) ([]string, error)
	Counts(ctx context.Context) ([]models.Count, error)
	Activity(ctx context.Context, since, until time.Time, profile string) ([]models.Activity, error)
	Standings(ctx context.Context, posts []string) (map[string]models.Standing, error)
	Labelled(ctx context.Context, attribute string, since, until time.Time, after string, max int) ([]models.Post, error)
	PutExport(ctx context.Context, e models.Export) error
	Export(ctx context.Context, id string) (models.Export, error)
	Exports(ctx context.Context, after string, limit int) ([]models.Export, error)
	DeleteExport(ctx context.Context, id string, rev int64) error
	Admitted(ctx context.Context) (int64, error)
	Results(ctx context.Context, keys []string) (map[string]models.Result, error)
	PutResults(ctx context.Context, results []models.Result) error
	StagedCount(ctx context.Context) (int64, error)
	Stub(ctx context.Context, id string) (models.Stub, error)
	Restore(ctx context.Context, post models.Post, runs []models.Run) ([]models.Run, error)
	PutCampaign(ctx context.Context, c models.Campaign) error
	api.CampaignBooks
	Release(ctx context.Context, now time.Time, limit int) ([]string, error)
	Undoom(ctx context.Context, keys []string) error
	Cursor(ctx context.Context, query string) (models.Cursor, error)
	PutCursor(ctx context.Context, c models.Cursor) error
	Cursors(ctx context.Context) ([]models.Cursor, error)
	PostsOf(ctx context.Context, source string, since time.Time, after string, limit int) ([]models.Post, error)
	Take(ctx context.Context, budget, item string, limit int, window time.Duration, now time.Time) (free time.Time, err error)
	Similar(ctx context.Context, phash string, distance, limit int) ([]models.Near, error)
	Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error)
}

// Search is everything that is asked of search.
type Search interface {
	tasks.Search
	Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error)
	Get(ctx context.Context, id string) (models.SearchDoc, error)
}

// Warehouse is the table that the history is loaded into.
type Warehouse interface {
	history.Warehouse
	Query(ctx context.Context, query string, args ...any) (names []string, rows [][]any, err error)
	Estimate(ctx context.Context, query string, args ...any) (bytes int64, err error)
	Newest(ctx context.Context, scan models.HistoryScan) ([]models.Row, error)
	EstimateNewest(ctx context.Context, scan models.HistoryScan) (int64, error)
}

// openStores opens the stores that the URLs name.
func (a *App) openStores(ctx context.Context, cfg config.Config) error {
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return fmt.Errorf("app: data folder: %w", err)
	}
	if err := a.openDocuments(ctx, cfg.Documents.URL); err != nil {
		return fmt.Errorf("app: documents: %w", err)
	}
	if err := a.openSearch(ctx, cfg.Search.URL); err != nil {
		return fmt.Errorf("app: search: %w", err)
	}
	var err error
	if a.Blobs, err = blobs.Open(ctx, cfg.Blobs.URL); err != nil {
		return fmt.Errorf("app: blobs: %w", err)
	}
	a.onClose("blobs", a.Blobs.Close)
	return a.openHistory(ctx, cfg.History)
}

func (a *App) openDocuments(ctx context.Context, url string) error {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		docs, err := sqlite.OpenDocuments(ctx, path)
		if err != nil {
			return err
		}
		a.onClose("documents", docs.Close)
		a.Documents = docs
		return nil
	}
	docs, err := mongo.OpenDocuments(ctx, url)
	if err != nil {
		return err
	}
	a.onClose("documents", docs.Close)
	a.Documents = docs
	return nil
}

func (a *App) openSearch(ctx context.Context, url string) error {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		search, err := sqlite.OpenSearch(ctx, path)
		if err != nil {
			return err
		}
		a.onClose("search", search.Close)
		a.Search = search
		return nil
	}
	embedding, _ := a.Registry.Info(a.Config.Analysis.Embedding)
	search, err := elastic.Open(ctx, url, elastic.Options{Dims: embedding.Embedding})
	if err != nil {
		return err
	}
	a.onClose("search", search.Close)
	a.Search = search
	return nil
}

// openHistory opens the files of the history, and the warehouse if there is
// one. Only `weft query` puts DuckDB on top: building and reading parts needs none.
func (a *App) openHistory(ctx context.Context, cfg config.History) error {
	url := cfg.URL
	if dir, ok := strings.CutPrefix(url, "duckdb:"); ok {
		dir, err := filepath.Abs(dir)
		if err == nil {
			err = os.MkdirAll(dir, 0o750)
		}
		if err != nil {
			return fmt.Errorf("app: history folder: %w", err)
		}
		// Parquet readers want a plain folder, so no metadata files lie beside the parts.
		url = "file://" + dir + "?metadata=skip"
		a.HistoryDir = dir
	}
	store, err := blobs.Open(ctx, url)
	if err != nil {
		return fmt.Errorf("app: history: %w", err)
	}
	a.onClose("history", store.Close)
	a.files = store
	a.Parts = parquet.New(store)
	if cfg.Warehouse == "" {
		return nil
	}
	warehouse, err := bigquery.Open(ctx, bigquery.Options{
		URL: cfg.Warehouse, Files: withoutOptions(cfg.URL), BytesLimit: cfg.QueryBytes, StorageRead: cfg.StorageRead, ReadOnly: a.opt.NoQueue && !a.opt.Repairs,
	})
	if err != nil {
		return fmt.Errorf("app: history.warehouse: %w", err)
	}
	a.onClose("warehouse", warehouse.Close)
	a.Warehouse = warehouse
	return nil
}

// withoutOptions is the place that a URL names, without how to get there.
func withoutOptions(url string) string {
	place, _, _ := strings.Cut(url, "?")
	return place
}

// warehouse is nil if there is none, for those who ask.
func (a *App) warehouse() history.Warehouse {
	if a.Warehouse == nil {
		return nil
	}
	return a.Warehouse
}

// HistoryPath returns the folder that history.url names; false if it names a bucket.
func HistoryPath(cfg config.Config) (string, bool) {
	dir, ok := strings.CutPrefix(cfg.History.URL, "duckdb:")
	return dir, ok
}
