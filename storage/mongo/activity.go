package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// storedActivity is the count of one hour, profile, step and outcome.
type storedActivity struct {
	ID      string    `bson:"_id"` // HOUR/PROFILE/STEP/OUTCOME
	Hour    time.Time `bson:"hour"`
	Profile string    `bson:"profile"`
	Step    string    `bson:"step"`
	Outcome string    `bson:"outcome"`
	N       int64     `bson:"n"`
	Cost    float64   `bson:"cost"`
}

func activityID(a *models.Activity) string {
	return a.Hour.UTC().Format("2006-01-02T15") + "/" + a.Profile + "/" + string(a.Step) + "/" + string(a.Outcome)
}

// AddActivity adds to what is kept of the same hour, profile, step and outcome.
// It is one bulk, not a transaction: if the connection breaks in the middle, a
// part of it may be written, and whoever hands it over again counts that twice.
func (d *Documents) AddActivity(ctx context.Context, counts []models.Activity) error {
	var ws []mongo.WriteModel
	for i := range counts {
		a := &counts[i]
		w, err := d.byID(cActivity, activityID(a)).updateModel(bson.D{
			{Key: "$inc", Value: bson.D{{Key: "n", Value: a.N}, {Key: "cost", Value: a.Cost}}},
			{Key: "$setOnInsert", Value: bson.D{{Key: "hour", Value: a.Hour.UTC()}, {Key: "profile", Value: a.Profile},
				{Key: "step", Value: string(a.Step)}, {Key: "outcome", Value: string(a.Outcome)}}}})
		if err != nil {
			return fault("add activity", err)
		}
		ws = append(ws, w.SetUpsert(true))
	}
	var err error
	for tries := 0; len(ws) > 0 && tries < 3; tries++ {
		_, err = d.bulk(ctx, cActivity, ws)
		ws = raced(err, ws)
	}
	return fault("add activity", err)
}

// raced returns those of ws that failed, where all that failed did so because
// another process began the same document at the same moment: the next time they
// find it. Not every server tries again by itself.
func raced(err error, ws []mongo.WriteModel) []mongo.WriteModel {
	var b mongo.BulkWriteException
	if !errors.As(err, &b) || unlike(err) {
		return nil
	}
	var again []mongo.WriteModel
	for _, e := range b.WriteErrors {
		again = append(again, ws[e.Index])
	}
	return again
}

// Activity lists the counts of the hours that began at since or later and before
// until, of one profile or of all, by hour, profile, step and outcome.
func (d *Documents) Activity(ctx context.Context, since, until time.Time, profile string) ([]models.Activity, error) {
	var out []models.Activity
	err := d.each(ctx, d.inHours(since, until, profile), func(doc bson.Raw) error {
		var s storedActivity
		err := unmarshal(doc, &s)
		out = append(out, models.Activity{Hour: s.Hour.UTC(), Profile: s.Profile, Step: models.Step(s.Step), Outcome: models.Outcome(s.Outcome), N: s.N, Cost: s.Cost})
		return err
	})
	return out, fault("activity", err)
}

func (d *Documents) inHours(since, until time.Time, profile string) filter {
	hours := bson.D{{Key: "hour", Value: between(since.UTC(), until.UTC())}}
	if profile != "" {
		hours = append(hours, bson.E{Key: "profile", Value: profile})
	}
	return d.where(activityHour, hours).sorted(asc("hour", "profile", "step", "outcome"))
}

// ForgetActivity removes the hours that began before a time, and says how many
// counts that were.
func (d *Documents) ForgetActivity(ctx context.Context, before time.Time) (int64, error) {
	n, err := d.remove(ctx, d.where(activityHour, bson.D{{Key: "hour", Value: bson.D{{Key: "$lt", Value: before.UTC()}}}}))
	return n, fault("forget activity", err)
}
