package models_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weft/models"
)

// passage is a run with its books, as a store keeps them.
type passage struct {
	run     models.Run
	entries []models.Entry
	past    []models.Passage
	now     time.Time
}

func (p *passage) accept(t *rapid.T, m models.Move) {
	if m.From != p.run.Seq {
		t.Fatalf("move from seq %d, the run has %d", m.From, p.run.Seq)
	}
	if m.Run.Seq != m.From+1 {
		t.Fatalf("move to seq %d from %d", m.Run.Seq, m.From)
	}
	if m.Entry == nil || m.Entry.Seq != m.From || m.Entry.Generation != p.run.Generation || m.Entry.Step != p.run.Step {
		t.Fatalf("entry %+v for what %s left", m.Entry, &p.run)
	}
	p.entries = append(p.entries, *m.Entry)
	if m.Past != nil {
		p.past = append(p.past, *m.Past)
	}
	if (m.Past != nil) != (m.Run.Generation != p.run.Generation) {
		t.Fatalf("generation %d to %d with the passage %+v", p.run.Generation, m.Run.Generation, m.Past)
	}
	p.run = m.Run
}

// legal are the moves that the state allows.
func (p *passage) legal() []string {
	switch p.run.State {
	case models.Queued:
		return []string{"advance", "wait", "park", "end", "requeue", "regenerate", "note"}
	case models.Parked:
		return []string{"wake", "regenerate", "note"}
	default:
		return []string{"replay", "regenerate"}
	}
}

func (p *passage) step(t *rapid.T) {
	const horizon = time.Minute
	p.now = p.now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
	r := p.run
	switch move := rapid.SampledFrom(p.legal()).Draw(t, "move"); move {
	case "advance":
		p.accept(t, r.Advance(rapid.SampledFrom(models.Steps()).Draw(t, "next"), "", p.now, horizon))
		if p.run.Attempts+p.run.Tried+p.run.Deaths+p.run.Waits != 0 || p.run.Error != "" {
			t.Fatalf("%+v still counts what the last step did", p.run)
		}
	case "wait":
		p.accept(t, r.Wait(time.Hour, "", p.now, horizon))
		if p.run.Waits != r.Waits+1 || p.run.Step != r.Step || p.run.Attempts != r.Attempts {
			t.Fatalf("a wait altered %+v to %+v", r, p.run)
		}
	case "park":
		p.accept(t, r.Park(p.now.Add(time.Hour), "", p.now))
	case "wake":
		p.accept(t, r.Wake("", p.now, horizon))
	case "end":
		p.accept(t, r.End(rapid.SampledFrom([]models.State{models.Done, models.Dropped, models.Failed}).Draw(t, "state"), "", p.now))
	case "requeue":
		died := rapid.Bool().Draw(t, "died")
		p.accept(t, r.Requeue("", died, p.now, horizon))
		if (p.run.Deaths == r.Deaths+1) != died || p.run.Attempts != r.Attempts {
			t.Fatalf("deaths %d, before %d, died %t", p.run.Deaths, r.Deaths, died)
		}
		if r.ProcessAt.After(p.now) && !p.run.ProcessAt.Equal(r.ProcessAt) {
			t.Fatal("a wait was cut short")
		}
	case "replay":
		p.accept(t, r.Replay(rapid.SampledFrom(models.Steps()).Draw(t, "from"), "", p.now, horizon))
	case "regenerate":
		p.accept(t, r.Regenerate(models.AnalyzeLight, "v2", "c1", models.Bulk, "", p.now, horizon))
		if len(p.run.Results)+len(p.run.Attributes) != 0 || p.run.Item != "" || p.run.Cost != 0 {
			t.Fatalf("generation %d begins with what the last one found: %+v", p.run.Generation, p.run)
		}
	case "note":
		r.Attempts, r.Tried, r.Error = r.Attempts+1, r.Tried+1, "odd"
		m := r.Note()
		if m.From != p.run.Seq || m.Run.Seq != m.From || m.Entry != nil {
			t.Fatalf("a note moves: %+v", m)
		}
		p.run = m.Run
	}
	p.check(t)
}

