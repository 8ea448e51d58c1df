package mongo

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
	"weft/storage/document"
)

// Admit stores posts and the runs that carry them through their profiles, and
// answers each admission in turn:
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
//
// Each post is atomic by itself, with all of its admissions in the batch, not
// the batch: an error may leave some posts stored. Their runs are due, so the
// reconciler finds them, and the same batch again finds them known.
func (d *Documents) Admit(ctx context.Context, batch []models.Admission) ([]models.Admittance, error) {
	out := make([]models.Admittance, len(batch))
	if len(batch) == 0 {
		return out, nil
	}
	if d.closed.Load() {
		return nil, fault("admit", errClosed)
	}
	if err := d.admit(ctx, batch, out); err != nil {
		return nil, fault("admit", err)
	}
	return out, nil
}

// group is the admissions of one post in a batch.
type group struct {
	id   string
	all  []*admission
	doc  *stored // as it is to be inserted
	mark mark
	done bool
	err  error
}

// admission is one of a batch.
type admission struct {
	models.Admission
	d       *Documents
	content string // ContentHash of the reading
	out     *models.Admittance
}

func (d *Documents) admit(ctx context.Context, batch []models.Admission, out []models.Admittance) error {
	groups := d.grouped(batch, out)
	if err := d.admitKnown(ctx, groups); err != nil {
		return err
	}
	fresh, err := d.admitNew(ctx, groups)
	if err != nil {
		return err
	}
	came, err := d.admitOthers(ctx, groups)
	if err != nil {
		return err
	}
	return d.recheck(ctx, append(fresh, came...))
}

func (d *Documents) grouped(batch []models.Admission, out []models.Admittance) []*group {
	var groups []*group
	of := map[string]*group{}
	for i := range batch {
		a := &admission{Admission: batch[i], d: d, content: batch[i].Post.ContentHash(), out: &out[i]}
		document.UTCRun(&a.Run)
		g := of[a.Post.ID]
		if g == nil {
			g = &group{id: a.Post.ID}
			of[g.id] = g
			groups = append(groups, g)
		}
		g.all = append(g.all, a)
	}
	return groups
}

// admitKnown answers for the posts that are here and have nothing new, as most
// of a crawl's are, by one read.
func (d *Documents) admitKnown(ctx context.Context, groups []*group) error {
	ids := bson.A{}
	for _, g := range groups {
		ids = append(ids, g.id)
	}
	found, err := d.storedAll(ctx, ids, with("tomb", "content", "facts", "edited", "urls", "runs.profile", "runs.content"))
	if err != nil {
		return err
	}
	for _, g := range groups {
		s := found[g.id]
		if s == nil {
			continue
		}
		g.doc, g.done = s, true
		for _, a := range g.all {
			if a.out.Result = a.known(s); a.out.Result == "" {
				g.done = false
			}
		}
	}
	return nil
}

// known says whether an admission of a stored post changes nothing.
func (a *admission) known(s *stored) models.AdmissionResult {
	if s.Tomb {
		return models.Refused
	}
	r := s.run(a.Run.Profile)
	if r == nil || r.Content != s.Content {
		return ""
	}
	same := s.Content == a.content && s.Facts == document.Facts(&a.Post) && (s.URLs == "" || s.URLs == document.PendingURLs(a.Post.Media))
	if same || a.Post.Older(s.Edited) {
		return models.Known
	}
	return ""
}

// admitNew inserts the posts that are not here, and that nothing is known of,
// in one call, and returns them.
func (d *Documents) admitNew(ctx context.Context, groups []*group) ([]*group, error) {
	fresh, err := d.strangers(ctx, groups)
	if err != nil || len(fresh) == 0 {
		return nil, err
	}
	var ws []mongo.WriteModel
	for _, g := range fresh {
		if g.doc, err = d.document(g); err != nil {
			return nil, err
		}
		if err := fits(g.id, g.doc.size()); err != nil {
			return nil, err
		}
		ws = append(ws, mongo.NewInsertOneModel().SetDocument(g.doc))
	}
	_, err = d.bulk(ctx, cPosts, ws)
	if err != nil && unlike(err) {
		return nil, err
	}
	lost := map[int]bool{} // somebody else admitted them at the same moment
	if broken, ok := errors.AsType[mongo.BulkWriteException](err); ok {
		for _, e := range broken.WriteErrors {
			lost[e.Index] = true
		}
	}
	var in []*group
	for i, g := range fresh {
		if !lost[i] {
			g.done = true
			in = append(in, g)
		}
	}
	return in, nil
}

