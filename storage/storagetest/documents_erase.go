package storagetest

import (
	"errors"
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
		{"replace several parts by one", erasureMerges},
		{"replace several parts or none", erasureAllOrNothing},
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
	must(t, s.Replace(t.Context(), []models.Part{old}, fresh, map[string]int{id(1): 1}, t0()))
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
	wantErr(t, s.Replace(t.Context(), []models.Part{old}, fresh, nil, t0()), models.ErrConflict)
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
	must(t, s.Replace(t.Context(), []models.Part{old}, without(old, 0), map[string]int{id(0): 1}, t0()))
	parts, err := s.Parts(t.Context(), "", 10)
	must(t, err)
	same(t, "parts", []models.Part(nil), parts)
}

// threeParts is a verified part of each of three posts.
func threeParts(t *testing.T, s Store) []models.Part {
	t.Helper()
	admitMany(t, s, 3, always("catalog"))
	for i := range 3 {
		must(t, s.Stage(t.Context(), []models.Row{aRow(id(i), "catalog", 1, 1)}))
		verify(t, s, fmt.Sprint("old", i))
	}
	parts, err := s.Parts(t.Context(), models.PartVerified, 10)
	must(t, err)
	if len(parts) != 3 {
		t.Fatalf("%d parts, want 3", len(parts))
	}
	return parts
}

func erasureMerges(t *testing.T, s Store) {
	olds := threeParts(t, s)
	forget(t, s, models.Forgotten{Deleted: 1}, by("request", deletion(1)))
	fresh := without(olds[0], 2)
	must(t, s.Reserve(t.Context(), fresh, t0()))
	must(t, s.Replace(t.Context(), olds, fresh, map[string]int{id(1): 1}, t0()))
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
	same(t, "strays", []string{olds[0].Path(), olds[1].Path(), olds[2].Path()}, strays)
	must(t, s.Erased(t.Context(), []string{id(1)}, t0()))
	log, err := s.ForgetLog(t.Context(), id(1), 10)
	must(t, err)
	if len(log) != 1 || log[0].Receipt == nil {
		t.Fatalf("log %+v", log)
	}
	same(t, "receipt", models.Receipt{At: t0(), Rows: 1, Parts: []string{"old0", "old1", "old2"}}, *log[0].Receipt)
}

func erasureAllOrNothing(t *testing.T, s Store) {
	olds := threeParts(t, s)
	fresh := without(olds[0], 3)
	must(t, s.Reserve(t.Context(), fresh, t0()))
	unknown := olds[1]
	unknown.ID = "nobody"
	for name, list := range map[string][]models.Part{
		"the last one is unknown": {olds[0], olds[1], unknown}, "one is there twice": {olds[0], olds[1], olds[0]},
	} {
		if err := s.Replace(t.Context(), list, fresh, nil, t0()); !errors.Is(err, models.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", name, err)
		}
	}
	if err := s.Replace(t.Context(), nil, fresh, nil, t0()); models.ClassOf(err) != models.Permanent || err == nil {
		t.Errorf("nothing to replace: %v, want a permanent error", err)
	}
	parts, err := s.Parts(t.Context(), "", 10)
	must(t, err)
	same(t, "parts", olds, parts)
	strays, err := s.Strays(t.Context(), t0(), 10)
	must(t, err)
	same(t, "strays", []string(nil), strays)
	must(t, s.Replace(t.Context(), olds[:2], fresh, nil, t0()))
	other := fresh
	other.ID = "other"
	must(t, s.Reserve(t.Context(), other, t0()))
	wantErr(t, s.Replace(t.Context(), olds[1:], other, nil, t0()), models.ErrConflict) // another merge, of one of them
	parts, err = s.Parts(t.Context(), "", 10)
	must(t, err)
	same(t, "parts after a lost race", map[string]bool{"new": true, "old2": true}, map[string]bool{parts[0].ID: true, parts[len(parts)-1].ID: true})
}

// erasureSwept: an eraser that took too long doesn't book a file that was
// deleted as a leftover.
func erasureSwept(t *testing.T, s Store) {
	old := inHistory(t, s, 2)
	fresh := without(old, 1)
	wantErr(t, s.Replace(t.Context(), []models.Part{old}, fresh, nil, t0()), models.ErrConflict) // never reserved
	must(t, s.Reserve(t.Context(), fresh, t0()))
	young, err := s.Strays(t.Context(), t0().Add(time.Hour), 10)
	must(t, err)
	same(t, "strays while it is written", []string(nil), young)
	leftover, err := s.Strays(t.Context(), t0().Add(24*time.Hour), 10)
	must(t, err)
	same(t, "strays after a day", []string{fresh.Path()}, leftover)
	wantErr(t, s.Replace(t.Context(), []models.Part{old}, fresh, nil, t0()), models.ErrConflict)
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
	must(t, s.Replace(t.Context(), []models.Part{old}, fresh, map[string]int{id(1): 1}, t0()))
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
