package history_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weft/models"
	"weft/storage/history"
	"weft/storage/parquet"
)

// table is a warehouse in memory. Jobs have names, and run once under each; what
// comes of one can be chosen.
type table struct {
	mu      sync.Mutex
	files   *parquet.Parts
	rows    map[string][]uint64 // checksums by part
	jobs    map[string]*job
	order   []string        // of the jobs
	removed map[string]bool // part and load
	fate    func(job string, nth int) string
}

type job struct {
	parts []models.Part
	late  bool
	err   error
}

func newTable(files *parquet.Parts) *table {
	return &table{
		files: files, rows: map[string][]uint64{}, jobs: map[string]*job{}, removed: map[string]bool{},
		fate: func(string, int) string { return "fine" },
	}
}

func (w *table) Load(ctx context.Context, name string, parts []models.Part) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(parts) == 0 || name == "" {
		return errors.New("a job of nothing")
	}
	if j := w.jobs[name]; j != nil {
		if j.late {
			j.late = false
			j.err = w.bring(ctx, j.parts, "fine")
		}
		return j.err
	}
	fate := w.fate(name, len(w.order))
	if fate == "away" {
		return models.Faultf(models.Unavailable, "warehouse: refused")
	}
	j := &job{parts: slices.Clone(parts)}
	w.jobs[name] = j
	w.order = append(w.order, name)
	switch fate {
	case "late":
		j.late = true
		return models.Faultf(models.Unavailable, "warehouse: the job runs on")
	case "unheard":
		j.err = w.bring(ctx, parts, "fine")
		return models.Faultf(models.Unavailable, "warehouse: no answer")
	}
	j.err = w.bring(ctx, parts, fate)
	return j.err
}

// bring does the work of a job: all of it or nothing.
func (w *table) bring(ctx context.Context, parts []models.Part, fate string) error {
	if fate == "fails" {
		return models.Faultf(models.Permanent, "warehouse: the job failed")
	}
	brought := map[string][]uint64{}
	for _, part := range parts {
		rows, err := w.files.Read(ctx, part)
		if err != nil {
			return models.Faultf(models.Permanent, "warehouse: the job failed: %w", err)
		}
		for i := range rows {
			brought[part.ID] = append(brought[part.ID], rows[i].Checksum())
		}
	}
	for id, rows := range brought {
		switch fate {
		case "twice":
			rows = append(rows, rows...)
		case "loses":
			rows = rows[1:]
		}
		w.rows[id] = append(w.rows[id], rows...)
	}
	return nil
}

func (w *table) Tally(_ context.Context, parts []models.Part) (map[string]models.Tally, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]models.Tally{}
	for _, part := range parts {
		for _, sum := range w.rows[part.ID] {
			t := out[part.ID]
			t.Rows++
			t.Checksum += sum
			out[part.ID] = t
		}
	}
	return out, nil
}

func (w *table) Remove(_ context.Context, parts []models.Part) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, part := range parts {
		if part.Load != "" {
			once := part.ID + " " + part.Load
			if w.removed[once] {
				continue
			}
			w.removed[once] = true
		}
		delete(w.rows, part.ID)
	}
	return nil
}

// loaded checks that the table holds exactly the manifest's parts.
func (b *bundle) loaded(t interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}, w *table,
) {
	t.Helper()
	parts, err := b.docs.Parts(context.Background(), models.PartVerified, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for id := range w.rows {
		left[id] = true
	}
	got, err := w.Tally(context.Background(), parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		delete(left, part.ID)
		if want := (models.Tally{Rows: part.Rows, Checksum: part.Checksum}); got[part.ID] != want {
			t.Errorf("the table holds %+v of part %s, want %+v", got[part.ID], part.ID, want)
		}
	}
	for id := range left {
		t.Errorf("the table holds %d rows of %s, which is no part", len(w.rows[id]), id)
	}
}

func with(w *table) func(*history.Params) { return func(p *history.Params) { p.Warehouse = w } }

func TestOneJobLoadsManyParts(t *testing.T) {
	b := setup(t)
	b.stage(t)
	w := newTable(b.files)
	got, err := b.builder(with(w)).Run(t.Context())
	want := history.Pass{Assigned: 8, Written: 8, Loaded: 8, Verified: 8, Rows: 120}
	if err != nil || got != want {
		t.Fatalf("Run = %+v, %v; want %+v", got, err, want)
	}
	if len(w.order) != 1 || len(w.jobs[w.order[0]].parts) != 8 {
		t.Errorf("jobs %v, want one of all 8", w.order)
	}
	b.settled(t, 8)
	b.loaded(t, w)
}

// TestWarehouseAway: a job that nobody knows about is tried again under its name.
func TestWarehouseAway(t *testing.T) {
	for _, fate := range []string{"away", "late", "unheard"} {
		t.Run(fate, func(t *testing.T) {
			b := setup(t)
			b.stage(t)
			w := newTable(b.files)
			w.fate = func(string, int) string { return fate }
			got, err := b.builder(with(w)).Run(t.Context())
			if models.ClassOf(err) != models.Unavailable || got.Written != 8 || got.Verified != 0 {
				t.Fatalf("Run = %+v, %v; want 8 written and unavailable", got, err)
			}
			booked, err := b.docs.Parts(t.Context(), models.PartLoading, 0)
			if err != nil || len(booked) != 8 || booked[0].Loads != 1 {
				t.Fatalf("loading: %+v, %v; want all 8", booked, err)
			}
			w.fate = func(string, int) string { return "fine" }
			if _, err := b.builder(with(w)).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.order, []string{booked[0].Load}) {
				t.Errorf("jobs %v, want only %s", w.order, booked[0].Load)
			}
			b.settled(t, 8)
			b.loaded(t, w)
		})
	}
}

