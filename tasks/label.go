package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/profile"
)

// Items stores questions to people.
type Items interface {
	// Item returns models.ErrNotFound when there is none.
	Item(ctx context.Context, id string) (models.Item, error)
	// PutItem is a compare-and-set: the stored rev must be item.Rev-1; rev 1 inserts.
	PutItem(ctx context.Context, it models.Item) error
}

// Choices knows what may be answered.
type Choices interface {
	Taxonomy() string                  // version of all values
	Options(attribute string) []string // nil: free text
}

// Label asks people. The item is written first, then the run parks; an answer
// wakes the run, and this step itself then decides what it comes to.
type Label struct {
	Items   Items
	Choices Choices
	Crash   func(name string) // named crash points; nil in production
}

// Do opens the item, or judges its answers.
func (l *Label) Do(ctx context.Context, j Job) (Outcome, error) {
	rule, sample, why := j.Profile.Asks(&j.Post, &j.Run)
	questions := l.questions(j)
	if len(questions) == 0 {
		return Advance("labelled already"), l.closeOpen(ctx, j)
	}
	if j.Post.Flagged(models.Adult) {
		return l.adult(ctx, j, rule)
	}
	it, err := l.open(ctx, j, questions, rule, sample, why)
	if err != nil {
		return Outcome{}, err
	}
	if l.Crash != nil {
		l.Crash("item.opened")
	}
	out, err := l.judge(ctx, j, it, rule)
	out.Item, out.Sampled = it.ID, sample
	return out, err
}

// adult sees to a post that no labeler is to look at: nobody is asked. What
// people had answered before it was known holds.
func (l *Label) adult(ctx context.Context, j Job, rule bool) (Outcome, error) {
	it, err := l.Items.Item(ctx, models.ItemID(j.Post.ID, j.Run.Profile, l.Choices.Taxonomy()))
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return Outcome{}, fmt.Errorf("label: item: %w", err)
	}
	if verdict, _ := it.Judge(); err == nil && verdict == models.Settled && it.State != models.ItemWithdrawn {
		out, err := l.judge(ctx, j, it, rule)
		out.Item = it.ID
		return out, err
	}
	if err == nil && (it.State == models.ItemOpen || it.State == models.ItemEscalated) {
		it.Parking = false
		if err := l.set(ctx, it, models.ItemWithdrawn); err != nil {
			return Outcome{}, err
		}
	}
	switch {
	case !rule:
		return Advance("for adults: kept from the sample"), nil
	case j.Profile.Label.Then == profile.ThenIndex:
		out := Advance("for adults: nobody is asked, so it goes on unchecked")
		out.Unchecked = true
		return out, nil
	default:
		return Drop("for adults: nobody is asked, and this profile wants an answer"), nil
	}
}

// judge says what the item's answers come to.
func (l *Label) judge(ctx context.Context, j Job, it models.Item, rule bool) (Outcome, error) {
	verdict, labels := it.Judge()
	switch {
	case verdict == models.Settled:
		out := Advance("settled by " + strings.Join(labels[0].By, ", "))
		out.Change.Labels = labels
		return out, l.set(ctx, it, models.ItemClosed)
	case !rule:
		return Advance("asked for the sample, without waiting"), nil
	case !it.Due.IsZero() && !j.Now.Before(it.Due):
		return l.expire(ctx, j, it)
	case verdict == models.Disagree:
		it.Wanted, it.Disputed = it.Wanted+1, true
		it.Rev++
		it.Priority++ // somebody has to decide between people who did their work
		if err := l.put(ctx, it); err != nil {
			return Outcome{}, err
		}
		return Park(it.Due, fmt.Sprintf("answers disagree: one more is wanted (%d)", it.Wanted)), nil
	default:
		return Park(it.Due, it.Reason), nil
	}
}

// expire does what the profile says about questions that nobody answered in time.
func (l *Label) expire(ctx context.Context, j Job, it models.Item) (Outcome, error) {
	after := j.Profile.Label.After
	switch j.Profile.Label.Then {
	case profile.ThenEscalate:
		it.Due, it.Priority = time.Time{}, it.Priority+10
		return Park(time.Time{}, fmt.Sprintf("no answer in %s: escalated", after)), l.set(ctx, it, models.ItemEscalated)
	case profile.ThenDrop:
		return Drop(fmt.Sprintf("no answer in %s", after)), l.set(ctx, it, models.ItemExpired)
	default:
		out := Advance(fmt.Sprintf("no answer in %s: goes on unchecked", after))
		out.Unchecked = true
		return out, l.set(ctx, it, models.ItemExpired)
	}
}

// closeOpen closes the run's item whose labels came to the post another way.
func (l *Label) closeOpen(ctx context.Context, j Job) error {
	if j.Run.Item == "" {
		return nil
	}
	it, err := l.Items.Item(ctx, j.Run.Item)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("label: item: %w", err)
	}
	return l.set(ctx, it, models.ItemClosed)
}

// set writes the item's state, if it is another one.
func (l *Label) set(ctx context.Context, it models.Item, state models.ItemState) error {
	if it.State == state {
		return nil
	}
	// A closed item stays marked until the sweep has seen its labels on the post:
	// the run may fail before its move brings them there.
	it.State, it.Parking = state, it.Parking && state != models.ItemExpired
	it.Rev++
	return l.put(ctx, it)
}

