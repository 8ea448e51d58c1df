package mongo

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/internal/servers"
	"weft/models"
)

// TestOlderItemsGetLanes: what a program before lanes left can be claimed, and
// its answers are listed.
func TestOlderItemsGetLanes(t *testing.T) {
	address := servers.Database(t, servers.URL(t, servers.Mongo))
	d, err := OpenDocuments(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	now := goldenWhen(1)
	it := models.Item{
		ID: "i1", Rev: 1, Post: "weibo.1", Profile: "catalog", State: models.ItemOpen, Wanted: 2, OpenedAt: now,
		Questions: []models.Question{{Attribute: "brand"}}, Answers: []models.Answer{{By: "ann", At: now, Values: map[string][]string{"brand": {"x"}}}},
	}
	if err := d.PutItem(t.Context(), it); err != nil {
		t.Fatal(err)
	}
	older := bson.D{{Key: "$unset", Value: bson.D{{Key: "lane", Value: ""}, {Key: "hv", Value: ""}, {Key: "seen", Value: ""}}}}
	if _, err := d.update(t.Context(), d.byID(cItems, it.ID), older); err != nil {
		t.Fatal(err)
	}
	if _, err := d.remove(t.Context(), d.where(answersItem, bson.D{{Key: "item", Value: it.ID}})); err != nil {
		t.Fatal(err)
	}
	if _, err := d.update(t.Context(), d.byID(cMeta, layoutKey), set("indexes", "posts/dirty")); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = OpenDocuments(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	for name, want := range map[string]int{"ann": 0, "bob": 1} {
		got, err := d.ClaimItems(t.Context(), models.Asker{Name: name}, "catalog", 2, now, now.Add(time.Minute))
		if err != nil || len(got) != want {
			t.Errorf("%s claims %+v, %v; want %d", name, got, err, want)
		}
	}
	given, err := d.Given(t.Context(), models.GivenFilter{By: "ann"})
	if err != nil || len(given) != 1 || given[0].Item != "i1" {
		t.Errorf("answers %+v, %v", given, err)
	}
}
