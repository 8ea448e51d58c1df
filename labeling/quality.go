package labeling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/labeling/agreement"
	"weft/models"
)

const (
	// mostAnswers is how many answers a report is made of, the newest: they are
	// kept in memory, some 50 MB.
	mostAnswers = 100_000
	// answersPage and itemsPage are how many are read at once.
	answersPage = 2000
	itemsPage   = 500
	// rounds and seed are of the bootstrap: the same answers give the same interval.
	rounds = 1000
	seed   = 1
	// mostPairs is how many confusions an attribute shows.
	mostPairs = 50
)

// Judged reads the answers that were given.
type Judged interface {
	// Given lists answers, the newest first.
	Given(ctx context.Context, f models.GivenFilter) ([]models.Given, error)
	ItemsByID(ctx context.Context, ids []string) ([]models.Item, error)
	LabelProgress(ctx context.Context, profile string, now time.Time) (models.LabelProgress, error)
}

// Books tells what was answered, and how well.
type Books struct {
	judged Judged
	now    func() time.Time
}

// NewBooks returns books over the stored answers.
func NewBooks(judged Judged, now func() time.Time) *Books { return &Books{judged: judged, now: now} }

// Given lists answers, the newest first, and their items.
func (b *Books) Given(ctx context.Context, f models.GivenFilter) ([]models.Given, []models.Item, error) {
	given, err := b.judged.Given(ctx, f)
	if err != nil {
		return nil, nil, fmt.Errorf("labeling: answers: %w", err)
	}
	items, err := b.items(ctx, given)
	return given, items, err
}

// Progress tells how labeling gets on.
func (b *Books) Progress(ctx context.Context, profile string) (models.LabelProgress, error) {
	return b.judged.LabelProgress(ctx, profile, b.now())
}

// all reads the newest answers, up to mostAnswers.
func (b *Books) all(ctx context.Context, q models.QualityFilter) ([]models.Given, error) {
	var out []models.Given
	f := models.GivenFilter{Profile: q.Profile, Since: q.Since, Until: q.Until, Limit: answersPage}
	for len(out) < mostAnswers {
		page, err := b.judged.Given(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("labeling: answers: %w", err)
		}
		out = append(out, page...)
		if len(page) < answersPage {
			break
		}
		last := page[len(page)-1]
		f.Before, f.BeforeItem = last.At, last.Item
	}
	return out, nil
}

// items reads the items of answers.
func (b *Books) items(ctx context.Context, given []models.Given) ([]models.Item, error) {
	var ids []string
	for _, g := range given {
		ids = append(ids, g.Item)
	}
	slices.Sort(ids)
	var out []models.Item
	for page := range slices.Chunk(slices.Compact(ids), itemsPage) {
		items, err := b.judged.ItemsByID(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("labeling: items: %w", err)
		}
		out = append(out, items...)
	}
	return out, nil
}

// Agreement measures how far people agree on each attribute, over their blind
// answers: without skips, checks, and what analysts decided knowing the others'.
func (b *Books) Agreement(ctx context.Context, q models.QualityFilter) ([]models.Agreement, error) {
	given, err := b.all(ctx, q)
	if err != nil {
		return nil, err
	}
	return Agreements(given), nil
}

// rating is one person's value of an attribute of one item.
type rating struct{ item, by, value string }

// Agreements is Agreement of these answers.
func Agreements(given []models.Given) []models.Agreement {
	ratings := map[string][]rating{}
	for _, g := range given {
		if g.Skip != "" || g.Check || g.Final {
			continue
		}
		for name, values := range g.Values {
			ratings[name] = append(ratings[name], rating{g.Item, g.By, joined(values)})
		}
	}
	var out []models.Agreement
	for name, list := range ratings {
		out = append(out, measure(name, list))
	}
	slices.SortFunc(out, func(x, y models.Agreement) int { return strings.Compare(x.Attribute, y.Attribute) })
	return out
}

// joined makes one nominal value of what was chosen.
func joined(values []string) string {
	set := slices.Clone(values)
	slices.Sort(set)
	return strings.Join(slices.Compact(set), ", ")
}

func measure(name string, list []rating) models.Agreement {
	byItem := map[string][]rating{}
	for _, r := range list {
		byItem[r.item] = append(byItem[r.item], r)
	}
	out := models.Agreement{Attribute: name, Confusion: []models.Confusion{}}
	var units [][]string
	raters := map[string]map[string]string{}
	for _, item := range sortedItems(byItem) {
		rs := byItem[item]
		if len(rs) < 2 {
			continue
		}
		var values []string
		for _, r := range rs {
			values = append(values, r.value)
			if raters[r.by] == nil {
				raters[r.by] = map[string]string{}
			}
			raters[r.by][item] = r.value
		}
		units = append(units, values)
		out.Answers += len(rs)
	}
	out.Items, out.Raters = len(units), len(raters)
	if v, ok := agreement.Percent(units); ok {
		out.Percent = &v
	}
	if len(raters) == 2 {
		out.Cohen = cohen(raters)
	}
	if v, n, ok := agreement.Fleiss(units); ok {
		out.Fleiss, out.FleissN = &v, n
	}
	if v, ok := agreement.Alpha(units); ok {
		out.Alpha = &v
	}
	if low, high, ok := agreement.Interval(units, rounds, seed); ok {
		out.Low, out.High = &low, &high
	}
	for i, p := range agreement.Confusion(units) {
		if i == mostPairs {
			break
		}
		out.Confusion = append(out.Confusion, models.Confusion{A: p.A, B: p.B, Count: p.Count})
	}
	return out
}

