// Package reindex builds search anew from the documents, while everything else
// goes on: beside the build that serves, where the search has builds, else in
// place. See docs/adr/0015-reindex-reads-the-documents.md.
package reindex

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weft/models"
)

// Posts are what search is built from.
type Posts interface {
	Posts(ctx context.Context, f models.PostFilter) ([]models.Post, error)
	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
}

// Search takes documents, into every build there is. A document of an older
// version than one that it has, or than a deletion, is no error and changes nothing.
type Search interface {
	Put(ctx context.Context, doc models.SearchDoc) error
	Delete(ctx context.Context, id string, version int64) error
}

// Builds make, end and drop builds.
type Builds interface {
	// BeginBuild returns the build under way, or a new one; 0 if search is empty.
	BeginBuild(ctx context.Context) (int, error)
	FinishBuild(ctx context.Context) error
	DropBuild(ctx context.Context, build int) error
}

// Looks tell what builds hold.
type Looks interface {
	Builds(ctx context.Context) (serving, next int, err error)
	// Counts are the documents of a build by the month of their posts' creation.
	Counts(ctx context.Context, build int) (map[string]int64, error)
	GetIn(ctx context.Context, build int, id string, created time.Time) (models.SearchDoc, error)
}

// Books keep how far it has come, and that only one does it.
type Books interface {
	Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error)
	Meta(ctx context.Context, key string) (string, error)
	SetMeta(ctx context.Context, key, value string) error
}

// Params are what a Reindexer needs.
type Params struct {
	Posts  Posts
	Search Search
	Books  Books
	Builds Builds // nil: the search has none, and is filled in place
	Looks  Looks  // nil if Builds is
	Who    string // names this process to another one that is refused
	// Lag is how long programs take to learn of a build.
	Lag  time.Duration
	Now  func() time.Time                                 // nil: time.Now
	Wait func(ctx context.Context, d time.Duration) error // nil: by the clock
	Tell func(stage string, done, of int64)               // progress; of is 0 if it isn't known; nil: nobody asks
	Done func(ctx context.Context, stage string) error    // called when a stage is booked, for tests; nil in production
}

// Report says what was done, or would be.
type Report struct {
	Posts    int64 `json:"posts"`              // that were looked at
	Put      int64 `json:"put"`                // of them, belong in search
	Removed  int64 `json:"removed,omitempty"`  // that were purged while they were put
	InPlace  bool  `json:"in_place,omitempty"` // there was nothing to build beside
	Build    int   `json:"build,omitempty"`    // that serves now, or would
	Replaced int   `json:"replaced,omitempty"` // the build it takes the place of
	Held     int64 `json:"held,omitempty"`     // documents of the replaced build
	Holds    int64 `json:"holds,omitempty"`    // documents of the new one
	Samples  int   `json:"samples,omitempty"`  // documents that were compared whole
	Resumed  bool  `json:"resumed,omitempty"`  // an interrupted one went on
	DryRun   bool  `json:"dry_run,omitempty"`
	Dropped  int   `json:"dropped,omitempty"` // the build that was given up
}

// ErrBusy says that another process builds search anew, and which. It passes.
var ErrBusy = models.Faultf(models.Unavailable, "reindex: another process is at it, or died within the last minute; only one can be")

const (
	stateKey  = "reindex"
	holderKey = "reindex/holder"
	lease     = time.Minute
	page      = 500
	// settle is how long after a put it is looked for whether its post was
	// purged: a purge takes a post out of search just before it leaves the
	// documents, and a put in between brings it back.
	settle = 5 * time.Second
)

// The stages, in their order.
const (
	filling   = "filling"
	finishing = "finishing" // verified
	dropping  = "dropping"  // the new one serves
)

// state is what an interrupted Reindexer left.
type state struct {
	Stage string `json:"stage"`
	Old   int    `json:"old"`
	Build int    `json:"build"`
	After string `json:"after"` // the last post that is surely right
	Posts int64  `json:"posts"` // up to there
	Put   int64  `json:"put"`
}

