package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"weft/models"
)

// TestDraftsOfADeletedPostGo, too: no port tells of them any more.
func TestDraftsOfADeletedPostGo(t *testing.T) {
	d := openAt(t, filepath.Join(t.TempDir(), "docs.db"))
	run := admitted(t, d, 1)[0]
	it := models.Item{ID: "i1", Rev: 1, Post: run.Post, Profile: "catalog", State: models.ItemOpen, Wanted: 1, Questions: []models.Question{{Attribute: "brand"}}}
	if err := d.PutItem(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	if err := d.PutDraft(t.Context(), models.Draft{Item: "i1", By: "ann", Skip: "offensive", SavedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		var n int
		if err := d.r.one(t.Context(), `SELECT count(*) FROM drafts`, nil, &n); err != nil || n != want {
			t.Errorf("%d drafts, %v; want %d", n, err, want)
		}
		if _, err := d.Update(t.Context(), run.Post, models.Change{Delete: &models.Tombstone{By: "author", At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLayout2GetsLanes: the items of a file of layout 2 can be claimed, and their
// answers are listed.
func TestLayout2GetsLanes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs.db")
	d, err := OpenDocuments(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	it := models.Item{
		ID: "i1", Rev: 1, Post: "weibo.1", Profile: "catalog", State: models.ItemOpen, Wanted: 2, OpenedAt: now,
		Questions: []models.Question{{Attribute: "brand"}}, Answers: []models.Answer{{By: "ann", At: now, Values: map[string][]string{"brand": {"x"}}}},
	}
	if err := d.PutItem(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	for _, back := range []string{
		`DROP INDEX items_lane`, `DROP INDEX items_oldest`, `DROP INDEX items_contested`, `DROP INDEX items_gold`,
		`ALTER TABLE items DROP COLUMN lane`, `ALTER TABLE items DROP COLUMN contested`, `ALTER TABLE items DROP COLUMN gold`,
		`DROP TABLE claims`, `DROP TABLE drafts`, `DROP TABLE answers`, `UPDATE meta SET value = '2' WHERE key = 'layout'`,
	} {
		if _, err := d.w.conn.ExecContext(t.Context(), back); err != nil {
			t.Fatalf("%s: %v", back, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openAt(t, path)
	for name, want := range map[string]int{"ann": 0, "bob": 1} {
		got, err := d.ClaimItems(t.Context(), models.Asker{Name: name}, "catalog", 2, now, now.Add(time.Minute))
		if err != nil || len(got) != want {
			t.Errorf("%s claims %+v, %v; want %d", name, got, err, want)
		}
	}
	given, err := d.Given(t.Context(), models.GivenFilter{By: "ann"})
	if err != nil || len(given) != 1 || given[0].Item != "i1" {
		t.Errorf("answers %+v, %v", given, err)
	}
}
