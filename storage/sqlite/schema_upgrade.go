package sqlite

import (
	"context"
	"time"

	"weft/storage/document"
)

// widen adds the columns of layout 2 to the tables of layout 1.
func (s *session) widen() error {
	for _, alter := range []string{
		`ALTER TABLE posts ADD COLUMN author BLOB NOT NULL DEFAULT x''`,
		`ALTER TABLE posts ADD COLUMN edited INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE posts ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE posts ADD COLUMN adult INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE posts ADD COLUMN urls TEXT NOT NULL DEFAULT ''`,
		`ALTER TABLE stubs ADD COLUMN author BLOB NOT NULL DEFAULT x''`,
		`ALTER TABLE stubs ADD COLUMN hidden TEXT NOT NULL DEFAULT ''`,
	} {
		if _, err := s.w.conn.ExecContext(context.Background(), alter); err != nil {
			return err
		}
	}
	return nil
}

// backfill fills the columns that widen added from the documents, in the
// upgrade's own transaction: a file is either of one layout or of the other. It
// decodes every post once, some ten seconds for a million. Stubs of layout 1
// don't say who wrote their posts, so those are not found by author.
func (s *session) backfill() error {
	const page = 500
	type row struct {
		id  string
		doc []byte
	}
	for after := ""; ; {
		var rows []row
		err := s.each(`SELECT id, doc FROM posts WHERE id > ? ORDER BY id LIMIT ?`, []any{after, page}, func(scan scanner) error {
			var r row
			err := scan(&r.id, &r.doc)
			rows = append(rows, r)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			p, err := decodePost(r.doc, nil)
			if err != nil {
				return err
			}
			if _, err := s.exec(`UPDATE posts SET author = ?, edited = ?, hidden = ?, adult = ?, urls = ? WHERE id = ?`,
				append(s.w.asides(&p), r.id)...); err != nil {
				return err
			}
			if err := s.relook(p.ID, nil, document.LooksOf(&p)); err != nil {
				return err
			}
			if p.Tombstone != nil { // what was deleted before is still to be erased
				if err := s.toErase(p.ID, p.Source, document.Day(p.CreatedAt), document.Firm(p.Tombstone.By), time.Now()); err != nil {
					return err
				}
			}
			after = r.id
		}
		if len(rows) < page {
			return nil
		}
	}
}
