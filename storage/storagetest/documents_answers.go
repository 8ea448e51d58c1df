package storagetest

import (
	"testing"
	"time"

	"weft/models"
)

func drafts(t *testing.T, s Store) {
	it := openItem(t, s, 1, nil)
	d := models.Draft{Item: it.ID, By: "ann", Values: map[string][]string{"brand": {"奢侈品"}}, SavedAt: t0().Add(time.Second)}
	d.Boxes = map[string][]models.Spot{"brand": {{Value: "奢侈品", Image: "ab", Box: models.Box{X: .125, W: 1. / 3, H: 1}}}}
	d.Item = "none"
	wantErr(t, s.PutDraft(t.Context(), d), models.ErrNotFound)
	d.Item = it.ID
	claim(t, s, "ann", 1, 0)
	must(t, s.PutDraft(t.Context(), d))
	d.Values, d.Skip = nil, "not sure"
	must(t, s.PutDraft(t.Context(), d))
	if got := claim(t, s, "bob", 1, lease); len(got) != 1 || got[0].Draft != nil {
		t.Errorf("bob's %+v, want the item without ann's draft", got)
	}
	give(t, s, it.ID, "bob", lease+time.Second) // a skip, so it is ann's again
	got := claim(t, s, "ann", 1, lease+time.Second)
	if len(got) != 1 || got[0].Draft == nil {
		t.Fatalf("ann's %+v, want the draft", got)
	}
	same(t, "draft", d, *got[0].Draft)
	held, err := s.HeldClaims(t.Context(), "ann", t0().Add(lease+time.Second))
	must(t, err)
	same(t, "held", got, held)
	give(t, s, it.ID, "ann", lease+2*time.Second, "other")
	taken, err := s.TakeItem(t.Context(), ask("ann"), it.ID, t0().Add(2*lease), t0().Add(3*lease))
	must(t, err)
	if taken.Draft != nil {
		t.Errorf("draft %+v after the answer", taken.Draft)
	}
	late := models.Draft{Item: it.ID, By: "ann", Skip: "bad image", SavedAt: t0().Add(2 * lease)}
	must(t, s.PutDraft(t.Context(), late))
	give(t, s, it.ID, "carl", 2*lease+time.Second, "other")
	taken, err = s.TakeItem(t.Context(), ask("ann"), it.ID, t0().Add(2*lease), t0().Add(3*lease))
	must(t, err)
	if taken.Draft == nil {
		t.Error("another's answer took the draft along")
	}
}

func goldItems(t *testing.T, s Store) {
	gold := func(it *models.Item) {
		it.Gold = &models.Gold{Values: map[string][]string{"brand": {"other"}}, By: "ida", At: t0()}
	}
	it := openItem(t, s, 1, gold)
	_, err := s.GoldItem(t.Context(), "bob", "catalog")
	wantErr(t, err, models.ErrNotFound) // it is not settled yet
	give(t, s, it.ID, "ann", time.Second, "other")
	for _, profile := range []string{"", "catalog"} {
		got, err := s.GoldItem(t.Context(), "bob", profile)
		must(t, err)
		same(t, "for bob", it.ID, got)
	}
	_, err = s.GoldItem(t.Context(), "bob", "quality")
	wantErr(t, err, models.ErrNotFound)
	_, err = s.GoldItem(t.Context(), "ann", "")
	wantErr(t, err, models.ErrNotFound)
	for _, name := range []string{"bob", "carl"} { // as many as like
		_, err := s.TakeItem(t.Context(), ask(name), it.ID, t0().Add(2*time.Second), t0().Add(lease))
		must(t, err)
	}
	_, err = s.GoldItem(t.Context(), "bob", "")
	wantErr(t, err, models.ErrNotFound)
	put(t, s, it.ID, func(it *models.Item) {
		*it = it.WithAnswer(models.Answer{By: "bob", At: t0().Add(3 * time.Second), Values: map[string][]string{"brand": {"Hermès"}}, Check: true})
	})
	_, err = s.GoldItem(t.Context(), "bob", "")
	wantErr(t, err, models.ErrNotFound)
	got, err := s.Item(t.Context(), it.ID)
	must(t, err)
	if verdict, labels := got.Judge(); verdict != models.Settled || len(labels) != 1 || labels[0].Values[0] != "other" || got.Gold == nil {
		t.Errorf("after a check %v %v, gold %v", verdict, labels, got.Gold)
	}
	put(t, s, it.ID, func(it *models.Item) { it.Gold = nil })
	_, err = s.GoldItem(t.Context(), "dora", "")
	wantErr(t, err, models.ErrNotFound)
}

