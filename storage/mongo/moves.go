package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// pending is a load or a move that somebody waits for. Documents are encoded
// and decoded by the caller, side by side with others.
type pending struct {
	post, profile string
	doc           *stored // a load's answer; others may have the same

	move  *models.Move
	by    int64 // tells this move from another one with the same seq
	run   storedRun
	entry bson.Raw

	err   error
	ready chan struct{}
}

// Load returns a post and its run in a profile as they are at one moment, or
// ErrNotFound if either is missing. A tombstoned post is returned as such.
func (d *Documents) Load(ctx context.Context, post, profile string) (models.Post, models.Run, error) {
	l := &pending{post: post, profile: profile}
	if err := d.batch.loads.wait(ctx, l); err != nil {
		return models.Post{}, models.Run{}, fault("load "+post+"/"+profile, err)
	}
	r := l.doc.run(profile)
	if r == nil {
		return models.Post{}, models.Run{}, fault("load "+post+"/"+profile, models.ErrNotFound)
	}
	p, err := l.doc.post()
	if err != nil {
		return p, models.Run{}, fault("load "+post, err)
	}
	p.Raw = slices.Clone(p.Raw) // the document may be shared
	run, err := r.model()
	return p, run, fault("load "+post+"/"+profile, err)
}

// loadAll answers loads by one read.
func (d *Documents) loadAll(batch []*pending) {
	ids := bson.A{}
	for _, p := range batch {
		if !slices.Contains(ids, any(p.post)) {
			ids = append(ids, p.post)
		}
	}
	ctx := context.Background()
	found, err := d.storedAll(ctx, ids, loaded())
	if err == nil {
		err = d.greet(ctx, found)
	}
	for _, p := range batch {
		p.err = err
		if p.doc = found[p.post]; p.doc == nil && err == nil {
			p.err = models.ErrNotFound
		}
	}
}

// loaded are the fields that a load reads.
func loaded() bson.D { return without("timeline", "passages", "looks") }

// storedAll reads posts' documents, by id. Those that aren't there are not in it.
func (d *Documents) storedAll(ctx context.Context, ids bson.A, fields bson.D) (map[string]*stored, error) {
	found := make(map[string]*stored, len(ids))
	err := d.each(ctx, d.where(cPosts+primary, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}).only(fields), func(doc bson.Raw) error {
		var s stored
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		found[s.ID] = &s
		return nil
	})
	return found, err
}

func without(fields ...string) bson.D { return projection(0, fields) }
func with(fields ...string) bson.D    { return projection(1, fields) }

func projection(in int, fields []string) bson.D {
	var out bson.D
	for _, f := range fields {
		out = append(out, bson.E{Key: f, Value: in})
	}
	return out
}

// Move makes one compare-and-set write: where the stored run's seq is m.From,
// it becomes m.Run, together with m.Entry in the timeline, m.Past among the
// passages, m.Change in the newest post and, if m.Dirty, the post's dirty flag.
// Where the seq is another it returns ErrConflict, and ErrNotFound where there
// is no such run or its post is tombstoned; nothing is written then. A note
// (m.Run.Seq is m.From) writes no entry.
//
// m.Spend is added to its budget right after: a process that dies in between
// leaves the budget less spent than it is, by the moves of some milliseconds.
// To have it in the same transaction, all moves would queue for one document.
//
// Moves that come at the same time are written together, each with its own result.
func (d *Documents) Move(ctx context.Context, m models.Move) error {
	what := "move " + m.Run.Post + "/" + m.Run.Profile
	p, err := newMove(m)
	if err != nil {
		return fault(what, err)
	}
	if m.Past == nil && m.Change.Delete == nil {
		return fault(what, d.batch.moves.wait(ctx, p))
	}
	if d.closed.Load() {
		return fault(what, errClosed)
	}
	if p.err = d.moveDeep(ctx, p); p.err == nil {
		d.batch.mover.spend(ctx, []*pending{p})
	}
	return fault(what, p.err)
}

func newMove(m models.Move) (*pending, error) {
	utcMove(&m)
	if m.Run.Seq == m.From { // a note
		m.Entry, m.Past = nil, nil
	}
	p := &pending{post: m.Run.Post, profile: m.Run.Profile, move: &m, by: rand.Int64() | 1}
	if err := p.run.set(&m.Run); err != nil {
		return nil, err
	}
	if m.Entry != nil {
		var err error
		if p.entry, err = encode(m.Entry); err != nil {
			return nil, err
		}
	}
	return p, fits(m.Run.Post, len(p.run.Run)+len(p.entry))
}

// maxDocument is what a post's document may weigh: MongoDB takes 16 MB, and
// the names and small fields that are not counted here need some, too.
const maxDocument = 16<<20 - 128<<10

