package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
)

func windows() []behaviour {
	return []behaviour{
		{"hold so many items", windowFull},
		{"are left after their time, whatever was used again", windowMoves},
		{"of two budgets are apart", windowBudgets},
		{"of no size are refused", windowSizes},
		{"hold so many of a hundred racing items", windowRace},
		{"count racing takers of one item once", windowSameItem},
	}
}

const week = 7 * 24 * time.Hour

// take asks for a place among three, so long after t0.
func take(t *testing.T, s Store, item string, after time.Duration) time.Time {
	t.Helper()
	free, err := s.Take(t.Context(), "instagram/1", item, 3, week, t0().Add(after))
	must(t, err)
	return free
}

func windowFull(t *testing.T, s Store) {
	for i, item := range []string{"ootd", "Ootd", "丝绸"} {
		same(t, "free place for "+item, time.Time{}, take(t, s, item, time.Duration(i)*time.Hour))
	}
	same(t, "one too many", t0().Add(week), take(t, s, "bags", 3*time.Hour))
	same(t, "asked in another zone", t0().Add(week), func() time.Time {
		free, err := s.Take(t.Context(), "instagram/1", "bags", 3, week, t0().Add(3*time.Hour).In(time.FixedZone("", 8*3600)))
		must(t, err)
		return free
	}())
	same(t, "one that is there", time.Time{}, take(t, s, "ootd", 4*time.Hour))
	same(t, "a smaller limit, one that is there", time.Time{}, func() time.Time {
		free, err := s.Take(t.Context(), "instagram/1", "ootd", 1, week, t0().Add(4*time.Hour))
		must(t, err)
		return free
	}())
}

func windowMoves(t *testing.T, s Store) {
	take(t, s, "a", 0)
	take(t, s, "b", time.Hour)
	take(t, s, "c", 2*time.Hour)
	same(t, "used again", time.Time{}, take(t, s, "a", week-time.Millisecond))
	same(t, "just before the oldest leaves", t0().Add(week), take(t, s, "d", week-time.Millisecond))
	same(t, "when it leaves", time.Time{}, take(t, s, "d", week))
	same(t, "the one that left", t0().Add(week+time.Hour), take(t, s, "a", week))
	same(t, "when the next leaves", time.Time{}, take(t, s, "a", week+time.Hour))
	same(t, "long after", time.Time{}, take(t, s, "e", 5*week))
	same(t, "long after, again", time.Time{}, take(t, s, "f", 5*week))
}

func windowBudgets(t *testing.T, s Store) {
	for i := range 3 {
		take(t, s, id(i), 0)
	}
	free, err := s.Take(t.Context(), "instagram/2", "bags", 1, time.Hour, t0().Add(time.Minute))
	must(t, err)
	same(t, "another budget", time.Time{}, free)
	free, err = s.Take(t.Context(), "instagram/2", "ootd", 1, time.Hour, t0().Add(2*time.Minute))
	must(t, err)
	same(t, "another budget when full", t0().Add(61*time.Minute), free)
	_, err = s.Take(t.Context(), "instagram/2", "ootd", 1, time.Hour, t0().Add(2*time.Hour))
	must(t, err)
	same(t, "the first, after the other moved", t0().Add(week), take(t, s, "bags", 2*time.Hour))
}

func windowSizes(t *testing.T, s Store) {
	for _, limit := range []int{0, -1} {
		_, err := s.Take(t.Context(), "b", "i", limit, week, t0())
		if models.ClassOf(err) != models.Permanent {
			t.Errorf("%d items: %v, want a permanent fault", limit, err)
		}
	}
	if _, err := s.Take(t.Context(), "b", "i", 1, 0, t0()); models.ClassOf(err) != models.Permanent {
		t.Errorf("no time: %v, want a permanent fault", err)
	}
}

// race takes a hundred times at once, and returns how many got a place.
func race(t *testing.T, s Store, item func(n int) string) int64 {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			now := t0().Add(time.Duration(i) * time.Millisecond)
			free, err := s.Take(t.Context(), "instagram/1", item(i), 30, week, now)
			switch {
			case err != nil:
				t.Error(err)
			case free.IsZero():
				won.Add(1)
			case free.Before(t0().Add(week)) || free.After(t0().Add(week+time.Second)):
				t.Errorf("item %d: free at %v", i, free)
			}
		})
	}
	wg.Wait()
	return won.Load()
}

func windowRace(t *testing.T, s Store) {
	same(t, "items with a place", int64(30), race(t, s, func(n int) string { return fmt.Sprint("tag", n) }))
}

func windowSameItem(t *testing.T, s Store) {
	same(t, "takers with a place", int64(100), race(t, s, func(int) string { return "ootd" }))
	same(t, "places left", int64(100), race(t, s, func(n int) string { return fmt.Sprint("tag", n%29) }))
	same(t, "none left", int64(0), race(t, s, func(n int) string { return fmt.Sprint("more", n) }))
}
