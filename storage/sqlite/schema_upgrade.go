package sqlite

import (
	"context"
	"time"

	"weft/models"
	"weft/storage/document"
)

// upgrade brings a file from one layout to the next: the statements that widen
// its tables, and what fills the new columns once all tables are there.
type upgrade struct {
	alter []string
	fill  func(s *session) error
}

// upgrades are the steps from a layout to this program's.
func upgrades(have string) ([]upgrade, error) {
	toLayout2 := upgrade{alter: []string{
		`ALTER TABLE posts ADD COLUMN author BLOB NOT NULL DEFAULT x''`,
		`ALTER TABLE posts ADD COLUMN edited INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE posts ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE posts ADD COLUMN adult INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE posts ADD COLUMN urls TEXT NOT NULL DEFAULT ''`,
		`ALTER TABLE stubs ADD COLUMN author BLOB NOT NULL DEFAULT x''`,
		`ALTER TABLE stubs ADD COLUMN hidden TEXT NOT NULL DEFAULT ''`,
	}, fill: (*session).backfill}
	toLayout3 := upgrade{alter: []string{
		`ALTER TABLE items ADD COLUMN lane TEXT`,
		`ALTER TABLE items ADD COLUMN contested INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE items ADD COLUMN gold INTEGER NOT NULL DEFAULT 0`,
	}, fill: (*session).queueItems}
	switch have {
	case "", layout:
		return nil, nil
	case "2":
		return []upgrade{toLayout3}, nil
	case "1":
		return []upgrade{toLayout2, toLayout3}, nil
	default:
		return nil, models.Faultf(models.Permanent, "the file has layout %s, this program knows layout %s", have, layout)
	}
}

func (s *session) alter(statements []string) error {
	for _, st := range statements {
		if _, err := s.w.conn.ExecContext(context.Background(), st); err != nil {
			return err
		}
	}
	return nil
}

// queueItems puts the items of layout 2 into their lanes, and lists their
// answers. It decodes every item once.
func (s *session) queueItems() error {
	const page = 500
	for after := ""; ; {
		var items []models.Item
		err := s.each(`SELECT doc FROM items WHERE id > ? ORDER BY id LIMIT ?`, []any{after, page}, func(scan scanner) (err error) {
			items, err = appendItem(items, scan)
			return err
		})
		if err != nil {
			return err
		}
		for i := range items {
			if err := s.listAnswers(&items[i]); err != nil {
				return err
			}
			if err := s.relane(&items[i]); err != nil {
				return err
			}
			after = items[i].ID
		}
		if len(items) < page {
			return nil
		}
	}
}

// backfill fills the columns of layout 2 from the documents, in the
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