// fits refuses what MongoDB will refuse, before it is sent: then the driver
// would refuse all that is sent with it.
func fits(post string, size int) error {
	if size > maxDocument {
		return models.Faultf(models.Permanent, "post %s is %d MB with its runs, response and timeline; MongoDB takes documents up to 16 MB", post, size>>20)
	}
	return nil
}

// size is about what s weighs.
func (s *stored) size() int {
	n := len(s.Post) + len(s.Raw)
	for i := range s.Runs {
		n += len(s.Runs[i].Run) + 512
	}
	for i := range s.Timeline {
		n += len(s.Timeline[i].Entry) + 128
	}
	return n
}

// mover writes moves, and keeps what could not be added to the budgets yet.
type mover struct {
	d    *Documents
	mu   sync.Mutex
	owed map[models.Spend]models.Spent
}

// moveAll writes a batch of moves, each with its own result.
func (m *mover) moveAll(batch []*pending) {
	var plain, changing []*pending
	for _, p := range batch {
		if p.move.Change.Empty() {
			plain = append(plain, p)
		} else {
			changing = append(changing, p)
		}
	}
	ctx := context.Background()
	m.d.movePlain(ctx, plain)
	m.d.moveChanging(ctx, changing)
	m.spend(ctx, batch)
}

// spend adds what the moves spent to the budgets, together with what an earlier
// call could not.
func (m *mover) spend(ctx context.Context, batch []*pending) {
	m.mu.Lock()
	owed := m.owed
	m.owed = nil
	m.mu.Unlock()
	if owed == nil {
		owed = map[models.Spend]models.Spent{}
	}
	for _, p := range batch {
		if sp := p.move.Spend; sp != nil && p.err == nil {
			key := *sp
			key.Spent = models.Spent{}
			sum := owed[key]
			owed[key] = models.Spent{Posts: sum.Posts + sp.Posts, Seconds: sum.Seconds + sp.Seconds}
		}
	}
	if len(owed) == 0 {
		return
	}
	if err := m.d.addSpent(ctx, owed); err == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owed == nil {
		m.owed = map[models.Spend]models.Spent{}
	}
	for k, v := range owed {
		sum := m.owed[k]
		m.owed[k] = models.Spent{Posts: sum.Posts + v.Posts, Seconds: sum.Seconds + v.Seconds}
	}
}

// movePlain writes moves that touch only their run, without reading first.
func (d *Documents) movePlain(ctx context.Context, batch []*pending) {
	var sent []*pending
	var ws []mongo.WriteModel
	for _, p := range batch {
		w, err := d.where(cPosts+primary, bson.D{{Key: "_id", Value: p.post}, {Key: "tomb", Value: false},
			{Key: "runs", Value: bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "profile", Value: p.profile}, {Key: "seq", Value: p.move.From}}}}},
		}).updateModel(p.plain())
		if err != nil {
			p.err = err
			continue
		}
		// at has strings, which no filter on runs finds the place of
		w.SetArrayFilters([]any{bson.D{{Key: "old", Value: bson.Regex{Pattern: "^" + regexp.QuoteMeta(p.profile) + " "}}}})
		ws, sent = append(ws, w), append(sent, p)
	}
	d.settled(ctx, ws, sent)
	for _, p := range sent {
		if errors.Is(p.err, errRaced) { // its seq was not there when it was written
			p.err = models.ErrConflict
		}
	}
}

// plain is the update of a move without a change to the post.
func (p *pending) plain() bson.D {
	r := &p.run
	set := bson.D{
		{Key: "runs.$.seq", Value: r.Seq}, {Key: "runs.$.state", Value: r.State}, {Key: "runs.$.step", Value: r.Step},
		{Key: "runs.$.due", Value: r.Due}, {Key: "runs.$.generation", Value: r.Generation}, {Key: "runs.$.ended_at", Value: r.EndedAt},
		{Key: "runs.$.by", Value: p.by}, {Key: "runs.$.run", Value: r.Run}, {Key: "at.$[old]", Value: atKey(p.profile, r.State, r.Step)},
	}
	out := incW()
	if r.Campaign != "" {
		set = append(set, bson.E{Key: "runs.$.campaign", Value: r.Campaign})
	} else {
		out = append(out, bson.E{Key: "$unset", Value: bson.D{{Key: "runs.$.campaign", Value: ""}}})
	}
	out = append(out, bson.E{Key: "$set", Value: set})
	if p.move.Entry != nil {
		line := storedEntry{Profile: p.profile, Seq: p.move.Entry.Seq, By: p.by, Entry: p.entry}
		out = append(out, bson.E{Key: "$push", Value: bson.D{{Key: "timeline", Value: line}}})
	}
	if p.move.Dirty {
		out = append(out, bson.E{Key: "$min", Value: bson.D{{Key: "dirty", Value: nowMicros()}}})
	}
	return out
}

