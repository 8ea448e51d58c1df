package models_test

import (
	"testing"
	"time"

	"weft/models"
)

func TestProjectKeepsOut(t *testing.T) {
	shown := models.Post{ID: "sim.1", Published: map[string]models.Publication{"p": {}}}
	for name, c := range map[string]struct {
		change func(p *models.Post)
		want   bool
	}{
		"as it is":                {func(*models.Post) {}, true},
		"hidden":                  {func(p *models.Post) { p.Hidden = "platform: suspended" }, false},
		"not to be found":         {func(p *models.Post) { p.Flags = []models.Flag{models.Adult, models.NoIndex} }, false},
		"only for the logged in":  {func(p *models.Post) { p.Flags = []models.Flag{models.NoPublic} }, true},
		"a tombstone":             {func(p *models.Post) { p.Tombstone = &models.Tombstone{} }, false},
		"published by no profile": {func(p *models.Post) { p.Published = nil }, false},
	} {
		p := shown
		c.change(&p)
		doc, ok := models.Project(&p)
		if ok != c.want || (ok && len(doc.Flags) != len(p.Flags)) {
			t.Errorf("%s: shown %t with flags %v, want %t", name, ok, doc.Flags, c.want)
		}
	}
}

func TestChangeHides(t *testing.T) {
	p := models.Post{ID: "sim.1", Rev: 3, Text: "silk"}
	reason, none := "platform: suspended", ""
	for _, c := range []struct {
		hidden *string
		rev    int64
		want   string
	}{{&reason, 4, reason}, {&reason, 4, reason}, {nil, 4, reason}, {&none, 5, ""}, {&none, 5, ""}} {
		models.Change{Hidden: c.hidden}.Apply(&p)
		if p.Rev != c.rev || p.Hidden != c.want || p.Text != "silk" {
			t.Errorf("after hiding with %v: %q at rev %d, want %q at %d", c.hidden, p.Hidden, p.Rev, c.want, c.rev)
		}
	}
	if (models.Change{Hidden: &none}).Empty() {
		t.Error("a change that shows a post is called empty")
	}
}

func TestOlder(t *testing.T) {
	at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		edited, stored time.Time
		want           bool
	}{{at, at, false}, {at.Add(1), at, false}, {at.Add(-1), at, true}, {time.Time{}, at, true}, {at, time.Time{}, false}, {time.Time{}, time.Time{}, false}} {
		p := models.Post{EditedAt: c.edited}
		if got := p.Older(c.stored); got != c.want {
			t.Errorf("edited %s, stored %s: older %t", c.edited, c.stored, got)
		}
	}
}
