package storagetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"weft/models"
)

func history() []behaviour {
	return []behaviour{
		{"staging twice is harmless", stageTwice},
		{"a part takes rows of one day and source", assignOne},
		{"a part takes only old rows, up to its size", assignSome},
		{"assigning a part again returns it", assignAgain},
		{"every row lands in exactly one part", assignRace},
		{"parts move by state", partMoves},
		{"a part that is loaded again refuses who comes late", partLoads},
		{"verified rows lose their bodies", partVerified},
	}
}

// aRow is a row of the post's n-th rev.
func aRow(post, profile string, generation int, rev int64) models.Row {
	return models.Row{
		Post: post, Profile: profile, Generation: generation, Rev: rev, Source: "weibo",
		CreatedAt: t0().Add(-time.Hour), ArchivedAt: t0(), Body: []byte(`{"post": {"text": "<丝绸>"}}`),
	}
}

func stageTwice(t *testing.T, s Store) {
	r := aRow(id(1), "catalog", 1, 2)
	must(t, s.Stage(t.Context(), []models.Row{r, r}))
	late := r
	late.Body, late.ArchivedAt = []byte(`"other"`), t0().Add(time.Hour)
	must(t, s.Stage(t.Context(), []models.Row{late, aRow(id(1), "catalog", 1, 3)}))
	n, err := s.StagedCount(t.Context())
	must(t, err)
	if n != 2 {
		t.Errorf("%d rows staged, want 2", n)
	}
	part, ok, err := s.Assign(t.Context(), "p1", 10, t0())
	must(t, err)
	rows, err := s.PartRows(t.Context(), "p1")
	must(t, err)
	same(t, "rows", []models.Row{r, aRow(id(1), "catalog", 1, 3)}, rows)
	if !ok || part.Rows != 2 || part.Checksum != models.Checksum(rows) || part.State != models.PartStaged || part.Day != "2026-03-04" || part.Source != "weibo" {
		t.Errorf("part %+v", part)
	}
	must(t, s.Stage(t.Context(), []models.Row{r}))
	n, err = s.StagedCount(t.Context())
	must(t, err)
	if n != 0 {
		t.Errorf("%d rows staged after a row was staged again, want 0", n)
	}
}

func assignOne(t *testing.T, s Store) {
	a, b, c := aRow(id(1), "catalog", 1, 1), aRow(id(2), "catalog", 1, 1), aRow(id(3), "catalog", 1, 1)
	b.CreatedAt, b.ArchivedAt = b.CreatedAt.Add(-24*time.Hour), t0().Add(-time.Minute)
	c.Source = "instagram"
	must(t, s.Stage(t.Context(), []models.Row{a, b, c}))
	got := map[string]int{}
	for _, id := range []string{"p1", "p2", "p3"} {
		p, ok, err := s.Assign(t.Context(), id, 10, t0())
		must(t, err)
		if ok {
			got[p.Day+" "+p.Source] = p.Rows
		}
	}
	same(t, "parts", map[string]int{"2026-03-03 weibo": 1, "2026-03-04 weibo": 1, "2026-03-04 instagram": 1}, got)
	_, ok, err := s.Assign(t.Context(), "p4", 10, t0())
	must(t, err)
	if ok {
		t.Error("a part was made of nothing")
	}
}

func assignSome(t *testing.T, s Store) {
	var rows []models.Row
	for i := range 5 {
		r := aRow(id(i), "catalog", 1, 1)
		r.ArchivedAt = t0().Add(time.Duration(i) * time.Minute)
		rows = append(rows, r)
	}
	must(t, s.Stage(t.Context(), rows))
	_, ok, err := s.Assign(t.Context(), "p0", 10, t0().Add(-time.Second))
	must(t, err)
	if ok {
		t.Error("a part was made of rows that are too young")
	}
	for _, want := range []struct {
		id   string
		rows []models.Row
	}{{"p1", rows[:2]}, {"p2", rows[2:4]}} {
		_, ok, err := s.Assign(t.Context(), want.id, 2, t0().Add(3*time.Minute))
		must(t, err)
		got, err := s.PartRows(t.Context(), want.id)
		must(t, err)
		same(t, want.id, want.rows, got)
		if !ok {
			t.Errorf("%s was not made", want.id)
		}
	}
}

