package sqlite

import (
	"context"

	"weft/models"
)

// layout is the version of the tables below; the file keeps it in meta.
// Documents inside the tables carry their own schema version, see upgrade.
const layout = "1"

// schema holds whatever is searched or compared in columns of its own, and the
// rest of a document as JSON in doc. Times in columns are microseconds since
// 1970 (0: none). Tables whose rows are small are WITHOUT ROWID, which saves
// the second tree. What each index costs is paid on every move, so there are
// only two on runs that every move touches: runs_state, which also makes Counts
// a scan of the index alone, and runs_due, the reconciler's list.
const schema = `
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posts(
	id TEXT PRIMARY KEY, rev INTEGER NOT NULL, dirty INTEGER NOT NULL, tomb INTEGER NOT NULL,
	content TEXT NOT NULL, facts TEXT NOT NULL, doc BLOB NOT NULL, raw BLOB);
CREATE INDEX IF NOT EXISTS posts_dirty ON posts(dirty) WHERE dirty > 0;
CREATE INDEX IF NOT EXISTS posts_tomb ON posts(id) WHERE tomb > 0;
CREATE TABLE IF NOT EXISTS runs(
	post TEXT NOT NULL, profile TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, step TEXT NOT NULL,
	campaign TEXT NOT NULL, due INTEGER NOT NULL, generation INTEGER NOT NULL, ended_at INTEGER NOT NULL,
	gone INTEGER NOT NULL DEFAULT 0, content TEXT NOT NULL, doc BLOB NOT NULL,
	PRIMARY KEY(post, profile)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_state ON runs(state, step);
CREATE INDEX IF NOT EXISTS runs_due ON runs(due) WHERE due > 0;
CREATE INDEX IF NOT EXISTS runs_campaign ON runs(campaign) WHERE campaign <> '';
CREATE TABLE IF NOT EXISTS timeline(
	post TEXT NOT NULL, profile TEXT NOT NULL, seq INTEGER NOT NULL, doc BLOB NOT NULL,
	PRIMARY KEY(post, profile, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passages(
	post TEXT NOT NULL, profile TEXT NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL,
	PRIMARY KEY(post, profile, state)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items(
	id TEXT PRIMARY KEY, rev INTEGER NOT NULL, post TEXT NOT NULL, profile TEXT NOT NULL, state TEXT NOT NULL,
	waiting INTEGER NOT NULL, priority REAL NOT NULL, opened_at INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS items_list ON items(state, priority DESC, opened_at);
CREATE INDEX IF NOT EXISTS items_post ON items(post);
CREATE INDEX IF NOT EXISTS items_waiting ON items(opened_at) WHERE waiting > 0;
CREATE TABLE IF NOT EXISTS budgets(
	profile TEXT NOT NULL, step TEXT NOT NULL, day TEXT NOT NULL, posts INTEGER NOT NULL, seconds REAL NOT NULL,
	PRIMARY KEY(profile, step, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results(key TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profiles(
	put INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL UNIQUE, name TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS staging(
	post TEXT NOT NULL, profile TEXT NOT NULL, generation INTEGER NOT NULL, rev INTEGER NOT NULL,
	source TEXT NOT NULL, day TEXT NOT NULL, created_at INTEGER NOT NULL, archived_at INTEGER NOT NULL,
	part TEXT NOT NULL DEFAULT '', body BLOB NOT NULL,
	UNIQUE(post, profile, generation, rev));
CREATE INDEX IF NOT EXISTS staging_free ON staging(day, source, archived_at) WHERE part = '';
CREATE INDEX IF NOT EXISTS staging_part ON staging(part) WHERE part <> '';
CREATE TABLE IF NOT EXISTS parts(id TEXT PRIMARY KEY, state TEXT NOT NULL, made_at INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_state ON parts(state, made_at);
CREATE TABLE IF NOT EXISTS stubs(post TEXT PRIMARY KEY, labels BLOB NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob_refs(
	key TEXT NOT NULL, post TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY(key, post)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blob_refs_post ON blob_refs(post);
CREATE INDEX IF NOT EXISTS blob_refs_expires ON blob_refs(expires) WHERE expires > 0;
CREATE TABLE IF NOT EXISTS doomed(key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases(name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS campaigns(id TEXT PRIMARY KEY, started_at INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
`

// layoutKey is where meta keeps the layout. Meta and SetMeta never reach it,
// since theirs have a prefix.
const layoutKey = "layout"

// prepare makes the tables and refuses a file of another layout.
func prepare(ctx context.Context, w *writer) error {
	return w.do(ctx, func(s *session) error {
		if _, err := s.w.conn.ExecContext(ctx, schema); err != nil {
			return err
		}
		if _, err := s.exec(`INSERT OR IGNORE INTO meta(key, value) VALUES(?, ?)`, layoutKey, layout); err != nil {
			return err
		}
		var have string
		if err := s.one(`SELECT value FROM meta WHERE key = ?`, []any{layoutKey}, &have); err != nil {
			return err
		}
		if have != layout {
			return models.Faultf(models.Permanent, "the file has layout %s, this program knows layout %s", have, layout)
		}
		return nil
	})
}
