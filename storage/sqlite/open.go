package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"

	"modernc.org/sqlite" // the driver; pure Go

	"weft/models"
)

// handles are the two ways into one database file. SQLite has one writer at a
// time anyway, so write holds a single connection whose transactions all begin
// immediate, and no writer of this process ever waits for another inside SQLite.
type handles struct {
	write *sql.DB
	read  *sql.DB
}

// open opens the database file at path, making it if it is not there.
// It waits up to ten seconds for other processes that write to the file.
func open(ctx context.Context, path string) (handles, error) {
	dsn := func(more ...string) string {
		q := url.Values{
			"_txlock": {"immediate"},
			"_pragma": append([]string{
				"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)",
				"foreign_keys(0)", "temp_store(MEMORY)",
				// pages written many times go to the file once: a log of up to 32 MB
				"wal_autocheckpoint(8000)",
			}, more...),
		}
		return (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}).String()
	}
	write, err := sql.Open("sqlite", dsn("cache_size(-64000)")) // kB
	if err != nil {
		return handles{}, fault("open "+path, err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		return handles{}, fault("open "+path, errors.Join(err, write.Close()))
	}
	read, err := sql.Open("sqlite", dsn("cache_size(-8000)", "query_only(1)"))
	if err != nil {
		return handles{}, fault("open "+path, errors.Join(err, write.Close()))
	}
	n := max(2, runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(2 * n)
	read.SetMaxIdleConns(2 * n)
	return handles{write: write, read: read}, nil
}

// close closes both handles.
func (h handles) close() error {
	return errors.Join(h.read.Close(), h.write.Close())
}

// fault classifies what SQLite says: whatever is no answer to the question
// (locked, closed, full, I/O) is the other side's trouble.
func fault(what string, err error) error {
	if err == nil {
		return nil
	}
	var f *models.Fault
	if errors.As(err, &f) || errors.Is(err, models.ErrNotFound) || errors.Is(err, models.ErrConflict) {
		return fmt.Errorf("%s: %w", what, err)
	}
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == codeTooBig {
		return models.Faultf(models.Permanent, "%s: %w", what, err)
	}
	return models.Faultf(models.Unavailable, "%s: %w", what, err)
}

// codeTooBig is SQLITE_TOOBIG: a document beyond what a row may hold.
const codeTooBig = 18
