package tasks_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weft/models"
)

// TestWhateverHappens plays random events on random profiles: every run ends,
// none goes round in circles, and the books add up at any moment (see
// invariants and settles).
func TestWhateverHappens(t *testing.T) {
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		if testing.Short() && checks > 20 {
			return
		}
		dir, err := os.MkdirTemp(t.TempDir(), "world") //nolint:usetesting // a folder for each check; rapid's T makes none
		if err != nil {
			rt.Fatalf("%v", err)
		}
		s := &scenario{Profiles: map[string]string{}, Posts: map[string]*postSpec{}}
		for _, name := range []string{"a", "b"}[:rapid.IntRange(1, 2).Draw(rt, "profiles")] {
			s.Profiles[name] = drawProfile(rt)
		}
		for _, name := range []string{"p", "q"}[:rapid.IntRange(1, 2).Draw(rt, "posts")] {
			s.Posts[name] = &postSpec{Text: "first", Images: drawImages(rt), Says: drawSays(rt), Cost: map[string]float64{"heavy": 2}}
		}
		r := &apartReporter{T: rt}
		w := newWorld(r, embedded(r, dir), s)
		r.w = w
		defer w.close()
		c := chance{w, rt, map[string]map[string]bool{}}
		for range rapid.IntRange(1, 14).Draw(rt, "events") {
			c.event()
			if rapid.Bool().Draw(rt, "drain") {
				w.drain()
			}
			w.invariants()
		}
		c.end()
	})
}

// apartReporter lets a property fail from a goroutine that is not the
// property's own, where rapid's panic would end the program.
type apartReporter struct {
	*rapid.T
	w       *world
	problem string
}

func (r *apartReporter) Fatalf(format string, args ...any) {
	if r.w == nil || r.w.depth == 0 {
		r.T.Fatalf(format, args...)
	}
	r.problem = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *apartReporter) Failed() bool { return r.problem != "" }

func (r *apartReporter) FailNow() {
	if r.w.depth > 0 {
		runtime.Goexit()
	}
	r.T.Fatalf("%s", r.problem)
}

func drawProfile(t *rapid.T) string {
	condition := rapid.SampledFrom([]string{
		"true", "false", `confidence("category") < 0.7`, `confidence("color") >= 0.5`, `has("category")`, "images > 1",
		`not labeled("category") and likes < 100`, `value("category") == "coat"`, `text contains "e"`,
	})
	var b strings.Builder
	fmt.Fprintf(&b, "fetch: {images: {max: %d}}\n", rapid.IntRange(1, 3).Draw(t, "max"))
	b.WriteString("analyze-light: {models: [garment-s, color]}\n")
	if rapid.Bool().Draw(t, "heavy") {
		fmt.Fprintf(&b, "analyze-heavy: {when: '%s', models: [garment-l], budget: {per_1000_posts: 5s}}\n", condition.Draw(t, "when heavy"))
	}
	if rapid.Bool().Draw(t, "label") {
		fmt.Fprintf(&b, "label: {when: '%s', sample: %v, answers: %d, attributes: [category], timeout: {after: 48h, then: %s}}\n",
			condition.Draw(t, "when label"), rapid.SampledFrom([]float64{0, 1}).Draw(t, "sample"), rapid.IntRange(1, 2).Draw(t, "answers"),
			rapid.SampledFrom([]string{"escalate", "drop", "index"}).Draw(t, "then"))
	}
	fmt.Fprintf(&b, "index: {when: '%s', retention: 7d}\n", rapid.OneOf(rapid.Just("true"), condition).Draw(t, "when index"))
	return b.String()
}

func drawImages(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"good", "good", "good", "broken", "gone", "unread"}), 0, 3).Draw(t, "images")
}

