package storagetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"weft/models"
)

// LabelStore is what a store does for those who label.
type LabelStore interface {
	ClaimItems(ctx context.Context, who models.Asker, profile string, n int, now, until time.Time) ([]models.Claimed, error)
	TakeItem(ctx context.Context, who models.Asker, id string, now, until time.Time) (models.Claimed, error)
	HeldClaims(ctx context.Context, by string, now time.Time) ([]models.Claimed, error)
	ExtendClaims(ctx context.Context, by string, tokens []string, now, until time.Time) ([]models.Claim, error)
	ReleaseClaims(ctx context.Context, by string, tokens []string) error
	PutDraft(ctx context.Context, d models.Draft) error
	Waiting(ctx context.Context, who models.Asker, profile string, now time.Time) (models.Waiting, error)
	GoldItem(ctx context.Context, by, profile string) (string, error)
	Given(ctx context.Context, f models.GivenFilter) ([]models.Given, error)
	ItemsByID(ctx context.Context, ids []string) ([]models.Item, error)
	LabelProgress(ctx context.Context, profile string, now time.Time) (models.LabelProgress, error)
}

func claims() []behaviour {
	return []behaviour{
		{"come by priority, then age, once", claimOrder},
		{"of fifty who claim nobody gets another's", claimRace},
		{"of fifty, blind items go to as many as they want", claimBlindRace},
		{"run out, unless they are extended", claimsRunOut},
		{"are released, and listed", claimsHeld},
		{"blind answers come from different people", claimBlind},
		{"a certain item is taken by who may", claimTaken},
		{"a skipped item goes to another, then to an analyst", claimSkipped},
		{"contested items come page by page", contestedPages},
		{"drafts outlive claims, and go with the answer", drafts},
		{"gold items find everybody once", goldItems},
		{"hidden posts are not handed out", claimHidden},
		{"a deleted post takes its claims, drafts and answers along", claimDeleted},
		{"answers are listed", givenAnswers},
		{"progress", labelProgress},
	}
}

const lease = 5 * time.Minute

func ask(name string) models.Asker { return models.Asker{Name: name} }

// claim claims up to n items of the profile catalog at a time after t0.
func claim(t *testing.T, s Store, name string, n int, after time.Duration) []models.Claimed {
	t.Helper()
	got, err := s.ClaimItems(t.Context(), ask(name), "catalog", n, t0().Add(after), t0().Add(after+lease))
	must(t, err)
	return got
}

// nothing is no posts at all.
func nothing() []string { return nil }

func claimedPosts(claims []models.Claimed) []string {
	var posts []string
	for _, c := range claims {
		posts = append(posts, c.Item.Post)
	}
	return posts
}

// openItem stores an item about post n, changed as change says.
func openItem(t *testing.T, s Store, n int, change func(it *models.Item)) models.Item {
	t.Helper()
	it := anItem(id(n), "catalog")
	it.OpenedAt = t0().Add(time.Duration(n) * time.Second)
	if change != nil {
		change(&it)
	}
	must(t, s.PutItem(t.Context(), it))
	return it
}

// give adds an answer to the stored item.
func give(t *testing.T, s Store, itemID, by string, after time.Duration, values ...string) models.Item {
	t.Helper()
	a := models.Answer{By: by, At: t0().Add(after), Values: map[string][]string{"brand": values}}
	if len(values) == 0 {
		a.Values, a.Skip = nil, "not sure"
	}
	return put(t, s, itemID, func(it *models.Item) { *it = it.WithAnswer(a) })
}

func put(t *testing.T, s Store, itemID string, change func(it *models.Item)) models.Item {
	t.Helper()
	it, err := s.Item(t.Context(), itemID)
	must(t, err)
	change(&it)
	it.Rev++
	must(t, s.PutItem(t.Context(), it))
	return it
}

func claimOrder(t *testing.T, s Store) {
	openItem(t, s, 1, nil)
	openItem(t, s, 2, nil)
	openItem(t, s, 3, func(it *models.Item) { it.Priority = 2 })
	openItem(t, s, 4, func(it *models.Item) { it.State = models.ItemEscalated; it.Priority = 9 })
	openItem(t, s, 5, func(it *models.Item) { it.State = models.ItemClosed; it.Priority = 99 })
	other := anItem(id(6), "quality")
	other.Priority = 50
	must(t, s.PutItem(t.Context(), other))
	got := claim(t, s, "ann", 2, 0)
	same(t, "ann's", []string{id(4), id(3)}, claimedPosts(got))
	c := got[0].Claim
	if models.ClaimedItem(c.Token) != got[0].Item.ID || c.By != "ann" || !c.At.Equal(t0()) || !c.Expires.Equal(t0().Add(lease)) || got[0].Draft != nil {
		t.Errorf("claim %+v, draft %v", c, got[0].Draft)
	}
	same(t, "bob's", []string{id(1), id(2)}, claimedPosts(claim(t, s, "bob", 5, 0)))
	same(t, "carl's", nothing(), claimedPosts(claim(t, s, "carl", 5, 0)))
	all, err := s.ClaimItems(t.Context(), ask("ann"), "", 5, t0(), t0().Add(lease))
	must(t, err)
	same(t, "of any profile", []string{id(6)}, claimedPosts(all))
}