// strangers picks the groups whose post is not here, was not purged, and whose
// readings agree. Those that were forgotten before they came are refused.
func (d *Documents) strangers(ctx context.Context, groups []*group) ([]*group, error) {
	var absent []*group
	var posts []*models.Post
	ids := bson.A{}
	for _, g := range groups {
		if g.done || g.doc != nil || !g.agree() {
			continue
		}
		absent, posts, ids = append(absent, g), append(posts, &g.all[0].Post), append(ids, g.id)
	}
	if len(absent) == 0 {
		return nil, nil
	}
	marks, err := d.markedAny(ctx, posts)
	if err != nil {
		return nil, err
	}
	purged := map[string]bool{}
	if err := d.each(ctx, d.where(cStubs+primary, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}).only(with("_id")),
		func(doc bson.Raw) error {
			var s struct {
				ID string `bson:"_id"`
			}
			err := unmarshal(doc, &s)
			purged[s.ID] = true
			return err
		}); err != nil {
		return nil, err
	}
	var out []*group
	for _, g := range absent {
		switch g.mark = marks[g.id]; {
		case g.mark.act >= markGone:
			g.refuse()
		case !purged[g.id]:
			out = append(out, g)
		}
	}
	return out, nil
}

// agree reports whether a group is one reading of its post for several profiles.
func (g *group) agree() bool {
	first := document.Facts(&g.all[0].Post)
	for _, a := range g.all[1:] {
		if a.content != g.all[0].content || document.Facts(&a.Post) != first {
			return false
		}
	}
	return true
}

func (g *group) refuse() {
	g.done = true
	for _, a := range g.all {
		*a.out = models.Admittance{Result: models.Refused}
	}
}

// document is a newcomer with its runs, and answers their admissions.
func (d *Documents) document(g *group) (*stored, error) {
	p := g.all[0].Post
	p.Rev, p.SchemaVersion = 1, models.SchemaVersion
	if g.mark.act == markHide && p.Hidden == "" {
		p.Hidden = g.mark.reason
	}
	document.UTCPost(&p)
	s, err := d.newStored(&p)
	if err != nil {
		return nil, err
	}
	for _, a := range g.all {
		if s.run(a.Run.Profile) != nil {
			*a.out = models.Admittance{Result: models.Known}
			continue
		}
		if err := a.discovered(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// parallel is how many posts of a batch are worked on at the same time.
const parallel = 8

// admitOthers admits what has news, post by post, and returns the groups whose
// post was not here.
func (d *Documents) admitOthers(ctx context.Context, groups []*group) ([]*group, error) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	var others []*group
	for _, g := range groups {
		if g.done {
			continue
		}
		others = append(others, g)
		slots <- struct{}{}
		wg.Go(func() {
			g.err = d.admitGroup(ctx, g)
			<-slots
		})
	}
	wg.Wait()
	var came []*group
	for _, g := range others {
		if g.err != nil {
			return nil, g.err
		}
		if g.doc != nil && g.doc.W == 1 {
			came = append(came, g)
		}
	}
	return came, nil
}

// recheck looks once more whether posts that just came were forgotten: by
// whoever did so between the look before and the insert. Forget in turn looks
// for the post after its mark is there, so one of both sees the other. For a
// process that dies just here, whoever first loads the post looks, see greet.
func (d *Documents) recheck(ctx context.Context, fresh []*group) error {
	if len(fresh) == 0 {
		return nil
	}
	var posts []*models.Post
	for _, g := range fresh {
		posts = append(posts, &g.all[0].Post)
	}
	marks, err := d.markedAny(ctx, posts)
	if err != nil {
		return err
	}
	for _, g := range fresh {
		m := marks[g.id]
		if m.act == 0 || m == g.mark {
			continue
		}
		if m.act != markHide {
			g.refuse()
		}
		if err := d.overtake(ctx, g.id, m, g.all[0].Run.AdmittedAt); err != nil {
			return err
		}
	}
	return nil
}

// overtake does to a stored post what a mark says that was there before it.
func (d *Documents) overtake(ctx context.Context, post string, m mark, at time.Time) error {
	var c models.Change
	if m.act == markHide {
		c.Hidden = &m.reason
	} else {
		c.Delete = &models.Tombstone{At: at, By: "platform", Reason: m.reason}
		if m.act == markFirm {
			c.Delete.By = "request"
		}
	}
	_, err := d.Update(ctx, post, c)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// greet looks for marks of posts that nobody has written since they were
// admitted, does what those say, and reads them again. It is recheck once more,
// since a process may have died between its insert and its recheck. It costs a
// post's first load one read of an index, shared with the loads beside it.
func (d *Documents) greet(ctx context.Context, found map[string]*stored) error {
	whose := map[string][]string{} // posts by hash
	for id, s := range found {
		if s.W != 1 {
			continue
		}
		post := string(d.salt.Post(id))
		whose[post] = append(whose[post], id)
		if author, err := hex.DecodeString(s.Author); err == nil && len(author) > 0 {
			whose[string(author)] = append(whose[string(author)], id)
		}
	}
	marks, err := d.strongest(ctx, whose)
	if err != nil {
		return err
	}
	again := bson.A{}
	for id, m := range marks {
		if m.act == markHide && found[id].Hidden > 0 {
			continue // it was hidden as it came
		}
		if err := d.overtake(ctx, id, m, time.Now()); err != nil {
			return err
		}
		again = append(again, id)
	}
	if len(again) == 0 {
		return nil
	}
	news, err := d.storedAll(ctx, again, loaded())
	maps.Copy(found, news)
	return err
}
