package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// storedBudget is what was spent of a budget.
type storedBudget struct {
	ID      string  `bson:"_id"` // PROFILE/STEP/DAY
	Posts   int64   `bson:"posts"`
	Seconds float64 `bson:"seconds"`
}

func budgetID(profile string, step models.Step, day string) string {
	return profile + "/" + string(step) + "/" + day
}

// Spent returns the state of a budget; zero if nothing was spent.
func (d *Documents) Spent(ctx context.Context, profile string, step models.Step, day string) (models.Spent, error) {
	var b storedBudget
	err := d.one(ctx, d.byID(cBudgets, budgetID(profile, step, day)), &b)
	if errors.Is(err, models.ErrNotFound) {
		err = nil
	}
	return models.Spent{Posts: b.Posts, Seconds: b.Seconds}, fault("spent", err)
}

func (d *Documents) addSpent(ctx context.Context, spent map[models.Spend]models.Spent) error {
	var ws []mongo.WriteModel
	for k, v := range spent {
		w, err := d.byID(cBudgets, budgetID(k.Profile, k.Step, k.Day)).updateModel(bson.D{
			{Key: "$inc", Value: bson.D{{Key: "posts", Value: v.Posts}, {Key: "seconds", Value: v.Seconds}}}})
		if err != nil {
			return err
		}
		ws = append(ws, w.SetUpsert(true))
	}
	_, err := d.bulk(ctx, cBudgets, ws)
	return err
}

// storedResult is a result under its key.
type storedResult struct {
	ID     string   `bson:"_id"`
	Result bson.Raw `bson:"result"`
}

// Results returns those of the results that are there, by key.
func (d *Documents) Results(ctx context.Context, keys []string) (map[string]models.Result, error) {
	out := make(map[string]models.Result, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	err := d.each(ctx, d.where(cResults+primary, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: keys}}}}), func(doc bson.Raw) error {
		var s storedResult
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		var r models.Result
		err := decode(s.Result, &r)
		out[s.ID] = r
		return err
	})
	if err != nil {
		return nil, fault("results", err)
	}
	return out, nil
}

// PutResults keeps results. One that is there already stays as it is: a result never changes.
func (d *Documents) PutResults(ctx context.Context, results []models.Result) error {
	if len(results) == 0 {
		return nil
	}
	var ws []mongo.WriteModel
	for i := range results {
		doc, err := encode(&results[i])
		if err != nil {
			return fault("put results", err)
		}
		w, err := d.byID(cResults, results[i].Key()).updateModel(bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "result", Value: doc}}}})
		if err != nil {
			return fault("put results", err)
		}
		ws = append(ws, w.SetUpsert(true))
	}
	_, err := d.bulk(ctx, cResults, ws)
	if mongo.IsDuplicateKeyError(err) && !unlike(err) { // somebody put the same at the same moment
		err = nil
	}
	return fault("put results", err)
}

// unlike reports whether any write of a bulk failed for another reason than
// that the key was there.
func unlike(err error) bool {
	const duplicate = 11000
	var b mongo.BulkWriteException
	if !errors.As(err, &b) || b.WriteConcernError != nil {
		return true
	}
	for _, e := range b.WriteErrors {
		if !e.HasErrorCode(duplicate) {
			return true
		}
	}
	return false
}

// storedProfile is one version of a profile.
type storedProfile struct {
	Version string `bson:"_id"`
	Name    string `bson:"name"`
	Put     int64  `bson:"put"` // counts the puts: the newest has the greatest
	Body    []byte `bson:"body"`
}

// profileCounter is where meta counts the puts.
const profileCounter = "profiles"

// PutProfile keeps the body of a profile's version. Putting a version again
// makes it the newest.
func (d *Documents) PutProfile(ctx context.Context, name, version string, body []byte) error {
	n, err := d.next(ctx, profileCounter, 1)
	if err == nil {
		err = d.put(ctx, d.byID(cProfiles, version), bson.D{{Key: "$set", Value: bson.D{
			{Key: "name", Value: name}, {Key: "put", Value: n}, {Key: "body", Value: append([]byte{}, body...)}}}})
	}
	return fault("put profile "+name, err)
}

// Profile returns the body of a version, or ErrNotFound.
func (d *Documents) Profile(ctx context.Context, version string) ([]byte, error) {
	var p storedProfile
	err := d.one(ctx, d.byID(cProfiles, version), &p)
	return p.Body, fault("profile "+version, err)
}

// Profiles returns every version of every profile, by name, the newest of each first.
func (d *Documents) Profiles(ctx context.Context) ([]models.ProfileVersion, error) {
	var out []models.ProfileVersion
	err := d.each(ctx, d.where(profilesName, nil).sorted(bson.D{{Key: "name", Value: 1}, {Key: "put", Value: -1}}).only(with("name")),
		func(doc bson.Raw) error {
			var p storedProfile
			err := unmarshal(doc, &p)
			out = append(out, models.ProfileVersion{Name: p.Name, Version: p.Version})
			return err
		})
	return out, fault("profiles", err)
}

