package mongo

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
	"weft/storage/document"
)

// stored is the document of one post, with all that moves with it.
type stored struct {
	ID      string    `bson:"_id"`
	W       int64     `bson:"w"` // every write adds one: the lock of who reads and then writes
	Rev     int64     `bson:"rev"`
	Dirty   int64     `bson:"dirty,omitempty"` // since when it waits to be projected, microseconds
	Tomb    bool      `bson:"tomb"`
	Content string    `bson:"content"` // ContentHash
	Facts   string    `bson:"facts"`
	Author  string    `bson:"author,omitempty"` // hash, hex
	Edited  time.Time `bson:"edited"`
	Hidden  int       `bson:"hidden,omitempty"`
	Adult   bool      `bson:"adult"`
	URLs    string    `bson:"urls,omitempty"`
	Post    bson.Raw  `bson:"post"`          // models.Post, but for Raw
	Raw     []byte    `bson:"raw,omitempty"` // as the source sent it

	Runs     []storedRun     `bson:"runs"`     // in the order of their profiles
	Timeline []storedEntry   `bson:"timeline"` // of the live generations
	Passages []storedPassage `bson:"passages,omitempty"`
	Looks    []storedLook    `bson:"looks,omitempty"`

	// for Counts and Admitted, which read the indexes on them and no documents
	At   []string `bson:"at"`             // atKey of every run
	Gen  []string `bson:"gen"`            // genKey of every run
	Past []string `bson:"past,omitempty"` // pastKey of every passage

	touched touched
}

// touched is what of a stored document was altered since it was read.
type touched struct {
	post, raw, runs, timeline, passages, dirty bool
	pushed                                     []storedEntry // new lines, where the older ones stay
}

// storedRun is a run, and beside it what of it is compared and searched.
type storedRun struct {
	Profile    string    `bson:"profile"`
	Seq        int64     `bson:"seq"`
	State      string    `bson:"state"`
	Step       string    `bson:"step"`
	Campaign   string    `bson:"campaign,omitempty"`
	Due        time.Time `bson:"due"` // never, if nobody is to look at it
	Generation int       `bson:"generation"`
	EndedAt    time.Time `bson:"ended_at"`     // never, while it lives
	Content    string    `bson:"content"`      // of the reading that it was made for
	By         int64     `bson:"by,omitempty"` // the move that wrote it, see batcher
	Run        bson.Raw  `bson:"run"`          // models.Run
}

// storedEntry is a line of a timeline.
type storedEntry struct {
	Profile string   `bson:"profile"`
	Seq     int64    `bson:"seq"`
	By      int64    `bson:"by,omitempty"`
	Entry   bson.Raw `bson:"entry"` // models.Entry
}

// storedPassage says how many generations of a run ended in a state.
type storedPassage struct {
	Profile string `bson:"profile"`
	State   string `bson:"state"`
	N       int    `bson:"n"`
}

// storedLook is the perceptual hash of one usable image, and its bands.
type storedLook struct {
	Image int     `bson:"image"`
	Hash  int64   `bson:"hash"`
	Bands []int64 `bson:"bands"`
}

// newStored is the document of a post that is not here yet.
func (d *Documents) newStored(p *models.Post) (*stored, error) {
	s := &stored{ID: p.ID, W: 1, Runs: []storedRun{}, Timeline: []storedEntry{}, At: []string{}, Gen: []string{}}
	return s, d.setPost(s, p)
}

// setPost puts p into its document, with all that is derived from it.
func (d *Documents) setPost(s *stored, p *models.Post) error {
	q := *p
	if string(s.Raw) != string(q.Raw) {
		s.touched.raw = true
	}
	s.Raw, q.Raw = q.Raw, nil
	doc, err := encode(&q)
	if err != nil {
		return err
	}
	s.Post = doc
	s.Rev, s.Tomb, s.Content, s.Facts = p.Rev, p.Tombstone != nil, p.ContentHash(), document.Facts(p)
	s.Author, s.Edited = hex.EncodeToString(d.salt.Author(p.Source, document.AuthorOf(p.Author))), p.EditedAt.UTC()
	s.Hidden, s.Adult, s.URLs = document.HiddenBy(p.Hidden), p.Flagged(models.Adult), document.PendingURLs(p.Media)
	s.Looks = looksOf(p)
	s.touched.post = true
	return nil
}