func givenAnswers(t *testing.T, s Store) {
	var ids []string
	for n := range 3 {
		it := openItem(t, s, n, func(it *models.Item) { it.Wanted = 2 })
		ids = append(ids, it.ID)
		give(t, s, it.ID, "ann", time.Duration(n)*time.Minute, "other")
	}
	give(t, s, ids[0], "bob", 10*time.Minute)
	give(t, s, ids[1], "ann", 20*time.Minute, "Hermès") // instead of what she said before
	for _, c := range []struct {
		name   string
		filter models.GivenFilter
		want   []string
	}{
		{"all", models.GivenFilter{}, []string{"ann " + ids[1], "bob " + ids[0], "ann " + ids[2], "ann " + ids[0]}},
		{"ann's", models.GivenFilter{By: "ann"}, []string{"ann " + ids[1], "ann " + ids[2], "ann " + ids[0]}},
		{"ann's in the profile", models.GivenFilter{By: "ann", Profile: "catalog", Limit: 1}, []string{"ann " + ids[1]}},
		{"another profile's", models.GivenFilter{Profile: "quality"}, nil},
		{"since and until", models.GivenFilter{Since: t0().Add(2 * time.Minute), Until: t0().Add(20 * time.Minute)}, []string{"bob " + ids[0], "ann " + ids[2]}},
		{"the next page", models.GivenFilter{Profile: "catalog", Before: t0().Add(10 * time.Minute), BeforeItem: ids[0]}, []string{"ann " + ids[2], "ann " + ids[0]}},
		{"the next page of the same moment", models.GivenFilter{By: "ann", Before: t0().Add(2 * time.Minute), BeforeItem: ids[2] + "x"}, []string{"ann " + ids[2], "ann " + ids[0]}},
	} {
		got, err := s.Given(t.Context(), c.filter)
		must(t, err)
		var lines []string
		for _, g := range got {
			lines = append(lines, g.By+" "+g.Item)
		}
		same(t, c.name, c.want, lines)
	}
	got, err := s.Given(t.Context(), models.GivenFilter{Limit: 2})
	must(t, err)
	same(t, "what was said", []models.Given{
		{Item: ids[1], Profile: "catalog", Answer: models.Answer{By: "ann", At: t0().Add(20 * time.Minute), Values: map[string][]string{"brand": {"Hermès"}}}},
		{Item: ids[0], Profile: "catalog", Answer: models.Answer{By: "bob", At: t0().Add(10 * time.Minute), Skip: "not sure"}},
	}, got)
	items, err := s.ItemsByID(t.Context(), []string{ids[2], "none", ids[0]})
	must(t, err)
	same(t, "items", []string{id(2), id(0)}, itemPosts(items))
}

func labelProgress(t *testing.T, s Store) {
	now := t0().Add(90 * time.Minute)
	openItem(t, s, 1, nil)
	openItem(t, s, 2, func(it *models.Item) { it.Wanted = 2 })
	openItem(t, s, 3, nil)
	other := anItem(id(4), "quality")
	must(t, s.PutItem(t.Context(), other))
	give(t, s, models.ItemID(id(2), "catalog", "1"), "ann", time.Minute, "other")
	give(t, s, models.ItemID(id(2), "catalog", "1"), "bob", 80*time.Minute, "Hermès")
	give(t, s, other.ID, "bob", 80*time.Minute)
	claim(t, s, "ann", 1, 86*time.Minute)
	got, err := s.LabelProgress(t.Context(), "catalog", now)
	must(t, err)
	oldest := t0().Add(2 * time.Second)
	hours := make([]models.HourlyWork, 24)
	for i := range hours {
		hours[i].From = now.Truncate(time.Hour).Add(time.Duration(i-23) * time.Hour)
	}
	at := func(after time.Duration) *models.HourlyWork {
		return &hours[23-int(now.Truncate(time.Hour).Sub(t0().Add(after).Truncate(time.Hour))/time.Hour)]
	}
	at(time.Minute).Answers++
	at(80*time.Minute).Answers++
	same(t, "progress", models.LabelProgress{Open: 2, Held: 1, Disputed: 1, Hours: hours, Oldest: &oldest}, got)
	all, err := s.LabelProgress(t.Context(), "", now)
	must(t, err)
	at(80*time.Minute).Skips++
	oldest = t0()
	same(t, "of all profiles", models.LabelProgress{Open: 3, Held: 1, Disputed: 1, Hours: hours, Oldest: &oldest}, all)
}