// Lease takes or prolongs a lease until now+ttl, and reports whether holder
// has it. A ttl of zero or less gives it back.
func (d *Documents) Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error) {
	free := bson.A{bson.D{{Key: "holder", Value: holder}}, bson.D{{Key: "until", Value: bson.D{{Key: "$lte", Value: now.UTC()}}}}}
	// another's lease isn't found, so that a new one is tried, and its name is in the way
	err := d.put(ctx, d.where(cLeases+primary, bson.D{{Key: "_id", Value: name}, {Key: "$or", Value: free}}), bson.D{{Key: "$set",
		Value: bson.D{{Key: "holder", Value: holder}, {Key: "until", Value: now.Add(ttl).UTC()}}}})
	if errors.Is(err, models.ErrConflict) {
		return false, nil
	}
	return err == nil, fault("lease "+name, err)
}

// metaPrefix keeps callers' keys apart from the store's own.
const metaPrefix = "app/"

// Meta returns a value that SetMeta kept, "" if there is none.
func (d *Documents) Meta(ctx context.Context, key string) (string, error) {
	var m meta
	err := d.one(ctx, d.byID(cMeta, metaPrefix+key), &m)
	if errors.Is(err, models.ErrNotFound) {
		err = nil
	}
	return m.Value, fault("meta "+key, err)
}

// SetMeta keeps a value under a key.
func (d *Documents) SetMeta(ctx context.Context, key, value string) error {
	err := d.put(ctx, d.byID(cMeta, metaPrefix+key), bson.D{{Key: "$set", Value: bson.D{{Key: "value", Value: value}}}})
	return fault("set meta "+key, err)
}

// storedCampaign is a campaign.
type storedCampaign struct {
	ID        string    `bson:"_id"`
	Rev       int64     `bson:"rev"`
	StartedAt time.Time `bson:"started_at"`
	Campaign  bson.Raw  `bson:"campaign"`
}

// PutCampaign writes a campaign, whether it is there or not.
func (d *Documents) PutCampaign(ctx context.Context, c models.Campaign) error {
	c.Since, c.Until, c.StartedAt, c.EndedAt = c.Since.UTC(), c.Until.UTC(), c.StartedAt.UTC(), c.EndedAt.UTC()
	doc, err := encode(&c)
	if err == nil {
		err = d.put(ctx, d.byID(cCampaigns, c.ID), bson.D{{Key: "$set", Value: bson.D{
			{Key: "rev", Value: c.Rev}, {Key: "started_at", Value: c.StartedAt}, {Key: "campaign", Value: doc}}}})
	}
	return fault("put campaign "+c.ID, err)
}

// MoveCampaign writes a campaign whose Rev is one more than the stored one's (1:
// there is none yet); otherwise ErrConflict, and nothing is written.
func (d *Documents) MoveCampaign(ctx context.Context, c models.Campaign) error {
	c.Since, c.Until, c.StartedAt, c.EndedAt = c.Since.UTC(), c.Until.UTC(), c.StartedAt.UTC(), c.EndedAt.UTC()
	doc, err := encode(&c)
	if err != nil {
		return fault("move campaign "+c.ID, err)
	}
	if c.Rev == 1 {
		fresh, err := d.insert(ctx, cCampaigns, storedCampaign{ID: c.ID, Rev: 1, StartedAt: c.StartedAt, Campaign: doc})
		if err == nil && !fresh {
			err = models.ErrConflict
		}
		return fault("move campaign "+c.ID, err)
	}
	n, err := d.update(ctx, d.where(cCampaigns+primary, bson.D{{Key: "_id", Value: c.ID}, {Key: "rev", Value: c.Rev - 1}}),
		bson.D{{Key: "$set", Value: bson.D{{Key: "rev", Value: c.Rev}, {Key: "campaign", Value: doc}}}})
	if err == nil && n == 0 {
		err = models.ErrConflict
	}
	return fault("move campaign "+c.ID, err)
}

// Campaign returns a campaign, or ErrNotFound.
func (d *Documents) Campaign(ctx context.Context, id string) (models.Campaign, error) {
	var s storedCampaign
	var c models.Campaign
	err := d.one(ctx, d.byID(cCampaigns, id), &s)
	if err == nil {
		err = decode(s.Campaign, &c)
	}
	return c, fault("campaign "+id, err)
}

// CampaignCounts counts the runs whose live generation is of a campaign.
func (d *Documents) CampaignCounts(ctx context.Context, id string) (map[models.State]int64, error) {
	out := map[models.State]int64{}
	f := d.where(postsCampaign, bson.D{{Key: "runs.campaign", Value: id}}).only(with("runs.campaign", "runs.state"))
	err := d.each(ctx, f, func(doc bson.Raw) error {
		var p struct {
			Runs []struct {
				Campaign string `bson:"campaign"`
				State    string `bson:"state"`
			} `bson:"runs"`
		}
		if err := unmarshal(doc, &p); err != nil {
			return err
		}
		for _, r := range p.Runs {
			if r.Campaign == id {
				out[models.State(r.State)]++
			}
		}
		return nil
	})
	return out, fault("counts of campaign "+id, err)
}

// Campaigns returns all campaigns, the newest first.
func (d *Documents) Campaigns(ctx context.Context) ([]models.Campaign, error) {
	var out []models.Campaign
	err := d.each(ctx, d.where(campaignsStarted, nil).sorted(bson.D{{Key: "started_at", Value: -1}, {Key: "_id", Value: 1}}), func(doc bson.Raw) error {
		var s storedCampaign
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		var c models.Campaign
		err := decode(s.Campaign, &c)
		out = append(out, c)
		return err
	})
	return out, fault("campaigns", err)
}
