package labeling_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/labeling"
	"weft/models"
	"weft/storage/sqlite"
)

// office is a desk on a real document store, with one post and its run.
type office struct {
	t    *testing.T
	docs *sqlite.Documents
	desk *labeling.Desk
	now  time.Time

	wakes    []string // reasons
	wakeErr  error
	onUpdate func() // before a label goes to the post
}

func newOffice(t *testing.T) *office {
	t.Helper()
	docs, err := sqlite.OpenDocuments(t.Context(), filepath.Join(t.TempDir(), "documents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := docs.Close(); err != nil {
			t.Error(err)
		}
	})
	o := &office{t: t, docs: docs, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	post := models.Post{ID: "sim.p1", Source: "sim", CreatedAt: o.now, Text: "A coat"}
	_, err = docs.Admit(t.Context(), []models.Admission{{Post: post, Run: models.NewRun(post.ID, "quality", "v1", models.Normal, o.now, time.Minute)}})
	if err != nil {
		t.Fatal(err)
	}
	o.desk = labeling.NewDesk(docs, o, o, func() time.Time { return o.now }, nil)
	return o
}

// Wake implements labeling.Waker as the runner does.
func (o *office) Wake(ctx context.Context, post, profile, reason string) (bool, error) {
	if o.wakeErr != nil {
		return false, o.wakeErr
	}
	_, run, err := o.docs.Load(ctx, post, profile)
	if errors.Is(err, models.ErrNotFound) || (err == nil && run.State != models.Parked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o.wakes = append(o.wakes, reason)
	return true, o.docs.Move(ctx, run.Wake(reason, o.now, time.Minute))
}

// Update implements labeling.Posts.
func (o *office) Update(ctx context.Context, post string, c models.Change) (models.Post, error) {
	if hook := o.onUpdate; hook != nil {
		o.onUpdate = nil
		hook()
	}
	return o.docs.Update(ctx, post, c)
}

// park lets the run wait for people.
func (o *office) park() {
	o.t.Helper()
	_, run, err := o.docs.Load(o.t.Context(), "sim.p1", "quality")
	if err == nil {
		err = o.docs.Move(o.t.Context(), run.Park(time.Time{}, "asks", o.now))
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// put stores an item about the color of the post.
func (o *office) put(alter func(it *models.Item)) models.Item {
	o.t.Helper()
	it := models.Item{
		ID: "i1", Rev: 1, Post: "sim.p1", Profile: "quality", Taxonomy: "t1", State: models.ItemOpen, Wanted: 1, Rule: true, Parking: true,
		Questions: []models.Question{{Attribute: "color", Options: []string{"red", "navy"}}}, OpenedAt: o.now,
	}
	if alter != nil {
		alter(&it)
	}
	if err := o.docs.PutItem(o.t.Context(), it); err != nil {
		o.t.Fatal(err)
	}
	return it
}

func (o *office) item() models.Item {
	o.t.Helper()
	it, err := o.docs.Item(o.t.Context(), "i1")
	if err != nil {
		o.t.Fatal(err)
	}
	return it
}

func (o *office) labels() map[string]string {
	o.t.Helper()
	post, _, err := o.docs.Post(o.t.Context(), "sim.p1")
	if err != nil {
		o.t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range post.Labels {
		got[l.Attribute] = strings.Join(l.Values, ",")
	}
	return got
}

// answer hands in a color.
func (o *office) answer(by, color string) error {
	_, err := o.desk.Answer(o.t.Context(), "i1", models.Answer{By: by, Values: map[string][]string{"color": {color}}})
	return err
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func TestOpenListsWhatWantsAnswers(t *testing.T) {
	o := newOffice(t)
	for i, c := range []struct {
		id       string
		state    models.ItemState
		profile  string
		priority float64
		answered bool
	}{
		{"low", models.ItemOpen, "quality", 0.1, false},
		{"high", models.ItemOpen, "quality", 0.9, false},
		{"escalated", models.ItemEscalated, "quality", 10.5, false},
		{"closed", models.ItemClosed, "quality", 20, false},
		{"expired", models.ItemExpired, "quality", 20, false},
		{"withdrawn", models.ItemWithdrawn, "quality", 20, false},
		{"settled", models.ItemOpen, "quality", 20, true}, // its run was overtaken
		{"other", models.ItemOpen, "luxury", 0.5, false},
	} {
		o.put(func(it *models.Item) {
			it.ID, it.State, it.Profile, it.Priority, it.OpenedAt = c.id, c.state, c.profile, c.priority, o.now.Add(time.Duration(i))
			if c.answered {
				it.Answers = []models.Answer{{By: "ana", Values: map[string][]string{"color": {"red"}}}}
			}
		})
	}
	for _, c := range []struct {
		profile string
		limit   int
		want    string
	}{{"", 0, "escalated high other low"}, {"quality", 0, "escalated high low"}, {"luxury", 9, "other"}, {"quality", 2, "escalated"}} {
		items, err := o.desk.Open(t.Context(), c.profile, c.limit)
		o.must(err)
		var ids []string
		for _, it := range items {
			ids = append(ids, it.ID)
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("open for %q, at most %d: %s, want %s", c.profile, c.limit, got, c.want)
		}
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) {
		it.Questions = append(it.Questions, models.Question{Attribute: "brand"})
	})
	o.put(func(it *models.Item) { it.ID, it.State = "gone", models.ItemWithdrawn })
	color := func(values ...string) map[string][]string {
		return map[string][]string{"color": values, "brand": {"Acme"}}
	}
	for _, c := range []struct {
		name, item string
		answer     models.Answer
		want       string
	}{
		{"no name", "i1", models.Answer{By: " ", Values: color("red")}, "needs the name"},
		{"unknown item", "i9", models.Answer{By: "ana", Values: color("red")}, "item i9: "},
		{"withdrawn", "gone", models.Answer{By: "ana", Values: color("red")}, "its post was deleted"},
		{"half an answer", "i1", models.Answer{By: "ana", Values: map[string][]string{"color": {"red"}}}, `also asks for "brand"`},
		{"no choice", "i1", models.Answer{By: "ana", Values: color("pink")}, `"pink" is no value of "color"; allowed: red, navy`},
		{"not asked", "i1", models.Answer{By: "ana", Values: map[string][]string{"color": nil, "brand": nil, "size": {"L"}}}, `does not ask for "size"; it asks for: color, brand`},
	} {
		_, err := o.desk.Answer(t.Context(), c.item, c.answer)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
	if _, err := o.desk.Answer(t.Context(), "i9", models.Answer{By: "ana"}); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("unknown item: %v", err)
	}
	if it := o.item(); len(it.Answers) != 0 || it.Rev != 1 {
		t.Errorf("refused answers left %+v, rev %d", it.Answers, it.Rev)
	}
	_, err := o.desk.Answer(t.Context(), "i1", models.Answer{By: "ana", Values: map[string][]string{"color": {}, "brand": {"anything at all"}}})
	o.must(err)
}

func TestAnswerWakesTheRun(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	o.park()
	o.now = o.now.Add(time.Hour)
	it, err := o.desk.Answer(t.Context(), "i1", models.Answer{By: "ana", At: time.Unix(1, 0), Values: map[string][]string{"color": {"red"}}})
	o.must(err)
	if len(it.Answers) != 1 || !it.Answers[0].At.Equal(o.now) || it.Rev != 2 {
		t.Errorf("answers %+v, rev %d; the desk's clock counts", it.Answers, it.Rev)
	}
	if diff := cmp.Diff([]string{"answered by ana"}, o.wakes); diff != "" {
		t.Errorf("wakes (-want +got):\n%s", diff)
	}
	if got := o.labels(); len(got) != 0 {
		t.Errorf("labels %v; they are the label step's to save", got)
	}
	if got := o.item(); got.State != models.ItemOpen {
		t.Errorf("item %s; it is the label step's to close", got.State)
	}
}

func TestOnlyEnoughAnswersWake(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Wanted = 2 })
	o.park()
	o.must(o.answer("ana", "red"))
	o.must(o.answer("ana", "navy"))
	_, err := o.desk.Answer(t.Context(), "i1", models.Answer{By: "bea", Skip: "too dark"})
	o.must(err)
	if len(o.wakes) != 0 {
		t.Fatalf("woken by %v", o.wakes)
	}
	if it := o.item(); len(it.Answers) != 2 || it.Answers[0].Values["color"][0] != "navy" || it.Answers[1].Skip == "" {
		t.Fatalf("answers %+v", it.Answers)
	}
	o.must(o.answer("cleo", "red")) // they disagree: the label step asks for one more
	if len(o.wakes) != 1 || o.wakes[0] != "answered by cleo" {
		t.Fatalf("wakes %v", o.wakes)
	}
}

func TestAnswerIsSafeBeforeTheWake(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	o.park()
	crashed := false
	o.desk = labeling.NewDesk(o.docs, o, o, func() time.Time { return o.now }, func(name string) {
		crashed = name == "answer.saved" && len(o.item().Answers) == 1 && len(o.wakes) == 0
	})
	o.wakeErr = models.Faultf(models.Unavailable, "queue: away")
	if err := o.answer("ana", "red"); !errors.Is(err, o.wakeErr) {
		t.Fatalf("error %v, want the waker's", err)
	}
	if !crashed {
		t.Error("at answer.saved the answer was not saved, or the run was woken")
	}
	items, err := o.docs.Answered(t.Context(), 9)
	o.must(err)
	if len(items) != 1 || items[0].ID != "i1" {
		t.Errorf("the sweep finds %v, want the item whose waker failed", items)
	}
}

func TestAnswersAtTheSameTime(t *testing.T) {
	o := newOffice(t)
	const people = 12
	o.put(func(it *models.Item) { it.Wanted = people + 1 })
	var wg sync.WaitGroup
	errs := make(chan error, people)
	for i := range people {
		wg.Go(func() { errs <- o.answer(fmt.Sprintf("labeler %d", i), "red") })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		o.must(err)
	}
	if it := o.item(); len(it.Answers) != people || it.Rev != people+1 {
		t.Errorf("%d answers at rev %d, want all %d", len(it.Answers), it.Rev, people)
	}
}

func TestLateAnswerGoesToThePost(t *testing.T) {
	for _, state := range []models.ItemState{models.ItemExpired, models.ItemOpen} { // given up, or a sample
		t.Run(string(state), func(t *testing.T) {
			o := newOffice(t)
			o.put(func(it *models.Item) { it.State, it.Parking = state, false })
			o.must(o.answer("ana", "red"))
			if it := o.item(); it.State != models.ItemClosed || len(o.wakes) != 0 {
				t.Errorf("item %s, wakes %v", it.State, o.wakes)
			}
			if got := o.labels()["color"]; got != "red" {
				t.Errorf("color %q", got)
			}
			dirty, err := o.docs.Dirty(t.Context(), 9)
			o.must(err)
			if len(dirty) != 1 {
				t.Errorf("%d posts to project again, want 1", len(dirty))
			}
			o.now = o.now.Add(time.Hour)
			o.must(o.answer("ana", "navy")) // she thinks again
			if got := o.labels()["color"]; got != "navy" || o.item().State != models.ItemClosed {
				t.Errorf("color %q, item %s", got, o.item().State)
			}
		})
	}
}

func TestAnswerWhileTheRunIsParking(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	o.must(o.answer("ana", "red"))
	if it := o.item(); it.State != models.ItemOpen {
		t.Fatalf("item %s; then nothing would wake the run that parks now", it.State)
	}
	o.park()
	items, err := o.docs.Answered(t.Context(), 9)
	o.must(err)
	if len(items) != 1 {
		t.Errorf("the sweep finds %d items, want 1", len(items))
	}
	if got := o.labels()["color"]; got != "red" {
		t.Errorf("color %q", got)
	}
	n, err := o.desk.Sweep(t.Context())
	o.must(err)
	_, run, err := o.docs.Load(t.Context(), items[0].Post, items[0].Profile)
	o.must(err)
	if n != 1 || run.State != models.Queued {
		t.Errorf("swept %d, the run is %s", n, run.State)
	}
}

func TestAnswerAboutAPostThatIsGone(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Post, it.Parking = "sim.purged", false })
	o.must(o.answer("ana", "red"))
	if it := o.item(); len(it.Answers) != 1 || it.State != models.ItemClosed {
		t.Errorf("item %s, answers %+v; the item keeps the answer, and asks nobody else", it.State, it.Answers)
	}
}