// Reindexer builds search anew, once.
type Reindexer struct {
	Params
	holder string
	state  state
	report Report
}

// New returns a Reindexer.
func New(p Params) *Reindexer {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Wait == nil {
		p.Wait = wait
	}
	if p.Tell == nil {
		p.Tell = func(string, int64, int64) {}
	}
	if p.Done == nil {
		p.Done = func(context.Context, string) error { return nil }
	}
	return &Reindexer{Params: p, holder: rand.Text()}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Run builds search anew, or goes on where an interrupted one stopped. If the
// new build is not what the documents say, the old one goes on serving, and the
// next Run fills the new one again.
func (r *Reindexer) Run(ctx context.Context) (rep Report, err error) {
	if err := r.take(ctx); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, r.release(ctx)) }()
	if r.Builds == nil {
		r.report.InPlace = true
		return r.report, r.fill(ctx)
	}
	if err := r.begin(ctx); err != nil || r.report.InPlace {
		return r.report, err
	}
	if r.state.Stage == filling {
		if err := r.fill(ctx); err != nil {
			return r.report, err
		}
		if err := r.verify(ctx); err != nil {
			return r.report, err
		}
		if err := r.book(ctx, finishing); err != nil {
			return r.report, err
		}
	}
	if r.state.Stage == finishing {
		if err := r.swap(ctx); err != nil {
			return r.report, err
		}
	}
	return r.report, r.drop(ctx)
}

// begin finds out what there is to go on with, or begins.
func (r *Reindexer) begin(ctx context.Context) error {
	serving, next, err := r.Looks.Builds(ctx)
	if err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	switch s := &r.state; {
	case s.Build != 0 && s.Build == serving: // it serves: the old one may be left
		s.Stage = dropping
	case s.Build == 0 || s.Build != next: // none, or one that is gone
		*s = state{Stage: filling, Old: serving}
	}
	r.report.Resumed = r.state.Build != 0
	r.report.Replaced, r.report.Build = r.state.Old, r.state.Build
	r.report.Posts, r.report.Put = r.state.Posts, r.state.Put
	if r.state.Stage != filling {
		if r.report.Held, err = r.held(ctx, r.state.Old); err == nil {
			r.report.Holds, err = r.held(ctx, r.state.Build)
		}
		return err
	}
	if !r.report.Resumed && next != 0 { // nobody knows what it holds, or how it came to be
		if err := r.Builds.DropBuild(ctx, next); err != nil {
			return err
		}
	}
	// A month that came since an interruption gets its index here, too.
	if r.state.Build, err = r.Builds.BeginBuild(ctx); err != nil {
		return err
	}
	if r.state.Build == 0 {
		r.report.InPlace, r.report.Replaced = true, 0
		return r.fill(ctx)
	}
	r.report.Build = r.state.Build
	if err := r.book(ctx, filling); err != nil {
		return err
	}
	return r.lag(ctx, "begin")
}

// swap lets the new build serve. A month that has no posts, and that a program
// made for the old build alone, gets its index first: there is no swap without.
func (r *Reindexer) swap(ctx context.Context) error {
	if err := r.hold(ctx); err != nil {
		return err
	}
	if _, err := r.Builds.BeginBuild(ctx); err != nil {
		return err
	}
	if err := r.Builds.FinishBuild(ctx); err != nil {
		return err
	}
	return r.book(ctx, dropping)
}

// drop deletes the old build, once nobody writes to it any more.
func (r *Reindexer) drop(ctx context.Context) error {
	if err := r.lag(ctx, "end"); err != nil {
		return err
	}
	if err := r.Builds.DropBuild(ctx, r.state.Old); err != nil {
		return err
	}
	return r.Books.SetMeta(ctx, stateKey, "")
}

