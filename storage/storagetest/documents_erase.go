package storagetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weft/models"
)

func erasures() []behaviour {
	return []behaviour{
		{"come page by page, a person's marked", erasurePages},
		{"replace a part by one without the rows", erasureReplaces},
		{"take a part of which nothing is left", erasureRemoves},
		{"lose against a swept file", erasureSwept},
		{"end in a receipt", erasureReceipt},
	}
}

func erasurePages(t *testing.T, s Store) {
	admitMany(t, s, 3, always("catalog"))
	forget(t, s, models.Forgotten{Deleted: 2, Unknown: 1}, deletion(0), deletion(1), by("request", deletion(8)))
	forget(t, s, models.Forgotten{Repeated: 1}, by("request", deletion(1)))
	var got []string
	for after := ""; ; {
		list, err := s.Erasures(t.Context(), after, 1)
		must(t, err)
		if len(list) == 0 {
			break
		}
		after = list[0].Post
		got = append(got, fmt.Sprintf("%s %q %t", after, list[0].Day, list[0].Firm))
	}
	same(t, "erasures", []string{id(0) + ` "2026-03-04" false`, id(1) + ` "2026-03-04" true`, id(8) + ` "" true`}, got)
}

// inHistory is n posts in one verified part.
func inHistory(t *testing.T, s Store, n int) models.Part {
	t.Helper()
	admitMany(t, s, n, always("catalog"))
	var rows []models.Row
	for i := range n {
		rows = append(rows, aRow(id(i), "catalog", 1, 1))
	}
	must(t, s.Stage(t.Context(), rows))
	verify(t, s, "old")
	parts, err := s.Parts(t.Context(), models.PartVerified, 10)
	must(t, err)
	return parts[0]
}

// without is part in the place of old, without some of its rows.
func without(old models.Part, rows int) models.Part {
	fresh := old
	fresh.ID, fresh.Rows, fresh.Replaces = "new", rows, []string{old.ID}
	return fresh
}

func erasureReplaces(t *testing.T, s Store) {
	old := inHistory(t, s, 3)
	forget(t, s, models.Forgotten{Deleted: 1}, deletion(1))
	fresh := without(old, 2)
	must(t, s.Reserve(t.Context(), fresh, t0()))
	must(t, s.Replace(t.Context(), old, fresh, map[string]int{id(1): 1}, t0()))
	parts, err := s.Parts(t.Context(), "", 10)
	must(t, err)
	same(t, "parts", []models.Part{fresh}, parts)
	rows, err := s.PartRows(t.Context(), "new")
	must(t, err)
	if len(rows) != 2 || rows[0].Post != id(0) || rows[1].Post != id(2) {
		t.Errorf("row keys %+v", rows)
	}
	strays, err := s.Strays(t.Context(), t0(), 10)
	must(t, err)
	same(t, "strays", []string{old.Path()}, strays)
	wantErr(t, s.Replace(t.Context(), old, fresh, nil, t0()), models.ErrConflict)
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {23 * time.Hour, 1}, {25 * time.Hour, 0}} {
		must(t, s.Swept(t.Context(), []string{old.Path()}, t0().Add(c.at)))
		left, err := s.Strays(t.Context(), t0().Add(c.at), 10)
		must(t, err)
		if len(left) != c.want {
			t.Errorf("after %s: %v are deleted again, want %d", c.at, left, c.want)
		}
	}
}

func erasureRemoves(t *testing.T, s Store) {
	old := inHistory(t, s, 1)
	forget(t, s, models.Forgotten{Deleted: 1}, deletion(0))
	must(t, s.Replace(t.Context(), old, without(old, 0), map[string]int{id(0): 1}, t0()))
	parts, err := s.Parts(t.Context(), "", 10)
	must(t, err)
	same(t, "parts", []models.Part(nil), parts)
}

// erasureSwept: an eraser that took too long doesn't book a file that was
// deleted as a leftover.
func erasureSwept(t *testing.T, s Store) {
	old := inHistory(t, s, 2)
	fresh := without(old, 1)
	wantErr(t, s.Replace(t.Context(), old, fresh, nil, t0()), models.ErrConflict) // never reserved
	must(t, s.Reserve(t.Context(), fresh, t0()))
	young, err := s.Strays(t.Context(), t0().Add(time.Hour), 10)
	must(t, err)
	same(t, "strays while it is written", []string(nil), young)
	leftover, err := s.Strays(t.Context(), t0().Add(24*time.Hour), 10)
	must(t, err)
	same(t, "strays after a day", []string{fresh.Path()}, leftover)
	wantErr(t, s.Replace(t.Context(), old, fresh, nil, t0()), models.ErrConflict)
	parts, err := s.Parts(t.Context(), models.PartVerified, 10)
	must(t, err)
	same(t, "parts", []models.Part{old}, parts)
}

func erasureReceipt(t *testing.T, s Store) {
	old := inHistory(t, s, 2)
	forget(t, s, models.Forgotten{Deleted: 1}, by("request", deletion(1)))
	before, err := s.ForgetLog(t.Context(), id(1), 10)
	must(t, err)
	if len(before) != 1 || before[0].Receipt != nil || before[0].By != "request" || before[0].Kind != "post" || before[0].Act != models.Delete {
		t.Fatalf("log %+v", before)
	}
	fresh := without(old, 1)
	must(t, s.Reserve(t.Context(), fresh, t0()))
	must(t, s.Replace(t.Context(), old, fresh, map[string]int{id(1): 1}, t0()))
	must(t, s.Erased(t.Context(), []string{id(1)}, t0()))
	must(t, s.Erased(t.Context(), []string{id(1)}, t0().Add(time.Hour))) // another eraser, later
	log, err := s.ForgetLog(t.Context(), id(1), 10)
	must(t, err)
	want := before[0]
	want.Receipt = &models.Receipt{At: t0(), Rows: 1, Parts: []string{"old"}}
	same(t, "log", []models.Audit{want}, log)
	same(t, "left to erase", map[string]string{}, pending(t, s))
	other, err := s.ForgetLog(t.Context(), id(0), 10)
	must(t, err)
	same(t, "log of another post", []models.Audit(nil), other)
	if strings.Contains(fmt.Sprint(log), id(1)) {
		t.Error("the log names the post")
	}
}
