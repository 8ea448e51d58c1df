package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
	"weft/storage/document"
)

// errDeep: an admission reaches other documents, and so wants a transaction.
var errDeep = errors.New("the admission wants a transaction")

// inTx tells whether other documents may be written together with the post's.
func inTx(ctx context.Context) bool { return mongo.SessionFromContext(ctx) != nil }

// admitGroup admits a post that is here, or was purged, or came at this very
// moment: without a transaction where its own document is all that is written.
func (d *Documents) admitGroup(ctx context.Context, g *group) error {
	err := again(ctx, func(ctx context.Context) error { return d.admitStored(ctx, g) })
	if errors.Is(err, errDeep) {
		err = d.tx(ctx, func(ctx context.Context) error { return d.admitStored(ctx, g) })
	}
	return err
}

// admitStored works off a post's admissions on its document, and saves it.
func (d *Documents) admitStored(ctx context.Context, g *group) error {
	s, err := d.stored(ctx, g.id)
	absent := errors.Is(err, models.ErrNotFound)
	if err != nil && !absent {
		return err
	}
	g.doc = nil
	var renewed []string // profiles that began a new generation
	for _, a := range g.all {
		var got models.Admittance
		if s == nil {
			s, got, err = a.newcomer(ctx)
		} else {
			got, err = a.admit(ctx, s)
		}
		if err != nil {
			return err
		}
		if got.Result == models.Edited {
			renewed = append(renewed, a.Run.Profile)
		}
		*a.out = got
	}
	if s == nil {
		return nil
	}
	if err := fits(g.id, s.size()); err != nil {
		return err
	}
	if absent {
		g.doc = s
		added, err := d.insert(ctx, cPosts, s)
		if err == nil && !added {
			err = errRaced
		}
		return err
	}
	if len(renewed) > 0 && len(s.Timeline) > 0 && !inTx(ctx) {
		return errDeep
	}
	for _, profile := range renewed {
		if err := d.saveMoved(ctx, s, profile); err != nil {
			return err
		}
	}
	return d.save(ctx, s)
}

// admit finds what becomes of the admission of a post that is here.
func (a *admission) admit(ctx context.Context, s *stored) (models.Admittance, error) {
	switch {
	case s.Tomb:
		return models.Admittance{Result: models.Refused}, nil
	case a.Post.Older(s.Edited): // it may be new to this profile all the same
		a.content = s.Content
		return a.run(ctx, s)
	}
	edited := s.Content != a.content
	recounted := !edited && s.Facts != document.Facts(&a.Post)
	if edited || recounted {
		if err := a.reread(ctx, s, recounted); err != nil {
			return models.Admittance{}, err
		}
	} else if s.URLs != "" && s.URLs != document.PendingURLs(a.Post.Media) {
		if err := a.readdress(s); err != nil {
			return models.Admittance{}, err
		}
	}
	got, err := a.run(ctx, s)
	if err == nil && got.Result == models.Known && recounted {
		got.Result = models.Recount
	}
	return got, err
}

// reread gives the stored post the new reading. It is projected again if only
// counts changed, or if it is published: other profiles' publications show the
// edit although their runs may not move.
func (a *admission) reread(ctx context.Context, s *stored, recounted bool) error {
	p, changed, err := a.d.changeStored(ctx, s, models.Change{Source: &a.Post})
	if err == nil && p.Flagged(models.Adult) {
		if !inTx(ctx) {
			return errDeep
		}
		err = a.d.withdraw(ctx, p.ID, true)
	}
	if err != nil || !changed || (!recounted && len(p.Published) == 0) {
		return err
	}
	s.markDirty()
	return nil
}

// readdress keeps the newest addresses of the post's images. Nobody sees them,
// so the rev stays, and nothing is projected.
func (a *admission) readdress(s *stored) error {
	p, err := s.post()
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
	return a.d.setPost(s, &p)
}