func drawSays(t *rapid.T) says {
	out := says{}
	for _, tier := range []string{"light", "heavy"} {
		out[tier] = map[string]any{}
		for _, key := range []string{"category", "category@1", "category@2", "color"} {
			if rapid.Bool().Draw(t, "says "+key) {
				out[tier][key] = []any{choices{}.Options(strings.Split(key, "@")[0])[rapid.IntRange(0, 2).Draw(t, "value")], rapid.Float64Range(0, 1).Draw(t, "confidence")}
			}
		}
	}
	return out
}

// chance makes a world's events.
type chance struct {
	w     *world
	t     *rapid.T
	given map[string]map[string]bool // who answered, by item
}

// hand hands in an answer and remembers it, if it was taken; even when whoever
// takes it dies.
func (c chance) hand(item string, a models.Answer) {
	defer func() {
		it, _ := c.w.docs.Item(c.w.ctx, item)
		if slices.ContainsFunc(it.Answers, func(b models.Answer) bool { return b.By == a.By }) {
			if c.given[item] == nil {
				c.given[item] = map[string]bool{}
			}
			c.given[item][a.By] = true
		}
	}()
	if _, err := c.w.desk.Answer(c.w.ctx, item, a); err != nil {
		c.w.t.Logf("not answered: %v", err)
	}
}

func (c chance) post() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(c.w.posts))).Draw(c.t, "post")
}

func (c chance) profile() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(c.w.profiles))).Draw(c.t, "profile")
}

func (c chance) event() {
	w, t := c.w, c.t
	switch what := rapid.SampledFrom([]string{
		"import", "import", "edit", "says", "profile", "answer", "answer", "advance", "reanalyze", "replay",
		"fault", "fault", "lose", "late", "meanwhile", "archive", "purge", "project", "forget",
	}).Draw(t, "event"); what {
	case "import":
		w.imports(&importEvent{})
	case "edit":
		spec := w.posts[c.post()]
		spec.Text = rapid.SampledFrom([]string{"first", "second", "third"}).Draw(t, "text")
		spec.Likes = rapid.Int64Range(0, 200).Draw(t, "likes")
		w.imports(&importEvent{})
	case "says":
		w.posts[c.post()].Says = drawSays(t)
	case "profile":
		w.enforce(c.profile(), drawProfile(t))
	case "answer":
		c.answer(c.post(), c.profile(), rapid.SampledFrom([]string{"ana", "bea", "cleo"}).Draw(t, "by"))
	case "advance":
		w.advance(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour)
	case "reanalyze":
		w.reanalyze(&chooseEvent{Profile: c.profile()})
	case "replay":
		c.replay()
	case "fault":
		c.fault()
	case "lose":
		if n := len(w.queue.entries); n > 0 {
			w.queue.ack(w.queue.entries[rapid.IntRange(0, n-1).Draw(t, "task")])
		}
	case "late":
		c.late()
	case "meanwhile":
		step := rapid.SampledFrom(models.Steps()).Draw(t, "step")
		post, profile := c.post(), c.profile()
		w.between[step] = []event{rapid.SampledFrom([]event{
			{Reanalyze: &chooseEvent{Profile: profile}}, {Forget: post}, {Project: true}, {Import: &importEvent{}}, {Archive: true}, {Purge: true},
		}).Draw(t, "what")}
		if w.between[step][0].Forget != "" && !c.there(post) {
			delete(w.between, step)
		}
	case "archive":
		w.archive()
	case "purge":
		w.purge()
	case "project":
		w.projects()
	case "forget":
		if post := c.post(); c.there(post) {
			w.happen(&event{Forget: post})
		}
	}
}

func (c chance) there(post string) bool {
	_, _, err := c.w.docs.Post(c.w.ctx, id(post))
	return err == nil
}

func (c chance) answer(post, profile, by string) {
	w := c.w
	a := models.Answer{By: by, Values: map[string][]string{"category": {choices{}.Options("category")[rapid.IntRange(0, 2).Draw(c.t, "choice")]}}}
	if rapid.IntRange(0, 4).Draw(c.t, "skip") == 0 {
		a = models.Answer{By: by, Skip: "dark"}
	}
	w.apart(func() { c.hand(models.ItemID(id(post), profile, choices{}.Taxonomy()), a) })
}

