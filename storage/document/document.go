// Package document is what every document store keeps beside a post and does
// alike, whatever its engine: the hashes of what was forgotten, who hid a post,
// fingerprints, times in UTC, upgrades of old documents, and the bands that
// perceptual hashes are found by.
package document

import (
	"slices"

	"weft/models"
)

// Upgrades has, for every version before the newest, the function that brings
// a post's document from it to the next.
func Upgrades() map[int]func(*models.Post) { return map[int]func(*models.Post){} }

// Upgrade brings a document of any earlier version to version want. The stored
// document follows with the next write to it.
func Upgrade(p *models.Post, want int, steps map[int]func(*models.Post)) error {
	for p.SchemaVersion < want {
		step := steps[p.SchemaVersion]
		if step == nil {
			return models.Faultf(models.Permanent, "post %s has schema version %d, which this program can't upgrade", p.ID, p.SchemaVersion)
		}
		step(p)
		p.SchemaVersion++
	}
	if p.SchemaVersion > want {
		return models.Faultf(models.Permanent, "post %s has schema version %d, this program knows up to %d", p.ID, p.SchemaVersion, want)
	}
	return nil
}

// UTCPost makes the times of p UTC, whatever zone the caller had; what p only
// points to is copied before.
func UTCPost(p *models.Post) {
	p.CreatedAt, p.CollectedAt, p.EditedAt = p.CreatedAt.UTC(), p.CollectedAt.UTC(), p.EditedAt.UTC()
	p.Labels = slices.Clone(p.Labels)
	for i := range p.Labels {
		p.Labels[i].At = p.Labels[i].At.UTC()
	}
	if len(p.Published) > 0 {
		published := make(map[string]models.Publication, len(p.Published))
		for k, v := range p.Published {
			v.At = v.At.UTC()
			published[k] = v
		}
		p.Published = published
	}
	if p.Tombstone != nil {
		t := *p.Tombstone
		t.At = t.At.UTC()
		p.Tombstone = &t
	}
}

// UTCRun makes the times of r UTC.
func UTCRun(r *models.Run) {
	r.AdmittedAt, r.MovedAt = r.AdmittedAt.UTC(), r.MovedAt.UTC()
	r.ProcessAt, r.Due = r.ProcessAt.UTC(), r.Due.UTC()
}

// UTCItem makes the times of it UTC, and copies its answers before.
func UTCItem(it *models.Item) {
	it.OpenedAt, it.Due = it.OpenedAt.UTC(), it.Due.UTC()
	it.Answers = slices.Clone(it.Answers)
	for i := range it.Answers {
		it.Answers[i].At, it.Answers[i].ClaimedAt = it.Answers[i].At.UTC(), it.Answers[i].ClaimedAt.UTC()
	}
	if it.Gold != nil {
		g := *it.Gold
		g.At = g.At.UTC()
		it.Gold = &g
	}
}
