package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"weft/models"
	"weft/storage/document"
)

// errRaced: somebody wrote the document since it was read, so what was decided
// on it is decided again.
var errRaced = errors.New("the document was written meanwhile")

// mostRaces is how often a decision is made anew before the caller is told to
// come again. Each time somebody else got on.
const mostRaces = 100

// tx runs f in a transaction: it reads one snapshot of what a majority has, and
// either all of its writes hold or none. f is run again where another
// transaction was in the way, so it must not keep anything from an earlier
// call. Calls to the store in f take f's context. Within a transaction tx is
// just f.
func (d *Documents) tx(ctx context.Context, f func(ctx context.Context) error) error {
	if mongo.SessionFromContext(ctx) != nil {
		return f(ctx)
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	s, err := d.client.StartSession()
	if err != nil {
		return err
	}
	defer s.EndSession(context.WithoutCancel(ctx))
	// write concern, read preference and time-out are the client's
	opts := options.Transaction().SetReadConcern(readconcern.Snapshot())
	for range mostRaces {
		_, err = s.WithTransaction(ctx, func(ctx context.Context) (any, error) { return nil, f(ctx) }, opts)
		if !errors.Is(err, errRaced) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return models.Faultf(models.Unavailable, "too many others write the same post: %w", err)
}

// stored reads a post's document, or ErrNotFound.
func (d *Documents) stored(ctx context.Context, id string) (*stored, error) {
	var s stored
	if err := d.one(ctx, d.byID(cPosts, id), &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// save stores what was altered of s since it was read; errRaced if somebody
// else wrote it meanwhile. Afterwards s may be altered and saved again.
func (d *Documents) save(ctx context.Context, s *stored) error {
	if !s.touched.altered() {
		return nil
	}
	m, err := d.saving(s)
	if err != nil {
		return err
	}
	n, err := d.update(ctx, d.where(cPosts+primary, m.Filter.(bson.D)), m.Update) //nolint:errcheck // saving makes it
	if err == nil && n == 0 {
		err = errRaced
	}
	if err != nil {
		return err
	}
	s.W++
	s.touched = touched{}
	return nil
}

// touch adds one to the counter of a post's document, so that two transactions
// about it conflict even where neither alters it. It is false if there is none.
func (d *Documents) touch(ctx context.Context, id string) (bool, error) {
	n, err := d.update(ctx, d.byID(cPosts, id), incW())
	return n > 0, err
}

// changeStored applies c to a document that was read, and reports whether that
// altered it; the caller saves it. A
// deletion wants a transaction, since it reaches other documents, and saves by
// itself what bury needs.
func (d *Documents) changeStored(ctx context.Context, s *stored, c models.Change) (models.Post, bool, error) {
	p, err := s.post()
	hidden := p.Hidden != ""
	if err != nil || !inMillis(c).Apply(&p) {
		return p, false, err
	}
	document.UTCPost(&p)
	if c.Delete == nil {
		if err := d.setPost(s, &p); err != nil || hidden == (p.Hidden != "") {
			return p, true, err
		}
		return p, true, d.relaneAbout(ctx, p.ID, !hidden)
	}
	runs, err := s.runs() // with what their models found, which bury forgets
	if err != nil {
		return p, false, err
	}
	if err := s.end(p.Tombstone.At); err != nil {
		return p, false, err
	}
	if err := d.setPost(s, &p); err != nil {
		return p, false, err
	}
	if err := d.save(ctx, s); err != nil {
		return p, false, err
	}
	err = d.bury(ctx, &p, runs)
	return p, true, err
}

// end ends what still lives of a post that is being deleted, and takes out of
// its runs and timelines what they found and why: reasons and errors name
// values, addresses and people. What stays is which runs there were and how
// they went, for the counts.
func (s *stored) end(at time.Time) error {
	for i := range s.Timeline {
		e, err := redacted(s.Timeline[i].Entry)
		if err != nil {
			return err
		}
		if s.Timeline[i].Entry, err = encode(&e); err != nil {
			return err
		}
	}
	for i := range s.Runs {
		r, err := s.Runs[i].model()
		if err != nil {
			return err
		}
		r.Results, r.Attributes, r.Error = nil, nil, ""
		m := r.Note()
		m.Run.Reason = deleted
		if !r.State.Ended() {
			m = r.End(models.Dropped, deleted, at)
		}
		utcMove(&m)
		if err := s.move(&m, 0); err != nil {
			return fmt.Errorf("end run in %s: %w", r.Profile, err)
		}
	}
	s.touched.timeline = true
	return nil
}

const deleted = "the post was deleted"

// redacted is a line of a timeline that says what happened when, without why.
func redacted(doc bson.Raw) (models.Entry, error) {
	var e models.Entry
	err := decode(doc, &e)
	e.Reason, e.Error = "", ""
	return e, err
}

func incW() bson.D { return bson.D{{Key: "$inc", Value: bson.D{{Key: "w", Value: int64(1)}}}} }
