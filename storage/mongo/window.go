package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// storedWindow is a budget of different items, with those that are in it.
type storedWindow struct {
	Budget string  `bson:"_id"`
	W      int64   `bson:"w"` // every write adds one
	Items  []taken `bson:"items"`
}

type taken struct {
	Item string `bson:"item"`
	At   int64  `bson:"at"` // microseconds
}

// Take takes a place for item in a budget of limit different items within any
// stretch of window, such as the 30 hashtags in seven days that Instagram
// allows. A zero time says that item has a place: it was in the window already,
// which doesn't prolong its stay, or a place was free. Otherwise nothing is
// written, and free is the moment when the oldest item leaves.
//
// It is here and not with the fast limits, since what took days to use up must
// outlive a lost Redis.
func (d *Documents) Take(ctx context.Context, budget, item string, limit int, window time.Duration, now time.Time) (free time.Time, err error) {
	if limit <= 0 || window <= 0 {
		return free, models.Faultf(models.Permanent, "take from %s: %d items in %v is no budget", budget, limit, window)
	}
	err = again(ctx, func(ctx context.Context) error {
		free, err = d.take(ctx, budget, item, limit, window, now)
		return err
	})
	return free, fault("take from "+budget, err)
}

// take is one attempt; errRaced if somebody else took a place meanwhile.
func (d *Documents) take(ctx context.Context, budget, item string, limit int, window time.Duration, now time.Time) (free time.Time, err error) {
	var w storedWindow
	err = d.one(ctx, d.byID(cWindows, budget), &w)
	fresh := errors.Is(err, models.ErrNotFound)
	if err != nil && !fresh {
		return free, err
	}
	held, oldest := []taken{}, now.UnixMicro()
	for _, t := range w.Items {
		if t.At <= now.Add(-window).UnixMicro() {
			continue
		}
		if t.Item == item {
			return free, nil
		}
		held, oldest = append(held, t), min(oldest, t.At)
	}
	if len(held) >= limit {
		return time.UnixMicro(oldest).Add(window).UTC(), nil
	}
	held = append(held, taken{Item: item, At: now.UnixMicro()})
	if fresh {
		added, err := d.insert(ctx, cWindows, storedWindow{Budget: budget, W: 1, Items: held})
		if err == nil && !added {
			err = errRaced
		}
		return free, err
	}
	n, err := d.update(ctx, d.where(cWindows+primary, bson.D{{Key: "_id", Value: budget}, {Key: "w", Value: w.W}}),
		append(incW(), bson.E{Key: "$set", Value: bson.D{{Key: "items", Value: held}}}))
	if err == nil && n == 0 {
		err = errRaced
	}
	return free, err
}
