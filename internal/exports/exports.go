// Package exports writes sets of posts to files, in somebody's name.
//
// An export is a document that says how far it has come: its finished files, and
// the place of the last post in them. Files are finished one after the other,
// and each is on the disk before the document names it; so a process may be
// killed at any moment, and whoever goes on begins behind the last finished
// file. A post is in one file, once. Of several at one export, the document's rev
// lets one go on.
package exports

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"weft/internal/reading"
	"weft/models"
)

// Store keeps the documents of exports.
type Store interface {
	// PutExport wants Rev to be one more than the stored one's, else models.ErrConflict.
	PutExport(ctx context.Context, e models.Export) error
	Exports(ctx context.Context, after string, max int) ([]models.Export, error)
	DeleteExport(ctx context.Context, id string, rev int64) error
	// Lease takes or prolongs a lease until now+ttl; a ttl of zero gives it back.
	Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error)
}

// Blobs keep the files.
type Blobs interface {
	WriteOnce(ctx context.Context, key string, write func(io.Writer) error) (already bool, err error)
	Delete(ctx context.Context, key string) error
}

// Posts are what is exported.
type Posts interface {
	Stream(ctx context.Context, q models.SearchQuery, after models.Place, want int) iter.Seq2[reading.Found, error]
}

// Params are what a Worker needs.
type Params struct {
	Store    Store
	Blobs    Blobs
	Posts    Posts
	FileRows int              // posts in a file; 0: 50,000
	Keep     time.Duration    // how long a finished export is kept; 0: a week
	Holder   string           // names this process to others
	Lease    time.Duration    // after which others go on with what this process left; 0: a minute
	Tries    int              // that may fail between two files; 0: 5
	Clock    func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: silent
}

// Worker writes exports. Several may run at once.
type Worker struct {
	p Params
}

