package document

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// The lane of an item is the queue that it waits in: its profile, for whom it
// is, and who may not have it since they have seen it or hold it. Whoever asks
// for work looks at the first item of each lane that is open to them. There are
// few lanes, however many items: as many as groups of people who share blind
// answers. So the next item costs the same at a million open ones.
const (
	laneSep     = "\x1f"
	forLabelers = "l"
	forAnalysts = "r"
)

// Lane returns the lane of an item that is held by the given people; "" if
// nobody may have it now.
func Lane(it *models.Item, holds []models.Claim, hidden bool) string {
	if hidden || Room(it, holds) < 1 {
		return ""
	}
	seen := it.Seen()
	for _, h := range holds {
		seen = append(seen, h.By)
	}
	slices.Sort(seen)
	who := forLabelers
	if it.Skipped() {
		who = forAnalysts
	}
	return LanesOf(it.Profile) + strings.Join(append([]string{who}, slices.Compact(seen)...), laneSep)
}

// LanesOf is what all lanes of a profile begin with.
func LanesOf(profile string) string { return profile + laneSep }

// LanesEnd is behind all lanes of a profile.
func LanesEnd(profile string) string { return profile + "\x20" }

// OpenTo reports whether a lane's items are for who.
func OpenTo(lane string, who models.Asker) bool {
	parts := strings.Split(lane, laneSep)
	if len(parts) < 2 || parts[1] == forAnalysts && !who.Reviews {
		return false
	}
	return !slices.Contains(parts[2:], who.Name)
}

// Room returns how many more people may have the item: a hold takes a place
// unless its holder's answer counts already and is being changed.
func Room(it *models.Item, holds []models.Claim) int {
	n := it.Lacks()
	for _, h := range holds {
		if !counts(it, h.By) {
			n--
		}
	}
	return n
}

func counts(it *models.Item, by string) bool {
	return slices.ContainsFunc(it.Answers, func(a models.Answer) bool { return a.By == by && a.Skip == "" })
}

// MayTake reports whether who may have this very item, which the others hold:
// to change an answer, for an answer that is wanted, as an analyst what is
// settled, and a gold item always.
func MayTake(it *models.Item, others []models.Claim, who models.Asker) bool {
	switch {
	case it.State == models.ItemWithdrawn:
		return false
	case counts(it, who.Name), IsGold(it), who.Reviews && it.Lacks() == 0:
		return true
	case it.Skipped() && !who.Reviews:
		return false
	}
	return Room(it, others) > 0
}

// IsGold reports whether an item is one that tests people: settled, and what is
// right is known.
func IsGold(it *models.Item) bool {
	verdict, _ := it.Judge()
	return it.Gold != nil && verdict == models.Settled && it.State != models.ItemWithdrawn
}

// Live returns the holds that last at now, but for those that an answer ended.
func Live(it *models.Item, holds []models.Claim, now time.Time) []models.Claim {
	return slices.DeleteFunc(slices.Clone(holds), func(h models.Claim) bool {
		return !now.IsZero() && !now.Before(h.Expires) || Answered(it, h)
	})
}

// Answered reports whether what a claim was for is done.
func Answered(it *models.Item, h models.Claim) bool {
	return slices.ContainsFunc(it.Answers, func(a models.Answer) bool { return a.By == h.By && !a.At.Before(h.At) })
}

// Without returns the holds of others than by.
func Without(holds []models.Claim, by string) []models.Claim {
	return slices.DeleteFunc(slices.Clone(holds), func(h models.Claim) bool { return h.By == by })
}

// NewClaim makes a claim of an item. Times are kept to the millisecond, as MongoDB does.
func NewClaim(item, by string, now, until time.Time) models.Claim {
	return models.Claim{
		Token: item + "." + strings.ToLower(rand.Text()[:16]), Item: item, By: by,
		At: now.UTC().Truncate(time.Millisecond), Expires: until.UTC().Truncate(time.Millisecond),
	}
}

// LastHours are the 24 hours that end with now's, without answers.
func LastHours(now time.Time) []models.HourlyWork {
	out := make([]models.HourlyWork, 24)
	first := now.UTC().Truncate(time.Hour).Add(-23 * time.Hour)
	for i := range out {
		out[i].From = first.Add(time.Duration(i) * time.Hour)
	}
	return out
}
