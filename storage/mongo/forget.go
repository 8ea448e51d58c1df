package mongo

import (
	"context"
	"errors"
	"time"

	"weft/models"
	"weft/storage/document"
)

const (
	// forgetPosts are the stored posts that one transaction may forget: each is
	// some fifteen documents, and whoever moves a run of one meanwhile makes
	// the transaction begin again.
	forgetPosts = 40
	// forgetMost is how many deletions one transaction looks at. Nearly all
	// are of posts that were never here, and cost a hash each.
	forgetMost = 5000
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
// A batch is many transactions of a few posts; an error may leave the first
// part of it done. Posts whose source tells no author are not found by author.
//
// Admit takes a new post without a transaction: it looks for marks before and
// after it stores the post. So whatever leaves a mark here looks for the post
// once more after the mark is there for everybody, see late; and an author's
// posts are looked for in later transactions than the author's mark. Of the
// two, whoever writes second sees the other's.
func (d *Documents) Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	var done models.Forgotten
	for i := range deletions {
		if err := document.CheckDeletion(&deletions[i]); err != nil {
			return done, err
		}
	}
	f := forgetting{d: d, outer: ctx, rest: deletions}
	for len(f.rest) > 0 {
		var next forgetting
		err := d.tx(ctx, func(ctx context.Context) error {
			next = f.again()
			return next.some(ctx)
		})
		if err == nil {
			err = next.late(ctx)
		}
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
	d     *Documents
	outer context.Context //nolint:containedctx // of no transaction, for the audit's ids
	rest  []models.Deletion
	left  int // stored posts that this transaction may still change
	done  models.Forgotten
	lines []auditDoc // to be written at the transaction's end
	news  strangers  // what this transaction found of posts that aren't here

	// within an author's posts
	begun bool
	fresh bool   // the author's mark is new
	after string // the last post
	stubs bool   // the stored ones are done
	posts int
}

// again is f at the beginning of a transaction, which may be run several times.
func (f *forgetting) again() forgetting {
	next := *f
	next.left, next.done, next.lines, next.news = forgetPosts, models.Forgotten{}, nil, strangers{}
	return next
}

// some works off deletions until the transaction has enough: of posts as many
// as it may, of an author a page.
func (f *forgetting) some(ctx context.Context) error {
	if f.rest[0].Author != "" {
		finished, err := f.author(ctx, &f.rest[0])
		if err == nil && finished {
			f.rest = f.rest[1:]
			f.begun, f.fresh, f.after, f.stubs, f.posts = false, false, "", false, 0
		}
		return errors.Join(err, f.audit(ctx))
	}
	n := 0
	for n < min(len(f.rest), forgetMost) && f.rest[n].Author == "" {
		n++
	}
	if err := f.meet(ctx, f.rest[:n]); err != nil {
		return err
	}
	for ; n > 0 && f.left > 0; n-- {
		if err := f.one(ctx, &f.rest[0]); err != nil {
			return err
		}
		f.rest = f.rest[1:]
	}
	if err := f.markAll(ctx); err != nil {
		return err
	}
	return f.audit(ctx)
}

// one does a deletion of one post.
func (f *forgetting) one(ctx context.Context, d *models.Deletion) error {
	id := models.PostID(d.Source, d.NativeID)
	what := unknown
	if f.news.here[id] {
		var err error
		if what, err = f.post(ctx, id, d); err != nil {
			return err
		}
	}
	switch what {
	case unknown:
		return f.stranger(ctx, id, d)
	case repeated:
		f.done.Repeated++
	case changed:
	}
	return nil
}

// outcome is what came of a deletion of one post.
type outcome int

const (
	changed  outcome = iota
	repeated         // it was done before
	unknown          // the post was never here
)

// post does del to one post, stored or purged, and counts it if that changed anything.
func (f *forgetting) post(ctx context.Context, id string, del *models.Deletion) (outcome, error) {
	s, err := f.d.stored(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return f.purged(ctx, id, del)
	case err != nil:
		return 0, err
	case s.Tomb:
		if del.Act == models.Delete && del.Firm() {
			_, err = f.d.update(ctx, f.d.byID(cErasures, id), set("firm", true))
		}
		return repeated, err
	}
	var c models.Change
	switch level := document.HiddenBy(del.By + ":"); {
	case del.Act == models.Delete:
		c.Delete = &models.Tombstone{At: del.At, By: del.By, Reason: del.Reason}
		f.done.Deleted++
	case del.Act == models.Hide && s.Hidden < level:
		reason := document.HiddenReason(del)
		c.Hidden = &reason
		f.done.Hidden++
	case del.Act == models.Show && s.Hidden > 0 && s.Hidden <= level:
		c.Hidden = new(string)
		f.done.Shown++
	default:
		return repeated, nil
	}
	f.left--
	f.done.Posts = append(f.done.Posts, id)
	s.markDirty()
	if _, _, err := f.d.changeStored(ctx, s, c); err != nil {
		return 0, err
	}
	if err := f.d.save(ctx, s); err != nil {
		return 0, err
	}
	hash := f.d.salt.Post(id)
	if del.Act == models.Show { // else a mark from before it came would hide it again after a purge
		if _, err := f.d.unmark(ctx, hash, del); err != nil {
			return 0, err
		}
	}
	f.note(document.KindPost, hash, del, 0)
	return changed, nil
}

// purged does del to a post of which only a stub is left. A hiding is marked
// besides, for an Admit that brings the post back meanwhile.
func (f *forgetting) purged(ctx context.Context, id string, del *models.Deletion) (outcome, error) {
	stub, _, err := f.d.stub(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return unknown, nil
	}
	if err != nil {
		return 0, err
	}
	_, hidden, err := f.d.stubHidden(ctx, id)
	if err != nil {
		return 0, err
	}
	hash := f.d.salt.Post(id)
	switch have, level := document.HiddenBy(hidden), document.HiddenBy(del.By+":"); {
	case del.Act == models.Delete:
		f.done.Purged++
		err = f.d.eraseStub(ctx, stub, del)
	case del.Act == models.Hide && have < level:
		f.done.Hidden++
		_, err = f.d.update(ctx, f.d.byID(cStubs, id), set("hidden", document.HiddenReason(del)))
	case del.Act == models.Show && have > 0 && have <= level:
		f.done.Shown++
		_, err = f.d.update(ctx, f.d.byID(cStubs, id), unset("hidden"))
	default:
		return repeated, nil
	}
	if err == nil && del.Act != models.Delete {
		_, err = f.d.mark(ctx, hash, del, true)
	}
	f.left--
	if err != nil {
		return 0, err
	}
	f.news.marked = append(f.news.marked, met{id: id, del: *del})
	f.note(document.KindPost, hash, del, 0)
	return changed, nil
}

// note keeps a line for the audit. Of what a network hides and shows there is
// none: it comes and goes.
func (f *forgetting) note(kind string, hash []byte, d *models.Deletion, posts int) {
	if d.Act != models.Delete && !d.Firm() {
		return
	}
	at := d.At
	if at.IsZero() {
		at = time.Now()
	}
	f.lines = append(f.lines, auditDoc{Hash: hash, At: at.UTC(), By: d.By, Act: string(d.Act), Kind: kind, Reason: d.Reason, Posts: posts})
}
