package sqlite

import (
	"context"
	"errors"
	"time"

	"weft/models"
	"weft/storage/document"
)

// What a forgotten hash means. A greater one replaces a smaller.
const (
	markHide = 1 // admitted hidden
	markGone = 2 // refused: the network deleted it
	markFirm = 3 // refused: a person asked for it
)

// mark remembers what is to become of a post or author that comes later, and
// reports whether that is new. A Show takes the mark away.
func (s *session) mark(hash []byte, d *models.Deletion, ever bool) (fresh bool, err error) {
	if d.Act == models.Show {
		return s.unmark(hash, d)
	}
	var n int64
	until, act, reason := int64(0), markGone, ""
	if d.Firm() {
		act = markFirm
	}
	if !ever {
		until = dayNumber(time.Now().Add(remembered))
	}
	if d.Act == models.Hide {
		act, reason = markHide, document.HiddenReason(d)
	}
	n, err = s.exec(`INSERT INTO forgotten(hash, act, until, reason) VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE
		SET act = excluded.act, until = excluded.until, reason = excluded.reason WHERE excluded.act > act`, hash, act, until, reason)
	return n > 0, err
}

// unmark takes a mark away. An account that a network deleted may come back; a
// post never does. What a person wanted, only a person takes back.
func (s *session) unmark(hash []byte, d *models.Deletion) (bool, error) {
	if d.Firm() {
		n, err := s.exec(`DELETE FROM forgotten WHERE hash = ?`, hash)
		return n > 0, err
	}
	strongest := markHide
	if d.Author != "" {
		strongest = markGone
	}
	n, err := s.exec(`DELETE FROM forgotten WHERE hash = ? AND act <= ?
		AND NOT (act = ? AND (reason LIKE 'operator:%' OR reason LIKE 'request:%'))`, hash, strongest, markHide)
	return n > 0, err
}

// dayNumber counts days: all that an expiry needs, in three bytes.
func dayNumber(t time.Time) int64 { return t.Unix() / 86400 }

// marked says what is to become of a post: the stronger of its own mark and its author's.
func (s *session) marked(p *models.Post) (act int, reason string, err error) {
	hashes := [][]byte{s.w.salt.Post(p.ID), s.w.salt.Author(p.Source, document.AuthorOf(p.Author))}
	err = s.each(`SELECT act, reason FROM forgotten WHERE hash IN (?, ?)`, []any{hashes[0], hashes[1]}, func(scan scanner) error {
		var a int
		var r string
		err := scan(&a, &r)
		if a > act {
			act, reason = a, r
		}
		return err
	})
	return act, reason, err
}

// gone reports whether a post was deleted, be it a tombstone or only a hash: a
// late write about it is not taken.
func (s *session) gone(post string) (bool, error) {
	var gone bool
	err := absent(s.one(`SELECT tomb FROM posts WHERE id = ?`, []any{post}, &gone))
	if errors.Is(err, models.ErrNotFound) {
		err = s.one(`SELECT EXISTS (SELECT 1 FROM forgotten WHERE hash = ? AND act >= ?)`, []any{s.w.salt.Post(post), markGone}, &gone)
	}
	return gone, err
}

// Foresee counts what Forget would do, without doing it.
func (d *Documents) Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	var sum models.Forgotten
	for i := range deletions {
		del := &deletions[i]
		if err := document.CheckDeletion(del); err != nil {
			return sum, err
		}
		posts, stubs, err := d.subjects(ctx, del)
		if err != nil {
			return sum, fault("foresee", err)
		}
		document.Foresee(&sum, del, posts, stubs)
	}
	return sum, nil
}

// subjects counts the posts that a deletion is about, stored and purged.
func (d *Documents) subjects(ctx context.Context, del *models.Deletion) (posts, stubs int, err error) {
	if del.Author != "" {
		err = d.r.one(ctx, `SELECT (SELECT COUNT(*) FROM posts WHERE author = ?1 AND author <> x'' AND tomb = 0),
			(SELECT COUNT(*) FROM stubs WHERE author = ?1 AND author <> x'')`, []any{d.w.salt.Author(del.Source, del.Author)}, &posts, &stubs)
		return posts, stubs, err
	}
	err = d.r.one(ctx, `SELECT (SELECT COUNT(*) FROM posts WHERE id = ?1 AND tomb = 0),
		(SELECT COUNT(*) FROM stubs WHERE post = ?1 AND NOT EXISTS (SELECT 1 FROM posts WHERE id = ?1))`,
		[]any{models.PostID(del.Source, del.NativeID)}, &posts, &stubs)
	return posts, stubs, err
}
