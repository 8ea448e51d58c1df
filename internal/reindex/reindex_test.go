package reindex_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/internal/reindex"
	"weft/internal/servers"
	"weft/models"
	"weft/storage/elastic"
	"weft/storage/sqlite"
)

// bench is documents, and the search that is built from them.
type bench struct {
	t      *testing.T
	ctx    context.Context
	docs   *sqlite.Documents
	search *elastic.Search
	url    string // of the cluster, with a slash
	prefix string

	mu  sync.Mutex
	now time.Time
}

// clock goes on by a second each time somebody looks.
func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Second)
	return b.now
}

func newBench(t *testing.T, posts int) *bench {
	t.Helper()
	b := &bench{t: t, ctx: t.Context(), now: time.Now()}
	b.url, b.prefix = path.Split(servers.Indices(t, servers.URL(t, servers.Elastic)))
	b.docs, b.search = documents(t), b.open()
	b.admit(0, posts)
	if posts > 0 {
		b.putAll(b.search)
	}
	return b
}

func documents(t *testing.T) *sqlite.Documents {
	t.Helper()
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	must(t, err)
	t.Cleanup(func() { must(t, docs.Close()) })
	return docs
}

// open opens search as another program would.
func (b *bench) open() *elastic.Search {
	b.t.Helper()
	none := 0
	s, err := elastic.Open(b.ctx, b.url+b.prefix, elastic.Options{Replicas: &none, Linger: time.Millisecond})
	must(b.t, err)
	b.t.Cleanup(func() { must(b.t, s.Close()) })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func id(n int) string { return fmt.Sprintf("file.%05d", n) }

// admit stores posts from one number to another, of three months, and publishes
// four of five.
func (b *bench) admit(from, to int) {
	b.t.Helper()
	start := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	var batch []models.Admission
	for n := from; n < to; n++ {
		p := models.Post{ID: id(n), Source: "file", NativeID: id(n)[5:], Text: fmt.Sprint("robe ", n), CreatedAt: start.AddDate(0, n%3, n%20)}
		batch = append(batch, models.Admission{Post: p, Run: models.NewRun(p.ID, "catalog", "v1", models.Normal, start, time.Minute)})
	}
	_, err := b.docs.Admit(b.ctx, batch)
	must(b.t, err)
	for n := from; n < to; n++ {
		if n%5 == 4 {
			continue
		}
		_, run, err := b.docs.Load(b.ctx, id(n), "catalog")
		must(b.t, err)
		m := run.Advance(models.Archive, "", start, time.Minute)
		m.Change = models.Change{Profile: "catalog", Publish: &models.Publication{Generation: 1, Version: "v1", At: start,
			Attributes: []models.Attribute{{Name: "color", Value: []string{"navy", "red"}[n%2], Confidence: 0.75}}}}
		must(b.t, b.docs.Move(b.ctx, m))
	}
}

// want is what search is to hold.
func (b *bench) want() map[string]models.SearchDoc {
	b.t.Helper()
	out := map[string]models.SearchDoc{}
	for after := ""; ; {
		posts, err := b.docs.Posts(b.ctx, models.PostFilter{After: after})
		must(b.t, err)
		if len(posts) == 0 {
			return out
		}
		for i := range posts {
			after = posts[i].ID
			if doc, ok := models.Project(&posts[i]); ok {
				out[after] = doc
			}
		}
	}
}

// putAll puts as the chain does: what is unavailable, as a busy server is, comes again.
func (b *bench) putAll(s *elastic.Search) {
	b.t.Helper()
	var wg sync.WaitGroup
	for _, doc := range b.want() {
		wg.Go(func() {
			err := s.Put(b.ctx, doc)
			for tries := 1; models.ClassOf(err) == models.Unavailable && tries < 5; tries++ {
				err = s.Put(b.ctx, doc)
			}
			if err != nil {
				b.t.Error(err)
			}
		})
	}
	wg.Wait()
}

// agrees compares what serves with the documents, post by post.
func (b *bench) agrees() {
	b.t.Helper()
	s, want := b.open(), b.want()
	serving, next, err := s.Builds(b.ctx)
	must(b.t, err)
	if next != 0 {
		b.t.Errorf("build %d is under way", next)
	}
	counts, err := s.Counts(b.ctx, serving)
	must(b.t, err)
	n := int64(0)
	for _, c := range counts {
		n += c
	}
	if n != int64(len(want)) {
		b.t.Errorf("build %d holds %d posts, want %d", serving, n, len(want))
	}
	for id, doc := range want {
		got, err := s.GetIn(b.ctx, serving, id, doc.CreatedAt)
		if err != nil || got.Version != doc.Version || got.Text != doc.Text || cmp.Diff(doc.Attributes, got.Attributes) != "" {
			b.t.Errorf("%s: %+v, %v; want %+v", id, got, err, doc)
		}
	}
}

func (b *bench) builds(serving, next int) {
	b.t.Helper()
	s, n, err := b.open().Builds(b.ctx)
	if err != nil || s != serving || n != next {
		b.t.Errorf("builds %d and %d, %v; want %d and %d", s, n, err, serving, next)
	}
}

// params reindex without waiting: the bench's own search is the only program.
func (b *bench) params() reindex.Params {
	return reindex.Params{
		Posts: b.docs, Search: b.search, Books: b.docs, Builds: b.search, Looks: b.search,
		Wait: func(context.Context, time.Duration) error { return nil },
		Now:  b.clock,
		Who:  "process 7 on earth",
	}
}

func (b *bench) run(p reindex.Params) reindex.Report {
	b.t.Helper()
	rep, err := reindex.New(p).Run(b.ctx)
	must(b.t, err)
	return rep
}

// raw asks the cluster behind search's back.
func (b *bench) raw(method, what, body string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, method, b.url+what, strings.NewReader(body))
	must(b.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(b.t, err)
	must(b.t, resp.Body.Close())
	if resp.StatusCode >= 300 {
		b.t.Fatalf("%s %s: %s", method, what, resp.Status)
	}
}

// TestWhileOthersWrite: search was damaged, and is built anew while another
// program adds, changes and deletes posts. Afterwards it holds of every post
// what the documents say.
func TestWhileOthersWrite(t *testing.T) {
	t.Parallel() // it waits for the other program to notice
	b := newBench(t, 700)
	const newer = "?version_type=external&version=99"
	b.raw(http.MethodDelete, b.prefix+"-write-2026-02/_doc/file.00001"+newer, "")
	b.raw(http.MethodPut, b.prefix+"-write-2026-01/_doc/file.00003"+newer, `{"text": "garbled"}`)
	other := b.open()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		b.write(other, stop)
	}()
	p := b.params()
	p.Wait, p.Now, p.Lag = nil, nil, elastic.BuildLag
	p.Done = func(_ context.Context, stage string) error {
		if stage == "end" {
			close(stop)
			<-stopped
		}
		return nil
	}
	rep := b.run(p)
	if rep.Build != 2 || rep.Replaced != 1 || rep.Samples == 0 || rep.Held == 0 || rep.Holds == 0 || rep.Resumed {
		t.Errorf("report %+v", rep)
	}
	b.builds(2, 0)
	b.agrees()
}

