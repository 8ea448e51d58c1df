package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"weft/api"
	"weft/labeling"
	"weft/models"
)

// desk is labeling to the API. Without a queue the run that waits for an answer
// is woken by a worker's sweep.
type desk struct {
	*labeling.Queue
	*labeling.Books

	a *App
}

// labelDesk returns the desk over the opened stores.
func (a *App) labelDesk() desk {
	d := a.Desk
	if d == nil {
		d = labeling.NewDesk(a.Documents, a.Documents, asleep{}, a.opt.Now, a.opt.Crash.Hit)
	}
	return desk{
		Queue: labeling.NewQueue(labeling.QueueParams{
			Desk: d, Claims: a.Documents, Leases: a.Documents, Outlook: a.Documents,
			Lease: a.Config.Labeling.Lease, Gold: float64(a.Config.Labeling.Gold) / 100, Chance: rand.Float64, Now: a.opt.Now,
		}),
		Books: labeling.NewBooks(a.Documents, a.opt.Now), a: a,
	}
}

// Open lists the questions that want an answer.
func (d desk) Open(ctx context.Context, profile string, limit int) ([]models.Item, error) {
	return d.Desk.Open(ctx, profile, limit)
}

// Item returns a question.
func (d desk) Item(ctx context.Context, id string) (models.Item, error) {
	return d.a.Documents.Item(ctx, id)
}

// Answer hands in an answer.
func (d desk) Answer(ctx context.Context, who models.Asker, h api.Handed, a models.Answer) (models.Item, error) {
	it, err := d.Queue.Answer(ctx, who, h.Item, h.Rev, h.Claim, a)
	return it, answerError(err)
}

// Take hands out a certain question.
func (d desk) Take(ctx context.Context, who models.Asker, item string) (models.Claimed, error) {
	c, err := d.Queue.Take(ctx, who, item)
	return c, answerError(err)
}

// SaveDraft keeps what somebody is about to answer.
func (d desk) SaveDraft(ctx context.Context, token string, dr models.Draft) (models.Draft, bool, error) {
	saved, held, err := d.Queue.SaveDraft(ctx, token, dr)
	return saved, held, answerError(err)
}

// Contested lists the questions that an analyst should decide.
func (d desk) Contested(ctx context.Context, profile string, after *models.ItemPlace, limit int) ([]models.Item, error) {
	return d.Desk.Contested(ctx, profile, after, limit)
}

// SetGold sets what is right.
func (d desk) SetGold(ctx context.Context, id string, g models.Gold) (models.Item, error) {
	it, err := d.Desk.SetGold(ctx, id, g)
	return it, answerError(err)
}

// answerError puts labeling's errors into the API's words.
func answerError(err error) error {
	switch {
	case errors.Is(err, labeling.ErrMisfit), errors.Is(err, labeling.ErrWithdrawn):
		return fmt.Errorf("%w: %w", api.ErrAnswer, err)
	case errors.Is(err, labeling.ErrLost):
		return fmt.Errorf("%w: %w", api.ErrClaim, err)
	}
	return err
}

// asleep wakes nobody: there is no queue to put the run into.
type asleep struct{}

// Wake leaves the run to the sweep of a worker.
func (asleep) Wake(context.Context, string, string, string) (bool, error) { return true, nil }