// newcomer admits a post that is not here: never seen, or purged. The document
// is nil if it isn't to be.
func (a *admission) newcomer(ctx context.Context) (*stored, models.Admittance, error) {
	if !inTx(ctx) {
		return nil, models.Admittance{}, errDeep
	}
	p := a.Post
	p.Rev, p.SchemaVersion = 1, models.SchemaVersion
	act, why, err := a.d.marked(ctx, &p)
	if err != nil {
		return nil, models.Admittance{}, err
	}
	if act >= markGone {
		return nil, models.Admittance{Result: models.Refused}, nil
	}
	stub, labels, err := a.d.stub(ctx, p.ID)
	switch {
	case err == nil:
		if _, ok := stub.Runs[a.Run.Profile]; ok && (stub.Content == a.content || p.Older(stub.EditedAt)) {
			return nil, models.Admittance{Result: models.Known}, nil
		}
		p.Rev = stub.Rev + 1
		if !stub.CreatedAt.IsZero() {
			p.CreatedAt = stub.CreatedAt
		}
		if act == 0 {
			act, why, err = a.d.stubHidden(ctx, p.ID)
		}
		if len(p.Labels) == 0 {
			p.Labels = labels
		}
	case !errors.Is(err, models.ErrNotFound):
		return nil, models.Admittance{}, err
	}
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return nil, models.Admittance{}, err
	}
	if act == markHide && p.Hidden == "" {
		p.Hidden = why
	}
	document.UTCPost(&p)
	s, err := a.d.newStored(&p)
	if err != nil {
		return nil, models.Admittance{}, err
	}
	got, err := a.run(ctx, s)
	return s, got, err
}

// run finds what becomes of the run, now that the post is up to date.
func (a *admission) run(ctx context.Context, s *stored) (models.Admittance, error) {
	r := s.run(a.Run.Profile)
	switch {
	case r == nil:
		return a.newRun(ctx, s)
	case r.Content == a.content:
		return models.Admittance{Result: models.Known}, nil
	}
	old, err := r.model()
	if err != nil {
		return models.Admittance{}, err
	}
	m := a.regenerate(old, "the post was edited")
	if err := s.move(&m, 0); err != nil {
		return models.Admittance{}, err
	}
	r.Content = a.content
	return models.Admittance{Result: models.Edited, Run: m.Run}, nil
}

// regenerate is the move to the next generation as this admission wants it.
func (a *admission) regenerate(old models.Run, reason string) models.Move {
	horizon := a.Run.Due.Sub(a.Run.AdmittedAt)
	m := old.Regenerate(models.Fetch, a.Run.Version, a.Run.Campaign, a.Run.Lane, reason, a.Run.AdmittedAt, horizon)
	m.Run.Trace = a.Run.Trace
	utcMove(&m)
	return m
}

// discovered adds the first generation of a run.
func (a *admission) discovered(s *stored) error {
	r := a.Run
	e := &models.Entry{Generation: r.Generation, Step: r.Step, Outcome: models.OutAdmitted, Next: r.Step, Reason: "discovered", At: r.AdmittedAt}
	*a.out = models.Admittance{Result: models.Admitted, Run: r}
	return s.addRun(&r, a.content, e)
}

// newRun adds a run to a post that has none in this profile; its stub may.
func (a *admission) newRun(ctx context.Context, s *stored) (models.Admittance, error) {
	stub, _, err := a.d.stub(ctx, s.ID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return models.Admittance{}, err
	}
	old, purged := stub.Runs[a.Run.Profile]
	switch {
	case !purged:
		err := a.discovered(s)
		return *a.out, err
	case stub.Content == a.content:
		return models.Admittance{Result: models.Known}, nil
	case !inTx(ctx):
		return models.Admittance{}, errDeep
	}
	was := models.Run{Post: a.Post.ID, Profile: a.Run.Profile, Generation: old.Generation, Seq: old.Seq, State: models.Done, Step: models.Archive}
	m := a.regenerate(was, "the post was edited after it had been purged")
	if err := s.addRun(&m.Run, a.content, m.Entry); err != nil {
		return models.Admittance{}, err
	}
	for state, n := range old.Past {
		s.addPassages(m.Run.Profile, state, n)
	}
	return models.Admittance{Result: models.Edited, Run: m.Run}, a.d.shrinkStub(ctx, stub, a.Run.Profile)
}