// write adds, changes and deletes posts as the workers do, until it is stopped.
func (b *bench) write(s *elastic.Search, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		if n%10 == 0 {
			b.admit(700+n, 701+n)
		}
		post := id(n % 600)
		c := models.Change{Labels: []models.Label{{Attribute: "color", Taxonomy: "t", Values: []string{fmt.Sprint("red", n)}, At: time.Now()}}}
		if n%40 == 7 {
			c = models.Change{Delete: &models.Tombstone{At: time.Now(), By: "platform"}}
		}
		if _, err := b.docs.Update(b.ctx, post, c); err != nil {
			b.t.Error(err)
			return
		}
		for _, id := range []string{post, id(700 + n - n%10)} {
			err := b.show(s, id)
			for models.ClassOf(err) == models.Unavailable && b.ctx.Err() == nil { // as a worker does
				err = b.show(s, id)
			}
			if err != nil {
				b.t.Error(err)
				return
			}
		}
	}
}

// show puts a post into search as it is, or takes it out.
func (b *bench) show(s *elastic.Search, id string) error {
	p, _, err := b.docs.Post(b.ctx, id)
	if err != nil {
		return err
	}
	doc, ok := models.Project(&p)
	if !ok {
		return s.Delete(b.ctx, id, p.Rev)
	}
	return s.Put(b.ctx, doc)
}

// interruptedAt ends a run with an error when a stage is booked for the nth time.
func interruptedAt(stage string, nth int, with error) func(context.Context, string) error {
	return func(_ context.Context, booked string) error {
		if booked == stage {
			nth--
		}
		if booked == stage && nth == 0 {
			return with
		}
		return nil
	}
}