// moveChanging writes moves that also change their post: the documents are
// read, changed here, and written where nobody else wrote them meanwhile; else
// once more. Of several moves of one post each has its own turn.
func (d *Documents) moveChanging(ctx context.Context, batch []*pending) {
	for round := 0; len(batch) > 0; round++ {
		var now, later []*pending
		ids := bson.A{}
		for _, p := range batch {
			if slices.Contains(ids, any(p.post)) {
				later = append(later, p)
				continue
			}
			now, ids = append(now, p), append(ids, p.post)
		}
		d.changeAll(ctx, now, ids)
		for _, p := range now {
			if !errors.Is(p.err, errRaced) {
				continue
			}
			if round == mostRaces {
				p.err = models.Faultf(models.Unavailable, "too many others write the same post: %w", p.err)
				continue
			}
			later = append(later, p)
		}
		batch = later
	}
}

// changeAll makes one attempt at changing moves, of different posts.
func (d *Documents) changeAll(ctx context.Context, batch []*pending, ids bson.A) {
	found, err := d.storedAll(ctx, ids, nil)
	var ws []mongo.WriteModel
	var sent []*pending
	for _, p := range batch {
		if p.err = err; err != nil {
			continue
		}
		s := found[p.post]
		if s == nil {
			p.err = models.ErrNotFound
			continue
		}
		if p.err = d.apply(ctx, s, p); p.err != nil {
			continue
		}
		w, err := d.saving(s)
		if err == nil {
			err = fits(p.post, s.size())
		}
		if p.err = err; err == nil {
			ws, sent = append(ws, w), append(sent, p)
		}
	}
	d.settled(ctx, ws, sent)
}

// apply makes a move in a document that was read.
func (d *Documents) apply(ctx context.Context, s *stored, p *pending) error {
	m := p.move
	r := s.run(m.Run.Profile)
	switch {
	case r == nil || s.Tomb:
		return models.ErrNotFound
	case r.Seq != m.From:
		return models.ErrConflict
	}
	if err := s.move(m, p.by); err != nil || m.Change.Empty() {
		return err
	}
	_, _, err := d.changeStored(ctx, s, m.Change)
	return err
}

// moveDeep writes a move that reaches other documents: a new generation, whose
// predecessor's lines leave the post, or a deletion.
func (d *Documents) moveDeep(ctx context.Context, p *pending) error {
	return d.tx(ctx, func(ctx context.Context) error {
		s, err := d.stored(ctx, p.post)
		if err != nil {
			return err
		}
		if err := d.apply(ctx, s, p); err != nil {
			return err
		}
		return d.saveMoved(ctx, s, p.profile)
	})
}

// saveMoved saves a document, and moves lines of a profile's earlier
// generations to where the document doesn't grow by them. It runs in a
// transaction: else a deletion in between would leave a line's reasons.
func (d *Documents) saveMoved(ctx context.Context, s *stored, profile string) error {
	old, err := s.moveOut(profile)
	if err != nil {
		return err
	}
	if err := fits(s.ID, s.size()); err != nil {
		return err
	}
	if err := d.save(ctx, s); err != nil || len(old) == 0 {
		return err
	}
	var ws []mongo.WriteModel
	for _, line := range old {
		f := d.byID(cTimelines, lineID(s.ID, profile, line.Seq))
		w, err := f.updateModel(bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "post", Value: s.ID},
			{Key: "profile", Value: profile}, {Key: "seq", Value: line.Seq}, {Key: "by", Value: line.By}, {Key: "entry", Value: line.Entry}}}})
		if err != nil {
			return err
		}
		ws = append(ws, w.SetUpsert(true))
	}
	_, err = d.bulk(ctx, cTimelines, ws)
	return err
}

// moveOut takes the lines of a profile's earlier generations out of s.
func (s *stored) moveOut(profile string) ([]storedEntry, error) {
	r := s.run(profile)
	if r == nil {
		return nil, nil
	}
	var old, stay []storedEntry
	for _, line := range s.Timeline {
		var e models.Entry
		if line.Profile == profile {
			if err := decode(line.Entry, &e); err != nil {
				return nil, err
			}
		}
		if line.Profile == profile && e.Generation < r.Generation {
			old = append(old, line)
		} else {
			stay = append(stay, line)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	s.Timeline = append([]storedEntry{}, stay...)
	s.touched.timeline = true
	return old, nil
}
