package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weft/models"
)

// Store is all that a document store can do. Only the suite wants it whole:
// consumers declare the few methods they call.
type Store interface {
	Load(ctx context.Context, post, profile string) (models.Post, models.Run, error)
	Move(ctx context.Context, m models.Move) error
	Admit(ctx context.Context, batch []models.Admission) ([]models.Admittance, error)
	Update(ctx context.Context, post string, c models.Change) (models.Post, error)

	Post(ctx context.Context, id string) (models.Post, []models.Run, error)
	Posts(ctx context.Context, f models.PostFilter) ([]models.Post, error)
	Runs(ctx context.Context, f models.RunFilter) ([]models.Run, error)
	Timeline(ctx context.Context, post, profile string) ([]models.Entry, error)
	Counts(ctx context.Context) ([]models.Count, error)
	Admitted(ctx context.Context) (int64, error)
	Overdue(ctx context.Context, now time.Time, limit int) ([]models.Run, error)
	Dirty(ctx context.Context, limit int) ([]models.Post, error)
	Clean(ctx context.Context, post string, rev int64) error

	Item(ctx context.Context, id string) (models.Item, error)
	PutItem(ctx context.Context, it models.Item) error
	Items(ctx context.Context, f models.ItemFilter) ([]models.Item, error)
	Answered(ctx context.Context, limit int) ([]models.Item, error)
	LabelStore

	Spent(ctx context.Context, profile string, step models.Step, day string) (models.Spent, error)
	Results(ctx context.Context, keys []string) (map[string]models.Result, error)
	PutResults(ctx context.Context, results []models.Result) error
	PutProfile(ctx context.Context, name, version string, body []byte) error
	Profile(ctx context.Context, version string) ([]byte, error)
	Profiles(ctx context.Context) ([]models.ProfileVersion, error)
	Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error)
	Meta(ctx context.Context, key string) (string, error)
	SetMeta(ctx context.Context, key, value string) error
	PutCampaign(ctx context.Context, c models.Campaign) error
	Campaigns(ctx context.Context) ([]models.Campaign, error)
	Campaign(ctx context.Context, id string) (models.Campaign, error)
	MoveCampaign(ctx context.Context, c models.Campaign) error
	CampaignCounts(ctx context.Context, id string) (map[models.State]int64, error)
	AddActivity(ctx context.Context, counts []models.Activity) error
	Activity(ctx context.Context, since, until time.Time, profile string) ([]models.Activity, error)
	ForgetActivity(ctx context.Context, before time.Time) (int64, error)

	AddKey(ctx context.Context, k models.APIKey) error
	Key(ctx context.Context, id string) (models.APIKey, error)
	Keys(ctx context.Context) ([]models.APIKey, error)
	RevokeKey(ctx context.Context, id string, at time.Time) error
	UseKey(ctx context.Context, id string, at time.Time) error
	AddSession(ctx context.Context, s models.Session) error
	Session(ctx context.Context, id string) (models.Session, error)
	EndSession(ctx context.Context, id string) error
	PutAuditLine(ctx context.Context, l models.AuditLine) error
	AuditLines(ctx context.Context, f models.AuditFilter) ([]models.AuditLine, error)
	ReserveRequest(ctx context.Context, r models.Reservation) (models.Reservation, error)
	SettleRequest(ctx context.Context, r models.Reservation) error
	ReleaseRequest(ctx context.Context, id string) error

	Cursor(ctx context.Context, query string) (models.Cursor, error)
	PutCursor(ctx context.Context, c models.Cursor) error
	Cursors(ctx context.Context) ([]models.Cursor, error)
	PostsOf(ctx context.Context, source string, since time.Time, after string, limit int) ([]models.Post, error)
	Take(ctx context.Context, budget, item string, limit int, window time.Duration, now time.Time) (free time.Time, err error)

	Stage(ctx context.Context, rows []models.Row) error
	StagedCount(ctx context.Context) (int64, error)
	Assign(ctx context.Context, partID string, maxRows int, before time.Time) (models.Part, bool, error)
	Parts(ctx context.Context, state models.PartState, limit int) ([]models.Part, error)
	PartRows(ctx context.Context, id string) ([]models.Row, error)
	MovePart(ctx context.Context, part models.Part, from models.PartState) error
	Purgeable(ctx context.Context, endedBefore time.Time, after string, limit int) ([]string, error)
	Purge(ctx context.Context, stub models.Stub) error
	Stub(ctx context.Context, id string) (models.Stub, error)
	Stubs(ctx context.Context, after string, limit int) ([]models.Stub, error)
	Restore(ctx context.Context, post models.Post, runs []models.Run) ([]models.Run, error)

	Forget(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error)
	ForgetLog(ctx context.Context, post string, limit int) ([]models.Audit, error)
	Unseen(ctx context.Context) ([]string, error)
	Erasures(ctx context.Context, after string, limit int) ([]models.Erasure, error)
	Reserve(ctx context.Context, part models.Part, now time.Time) error
	Replace(ctx context.Context, olds []models.Part, fresh models.Part, rows map[string]int, now time.Time) error
	Erased(ctx context.Context, posts []string, now time.Time) error
	Strays(ctx context.Context, now time.Time, limit int) ([]string, error)
	Swept(ctx context.Context, paths []string, now time.Time) error
	Reduce(ctx context.Context, before time.Time, limit int) (int, error)
	Expire(ctx context.Context, now time.Time) (int64, error)

	Watermark(ctx context.Context) (models.Watermark, error)
	RaiseWatermark(ctx context.Context, mark models.Watermark) error
	Standings(ctx context.Context, posts []string) (map[string]models.Standing, error)
	Labelled(ctx context.Context, attribute string, since, until time.Time, after string, limit int) ([]models.Post, error)
	PutExport(ctx context.Context, e models.Export) error
	Export(ctx context.Context, id string) (models.Export, error)
	Exports(ctx context.Context, after string, limit int) ([]models.Export, error)
	DeleteExport(ctx context.Context, id string, rev int64) error

	Similar(ctx context.Context, phash string, distance, limit int) ([]models.Near, error)

	AddRefs(ctx context.Context, refs []models.BlobRef) error
	Release(ctx context.Context, now time.Time, limit int) ([]string, error)
	Undoom(ctx context.Context, keys []string) error

	Close() error
}