// questions returns what is not answered yet: a person's label belongs to the
// post, the attribute and the taxonomy, and is never asked twice.
func (l *Label) questions(j Job) []models.Question {
	var out []models.Question
	for _, name := range j.Profile.Label.Attributes {
		asked := slices.ContainsFunc(j.Post.Labels, func(lb models.Label) bool {
			return lb.Attribute == name && lb.Taxonomy == l.Choices.Taxonomy()
		})
		if asked {
			continue
		}
		q := question(name, l.Choices.Options(name), j.Profile.Label.Guidelines[name])
		choices := q.Choices()
		for _, a := range j.Run.Attributes {
			if a.Name != name || q.Kind == models.KindTree && !slices.Contains(choices, a.Value) {
				continue
			}
			if q.Kind == models.KindBox && a.Box != nil && a.Image != "" {
				q.Boxes = append(q.Boxes, models.Spot{Value: a.Value, Image: a.Image, Box: *a.Box})
			}
			if slices.Contains(q.Suggestion, a.Value) {
				continue
			}
			q.Suggestion = append(q.Suggestion, a.Value)
			if a.Confidence > q.Confidence || q.Model == "" {
				q.Model, q.Version = suggester(a)
			}
			q.Confidence = max(q.Confidence, a.Confidence)
		}
		out = append(out, q)
	}
	return out
}

// question asks for an attribute as the profile's guideline has it. A question
// of the older kinds is stored as it always was.
func question(name string, options []string, g profile.Guideline) models.Question {
	q := models.Question{Attribute: name, Options: options, Single: g.Single, Groups: g.Groups, Partial: g.Partial}
	if g.Kind != models.KindSingle && g.Kind != models.KindMultiple {
		q.Kind = g.Kind
	}
	if g.Kind == models.KindText {
		q.Options = nil
	}
	return q
}

// suggester is the model behind an attribute; of one that image and text agree
// on, the one that was surer.
func suggester(a models.Attribute) (model, version string) {
	model, version = a.Model, a.Version
	if model == "" && len(a.Sources) > 0 {
		best := slices.MaxFunc(a.Sources, func(x, y models.Source) int { return cmp.Compare(x.Confidence, y.Confidence) })
		model, version = best.Model, best.Version
	}
	return model, version
}

// open returns the item, which an earlier delivery or generation may have
// opened; what it asks is then brought up to date.
func (l *Label) open(ctx context.Context, j Job, questions []models.Question, rule, sample bool, why string) (models.Item, error) {
	id := models.ItemID(j.Post.ID, j.Run.Profile, l.Choices.Taxonomy())
	it, err := l.Items.Item(ctx, id)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return it, fmt.Errorf("label: item: %w", err)
	}
	missing := errors.Is(err, models.ErrNotFound)
	if !missing && ended(it, j.Run, questions) {
		return it, nil
	}
	withdrawn := !missing && it.State == models.ItemWithdrawn // the post was for adults once
	reopen := withdrawn || !missing && j.Run.Item != id && (it.State == models.ItemExpired || it.State == models.ItemClosed) && !answers(it, questions)
	narrower := !missing && len(questions) < len(it.Questions) // the rest was answered for another profile
	if narrower {
		it.Questions = questions
	}
	if !missing && !reopen && (it.Parking || !rule) {
		if narrower {
			it.Rev++
			err = l.put(ctx, it)
		}
		return it, err
	}
	if missing {
		it = models.Item{ID: id, Post: j.Post.ID, Profile: j.Run.Profile, Taxonomy: l.Choices.Taxonomy(), OpenedAt: j.Now}
	}
	if it.State == models.ItemClosed || withdrawn {
		it.Answers, it.Disputed, it.Gold = nil, false, nil // their labels are on the post; what is asked now is new
	}
	if missing || reopen {
		it.State, it.Questions, it.Wanted = models.ItemOpen, questions, max(1, j.Profile.Label.Answers)
		it.Priority = uncertainty(questions)
	}
	it.Rev++
	it.Rule, it.Sample, it.Reason, it.Parking = rule, it.Sample || sample, why, rule
	if rule && j.Profile.Label.After > 0 {
		it.Due = j.Now.Add(j.Profile.Label.After)
	}
	return it, l.put(ctx, it)
}

// put saves the item. Somebody who answers at the same moment wins; then the
// conflict costs an attempt, and the step is tried again.
func (l *Label) put(ctx context.Context, it models.Item) error {
	if err := l.Items.PutItem(ctx, it); err != nil {
		return fmt.Errorf("label: save item %s: %w", it.ID, err)
	}
	return nil
}

// ended reports that an earlier delivery ended the item, but not the step: its
// worker died before the move was saved. What it found out holds.
func ended(it models.Item, run models.Run, questions []models.Question) bool {
	if it.State == models.ItemExpired {
		return run.Item == it.ID
	}
	return it.State == models.ItemClosed && answers(it, questions)
}

// answers reports whether it has settled what is asked: then nobody is asked again.
func answers(it models.Item, questions []models.Question) bool {
	verdict, _ := it.Judge()
	return verdict == models.Settled && !slices.ContainsFunc(questions, func(q models.Question) bool {
		return !slices.ContainsFunc(it.Questions, func(had models.Question) bool { return had.Attribute == q.Attribute })
	})
}

// uncertainty orders items: a label is worth most where the models are least sure.
func uncertainty(questions []models.Question) float64 {
	worst := 0.0
	for _, q := range questions {
		worst = max(worst, 1-q.Confidence)
	}
	return worst
}
