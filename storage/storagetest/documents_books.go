package storagetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
)

func items() []behaviour {
	return []behaviour{
		{"are written by rev", itemRevs},
		{"one of a hundred racing answers wins", itemRace},
		{"come by priority, then age", itemOrder},
		{"answered ones that nobody is at work on", itemAnswered},
	}
}

// anItem asks for the brand in post.
func anItem(post, profile string) models.Item {
	return models.Item{
		ID: models.ItemID(post, profile, "1"), Rev: 1, Post: post, Profile: profile, Taxonomy: "1", State: models.ItemOpen, Rule: true,
		Questions: []models.Question{{Attribute: "brand", Options: []string{"Hermès", "other"}, Suggestion: []string{"other"}, Confidence: .4, Boxes: []models.Spot{{Value: "other", Image: "ab", Box: models.Box{X: .1, Y: .2, W: .3, H: .4}}}}},
		Reason:    "brand 0.40 < 0.90", Wanted: 1, Parking: true, Priority: 1, OpenedAt: t0(), Due: t0().Add(72 * time.Hour),
	}
}

func itemRevs(t *testing.T, s Store) {
	it := anItem(id(1), "catalog")
	_, err := s.Item(t.Context(), it.ID)
	wantErr(t, err, models.ErrNotFound)
	second := it.WithAnswer(models.Answer{By: "ann", At: t0(), Values: map[string][]string{"brand": {"Hermès"}}})
	second.Rev = 2
	wantErr(t, s.PutItem(t.Context(), second), models.ErrConflict)
	must(t, s.PutItem(t.Context(), it))
	wantErr(t, s.PutItem(t.Context(), it), models.ErrConflict)
	must(t, s.PutItem(t.Context(), second))
	wantErr(t, s.PutItem(t.Context(), second), models.ErrConflict)
	got, err := s.Item(t.Context(), it.ID)
	must(t, err)
	same(t, "item", second, got)
}

func itemRace(t *testing.T, s Store) {
	it := anItem(id(1), "catalog")
	must(t, s.PutItem(t.Context(), it))
	it.Rev = 2
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := s.PutItem(t.Context(), it); err == nil {
				won.Add(1)
			} else {
				wantErr(t, err, models.ErrConflict)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won, want 1", won.Load())
	}
}

func itemOrder(t *testing.T, s Store) {
	put := func(post, profile string, state models.ItemState, priority float64, age time.Duration) {
		it := anItem(post, profile)
		it.State, it.Priority, it.OpenedAt = state, priority, t0().Add(-age)
		must(t, s.PutItem(t.Context(), it))
	}
	put(id(1), "catalog", models.ItemOpen, 1, 0)
	put(id(2), "catalog", models.ItemOpen, 1, time.Hour)
	put(id(3), "catalog", models.ItemOpen, 2.5, 0)
	put(id(4), "quality", models.ItemEscalated, 9, 0)
	put(id(5), "catalog", models.ItemClosed, 99, 0)
	for _, c := range []struct {
		name   string
		filter models.ItemFilter
		want   []string
	}{
		{"all", models.ItemFilter{}, []string{id(5), id(4), id(3), id(2), id(1)}},
		{"open", models.ItemFilter{States: []models.ItemState{models.ItemOpen}}, []string{id(3), id(2), id(1)}},
		{"open or escalated", models.ItemFilter{States: []models.ItemState{models.ItemOpen, models.ItemEscalated}, Limit: 2}, []string{id(4), id(3)}},
		{"profile", models.ItemFilter{Profile: "quality"}, []string{id(4)}},
	} {
		got, err := s.Items(t.Context(), c.filter)
		must(t, err)
		same(t, c.name, c.want, itemPosts(got))
	}
}

func itemPosts(items []models.Item) []string {
	var posts []string
	for _, it := range items {
		posts = append(posts, it.Post)
	}
	return posts
}

