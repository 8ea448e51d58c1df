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
INSERT INTO meta VALUES('layout', '1');
INSERT INTO posts(id, rev, dirty, tomb, content, facts, doc, raw) VALUES
	('weibo.1', 4, 0, 0, 'c', 'f', '{"id":"weibo.1","schema_version":1,"rev":4,"source":"weibo","native_id":"1","created_at":"2026-03-04T05:00:00Z","collected_at":"2026-03-04T06:00:00Z","edited_at":"2026-03-06T00:00:00Z","author":{"id":"77","handle":"ann"},"text":"seide","counts":{}}', NULL),
	('weibo.2', 1, 0, 0, 'c', 'f', '{"id":"weibo.2","schema_version":1,"rev":1,"source":"weibo","native_id":"2","created_at":"2026-03-04T05:00:00Z","collected_at":"2026-03-04T06:00:00Z","author":{"id":"77"},"text":"","counts":{}}', NULL),
	('weibo.3', 2, 0, 1, 'c', 'f', '{"id":"weibo.3","schema_version":1,"rev":2,"source":"weibo","native_id":"","created_at":"2026-03-04T05:00:00Z","collected_at":"0001-01-01T00:00:00Z","author":{},"text":"","counts":{},"tombstone":{"at":"2026-03-07T00:00:00Z","by":"request"}}', NULL);
INSERT INTO runs(post, profile, seq, state, step, campaign, due, generation, ended_at, gone, content, doc) VALUES
	('weibo.1', 'catalog', 3, 'queued', 'index', '', 1, 1, 0, 0, 'c', '{"post":"weibo.1","profile":"catalog","version":"v1","generation":1,"seq":3,"state":"queued","step":"index","lane":"normal","admitted_at":"2026-03-04T06:00:00Z","moved_at":"2026-03-04T06:00:00Z"}');
INSERT INTO parts VALUES('p1', 'verified', 1, '{"id":"p1","day":"2026-03-01","source":"weibo","state":"verified","rows":1,"checksum":1,"bytes":1,"made_at":"2026-03-02T00:00:00Z"}');
INSERT INTO stubs VALUES('weibo.4', '[]', '{"post":"weibo.4","rev":3,"content":"c","runs":{"catalog":{"seq":3,"generation":1,"past":{"done":1},"part":"p1"}},"purged_at":"2026-03-03T00:00:00Z"}');
