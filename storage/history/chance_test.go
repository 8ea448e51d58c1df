package history_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weft/models"
	"weft/storage/history"
	"weft/storage/storagetest"
)

// actor is one who works on the history, and stops wherever a crash could be and
// before each word to the warehouse, until it is told to go on, or dies.
type actor struct {
	kind string
	at   chan string // where it stopped; closed when it ended
	goOn chan bool   // false: it dies
}

type died struct{}

func (a *actor) yield(at string) {
	a.at <- at
	if !<-a.goOn {
		panic(died{})
	}
}

// act runs do as an actor. It is at its first stop, or has ended, on return.
func act(kind string, do func(yield func(string))) *actor {
	a := &actor{kind: kind, at: make(chan string), goOn: make(chan bool)}
	go func() {
		defer close(a.at)
		defer func() {
			if p := recover(); p != nil && p != any(died{}) {
				panic(p)
			}
		}()
		do(a.yield)
	}()
	return a
}

// step lets the actor go on, or die, and reports whether it ended.
func (a *actor) step(live bool) (ended bool) {
	a.goOn <- live
	_, more := <-a.at
	return !more
}

// TestChance: whatever the order in which two builders, an eraser, a compactor
// and somebody who repairs the table come by their points, wherever they die,
// whatever becomes of the load jobs, and if the table is dropped: at last the table holds what the manifest says, and so do the files.
func TestChance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := setup(t)
		b.now = time.Now()
		w := newTable(b.files)
		fates := rapid.SliceOfN(rapid.SampledFrom([]string{"fine", "fine", "twice", "loses", "fails", "away", "late", "unheard"}), 0, 6).Draw(rt, "fates")
		w.fate = func(_ string, nth int) string {
			if nth < len(fates) {
				return fates[nth]
			}
			return "fine"
		}
		b.rows = storagetest.HistoryRows(6, "weibo", time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC))
		b.admitted(t)
		pass := func(kind string) *actor {
			return act(kind, func(yield func(string)) {
				mine := &yielding{table: w, yieldMine: yield}
				switch kind {
				case "builder":
					_, _ = b.builder(func(p *history.Params) { p.Warehouse, p.Crash, p.MaxRows = mine, yield, 2 }).Run(t.Context())
				case "repairer":
					build := b.builder(func(p *history.Params) { p.Warehouse, p.Crash = mine, yield })
					if found, err := build.Differences(t.Context(), "", "", nil); err == nil {
						_, _ = build.Repair(t.Context(), found, nil)
					}
				case "eraser":
					_, _ = b.eraser(func(p *history.EraserParams) { p.Warehouse, p.Crash = mine, yield }).Run(t.Context())
				case "compactor":
					_, _ = b.compactor(func(p *history.CompactorParams) { p.Warehouse, p.Crash, p.Age = mine, yield, 0 }).Run(t.Context())
				}
			})
		}
		var live []*actor
		start := func(kind string) {
			a := pass(kind)
			if _, more := <-a.at; more {
				live = append(live, a)
			}
		}
		for i := range rapid.IntRange(10, 60).Draw(rt, "steps") {
			switch n := rapid.IntRange(0, 19).Draw(rt, "what"); {
			case n < 3 && len(live) < 4, len(live) == 0:
				start(rapid.SampledFrom([]string{"builder", "builder", "builder", "eraser", "compactor", "repairer", "repairer"}).Draw(rt, "who"))
			case n == 3:
				b.now = b.now.Add(time.Hour)
			case n == 4 && i%5 == 1:
				w.drop(rapid.Bool().Draw(rt, "jobs are forgotten"))
			case n == 4 && i%5 == 0:
				b.forget(t, "weibo", rapid.IntRange(0, 5).Draw(rt, "post"))
			default:
				at := rapid.IntRange(0, len(live)-1).Draw(rt, "whose turn")
				if live[at].step(n > 5) { // one in ten dies
					live = append(live[:at], live[at+1:]...)
				}
			}
		}
		for _, a := range live { // the slow ones come to their end as well, or die
			for alive := rapid.Bool().Draw(rt, "ends"); !a.step(alive); {
				continue
			}
		}
		b.settle(t, rt, w)
	})
}

// yielding is a warehouse that stops before each word to it.
type yielding struct {
	*table
	yieldMine func(string)
}

func (y *yielding) Load(ctx context.Context, name string, parts []models.Part) error {
	y.yieldMine("load")
	return y.table.Load(ctx, name, parts)
}

func (y *yielding) Tally(ctx context.Context, parts []models.Part) (map[string]models.Tally, error) {
	y.yieldMine("tally")
	return y.table.Tally(ctx, parts)
}

func (y *yielding) Remove(ctx context.Context, parts []models.Part) error {
	y.yieldMine("remove")
	return y.table.Remove(ctx, parts)
}

// admitted stages the rows of posts that the documents know.
func (b *bundle) admitted(t *testing.T) {
	t.Helper()
	for _, r := range b.rows {
		post := models.Post{ID: r.Post, SchemaVersion: 1, Source: r.Source, NativeID: strings.TrimPrefix(r.Post, r.Source+"."), CreatedAt: r.CreatedAt}
		run := models.NewRun(r.Post, "catalog", "v1", models.Normal, b.now, time.Minute)
		if _, err := b.docs.Admit(t.Context(), []models.Admission{{Post: post, Run: run}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.docs.Stage(t.Context(), b.rows); err != nil {
		t.Fatal(err)
	}
}

// settle runs everybody without crashes until nothing is left to do.
func (b *bundle) settle(t *testing.T, rt *rapid.T, w *table) {
	w.fate = func(string, int) string { return "fine" }
	for range 8 {
		b.now = b.now.Add(7 * time.Hour)
		build := b.builder(func(p *history.Params) { p.Warehouse, p.MaxRows = w, 2 })
		if _, err := build.Reload(t.Context()); err != nil {
			rt.Fatal(err)
		}
		if _, err := build.Run(t.Context()); err != nil {
			rt.Fatal(err)
		}
		if _, err := b.eraser(func(p *history.EraserParams) { p.Warehouse = w }).Run(t.Context()); err != nil {
			rt.Fatal(err)
		}
	}
	b.repair(rt, w)
	b.loaded(rt, w)
	want := map[string]bool{}
	for i := range b.rows {
		want[fingerprint(b.rows[i])] = true
	}
	parts, err := b.docs.Parts(t.Context(), "", 0)
	if err != nil {
		rt.Fatal(err)
	}
	for _, p := range parts {
		rows, err := b.files.Read(t.Context(), p)
		if err != nil || p.State != models.PartVerified {
			rt.Fatal(fmt.Sprint(p, err))
		}
		for i := range rows {
			if key := fingerprint(rows[i]); !want[key] {
				rt.Errorf("row %s is twice in the history, or should be gone", key)
			} else {
				delete(want, key)
			}
		}
	}
	for key := range want {
		rt.Errorf("row %s is lost", key)
	}
	if n := b.countFiles(t); n != len(parts) {
		rt.Errorf("%d files of %d parts", n, len(parts))
	}
}