func itemAnswered(t *testing.T, s Store) {
	yes := models.Answer{By: "ann", At: t0(), Values: map[string][]string{"brand": {"Hermès"}}}
	no := models.Answer{By: "bob", At: t0(), Values: map[string][]string{"brand": {}}}
	open := func(n int, park bool, change func(it *models.Item)) {
		r := admit(t, s, aPost(id(n)), "catalog")
		if park {
			move(t, s, r.Park(time.Time{}, "asked", t0()))
		}
		it := anItem(id(n), "catalog")
		it.OpenedAt = t0().Add(time.Duration(-n) * time.Minute)
		change(&it)
		must(t, s.PutItem(t.Context(), it))
	}
	open(1, true, func(it *models.Item) { *it = it.WithAnswer(yes) })
	open(2, true, func(*models.Item) {})
	open(3, false, func(it *models.Item) { *it = it.WithAnswer(yes) })
	open(4, true, func(it *models.Item) { *it = it.WithAnswer(yes); it.State = models.ItemClosed })
	open(5, true, func(it *models.Item) { *it = it.WithAnswer(yes); it.Parking = false })
	open(6, true, func(it *models.Item) { *it = it.WithAnswer(yes).WithAnswer(no); it.State = models.ItemEscalated })
	open(7, true, func(it *models.Item) { *it = it.WithAnswer(yes); it.Wanted = 2 })
	got, err := s.Answered(t.Context(), 10)
	must(t, err)
	same(t, "answered", []string{id(6), id(5), id(4), id(1)}, itemPosts(got))
	it, err := s.Item(t.Context(), anItem(id(2), "catalog").ID)
	must(t, err)
	it = it.WithAnswer(yes)
	it.Rev++
	must(t, s.PutItem(t.Context(), it))
	got, err = s.Answered(t.Context(), 2)
	must(t, err)
	same(t, "answered after one more", []string{id(6), id(5)}, itemPosts(got))
	_, r := load(t, s, id(6), "catalog")
	move(t, s, r.Wake("answered", t0(), horizon))
	got, err = s.Answered(t.Context(), 10)
	must(t, err)
	same(t, "answered after a wake", []string{id(5), id(4), id(2), id(1)}, itemPosts(got))
	_, r = load(t, s, id(1), "catalog")
	move(t, s, r.End(models.Dropped, "no longer", t0()))
	got, err = s.Answered(t.Context(), 10)
	must(t, err)
	same(t, "answered after an end", []string{id(5), id(4), id(2), id(1)}, itemPosts(got))
}

func books() []behaviour {
	return []behaviour{
		{"results never change", resultsOnce},
		{"profiles by version", profileVersions},
		{"a lease has one holder", leases},
		{"one of a hundred takes a lease", leaseRace},
		{"meta values", metaValues},
		{"campaigns", campaigns},
		{"campaigns move by rev", campaignRevs},
		{"runs of a campaign are counted", campaignCounts},
	}
}

func resultsOnce(t *testing.T, s Store) {
	r := models.Result{Input: "in", Model: "color", Version: "1", Params: `{"k":4}`, Attributes: []models.Attribute{{Name: "color", Value: "海军蓝"}}, Cost: .5}
	other := r
	other.Cost = 9
	second := models.Result{Input: "in", Model: "color", Version: "2"}
	must(t, s.PutResults(t.Context(), []models.Result{r, second}))
	must(t, s.PutResults(t.Context(), []models.Result{other}))
	got, err := s.Results(t.Context(), []string{r.Key(), "none", second.Key(), r.Key()})
	must(t, err)
	same(t, "results", map[string]models.Result{r.Key(): r, second.Key(): second}, got)
	none, err := s.Results(t.Context(), nil)
	must(t, err)
	same(t, "no keys", map[string]models.Result{}, none)
}

func profileVersions(t *testing.T, s Store) {
	_, err := s.Profile(t.Context(), "v1")
	wantErr(t, err, models.ErrNotFound)
	must(t, s.PutProfile(t.Context(), "quality", "v1", []byte("name: quality\n# 奢侈品\n")))
	must(t, s.PutProfile(t.Context(), "quality", "v2", []byte("two")))
	must(t, s.PutProfile(t.Context(), "catalog", "v3", []byte("three")))
	body, err := s.Profile(t.Context(), "v1")
	must(t, err)
	same(t, "body", "name: quality\n# 奢侈品\n", string(body))
	got, err := s.Profiles(t.Context())
	must(t, err)
	same(t, "versions", []models.ProfileVersion{{Name: "catalog", Version: "v3"}, {Name: "quality", Version: "v2"}, {Name: "quality", Version: "v1"}}, got)
	must(t, s.PutProfile(t.Context(), "quality", "v1", []byte("name: quality\n# 奢侈品\n")))
	got, err = s.Profiles(t.Context())
	must(t, err)
	same(t, "versions after going back", []models.ProfileVersion{{Name: "catalog", Version: "v3"}, {Name: "quality", Version: "v1"}, {Name: "quality", Version: "v2"}}, got)
}