// TestBadLoadIsRepeated: what a job brought wrong is removed and brought again.
func TestBadLoadIsRepeated(t *testing.T) {
	for _, fate := range []string{"twice", "loses", "fails"} {
		t.Run(fate, func(t *testing.T) {
			b := setup(t)
			b.stage(t)
			w := newTable(b.files)
			w.fate = func(_ string, nth int) string {
				if nth == 0 {
					return fate
				}
				return "fine"
			}
			got, err := b.builder(with(w)).Run(t.Context())
			if err != nil || got.Unloaded != 8 || got.Verified != 0 {
				t.Fatalf("Run = %+v, %v; want all 8 sent back", got, err)
			}
			if got, err := b.builder(with(w)).Run(t.Context()); err != nil || got != (history.Pass{}) {
				t.Fatalf("at once = %+v, %v; want it to wait", got, err)
			}
			b.now = b.now.Add(3 * time.Minute)
			if got, err := b.builder(with(w)).Run(t.Context()); err != nil || got.Verified != 8 {
				t.Fatalf("Run = %+v, %v; want all 8 verified", got, err)
			}
			parts, err := b.docs.Parts(t.Context(), "", 0)
			if err != nil || parts[0].Loads != 2 {
				t.Errorf("%+v, %v; want two loads", parts[0], err)
			}
			b.settled(t, 8)
			b.loaded(t, w)
		})
	}
}

// TestGivesUp: after five jobs a part stays where it is, and every pass says so,
// until somebody asks for more.
func TestGivesUp(t *testing.T) {
	for fate, state := range map[string]models.PartState{"loses": models.PartLoaded, "fails": models.PartLoading} {
		t.Run(fate, func(t *testing.T) {
			b := setup(t)
			b.stage(t)
			w := newTable(b.files)
			w.fate = func(string, int) string { return fate }
			var err error
			for range 7 {
				b.now = b.now.Add(time.Hour)
				_, err = b.builder(with(w)).Run(t.Context())
			}
			if models.ClassOf(err) != models.Permanent || err == nil || !strings.Contains(err.Error(), "after 5 loads") {
				t.Fatalf("Run = %v, want a permanent error", err)
			}
			parts, err := b.docs.Parts(t.Context(), state, 0)
			if err != nil || len(parts) != 8 || parts[0].Loads != 5 {
				t.Fatalf("%d parts are %s, %v; want all 8 after five loads", len(parts), state, err)
			}
			w.fate = func(string, int) string { return "fine" }
			if n, err := b.builder(with(w)).Reload(t.Context()); err != nil || n != 8 {
				t.Fatalf("Reload = %d, %v", n, err)
			}
			b.now = b.now.Add(time.Hour)
			if _, err := b.builder(with(w)).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.settled(t, 8)
			b.loaded(t, w)
		})
	}
}

