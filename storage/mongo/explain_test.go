package mongo

import (
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/internal/servers"
	"weft/models"
)

// openInside opens a database of the test's own, which goes with the test.
func openInside(t *testing.T) *Documents {
	t.Helper()
	d, err := OpenDocuments(t.Context(), servers.Database(t, servers.URL(t, servers.Mongo)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestMovesAreRecognised: where not every filter of a call found something, each
// move still learns what became of it, also when others followed.
func TestMovesAreRecognised(t *testing.T) {
	d := openInside(t)
	move := func(id string, from int64) *pending {
		r := models.NewRun(id, "catalog", "v1", models.Normal, goldenWhen(1), 0)
		r.Seq = from
		p, err := newMove(r.Advance(models.Index, "", goldenWhen(2), 0))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, id := range []string{"x.1", "x.2"} {
		if _, err := d.Admit(t.Context(), []models.Admission{{Post: models.Post{ID: id, SchemaVersion: 1, Source: "x"},
			Run: models.NewRun(id, "catalog", "v1", models.Normal, goldenWhen(1), 0)}}); err != nil {
			t.Fatal(err)
		}
	}
	won, other, lost, nobody := move("x.1", 1), move("x.2", 1), move("x.2", 7), move("x.3", 1)
	d.movePlain(t.Context(), []*pending{won, other, lost, nobody})
	for _, c := range []struct {
		name string
		p    *pending
		want error
	}{{"won", won, nil}, {"other", other, nil}, {"lost", lost, models.ErrConflict}, {"nobody", nobody, models.ErrNotFound}} {
		if !errors.Is(c.p.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.p.err, c.want)
		}
	}
	next := won.move.Run.Advance(models.Archive, "", goldenWhen(3), 0)
	if err := d.Move(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := d.Move(t.Context(), next.Run.Regenerate(models.Index, "v2", "", models.Bulk, "", goldenWhen(4), 0)); err != nil {
		t.Fatal(err)
	}
	twin := move("x.1", 1) // the same move of somebody else
	d.recognise(t.Context(), []*pending{won, twin})
	if won.err != nil || !errors.Is(twin.err, errRaced) {
		t.Errorf("after a new generation the winner has %v and its twin %v, want nil and %v", won.err, twin.err, errRaced)
	}
}

// TestIndexesAreUsed asks the server for its plans. Only MongoDB's own planner
// says anything about MongoDB's.
func TestIndexesAreUsed(t *testing.T) {
	d := openInside(t)
	var info bson.M
	if err := d.db.RunCommand(t.Context(), bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		t.Fatal(err)
	}
	if _, real := info["openssl"]; !real || info["secantusVersion"] != nil {
		t.Skip("the server is not MongoDB's own, so its plans say nothing about MongoDB")
	}
	for _, f := range []filter{
		d.where(postsDirty, bson.D{{Key: "dirty", Value: bson.D{{Key: "$gt", Value: 0}}}}).sorted(asc("dirty", "_id")),
		d.where(postsDue, nil).sorted(asc("runs.due")),
		d.whereRuns(models.RunFilter{State: models.Failed}, "").sorted(asc("_id")),
		d.whereRuns(models.RunFilter{Campaign: "c1"}, "").sorted(asc("_id")),
		d.whereRuns(models.RunFilter{Profile: "catalog"}, "").sorted(asc("_id")),
		d.inLane("catalog\x1fl"),
		d.where(itemsLane, bson.D{{Key: "lane", Value: bson.D{{Key: "$gt", Value: ""}}}}).sorted(asc("lane")),
		d.where(itemsContested, bson.D{{Key: "contested", Value: true}}).sorted(bson.D{{Key: "priority", Value: -1}, {Key: "opened_at", Value: 1}, {Key: "_id", Value: 1}}),
		d.where(answersBy, bson.D{{Key: "by", Value: "ann"}}).sorted(bson.D{{Key: "at", Value: -1}, {Key: "item", Value: -1}}),
		d.inHours(goldenWhen(1), goldenWhen(2), ""),
		d.inHours(goldenWhen(1), goldenWhen(2), "catalog"),
		d.where(itemsWaiting, bson.D{{Key: "waiting", Value: bson.D{{Key: "$gt", Value: 0}}}}).sorted(asc("opened_at", "_id")),
	} {
		plan, err := d.db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: bson.D{
			{Key: "find", Value: f.coll}, {Key: "filter", Value: f.cond}, {Key: "sort", Value: f.sort}}}}).Raw()
		if err != nil {
			t.Fatal(err)
		}
		text := plan.Lookup("queryPlanner", "winningPlan").String()
		if !strings.Contains(text, `"indexName": "`+f.ix.short()+`"`) && !strings.Contains(text, `"indexName":"`+f.ix.short()+`"`) ||
			strings.Contains(text, "COLLSCAN") || strings.Contains(text, `"SORT"`) {
			t.Errorf("%v in the order %v is planned without %s: %s", f.cond, f.sort, f.ix.name, text)
		}
	}
}
