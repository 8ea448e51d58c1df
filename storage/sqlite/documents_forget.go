package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"weft/models"
	"weft/storage/document"
)

const (
	// remembered is how long the hash of what a network deleted, and what was
	// never here, is kept: longer than any source looks back.
	remembered = 90 * 24 * time.Hour
	// forgetPosts are the stored posts that one transaction may forget, and
	// forgetMost the deletions it may hold: others wait to write meanwhile.
	forgetPosts = 300
	forgetMost  = 5000
)

// Forget does what sources, authors and operators want to be gone, in the order
// of deletions, and counts it. Repeating it changes nothing.
//
// A stored post becomes a tombstone: its runs end, its questions are withdrawn,
// its staged rows, blob references and results go at once, it is dirty so that
// it leaves search, and it is noted for erasure from the history. Of a purged
// one the stub goes. Of what was never here a hash is kept, so that it is
// refused when it comes later: for ever if a person asked, else for 90 days.
// An author's deletion does this to all of their posts and to those that come,
// until a Show. Hide takes posts out of everybody's sight, and Show brings them
// back; a network doesn't show what a person hid.
//
// A batch is one transaction unless it changes many stored posts; then an error
// may leave the first part of it done. Posts whose source tells no author are
// not found by author.
func (d *Documents) Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	var done models.Forgotten
	for _, del := range deletions {
		if err := document.CheckDeletion(&del); err != nil {
			return done, err
		}
	}
	f := forgetting{rest: deletions}
	for len(f.rest) > 0 {
		var next forgetting
		err := d.w.do(ctx, func(s *session) error {
			next = f
			next.s, next.left, next.done = s, forgetPosts, models.Forgotten{}
			return next.some()
		})
		if err != nil {
			return done, fault("forget", err)
		}
		done.Add(next.done)
		f = next
	}
	return done, nil
}

// forgetting is how far a batch has come.
type forgetting struct {
	s    *session
	rest []models.Deletion
	left int // stored posts that this transaction may still change
	done models.Forgotten

	// within an author's posts
	begun  bool
	marked bool   // the author's mark is new
	after  string // the last post
	stubs  bool   // the stored ones are done
	posts  int
}

// some works off deletions until the transaction has enough.
func (f *forgetting) some() error {
	for n := 0; len(f.rest) > 0 && f.left > 0 && n < forgetMost; n++ {
		finished, err := f.one(&f.rest[0])
		if err != nil {
			return err
		}
		if finished {
			f.rest = f.rest[1:]
			f.begun, f.marked, f.after, f.stubs, f.posts = false, false, "", false, 0
		}
	}
	return nil
}

func (f *forgetting) one(d *models.Deletion) (finished bool, err error) {
	if d.Author != "" {
		return f.author(d)
	}
	id := models.PostID(d.Source, d.NativeID)
	what, err := f.post(id, d)
	switch {
	case err != nil:
		return false, err
	case what == unknown:
		return true, f.stranger(id, d)
	case what == repeated:
		f.done.Repeated++
	}
	return true, nil
}

// outcome is what came of a deletion of one post.
type outcome int

const (
	changed  outcome = iota
	repeated         // it was done before
	unknown          // the post was never here
)

// post does d to one post, stored or purged, and counts it if that changed anything.
func (f *forgetting) post(id string, d *models.Deletion) (outcome, error) {
	var tomb bool
	var hidden int
	err := absent(f.s.one(`SELECT tomb, hidden FROM posts WHERE id = ?`, []any{id}, &tomb, &hidden))
	switch {
	case errors.Is(err, models.ErrNotFound):
		return f.purged(id, d)
	case err != nil:
		return 0, err
	case tomb:
		if d.Act == models.Delete && d.Firm() {
			_, err = f.s.exec(`UPDATE erasures SET firm = 1 WHERE post = ?`, id)
		}
		return repeated, err
	}
	var c models.Change
	switch level := document.HiddenBy(d.By + ":"); {
	case d.Act == models.Delete:
		c.Delete = &models.Tombstone{At: d.At, By: d.By, Reason: d.Reason}
		f.done.Deleted++
	case d.Act == models.Hide && hidden < level:
		reason := document.HiddenReason(d)
		c.Hidden = &reason
		f.done.Hidden++
	case d.Act == models.Show && hidden > 0 && hidden <= level:
		c.Hidden = new(string)
		f.done.Shown++
	default:
		return repeated, nil
	}
	f.left--
	f.done.Posts = append(f.done.Posts, id)
	if _, _, err := f.s.change(id, c); err != nil {
		return 0, err
	}
	if err := f.s.dirty(id); err != nil {
		return 0, err
	}
	return changed, errors.Join(f.showAgain(id, d), f.note(document.KindPost, f.s.w.salt.Post(id), d, 0))
}

