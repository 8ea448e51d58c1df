package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"weft/models"
	"weft/storage/document"
)

// writer is the one connection that writes. It holds its connection for as
// long as it lives, so that every statement is parsed once.
type writer struct {
	conn  *sql.Conn
	lock  chan struct{} // holds one token while a transaction runs
	end   chan struct{} // closed with the writer
	stmts map[string]*sql.Stmt
	salt  document.Salt // of the hashes that stand for what was forgotten
}

func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &writer{conn: conn, lock: make(chan struct{}, 1), end: make(chan struct{}), stmts: map[string]*sql.Stmt{}}, nil
}

// session is a running write transaction. Its statements run without the
// caller's context: a transaction is short, and watching a context costs a
// goroutine per statement.
type session struct{ w *writer }

// do runs fn in one immediate transaction: when fn begins, nobody else can
// write until it ends, in this process or another. ctx ends only the waiting.
func (w *writer) do(ctx context.Context, fn func(s *session) error) error {
	return w.transact(ctx, "BEGIN IMMEDIATE", fn)
}

// view runs fn on one snapshot, which it must not write to.
func (w *writer) view(fn func(s *session) error) error {
	return w.transact(context.Background(), "BEGIN", fn)
}

func (w *writer) transact(ctx context.Context, begin string, fn func(s *session) error) error {
	select {
	case w.lock <- struct{}{}:
	case <-w.end:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.lock }()
	s := &session{w: w}
	st, err := s.stmt(begin)
	if err == nil {
		_, err = st.ExecContext(ctx)
	}
	if err == nil {
		if err = fn(s); err == nil {
			_, err = s.exec("COMMIT")
		}
	}
	if err != nil {
		// even where the beginning failed: ctx may have ended just after it.
		// SQLite may have rolled back by itself, so this may have nothing to do.
		_, _ = w.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

func (w *writer) close() error {
	w.lock <- struct{}{} // wait for the running transaction, and let no other begin
	close(w.end)
	for _, st := range w.stmts {
		_ = st.Close() // the connection is closed next, and its error is the one that tells
	}
	return w.conn.Close()
}

func (s *session) stmt(query string) (*sql.Stmt, error) {
	if st := s.w.stmts[query]; st != nil {
		return st, nil
	}
	st, err := s.w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.w.stmts[query] = st
	return st, nil
}

// exec runs a statement and returns how many rows it changed.
func (s *session) exec(query string, args ...any) (int64, error) {
	st, err := s.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// one reads one row into dest; sql.ErrNoRows if there is none.
func (s *session) one(query string, args []any, dest ...any) error {
	st, err := s.stmt(query)
	if err != nil {
		return err
	}
	return st.QueryRow(args...).Scan(dest...)
}

// each calls fn for each row; scan reads the row's columns. fn must not run
// another statement that is the same query.
func (s *session) each(query string, args []any, fn func(scan scanner) error) error {
	st, err := s.stmt(query)
	if err != nil {
		return err
	}
	rows, err := st.Query(args...)
	return drain(rows, err, fn)
}

// scanner reads the columns of the current row.
type scanner func(dest ...any) error

// reader is the pool of reading connections, with statements parsed once for each.
type reader struct {
	db    *sql.DB
	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func newReader(db *sql.DB) *reader { return &reader{db: db, stmts: map[string]*sql.Stmt{}} }

func (r *reader) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st := r.stmts[query]; st != nil {
		return st, nil
	}
	st, err := r.db.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	r.stmts[query] = st
	return st, nil
}

// one reads one row; sql.ErrNoRows if there is none.
func (r *reader) one(ctx context.Context, query string, args []any, dest ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st, err := r.stmt(ctx, query)
	if err != nil {
		return err
	}
	// without the context's end: a point read is over before it could matter
	return st.QueryRowContext(context.WithoutCancel(ctx), args...).Scan(dest...)
}

// each calls fn for each row of a query.
func (r *reader) each(ctx context.Context, query string, args []any, fn func(scan scanner) error) error {
	st, err := r.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	return drain(rows, err, fn)
}

// errEnough ends a drain early without an error.
var errEnough = errors.New("enough")

func drain(rows *sql.Rows, err error, fn func(scan scanner) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return rows.Err()
}

// absent turns "no row" into ErrNotFound.
func absent(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return models.ErrNotFound
	}
	return err
}
