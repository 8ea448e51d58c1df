package tasks_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/storage/history"
)

// run plays a scenario. Everything that must hold at any time is looked at
// after every event.
func (w *world) run(s *scenario) {
	w.t.Helper()
	for i := range s.Events {
		e := &s.Events[i]
		w.happen(e)
		if e.drains() {
			w.drain()
		}
		w.invariants()
	}
	if s.Expect != nil {
		w.expect(s.Expect)
	}
	w.settles()
}

// happen lets one event happen.
func (w *world) happen(e *event) {
	w.t.Helper()
	switch {
	case e.Import != nil:
		w.imports(e.Import)
	case e.Edit != nil:
		w.edit(e.Edit, models.Edited)
	case e.Recount != nil:
		w.edit(e.Recount, models.Recount)
	case e.Says != nil:
		w.posts[e.Says.Post].Says = e.Says.Says
	case e.Profile != nil:
		w.enforce(e.Profile.Name, e.Profile.Body)
	case e.Answer != nil:
		w.answer(e.Answer)
	case e.Advance != "":
		d, err := time.ParseDuration(e.Advance)
		w.must(err)
		w.advance(d)
	case e.Reanalyze != nil:
		w.reanalyze(e.Reanalyze)
	case e.Replay != nil:
		w.replay(e.Replay)
	case e.Fault != nil:
		w.arm(*e.Fault)
	case e.LoseTask != nil:
		w.lose(e.LoseTask)
	case e.Deliver != nil:
		w.redeliver(e.Deliver)
	case e.Meanwhile != nil:
		w.between[e.Meanwhile.Step] = e.Meanwhile.Events
	case e.Archive:
		w.archive()
	case e.Purge:
		w.purge()
	case e.Project:
		w.projects()
	case e.Forget != "":
		w.forget(e.Forget, models.Delete)
	case e.Hide != "":
		w.forget(e.Hide, models.Hide)
	case e.Show != "":
		w.forget(e.Show, models.Show)
	case e.Expect != nil:
		w.expect(e.Expect)
	default:
		w.t.Fatalf("an event is empty")
	}
}

// projects makes a pass of the projector; it may die on it, and search may be away.
func (w *world) projects() {
	w.t.Helper()
	w.apart(func() {
		if _, err := w.project.Pass(w.ctx); err != nil {
			w.t.Logf("not projected: %v", err)
		}
	})
}

// imports admits posts and enqueues what an importer would.
func (w *world) forget(name string, act models.Act) {
	w.t.Helper()
	_, err := w.docs.Forget(w.ctx, []models.Deletion{{Source: "sim", NativeID: name, Act: act, By: "author", Reason: "asked for", At: w.now}})
	w.must(err)
}

func (w *world) imports(e *importEvent) {
	w.t.Helper()
	names, profiles := e.Posts, e.Profiles
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(w.posts))
	}
	if len(profiles) == 0 {
		profiles = slices.Sorted(maps.Keys(w.profiles))
	}
	var batch []models.Admission
	for _, name := range names {
		for _, profile := range profiles {
			version := cmp.Or(e.Version, w.profiles[profile].Version)
			post := w.reading(name)
			batch = append(batch, models.Admission{
				Post: post, Run: models.NewRun(post.ID, profile, version, models.Normal, w.now, horizon),
			})
		}
	}
	answers, err := w.docs.Admit(w.ctx, batch)
	w.must(err)
	for i, a := range answers {
		if e.Want != "" && a.Result != e.Want {
			w.t.Fatalf("import of %s for %s: %s, want %s", batch[i].Post.ID, batch[i].Run.Profile, a.Result, e.Want)
		}
		if a.Result == models.Admitted || a.Result == models.Edited {
			w.admitted++
			w.enqueue(a.Run)
		}
	}
}

// enqueue is the importer's; what it can't enqueue is left to the reconciler.
func (w *world) enqueue(run models.Run) {
	if _, err := w.queue.Enqueue(w.ctx, run); err != nil {
		w.t.Logf("not enqueued: %v", err)
	}
}

func (w *world) edit(e *editEvent, want models.AdmissionResult) {
	w.t.Helper()
	spec := w.posts[e.Post]
	if spec == nil {
		w.t.Fatalf("no post is called %q", e.Post)
	}
	if e.Text != "" {
		spec.Text = e.Text
	}
	if e.Images != nil {
		spec.Images = e.Images
	}
	if e.Likes != 0 {
		spec.Likes = e.Likes
	}
	if e.Flags != nil {
		spec.Flags = e.Flags
	}
	if e.Says != nil {
		spec.Says = e.Says
	}
	w.imports(&importEvent{Posts: []string{e.Post}, Profiles: e.Profiles, Want: cmp.Or(e.Want, want)})
}

func (w *world) answer(e *answerEvent) {
	w.t.Helper()
	item := models.ItemID(id(e.Post), e.Profile, choices{}.Taxonomy())
	var err error
	died := true
	w.apart(func() { // whoever takes the answer may die too
		_, err = w.desk.Answer(w.ctx, item, models.Answer{By: e.By, Values: e.Values, Skip: e.Skip})
		died = false
	})
	switch {
	case died:
		w.t.Logf("whoever took the answer of %s died", e.By)
	case e.Refused != "":
		if err == nil || !strings.Contains(err.Error(), e.Refused) {
			w.t.Fatalf("answer of %s: error %v, want one about %q", e.By, err, e.Refused)
		}
	default:
		w.must(err)
	}
}