// New returns a worker.
func New(p Params) *Worker {
	if p.FileRows <= 0 {
		p.FileRows = 50_000
	}
	if p.Keep <= 0 {
		p.Keep = 7 * 24 * time.Hour
	}
	if p.Lease <= 0 {
		p.Lease = time.Minute
	}
	if p.Tries <= 0 {
		p.Tries = 5
	}
	if p.Clock == nil {
		p.Clock = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Worker{p: p}
}

// Formats are the formats of exports.
func Formats() []string { return []string{"parquet", "ndjson", "csv"} }

// Run makes one pass: it writes what waits, to its end, and deletes what has expired.
func (w *Worker) Run(ctx context.Context) error {
	var errs []error
	for after := ""; ; {
		all, err := w.p.Store.Exports(ctx, after, 100)
		if err != nil || len(all) == 0 {
			return errors.Join(append(errs, err)...)
		}
		for _, e := range all {
			after = e.ID
			switch {
			case e.State.Ended() && !e.ExpiresAt.IsZero() && !w.p.Clock().Before(e.ExpiresAt):
				err = w.remove(ctx, e)
			case !e.State.Ended():
				err = w.write(ctx, e)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil && !errors.Is(err, models.ErrConflict) { // somebody else is at it, or cancelled it
				errs = append(errs, fmt.Errorf("exports: %s: %w", e.ID, err))
			}
		}
	}
}

// remove deletes the files, then the document: what dies in between is repeated.
func (w *Worker) remove(ctx context.Context, e models.Export) error {
	for _, f := range e.Files {
		if err := w.p.Blobs.Delete(ctx, f.Key); err != nil {
			return err
		}
	}
	if e.Writing != "" {
		if err := w.p.Blobs.Delete(ctx, e.Writing); err != nil {
			return err
		}
	}
	return w.p.Store.DeleteExport(ctx, e.ID, e.Rev)
}

// write takes an export to its end. What fails is tried again at the next pass,
// from behind the last finished file.
func (w *Worker) write(ctx context.Context, e models.Export) error {
	mine, err := w.lease(ctx, e.ID, w.p.Lease)
	if err != nil || !mine {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	var beat sync.WaitGroup
	beat.Go(func() { w.hold(ctx, e.ID) })
	defer func() {
		end()
		beat.Wait()
		_, _ = w.lease(context.WithoutCancel(ctx), e.ID, 0) // if it fails, the lease ends by itself
	}()
	err = w.files(ctx, &e)
	if err == nil || errors.Is(err, models.ErrConflict) || ctx.Err() != nil {
		return err
	}
	e.Faults++
	e.Error = "it failed, and is tried again"
	if models.ClassOf(err) == models.Permanent || e.Faults >= w.p.Tries {
		e.State, e.EndedAt, e.Error = models.ExportFailed, w.p.Clock(), "it failed; the log says why"
		e.ExpiresAt = e.EndedAt.Add(w.p.Keep)
	}
	return errors.Join(err, w.put(ctx, &e))
}

// lease keeps others from the same work; what keeps it right is the document's rev.
func (w *Worker) lease(ctx context.Context, id string, ttl time.Duration) (bool, error) {
	return w.p.Store.Lease(ctx, "export/"+id, w.p.Holder, ttl, w.p.Clock())
}

// hold prolongs the lease until ctx ends.
func (w *Worker) hold(ctx context.Context, id string) {
	ticker := time.NewTicker(w.p.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := w.lease(ctx, id, w.p.Lease); err != nil && ctx.Err() == nil {
				w.p.Log.Warn("the lease of an export", "export", id, "error", err)
			}
		}
	}
}

// put writes the document's next rev. What nobody lets be written is a conflict.
func (w *Worker) put(ctx context.Context, e *models.Export) error {
	e.Rev++
	return w.p.Store.PutExport(ctx, *e)
}

func (w *Worker) files(ctx context.Context, e *models.Export) error {
	q := e.Query
	q.Sort = "oldest"
	next, stop := iter.Pull2(w.p.Posts.Stream(ctx, q, e.Place, 0))
	defer stop()
	s := &stream{next: next}
	for {
		more, err := s.more()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := w.file(ctx, e, s); err != nil {
			return err
		}
	}
	e.State, e.EndedAt, e.Error = models.ExportDone, w.p.Clock(), ""
	e.ExpiresAt = e.EndedAt.Add(w.p.Keep)
	if err := w.leftover(ctx, e); err != nil {
		return err
	}
	return w.put(ctx, e)
}

// leftover deletes the file that a process which died was at.
func (w *Worker) leftover(ctx context.Context, e *models.Export) error {
	if e.Writing == "" {
		return nil
	}
	key := e.Writing
	e.Writing = ""
	return w.p.Blobs.Delete(ctx, key)
}

// file writes the next file. Its key is of this try alone, and the document names
// it before it is begun, so that nothing is left of a try that dies.
func (w *Worker) file(ctx context.Context, e *models.Export, s *stream) error {
	if err := w.leftover(ctx, e); err != nil {
		return err
	}
	f := models.ExportFile{Name: fmt.Sprintf("weft-%s-%05d.%s", e.ID, len(e.Files)+1, e.Format)}
	f.Key = fmt.Sprintf("exports/%s/%05d-%s.%s", e.ID, len(e.Files)+1, strings.ToLower(rand.Text()[:10]), e.Format)
	e.State, e.Writing = models.ExportRunning, f.Key
	if err := w.put(ctx, e); err != nil {
		return err
	}
	_, err := w.p.Blobs.WriteOnce(ctx, f.Key, func(out io.Writer) error {
		sum := &summed{w: out, sum: sha256.New()}
		rows, err := encode(sum, e.Format, s.take(w.p.FileRows))
		f.Rows, f.Bytes, f.SHA256 = rows, sum.n, hex.EncodeToString(sum.sum.Sum(nil))
		return errors.Join(err, s.err)
	})
	if err != nil {
		return err
	}
	done := *e
	done.Files, done.Writing, done.Faults, done.Error = append(e.Files[:len(e.Files):len(e.Files)], f), "", 0, ""
	done.Rows, done.Place = e.Rows+f.Rows, s.last
	if err := w.put(ctx, &done); err != nil {
		return errors.Join(err, w.p.Blobs.Delete(context.WithoutCancel(ctx), f.Key))
	}
	*e = done
	w.p.Log.Debug("exported a file", "export", e.ID, "rows", e.Rows)
	return nil
}

// stream hands out posts, some to each file.
type stream struct {
	next func() (reading.Found, error, bool)
	held *reading.Found
	last models.Place
	err  error
}

// more reports whether there is another post.
func (s *stream) more() (bool, error) {
	if s.held != nil {
		return true, nil
	}
	f, err, ok := s.next()
	if err != nil || !ok {
		return false, err
	}
	s.held = &f
	return true, nil
}

// take hands out the next n posts.
func (s *stream) take(n int) iter.Seq[*models.SearchDoc] {
	return func(yield func(*models.SearchDoc) bool) {
		for range n {
			more, err := s.more()
			if s.err = err; err != nil || !more {
				return
			}
			d := s.held.Doc
			s.held, s.last = nil, models.PlaceOf(d.ID, d.CreatedAt)
			if !yield(&d) {
				return
			}
		}
	}
}

// summed counts and sums what is written through it.
type summed struct {
	w   io.Writer
	n   int64
	sum hash.Hash
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.sum.Write(p[:n])
	return n, err
}
