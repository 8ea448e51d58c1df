package mongo_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/models"
	"weft/storage/mongo"
)

// rounds is how often each pair races: on a quiet machine most rounds overlap.
const rounds = 25

// rivals are two clients of one database, as two processes are. Each race lets
// them go at the same moment, and then asks what came of it: any of the two
// orders will do, a mixture won't.
type rivals struct{ a, b *mongo.Documents }

func newRivals(t *testing.T) rivals {
	t.Helper()
	p := newPlace(t)
	return rivals{p.open(t), p.open(t)}
}

// race runs both at once.
func race(a, b func() error) (errA, errB error) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	wg.Go(func() { <-start; errA = a() })
	wg.Go(func() { <-start; errB = b() })
	close(start)
	wg.Wait()
	return errA, errB
}

func begin() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC) }

func racer(n int, author string) models.Post {
	native := fmt.Sprintf("%05d", n)
	return models.Post{
		ID: models.PostID("weibo", native), SchemaVersion: models.SchemaVersion, Source: "weibo", NativeID: native,
		CreatedAt: begin(), CollectedAt: begin(), Text: "silk " + native, Author: models.Author{ID: author},
	}
}

func admission(p models.Post) models.Admission {
	return models.Admission{Post: p, Run: models.NewRun(p.ID, "catalog", "v1", models.Normal, begin(), time.Minute)}
}

func (r rivals) admit(t *testing.T, p models.Post) models.Run {
	t.Helper()
	got, err := r.a.Admit(t.Context(), []models.Admission{admission(p)})
	ok(t, err)
	return got[0].Run
}

// purged admits a post, ends it, and purges it.
func (r rivals) purged(t *testing.T, p models.Post) models.Run {
	t.Helper()
	run := r.ended(t, p)
	ok(t, r.a.Purge(t.Context(), models.Stub{Post: p.ID, Rev: 1, PurgedAt: begin()}))
	return run
}

func (r rivals) ended(t *testing.T, p models.Post) models.Run {
	t.Helper()
	run := r.admit(t, p)
	m := run.End(models.Dropped, "nothing on it", begin())
	ok(t, r.a.Move(t.Context(), m))
	return m.Run
}

func (r rivals) forget(t *testing.T, d models.Deletion) func() error {
	return func() error {
		_, err := r.b.Forget(t.Context(), []models.Deletion{d})
		return err
	}
}

func gonePost(p models.Post) models.Deletion {
	return models.Deletion{Source: p.Source, NativeID: p.NativeID, Act: models.Delete, By: "request", At: begin()}
}

func rowOf(p models.Post) models.Row {
	return models.Row{
		Post: p.ID, Profile: "catalog", Generation: 1, Rev: 1, Source: "weibo", CreatedAt: begin(), ArchivedAt: begin(), Body: []byte(`{"post": {}}`),
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStageAgainstForget(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		p := racer(n, "7")
		if n%2 == 0 {
			r.admit(t, p)
		} else {
			r.purged(t, p)
		}
		errA, errB := race(func() error { return r.a.Stage(t.Context(), []models.Row{rowOf(p)}) }, r.forget(t, gonePost(p)))
		ok(t, errors.Join(errA, errB))
		left, err := r.a.StagedCount(t.Context())
		ok(t, err)
		if left != 0 {
			t.Fatalf("round %d: a row of a forgotten post is staged", n)
		}
	}
}

func TestAdmitAgainstForget(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		author := fmt.Sprint("author", n)
		p := racer(n, author)
		del := gonePost(p)
		if n%2 == 0 {
			del = models.Deletion{Source: "weibo", Author: author, Act: models.Delete, By: "platform", At: begin()}
		}
		if n%3 == 0 { // it comes back instead
			r.purged(t, p)
			p.Text = "edited"
		}
		errA, errB := race(func() error {
			_, err := r.a.Admit(t.Context(), []models.Admission{admission(p)})
			return err
		}, r.forget(t, del))
		ok(t, errors.Join(errA, errB))
		r.wantGone(t, n, p)
	}
}

// wantGone checks that a post is a tombstone, or isn't here.
func (r rivals) wantGone(t *testing.T, round int, p models.Post) {
	t.Helper()
	got, _, err := r.a.Post(t.Context(), p.ID)
	if errors.Is(err, models.ErrNotFound) {
		return
	}
	ok(t, err)
	if got.Tombstone == nil {
		t.Fatalf("round %d: a forgotten post lives", round)
	}
}

