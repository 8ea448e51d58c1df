package app

import (
	"context"
	"errors"

	"weft/models"
)

var errNotYet = errors.New("not yet")

type notYet struct{}

func (notYet) Claim(context.Context, models.Asker, string, int) ([]models.Claimed, models.Waiting, error) {
	return nil, models.Waiting{}, errNotYet
}
func (notYet) Take(context.Context, models.Asker, string) (models.Claimed, error) {
	return models.Claimed{}, errNotYet
}
func (notYet) Held(context.Context, models.Asker) ([]models.Claimed, error) { return nil, errNotYet }
func (notYet) Extend(context.Context, string, []string) ([]models.Claim, error) {
	return nil, errNotYet
}
func (notYet) Release(context.Context, string, []string) error { return errNotYet }
func (notYet) SaveDraft(context.Context, string, models.Draft) (models.Draft, bool, error) {
	return models.Draft{}, false, errNotYet
}
func (notYet) Given(context.Context, models.GivenFilter) ([]models.Given, []models.Item, error) {
	return nil, nil, errNotYet
}
func (notYet) Contested(context.Context, string, int) ([]models.Item, error) { return nil, errNotYet }
func (notYet) SetGold(context.Context, string, models.Gold) (models.Item, error) {
	return models.Item{}, errNotYet
}
func (notYet) Agreement(context.Context, models.QualityFilter) ([]models.Agreement, error) {
	return nil, errNotYet
}
func (notYet) Labelers(context.Context, models.QualityFilter) ([]models.LabelerQuality, error) {
	return nil, errNotYet
}
func (notYet) Progress(context.Context, string) (models.LabelProgress, error) {
	return models.LabelProgress{}, errNotYet
}