func claimRace(t *testing.T, s Store) {
	const people, items = 50, 40
	for i := range items {
		openItem(t, s, i, func(it *models.Item) { it.Priority = float64(i % 7) })
	}
	seen := raceClaims(t, s, people)
	if len(seen) != items {
		t.Errorf("%d of %d items were claimed", len(seen), items)
	}
	for item, by := range seen {
		if len(by) != 1 {
			t.Errorf("%s went to %v", item, by)
		}
	}
}

func claimBlindRace(t *testing.T, s Store) {
	const people, items = 50, 8
	for i := range items {
		openItem(t, s, i, func(it *models.Item) { it.Wanted = 3 })
	}
	seen := raceClaims(t, s, people)
	for item, by := range seen {
		if len(by) != 3 {
			t.Errorf("%s went to %v, want three", item, by)
		}
	}
	if len(seen) != items {
		t.Errorf("%d of %d items were claimed", len(seen), items)
	}
}

// raceClaims lets people claim until nothing is left, and tells who got what.
// Nobody may get the same item twice.
func raceClaims(t *testing.T, s Store, people int) map[string]map[string]bool {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]map[string]bool{}
	for p := range people {
		wg.Go(func() {
			for {
				got, err := s.ClaimItems(t.Context(), ask(fmt.Sprint("p", p)), "catalog", 2, t0(), t0().Add(lease))
				if err != nil {
					t.Error(err)
				}
				if len(got) == 0 {
					return
				}
				mu.Lock()
				for _, c := range got {
					if seen[c.Item.ID] == nil {
						seen[c.Item.ID] = map[string]bool{}
					}
					if seen[c.Item.ID][c.Claim.By] {
						t.Errorf("%s got %s twice", c.Claim.By, c.Item.ID)
					}
					seen[c.Item.ID][c.Claim.By] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return seen
}

func claimsRunOut(t *testing.T, s Store) {
	openItem(t, s, 1, nil)
	openItem(t, s, 2, nil)
	mine := claim(t, s, "ann", 2, 0)
	same(t, "while they last", nothing(), claimedPosts(claim(t, s, "bob", 2, lease-time.Millisecond)))
	tokens := []string{mine[0].Claim.Token, "x." + mine[1].Claim.Token, mine[0].Item.ID + ".nosuchtoken"}
	held, err := s.ExtendClaims(t.Context(), "ann", tokens, t0().Add(time.Minute), t0().Add(time.Minute+lease))
	must(t, err)
	if len(held) != 1 || held[0].Token != tokens[0] || !held[0].Expires.Equal(t0().Add(time.Minute+lease)) || !held[0].At.Equal(t0()) {
		t.Errorf("extended %+v", held)
	}
	held, err = s.ExtendClaims(t.Context(), "bob", tokens, t0().Add(time.Minute), t0().Add(time.Hour))
	must(t, err)
	same(t, "extended by another", 0, len(held))
	held, err = s.ExtendClaims(t.Context(), "ann", []string{mine[1].Claim.Token}, t0().Add(lease), t0().Add(time.Hour))
	must(t, err)
	same(t, "extended when it has run out, before anybody asked", 0, len(held))
	same(t, "when the first has run out", []string{id(2)}, claimedPosts(claim(t, s, "bob", 2, lease)))
	held, err = s.ExtendClaims(t.Context(), "ann", []string{mine[1].Claim.Token}, t0().Add(lease), t0().Add(time.Hour))
	must(t, err)
	same(t, "extended too late", 0, len(held))
	same(t, "when both have", []string{id(1)}, claimedPosts(claim(t, s, "bob", 2, time.Minute+lease)))
}

func claimsHeld(t *testing.T, s Store) {
	openItem(t, s, 1, nil)
	openItem(t, s, 2, nil)
	first := claim(t, s, "ann", 1, 0)
	second := claim(t, s, "ann", 1, time.Second)
	held, err := s.HeldClaims(t.Context(), "ann", t0().Add(time.Minute))
	must(t, err)
	same(t, "held", append(first, second...), held)
	w, err := s.Waiting(t.Context(), ask("bob"), "catalog", t0().Add(time.Minute))
	must(t, err)
	same(t, "waiting", models.Waiting{Others: 2, Next: t0().Add(lease)}, w)
	must(t, s.ReleaseClaims(t.Context(), "bob", []string{first[0].Claim.Token}))
	same(t, "released by another", nothing(), claimedPosts(claim(t, s, "bob", 1, time.Second)))
	must(t, s.ReleaseClaims(t.Context(), "ann", []string{first[0].Claim.Token, "none.such"}))
	w, err = s.Waiting(t.Context(), ask("bob"), "", t0().Add(time.Minute))
	must(t, err)
	same(t, "waiting then", models.Waiting{Open: 1, Others: 1, Next: t0().Add(time.Second + lease)}, w)
	same(t, "released", []string{id(1)}, claimedPosts(claim(t, s, "bob", 1, time.Second)))
	held, err = s.HeldClaims(t.Context(), "ann", t0().Add(time.Minute))
	must(t, err)
	same(t, "held then", second, held)
	held, err = s.HeldClaims(t.Context(), "ann", t0().Add(time.Hour))
	must(t, err)
	same(t, "held after an hour", 0, len(held))
}

func claimBlind(t *testing.T, s Store) {
	it := openItem(t, s, 1, func(it *models.Item) { it.Wanted = 2 })
	same(t, "ann's", []string{id(1)}, claimedPosts(claim(t, s, "ann", 2, 0)))
	same(t, "ann's again", nothing(), claimedPosts(claim(t, s, "ann", 2, 0)))
	same(t, "bob's", []string{id(1)}, claimedPosts(claim(t, s, "bob", 2, 0)))
	same(t, "carl's, when two hold it", nothing(), claimedPosts(claim(t, s, "carl", 2, 0)))
	give(t, s, it.ID, "ann", time.Second, "Hermès")
	same(t, "carl's, when one answered and one holds it", nothing(), claimedPosts(claim(t, s, "carl", 2, 2*time.Second)))
	same(t, "ann's, who answered", nothing(), claimedPosts(claim(t, s, "ann", 2, 2*time.Second)))
	same(t, "carl's, when bob's ran out", []string{id(1)}, claimedPosts(claim(t, s, "carl", 2, lease)))
	give(t, s, it.ID, "carl", lease+time.Second, "other")
	// they disagree, so one more is wanted
	same(t, "ann's, who disagreed", nothing(), claimedPosts(claim(t, s, "ann", 2, 2*lease)))
	same(t, "dora's", []string{id(1)}, claimedPosts(claim(t, s, "dora", 2, 2*lease)))
	give(t, s, it.ID, "dora", 2*lease+time.Second, "other")
	same(t, "bob's, when it is settled", nothing(), claimedPosts(claim(t, s, "bob", 2, 9*lease)))
}

func claimTaken(t *testing.T, s Store) {
	it := openItem(t, s, 1, nil)
	take := func(who models.Asker, after time.Duration) error {
		_, err := s.TakeItem(t.Context(), who, it.ID, t0().Add(after), t0().Add(after+lease))
		return err
	}
	_, err := s.TakeItem(t.Context(), ask("ann"), "none", t0(), t0().Add(lease))
	wantErr(t, err, models.ErrNotFound)
	must(t, take(ask("ann"), 0))
	wantErr(t, take(ask("bob"), 0), models.ErrConflict)
	must(t, take(ask("ann"), time.Second)) // again, under a new token
	held, err := s.HeldClaims(t.Context(), "ann", t0().Add(time.Second))
	must(t, err)
	same(t, "held", 1, len(held))
	give(t, s, it.ID, "ann", 2*time.Second, "other")
	put(t, s, it.ID, func(it *models.Item) { it.State, it.Parking = models.ItemClosed, false })
	held, err = s.HeldClaims(t.Context(), "ann", t0().Add(3*time.Second))
	must(t, err)
	same(t, "held after the answer", 0, len(held))
	wantErr(t, take(ask("bob"), 3*time.Second), models.ErrConflict) // it is settled
	must(t, take(ask("ann"), 3*time.Second))                        // to change what she said
	must(t, take(models.Asker{Name: "ida", Reviews: true}, 3*time.Second))
	got, err := s.TakeItem(t.Context(), ask("ann"), it.ID, t0().Add(4*time.Second), t0().Add(lease))
	must(t, err)
	if len(got.Item.Answers) != 1 || got.Claim.Item != it.ID {
		t.Errorf("taken %+v", got)
	}
	put(t, s, it.ID, func(it *models.Item) { it.State = models.ItemWithdrawn })
	wantErr(t, take(ask("ann"), time.Minute), models.ErrConflict)
	held, err = s.HeldClaims(t.Context(), "ann", t0().Add(time.Minute))
	must(t, err)
	same(t, "held after the withdrawal", 0, len(held))
}

func claimSkipped(t *testing.T, s Store) {
	it := openItem(t, s, 1, nil)
	claim(t, s, "ann", 1, 0)
	give(t, s, it.ID, "ann", time.Second)
	same(t, "ann's", nothing(), claimedPosts(claim(t, s, "ann", 1, time.Second)))
	same(t, "bob's", []string{id(1)}, claimedPosts(claim(t, s, "bob", 1, time.Second)))
	give(t, s, it.ID, "bob", 2*time.Second)
	same(t, "carl's", nothing(), claimedPosts(claim(t, s, "carl", 1, 2*time.Second)))
	got, err := s.Items(t.Context(), models.ItemFilter{States: []models.ItemState{models.ItemOpen}, Contested: true, Profile: "catalog"})
	must(t, err)
	same(t, "contested", []string{id(1)}, itemPosts(got))
	_, err = s.TakeItem(t.Context(), ask("carl"), it.ID, t0().Add(2*time.Second), t0().Add(lease))
	wantErr(t, err, models.ErrConflict)
	claimed, err := s.ClaimItems(t.Context(), models.Asker{Name: "ida", Reviews: true}, "catalog", 1, t0().Add(2*time.Second), t0().Add(lease))
	must(t, err)
	same(t, "an analyst's", []string{id(1)}, claimedPosts(claimed))
}

// contestedPages: each comes once, whether priority, age or id tells it from the
// one before.
func contestedPages(t *testing.T, s Store) {
	for n, priority := range []float64{.25, 2, .25, 1.0 / 3, .25} {
		it := openItem(t, s, n, func(it *models.Item) {
			it.Priority, it.Wanted = priority, 2
			if n == 4 {
				it.OpenedAt = t0().Add(2 * time.Second) // as old as the third
			}
		})
		give(t, s, it.ID, "ann", time.Minute, "Hermès")
		give(t, s, it.ID, "bob", time.Minute, "other")
	}
	openItem(t, s, 9, nil)
	for name, f := range map[string]models.ItemFilter{
		"contested": {Contested: true, Profile: "catalog", Limit: 2}, "all open": {States: []models.ItemState{models.ItemOpen}, Profile: "catalog", Limit: 2},
	} {
		whole := f
		whole.Limit = 10
		want, err := s.Items(t.Context(), whole)
		must(t, err)
		if head := itemPosts(want)[:2]; head[0] != id(1) || f.Contested && (len(want) != 5 || head[1] != id(3)) {
			t.Errorf("%s begin with %v of %d", name, head, len(want))
		}
		var got []string
		for range want { // more pages than it takes
			page, err := s.Items(t.Context(), f)
			must(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, itemPosts(page)...)
			f.After = new(page[len(page)-1].Place())
		}
		same(t, name, itemPosts(want), got)
	}
}

func claimHidden(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	it := openItem(t, s, 1, nil)
	change := func(act models.Act) {
		_, err := s.Forget(t.Context(), []models.Deletion{hide(1, act)})
		must(t, err)
	}
	change(models.Hide)
	same(t, "hidden", nothing(), claimedPosts(claim(t, s, "ann", 1, 0)))
	put(t, s, it.ID, func(it *models.Item) { it.Priority = 2 })
	same(t, "hidden, and written again", nothing(), claimedPosts(claim(t, s, "ann", 1, 0)))
	change(models.Show)
	same(t, "shown", []string{id(1)}, claimedPosts(claim(t, s, "ann", 1, 0)))
}

func claimDeleted(t *testing.T, s Store) {
	admit(t, s, aPost(id(1)), "catalog")
	it := openItem(t, s, 1, func(it *models.Item) { it.Wanted = 3 })
	give(t, s, it.ID, "bob", 0, "other")
	claim(t, s, "ann", 1, time.Second)
	must(t, s.PutDraft(t.Context(), models.Draft{Item: it.ID, By: "ann", Skip: "offensive", SavedAt: t0()}))
	_, err := s.Forget(t.Context(), []models.Deletion{deletion(1)})
	must(t, err)
	held, err := s.HeldClaims(t.Context(), "ann", t0().Add(time.Second))
	must(t, err)
	same(t, "held", 0, len(held))
	given, err := s.Given(t.Context(), models.GivenFilter{})
	must(t, err)
	same(t, "answers", 0, len(given))
	wantErr(t, s.PutDraft(t.Context(), models.Draft{Item: it.ID, By: "ann", SavedAt: t0()}), models.ErrNotFound)
	same(t, "claimed", nothing(), claimedPosts(claim(t, s, "carl", 1, time.Hour)))
	_, err = s.TakeItem(t.Context(), ask("ann"), it.ID, t0(), t0().Add(lease))
	wantErr(t, err, models.ErrConflict)
}