func TestRestoreAgainstForget(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		author := fmt.Sprint("author", n)
		p := racer(n, author)
		run := r.purged(t, p)
		del := gonePost(p)
		if n%2 == 0 {
			del = models.Deletion{Source: "weibo", Author: author, Act: models.Delete, By: "platform", At: begin()}
		}
		errA, errB := race(func() error {
			_, err := r.a.Restore(t.Context(), p, []models.Run{run})
			if errors.Is(err, models.ErrNotFound) {
				return nil
			}
			return err
		}, r.forget(t, del))
		ok(t, errors.Join(errA, errB))
		r.wantGone(t, n, p)
	}
}

func TestAddRefsAgainstRelease(t *testing.T) {
	r := newRivals(t)
	both := map[bool]int{}
	for n := range rounds {
		key := fmt.Sprint("originals/", n)
		ok(t, r.a.AddRefs(t.Context(), []models.BlobRef{{Key: key, Post: "weibo.first", Expires: begin()}}))
		errA, errB := race(
			func() error { return r.a.AddRefs(t.Context(), []models.BlobRef{{Key: key, Post: "weibo.second"}}) },
			func() error { _, err := r.b.Release(t.Context(), begin(), 1000); return err })
		ok(t, errB)
		doomed, err := r.a.Release(t.Context(), begin(), 1000)
		ok(t, err)
		lost := errors.Is(errA, models.ErrConflict)
		if !lost {
			ok(t, errA)
		}
		if slices.Contains(doomed, key) != lost {
			t.Fatalf("round %d: a reference was refused: %t; doomed: %v", n, lost, doomed)
		}
		both[lost]++
		ok(t, r.a.Undoom(t.Context(), doomed))
	}
	t.Logf("references refused and taken: %v", both)
}

func TestAddRefsAgainstForget(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		p, key := racer(n, "7"), fmt.Sprint("originals/", n)
		if n%2 == 0 {
			r.admit(t, p)
		} else {
			r.purged(t, p)
		}
		errA, errB := race(func() error { return r.a.AddRefs(t.Context(), []models.BlobRef{{Key: key, Post: p.ID}}) }, r.forget(t, gonePost(p)))
		ok(t, errors.Join(errA, errB))
		doomed, err := r.a.Release(t.Context(), time.Now().Add(2*time.Hour), 1000)
		ok(t, err)
		if !slices.Contains(doomed, key) {
			t.Fatalf("round %d: a forgotten post's blob stays; doomed: %v", n, doomed)
		}
	}
}

func TestAssignAgainstAssign(t *testing.T) {
	r := newRivals(t)
	var rows []models.Row
	for n := range 1300 { // a part takes several transactions
		rows = append(rows, rowOf(racer(n, "7")))
	}
	ok(t, r.a.Stage(t.Context(), rows))
	builder := func(d *mongo.Documents, name string) func() error {
		return func() error {
			for n := range 3 {
				if _, _, err := d.Assign(t.Context(), fmt.Sprint(name, n), 700, begin()); err != nil {
					return err
				}
			}
			return nil
		}
	}
	errA, errB := race(builder(r.a, "a"), builder(r.b, "b"))
	ok(t, errors.Join(errA, errB))
	parts, err := r.a.Parts(t.Context(), models.PartStaged, 0)
	ok(t, err)
	seen := map[string]bool{}
	for _, p := range parts {
		got, err := r.a.PartRows(t.Context(), p.ID)
		ok(t, err)
		if len(got) != p.Rows || models.Checksum(got) != p.Checksum || p.Rows > 700 {
			t.Errorf("part %+v has %d rows", p, len(got))
		}
		for i := range got {
			if seen[got[i].Key()] {
				t.Errorf("row %s is in two parts", got[i].Key())
			}
			seen[got[i].Key()] = true
		}
	}
	if len(seen) != len(rows) {
		t.Errorf("%d of %d rows are in parts", len(seen), len(rows))
	}
}

// TestAssignAgainstForget: the part that is being made is dissolved, or was
// made without the row.
func TestAssignAgainstForget(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		p, other := racer(2*n, "7"), racer(2*n+1, "7")
		r.admit(t, p)
		ok(t, r.a.Stage(t.Context(), []models.Row{rowOf(p), rowOf(other)}))
		part := fmt.Sprint("p", n)
		errA, errB := race(func() error { _, _, err := r.a.Assign(t.Context(), part, 10, begin()); return err }, r.forget(t, gonePost(p)))
		ok(t, errors.Join(errA, errB))
		last, _, err := r.a.Assign(t.Context(), part+"again", 10, begin())
		ok(t, err)
		var keys []string
		for _, id := range []string{part, last.ID} {
			rows, err := r.a.PartRows(t.Context(), id)
			ok(t, err)
			for i := range rows {
				keys = append(keys, rows[i].Post)
			}
		}
		if !slices.Equal(keys, []string{other.ID}) {
			t.Fatalf("round %d: parts hold %v, want %s", n, keys, other.ID)
		}
		r.wantBooked(t, n)
	}
}