func (c chance) replay() {
	for _, state := range []models.State{models.Failed, models.Dropped} {
		runs, err := c.w.docs.Runs(c.w.ctx, models.RunFilter{State: state})
		c.w.must(err)
		for _, run := range runs {
			m := run.Replay(run.Step, "replayed by hand", c.w.now, horizon)
			if err := c.w.docs.Move(c.w.ctx, m); err == nil { // not of a deleted post
				c.w.enqueue(m.Run)
			}
		}
	}
}

func (c chance) fault() {
	var places []string
	for _, s := range models.Steps() {
		places = append(places, string(s))
	}
	class := rapid.SampledFrom([]string{"unavailable", "retryable", "permanent", "panic", deathClass}).Draw(c.t, "class")
	at := rapid.SampledFrom(places).Draw(c.t, "step")
	if class == deathClass && rapid.Bool().Draw(c.t, "in a gap") {
		at = rapid.SampledFrom([]string{"run.loaded", "step.done", "move.saved", "task.enqueued", "attempt.recorded", "item.opened", "answer.saved", "wake.saved", "projected"}).Draw(c.t, "gap")
	} else if class == "unavailable" {
		at = rapid.SampledFrom(append(places, "search", "books.load", "books.move", "queue")).Draw(c.t, "place")
	}
	c.w.arm(fault{At: at, Class: class, Times: rapid.IntRange(1, 6).Draw(c.t, "times")})
}

// late delivers a task that is over, or is in the queue already.
func (c chance) late() {
	_, run, err := c.w.docs.Load(c.w.ctx, id(c.post()), c.profile())
	if err != nil {
		return
	}
	task := run.Task()
	task.Seq = max(1, task.Seq-rapid.Int64Range(0, 3).Draw(c.t, "late by"))
	_, _ = c.w.deliver(task, 0)
}

// end lets everything heal, answers what is asked, and wants every run to end.
func (c chance) end() {
	w := c.w
	w.faults = nil
	clear(w.between)
	for round := range 12 {
		w.advance(3 * horizon)
		items, err := w.desk.Open(w.ctx, "", 0)
		w.must(err)
		for _, it := range items {
			c.hand(it.ID, models.Answer{By: fmt.Sprintf("judge %d", round), Values: map[string][]string{"category": {"dress"}}})
		}
		w.advance(3 * horizon)
	}
	counts, err := w.docs.Counts(w.ctx)
	w.must(err)
	for _, n := range counts {
		if !n.State.Ended() {
			runs, _ := w.docs.Runs(w.ctx, models.RunFilter{State: n.State})
			w.t.Fatalf("never ends: %s, due %s: %s", &runs[0], runs[0].Due, runs[0].Reason)
		}
	}
	items, err := w.desk.Open(w.ctx, "", 0)
	w.must(err)
	if len(items) > 0 {
		w.t.Fatalf("%d items still want answers: %+v", len(items), items[0])
	}
	c.labelled()
	w.settles()
}

// labelled looks whether every answer is kept, and every settled one on its post.
func (c chance) labelled() {
	w := c.w
	for item, people := range c.given {
		it, err := w.docs.Item(w.ctx, item)
		if errors.Is(err, models.ErrNotFound) {
			continue // purged with its post
		}
		w.must(err)
		if it.State == models.ItemWithdrawn {
			continue // its post was forgotten, and what people said of it
		}
		if len(it.Answers) != len(people) {
			w.t.Fatalf("item of %s has %d answers, but %v answered", it.Post, len(it.Answers), people)
		}
		post, _, err := w.docs.Post(w.ctx, it.Post)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		w.must(err)
		verdict, _ := it.Judge()
		if verdict == models.Settled && post.Tombstone == nil && len(post.Labels) == 0 {
			w.t.Fatalf("item of %s/%s is settled (%s), and the post has no label", it.Post, it.Profile, it.State)
		}
	}
}