func TestTwoLateAnswersCloseTheItemOnce(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.State, it.Parking = models.ItemExpired, false })
	o.onUpdate = func() {
		o.must(o.answer("bea", "red")) // between ana's answer and its settling
	}
	o.must(o.answer("ana", "red"))
	if it := o.item(); it.State != models.ItemClosed || len(it.Answers) != 2 {
		t.Errorf("item %s with %d answers", it.State, len(it.Answers))
	}
	if got := o.labels()["color"]; got != "red" {
		t.Errorf("color %q", got)
	}
}

func TestStoreErrorsComeBack(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.State, it.Parking = models.ItemExpired, false })
	o.wakeErr = nil
	broken := labeling.NewDesk(o.docs, failing{}, o, func() time.Time { return o.now }, nil)
	_, err := broken.Answer(t.Context(), "i1", models.Answer{By: "ana", Values: map[string][]string{"color": {"red"}}})
	if models.ClassOf(err) != models.Unavailable || !strings.HasPrefix(err.Error(), "labeling: labels of sim.p1: ") {
		t.Errorf("error %v", err)
	}
	if it := o.item(); len(it.Answers) != 1 || it.State != models.ItemExpired {
		t.Errorf("item %s, answers %+v; a second try has to find it as it was", it.State, it.Answers)
	}
	o.must(o.answer("ana", "red"))
	if o.item().State != models.ItemClosed {
		t.Error("the second try did not close the item")
	}
}

// failing is a post store that is away.
type failing struct{}

func (failing) Update(context.Context, string, models.Change) (models.Post, error) {
	return models.Post{}, models.Faultf(models.Unavailable, "documents: away")
}
