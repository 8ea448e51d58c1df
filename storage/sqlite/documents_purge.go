package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"

	"weft/models"
	"weft/storage/document"
)

// Purgeable returns the ids of posts, after the cursor, that may leave: not
// dirty, not tombstoned, not hidden, every run done, dropped or superseded before
// endedBefore, every row of theirs in a verified part, and for every
// publication a row of its generation and of the post's rev among them.
// A post without publications needs no rows.
func (d *Documents) Purgeable(ctx context.Context, endedBefore time.Time, after string, max int) ([]string, error) {
	var out []string
	err := d.r.each(ctx, `SELECT p.id, p.doc FROM posts p WHERE p.id > ? AND p.dirty = 0 AND p.tomb = 0 AND p.hidden = 0
		AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.post = p.id AND (r.ended_at = 0 OR r.ended_at >= ? OR r.state = 'failed'))
		AND NOT EXISTS (`+unverified+`) ORDER BY p.id`,
		[]any{after, endedBefore.UnixMicro()}, func(scan scanner) error {
			var id string
			var doc []byte
			if err := scan(&id, &doc); err != nil {
				return err
			}
			p, err := decodePost(doc, nil)
			if err != nil {
				return err
			}
			kept, err := archived(&p, func(query string, args []any, dest ...any) error {
				return d.r.one(ctx, query, args, dest...)
			})
			if err != nil {
				return err
			}
			if kept {
				out = append(out, id)
			}
			if len(out) == limit(max, 500) {
				return errEnough
			}
			return nil
		})
	return out, fault("purgeable posts", err)
}

// unverified finds a post's rows that are in no verified part yet.
const unverified = `SELECT 1 FROM staging s LEFT JOIN parts t ON t.id = s.part
	WHERE s.post = p.id AND (t.state IS NULL OR t.state <> 'verified')`

// archived reports whether every publication of p is in a verified part as it is now.
func archived(p *models.Post, one func(query string, args []any, dest ...any) error) (bool, error) {
	for profile, pub := range p.Published {
		var n int
		if err := one(`SELECT COUNT(*) FROM staging s JOIN parts t ON t.id = s.part AND t.state = 'verified'
			WHERE s.post = ? AND s.profile = ? AND s.generation = ? AND s.rev = ?`,
			[]any{p.ID, profile, pub.Generation, p.Rev}, &n); err != nil || n == 0 {
			return false, err
		}
	}
	return true, nil
}

// Purge removes a post with its runs, timelines, passages, row keys and
// settled items, and leaves the stub. ErrConflict if the post's rev is no
// longer stub.Rev or it isn't purgeable any more (but for the time, which the
// caller judged), ErrNotFound if it isn't there. What the stub says of content
// and runs is taken from what is removed, within the same transaction, and
// joined with what an earlier stub still holds; so the caller fills in only
// Post, Rev and PurgedAt. The post's labels are kept beside the stub.
func (d *Documents) Purge(ctx context.Context, stub models.Stub) error {
	return fault("purge "+stub.Post, d.w.do(ctx, func(s *session) error {
		p, err := s.purgeable(stub.Post, stub.Rev)
		if err != nil {
			return err
		}
		stub.Content, stub.PurgedAt = p.ContentHash(), stub.PurgedAt.UTC()
		stub.CreatedAt, stub.EditedAt = p.CreatedAt, p.EditedAt
		stub.Author = hex.EncodeToString(s.w.salt.Author(p.Source, document.AuthorOf(p.Author)))
		if stub.Runs, err = s.stubRuns(stub.Post); err != nil {
			return err
		}
		for _, table := range []string{"runs", "timeline", "passages", "staging"} {
			if _, err := s.exec(`DELETE FROM `+table+` WHERE post = ?`, stub.Post); err != nil {
				return err
			}
		}
		if err := s.relook(stub.Post, document.LooksOf(&p), nil); err != nil {
			return err
		}
		if _, err := s.exec(`DELETE FROM posts WHERE id = ?`, stub.Post); err != nil {
			return err
		}
		if _, err := s.exec(`DELETE FROM items WHERE post = ? AND state NOT IN (?, ?)`,
			stub.Post, string(models.ItemOpen), string(models.ItemEscalated)); err != nil {
			return err
		}
		return s.putStub(stub, p.Labels)
	}))
}