func leases(t *testing.T, s Store) {
	take := func(holder string, ttl, after time.Duration) bool {
		ok, err := s.Lease(t.Context(), "reconciler", holder, ttl, t0().Add(after))
		must(t, err)
		return ok
	}
	for i, c := range []struct {
		holder     string
		ttl, after time.Duration
		want       bool
	}{
		{"a", time.Minute, 0, true},
		{"b", time.Minute, 30 * time.Second, false},
		{"a", time.Minute, 30 * time.Second, true},
		{"b", time.Minute, 70 * time.Second, false},
		{"b", time.Minute, 90 * time.Second, true},
		{"a", time.Minute, 91 * time.Second, false},
		{"b", 0, 92 * time.Second, true},
		{"a", time.Minute, 92 * time.Second, true},
	} {
		if got := take(c.holder, c.ttl, c.after); got != c.want {
			t.Errorf("%d: %s after %v got %v, want %v", i, c.holder, c.after, got, c.want)
		}
	}
	ok, err := s.Lease(t.Context(), "other", "b", time.Minute, t0())
	must(t, err)
	if !ok {
		t.Error("another lease was refused")
	}
}

func leaseRace(t *testing.T, s Store) {
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			ok, err := s.Lease(t.Context(), "parts", id(i), time.Minute, t0())
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d hold the lease, want 1", won.Load())
	}
}

func metaValues(t *testing.T, s Store) {
	got, err := s.Meta(t.Context(), "layout")
	must(t, err)
	same(t, "nothing", "", got)
	must(t, s.SetMeta(t.Context(), "layout", "水位"))
	must(t, s.SetMeta(t.Context(), "layout", "水位 2"))
	got, err = s.Meta(t.Context(), "layout")
	must(t, err)
	same(t, "value", "水位 2", got)
}

func campaigns(t *testing.T, s Store) {
	a := models.Campaign{ID: "c1", Profile: "catalog", Version: "v1", Where: `source == "weibo"`, Since: t0().Add(-time.Hour), StartedAt: t0()}
	b := models.Campaign{ID: "c0", Profile: "catalog", Version: "v2", StartedAt: t0().Add(time.Hour)}
	must(t, s.PutCampaign(t.Context(), a))
	must(t, s.PutCampaign(t.Context(), b))
	a.Cursor, a.Posts, a.NoImages, a.EndedAt = id(7), 8, 1, t0().Add(2*time.Hour)
	must(t, s.PutCampaign(t.Context(), a))
	got, err := s.Campaigns(t.Context())
	must(t, err)
	same(t, "campaigns", []models.Campaign{b, a}, got)
}

func campaignRevs(t *testing.T, s Store) {
	_, err := s.Campaign(t.Context(), "c1")
	wantErr(t, err, models.ErrNotFound)
	c := models.Campaign{ID: "c1", Rev: 2, State: models.CampaignRunning, Profile: "catalog", Version: "v1", StartedAt: t0()}
	wantErr(t, s.MoveCampaign(t.Context(), c), models.ErrConflict)
	c.Rev = 1
	must(t, s.MoveCampaign(t.Context(), c))
	wantErr(t, s.MoveCampaign(t.Context(), c), models.ErrConflict)
	second := c
	second.Rev, second.State, second.Cursor, second.EndedAt = 2, models.CampaignPaused, id(3), t0().Add(time.Hour)
	must(t, s.MoveCampaign(t.Context(), second))
	for _, stale := range []int64{1, 2, 4} {
		c.Rev = stale
		wantErr(t, s.MoveCampaign(t.Context(), c), models.ErrConflict)
	}
	got, err := s.Campaign(t.Context(), "c1")
	must(t, err)
	same(t, "campaign", second, got)
}

func campaignCounts(t *testing.T, s Store) {
	for i := range 4 {
		run := admit(t, s, aPost(id(i)), "catalog")
		if i < 3 {
			m := run.Regenerate(models.AnalyzeLight, "v2", "c1", models.Bulk, "again", t0(), horizon)
			must(t, s.Move(t.Context(), m))
			if i == 0 {
				must(t, s.Move(t.Context(), m.Run.End(models.Done, "ready", t0())))
			}
		}
	}
	got, err := s.CampaignCounts(t.Context(), "c1")
	must(t, err)
	same(t, "counts", map[models.State]int64{models.Queued: 2, models.Done: 1}, got)
	got, err = s.CampaignCounts(t.Context(), "c2")
	must(t, err)
	same(t, "none", map[models.State]int64{}, got)
}
