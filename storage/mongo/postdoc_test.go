package mongo

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// golden is a post document of every field, as schema version 1 wrote it.
const golden = "post_v1.json"

func goldenWhen(minute int) time.Time {
	return time.Date(2026, 3, 4, 5, minute, 7, 89_000_000, time.UTC)
}

// goldenPost has every field set.
func goldenPost() models.Post {
	likes, shares := int64(0), int64(1<<40)
	return models.Post{
		ID: "weibo.1", SchemaVersion: 1, Rev: 7, Source: "weibo", NativeID: "1", URL: "https://weibo.example/1",
		CreatedAt: goldenWhen(1), CollectedAt: goldenWhen(2), EditedAt: goldenWhen(3),
		Author: models.Author{ID: "9", Handle: "näme", Name: "N", Followers: 3,
			Location: models.Location{Raw: "上海", Kind: "profile", Country: "CN", Region: "CN-SH", City: "Shanghai", Confidence: .9}},
		Text: "丝绸 \u2028 'lace' 👗", Language: "zh", Hashtags: []string{"ootd"}, Mentions: []string{"Ann"}, Links: []string{"https://x.example"},
		RepostOf: "weibo.0",
		Media: []models.Media{{ID: "m", URL: "https://cdn.example/1.jpg", Alt: "a", State: models.MediaOK, SHA256: "abc",
			PHash: "00ff00ff00ff00ff", Type: "image/jpeg", Size: 5, Width: 6, Height: 7, Original: "o", Rendition: "r"},
			{URL: "https://cdn.example/2.jpg", State: models.MediaFailed, Reason: "404"}},
		Counts: models.Counts{Likes: &likes, Shares: &shares}, Flags: []models.Flag{models.NoIndex}, Hidden: "operator: why",
		Labels: []models.Label{{Attribute: "brand", Taxonomy: "1", Values: []string{"Hermès"}, By: []string{"ann"}, At: goldenWhen(4), Item: "i1", Sample: true}},
		Published: map[string]models.Publication{"catalog": {Generation: 2, Version: "v", Unchecked: true, Raw: true, At: goldenWhen(5),
			Attributes: []models.Attribute{{Name: "color", Value: "navy", Confidence: .5, Share: .25, Evidence: models.FromImage, Image: "abc",
				Box: &models.Box{X: .1, Y: .2, W: .3, H: .4}, Model: "m", Version: "1"}}}},
		Raw: []byte(`{"mid": "1",  "n": 1}`),
	}
}

func goldenRun() models.Run {
	return models.Run{Post: "weibo.1", Profile: "catalog", Version: "v", Generation: 2, Seq: 9, State: models.Parked, Step: models.LabelStep,
		Lane: models.Bulk, Campaign: "c1", Trace: "00-1-2-01", AdmittedAt: goldenWhen(6), MovedAt: goldenWhen(7), ProcessAt: goldenWhen(8), Due: goldenWhen(9),
		Attempts: 1, Tried: 2, Deaths: 3, Trials: 4, Waits: 5, Error: "e", Reason: "r", Item: "i1", Unchecked: true, Sampled: true, Cost: .5,
		Results:    []models.Result{{Input: "in", Model: "m", Version: "1", Params: "{}", Cost: .25}},
		Attributes: []models.Attribute{{Name: "color", Value: "navy", Confidence: .5, Evidence: models.FromText}}}
}

func goldenEntry() models.Entry {
	return models.Entry{Seq: 8, Generation: 2, Step: models.Index, Outcome: models.OutPark, Next: models.LabelStep, Reason: "r", At: goldenWhen(10),
		Duration: 1.5, Cost: .5, Attempts: 1, Models: []string{"m@1"}, Spent: &models.Spent{Posts: 3, Seconds: 1.5}, Error: "e"}
}

func goldenDocument(t *testing.T) *stored {
	t.Helper()
	d := &Documents{salt: []byte("salt")}
	p, r, e := goldenPost(), goldenRun(), goldenEntry()
	s, err := d.newStored(&p)
	if err == nil {
		err = s.addRun(&r, p.ContentHash(), &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.addPassages("catalog", models.Superseded, 1)
	s.Dirty = 1772600767089000
	return s
}

var update = flag.Bool("update", false, "write the golden documents anew")

// TestGoldenPost: what an earlier program stored is read as it was, and is
// stored the same way by this one.
func TestGoldenPost(t *testing.T) {
	path := filepath.Join("testdata", golden)
	doc, err := bson.Marshal(goldenDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		text, err := bson.MarshalExtJSONIndent(bson.Raw(doc), true, false, "", "  ")
		if err == nil {
			err = os.WriteFile(path, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept bson.Raw
	if err := bson.UnmarshalExtJSON(text, true, &kept); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept.String(), bson.Raw(doc).String()); diff != "" {
		t.Errorf("stored otherwise than before (-was +is):\n%s", diff)
	}
	var s stored
	if err := unmarshal(kept, &s); err != nil {
		t.Fatal(err)
	}
	p, err := s.post()
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Runs[0].model()
	if err != nil {
		t.Fatal(err)
	}
	var e models.Entry
	if err := decode(s.Timeline[0].Entry, &e); err != nil {
		t.Fatal(err)
	}
	for what, diff := range map[string]string{
		"post": cmp.Diff(goldenPost(), p), "run": cmp.Diff(goldenRun(), r), "entry": cmp.Diff(goldenEntry(), e),
		"document": cmp.Diff(goldenDocument(t), &s, cmp.AllowUnexported(stored{}), cmpopts.IgnoreTypes(touched{})),
	} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestUpgrade(t *testing.T) {
	steps := map[int]func(*models.Post){
		1: func(p *models.Post) { p.Language += "1" },
		2: func(p *models.Post) { p.Language += "2" },
	}
	p := models.Post{SchemaVersion: 1}
	if err := document.Upgrade(&p, 3, steps); err != nil || p.Language != "12" || p.SchemaVersion != 3 {
		t.Errorf("upgraded to %+v, %v", p, err)
	}
	for _, version := range []int{0, 4} {
		p := models.Post{SchemaVersion: version}
		if err := document.Upgrade(&p, 3, steps); err == nil || models.ClassOf(err) != models.Permanent {
			t.Errorf("version %d: %v, want a permanent fault", version, err)
		}
	}
}

// TestEveryVersionHasItsGoldenDocument, so that none is forgotten with the next.
func TestEveryVersionHasItsGoldenDocument(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "post_v*.json"))
	if err != nil || len(files) != models.SchemaVersion {
		t.Errorf("golden documents %v (%v) for %d versions", files, err, models.SchemaVersion)
	}
}

func TestWrongStringsAreMended(t *testing.T) {
	doc, err := encode(&models.Entry{Reason: "a\xffb"})
	if err != nil {
		t.Fatal(err)
	}
	var e models.Entry
	if err := decode(doc, &e); err != nil || e.Reason != "a\ufffdb" {
		t.Errorf("got %q, %v", e.Reason, err)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	const address = "mongodb://weft:s3cret@host:notaport/weft"
	_, _, err := clientOptions(address)
	if err == nil || models.ClassOf(err) != models.Permanent {
		t.Fatalf("%s: %v, want a permanent fault", address, err)
	}
	if s := err.Error() + hideSecret("dial "+address); strings.Contains(s, "s3cret") {
		t.Errorf("%q tells the password", s)
	}
}