func assignAgain(t *testing.T, s Store) {
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 1)}))
	first, _, err := s.Assign(t.Context(), "p1", 10, t0())
	must(t, err)
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(2), "catalog", 1, 1)}))
	again, ok, err := s.Assign(t.Context(), "p1", 10, t0())
	must(t, err)
	if !ok {
		t.Error("the part was not found")
	}
	same(t, "part", first, again)
}

func assignRace(t *testing.T, s Store) {
	var rows []models.Row
	for i := range 60 {
		rows = append(rows, aRow(id(i), "catalog", 1, 1))
	}
	must(t, s.Stage(t.Context(), rows))
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, _, err := s.Assign(t.Context(), fmt.Sprintf("p%d", i), 7, t0()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	parts, err := s.Parts(t.Context(), models.PartStaged, 0)
	must(t, err)
	var keys []string
	for _, p := range parts {
		got, err := s.PartRows(t.Context(), p.ID)
		must(t, err)
		for i := range got {
			keys = append(keys, got[i].Post)
		}
	}
	slices.Sort(keys)
	same(t, "rows in parts", wantIDs(60, 1), keys)
	if len(parts) != 9 {
		t.Errorf("%d parts, want 9", len(parts))
	}
}

func partMoves(t *testing.T, s Store) {
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 1)}))
	p, _, err := s.Assign(t.Context(), "p1", 10, t0())
	must(t, err)
	p.State, p.Bytes = models.PartWritten, 123
	must(t, s.MovePart(t.Context(), p, models.PartStaged))
	wantErr(t, s.MovePart(t.Context(), p, models.PartStaged), models.ErrConflict)
	unknown := p
	unknown.ID = "p2"
	wantErr(t, s.MovePart(t.Context(), unknown, models.PartStaged), models.ErrNotFound)
	for state, want := range map[models.PartState]int{"": 1, models.PartStaged: 0, models.PartWritten: 1} {
		got, err := s.Parts(t.Context(), state, 10)
		must(t, err)
		if len(got) != want {
			t.Errorf("%d parts in state %q, want %d", len(got), state, want)
		}
	}
	got, err := s.Parts(t.Context(), models.PartWritten, 1)
	must(t, err)
	same(t, "part", []models.Part{p}, got)
}

// partLoads: Loads tell one round of written, loading, loaded from the next.
func partLoads(t *testing.T, s Store) {
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 1)}))
	p, _, err := s.Assign(t.Context(), "p1", 10, t0())
	must(t, err)
	move := func(to models.PartState, load string, loads int) error {
		from := p
		next := p
		next.State, next.Load, next.Loads = to, load, loads
		if err := s.MovePart(t.Context(), next, from.State); err != nil {
			return err
		}
		p = next
		return nil
	}
	must(t, move(models.PartWritten, "", 0))
	stale := p
	wantErr(t, move(models.PartLoading, "a", 0), models.ErrConflict) // a load that isn't counted
	must(t, move(models.PartLoading, "a", 1))
	late := p
	late.State = models.PartLoaded
	must(t, move(models.PartLoaded, "a", 1))
	must(t, move(models.PartWritten, "a", 1))
	stale.State, stale.Load, stale.Loads = models.PartLoading, "b", 1
	wantErr(t, s.MovePart(t.Context(), stale, models.PartWritten), models.ErrConflict)
	must(t, move(models.PartLoading, "c", 2))
	wantErr(t, s.MovePart(t.Context(), late, models.PartLoading), models.ErrConflict)
	got, err := s.Parts(t.Context(), models.PartLoading, 10)
	must(t, err)
	same(t, "part", []models.Part{p}, got)
	must(t, move(models.PartLoaded, "c", 2))
	must(t, move(models.PartVerified, "c", 2))
	again := p
	again.Load, again.Loads = "d", 2
	wantErr(t, s.MovePart(t.Context(), again, models.PartVerified), models.ErrConflict) // a load that isn't counted
	must(t, move(models.PartVerified, "e", 3))
	again.Loads = 3
	wantErr(t, s.MovePart(t.Context(), again, models.PartVerified), models.ErrConflict) // somebody else booked before
	got, err = s.Parts(t.Context(), models.PartVerified, 10)
	must(t, err)
	same(t, "booked part", []models.Part{p}, got)
}