// wantBooked checks that every part has the rows that its books say.
func (r rivals) wantBooked(t *testing.T, round int) {
	t.Helper()
	parts, err := r.a.Parts(t.Context(), "", 0)
	ok(t, err)
	for _, p := range parts {
		rows, err := r.a.PartRows(t.Context(), p.ID)
		ok(t, err)
		if len(rows) != p.Rows || models.Checksum(rows) != p.Checksum {
			t.Fatalf("round %d: part %+v has %d rows", round, p, len(rows))
		}
	}
}

func TestPurgeAgainstUpdate(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		p := racer(n, "7")
		run := r.ended(t, p)
		errA, errB := race(
			func() error { return r.a.Purge(t.Context(), models.Stub{Post: p.ID, Rev: 1, PurgedAt: begin()}) },
			func() error {
				if n%2 == 0 {
					return r.b.Move(t.Context(), run.Replay(models.Fetch, "again", begin(), time.Minute))
				}
				_, err := r.b.Update(t.Context(), p.ID, models.Change{Labels: []models.Label{{Attribute: "brand", At: begin()}}})
				return err
			})
		switch {
		case errA == nil && errors.Is(errB, models.ErrNotFound), errB == nil && errors.Is(errA, models.ErrConflict):
		default:
			t.Fatalf("round %d: the purge says %v, the write %v; want one of them to lose", n, errA, errB)
		}
	}
}

func TestErasedAgainstReduce(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		p := racer(n, "7")
		r.admit(t, p)
		ok(t, r.forget(t, gonePost(p))())
		ok(t, r.a.Clean(t.Context(), p.ID, 2))
		reduced := 0
		errA, errB := race(
			func() error { return r.a.Erased(t.Context(), []string{p.ID}, begin()) },
			func() (err error) { reduced, err = r.b.Reduce(t.Context(), begin(), 10); return err })
		ok(t, errors.Join(errA, errB))
		again, err := r.a.Reduce(t.Context(), begin(), 10)
		ok(t, err)
		if reduced+again != 1 {
			t.Fatalf("round %d: reduced %d times", n, reduced+again)
		}
		log, err := r.a.ForgetLog(t.Context(), p.ID, 10)
		ok(t, err)
		if len(log) != 1 || log[0].Receipt == nil {
			t.Fatalf("round %d: log %+v, want one line with its receipt", n, log)
		}
	}
}

// TestReplaceAgainstReplace: the eraser and a merge want the same part.
func TestReplaceAgainstReplace(t *testing.T) {
	r := newRivals(t)
	for n := range rounds {
		ok(t, r.a.Stage(t.Context(), []models.Row{rowOf(racer(n, "7"))}))
		old, found, err := r.a.Assign(t.Context(), fmt.Sprint("old", n), 10, begin())
		if !found {
			t.Fatal("no row waits", err)
		}
		for _, state := range []models.PartState{models.PartWritten, models.PartLoaded, models.PartVerified} {
			from := old.State
			old.State = state
			ok(t, r.a.MovePart(t.Context(), old, from))
		}
		replace := func(d *mongo.Documents, name string) func() error {
			fresh := old
			fresh.ID, fresh.Replaces = fmt.Sprint(name, n), []string{old.ID}
			ok(t, d.Reserve(t.Context(), fresh, begin()))
			return func() error { return d.Replace(t.Context(), []models.Part{old}, fresh, nil, begin()) }
		}
		errA, errB := race(replace(r.a, "a"), replace(r.b, "b"))
		if (errA == nil) == (errB == nil) || !errors.Is(errors.Join(errA, errB), models.ErrConflict) {
			t.Fatalf("round %d: %v and %v, want one to lose by a conflict", n, errA, errB)
		}
		parts, err := r.a.Parts(t.Context(), models.PartVerified, 0)
		ok(t, err)
		if len(parts) != n+1 {
			t.Fatalf("round %d: %d parts", n, len(parts))
		}
	}
}
