package sqlite

import (
	"context"
	"strings"
	"time"

	"weft/models"
	"weft/storage/document"
)

// Post returns a post and all its runs, in the order of their profiles.
func (d *Documents) Post(ctx context.Context, id string) (models.Post, []models.Run, error) {
	// one statement, so that post and runs are of the same moment
	var post models.Post
	var runs []models.Run
	found := false
	err := d.r.each(ctx, `SELECT p.doc, p.raw, r.doc FROM posts p LEFT JOIN runs r ON r.post = p.id WHERE p.id = ? ORDER BY r.profile`,
		[]any{id}, func(scan scanner) error {
			var doc, raw, run []byte
			err := scan(&doc, &raw, &run)
			if err != nil {
				return err
			}
			if !found {
				found = true
				if post, err = decodePost(doc, raw); err != nil {
					return err
				}
			}
			if run == nil {
				return nil
			}
			runs, err = appendRun(runs, run)
			return err
		})
	if err == nil && !found {
		err = models.ErrNotFound
	}
	return post, runs, fault("post "+id, err)
}

func appendRun(runs []models.Run, doc []byte) ([]models.Run, error) {
	var r models.Run
	if err := decode(doc, &r); err != nil {
		return runs, err
	}
	return append(runs, r), nil
}

// Timeline returns what a run decided so far, in the order of seq. It is empty
// for a run that is not there.
func (d *Documents) Timeline(ctx context.Context, post, profile string) ([]models.Entry, error) {
	var out []models.Entry
	err := d.r.each(ctx, `SELECT doc FROM timeline WHERE post = ? AND profile = ? ORDER BY seq`, []any{post, profile},
		func(scan scanner) error {
			var doc []byte
			if err := scan(&doc); err != nil {
				return err
			}
			var e models.Entry
			if err := decode(doc, &e); err != nil {
				return err
			}
			out = append(out, e)
			return nil
		})
	return out, fault("timeline of "+post+"/"+profile, err)
}

// Update applies c to the post and returns it. If that changed anything, the
// post is dirty. A deletion also ends the post's living runs as dropped, since
// no move is accepted for them any more, withdraws its items, and removes what
// else tells of it, as Forget does. A post that was tombstoned before takes no change.
func (d *Documents) Update(ctx context.Context, post string, c models.Change) (models.Post, error) {
	var p models.Post
	err := d.w.do(ctx, func(s *session) error {
		var changed bool
		var err error
		if p, changed, err = s.change(post, c); err != nil || !changed {
			return err
		}
		return s.dirty(post)
	})
	return p, fault("update "+post, err)
}

// stored is a post as it stands in the running transaction.
func (s *session) stored(id string) (models.Post, error) {
	var doc, raw []byte
	if err := s.one(`SELECT doc, raw FROM posts WHERE id = ?`, []any{id}, &doc, &raw); err != nil {
		return models.Post{}, absent(err)
	}
	return decodePost(doc, raw)
}

// change applies c to the stored post and reports whether that altered it.
func (s *session) change(id string, c models.Change) (models.Post, bool, error) {
	p, err := s.stored(id)
	if err != nil {
		return p, false, err
	}
	looks, hidden := document.LooksOf(&p), p.Hidden != ""
	if !c.Apply(&p) {
		return p, false, nil
	}
	if err := s.relook(id, looks, document.LooksOf(&p)); err != nil {
		return p, false, err
	}
	document.UTCPost(&p)
	doc, raw, err := encodePost(&p)
	if err != nil {
		return p, false, err
	}
	args := append([]any{p.Rev, p.Tombstone != nil, p.ContentHash(), document.Facts(&p)}, s.w.asides(&p)...)
	if _, err := s.exec(`UPDATE posts SET rev = ?, tomb = ?, content = ?, facts = ?,
		author = ?, edited = ?, hidden = ?, adult = ?, urls = ?, doc = ?, raw = ? WHERE id = ?`, append(args, doc, raw, id)...); err != nil {
		return p, false, err
	}
	switch {
	case c.Delete != nil:
		err = s.bury(&p)
	case hidden != (p.Hidden != ""):
		err = s.relaneAbout(id)
	}
	return p, true, err
}

func (s *session) runsOf(post string) ([]models.Run, error) {
	var runs []models.Run
	err := s.each(`SELECT doc FROM runs WHERE post = ? ORDER BY profile`, []any{post}, func(scan scanner) error {
		var doc []byte
		err := scan(&doc)
		if err != nil {
			return err
		}
		runs, err = appendRun(runs, doc)
		return err
	})
	return runs, err
}

// dirty marks a post for projection. The mark is a time, so that the post that
// has waited longest comes first; only that order depends on the clock.
func (s *session) dirty(id string) error {
	_, err := s.exec(`UPDATE posts SET dirty = ? WHERE id = ? AND dirty = 0`, time.Now().UnixMicro(), id)
	return err
}

