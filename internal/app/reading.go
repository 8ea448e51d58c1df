package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"weft/api"
	"weft/internal/exports"
	"weft/internal/reading"
	"weft/internal/trends"
	"weft/models"
)

// FolderHistory answers queries over a folder of the history's files. DuckDB does
// that, which only some commands link: see Options.History.
type FolderHistory interface {
	Newest(ctx context.Context, manifest func(context.Context) ([]models.Part, error), scan models.HistoryScan) ([]models.Row, error)
	Close() error
}

// verified are the parts that are the history.
func (a *App) verified(ctx context.Context) ([]models.Part, error) {
	return a.Documents.Parts(ctx, models.PartVerified, allParts)
}

// Reader returns a reader of both ends of the data. Its history is the warehouse,
// or the folder by what Options.History opens; without either, queries that need
// the history are refused.
func (a *App) Reader(ctx context.Context) (*reading.Reader, error) {
	p := reading.Params{Search: a.Search, Documents: a.Documents, Manifest: a.Documents, ScanRows: a.Config.History.ScanRows}
	switch {
	case a.Warehouse != nil:
		p.History = reading.Priced{Asked: reading.Asked{Ask: a.Warehouse.Newest}, Estimate: a.Warehouse.EstimateNewest}
	case a.HistoryDir != "" && a.opt.History != nil:
		h, err := a.opt.History(ctx, a.HistoryDir)
		if err != nil {
			return nil, fmt.Errorf("app: history: %w", err)
		}
		a.onClose("history's engine", h.Close)
		p.History = reading.Asked{Ask: func(ctx context.Context, scan models.HistoryScan) ([]models.Row, error) {
			return h.Newest(ctx, a.verified, scan)
		}}
	}
	return reading.New(p), nil
}

// Exporter returns what writes exports. It reads the history's files by itself:
// that needs no engine, and is not billed.
func (a *App) Exporter() *exports.Worker {
	return exports.New(exports.Params{
		Store: a.Documents, Blobs: a.Blobs, Holder: process(), Keep: a.Config.Exports.Keep, FileRows: int(a.Config.Exports.FileRows), Lease: a.Config.Exports.Lease,
		Clock: a.opt.Now, Log: a.Log,
		Posts: reading.New(reading.Params{
			Search: a.Search, Documents: a.Documents, Manifest: a.Documents, History: reading.Files{Manifest: a.Documents, Scanner: a.Parts},
		}),
	})
}

// readings are what the API asks of both ends, in its own words.
type readings struct {
	a *App
	r *reading.Reader
}

// Page is a page of posts of both ends.
func (p readings) Page(ctx context.Context, q models.SearchQuery) (docs []models.SearchDoc, next string, err error) {
	got, err := p.r.Page(ctx, q)
	return got.Docs, got.Next, err
}

// Count counts posts of both ends.
func (p readings) Count(ctx context.Context, q models.SearchQuery) (int64, map[string][]models.FacetCount, error) {
	got, err := p.r.Count(ctx, q)
	return got.Total, got.Facets, err
}

// Explain says where a query looks.
func (p readings) Explain(ctx context.Context, q models.SearchQuery) (api.Explanation, error) {
	e, err := p.r.Explain(ctx, q)
	out := api.Explanation{
		Ends: []string{}, Watermark: string(e.Watermark), Recent: e.Recent,
		History: api.HistoryCost{Days: e.Cost.Days, Parts: e.Cost.Parts, Rows: e.Cost.Rows, Bytes: e.Cost.Bytes, BytesBy: e.Cost.By},
	}
	if e.Search {
		out.Ends = append(out.Ends, "search")
	}
	if e.History {
		out.Ends = append(out.Ends, "history")
	}
	return out, err
}

// Shares tells a trend.
func (p readings) Shares(ctx context.Context, q api.TrendQuery) ([]api.Share, error) {
	cells, err := trends.Shares(ctx, p.r, p.a.Documents, trends.Query(q))
	var out []api.Share
	for _, c := range cells {
		s := api.Share{
			From: c.From, Until: c.Until, Group: c.Group, Posts: c.Posts, Predicted: c.Predicted, Labelled: c.Labelled, Model: c.Model,
		}
		if c.Enough {
			s.Corrected, s.Low, s.High = &c.Corrected, &c.Low, &c.High
		} else {
			s.Note = "not enough labels of the sample"
		}
		out = append(out, s)
	}
	return out, err
}

// exportsPort is what the API asks of exports.
type exportsPort struct {
	a *App
	r *reading.Reader
}

// errTries ends a change that others were always faster than.
var errTries = errors.New("others change it all the time; ask again")

// Create queues an export.
func (p exportsPort) Create(ctx context.Context, owner, format string, q models.SearchQuery) (models.Export, error) {
	now := p.a.opt.Now().UTC()
	e := models.Export{
		// ids are in the order of time, backwards: the newest come first
		ID: fmt.Sprintf("e%013d%s", 9_999_999_999_999-now.UnixMilli(), strings.ToLower(rand.Text()[:6])), Rev: 1,
		Owner: owner, Format: format, Query: q, State: models.ExportQueued, CreatedAt: now,
	}
	if explained, err := p.r.Explain(ctx, models.SearchQuery{Since: q.Since, Until: q.Until, Sources: q.Sources}); err == nil {
		e.Estimate = explained.Recent + explained.Cost.Rows
	}
	return e, p.a.Documents.PutExport(ctx, e)
}

func (p exportsPort) Export(ctx context.Context, id string) (models.Export, error) {
	return p.a.Documents.Export(ctx, id)
}

func (p exportsPort) Exports(ctx context.Context, after string, limit int) ([]models.Export, error) {
	return p.a.Documents.Exports(ctx, after, limit)
}

// Cancel ends an export, if it has not ended, and has a worker delete its files.
func (p exportsPort) Cancel(ctx context.Context, id string) error {
	const tries = 10
	for range tries {
		e, err := p.a.Documents.Export(ctx, id)
		if err != nil {
			return err
		}
		now := p.a.opt.Now().UTC()
		if !e.State.Ended() {
			e.State, e.EndedAt = models.ExportCancelled, now
		}
		e.ExpiresAt = now
		e.Rev++
		if err = p.a.Documents.PutExport(ctx, e); !errors.Is(err, models.ErrConflict) {
			return err
		}
	}
	return models.Faultf(models.Unavailable, "app: cancel export %s: %w", id, errTries)
}

// Open opens a finished file.
func (p exportsPort) Open(ctx context.Context, key string) (io.ReadSeeker, error) {
	r, size, err := p.a.Blobs.Reader(ctx, key)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(&pieces{r: r, size: blockSize}, 0, size), nil
}

// blockSize is how much of a file is read at a time: of a bucket each read is a
// request.
const blockSize = 4 << 20

// pieces reads a block at a time, and keeps the last one for the reads that follow.
type pieces struct {
	r    io.ReaderAt
	size int64
	from int64
	kept []byte
}

// ReadAt is io.ReaderAt's, for one reader at a time.
func (b *pieces) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		at := off + int64(n)
		if at < b.from || at >= b.from+int64(len(b.kept)) {
			block := make([]byte, b.size)
			got, err := b.r.ReadAt(block, at)
			b.from, b.kept = at, block[:got]
			if got == 0 {
				return n, cmp.Or(err, io.ErrNoProgress)
			}
		}
		n += copy(p[n:], b.kept[at-b.from:])
	}
	return len(p), nil
}

// exportInterval is how often workers look for exports.
const exportInterval = 2 * time.Second