// post is the models' form of the document.
func (s *stored) post() (models.Post, error) {
	var p models.Post
	if err := decode(s.Post, &p); err != nil {
		return p, err
	}
	if len(s.Raw) > 0 {
		p.Raw = s.Raw
	}
	err := document.Upgrade(&p, models.SchemaVersion, document.Upgrades())
	return p, err
}

// run is the run in a profile, or nil.
func (s *stored) run(profile string) *storedRun {
	i := slices.IndexFunc(s.Runs, func(r storedRun) bool { return r.Profile == profile })
	if i < 0 {
		return nil
	}
	return &s.Runs[i]
}

// runs is every run, in the order of the profiles.
func (s *stored) runs() ([]models.Run, error) {
	var out []models.Run
	for i := range s.Runs {
		r, err := s.Runs[i].model()
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (r *storedRun) model() (models.Run, error) {
	var out models.Run
	err := decode(r.Run, &out)
	return out, err
}

// set makes r the stored form of a run; Content and By stay.
func (r *storedRun) set(run *models.Run) error {
	doc, err := encode(run)
	if err != nil {
		return err
	}
	r.Profile, r.Seq, r.State, r.Step, r.Campaign = run.Profile, run.Seq, string(run.State), string(run.Step), run.Campaign
	r.Generation, r.Run = run.Generation, doc
	r.Due, r.EndedAt = times(run)
	return nil
}

// times are the fields due and ended_at of a run.
func times(r *models.Run) (due, ended time.Time) {
	due, ended = never(), never()
	if r.State.Ended() {
		return due, r.MovedAt.UTC()
	}
	if !r.Due.IsZero() {
		due = r.Due.UTC()
	}
	return due, ended
}

// addRun adds a run made for the given content, with an entry if there is one.
func (s *stored) addRun(run *models.Run, content string, e *models.Entry) error {
	r := storedRun{Content: content}
	if err := r.set(run); err != nil {
		return err
	}
	s.Runs = append(s.Runs, r)
	slices.SortFunc(s.Runs, func(a, b storedRun) int {
		if a.Profile < b.Profile {
			return -1
		}
		return 1
	})
	s.touched.runs = true
	s.count()
	if e == nil {
		return nil
	}
	return s.addEntry(run.Profile, e, 0)
}

// addEntry adds a line to a timeline.
func (s *stored) addEntry(profile string, e *models.Entry, by int64) error {
	doc, err := encode(e)
	if err != nil {
		return err
	}
	line := storedEntry{Profile: profile, Seq: e.Seq, By: by, Entry: doc}
	s.Timeline = append(s.Timeline, line)
	s.touched.pushed = append(s.touched.pushed, line)
	return nil
}

// addPassages counts n generations of a run that ended in a state.
func (s *stored) addPassages(profile string, state models.State, n int) {
	if n <= 0 {
		return
	}
	s.touched.passages = true
	for i := range s.Passages {
		if p := &s.Passages[i]; p.Profile == profile && p.State == string(state) {
			p.N += n
			s.count()
			return
		}
	}
	s.Passages = append(s.Passages, storedPassage{Profile: profile, State: string(state), N: n})
	s.count()
}

// count writes down what Counts and Admitted count.
func (s *stored) count() {
	s.At, s.Gen, s.Past = []string{}, []string{}, nil
	for i := range s.Runs {
		r := &s.Runs[i]
		s.At, s.Gen = append(s.At, atKey(r.Profile, r.State, r.Step)), append(s.Gen, genKey(r.Profile, r.Generation))
	}
	for _, p := range s.Passages {
		s.Past = append(s.Past, pastKey(p.Profile, p.State, p.N))
	}
}

// move makes one compare-and-set move of a run in the document, with what
// comes with it but for the change to the post and the budget.
func (s *stored) move(m *models.Move, by int64) error {
	r := s.run(m.Run.Profile)
	switch {
	case r == nil || s.Tomb:
		return models.ErrNotFound
	case r.Seq != m.From:
		return models.ErrConflict
	}
	if err := r.set(&m.Run); err != nil {
		return err
	}
	r.By = by
	s.touched.runs = true
	s.count()
	if m.Run.Seq != m.From {
		if m.Entry != nil {
			if err := s.addEntry(m.Run.Profile, m.Entry, by); err != nil {
				return err
			}
		}
		if m.Past != nil {
			s.addPassages(m.Run.Profile, m.Past.State, 1)
		}
	}
	if m.Dirty {
		s.markDirty()
	}
	return nil
}

// markDirty marks the post for projection. The mark is a time, so that the post
// that has waited longest comes first; only that order depends on the clock.
func (s *stored) markDirty() {
	if s.Dirty == 0 {
		s.Dirty = time.Now().UnixMicro()
	}
	s.touched.dirty = true
}

// changes is the update that stores what was altered. It holds where w is what
// it was when s was read.
func (s *stored) changes() bson.D {
	set, unset := bson.D{}, bson.D{}
	put := func(key string, v any, have bool) {
		if have {
			set = append(set, bson.E{Key: key, Value: v})
		} else {
			unset = append(unset, bson.E{Key: key, Value: ""})
		}
	}
	t := &s.touched
	if t.post {
		put("rev", s.Rev, true)
		put("tomb", s.Tomb, true)
		put("content", s.Content, true)
		put("facts", s.Facts, true)
		put("edited", s.Edited, true)
		put("adult", s.Adult, true)
		put("post", s.Post, true)
		put("author", s.Author, s.Author != "")
		put("hidden", s.Hidden, s.Hidden != 0)
		put("urls", s.URLs, s.URLs != "")
		put("looks", s.Looks, len(s.Looks) > 0)
	}
	if t.raw {
		put("raw", s.Raw, len(s.Raw) > 0)
	}
	if t.runs {
		put("runs", s.Runs, true)
		put("at", s.At, true)
		put("gen", s.Gen, true)
	}
	if t.passages {
		put("passages", s.Passages, len(s.Passages) > 0)
		put("past", s.Past, len(s.Past) > 0)
	}
	if t.timeline {
		put("timeline", s.Timeline, true)
	}
	out := bson.D{{Key: "$inc", Value: bson.D{{Key: "w", Value: int64(1)}}}}
	if t.dirty {
		out = append(out, bson.E{Key: "$min", Value: bson.D{{Key: "dirty", Value: s.Dirty}}})
	}
	if len(t.pushed) > 0 && !t.timeline {
		out = append(out, bson.E{Key: "$push", Value: bson.D{{Key: "timeline", Value: bson.D{{Key: "$each", Value: t.pushed}}}}})
	}
	if len(set) > 0 {
		out = append(out, bson.E{Key: "$set", Value: set})
	}
	if len(unset) > 0 {
		out = append(out, bson.E{Key: "$unset", Value: unset})
	}
	return out
}

// altered reports whether there is anything to store.
func (t *touched) altered() bool {
	return t.post || t.raw || t.runs || t.timeline || t.passages || t.dirty || len(t.pushed) > 0
}

// saving is the write that stores s if nobody wrote it since it was read.
func (d *Documents) saving(s *stored) (*mongo.UpdateOneModel, error) {
	return d.where(cPosts+primary, bson.D{{Key: "_id", Value: s.ID}, {Key: "w", Value: s.W}}).updateModel(s.changes())
}

// The keys of the counts: each is once in a document, so counting the documents
// that have a key counts what it stands for.

func atKey(profile, state, step string) string { return profile + " " + state + " " + step }

func genKey(profile string, generation int) string { return profile + " " + strconv.Itoa(generation) }

func pastKey(profile, state string, n int) string {
	return profile + " " + state + " " + strconv.Itoa(n)
}