// Abandon drops the build under way. What serves goes on serving.
func (r *Reindexer) Abandon(ctx context.Context) (rep Report, err error) {
	if r.Builds == nil {
		return Report{InPlace: true}, nil
	}
	if err := r.take(ctx); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, r.release(ctx)) }()
	serving, next, err := r.Looks.Builds(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := r.load(ctx); err != nil {
		return Report{}, err
	}
	if r.state.Build != 0 && r.state.Build == serving {
		return Report{}, models.Faultf(models.Permanent, "reindex: build %d serves already; run it again without --abandon, and it drops the old one", serving)
	}
	if next != 0 {
		if err := r.Builds.DropBuild(ctx, next); err != nil {
			return Report{}, err
		}
	}
	return Report{Dropped: next}, r.Books.SetMeta(ctx, stateKey, "")
}

// Plan says what Run would do, and changes nothing.
func (r *Reindexer) Plan(ctx context.Context) (Report, error) {
	r.report = Report{DryRun: true, InPlace: r.Builds == nil}
	if r.Builds != nil {
		serving, next, err := r.Looks.Builds(ctx)
		if err != nil {
			return r.report, err
		}
		if err := r.load(ctx); err != nil {
			return r.report, err
		}
		r.report.Replaced, r.report.Build, r.report.Resumed = serving, max(next, serving+1), next != 0 && r.state.Build == next
		if r.report.Held, err = r.held(ctx, serving); err != nil {
			return r.report, err
		}
		if r.report.Held == 0 && next == 0 {
			r.report.InPlace, r.report.Replaced, r.report.Build = true, 0, 0
		}
	}
	err := r.pages(ctx, "", func(posts []models.Post) error {
		r.report.Posts += int64(len(posts))
		r.report.Put += int64(len(projected(posts)))
		r.Tell("count", r.report.Posts, r.report.Held)
		return nil
	})
	return r.report, err
}

// held is how many documents a build has.
func (r *Reindexer) held(ctx context.Context, build int) (int64, error) {
	counts, err := r.Looks.Counts(ctx, build)
	var n int64
	for _, c := range counts {
		n += c
	}
	return n, err
}

// take takes the lease, or says who has it.
func (r *Reindexer) take(ctx context.Context) error {
	err := r.hold(ctx)
	if err == nil {
		return r.Books.SetMeta(ctx, holderKey, r.Who+" since "+r.Now().UTC().Format(time.RFC3339))
	}
	if !errors.Is(err, ErrBusy) {
		return err
	}
	who, merr := r.Books.Meta(ctx, holderKey)
	if merr != nil {
		return errors.Join(err, merr)
	}
	return fmt.Errorf("%w: %s", err, who)
}

// hold takes or prolongs the lease.
func (r *Reindexer) hold(ctx context.Context) error {
	mine, err := r.Books.Lease(ctx, stateKey, r.holder, lease, r.Now())
	if err == nil && !mine {
		err = ErrBusy
	}
	return err
}

func (r *Reindexer) release(ctx context.Context) error {
	_, err := r.Books.Lease(context.WithoutCancel(ctx), stateKey, r.holder, 0, r.Now())
	return err
}

// lag waits until every program knows what was just done.
func (r *Reindexer) lag(ctx context.Context, stage string) error {
	r.Tell("wait", 0, 0)
	if err := r.Done(ctx, stage); err != nil {
		return err
	}
	if err := r.Wait(ctx, r.Lag); err != nil {
		return err
	}
	return r.hold(ctx)
}

// book makes it durable how far it has come.
func (r *Reindexer) book(ctx context.Context, stage string) error {
	r.state.Stage = stage
	body, err := json.Marshal(r.state)
	if err != nil {
		return err
	}
	if err := r.Books.SetMeta(ctx, stateKey, string(body)); err != nil {
		return err
	}
	return r.Done(ctx, stage)
}

func (r *Reindexer) load(ctx context.Context) error {
	body, err := r.Books.Meta(ctx, stateKey)
	if err != nil || body == "" {
		return err
	}
	if err := json.Unmarshal([]byte(body), &r.state); err != nil {
		return fmt.Errorf("reindex: what an earlier one left: %w", err)
	}
	return nil
}