// behaviour is one thing that every document store does.
type behaviour struct {
	name string
	test func(t *testing.T, s Store)
}

// Documents runs the suite of the document store; times in it are whole
// milliseconds, which every store keeps. open returns a new, empty store and closes it when
// the test ends.
func Documents(t *testing.T, open func(t *testing.T) Store) {
	groups := []struct {
		name       string
		behaviours []behaviour
	}{
		{"move", moves()}, {"admit", admissions()}, {"posts", posts()}, {"runs", runs()}, {"items", items()}, {"claims", claims()},
		{"books", books()}, {"history", history()}, {"purge", purges()}, {"blobs", blobs()}, {"cursors", cursors()}, {"windows", windows()}, {"looks", looks()},
		{"forget", forgets()}, {"hide", hides()}, {"erase", erasures()}, {"reread", rereads()}, {"reading", readings()}, {"access", access()}, {"activity", activities()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, b := range g.behaviours {
				t.Run(b.name, func(t *testing.T) { b.test(t, open(t)) })
			}
		})
	}
}

// t0 is when the suite's stories begin.
func t0() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC) }

const horizon = time.Minute

// aPost is a post with an image, in the words of several scripts.
func aPost(id string) models.Post {
	likes := int64(7)
	return models.Post{
		ID: id, SchemaVersion: models.SchemaVersion, Source: "weibo", NativeID: id, URL: "https://weibo.example/" + id,
		CreatedAt: t0().Add(-time.Hour), CollectedAt: t0(),
		Text: "奢侈品 <silk> & 'lace' — שלום 👗\u2028", Language: "zh", Hashtags: []string{"奢侈品", "ootd"},
		Author: models.Author{ID: "1", Handle: "näme", Followers: 3, Location: models.Location{Raw: "上海", Kind: "profile", Country: "CN"}},
		Media:  []models.Media{{URL: "https://cdn.example/" + id + ".jpg", State: models.MediaPending}},
		Counts: models.Counts{Likes: &likes}, Raw: []byte(`{"mid": "` + id + `",  "n": 1}`),
	}
}

// asked is the admission of a post to a profile.
func asked(p models.Post, profile string) models.Admission {
	return models.Admission{Post: p, Run: models.NewRun(p.ID, profile, "v1", models.Normal, t0(), horizon)}
}

// admit admits one post to one profile, and returns the run.
func admit(t *testing.T, s Store, p models.Post, profile string) models.Run {
	t.Helper()
	got, err := s.Admit(t.Context(), []models.Admission{asked(p, profile)})
	must(t, err)
	if len(got) != 1 {
		t.Fatalf("admit answered %d times, want once", len(got))
	}
	return got[0].Run
}

// answer admits and returns only the result.
func answer(t *testing.T, s Store, a models.Admission) models.AdmissionResult {
	t.Helper()
	got, err := s.Admit(t.Context(), []models.Admission{a})
	must(t, err)
	return got[0].Result
}

func move(t *testing.T, s Store, m models.Move) models.Run {
	t.Helper()
	must(t, s.Move(t.Context(), m))
	return m.Run
}

// load returns the post and the run, which must be there.
func load(t *testing.T, s Store, post, profile string) (models.Post, models.Run) {
	t.Helper()
	p, r, err := s.Load(t.Context(), post, profile)
	must(t, err)
	return p, r
}

// balanced checks that what was admitted is what is counted, and returns it.
func balanced(t *testing.T, s Store) int64 {
	t.Helper()
	counts, err := s.Counts(t.Context())
	must(t, err)
	var sum int64
	for _, c := range counts {
		sum += c.N
	}
	admitted, err := s.Admitted(t.Context())
	must(t, err)
	if admitted != sum {
		t.Errorf("admitted %d passages, but counts %v have %d", admitted, counts, sum)
	}
	return sum
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// id is the n-th post id, in the order of n.
func id(n int) string { return fmt.Sprintf("weibo.%05d", n) }