// purged does d to a post of which only a stub is left.
func (f *forgetting) purged(id string, d *models.Deletion) (outcome, error) {
	stub, _, err := f.s.stub(id)
	if errors.Is(err, models.ErrNotFound) {
		return unknown, nil
	}
	if err != nil {
		return 0, err
	}
	var hidden string
	if err := f.s.one(`SELECT hidden FROM stubs WHERE post = ?`, []any{id}, &hidden); err != nil {
		return 0, err
	}
	switch have, level := document.HiddenBy(hidden), document.HiddenBy(d.By+":"); {
	case d.Act == models.Delete:
		f.done.Purged++
		err = f.s.eraseStub(stub, d)
	case d.Act == models.Hide && have < level:
		f.done.Hidden++
		_, err = f.s.exec(`UPDATE stubs SET hidden = ? WHERE post = ?`, document.HiddenReason(d), id)
	case d.Act == models.Show && have > 0 && have <= level:
		f.done.Shown++
		_, err = f.s.exec(`UPDATE stubs SET hidden = '' WHERE post = ?`, id)
	default:
		return repeated, nil
	}
	f.left--
	if err != nil {
		return 0, err
	}
	return changed, errors.Join(f.showAgain(id, d), f.note(document.KindPost, f.s.w.salt.Post(id), d, 0))
}

// showAgain takes the mark away that hid a post from before it came: else it
// would hide it once more when it comes back after a purge.
func (f *forgetting) showAgain(id string, d *models.Deletion) error {
	if d.Act != models.Show {
		return nil
	}
	_, err := f.s.unmark(f.s.w.salt.Post(id), d)
	return err
}

// stranger remembers a deletion of a post that was never here.
func (f *forgetting) stranger(id string, d *models.Deletion) error {
	hash := f.s.w.salt.Post(id)
	fresh, err := f.s.mark(hash, d, d.Firm())
	if err != nil {
		return err
	}
	if !fresh {
		f.done.Repeated++
		return nil
	}
	f.done.Unknown++
	if d.Act != models.Delete || !d.Firm() {
		return nil // a network's deletions come by the million: the hash is all
	}
	// the store may have lost what the history still has
	if err := f.s.toErase(id, d.Source, "", true, time.Now()); err != nil {
		return err
	}
	return f.note(document.KindPost, hash, d, 0)
}

// author does d to an author's posts, as many as the transaction may still hold.
func (f *forgetting) author(d *models.Deletion) (finished bool, err error) {
	hash := f.s.w.salt.Author(d.Source, d.Author)
	if !f.begun {
		var known bool
		if err := f.s.one(`SELECT EXISTS (SELECT 1 FROM posts WHERE author = ?1 AND author <> x'')
			OR EXISTS (SELECT 1 FROM stubs WHERE author = ?1 AND author <> x'')`, []any{hash}, &known); err != nil {
			return false, err
		}
		if f.marked, err = f.s.mark(hash, d, known || d.Firm()); err != nil {
			return false, err
		}
		f.begun = true
	}
	for !f.stubs {
		more, err := f.page(`SELECT id FROM posts WHERE author = ? AND author <> x'' AND id > ? ORDER BY id LIMIT ?`, hash, d)
		if err != nil || more {
			return false, err
		}
		f.stubs, f.after = true, ""
	}
	more, err := f.page(`SELECT post FROM stubs WHERE author = ? AND author <> x'' AND post > ? ORDER BY post LIMIT ?`, hash, d)
	if err != nil || more {
		return false, err
	}
	switch {
	case f.posts == 0 && !f.marked:
		f.done.Repeated++
		return true, nil
	case f.posts == 0 && !d.Firm():
		f.done.Unknown++
		return true, nil
	}
	f.done.Authors++
	return true, f.note(document.KindAuthor, hash, d, f.posts)
}

// page does d to the next posts of an author; more tells that others are left.
func (f *forgetting) page(query string, hash []byte, d *models.Deletion) (more bool, err error) {
	if f.left <= 0 {
		return true, nil
	}
	limit := f.left
	var ids []string
	if err := f.s.each(query, []any{hash, f.after, limit}, func(scan scanner) error {
		var id string
		err := scan(&id)
		ids = append(ids, id)
		return err
	}); err != nil {
		return false, err
	}
	for _, id := range ids {
		what, err := f.post(id, d)
		if err != nil {
			return false, err
		}
		if what == changed {
			f.posts++
		}
		f.after = id
	}
	f.left -= len(ids) / 10 // looking costs something, too
	return len(ids) == limit, nil
}

// note writes a line of the audit. Of what a network hides and shows there is
// none: it comes and goes.
func (f *forgetting) note(kind string, hash []byte, d *models.Deletion, posts int) error {
	if d.Act != models.Delete && !d.Firm() {
		return nil
	}
	at := d.At
	if at.IsZero() {
		at = time.Now()
	}
	doc, err := encode(models.Audit{
		At: at.UTC(), By: d.By, Act: d.Act, Kind: kind, Hash: hex.EncodeToString(hash), Reason: d.Reason, Posts: posts,
	})
	if err != nil {
		return err
	}
	_, err = f.s.exec(`INSERT INTO audit(hash, doc) VALUES(?, ?)`, hash, doc)
	return err
}
