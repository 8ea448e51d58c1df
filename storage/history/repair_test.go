package history_test

import (
	"context"
	"fmt"
	"testing"

	"weft/models"
	"weft/storage/history"
)

// drop loses the table's rows, as when its dataset is dropped; jobs are forgotten
// with the project, or after half a year.
func (w *table) drop(jobs bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows = map[string][]uint64{}
	if jobs {
		w.jobs = map[string]*job{}
	}
}

// repair makes the table agree with the manifest, which one pass must do.
func (b *bundle) repair(t interface {
	Helper()
	Fatal(...any)
}, w *table,
) (mended int) {
	t.Helper()
	build := b.builder(with(w))
	found, err := build.Differences(context.Background(), "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	mended, err = build.Repair(context.Background(), found, nil)
	if err != nil || mended != len(found) {
		t.Fatal(fmt.Sprintf("%d of %d parts are repaired: %v", mended, len(found), err))
	}
	return mended
}

// verified makes eight verified parts, loaded or not, and returns them.
func (b *bundle) verified(t *testing.T, change func(*history.Params)) []models.Part {
	t.Helper()
	b.stage(t)
	if _, err := b.builder(change).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	parts, err := b.docs.Parts(t.Context(), models.PartVerified, 100)
	if err != nil || len(parts) != 8 {
		t.Fatalf("%d parts are verified, %v; want 8", len(parts), err)
	}
	return parts
}

// TestRepair: whatever became of the table, it is made to hold what the books
// say; parts that were right are left alone, and none is taken off the books.
func TestRepair(t *testing.T) {
	for name, c := range map[string]struct {
		without bool // the parts were verified before there was a table
		damage  func(w *table, parts []models.Part)
		mended  int
		jobs    int // begun for it
	}{
		"nothing is wrong":     {damage: func(*table, []models.Part) {}},
		"before the warehouse": {without: true, damage: func(*table, []models.Part) {}, mended: 8, jobs: 1},
		"dropped":              {damage: func(w *table, _ []models.Part) { w.drop(false) }, mended: 8, jobs: 1},
		"dropped, forgotten":   {damage: func(w *table, _ []models.Part) { w.drop(true) }, mended: 8, jobs: 1},
		"rows gone and doubled": {damage: func(w *table, parts []models.Part) {
			w.rows[parts[0].ID] = w.rows[parts[0].ID][3:]
			w.rows[parts[1].ID] = append(w.rows[parts[1].ID], w.rows[parts[1].ID]...)
			delete(w.rows, parts[2].ID)
		}, mended: 3, jobs: 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			w := newTable(b.files)
			change := with(w)
			if c.without {
				change = nil
			}
			parts := b.verified(t, change)
			before := len(w.order)
			c.damage(w, parts)
			if n := b.repair(t, w); n != c.mended {
				t.Errorf("%d parts were repaired, want %d", n, c.mended)
			}
			if n := len(w.order) - before; n != c.jobs {
				t.Errorf("%d jobs were begun, want %d", n, c.jobs)
			}
			b.loaded(t, w)
			b.settled(t, 8)
		})
	}
}

// TestDifferences says what differs, of the days asked for.
func TestDifferences(t *testing.T) {
	b := setup(t)
	w := newTable(b.files)
	parts := b.verified(t, with(w))
	w.rows[parts[0].ID] = w.rows[parts[0].ID][1:]
	for _, c := range []struct {
		first, last string
		want        int
	}{{"", "", 1}, {parts[0].Day, parts[0].Day, 1}, {"2027-01-01", "", 0}, {"", "2025-12-31", 0}} {
		told := 0
		found, err := b.builder(with(w)).Differences(t.Context(), c.first, c.last, func(done, of int) { told = of })
		if err != nil || len(found) != c.want {
			t.Errorf("from %q to %q: %+v, %v; want %d", c.first, c.last, found, err, c.want)
			continue
		}
		if c.want == 1 && (found[0].Part.ID != parts[0].ID || found[0].Table.Rows != parts[0].Rows-1 || told == 0) {
			t.Errorf("from %q to %q: %+v of %d, want a row less of %s", c.first, c.last, found[0], told, parts[0].ID)
		}
	}
}

// TestRepairGoesOn: a repair whose job runs on, or wasn't heard of, is ended
// under its name by the next one: rows don't come twice.
func TestRepairGoesOn(t *testing.T) {
	for _, fate := range []string{"away", "late", "unheard"} {
		t.Run(fate, func(t *testing.T) {
			b := setup(t)
			w := newTable(b.files)
			b.verified(t, with(w))
			w.drop(false)
			w.fate = func(string, int) string { return fate }
			build := b.builder(with(w))
			found, err := build.Differences(t.Context(), "", "", nil)
			if err != nil || len(found) != 8 {
				t.Fatalf("%d differ, %v; want 8", len(found), err)
			}
			if n, err := build.Repair(t.Context(), found, nil); n != 0 || models.ClassOf(err) != models.Unavailable {
				t.Fatalf("Repair = %d, %v; want none and unavailable", n, err)
			}
			w.fate = func(string, int) string { return "fine" }
			jobs := len(w.order)
			b.repair(t, w)
			b.loaded(t, w)
			if begun := len(w.order) - jobs; fate != "away" && begun != 0 {
				t.Errorf("%d jobs were begun beside the one that ran on", begun)
			}
		})
	}
}

// TestRepairGivesUp: a file that doesn't bring what the books say is said so, and
// the part stays what it was for all other readers.
func TestRepairGivesUp(t *testing.T) {
	b := setup(t)
	w := newTable(b.files)
	b.verified(t, with(w))
	w.drop(false)
	w.fate = func(string, int) string { return "loses" }
	build := b.builder(with(w))
	found, err := build.Differences(t.Context(), "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := build.Repair(t.Context(), found, nil); n != 0 || models.ClassOf(err) != models.Permanent {
		t.Fatalf("Repair = %d, %v; want none and permanent", n, err)
	}
	w.fate = func(string, int) string { return "fine" }
	b.repair(t, w)
	b.loaded(t, w)
	b.settled(t, 8)
}