// TestInterruptedAnywhere: whoever runs it again goes on, and what serves is
// always whole.
func TestInterruptedAnywhere(t *testing.T) {
	t.Parallel() // it waits for a server
	gone := errors.New("interrupted")
	for _, at := range []struct {
		stage string
		nth   int
		left  [2]int // the builds that are there then
	}{
		{"filling", 1, [2]int{1, 2}}, {"begin", 1, [2]int{1, 2}}, {"filling", 2, [2]int{1, 2}}, {"filling", 3, [2]int{1, 2}},
		{"finishing", 1, [2]int{1, 2}}, {"dropping", 1, [2]int{2, 0}}, {"end", 1, [2]int{2, 0}},
	} {
		t.Run(fmt.Sprint(at.stage, at.nth), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 1300)
			p := b.params()
			p.Done = interruptedAt(at.stage, at.nth, gone)
			if _, err := reindex.New(p).Run(b.ctx); !errors.Is(err, gone) {
				t.Fatalf("it ended with %v", err)
			}
			b.builds(at.left[0], at.left[1])
			rep := b.run(b.params())
			if !rep.Resumed || rep.Replaced != 1 || rep.Build != 2 || rep.Posts != 1300 || rep.Held != 1040 || rep.Holds != 1040 {
				t.Errorf("report %+v", rep)
			}
			b.builds(2, 0)
			b.agrees()
		})
	}
}

// busy turns down every document for the first few times.
type busy struct {
	*elastic.Search
	times int

	mu   sync.Mutex
	seen map[string]int
}

func (b *busy) Put(ctx context.Context, doc models.SearchDoc) error {
	b.mu.Lock()
	b.seen[doc.ID]++
	again := b.seen[doc.ID] <= b.times
	b.mu.Unlock()
	if again {
		return models.Faultf(models.Unavailable, "429 too many requests")
	}
	return b.Search.Put(ctx, doc)
}

// TestBusy: a search that is busy for a moment ends nothing, one that stays so does.
func TestBusy(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	p := b.params()
	p.Search = &busy{Search: b.search, times: 100, seen: map[string]int{}}
	if _, err := reindex.New(p).Run(b.ctx); models.ClassOf(err) != models.Unavailable || !strings.Contains(err.Error(), "429") {
		t.Fatalf("it ended with %v", err)
	}
	var waited []time.Duration
	var mu sync.Mutex
	p.Search = &busy{Search: b.search, times: 3, seen: map[string]int{}}
	p.Wait = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		waited = append(waited, d)
		return nil
	}
	if rep := b.run(p); !rep.Resumed || rep.Build != 2 {
		t.Errorf("report %+v", rep)
	}
	for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if !slices.Contains(waited, pause) {
			t.Errorf("it waited %v, want %s among them", waited, pause)
		}
	}
	b.builds(2, 0)
	b.agrees()
}

// forgetful loses documents.
type forgetful struct{ *elastic.Search }

func (f forgetful) Put(ctx context.Context, doc models.SearchDoc) error {
	if doc.ID == id(6) {
		return nil
	}
	return f.Search.Put(ctx, doc)
}

// TestUnlikeTheDocuments: a build that isn't what the documents say never serves.
func TestUnlikeTheDocuments(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	p := b.params()
	p.Search = forgetful{b.search}
	if _, err := reindex.New(p).Run(b.ctx); models.ClassOf(err) != models.Permanent || !strings.Contains(err.Error(), "build 1 goes on serving") {
		t.Fatalf("it ended with %v", err)
	}
	b.builds(1, 2)
	b.run(b.params())
	b.builds(2, 0)
	b.agrees()
}

// TestUnknownBuild: a build that is under way and not in the books may hold
// anything, such as what a restored document store knows nothing of.
func TestUnknownBuild(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	if _, err := b.search.BeginBuild(b.ctx); err != nil {
		t.Fatal(err)
	}
	stray, newer := b.want()[id(0)], b.want()[id(1)]
	stray.ID, newer.Version, newer.Text = "file.stray", newer.Version+5, "of another life"
	must(t, b.search.Put(b.ctx, stray))
	must(t, b.search.Put(b.ctx, newer))
	if plan, err := reindex.New(b.params()).Plan(b.ctx); err != nil || plan.Resumed || plan.Build != 2 {
		t.Errorf("plan %+v, %v; want a build from the beginning", plan, err)
	}
	if rep := b.run(b.params()); rep.Resumed || rep.Build != 2 {
		t.Errorf("report %+v", rep)
	}
	b.builds(2, 0)
	b.agrees()
}

