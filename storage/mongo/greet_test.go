package mongo_test

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// TestDiedBeforeItLookedAgain: a process that admits a post and dies before it
// looks once more for marks leaves one that was deleted, or hidden, meanwhile.
// Whoever loads the post first does what the mark says.
func TestDiedBeforeItLookedAgain(t *testing.T) {
	t.Parallel()
	for name, deletion := range map[string]models.Deletion{
		"deleted post":   {Source: "weibo", NativeID: "7", Act: models.Delete},
		"deleted author": {Source: "weibo", Author: "me", Act: models.Delete},
		"hidden post":    {Source: "weibo", NativeID: "7", Act: models.Hide},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			d := p.open(t)
			deletion.By, deletion.Reason, deletion.At = "platform", "gone", time.Now()
			if _, err := d.Forget(t.Context(), []models.Deletion{deletion}); err != nil {
				t.Fatal(err)
			}
			// the mark comes only after the look before the insert, and the look after it never happens
			marks := p.db.Collection("forgotten")
			var mark bson.D
			if err := marks.FindOneAndDelete(t.Context(), bson.D{}).Decode(&mark); err != nil {
				t.Fatal(err)
			}
			post := models.Post{ID: "weibo.7", Source: "weibo", NativeID: "7", Text: "robe", CreatedAt: time.Now(), Author: models.Author{ID: "me"}}
			run := models.NewRun(post.ID, "catalog", "v1", models.Normal, time.Now(), time.Minute)
			got, err := d.Admit(t.Context(), []models.Admission{{Post: post, Run: run}})
			if err != nil || got[0].Result != models.Admitted {
				t.Fatalf("%+v, %v", got, err)
			}
			if _, err := marks.InsertOne(t.Context(), mark); err != nil {
				t.Fatal(err)
			}
			post, _, err = d.Load(t.Context(), post.ID, "catalog")
			if err != nil {
				t.Fatal(err)
			}
			if gone := post.Tombstone != nil; gone != (deletion.Act == models.Delete) {
				t.Errorf("tombstone %+v", post.Tombstone)
			}
			if hidden := post.Hidden != ""; hidden != (deletion.Act == models.Hide) {
				t.Errorf("hidden %q", post.Hidden)
			}
		})
	}
}