// check looks at what holds after any sequence of moves.
func (p *passage) check(t *rapid.T) {
	r := p.run
	for i, e := range p.entries {
		if e.Seq != int64(i+1) {
			t.Fatalf("entry %d is for seq %d", i, e.Seq)
		}
	}
	if len(p.entries) != int(r.Seq-1) {
		t.Fatalf("%d entries for %d seqs that were left", len(p.entries), r.Seq-1)
	}
	if len(p.past) != r.Generation-1 {
		t.Fatalf("%d passages for generation %d", len(p.past), r.Generation)
	}
	for _, past := range p.past {
		if !past.State.Ended() {
			t.Fatalf("generation %d was left %s", past.Generation, past.State)
		}
	}
	switch {
	case r.State == models.Queued && !r.Due.After(p.now.Add(-time.Hour*100)):
		t.Fatalf("%s is queued and nobody looks after it", &r)
	case r.State.Ended() && (!r.Due.IsZero() || !r.ProcessAt.IsZero()):
		t.Fatalf("%s ended and is due at %s", &r, r.Due)
	case !r.ProcessAt.IsZero() && r.Due.Before(r.ProcessAt):
		t.Fatalf("%s is due before its wait ends", &r)
	}
	if !slices.Contains(models.States(), r.State) || r.Step.Position() < 0 {
		t.Fatalf("%s is nowhere", &r)
	}
}

func TestMovesKeepTheBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := passage{now: at(9)}
		p.run = models.NewRun("s.1", "catalog", "v1", models.Normal, p.now, time.Minute)
		p.run.Results, p.run.Item, p.run.Cost = []models.Result{{Model: "m"}}, "i1", 3
		p.check(t)
		for range rapid.IntRange(1, 40).Draw(t, "moves") {
			p.step(t)
		}
	})
}

func TestTasksNeverRepeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := passage{now: at(9)}
		p.run = models.NewRun("s.1", "catalog", "v1", models.Normal, p.now, time.Minute)
		seen := map[models.Task]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "moves") {
			before := p.run.Seq
			p.step(t)
			if p.run.Seq == before {
				continue
			}
			if task := p.run.Task(); seen[task] {
				t.Fatalf("task %+v comes twice", task)
			} else {
				seen[task] = true
			}
		}
	})
}

func TestReplayAsksAnew(t *testing.T) {
	r := models.NewRun("s.1", "catalog", "v1", models.Normal, at(9), time.Minute).Advance(models.LabelStep, "", at(9), time.Minute).Run
	r.Item, r.Unchecked = "i1", true
	r = r.End(models.Dropped, "", at(9)).Run
	for step, item := range map[models.Step]string{models.Fetch: "", models.LabelStep: "", models.Index: "i1", models.Archive: "i1"} {
		got := r.Replay(step, "", at(10), time.Minute).Run
		if got.Item != item || got.Unchecked != (item != "") || got.State != models.Queued || got.Step != step {
			t.Errorf("from %s: %s, item %q, unchecked %t", step, &got, got.Item, got.Unchecked)
		}
	}
}

func TestOnlyAFailedRunKeepsItsError(t *testing.T) {
	r := models.NewRun("s.1", "catalog", "v1", models.Normal, at(9), time.Minute)
	r.Attempts, r.Deaths, r.Waits, r.Error = 2, 1, 3, "archive: disk full"
	for state, kept := range map[models.State]bool{models.Done: false, models.Dropped: false, models.Failed: true} {
		m := r.End(state, "", at(10))
		if got := m.Run.Error != "" && m.Run.Attempts == 2; got != kept {
			t.Errorf("%s: error %q, %d attempts", state, m.Run.Error, m.Run.Attempts)
		}
		if m.Entry.Attempts != 2 {
			t.Errorf("%s: the timeline says %d attempts, want 2", state, m.Entry.Attempts)
		}
	}
}

func TestRegenerateKeepsTheEnd(t *testing.T) {
	run := models.NewRun("s.1", "catalog", "v1", models.Normal, at(9), time.Minute)
	for state, want := range map[models.State]models.State{
		models.Queued: models.Superseded, models.Parked: models.Superseded,
		models.Done: models.Done, models.Dropped: models.Dropped, models.Failed: models.Failed,
	} {
		run.State = state
		m := run.Regenerate(models.Fetch, "v2", "c1", models.Bulk, "campaign", at(10), time.Minute)
		if m.Past.State != want || m.Past.Generation != 1 || m.Entry.Outcome != models.OutSuperseded {
			t.Errorf("%s: passage %+v, entry %s; want %s", state, m.Past, m.Entry.Outcome, want)
		}
		if r := m.Run; r.Version != "v2" || r.Campaign != "c1" || r.Lane != models.Bulk || !r.AdmittedAt.Equal(at(10)) {
			t.Errorf("%s: %+v", state, r)
		}
	}
}

func TestStepsAndStates(t *testing.T) {
	for i, s := range models.Steps() {
		if s.Position() != i {
			t.Errorf("%s stands at %d, want %d", s, s.Position(), i)
		}
	}
	if models.Step("paint").Position() != -1 {
		t.Error("an unknown step has a place")
	}
	var living []models.State
	for _, s := range models.States() {
		if !s.Ended() {
			living = append(living, s)
		}
	}
	if !slices.Equal(living, []models.State{models.Queued, models.Parked}) {
		t.Errorf("living: %v", living)
	}
}