func partVerified(t *testing.T, s Store) {
	must(t, s.Stage(t.Context(), []models.Row{aRow(id(1), "catalog", 1, 1)}))
	verify(t, s, "p1")
	rows, err := s.PartRows(t.Context(), "p1")
	must(t, err)
	if len(rows) != 1 || len(rows[0].Body) != 0 || rows[0].Key() != id(1)+"/catalog/1/1" {
		t.Errorf("rows %v, want the key without a body", rows)
	}
}

// verify takes whatever is staged into a part and through all its states.
func verify(t *testing.T, s Store, part string) {
	t.Helper()
	p, ok, err := s.Assign(t.Context(), part, 100, t0().Add(24*time.Hour))
	must(t, err)
	if !ok {
		t.Fatal("nothing was staged")
	}
	for _, state := range []models.PartState{models.PartWritten, models.PartLoaded, models.PartVerified} {
		from := p.State
		p.State = state
		must(t, s.MovePart(t.Context(), p, from))
	}
}

func blobs() []behaviour {
	return []behaviour{
		{"are released with their last reference", blobLast},
		{"the later expiry holds", blobLater},
		{"of tombstoned posts are released", blobTombstoned},
		{"doomed keys take no reference until undoomed", blobDoomed},
	}
}

func release(t *testing.T, s Store, at time.Time) []string {
	t.Helper()
	keys, err := s.Release(t.Context(), at, 100)
	must(t, err)
	slices.Sort(keys)
	return keys
}

func blobLast(t *testing.T, s Store) {
	must(t, s.AddRefs(t.Context(), []models.BlobRef{
		{Key: "a", Post: id(1), Expires: t0()}, {Key: "a", Post: id(2), Expires: t0().Add(time.Hour)}, {Key: "b", Post: id(1), Expires: t0()}, {Key: "c", Post: id(1)},
	}))
	same(t, "before", []string(nil), release(t, s, t0().Add(-time.Second)))
	same(t, "at the first expiry", []string{"b"}, release(t, s, t0()))
	must(t, s.Undoom(t.Context(), []string{"b"}))
	same(t, "later", []string{"a"}, release(t, s, t0().Add(time.Hour)))
	must(t, s.Undoom(t.Context(), []string{"a"}))
	same(t, "for ever", []string(nil), release(t, s, t0().Add(1000*time.Hour)))
}

func blobLater(t *testing.T, s Store) {
	for _, refs := range [][]models.BlobRef{
		{{Key: "a", Post: id(1), Expires: t0().Add(time.Hour)}, {Key: "b", Post: id(1)}},
		{{Key: "a", Post: id(1), Expires: t0()}, {Key: "b", Post: id(1), Expires: t0()}},
	} {
		must(t, s.AddRefs(t.Context(), refs))
	}
	same(t, "at the earlier expiry", []string(nil), release(t, s, t0()))
	same(t, "at the later", []string{"a"}, release(t, s, t0().Add(time.Hour)))
}

func blobTombstoned(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	admit(t, s, aPost(id(2)), "catalog")
	must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "mine", Post: id(1)}, {Key: "shared", Post: id(1)}, {Key: "shared", Post: id(2)}}))
	_, err := s.Update(t.Context(), id(1), models.Change{Delete: &models.Tombstone{At: t0(), By: "author"}})
	must(t, err)
	same(t, "released", []string{"mine"}, release(t, s, t0()))
}

func blobDoomed(t *testing.T, s Store) {
	must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "a", Post: id(1), Expires: t0()}}))
	same(t, "released", []string{"a"}, release(t, s, t0()))
	same(t, "released again", []string{"a"}, release(t, s, t0()))
	wantErr(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "fresh", Post: id(2), Expires: t0()}, {Key: "a", Post: id(2), Expires: t0()}}), models.ErrConflict)
	must(t, s.Undoom(t.Context(), []string{"a", "none"}))
	same(t, "after undoom nothing of the refused call is there", []string(nil), release(t, s, t0().Add(time.Hour)))
	must(t, s.AddRefs(t.Context(), []models.BlobRef{{Key: "a", Post: id(2)}}))
}
