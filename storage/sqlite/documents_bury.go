package sqlite

import (
	"strings"
	"time"

	"weft/models"
	"weft/storage/document"
)

// bury ends what still lives of a post that was just tombstoned, and takes out
// of the store whatever else tells of it: what its runs found and why, its
// questions' suggestions and answers, its staged rows, its results, its blobs.
// What stays is which runs there were and how they went, for the counts.
func (s *session) bury(p *models.Post) error {
	id, at := p.ID, p.Tombstone.At
	runs, err := s.runsOf(id)
	if err != nil {
		return err
	}
	if err := s.redactTimeline(id); err != nil {
		return err
	}
	for _, r := range runs {
		if err := s.endRun(r, at); err != nil {
			return err
		}
	}
	if _, err := s.exec(`UPDATE runs SET gone = 1 WHERE post = ?`, id); err != nil {
		return err
	}
	if err := s.withdraw(id, false); err != nil {
		return err
	}
	if err := s.unstage(id); err != nil {
		return err
	}
	if _, err := s.exec(`DELETE FROM stubs WHERE post = ?`, id); err != nil {
		return err
	}
	if err := s.releaseAll(id, runs); err != nil {
		return err
	}
	return s.toErase(id, p.Source, document.Day(p.CreatedAt), document.Firm(p.Tombstone.By), time.Now())
}

// endRun ends a run if it lives, and empties it.
func (s *session) endRun(r models.Run, at time.Time) error {
	r.Results, r.Attributes, r.Error = nil, nil, ""
	m := r.Note()
	m.Run.Reason = "the post was deleted"
	if !r.State.Ended() {
		m = r.End(models.Dropped, "the post was deleted", at)
	}
	p := &pending{move: &m}
	if err := p.encode(); err != nil {
		return err
	}
	return s.move(p)
}

