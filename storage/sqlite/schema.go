package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"

	"weft/storage/document"
)

// layout is the version of the tables below; the file keeps it in meta.
// Documents inside the tables carry their own schema version, see upgrade.
const layout = "3"

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
	content TEXT NOT NULL, facts TEXT NOT NULL,
	author BLOB NOT NULL DEFAULT x'', edited INTEGER NOT NULL DEFAULT 0, hidden INTEGER NOT NULL DEFAULT 0,
	adult INTEGER NOT NULL DEFAULT 0, urls TEXT NOT NULL DEFAULT '', doc BLOB NOT NULL, raw BLOB);
CREATE INDEX IF NOT EXISTS posts_author ON posts(author, id) WHERE author <> x'';
CREATE INDEX IF NOT EXISTS posts_hidden ON posts(id) WHERE hidden > 0;
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
	waiting INTEGER NOT NULL, priority REAL NOT NULL, opened_at INTEGER NOT NULL, doc BLOB NOT NULL,
	lane TEXT, contested INTEGER NOT NULL DEFAULT 0, gold INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS items_list ON items(state, priority DESC, opened_at);
CREATE INDEX IF NOT EXISTS items_post ON items(post);
CREATE INDEX IF NOT EXISTS items_waiting ON items(opened_at) WHERE waiting > 0;
CREATE INDEX IF NOT EXISTS items_lane ON items(lane, priority DESC, opened_at, id) WHERE lane IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_oldest ON items(opened_at, profile) WHERE lane IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_contested ON items(priority DESC, opened_at, id) WHERE contested = 1;
CREATE INDEX IF NOT EXISTS items_gold ON items(id) WHERE gold = 1;
CREATE TABLE IF NOT EXISTS claims(
	item TEXT NOT NULL, by TEXT NOT NULL, token TEXT NOT NULL, at INTEGER NOT NULL, expires INTEGER NOT NULL,
	profile TEXT NOT NULL, PRIMARY KEY(item, by)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_by ON claims(by);
CREATE INDEX IF NOT EXISTS claims_expires ON claims(expires);
CREATE TABLE IF NOT EXISTS drafts(
	item TEXT NOT NULL, by TEXT NOT NULL, saved INTEGER NOT NULL, doc BLOB NOT NULL, PRIMARY KEY(item, by)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers(
	item TEXT NOT NULL, by TEXT NOT NULL, checked INTEGER NOT NULL, at INTEGER NOT NULL, profile TEXT NOT NULL,
	skipped INTEGER NOT NULL, doc BLOB NOT NULL, PRIMARY KEY(item, by, checked)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_by ON answers(by, at, item);
CREATE INDEX IF NOT EXISTS answers_profile ON answers(profile, at, item);
CREATE INDEX IF NOT EXISTS answers_at ON answers(at, item);
CREATE TABLE IF NOT EXISTS budgets(
	profile TEXT NOT NULL, step TEXT NOT NULL, day TEXT NOT NULL, posts INTEGER NOT NULL, seconds REAL NOT NULL,
	PRIMARY KEY(profile, step, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS activity(
	hour INTEGER NOT NULL, profile TEXT NOT NULL, step TEXT NOT NULL, outcome TEXT NOT NULL, n INTEGER NOT NULL, cost REAL NOT NULL,
	PRIMARY KEY(hour, profile, step, outcome)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results(key TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS results_input ON results(json_extract(CAST(doc AS TEXT), '$.input'));
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
CREATE TABLE IF NOT EXISTS stubs(
	post TEXT PRIMARY KEY, labels BLOB NOT NULL, doc BLOB NOT NULL,
	author BLOB NOT NULL DEFAULT x'', hidden TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stubs_author ON stubs(author, post) WHERE author <> x'';
CREATE INDEX IF NOT EXISTS stubs_hidden ON stubs(post) WHERE hidden <> '';
CREATE TABLE IF NOT EXISTS forgotten(
	hash BLOB PRIMARY KEY, act INTEGER NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasures(
	post TEXT PRIMARY KEY, source TEXT NOT NULL, day TEXT NOT NULL, firm INTEGER NOT NULL, at INTEGER NOT NULL,
	erased INTEGER NOT NULL DEFAULT 0, parts TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buried(post TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS strays(path TEXT PRIMARY KEY, at INTEGER NOT NULL, doomed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS audit_hash ON audit(hash);
CREATE TABLE IF NOT EXISTS blob_refs(
	key TEXT NOT NULL, post TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY(key, post)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blob_refs_post ON blob_refs(post);
CREATE INDEX IF NOT EXISTS blob_refs_expires ON blob_refs(expires) WHERE expires > 0;
CREATE TABLE IF NOT EXISTS doomed(key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doomed_again(key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases(name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors(query TEXT PRIMARY KEY, seq INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows(
	budget TEXT NOT NULL, item TEXT NOT NULL, taken INTEGER NOT NULL, PRIMARY KEY(budget, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS looks(
	id INTEGER PRIMARY KEY, post TEXT NOT NULL, image INTEGER NOT NULL, hash INTEGER NOT NULL, UNIQUE(post, image));
CREATE TABLE IF NOT EXISTS look_bands(
	bucket INTEGER NOT NULL, id INTEGER NOT NULL, hash INTEGER NOT NULL, PRIMARY KEY(bucket, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS api_keys(
	id TEXT PRIMARY KEY, created INTEGER NOT NULL, revoked INTEGER NOT NULL, used INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions(id TEXT PRIMARY KEY, expires INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_expires ON sessions(expires);
CREATE TABLE IF NOT EXISTS audit_lines(id TEXT PRIMARY KEY, by TEXT NOT NULL, action TEXT NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations(id TEXT PRIMARY KEY, expires INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reservations_expires ON reservations(expires);
CREATE TABLE IF NOT EXISTS campaigns(id TEXT PRIMARY KEY, started_at INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exports(id TEXT PRIMARY KEY, rev INTEGER NOT NULL, doc BLOB NOT NULL) WITHOUT ROWID;
`

// layoutKey and saltKey are where meta keeps the layout and the salt. Meta and
// SetMeta never reach them, since theirs have a prefix.
const (
	layoutKey = "layout"
	saltKey   = "salt"
)

// prepare makes the tables, brings a file of an earlier layout to this one, and
// refuses any other.
func prepare(ctx context.Context, w *writer) error {
	return w.do(ctx, func(s *session) error {
		have, err := s.layout()
		if err != nil {
			return err
		}
		steps, err := upgrades(have)
		if err != nil {
			return err
		}
		for _, u := range steps {
			if err := s.alter(u.alter); err != nil {
				return err
			}
		}
		if _, err := s.w.conn.ExecContext(ctx, schema); err != nil {
			return err
		}
		if err := s.readSalt(); err != nil {
			return err
		}
		for _, u := range steps {
			if err := u.fill(s); err != nil {
				return err
			}
		}
		_, err = s.exec(`INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)`, layoutKey, layout)
		return err
	})
}

// layout returns the file's layout, "" for a new one.
func (s *session) layout() (have string, err error) {
	if _, err := s.exec(`CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`); err != nil {
		return "", err
	}
	err = s.one(`SELECT value FROM meta WHERE key = ?`, []any{layoutKey}, &have)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return have, err
}

// readSalt gives the writer the file's salt, which is made once.
func (s *session) readSalt() error {
	var fresh [32]byte
	_, _ = rand.Read(fresh[:]) // never fails, see crypto/rand
	if _, err := s.exec(`INSERT OR IGNORE INTO meta(key, value) VALUES(?, ?)`, saltKey, hex.EncodeToString(fresh[:])); err != nil {
		return err
	}
	var salt string
	if err := s.one(`SELECT value FROM meta WHERE key = ?`, []any{saltKey}, &salt); err != nil {
		return err
	}
	s.w.salt = document.Salt(salt)
	return nil
}
