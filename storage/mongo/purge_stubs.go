package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// Stub returns what is left of a purged post, or ErrNotFound.
func (d *Documents) Stub(ctx context.Context, id string) (models.Stub, error) {
	var s stubDoc
	err := d.one(ctx, d.byID(cStubs, id), &s)
	return s.Stub, fault("stub "+id, err)
}

// Stubs pages through the stubs in the order of their posts' ids, after the cursor.
func (d *Documents) Stubs(ctx context.Context, after string, max int) ([]models.Stub, error) {
	docs, err := collect[stubDoc](ctx, d, d.where(cStubs+primary, behind(after)).sorted(asc("_id")).limit(limit(max, 500)))
	var out []models.Stub
	for i := range docs {
		out = append(out, docs[i].Stub)
	}
	return out, fault("stubs", err)
}

// stub reads a stub and the labels beside it. It writes the stub's counter, so
// that in a transaction whoever alters or forgets the stub conflicts.
func (d *Documents) stub(ctx context.Context, post string) (models.Stub, []models.Label, error) {
	n, err := d.update(ctx, d.byID(cStubs, post), incW())
	if err == nil && n == 0 {
		err = models.ErrNotFound
	}
	var s stubDoc
	if err == nil {
		err = d.one(ctx, d.byID(cStubs, post), &s)
	}
	return s.Stub, s.Labels, err
}

// putStub writes a stub that nobody hid.
func (d *Documents) putStub(ctx context.Context, stub models.Stub, labels []models.Label) error {
	change := bson.D{{Key: "labels", Value: labels}, {Key: "stub", Value: stub}}
	never := bson.D{{Key: "hidden", Value: ""}}
	if stub.Author != "" {
		change = append(change, bson.E{Key: "author", Value: stub.Author})
	} else {
		never = append(never, bson.E{Key: "author", Value: ""})
	}
	err := d.put(ctx, d.byID(cStubs, stub.Post), append(incW(), bson.E{Key: "$set", Value: change}, bson.E{Key: "$unset", Value: never}))
	return err
}

// stubHidden says whether a purged post is hidden, and why.
func (d *Documents) stubHidden(ctx context.Context, post string) (act int, why string, err error) {
	var s stubDoc
	err = d.one(ctx, d.byID(cStubs, post), &s)
	if err == nil && s.Hidden != "" {
		act = markHide
	}
	return act, s.Hidden, err
}

// shrinkStub takes a profile that came back out of the stub; the last one
// takes the stub with it.
func (d *Documents) shrinkStub(ctx context.Context, stub models.Stub, profile string) error {
	delete(stub.Runs, profile)
	if len(stub.Runs) == 0 {
		_, err := d.remove(ctx, d.byID(cStubs, stub.Post))
		return err
	}
	_, err := d.update(ctx, d.byID(cStubs, stub.Post), append(incW(), set("stub", stub)...))
	return err
}

// Restore brings a purged post back from the history: the post with the rev
// after the stub's (unless it came back by itself meanwhile: then that one
// stays), and each of the given runs that the stub knows, ended, with the
// stub's seq, generation and passages. It returns those of the given runs that
// are then there. Profiles that no run was given for stay in the stub.
// Repeating it changes nothing. ErrNotFound if there is neither stub nor post,
// or the post was deleted.
//
// Two that restore one post write its stub; one that forgets it meanwhile
// writes the stub or, where that went before, the post's hash.
func (d *Documents) Restore(ctx context.Context, post models.Post, runs []models.Run) ([]models.Run, error) {
	var out []models.Run
	err := d.tx(ctx, func(ctx context.Context) (err error) {
		out, err = d.restore(ctx, post, runs)
		return err
	})
	return out, fault("restore "+post.ID, err)
}

func (d *Documents) restore(ctx context.Context, post models.Post, runs []models.Run) ([]models.Run, error) {
	stub, labels, err := d.stub(ctx, post.ID)
	none := errors.Is(err, models.ErrNotFound)
	if err != nil && !none {
		return nil, err
	}
	s, err := d.stored(ctx, post.ID)
	fresh := errors.Is(err, models.ErrNotFound) && !none
	switch {
	case fresh:
		s, err = d.back(ctx, post, stub, labels)
	case err == nil && s.Tomb:
		err = models.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		r.Post = post.ID
		old, ok := stub.Runs[r.Profile]
		if !ok {
			continue
		}
		if err := s.restoreRun(r, old, post.ContentHash()); err != nil {
			return nil, err
		}
		if err := d.shrinkStub(ctx, stub, r.Profile); err != nil {
			return nil, err
		}
	}
	if err := fits(post.ID, s.size()); err != nil {
		return nil, err
	}
	if fresh {
		err = d.addStored(ctx, s)
	} else {
		err = d.save(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	return amongRuns(s, runs)
}

// back is the document of a purged post that comes back.
func (d *Documents) back(ctx context.Context, post models.Post, stub models.Stub, labels []models.Label) (*stored, error) {
	for _, hash := range [][]byte{d.salt.Post(post.ID), d.salt.Author(post.Source, document.AuthorOf(post.Author))} {
		if hash == nil {
			continue // nobody knows who wrote it
		}
		if _, err := d.lockHash(ctx, hash); err != nil {
			return nil, err
		}
	}
	act, why, err := d.marked(ctx, &post)
	if err == nil && act == 0 {
		act, why, err = d.stubHidden(ctx, post.ID)
	}
	if err != nil {
		return nil, err
	}
	if act >= markGone {
		return nil, models.ErrNotFound
	}
	post.Rev, post.SchemaVersion, post.Tombstone, post.Hidden = stub.Rev+1, models.SchemaVersion, nil, why
	if len(post.Labels) == 0 {
		post.Labels = labels
	}
	document.UTCPost(&post)
	s, err := d.newStored(&post)
	if err == nil {
		s.markDirty()
		s.Dirty = 1 // before all others: somebody asked for it
	}
	return s, err
}

// addStored inserts a post in the running transaction, which found none.
func (d *Documents) addStored(ctx context.Context, s *stored) error {
	ok, err := d.insert(ctx, cPosts, s)
	if err == nil && !ok {
		err = errRaced
	}
	return err
}

// restoreRun adds r as the stub has it. Of the stub's passages one is the run
// itself, as it ended.
func (s *stored) restoreRun(r models.Run, old models.StubRun, content string) error {
	r.Seq, r.Generation, r.State, r.ProcessAt, r.Due = old.Seq, old.Generation, endedAs(r.State, old.Past), time.Time{}, time.Time{}
	document.UTCRun(&r)
	if err := s.addRun(&r, content, nil); err != nil {
		return err
	}
	for state, n := range old.Past {
		if state == r.State {
			n--
		}
		s.addPassages(r.Profile, state, n)
	}
	return nil
}

// endedAs returns which of its passages' ends is the last generation's. The
// stub doesn't say; a row is written just before the run is done, so that is
// the likeliest.
func endedAs(state models.State, past map[models.State]int) models.State {
	for _, s := range []models.State{state, models.Done, models.Dropped, models.Superseded, models.Failed} {
		if s.Ended() && past[s] > 0 {
			return s
		}
	}
	return models.Done
}

// amongRuns returns those of the given runs that are stored, as they are stored.
func amongRuns(s *stored, runs []models.Run) ([]models.Run, error) {
	all, err := s.runs()
	return slices.DeleteFunc(all, func(have models.Run) bool {
		return !slices.ContainsFunc(runs, func(r models.Run) bool { return r.Profile == have.Profile })
	}), err
}