// chosen returns the stored runs that an event is about.
func (w *world) chosen(e *chooseEvent) []models.Run {
	w.t.Helper()
	runs, err := w.docs.Runs(w.ctx, models.RunFilter{Profile: e.Profile, State: e.State})
	w.must(err)
	if len(e.Posts) == 0 {
		return runs
	}
	return slices.DeleteFunc(runs, func(r models.Run) bool { return !slices.Contains(e.Posts, nameOf(r.Post)) })
}

// reanalyze starts a campaign, as the enqueuer does: purged posts come back
// from history first, and nothing is fetched again.
func (w *world) reanalyze(e *chooseEvent) {
	w.t.Helper()
	for name := range w.posts {
		w.restore(id(name), e.Profile)
	}
	version := w.profiles[e.Profile].Version
	for _, run := range w.chosen(e) {
		m := run.Regenerate(models.AnalyzeLight, version, "c1", models.Bulk, "reanalysis c1", w.now, horizon)
		err := w.docs.Move(w.ctx, m)
		if errors.Is(err, models.ErrNotFound) {
			continue // its post was deleted
		}
		w.must(err)
		w.admitted++
		w.enqueue(m.Run)
	}
}

// restore brings a purged post back if it had a run in the profile, with every
// run that history holds.
func (w *world) restore(post, profile string) {
	w.t.Helper()
	stub, err := w.docs.Stub(w.ctx, post)
	if _, had := stub.Runs[profile]; errors.Is(err, models.ErrNotFound) || !had {
		return
	}
	w.must(err)
	parts, err := w.docs.Parts(w.ctx, models.PartVerified, 0)
	w.must(err)
	found, err := w.parts.Find(w.ctx, parts, []string{post})
	w.must(err)
	newest := map[string]models.Frozen{}
	var body models.Post
	for i := range found {
		var f models.Frozen
		w.must(json.Unmarshal(found[i].Body, &f))
		if f.Run.Seq >= newest[found[i].Profile].Run.Seq {
			newest[found[i].Profile] = f
		}
		if f.Post.Rev > body.Rev {
			body = f.Post
		}
	}
	var runs []models.Run
	for _, f := range newest {
		runs = append(runs, f.Run)
	}
	_, err = w.docs.Restore(w.ctx, body, runs)
	w.must(err)
}

func (w *world) replay(e *chooseEvent) {
	w.t.Helper()
	runs := w.chosen(e)
	if len(runs) == 0 {
		w.t.Fatalf("there is no run to replay")
	}
	for _, run := range runs {
		m := run.Replay(run.Step, "replayed by hand", w.now, horizon)
		w.must(w.docs.Move(w.ctx, m))
		w.enqueue(m.Run)
	}
}

func (w *world) arm(f fault) {
	w.t.Helper()
	if f.For != "" {
		d, err := time.ParseDuration(f.For)
		w.must(err)
		f.until = w.now.Add(d)
	} else {
		f.Times = max(f.Times, 1)
	}
	w.faults = append(w.faults, &f)
}

func (w *world) lose(e *taskEvent) {
	w.t.Helper()
	_, run, err := w.docs.Load(w.ctx, id(e.Post), e.Profile)
	w.must(err)
	at := w.queue.find(run.Task())
	if at < 0 {
		w.t.Fatalf("task of %s is not in the queue", &run)
	}
	w.queue.ack(w.queue.entries[at])
}

func (w *world) redeliver(e *taskEvent) {
	w.t.Helper()
	_, run, err := w.docs.Load(w.ctx, id(e.Post), e.Profile)
	w.must(err)
	task := run.Task()
	if e.Seq != 0 {
		task.Seq = e.Seq
	}
	if e.Seq < 0 {
		task.Seq = run.Seq + e.Seq
	}
	task.Step = cmp.Or(models.Step(e.Step), task.Step)
	if e.Ahead {
		w.stale = 1
	}
	_, err = w.deliver(task, 0)
	if e.Ahead {
		if err == nil || models.ClassOf(err) == models.Retryable {
			w.t.Fatalf("a stale read came to %v, want an error that is not counted", err)
		}
		return
	}
	w.must(err)
}

func (w *world) archive() {
	w.t.Helper()
	_, err := history.New(history.Params{
		Staging: w.docs, Mover: w.docs, Files: w.parts, Clock: func() time.Time { return w.now },
	}).Run(w.ctx)
	w.must(err)
}

func (w *world) purge() {
	w.t.Helper()
	w.purged = true
	_, err := history.NewPurger(history.PurgeParams{
		Posts: w.docs, Marks: w.docs, Marker: w.docs, Search: w.search, Clock: func() time.Time { return w.now },
		Retention: func(_, version string) time.Duration {
			p, err := stored{w}.Profile(w.ctx, version)
			w.must(err)
			return p.Index.Retention
		},
	}).Run(w.ctx)
	w.must(err)
}