// redactTimeline leaves of each line what happened when, without why: reasons
// and errors name values, addresses and people.
func (s *session) redactTimeline(post string) error {
	type line struct {
		profile string
		seq     int64
		entry   models.Entry
	}
	var lines []line
	err := s.each(`SELECT profile, seq, doc FROM timeline WHERE post = ?`, []any{post}, func(scan scanner) error {
		var l line
		var doc []byte
		if err := scan(&l.profile, &l.seq, &doc); err != nil {
			return err
		}
		err := decode(doc, &l.entry)
		lines = append(lines, l)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range lines {
		l.entry.Reason, l.entry.Error = "", ""
		doc, err := encode(&l.entry)
		if err != nil {
			return err
		}
		if _, err := s.exec(`UPDATE timeline SET doc = ? WHERE post = ? AND profile = ? AND seq = ?`, doc, post, l.profile, l.seq); err != nil {
			return err
		}
	}
	return nil
}

// unstage drops a post's staged rows. A part that holds one and is not verified
// is dissolved: its other rows wait for the next part, and its file, should it
// be there or come yet, is a stray.
func (s *session) unstage(post string) error {
	var parts []string
	err := s.each(`SELECT DISTINCT s.part FROM staging s JOIN parts t ON t.id = s.part WHERE s.post = ? AND t.state <> ?`,
		[]any{post, string(models.PartVerified)}, func(scan scanner) error {
			var part string
			err := scan(&part)
			parts = append(parts, part)
			return err
		})
	if err != nil {
		return err
	}
	for _, id := range parts {
		part, err := s.part(id)
		if err != nil {
			return err
		}
		if err := s.stray(part.Path(), true, time.Now()); err != nil {
			return err
		}
		if _, err := s.exec(`UPDATE staging SET part = '' WHERE part = ? AND part <> ''`, id); err != nil {
			return err
		}
		if _, err := s.exec(`DELETE FROM parts WHERE id = ?`, id); err != nil {
			return err
		}
	}
	_, err = s.exec(`DELETE FROM staging WHERE post = ?`, post)
	return err
}

// releaseAll ends a post's blob references, so that the next Release dooms what
// nobody else needs, and forgets what any model said of what the runs' models saw: also
// those of earlier generations, and shadows. To doom it
// here would keep other posts with the same image waiting until the next sweep.
// Results of text are forgotten too: whoever has the same text computes them again.
func (s *session) releaseAll(post string, runs []models.Run) error {
	var keys []string
	err := s.each(`SELECT key FROM blob_refs WHERE post = ?`, []any{post}, func(scan scanner) error {
		var key string
		err := scan(&key)
		keys = append(keys, key)
		return err
	})
	if err != nil {
		return err
	}
	shared := map[string]bool{} // keys that others need
	for _, key := range keys {
		if _, err := s.exec(`UPDATE blob_refs SET expires = 1 WHERE key = ? AND post = ?`, key, post); err != nil {
			return err
		}
		var n int
		if err := s.one(`SELECT COUNT(*) FROM blob_refs WHERE key = ? AND post <> ?`, []any{key, post}, &n); err != nil {
			return err
		}
		shared[key] = n > 0
		if err := s.releaseLater(key); err != nil {
			return err
		}
	}
	for _, r := range runs {
		for _, res := range r.Results {
			if neededBy(shared, res.Input) {
				continue
			}
			if _, err := s.exec(`DELETE FROM results WHERE json_extract(CAST(doc AS TEXT), '$.input') = ?`, res.Input); err != nil {
				return err
			}
		}
	}
	return nil
}

// neededBy reports whether a result is of an image that another post has: blob
// keys name their content.
func neededBy(shared map[string]bool, input string) bool {
	for key, n := range shared {
		if n && input != "" && strings.Contains(key, input) {
			return true
		}
	}
	return false
}

// lateWrite is when a blob of a deleted post is looked for once more: a fetch
// that was under way may have stored it after it was deleted.
const lateWrite = time.Hour

func (s *session) releaseLater(key string) error {
	_, err := s.exec(`INSERT OR IGNORE INTO doomed_again(key, at) VALUES(?, ?)`, key, time.Now().Add(lateWrite).UnixMicro())
	return err
}

// eraseStub forgets a purged post.
func (s *session) eraseStub(stub models.Stub, d *models.Deletion) error {
	dayOf := ""
	if !stub.CreatedAt.IsZero() {
		dayOf = document.Day(stub.CreatedAt)
	}
	for _, r := range stub.Runs { // stubs of layout 1 have only their parts
		if part, err := s.part(r.Part); dayOf == "" && err == nil {
			dayOf = part.Day
		}
	}
	if _, err := s.exec(`DELETE FROM stubs WHERE post = ?`, stub.Post); err != nil {
		return err
	}
	if err := s.withdraw(stub.Post, false); err != nil {
		return err
	}
	if err := s.releaseAll(stub.Post, nil); err != nil {
		return err
	}
	if _, err := s.mark(s.w.salt.Post(stub.Post), d, true); err != nil {
		return err
	}
	// after the parts' days were read: this may end a part that isn't verified
	if err := s.unstage(stub.Post); err != nil {
		return err
	}
	source, _, _ := strings.Cut(stub.Post, ".")
	return s.toErase(stub.Post, source, dayOf, d.Firm(), time.Now())
}

// toErase notes that the history may hold rows of a post.
func (s *session) toErase(post, source, day string, firm bool, at time.Time) error {
	_, err := s.exec(`INSERT INTO erasures(post, source, day, firm, at) VALUES(?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET firm = MAX(firm, excluded.firm)`, post, source, day, firm, at.UnixMicro())
	return err
}

// stray notes a file that is not, or not yet, or no longer part of the history.
func (s *session) stray(path string, doomed bool, at time.Time) error {
	_, err := s.exec(`INSERT INTO strays(path, at, doomed) VALUES(?, ?, ?) ON CONFLICT DO UPDATE
		SET at = excluded.at, doomed = excluded.doomed`, path, at.UnixMicro(), doomed)
	return err
}
