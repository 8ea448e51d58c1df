package app_test

import (
	"fmt"
	"testing"
	"time"

	"weft/models"
)

// ended is a step's end, as timelines and the counts by hour both know it.
type ended struct {
	step    models.Step
	outcome models.Outcome
}

// What a worker counted by hour is, once it has drained, what the timelines say:
// as many ends of each kind, at the same cost.
func TestActivityIsWhatTheTimelinesSay(t *testing.T) {
	r := newRig(t, plain)
	posts := r.posts(6)
	r.write(r.dir+"/broken.png", []byte("no picture"))
	posts[5].Images = []string{"broken.png"}
	r.imports(posts, "plain")
	r.run()
	want, cost := map[ended]int64{}, 0.0
	for i := range posts {
		for _, e := range r.timeline(fmt.Sprintf("file.p%02d", i), "plain", 1) {
			if e.Outcome != models.OutAdmitted {
				want[ended{e.Step, e.Outcome}]++
				cost += e.Cost
			}
		}
	}
	if want[ended{models.Archive, models.OutDone}] < 5 || cost == 0 {
		t.Fatalf("the timelines have %v, which cost %v", want, cost)
	}
	counts, err := r.app.Documents.Activity(r.ctx, r.now().Add(-2*time.Hour), r.now().Add(time.Hour), "plain")
	if err != nil {
		t.Fatal(err)
	}
	got, counted := map[ended]int64{}, 0.0
	for _, c := range counts {
		got[ended{c.Step, c.Outcome}] += c.N
		counted += c.Cost
	}
	for _, kind := range keysOf(want, got) {
		if want[kind] != got[kind] {
			t.Errorf("%s ended with %s %d times by the hours, %d by the timelines", kind.step, kind.outcome, got[kind], want[kind])
		}
	}
	if d := counted - cost; d > 1e-9 || d < -1e-9 { // sums of the same numbers in another order
		t.Errorf("it cost %v by the hours, %v by the timelines", counted, cost)
	}
}

func keysOf(maps ...map[ended]int64) []ended {
	seen, out := map[ended]bool{}, []ended{}
	for _, m := range maps {
		for k := range m {
			if !seen[k] {
				seen[k], out = true, append(out, k)
			}
		}
	}
	return out
}

// Housekeeping forgets hours that are older than five weeks.
func TestOldActivityIsForgotten(t *testing.T) {
	r := newRig(t, plain)
	old := models.Activity{Hour: r.now().Add(-36 * 24 * time.Hour).UTC().Truncate(time.Hour), Profile: "plain", Step: models.Fetch, Outcome: models.OutAdvance, N: 1}
	young := old
	young.Hour = old.Hour.Add(2 * 24 * time.Hour)
	if err := r.app.Documents.AddActivity(r.ctx, []models.Activity{old, young}); err != nil {
		t.Fatal(err)
	}
	stop := r.work()
	defer stop()
	r.wait("the old hour to go", func() (bool, string) {
		left, err := r.app.Documents.Activity(r.ctx, old.Hour, r.now(), "")
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 1 && left[0].Hour.Equal(young.Hour), fmt.Sprint(left)
	})
}