// TestBadFileIsFoundSoon: a file that spoils each job it is in keeps the others
// for a few jobs only.
func TestBadFileIsFoundSoon(t *testing.T) {
	b := setup(t)
	b.stage(t)
	w := newTable(b.files)
	halt := b.builder(func(p *history.Params) {
		p.Warehouse = w
		p.Crash = func(name string) {
			if name == "part.booked" {
				panic("stop")
			}
		}
	})
	crash(t, halt)
	if parts, err := b.docs.Parts(t.Context(), models.PartLoading, 0); err != nil || len(parts) != 1 {
		t.Fatalf("%d parts are booked, %v; want one", len(parts), err)
	}
	parts, err := b.docs.Parts(t.Context(), models.PartWritten, 0)
	if err != nil {
		t.Fatal(err)
	}
	bad := parts[2].ID
	w.fate = func(string, int) string { return "fine" }
	files := w.files
	spoil := &spoiled{table: w, bad: bad}
	for range 6 {
		b.now = b.now.Add(time.Hour)
		_, err = b.builder(func(p *history.Params) { p.Warehouse = spoil }).Run(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("Run = %v, want an error about %s", err, bad)
	}
	verified, verr := b.docs.Parts(t.Context(), models.PartVerified, 0)
	if verr != nil || len(verified) != 7 || files == nil {
		t.Errorf("%d parts are verified, %v; want all but one", len(verified), verr)
	}
	b.loaded(t, w)
}

// spoiled fails every job that has one part in it.
type spoiled struct {
	*table
	bad string
}

func (s *spoiled) Load(ctx context.Context, name string, parts []models.Part) error {
	fate := "fine"
	if slices.ContainsFunc(parts, func(p models.Part) bool { return p.ID == s.bad }) {
		fate = "fails"
	}
	s.fate = func(string, int) string { return fate }
	return s.table.Load(ctx, name, parts)
}

// TestLoadCrashes: a builder that dies at any point is taken over by the next.
func TestLoadCrashes(t *testing.T) {
	for _, point := range []string{"part.booked", "part.loaded", "part.unloaded", "part.verified"} {
		for times := 1; times <= 3; times += 2 {
			t.Run(fmt.Sprint(point, times), func(t *testing.T) {
				b := setup(t)
				b.stage(t)
				w := newTable(b.files)
				w.fate = func(_ string, nth int) string { return []string{"twice", "fine"}[min(nth, 1)] }
				left := times
				died := false
				for range 3 {
					died = crash(t, b.builder(func(p *history.Params) {
						p.Warehouse = w
						p.Crash = func(name string) {
							if name == point {
								if left--; left == 0 {
									panic("crash at " + name)
								}
							}
						}
					})) || died
					b.now = b.now.Add(time.Hour)
				}
				if !died && (point != "part.loaded" || times == 1) {
					t.Fatalf("it never came by %s", point)
				}
				for range 2 {
					b.now = b.now.Add(time.Hour)
					if _, err := b.builder(with(w)).Run(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				b.settled(t, 8)
				b.loaded(t, w)
			})
		}
	}
}

func TestManyBuildersLoad(t *testing.T) {
	b := setup(t)
	b.stage(t)
	w := newTable(b.files)
	w.fate = func(_ string, nth int) string { return []string{"twice", "loses", "fails", "fine"}[min(nth, 3)] }
	for range 6 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := b.builder(with(w)).Run(t.Context()); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		}
		wg.Wait()
		b.now = b.now.Add(time.Hour)
	}
	b.settled(t, 8)
	b.loaded(t, w)
}

// TestSwitches: parts on their way when the warehouse comes or goes.
func TestWarehouseComesAndGoes(t *testing.T) {
	b := setup(t)
	b.stage(t)
	w := newTable(b.files)
	w.fate = func(string, int) string { return "away" }
	if _, err := b.builder(with(w)).Run(t.Context()); err == nil {
		t.Fatal("it is away")
	}
	if got, err := b.builder(nil).Run(t.Context()); err != nil || got.Verified != 8 {
		t.Fatalf("without it = %+v, %v", got, err)
	}
	b.settled(t, 8)
}

func TestEraseFromWarehouse(t *testing.T) {
	b := setup(t)
	b.now = time.Now()
	b.stage(t)
	w := newTable(b.files)
	if _, err := b.builder(with(w)).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.forget(t, "weibo", 0, 3, 22)
	load := func(p *history.EraserParams) { p.Warehouse = w }
	deaf := func(p *history.EraserParams) { p.Warehouse = &unremovable{w} }
	if done, err := b.eraser(deaf).Run(t.Context()); err == nil || done.Posts != 0 || done.Rewritten != 2 {
		t.Fatalf("%+v, %v; want no receipt while the table holds the rows", done, err)
	}
	if done, err := b.eraser(deaf).Run(t.Context()); err == nil || done.Posts != 0 {
		t.Fatalf("%+v, %v; want no receipt in the next pass either", done, err)
	}
	if done, err := b.eraser(load).Run(t.Context()); err != nil || done.Posts != 3 {
		t.Fatalf("%+v, %v; want the receipts", done, err)
	}
	b.settled(t, 8)
	b.loaded(t, w)
}

type unremovable struct{ *table }

func (unremovable) Remove(context.Context, []models.Part) error {
	return models.Faultf(models.Unavailable, "warehouse: refused")
}

// TestEraseChecksTheTable: a part isn't replaced by one that the table lacks.
func TestEraseChecksTheTable(t *testing.T) {
	for _, fate := range []string{"twice", "loses", "fails", "away"} {
		t.Run(fate, func(t *testing.T) {
			b := setup(t)
			b.now = time.Now()
			b.stage(t)
			w := newTable(b.files)
			if _, err := b.builder(with(w)).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.forget(t, "weibo", 3)
			w.fate = func(string, int) string { return fate }
			load := func(p *history.EraserParams) { p.Warehouse = w }
			if done, err := b.eraser(load).Run(t.Context()); err == nil || done != (history.Erased{}) {
				t.Fatalf("%+v, %v; want nothing done", done, err)
			}
			if n := b.countFiles(t); n != 8 {
				t.Errorf("%d files, want no new one", n)
			}
			b.loaded(t, w)
			w.fate = func(string, int) string { return "fine" }
			if done, err := b.eraser(load).Run(t.Context()); err != nil || done.Posts != 1 {
				t.Fatalf("%+v, %v", done, err)
			}
			b.settled(t, 8)
			b.loaded(t, w)
		})
	}
}