// purgeable returns the post if it may be purged at this rev.
func (s *session) purgeable(id string, rev int64) (models.Post, error) {
	p, err := s.stored(id)
	if err != nil {
		return p, err
	}
	var ok bool
	if err := s.one(`SELECT p.rev = ? AND p.dirty = 0 AND p.tomb = 0 AND p.hidden = 0
		AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.post = p.id AND (r.ended_at = 0 OR r.state = 'failed'))
		AND NOT EXISTS (`+unverified+`) FROM posts p WHERE p.id = ?`, []any{rev, id}, &ok); err != nil {
		return p, err
	}
	if ok {
		if ok, err = archived(&p, s.one); err != nil {
			return p, err
		}
	}
	if !ok {
		return p, fmt.Errorf("%w: it was written since, lives, or is not archived as it is", models.ErrConflict)
	}
	return p, nil
}

// stubRuns collects what a stub keeps of a post's runs and of its stub.
func (s *session) stubRuns(post string) (map[string]models.StubRun, error) {
	out := map[string]models.StubRun{}
	old, _, err := s.stub(post)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, err
	}
	maps.Copy(out, old.Runs)
	runs, err := s.runsOf(post)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		out[r.Profile] = models.StubRun{Seq: r.Seq, Generation: r.Generation, Past: map[models.State]int{r.State: 1}}
	}
	err = s.each(`SELECT profile, state, n FROM passages WHERE post = ?`, []any{post}, func(scan scanner) error {
		var profile string
		var state models.State
		var n int
		err := scan(&profile, &state, &n)
		out[profile].Past[state] += n
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.each(`SELECT profile, part FROM staging WHERE post = ? ORDER BY generation, rev`, []any{post}, func(scan scanner) error {
		var profile, part string
		err := scan(&profile, &part)
		if r, ok := out[profile]; ok {
			r.Part = part
			out[profile] = r
		}
		return err
	})
	return out, err
}

// Stub returns what is left of a purged post, or ErrNotFound.
func (d *Documents) Stub(ctx context.Context, id string) (models.Stub, error) {
	var doc []byte
	var stub models.Stub
	err := d.r.one(ctx, `SELECT doc FROM stubs WHERE post = ?`, []any{id}, &doc)
	if err == nil {
		err = decode(doc, &stub)
	}
	return stub, fault("stub "+id, absent(err))
}

func (s *session) stub(post string) (models.Stub, []models.Label, error) {
	var doc, kept []byte
	var stub models.Stub
	var labels []models.Label
	if err := s.one(`SELECT doc, labels FROM stubs WHERE post = ?`, []any{post}, &doc, &kept); err != nil {
		return stub, nil, absent(err)
	}
	if err := decode(kept, &labels); err != nil {
		return stub, nil, err
	}
	err := decode(doc, &stub)
	return stub, labels, err
}

func (s *session) putStub(stub models.Stub, labels []models.Label) error {
	doc, err := encode(stub)
	if err != nil {
		return err
	}
	kept, err := encode(labels)
	if err != nil {
		return err
	}
	author, err := hex.DecodeString(stub.Author)
	if err != nil {
		return models.Faultf(models.Permanent, "stub of %s: author: %w", stub.Post, err)
	}
	_, err = s.exec(`INSERT OR REPLACE INTO stubs(post, labels, doc, author) VALUES(?, ?, ?, ?)`, stub.Post, kept, doc, author)
	return err
}

// stubHidden says whether a purged post is hidden, and why.
func (s *session) stubHidden(post string) (act int, why string, err error) {
	err = absent(s.one(`SELECT hidden FROM stubs WHERE post = ?`, []any{post}, &why))
	if err == nil && why != "" {
		act = markHide
	}
	return act, why, err
}

// shrinkStub takes a profile that came back out of the stub; the last one
// takes the stub with it.
func (s *session) shrinkStub(stub models.Stub, profile string) error {
	delete(stub.Runs, profile)
	if len(stub.Runs) == 0 {
		_, err := s.exec(`DELETE FROM stubs WHERE post = ?`, stub.Post)
		return err
	}
	doc, err := encode(stub)
	if err != nil {
		return err
	}
	_, err = s.exec(`UPDATE stubs SET doc = ? WHERE post = ?`, doc, stub.Post)
	return err
}

// Restore brings a purged post back from the history: the post with the rev
// after the stub's (unless it came back by itself meanwhile: then that one
// stays), and each of the given runs that the stub knows, ended, with the
// stub's seq, generation and passages. It returns those of the given runs that
// are then there. Profiles that no run was given for stay in the stub.
// Repeating it changes nothing. ErrNotFound if there is neither stub nor post,
// or the post was deleted.
func (d *Documents) Restore(ctx context.Context, post models.Post, runs []models.Run) ([]models.Run, error) {
	var out []models.Run
	err := d.w.do(ctx, func(s *session) (err error) {
		out, err = s.restore(post, runs)
		return err
	})
	return out, fault("restore "+post.ID, err)
}

func (s *session) restore(post models.Post, runs []models.Run) ([]models.Run, error) {
	stub, labels, err := s.stub(post.ID)
	gone := errors.Is(err, models.ErrNotFound)
	if err != nil && !gone {
		return nil, err
	}
	present, err := s.stored(post.ID)
	switch {
	case err == nil && present.Tombstone != nil:
		return nil, models.ErrNotFound
	case errors.Is(err, models.ErrNotFound) && !gone:
		act, why, err := s.marked(&post)
		if err == nil && act == 0 {
			act, why, err = s.stubHidden(post.ID)
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
		if err := s.addPost(&post, 1); err != nil {
			return nil, err
		}
	case err != nil:
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
		if err := s.shrinkStub(stub, r.Profile); err != nil {
			return nil, err
		}
	}
	return s.among(post.ID, runs)
}

// restoreRun adds r as the stub has it. Of the stub's passages one is the run
// itself, as it ended.
func (s *session) restoreRun(r models.Run, old models.StubRun, content string) error {
	r.Seq, r.Generation, r.State, r.ProcessAt, r.Due = old.Seq, old.Generation, endedAs(r.State, old.Past), time.Time{}, time.Time{}
	if err := s.addRun(&r, content, nil); err != nil {
		return err
	}
	for state, n := range old.Past {
		if state == r.State {
			n--
		}
		if err := s.addPassages(r.Post, r.Profile, state, n); err != nil {
			return err
		}
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

// among returns those of the given runs that are stored, as they are stored.
func (s *session) among(post string, runs []models.Run) ([]models.Run, error) {
	stored, err := s.runsOf(post)
	if err != nil {
		return nil, err
	}
	var out []models.Run
	for _, have := range stored {
		for _, r := range runs {
			if r.Profile == have.Profile {
				out = append(out, have)
				break
			}
		}
	}
	return out, nil
}

// Stubs pages through the stubs in the order of their posts' ids, after the cursor.
func (d *Documents) Stubs(ctx context.Context, after string, max int) ([]models.Stub, error) {
	var out []models.Stub
	err := d.r.each(ctx, `SELECT doc FROM stubs WHERE post > ? ORDER BY post LIMIT ?`, []any{after, limit(max, 500)}, func(scan scanner) error {
		var doc []byte
		var stub models.Stub
		if err := scan(&doc); err != nil {
			return err
		}
		if err := decode(doc, &stub); err != nil {
			return err
		}
		out = append(out, stub)
		return nil
	})
	return out, fault("stubs", err)
}
