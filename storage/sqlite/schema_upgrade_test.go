package sqlite

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weft/models"
	"weft/storage/document"
)

// openLayout1 opens a file that a program of layout 1 left: testdata has its
// tables, and some of its rows, as SQL.
func openLayout1(t *testing.T) *Documents {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "layout_1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "docs.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), string(script)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, path)
	return openAt(t, path) // a second time, it is of this layout already
}

func TestLayout1IsUpgraded(t *testing.T) {
	d := openLayout1(t)
	var layout string
	if err := d.r.one(t.Context(), `SELECT value FROM meta WHERE key = 'layout'`, nil, &layout); err != nil || layout != "3" {
		t.Fatalf("layout %q, %v", layout, err)
	}
	p, run, err := d.Load(t.Context(), "weibo.1", "catalog")
	if err != nil || p.Text != "seide" || run.Seq != 3 {
		t.Errorf("%q, %v, %v", p.Text, run, err)
	}
	got, err := d.Erasures(t.Context(), "", 10)
	if err != nil || len(got) != 1 || got[0].Post != "weibo.3" || got[0].Day != "2026-03-04" || !got[0].Firm {
		t.Errorf("to be erased %+v, %v; want the post that was deleted before", got, err)
	}
	stale := p
	stale.Text, stale.EditedAt = "before", time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	admitted, err := d.Admit(t.Context(), []models.Admission{{Post: stale, Run: models.NewRun(p.ID, "catalog", "v1", models.Normal, time.Now(), time.Minute)}})
	if err != nil || admitted[0].Result != models.Known {
		t.Errorf("an old copy: %+v, %v; want it known", admitted, err)
	}
}

func TestLayout1KnowsAuthors(t *testing.T) {
	d := openLayout1(t)
	done, err := d.Forget(t.Context(), []models.Deletion{{Source: "weibo", Author: "77", Act: models.Delete, By: "request", At: time.Now()}})
	if err != nil || done.Deleted != 2 || done.Authors != 1 {
		t.Errorf("%+v, %v; want both posts of the author", done, err)
	}
	done, err = d.Forget(t.Context(), []models.Deletion{{Source: "weibo", NativeID: "4", Act: models.Delete, By: "author", At: time.Now()}})
	if err != nil || done.Purged != 1 {
		t.Fatalf("%+v, %v; want the purged post", done, err)
	}
	got, err := d.Erasures(t.Context(), "weibo.3", 10)
	if err != nil || len(got) != 1 || got[0].Day != "2026-03-01" {
		t.Errorf("to be erased %+v, %v; want the day of its part", got, err)
	}
}

func TestSaltIsPerStoreAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs.db")
	one := openAt(t, path).w.salt.Post("weibo.1")
	again := openAt(t, path).w.salt.Post("weibo.1")
	other := openAt(t, filepath.Join(t.TempDir(), "docs.db")).w.salt.Post("weibo.1")
	if !bytes.Equal(one, again) || bytes.Equal(one, other) || len(one) != document.HashSize {
		t.Errorf("hashes %x and %x of one store, %x of another", one, again, other)
	}
}
