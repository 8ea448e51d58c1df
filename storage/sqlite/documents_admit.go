package sqlite

import (
	"context"
	"errors"

	"weft/models"
	"weft/storage/document"
)

// Admit stores posts and the runs that carry them through their profiles, all
// in one transaction, and answers each admission in turn:
//
//   - a post that is not here: stored with Rev 1 and its run: Admitted;
//   - a post that is here, for a profile it has no run in: the run is added: Admitted;
//   - the text or images differ from what the run was made for: the post takes
//     the new reading and this run starts its next generation: Edited. Runs of
//     other profiles do so when they are admitted themselves, since each run
//     remembers which content it was made for;
//   - only counts, author or URL differ: the post takes the new reading and is
//     dirty: Recount;
//   - nothing differs, or the reading is older than the edit that is stored: Known;
//     the newest addresses of images that are not there yet are kept;
//   - a tombstoned post, or one that was forgotten before it came: Refused.
//
// A post that is hidden, itself or with its author, before it comes is stored hidden.
// CreatedAt of a known post never changes.
//
// A purged post is known as long as its stub has the same content and the
// profile. Otherwise it comes back with the next Rev and its labels, and the run with the
// next generation and seq where the stub has the profile (Edited), else as a
// new one (Admitted). The stub then stays beside the post until every profile
// in it has come back, so that none of them loses its count.
func (d *Documents) Admit(ctx context.Context, batch []models.Admission) ([]models.Admittance, error) {
	var out []models.Admittance
	err := d.w.do(ctx, func(s *session) error {
		out = make([]models.Admittance, 0, len(batch))
		for i := range batch {
			a := admission{s: s, Admission: batch[i], content: batch[i].Post.ContentHash()}
			got, err := a.admit()
			if err != nil {
				return err
			}
			out = append(out, got)
		}
		return nil
	})
	if err != nil {
		return nil, fault("admit", err)
	}
	return out, nil
}

// admission is one of a batch.
type admission struct {
	models.Admission
	s       *session
	content string // ContentHash of the reading
}

func (a *admission) admit() (models.Admittance, error) {
	var tomb bool
	var content, known, urls string
	var when int64
	err := a.s.one(`SELECT tomb, content, facts, edited, urls FROM posts WHERE id = ?`, []any{a.Post.ID}, &tomb, &content, &known, &when, &urls)
	switch err = absent(err); {
	case errors.Is(err, models.ErrNotFound):
		return a.newcomer()
	case err != nil:
		return models.Admittance{}, err
	case tomb:
		return models.Admittance{Result: models.Refused}, nil
	case a.Post.Older(fromMicros(when)): // it may be new to this profile all the same
		a.content = content
		return a.run()
	}
	edited := content != a.content
	recounted := !edited && known != document.Facts(&a.Post)
	if edited || recounted {
		if err := a.reread(recounted); err != nil {
			return models.Admittance{}, err
		}
	} else if urls != "" && urls != document.PendingURLs(a.Post.Media) {
		if err := a.readdress(); err != nil {
			return models.Admittance{}, err
		}
	}
	got, err := a.run()
	if err == nil && got.Result == models.Known && recounted {
		got.Result = models.Recount
	}
	return got, err
}

// reread gives the stored post the new reading. It is projected again if only
// counts changed, or if it is published: other profiles' publications show the
// edit although their runs may not move.
func (a *admission) reread(recounted bool) error {
	p, changed, err := a.s.change(a.Post.ID, models.Change{Source: &a.Post})
	if err == nil && p.Flagged(models.Adult) {
		err = a.s.withdraw(p.ID, true)
	}
	if err != nil || !changed || (!recounted && len(p.Published) == 0) {
		return err
	}
	return a.s.dirty(p.ID)
}

// readdress keeps the newest addresses of the post's images. Nobody sees them,
// so the rev stays, and nothing is projected.
func (a *admission) readdress() error {
	p, err := a.s.stored(a.Post.ID)
	if err != nil {
		return err
	}
	newest := map[string]string{}
	for _, m := range a.Post.Media {
		newest[m.Key()] = m.URL
	}
	for i, m := range p.Media {
		if url, ok := newest[m.Key()]; ok {
			p.Media[i].URL = url
		}
	}
	doc, _, err := encodePost(&p)
	if err != nil {
		return err
	}
	_, err = a.s.exec(`UPDATE posts SET doc = ?, urls = ? WHERE id = ?`, doc, document.PendingURLs(p.Media), p.ID)
	return err
}