// Posts returns posts in the order of their ids, after the cursor. Posts that
// are written meanwhile neither repeat nor hide others.
func (d *Documents) Posts(ctx context.Context, f models.PostFilter) ([]models.Post, error) {
	query, args := `SELECT doc, raw FROM posts WHERE id > ? ORDER BY id LIMIT ?`, []any{f.After, limit(f.Limit, 500)}
	if f.Profile != "" {
		query = `SELECT doc, raw FROM posts p WHERE id > ? AND EXISTS
			(SELECT 1 FROM runs r WHERE r.post = p.id AND r.profile = ?) ORDER BY id LIMIT ?`
		args = []any{f.After, f.Profile, limit(f.Limit, 500)}
	}
	out, err := d.posts(ctx, query, args)
	return out, fault("posts", err)
}

func (d *Documents) posts(ctx context.Context, query string, args []any) ([]models.Post, error) {
	var out []models.Post
	err := d.r.each(ctx, query, args, func(scan scanner) error {
		var doc, raw []byte
		if err := scan(&doc, &raw); err != nil {
			return err
		}
		p, err := decodePost(doc, raw)
		out = append(out, p)
		return err
	})
	return out, err
}

func limit(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Dirty returns posts that must be projected again, tombstoned ones among
// them, the longest waiting first.
func (d *Documents) Dirty(ctx context.Context, max int) ([]models.Post, error) {
	out, err := d.posts(ctx, `SELECT doc, raw FROM posts WHERE dirty > 0 ORDER BY dirty, id LIMIT ?`, []any{limit(max, 500)})
	return out, fault("dirty posts", err)
}

// Clean clears the dirty flag of a post if its rev is still rev; otherwise it
// does nothing, and the newer post is still dirty.
func (d *Documents) Clean(ctx context.Context, post string, rev int64) error {
	err := d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`UPDATE posts SET dirty = 0 WHERE id = ? AND rev = ?`, post, rev)
		return err
	})
	return fault("clean "+post, err)
}

// Runs returns runs in the order of (post, profile), after the cursor.
func (d *Documents) Runs(ctx context.Context, f models.RunFilter) ([]models.Run, error) {
	where, args := []string{"1"}, []any{}
	add := func(cond string, v ...any) { where, args = append(where, cond), append(args, v...) }
	if f.Post != "" {
		add("post = ?", f.Post)
	}
	if f.State != "" {
		add("state = ?", string(f.State))
	}
	if f.Step != "" {
		add("step = ?", string(f.Step))
	}
	if f.Profile != "" {
		add("profile = ?", f.Profile)
	}
	if f.Campaign != "" {
		add("campaign <> '' AND campaign = ?", f.Campaign)
	}
	if f.After != "" {
		post, profile := f.After, ""
		if i := strings.LastIndexByte(f.After, '/'); i >= 0 {
			post, profile = f.After[:i], f.After[i+1:]
		}
		add("(post, profile) > (?, ?)", post, profile)
	}
	var out []models.Run
	query := "SELECT doc FROM runs WHERE " + strings.Join(where, " AND ") + " ORDER BY post, profile"
	err := d.r.each(ctx, query, args, func(scan scanner) error {
		var doc []byte
		err := scan(&doc)
		if err != nil {
			return err
		}
		if out, err = appendRun(out, doc); err != nil {
			return err
		}
		last := &out[len(out)-1]
		if f.Error != "" && !strings.Contains(last.Error, f.Error) && !strings.Contains(last.Reason, f.Error) {
			out = out[:len(out)-1]
		}
		if len(out) == limit(f.Limit, 1000) {
			return errEnough
		}
		return nil
	})
	return out, fault("runs", err)
}

// Overdue returns queued and parked runs that are due by now, the longest due first.
func (d *Documents) Overdue(ctx context.Context, now time.Time, max int) ([]models.Run, error) {
	var out []models.Run
	err := d.r.each(ctx, `SELECT doc FROM runs WHERE due > 0 AND due <= ? ORDER BY due LIMIT ?`,
		[]any{now.UnixMicro(), limit(max, 1000)}, func(scan scanner) error {
			var doc []byte
			err := scan(&doc)
			if err != nil {
				return err
			}
			out, err = appendRun(out, doc)
			return err
		})
	return out, fault("overdue runs", err)
}

// Counts returns how many passages stand where: one for each run, and one for
// each generation that a run has left (those have no step).
func (d *Documents) Counts(ctx context.Context) ([]models.Count, error) {
	var out []models.Count
	err := d.r.each(ctx, `SELECT profile, state, step, SUM(n) FROM (
			SELECT profile, state, step, COUNT(*) AS n FROM runs GROUP BY state, step, profile
			UNION ALL SELECT profile, state, '', SUM(n) FROM passages GROUP BY profile, state)
		GROUP BY profile, state, step ORDER BY profile, state, step`, nil, func(scan scanner) error {
		var c models.Count
		err := scan(&c.Profile, &c.State, &c.Step, &c.N)
		out = append(out, c)
		return err
	})
	return out, fault("counts", err)
}

// Admitted returns how many passages were ever admitted of the posts that are
// here: the sum of the generations of their runs. It is the sum of Counts, by
// another way.
func (d *Documents) Admitted(ctx context.Context) (int64, error) {
	var n int64
	err := d.r.one(ctx, `SELECT COALESCE(SUM(generation), 0) FROM runs`, nil, &n)
	return n, fault("admitted", err)
}
