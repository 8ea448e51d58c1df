package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/models"
	"weft/storage/mongo"
)

const profile = "bench"

// benchDocuments measures what every step of every run does: read the post and
// its run, and move the run.
func benchDocuments(ctx context.Context, s setting) (err error) {
	address, err := mongoURL()
	if err != nil {
		return err
	}
	client, err := driver.Connect(options.Client().ApplyURI(address))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(ctx)) }()
	name := fmt.Sprintf("bench%d", time.Now().UnixNano())
	defer func() { err = errors.Join(err, client.Database(name).Drop(ctx)) }()
	docs, err := mongo.OpenDocuments(ctx, withDatabase(address, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docs.Close()) }()

	took, err := bulks(s.posts, func(from, to int) error { return admit(ctx, docs, from, to) })
	if err != nil {
		return err
	}
	fmt.Printf("documents_admit_per_s: %.0f\n", rate(s.posts, took))
	posts := client.Database(name).Collection("posts")
	by := byHand{posts}
	bulk, err := bulks(s.posts, func(from, to int) error { return by.bulk(ctx, from, to) })
	if err != nil {
		return err
	}
	single, err := side(s.slow, singles, func(i int) error { return by.one(ctx, i) })
	if err != nil {
		return err
	}
	weft, err := side(s.posts, s.callers, func(i int) error { return advance(ctx, docs, i) })
	if err != nil {
		return err
	}
	compare("documents", rate(s.posts, weft), rate(s.slow, single), rate(s.posts, bulk))
	return nil
}

func postID(i int) string { return fmt.Sprintf("bench.%07d", i) }

func admit(ctx context.Context, docs *mongo.Documents, from, to int) error {
	var batch []models.Admission
	now := time.Now().UTC()
	for i := from; i < to; i++ {
		p := models.Post{
			ID: postID(i), Source: "bench", NativeID: fmt.Sprint(i), CreatedAt: now, CollectedAt: now, Text: "a red dress 👗 and a navy bag, number " + fmt.Sprint(i),
			Hashtags: []string{"ootd", "vintage"}, Author: models.Author{ID: fmt.Sprint(i % 997), Handle: "ann"},
			Media: []models.Media{{URL: "https://cdn.example/" + fmt.Sprint(i) + ".jpg", State: models.MediaPending}},
			Raw:   fmt.Appendf(nil, `{"id": %d, "filler": "%0900d"}`, i, i),
		}
		batch = append(batch, models.Admission{Post: p, Run: models.NewRun(p.ID, profile, "v1", models.Normal, now, time.Minute)})
	}
	_, err := docs.Admit(ctx, batch)
	return err
}

// advance does what the runner does around a step.
func advance(ctx context.Context, docs *mongo.Documents, i int) error {
	_, run, err := docs.Load(ctx, postID(i), profile)
	if err != nil {
		return err
	}
	return docs.Move(ctx, run.Advance(models.AnalyzeLight, "fetched 1 of 1 images", time.Now().UTC(), time.Minute))
}

// byHand does the same with the driver alone. What it writes it doesn't encode
// anew, and it looks at nothing that it reads: it is as fast as it can be.
type byHand struct{ posts *driver.Collection }

// stored is the part of a post's document that a move changes.
type stored struct {
	ID   string `bson:"_id"`
	Runs []struct {
		Seq int64    `bson:"seq"`
		Run bson.Raw `bson:"run"`
	} `bson:"runs"`
}

func (b byHand) bulk(ctx context.Context, from, to int) error {
	ids := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		ids = append(ids, postID(i))
	}
	cursor, err := b.posts.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetBatchSize(bulkSize))
	if err != nil {
		return err
	}
	var found []stored
	if err := cursor.All(ctx, &found); err != nil {
		return err
	}
	writes := make([]driver.WriteModel, 0, len(found))
	for i := range found {
		filter, update := moved(&found[i])
		writes = append(writes, driver.NewUpdateOneModel().SetFilter(filter).SetUpdate(update))
	}
	done, err := b.posts.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	if err == nil && done.ModifiedCount != int64(to-from) {
		err = fmt.Errorf("%d of %d documents written", done.ModifiedCount, to-from)
	}
	return err
}

func (b byHand) one(ctx context.Context, i int) error {
	var found stored
	if err := b.posts.FindOne(ctx, bson.D{{Key: "_id", Value: postID(i)}}).Decode(&found); err != nil {
		return err
	}
	filter, update := moved(&found)
	_, err := b.posts.UpdateOne(ctx, filter, update)
	return err
}

// moved is a compare-and-set that writes what a move writes, but for its seq, so
// that the document can be moved again.
func moved(s *stored) (filter, update bson.D) {
	run := s.Runs[0]
	filter = bson.D{{Key: "_id", Value: s.ID}, {Key: "runs", Value: bson.D{{Key: "$elemMatch", Value: bson.D{{Key: "profile", Value: profile}, {Key: "seq", Value: run.Seq}}}}}}
	entry := bson.D{{Key: "profile", Value: profile}, {Key: "seq", Value: run.Seq}, {Key: "entry", Value: bson.D{
		{Key: "seq", Value: run.Seq}, {Key: "generation", Value: 1}, {Key: "step", Value: "fetch"}, {Key: "outcome", Value: "advance"},
		{Key: "next", Value: "analyze-light"}, {Key: "reason", Value: "fetched 1 of 1 images"}, {Key: "at", Value: time.Now()},
	}}}
	return filter, bson.D{
		{Key: "$inc", Value: bson.D{{Key: "w", Value: int64(1)}}},
		{Key: "$set", Value: bson.D{
			{Key: "runs.$.state", Value: "queued"}, {Key: "runs.$.step", Value: "fetch"}, {Key: "runs.$.due", Value: time.Now()},
			{Key: "runs.$.run", Value: run.Run},
		}},
		{Key: "$push", Value: bson.D{{Key: "timeline_by_hand", Value: entry}}},
	}
}
