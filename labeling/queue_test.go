package labeling_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/labeling"
	"weft/models"
)

const lease = 5 * time.Minute

// queue hands out the office's items; tests of people come as chance says.
func (o *office) queue(gold, chance float64) *labeling.Queue {
	return labeling.NewQueue(labeling.QueueParams{
		Desk: o.desk, Claims: o.docs, Leases: o.docs, Outlook: o.docs, Lease: lease,
		Gold: gold, Chance: func() float64 { return chance }, Now: func() time.Time { return o.now },
	})
}

func ask(name string) models.Asker     { return models.Asker{Name: name} }
func analyst(name string) models.Asker { return models.Asker{Name: name, Reviews: true} }
func color(v string) models.Answer {
	return models.Answer{Values: map[string][]string{"color": {v}}}
}

// next claims one item for somebody; there may be none.
func (o *office) next(q *labeling.Queue, who models.Asker) (models.Claimed, bool) {
	o.t.Helper()
	got, _, err := q.Claim(o.t.Context(), who, "quality", 1)
	o.must(err)
	if len(got) == 0 {
		return models.Claimed{}, false
	}
	return got[0], true
}

func TestAnswerUnderAClaim(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	o.park()
	q := o.queue(0, 0)
	c, _ := o.next(q, ask("ann"))
	claimed := o.now
	o.now = o.now.Add(20 * time.Second)
	a := color("navy")
	a.ActiveMS = 9000
	it, err := q.Answer(t.Context(), ask("ann"), "i1", 0, c.Claim.Token, a)
	o.must(err)
	got := it.Answers[0]
	if got.By != "ann" || !got.ClaimedAt.Equal(claimed) || got.At.Sub(got.ClaimedAt) != 20*time.Second || got.ActiveMS != 9000 || got.Final || got.Check {
		t.Errorf("answer %+v", got)
	}
	if len(o.wakes) != 1 {
		t.Errorf("wakes %v", o.wakes)
	}
	held, err := q.Held(t.Context(), ask("ann"))
	o.must(err)
	if len(held) != 0 {
		t.Errorf("held after the answer: %+v", held)
	}
}

// A claim that ran out costs nothing while nobody else has the item. If somebody
// has, the answer becomes a draft.
func TestAnswerAfterTheClaim(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	q := o.queue(0, 0)
	anns, _ := o.next(q, ask("ann"))
	o.now = o.now.Add(lease)
	bobs, ok := o.next(q, ask("bob"))
	if !ok {
		t.Fatal("bob got nothing")
	}
	o.now = o.now.Add(time.Second)
	if _, err := q.Answer(t.Context(), ask("ann"), "i1", 0, anns.Claim.Token, color("red")); !errors.Is(err, labeling.ErrLost) {
		t.Fatalf("late answer: %v, want it refused", err)
	}
	if got := o.item(); len(got.Answers) != 0 {
		t.Errorf("answers %+v", got.Answers)
	}
	o.must(q.Release(t.Context(), "bob", []string{bobs.Claim.Token}))
	c, err := q.Take(t.Context(), ask("ann"), "i1")
	o.must(err)
	if c.Draft == nil || cmp.Diff(map[string][]string{"color": {"red"}}, c.Draft.Values) != "" {
		t.Fatalf("draft %+v, want what ann said too late", c.Draft)
	}
	o.now = o.now.Add(2 * lease)
	it, err := q.Answer(t.Context(), ask("ann"), "i1", 0, c.Claim.Token, color("red"))
	o.must(err)
	if got := it.Answers[0]; !got.ClaimedAt.IsZero() {
		t.Errorf("answer %+v, want no time of a claim that was over", got)
	}
}

func TestDraftsSayWhetherTheClaimLives(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	q := o.queue(0, 0)
	c, _ := o.next(q, ask("ann"))
	d := models.Draft{Item: "i1", By: "ann", Skip: "not sure"}
	_, held, err := q.SaveDraft(t.Context(), c.Claim.Token, d)
	o.must(err)
	if !held {
		t.Error("the claim lives, but the draft says otherwise")
	}
	for _, token := range []string{"", "i2.abc", c.Claim.Token + "x"} {
		if _, held, err = q.SaveDraft(t.Context(), token, d); err != nil || held {
			t.Errorf("token %q: held %v, %v", token, held, err)
		}
	}
	it := o.item()
	it.Rev++
	it.State = models.ItemWithdrawn
	o.must(o.docs.PutItem(t.Context(), it))
	if _, _, err := q.SaveDraft(t.Context(), c.Claim.Token, d); !errors.Is(err, labeling.ErrWithdrawn) {
		t.Errorf("draft of a withdrawn item: %v", err)
	}
	if _, err := q.Take(t.Context(), ask("ann"), "i1"); !errors.Is(err, labeling.ErrWithdrawn) {
		t.Errorf("claim of a withdrawn item: %v", err)
	}
}

