package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weft/internal/config"
	"weft/labeling"
	"weft/models"
	"weft/queue"
	"weft/storage/blobs"
	"weft/storage/history"
	"weft/storage/parquet"
	"weft/storage/sqlite"
	"weft/tasks"
)

// ErrNotBuiltIn means that a store or queue is planned, and named in the
// configuration, but not there yet.
var ErrNotBuiltIn = errors.New("not built in yet")

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
	history.Staging
	history.Mover
	history.Posts
	history.Erasures
	history.Manifest
	ProfileStore

	Admit(ctx context.Context, admissions []models.Admission) ([]models.Admittance, error)
	Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	ForgetLog(ctx context.Context, post string, limit int) ([]models.Audit, error)
	Unseen(ctx context.Context) ([]string, error)
	Counts(ctx context.Context) ([]models.Count, error)
	Admitted(ctx context.Context) (int64, error)
	Results(ctx context.Context, keys []string) (map[string]models.Result, error)
	PutResults(ctx context.Context, results []models.Result) error
	StagedCount(ctx context.Context) (int64, error)
	Stub(ctx context.Context, id string) (models.Stub, error)
	Stubs(ctx context.Context, after string, limit int) ([]models.Stub, error)
	Restore(ctx context.Context, post models.Post, runs []models.Run) ([]models.Run, error)
	PutCampaign(ctx context.Context, c models.Campaign) error
	Campaigns(ctx context.Context) ([]models.Campaign, error)
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

// openStores opens the stores that the URLs name.
func (a *App) openStores(ctx context.Context, cfg config.Config) error {
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return fmt.Errorf("app: data folder: %w", err)
	}
	path, err := sqlitePath("documents.url", cfg.Documents.URL)
	if err != nil {
		return err
	}
	docs, err := sqlite.OpenDocuments(ctx, path)
	if err != nil {
		return fmt.Errorf("app: documents: %w", err)
	}
	a.onClose("documents", docs.Close)
	a.Documents = docs

	if path, err = sqlitePath("search.url", cfg.Search.URL); err != nil {
		return err
	}
	search, err := sqlite.OpenSearch(ctx, path)
	if err != nil {
		return fmt.Errorf("app: search: %w", err)
	}
	a.onClose("search", search.Close)
	a.Search = search

	if !strings.HasPrefix(cfg.Blobs.URL, "file:") {
		return notBuiltIn("blobs.url", cfg.Blobs.URL, "file://FOLDER")
	}
	if a.Blobs, err = blobs.Open(ctx, cfg.Blobs.URL); err != nil {
		return fmt.Errorf("app: blobs: %w", err)
	}
	a.onClose("blobs", a.Blobs.Close)
	return a.openHistory(ctx, cfg)
}

// openHistory opens the folder of Parquet parts. Only `weft query` puts DuckDB
// on top of it: building and reading parts needs none.
func (a *App) openHistory(ctx context.Context, cfg config.Config) error {
	dir, err := HistoryPath(cfg)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("app: history folder: %w", err)
	}
	// Parquet readers want a plain folder, so no metadata files lie beside the parts.
	store, err := blobs.Open(ctx, "file://"+dir+"?metadata=skip")
	if err != nil {
		return fmt.Errorf("app: history: %w", err)
	}
	a.onClose("history", store.Close)
	a.HistoryDir = dir
	a.Parts = parquet.New(store)
	return nil
}

// notBuiltIn refuses a URL that the configuration knows and this program doesn't.
func notBuiltIn(key, url, allowed string) error {
	return fmt.Errorf("app: %s %q: %w; allowed: %s", key, config.Redact(url), ErrNotBuiltIn, allowed)
}

// HistoryPath returns the folder that history.url names.
func HistoryPath(cfg config.Config) (string, error) {
	dir, ok := strings.CutPrefix(cfg.History.URL, "duckdb:")
	if !ok {
		return "", notBuiltIn("history.url", cfg.History.URL, "duckdb:FOLDER")
	}
	return filepath.Abs(dir)
}

func sqlitePath(key, url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return "", notBuiltIn(key, url, "sqlite:FILE")
	}
	return filepath.Abs(path)
}