// TestMonthOfTheOldBuildAlone: a program made a month for the build that serves
// just before the new one was begun, and then had no post for it.
func TestMonthOfTheOldBuildAlone(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	p := b.params()
	p.Done = func(_ context.Context, stage string) error {
		if stage == "finishing" {
			b.raw(http.MethodPut, b.prefix+"-v1-2026-09", `{"aliases": {"`+b.prefix+`": {}, "`+b.prefix+`-write-2026-09": {}}}`)
		}
		return nil
	}
	b.run(p)
	b.builds(2, 0)
	b.agrees()
}

func TestAbandon(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	if rep, err := reindex.New(b.params()).Abandon(b.ctx); err != nil || rep.Dropped != 0 {
		t.Errorf("nothing is under way: %+v, %v", rep, err)
	}
	gone := errors.New("interrupted")
	p := b.params()
	p.Done = interruptedAt("finishing", 1, gone)
	if _, err := reindex.New(p).Run(b.ctx); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	b.builds(1, 2)
	if rep, err := reindex.New(b.params()).Abandon(b.ctx); err != nil || rep.Dropped != 2 {
		t.Errorf("%+v, %v", rep, err)
	}
	b.builds(1, 0)
	b.admit(20, 25)
	b.putAll(b.search)
	b.agrees()
}

func TestOnlyOne(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 5)
	p := b.params()
	p.Done = func(ctx context.Context, _ string) error {
		if _, err := reindex.New(b.params()).Run(ctx); !errors.Is(err, reindex.ErrBusy) || !strings.Contains(err.Error(), "process 7 on earth since 20") {
			t.Errorf("a second one: %v; want who is at it", err)
		}
		if _, err := reindex.New(b.params()).Abandon(ctx); !errors.Is(err, reindex.ErrBusy) {
			t.Errorf("to abandon a running one: %v", err)
		}
		return nil
	}
	b.run(p)
	if models.ClassOf(reindex.ErrBusy) != models.Unavailable {
		t.Error("to be busy is no passing state")
	}
	b.run(b.params()) // the lease was given back
	b.builds(3, 0)
}

// leaving are documents from which a post is purged right after it was read.
type leaving struct {
	*sqlite.Documents
	read bool
}

func (l *leaving) Posts(ctx context.Context, f models.PostFilter) ([]models.Post, error) {
	posts, err := l.Documents.Posts(ctx, f)
	if l.read {
		posts = append(posts[:0:0], posts...)
		for i := range posts {
			if posts[i].ID == id(6) {
				posts = append(posts[:i], posts[i+1:]...)
				break
			}
		}
	}
	l.read = true
	return posts, err
}

func (l *leaving) Post(ctx context.Context, post string) (models.Post, []models.Run, error) {
	if post == id(6) {
		return models.Post{}, nil, models.ErrNotFound
	}
	return l.Documents.Post(ctx, post)
}

func TestPurgedMeanwhile(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	p := b.params()
	p.Posts = &leaving{Documents: b.docs}
	if rep := b.run(p); rep.Removed != 1 || rep.Holds != 15 {
		t.Errorf("report %+v", rep)
	}
	if _, err := b.search.Get(b.ctx, id(6)); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a purged post is in search: %v", err)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 20)
	rep, err := reindex.New(b.params()).Plan(b.ctx)
	want := reindex.Report{Posts: 20, Put: 16, Build: 2, Replaced: 1, Held: 16, DryRun: true}
	if diff := cmp.Diff(want, rep); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	b.builds(1, 0)
}

// TestInPlace: where there are no builds, and where there is nothing to build beside.
func TestInPlace(t *testing.T) {
	t.Parallel() // it waits for a server
	b := newBench(t, 0)
	b.admit(0, 20)
	if rep := b.run(b.params()); !rep.InPlace || rep.Put != 16 {
		t.Errorf("into an empty search: %+v", rep)
	}
	b.builds(1, 0)
	b.agrees()
	embedded, err := sqlite.OpenSearch(b.ctx, filepath.Join(t.TempDir(), "search.db"))
	must(t, err)
	defer func() { must(t, embedded.Close()) }()
	p := b.params()
	p.Search, p.Builds, p.Looks = embedded, nil, nil
	if rep := b.run(p); !rep.InPlace || rep.Put != 16 || rep.Build != 0 {
		t.Errorf("into the embedded search: %+v", rep)
	}
	if n, err := embedded.Count(b.ctx); err != nil || n != 16 {
		t.Errorf("it holds %d, %v", n, err)
	}
}