// Gold items come by chance, look like others, and change nothing once settled.
func TestGold(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	o.now = o.now.Add(time.Second)
	o.must(o.answer("ann", "red"))
	if _, err := o.desk.SetGold(t.Context(), "i1", models.Gold{Values: map[string][]string{"color": {"pink"}}, By: "ida"}); !errors.Is(err, labeling.ErrMisfit) {
		t.Errorf("gold that is no choice: %v", err)
	}
	gold, err := o.desk.SetGold(t.Context(), "i1", models.Gold{Values: map[string][]string{"color": {"navy"}}, By: "ida"})
	o.must(err)
	if gold.Gold == nil || gold.Gold.By != "ida" || gold.Gold.At.IsZero() {
		t.Errorf("gold %+v", gold.Gold)
	}
	if _, ok := o.next(o.queue(0.05, 0.05), ask("bob")); ok {
		t.Error("a test came against the odds")
	}
	often := o.queue(0.05, 0.049)
	c, ok := o.next(often, ask("bob"))
	if !ok || c.Item.ID != "i1" {
		t.Fatalf("bob's %+v, %v", c, ok)
	}
	if _, ok := o.next(often, ask("ann")); ok {
		t.Error("ann is tested by her own answer")
	}
	before := o.labels()
	o.onUpdate = func() { t.Error("a check wrote the post") }
	o.now = o.now.Add(time.Second)
	it, err := often.Answer(t.Context(), ask("bob"), "i1", 0, c.Claim.Token, color("navy"))
	o.must(err)
	if verdict, labels := it.Judge(); verdict != models.Settled || labels[0].Values[0] != "red" || !it.Answers[1].Check {
		t.Errorf("after bob's word: %v %v %+v", verdict, labels, it.Answers)
	}
	o.onUpdate = nil
	if d := cmp.Diff(before, o.labels()); d != "" {
		t.Errorf("labels changed: %s", d)
	}
	if _, ok := o.next(often, ask("bob")); ok {
		t.Error("bob is tested twice by the same item")
	}
	// ann changes her mind on what became gold: her word no longer counts
	it, err = often.Answer(t.Context(), ask("ann"), "i1", 0, "", color("navy"))
	o.must(err)
	if _, labels := it.Judge(); labels[0].Values[0] != "red" || len(it.Answers) != 3 {
		t.Errorf("after ann's second thought: %v %+v", labels, it.Answers)
	}
}

// Where people disagree, an analyst's word decides, at once and for good.
func TestAdjudication(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Wanted = 2; it.Parking = false })
	o.must(o.answer("ann", "red"))
	o.must(o.answer("bob", "navy"))
	contested, err := o.desk.Contested(t.Context(), "quality", nil, 10)
	o.must(err)
	if len(contested) != 1 || contested[0].ID != "i1" {
		t.Fatalf("contested %+v", contested)
	}
	q := o.queue(0, 0)
	c, err := q.Take(t.Context(), analyst("ida"), "i1")
	o.must(err)
	o.now = o.now.Add(time.Second)
	it, err := q.Answer(t.Context(), analyst("ida"), "i1", 0, c.Claim.Token, color("navy"))
	o.must(err)
	verdict, labels := it.Judge()
	if verdict != models.Settled || labels[0].Values[0] != "navy" || len(labels[0].By) != 1 || labels[0].By[0] != "ida" {
		t.Errorf("%v %+v", verdict, labels)
	}
	if o.labels()["color"] != "navy" || o.item().State != models.ItemClosed {
		t.Errorf("labels %v, item %s", o.labels(), o.item().State)
	}
	o.now = o.now.Add(time.Second)
	o.must(o.answer("carl", "red")) // too late to change it
	if o.labels()["color"] != "navy" {
		t.Errorf("labels %v after a late answer", o.labels())
	}
	o.now = o.now.Add(time.Second)
	c, err = q.Take(t.Context(), analyst("ida"), "i1") // she may undo it
	o.must(err)
	o.now = o.now.Add(time.Second)
	_, err = q.Answer(t.Context(), analyst("ida"), "i1", 0, c.Claim.Token, color("red"))
	o.must(err)
	if o.labels()["color"] != "red" {
		t.Errorf("labels %v after the undo", o.labels())
	}
	if contested, err = o.desk.Contested(t.Context(), "", nil, 10); err != nil || len(contested) != 0 {
		t.Errorf("contested %+v, %v", contested, err)
	}
}

