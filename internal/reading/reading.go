// Package reading answers a query over all posts that Weft ever published: the
// recent ones, which search has, and those that only the history has, each once.
//
// Posts leave search for the history one by one while somebody reads. What makes
// an answer right is the order of looking: first into search, then at the
// watermark, then into the history, and last at where each post found there
// stands (Documents.Standings). A post that search didn't show because it had
// left has rows that were verified before, so the history, asked later, shows it;
// one that search did show is dropped when it comes a second time. Whoever is
// neither in the documents nor purged was forgotten, and isn't shown, whatever
// the history still holds.
//
// The watermark spares the history: posts created at or behind it never left.
package reading

import (
	"context"
	"iter"
	"time"

	"weft/models"
)

// Search is the search over recent posts.
type Search interface {
	Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error)
}

// Documents know where posts are.
type Documents interface {
	Watermark(ctx context.Context) (models.Watermark, error)
	Standings(ctx context.Context, posts []string) (map[string]models.Standing, error)
	// Post returns a post with its runs, or models.ErrNotFound.
	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
}

// Manifest lists the parts of the history.
type Manifest interface {
	Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error)
}

// History reads the newest row of each post, in the order of scan.
type History interface {
	Newest(ctx context.Context, scan models.HistoryScan) iter.Seq2[models.Row, error]
}

// Estimator says what a scan of the history costs, in bytes. A History that has
// none is judged by the sizes of its files.
type Estimator interface {
	EstimateNewest(ctx context.Context, scan models.HistoryScan) (int64, error)
}

// Params are what a Reader needs.
type Params struct {
	Search    Search
	Documents Documents
	Manifest  Manifest
	History   History // nil: there is none that can be asked, and queries that need it are refused
	// ScanRows is how many rows of the history one answer may look at: beyond it
	// a query that must see all of them, to count or to sort by likes, is refused.
	ScanRows int64 // 0: 1,000,000
}

// Reader answers queries over both ends. Safe for concurrent use.
type Reader struct {
	p Params
}

const (
	defaultScanRows = 1_000_000
	defaultLimit    = 20
	maxLimit        = 1000
	// round is how many posts of either end are merged at once.
	round = 1000
	// allParts is more than there will ever be.
	allParts = 1 << 30
)

// New returns a reader.
func New(p Params) *Reader {
	if p.ScanRows <= 0 {
		p.ScanRows = defaultScanRows
	}
	return &Reader{p: p}
}

// Found is a post of an answer.
type Found struct {
	Doc  models.SearchDoc
	Post *models.Post // whole, if it came from the history or the documents
}

// place is where a post stands in the order of creation.
func (f *Found) place() models.Place { return models.PlaceOf(f.Doc.ID, f.Doc.CreatedAt) }

// check refuses what neither end can do alike.
func check(q models.SearchQuery) error {
	switch q.Sort {
	case "", "newest", "oldest", "likes":
	case "relevance":
		return models.Faultf(models.Permanent, "reading: sort relevance is search's alone; allowed: newest, oldest, likes")
	default:
		return models.Faultf(models.Permanent, "reading: unknown sort %q; allowed: newest, oldest, likes", q.Sort)
	}
	if err := q.Check(); err != nil {
		return models.Faultf(models.Permanent, "reading: %w", err)
	}
	return nil
}

// floor is what is compared of a time: whole milliseconds.
func floor(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