func sortedItems(m map[string][]rating) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// cohen is over the items that both of two raters answered.
func cohen(raters map[string]map[string]string) *float64 {
	var names []string
	for name := range raters {
		names = append(names, name)
	}
	slices.Sort(names)
	var a, b []string
	for item, value := range raters[names[0]] {
		if other, ok := raters[names[1]][item]; ok {
			a, b = append(a, value), append(b, other)
		}
	}
	if v, ok := agreement.Cohen(a, b); ok {
		return &v
	}
	return nil
}

// Labelers measures each person's answers.
func (b *Books) Labelers(ctx context.Context, q models.QualityFilter) ([]models.LabelerQuality, error) {
	given, err := b.all(ctx, q)
	if err != nil {
		return nil, err
	}
	items, err := b.items(ctx, given)
	if err != nil {
		return nil, err
	}
	return Qualities(given, items), nil
}

// work is what one person did.
type work struct {
	models.LabelerQuality
	seconds, active []float64
}

// Qualities is Labelers of these answers and their items.
func Qualities(given []models.Given, items []models.Item) []models.LabelerQuality {
	byID := map[string]*models.Item{}
	for i := range items {
		byID[items[i].ID] = &items[i]
	}
	people := map[string]*work{}
	for _, g := range given {
		w := people[g.By]
		if w == nil {
			w = &work{LabelerQuality: models.LabelerQuality{Name: g.By}}
			people[g.By] = w
		}
		w.add(g, byID[g.Item])
	}
	var out []models.LabelerQuality
	for _, w := range people {
		out = append(out, w.quality())
	}
	slices.SortFunc(out, func(x, y models.LabelerQuality) int { return strings.Compare(x.Name, y.Name) })
	return out
}

func (w *work) add(g models.Given, it *models.Item) {
	if !g.ClaimedAt.IsZero() {
		w.seconds = append(w.seconds, g.At.Sub(g.ClaimedAt).Seconds())
	}
	if g.ActiveMS > 0 {
		w.active = append(w.active, float64(g.ActiveMS)/1000)
	}
	if g.Skip != "" {
		w.Skips++
		return
	}
	w.Answers++
	if it == nil {
		return
	}
	if it.Gold != nil {
		w.GoldAsked++
		if right(it, g.Values) {
			w.GoldRight++
		}
	}
	verdict, labels := it.Judge()
	if verdict != models.Settled || g.Check || g.Final || others(it, g.By) == 0 {
		return
	}
	for _, l := range labels {
		if said, ok := g.Values[l.Attribute]; ok {
			w.Compared++
			if joined(said) == joined(l.Values) {
				w.Agreeing++
			}
		}
	}
}

// right reports whether values are the right ones in every attribute.
func right(it *models.Item, values map[string][]string) bool {
	for name, want := range it.Gold.Values {
		if joined(values[name]) != joined(want) {
			return false
		}
	}
	return true
}

// others counts whose answers to an item count besides one person's.
func others(it *models.Item, by string) int {
	n := 0
	for _, a := range it.Answers {
		if a.By != by && a.Skip == "" && !a.Check {
			n++
		}
	}
	return n
}

func (w *work) quality() models.LabelerQuality {
	out := w.LabelerQuality
	out.Timed = len(w.seconds)
	quantile := func(list []float64, q float64) *float64 {
		if len(list) == 0 {
			return nil
		}
		slices.Sort(list)
		v := agreement.Quantile(list, q)
		return &v
	}
	out.MedianSeconds, out.P90Seconds = quantile(w.seconds, 0.5), quantile(w.seconds, 0.9)
	out.ActiveSeconds = quantile(w.active, 0.5)
	return out
}

// SetGold sets an item's right answer; without values it has none any more.
func (d *Desk) SetGold(ctx context.Context, id string, g models.Gold) (models.Item, error) {
	for {
		it, err := d.items.Item(ctx, id)
		if err != nil {
			return it, fmt.Errorf("labeling: item %s: %w", id, err)
		}
		if it.State == models.ItemWithdrawn {
			return it, withdrawn(id)
		}
		if len(g.Values) == 0 {
			it.Gold = nil
		} else {
			g.Values = tidied(it, g.Values)
			if err := checkGold(it, g); err != nil {
				return it, err
			}
			g.At = d.now().UTC()
			it.Gold = &g
		}
		it.Rev++
		if err = d.items.PutItem(ctx, it); err == nil {
			return it, nil
		}
		if !errors.Is(err, models.ErrConflict) {
			return it, fmt.Errorf("labeling: gold of %s: %w", id, err)
		}
	}
}

// Contested lists the items that an analyst should decide, the most valuable
// first, those behind a place in the list (nil: from its beginning).
func (d *Desk) Contested(ctx context.Context, profile string, after *models.ItemPlace, limit int) ([]models.Item, error) {
	return d.items.Items(ctx, models.ItemFilter{
		States: []models.ItemState{models.ItemOpen, models.ItemEscalated}, Profile: profile, Contested: true, After: after, Limit: limit,
	})
}