// newcomer admits a post that is not here: never seen, or purged.
func (a *admission) newcomer() (models.Admittance, error) {
	p := a.Post
	p.Rev, p.SchemaVersion = 1, models.SchemaVersion
	act, why, err := a.s.marked(&p)
	if err != nil {
		return models.Admittance{}, err
	}
	if act >= markGone {
		return models.Admittance{Result: models.Refused}, nil
	}
	stub, labels, err := a.s.stub(p.ID)
	switch {
	case err == nil:
		if _, ok := stub.Runs[a.Run.Profile]; ok && (stub.Content == a.content || p.Older(stub.EditedAt)) {
			return models.Admittance{Result: models.Known}, nil
		}
		p.Rev = stub.Rev + 1
		if !stub.CreatedAt.IsZero() {
			p.CreatedAt = stub.CreatedAt
		}
		if act == 0 {
			act, why, err = a.s.stubHidden(p.ID)
		}
		if len(p.Labels) == 0 {
			p.Labels = labels
		}
	case !errors.Is(err, models.ErrNotFound):
		return models.Admittance{}, err
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return models.Admittance{}, err
	}
	if act == markHide && p.Hidden == "" {
		p.Hidden = why
	}
	if err := a.s.addPost(&p, 0); err != nil {
		return models.Admittance{}, err
	}
	return a.run()
}

// run finds what becomes of the run, now that the post is up to date.
func (a *admission) run() (models.Admittance, error) {
	var doc []byte
	var content string
	err := a.s.one(`SELECT doc, content FROM runs WHERE post = ? AND profile = ?`, []any{a.Post.ID, a.Run.Profile}, &doc, &content)
	switch err = absent(err); {
	case errors.Is(err, models.ErrNotFound):
		return a.newRun()
	case err != nil:
		return models.Admittance{}, err
	case content == a.content:
		return models.Admittance{Result: models.Known}, nil
	}
	var old models.Run
	if err := decode(doc, &old); err != nil {
		return models.Admittance{}, err
	}
	m := a.regenerate(old, "the post was edited")
	p := &pending{move: &m}
	if err := p.encode(); err != nil {
		return models.Admittance{}, err
	}
	if err := a.s.move(p); err != nil {
		return models.Admittance{}, err
	}
	_, err = a.s.exec(`UPDATE runs SET content = ? WHERE post = ? AND profile = ?`, a.content, old.Post, old.Profile)
	return models.Admittance{Result: models.Edited, Run: m.Run}, err
}

// regenerate is the move to the next generation as this admission wants it.
func (a *admission) regenerate(old models.Run, reason string) models.Move {
	horizon := a.Run.Due.Sub(a.Run.AdmittedAt)
	m := old.Regenerate(models.Fetch, a.Run.Version, a.Run.Campaign, a.Run.Lane, reason, a.Run.AdmittedAt, horizon)
	m.Run.Trace = a.Run.Trace
	return m
}

// newRun adds a run to a post that has none in this profile; its stub may.
func (a *admission) newRun() (models.Admittance, error) {
	stub, _, err := a.s.stub(a.Post.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return models.Admittance{}, err
	}
	old, purged := stub.Runs[a.Run.Profile]
	if !purged {
		r := a.Run
		e := &models.Entry{Generation: r.Generation, Step: r.Step, Outcome: models.OutAdmitted, Next: r.Step, Reason: "discovered", At: r.AdmittedAt}
		return models.Admittance{Result: models.Admitted, Run: r}, a.s.addRun(&r, a.content, e)
	}
	if stub.Content == a.content {
		return models.Admittance{Result: models.Known}, nil
	}
	was := models.Run{Post: a.Post.ID, Profile: a.Run.Profile, Generation: old.Generation, Seq: old.Seq, State: models.Done, Step: models.Archive}
	m := a.regenerate(was, "the post was edited after it had been purged")
	if err := a.s.addRun(&m.Run, a.content, m.Entry); err != nil {
		return models.Admittance{}, err
	}
	for state, n := range old.Past {
		if err := a.s.addPassages(m.Run.Post, m.Run.Profile, state, n); err != nil {
			return models.Admittance{}, err
		}
	}
	return models.Admittance{Result: models.Edited, Run: m.Run}, a.s.shrinkStub(stub, a.Run.Profile)
}

// addPost inserts a post as it is.
func (s *session) addPost(p *models.Post, dirty int64) error {
	document.UTCPost(p)
	doc, raw, err := encodePost(p)
	if err != nil {
		return err
	}
	if err := s.relook(p.ID, nil, document.LooksOf(p)); err != nil {
		return err
	}
	args := append([]any{p.ID, p.Rev, dirty, p.Tombstone != nil, p.ContentHash(), document.Facts(p)}, s.w.asides(p)...)
	_, err = s.exec(`INSERT INTO posts(id, rev, dirty, tomb, content, facts, author, edited, hidden, adult, urls, doc, raw)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, append(args, doc, raw)...)
	return err
}

// addRun inserts a run made for the given content, with an entry if there is one.
func (s *session) addRun(r *models.Run, content string, e *models.Entry) error {
	p := &pending{move: &models.Move{From: r.Seq - 1, Run: *r, Entry: e}}
	if err := p.encode(); err != nil {
		return err
	}
	*r = p.move.Run
	due, ended := times(r)
	if _, err := s.exec(`INSERT INTO runs(post, profile, seq, state, step, campaign, due, generation, ended_at, content, doc)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.Post, r.Profile, r.Seq, string(r.State), string(r.Step), r.Campaign,
		due, int64(r.Generation), ended, content, p.run); err != nil {
		return err
	}
	if e == nil {
		return nil
	}
	return s.addEntry(r, e.Seq, p.entry)
}