// An analyst who answers like everybody else has no final word.
func TestAnalystAmongOthers(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Wanted = 2; it.Parking = false })
	_, err := o.desk.AnswerAs(t.Context(), analyst("ida"), "i1", 0, color("red"))
	o.must(err)
	it := o.item()
	if it.Answers[0].Final {
		t.Errorf("answers %+v", it.Answers)
	}
	if verdict, _ := it.Judge(); verdict != models.Unsettled {
		t.Errorf("verdict %s after one of two", verdict)
	}
}

func TestSkips(t *testing.T) {
	o := newOffice(t)
	o.put(nil)
	q := o.queue(0, 0)
	skip := models.Answer{Skip: "bad image"}
	for i, name := range []string{"ann", "bob"} {
		c, ok := o.next(q, ask(name))
		if !ok {
			t.Fatalf("%s got nothing", name)
		}
		o.now = o.now.Add(time.Second)
		it, err := q.Answer(t.Context(), ask(name), "i1", 0, c.Claim.Token, skip)
		o.must(err)
		if want := []models.ItemState{models.ItemOpen, models.ItemEscalated}[i]; it.State != want {
			t.Errorf("after %s: %s, want %s", name, it.State, want)
		}
	}
	if _, ok := o.next(q, ask("carl")); ok {
		t.Error("carl got what two had skipped")
	}
	c, ok := o.next(q, analyst("ida"))
	if !ok {
		t.Fatal("the analyst got nothing")
	}
	o.now = o.now.Add(time.Second)
	it, err := q.Answer(t.Context(), analyst("ida"), "i1", 0, c.Claim.Token, color("red"))
	o.must(err)
	if verdict, _ := it.Judge(); verdict != models.Settled {
		t.Errorf("verdict %s", verdict)
	}
}

func TestSingleValues(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Questions[0].Single = true })
	_, err := o.desk.Answer(t.Context(), "i1", models.Answer{By: "ann", Values: map[string][]string{"color": {"red", "navy"}}})
	if !errors.Is(err, labeling.ErrMisfit) {
		t.Errorf("two values where one is wanted: %v", err)
	}
}

// TestOwnWords: what people write themselves is kept composed, and without blanks
// around it or line breaks in it; so the same words are the same value.
func TestOwnWords(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) {
		it.Questions = append(it.Questions, models.Question{Attribute: "note", Kind: models.KindText, Single: true}, models.Question{Attribute: "brand"})
	})
	values := map[string][]string{"color": {"red"}, "note": {" cafe\u0301\n au\tlait "}, "brand": {"  ", "Acme "}}
	it, err := o.desk.Answer(t.Context(), "i1", models.Answer{By: "ann", Values: values})
	o.must(err)
	want := map[string][]string{"color": {"red"}, "note": {"café au lait"}, "brand": {"Acme"}}
	if diff := cmp.Diff(want, it.Answers[0].Values); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	_, err = o.desk.SetGold(t.Context(), "i1", models.Gold{Values: map[string][]string{"color": {"red"}, "note": {"cafe\u0301 au lait"}, "brand": {"Acme"}}, By: "ida"})
	o.must(err)
	if diff := cmp.Diff(want, o.item().Gold.Values); diff != "" {
		t.Errorf("gold (-want +got)\n%s", diff)
	}
}

// TestBoxes: they are in the item, and in the label on the post; a right answer
// is of values only.
func TestBoxes(t *testing.T) {
	o := newOffice(t)
	o.put(func(it *models.Item) { it.Questions[0].Kind = models.KindBox })
	boxes := map[string][]models.Spot{"color": {{Value: "red", Image: strings.Repeat("ab", 32), Box: models.Box{X: .1, Y: .2, W: .3, H: .4}}}}
	answer := models.Answer{By: "ann", Values: map[string][]string{"color": {"red"}}}
	if _, err := o.desk.Answer(t.Context(), "i1", answer); !errors.Is(err, labeling.ErrMisfit) {
		t.Errorf("without a box: %v", err)
	}
	_, err := o.desk.SetGold(t.Context(), "i1", models.Gold{Values: answer.Values, By: "ida"})
	o.must(err)
	answer.Boxes = boxes
	_, err = o.desk.Answer(t.Context(), "i1", answer)
	o.must(err)
	if diff := cmp.Diff(boxes, o.item().Answers[0].Boxes); diff != "" {
		t.Errorf("the item's (-want +got)\n%s", diff)
	}
	post, _, err := o.docs.Post(t.Context(), "sim.p1")
	o.must(err)
	if len(post.Labels) != 1 || cmp.Diff(boxes["color"], post.Labels[0].Boxes) != "" {
		t.Errorf("the post's labels %+v", post.Labels)
	}
}
