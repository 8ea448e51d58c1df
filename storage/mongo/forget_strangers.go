package mongo

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
	"weft/storage/document"
)

// strangers is what one transaction of Forget knows of posts that aren't here.
// A firehose tells of deletions by the million, nearly all of such: they are
// looked up by the thousand and marked in one write.
type strangers struct {
	here   map[string]bool     // ids that are stored, or have a stub
	marks  map[string]*markDoc // by hash, as they will be
	known  map[string]bool     // hashes that are marked already
	write  []string            // hashes whose marks are new
	marked []met               // deletions that left a mark: their posts are looked for once more
}

// met is a deletion of a post that wasn't here.
type met struct {
	id    string
	del   models.Deletion
	fresh bool // it was counted as unknown
}

// meet looks up which posts of a list of deletions are here, and how the others are marked.
func (f *forgetting) meet(ctx context.Context, deletions []models.Deletion) error {
	f.news = strangers{here: map[string]bool{}, marks: map[string]*markDoc{}, known: map[string]bool{}}
	var ids []string
	for i := range deletions {
		ids = append(ids, models.PostID(deletions[i].Source, deletions[i].NativeID))
	}
	for _, coll := range []string{cPosts, cStubs} {
		if err := f.d.present(ctx, coll, ids, func(id string) { f.news.here[id] = true }); err != nil {
			return err
		}
	}
	var hashes []string
	for _, id := range ids {
		if !f.news.here[id] {
			hashes = append(hashes, string(f.d.salt.Post(id)))
		}
	}
	marks, err := f.d.marks(ctx, hashes)
	for i := range marks {
		f.news.marks[string(marks[i].Hash)], f.news.known[string(marks[i].Hash)] = &marks[i], true
	}
	return err
}

// present calls fn for those of the ids that a collection has.
func (d *Documents) present(ctx context.Context, coll string, ids []string, fn func(id string)) error {
	for some := range slices.Chunk(ids, looked) {
		err := d.each(ctx, d.where(coll+primary, among("_id", some)).only(asc("_id")), func(doc bson.Raw) error {
			id, _ := doc.Lookup("_id").StringValueOK()
			fn(id)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stranger remembers a deletion of a post that was never here.
func (f *forgetting) stranger(ctx context.Context, id string, d *models.Deletion) error {
	hash := f.d.salt.Post(id)
	fresh, err := f.mark(ctx, id, hash, d)
	if err != nil {
		return err
	}
	if !fresh {
		f.done.Repeated++
		return nil
	}
	f.done.Unknown++
	f.news.marked = append(f.news.marked, met{id: id, del: *d, fresh: true})
	if d.Act != models.Delete || !d.Firm() {
		return nil // a network's deletions come by the million: the hash is all
	}
	// the store may have lost what the history still has
	if err := f.d.toErase(ctx, &models.Erasure{Post: id, Source: d.Source, Firm: true, At: time.Now()}); err != nil {
		return err
	}
	f.note(document.KindPost, hash, d, 0)
	return nil
}

// mark is Documents.mark, but that what is new is written with all others at
// the transaction's end. What was looked up may be relied on until then, since
// whoever writes one of these marks meanwhile is in the way of that.
func (f *forgetting) mark(ctx context.Context, id string, hash []byte, d *models.Deletion) (fresh bool, err error) {
	if f.news.here[id] || d.Act == models.Show { // its stub went just now, or a rare wish: these are written at once
		if err := f.markAll(ctx); err != nil {
			return false, err
		}
		delete(f.news.marks, string(hash))
		return f.d.mark(ctx, hash, d, d.Firm())
	}
	have, m := f.news.marks[string(hash)], newMark(hash, d, d.Firm())
	if have != nil && m.Act <= have.Act {
		return false, nil
	}
	f.news.marks[string(hash)] = &m
	f.news.write = append(f.news.write, string(hash))
	return true, nil
}

// markAll writes the new marks.
func (f *forgetting) markAll(ctx context.Context) error {
	var ws []mongo.WriteModel
	for _, hash := range f.news.write {
		m := f.news.marks[hash]
		if m == nil {
			continue
		}
		if !f.news.known[hash] { // many times faster; who inserts it meanwhile is in the way of this
			ws = append(ws, mongo.NewInsertOneModel().SetDocument(m))
			f.news.known[hash] = true
			continue
		}
		w, err := f.d.byID(cForgotten, m.Hash).updateModel(m.change())
		if err != nil {
			return err
		}
		ws = append(ws, w)
	}
	f.news.write = nil
	if len(ws) == 0 {
		return nil
	}
	_, err := f.d.bulk(ctx, cForgotten, ws)
	return err
}

// late puts the deletions of posts that came while they were being marked
// first in what is to be done: now they are stored.
func (f *forgetting) late(ctx context.Context) error {
	here := map[string]bool{}
	var ids []string
	for _, m := range f.news.marked {
		ids = append(ids, m.id)
	}
	if err := f.d.present(ctx, cPosts, ids, func(id string) { here[id] = true }); err != nil {
		return err
	}
	var again []models.Deletion
	for _, m := range f.news.marked {
		if !here[m.id] {
			continue
		}
		again = append(again, m.del)
		if m.fresh {
			f.done.Unknown--
		}
	}
	if len(again) > 0 {
		f.rest = append(again, f.rest...)
	}
	return nil
}

// author does del to an author's posts, as many as the transaction may still
// hold; the first transaction only writes the mark.
func (f *forgetting) author(ctx context.Context, del *models.Deletion) (finished bool, err error) {
	hash := f.d.salt.Author(del.Source, del.Author)
	if !f.begun {
		posts, stubs, err := f.d.subjects(ctx, del, 1)
		if err != nil {
			return false, err
		}
		f.begun = true
		f.fresh, err = f.d.mark(ctx, hash, del, posts+stubs > 0 || del.Firm())
		return false, err
	}
	if !f.stubs {
		more, err := f.page(ctx, postsAuthor, hash, del)
		if err != nil || more {
			return false, err
		}
		f.stubs, f.after = true, ""
	}
	more, err := f.page(ctx, stubsAuthor, hash, del)
	if err != nil || more {
		return false, err
	}
	switch {
	case f.posts == 0 && !f.fresh:
		f.done.Repeated++
		return true, nil
	case f.posts == 0 && !del.Firm():
		f.done.Unknown++
		return true, nil
	}
	f.done.Authors++
	f.note(document.KindAuthor, hash, del, f.posts)
	return true, nil
}

// page does del to the next posts of an author; more tells that others are left.
func (f *forgetting) page(ctx context.Context, index string, hash []byte, del *models.Deletion) (more bool, err error) {
	if f.left <= 0 {
		return true, nil
	}
	limit := f.left
	var ids []string
	next := f.d.where(index, append(byAuthor(hash), behind(f.after)...)).sorted(asc("_id")).only(asc("_id")).limit(limit)
	if err := f.d.each(ctx, next, func(doc bson.Raw) error {
		id, _ := doc.Lookup("_id").StringValueOK()
		ids = append(ids, id)
		return nil
	}); err != nil {
		return false, err
	}
	for _, id := range ids {
		what, err := f.post(ctx, id, del)
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
