// Package sqlite keeps Weft's documents and its search in SQLite files, for
// set-ups without servers. It is pure Go and needs nothing to be installed.
//
// Documents is the document store. Several processes may open the same file:
// every write is an immediate transaction that reads what it decides on, so
// nothing is ever right only because of what this process remembers.
package sqlite

import (
	"context"
	"errors"

	"weft/models"
)

// Documents is the document store in one SQLite file. Its methods may be
// called at the same time from anywhere. Errors of the file itself (closed,
// locked for too long, disk full, …) are models.Unavailable.
type Documents struct {
	handles handles
	w       *writer
	r       *reader
	batch   *batcher
}

// OpenDocuments opens the file at path, making it if it is not there.
func OpenDocuments(ctx context.Context, path string) (*Documents, error) {
	h, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, h.write)
	if err != nil {
		return nil, fault("open "+path, errors.Join(err, h.close()))
	}
	d := &Documents{handles: h, w: w, r: newReader(h.read)}
	if err := prepare(ctx, w); err != nil {
		return nil, fault("open "+path, errors.Join(err, w.close(), h.close()))
	}
	d.batch = newBatcher(w)
	return d, nil
}

// Close ends the moves under way and closes the file. Later calls are
// models.Unavailable.
func (d *Documents) Close() error {
	if !d.batch.close() {
		return nil // closed before
	}
	return fault("close documents", errors.Join(d.w.close(), d.handles.close()))
}

// Load returns a post and its run in a profile as they are at one moment, or
// ErrNotFound if either is missing. A tombstoned post is returned as such.
func (d *Documents) Load(ctx context.Context, post, profile string) (models.Post, models.Run, error) {
	l := loading{post: post, profile: profile}
	if err := d.batch.load(ctx, &l); err != nil {
		return models.Post{}, models.Run{}, fault("load "+post+"/"+profile, absent(err))
	}
	p, err := decodePost(l.doc, l.raw)
	if err != nil {
		return p, models.Run{}, fault("load "+post, err)
	}
	var r models.Run
	if err := decode(l.run, &r); err != nil {
		return p, r, fault("load "+post+"/"+profile, err)
	}
	return p, r, nil
}

// Move makes one compare-and-set write: where the stored run's seq is m.From,
// it becomes m.Run, together with m.Entry in the timeline, m.Past among the
// passages, m.Change in the newest post, m.Spend in the budget and, if m.Dirty,
// the post's dirty flag. Where the seq is another it returns ErrConflict, and
// ErrNotFound where there is no such run or its post is tombstoned; nothing is
// written then. A note (m.Run.Seq is m.From) writes no entry.
//
// Moves that come while another is being written are written together, each
// with its own result.
func (d *Documents) Move(ctx context.Context, m models.Move) error {
	return fault("move "+m.Run.Post+"/"+m.Run.Profile, d.batch.save(ctx, m))
}
