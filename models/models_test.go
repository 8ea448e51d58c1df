package models_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weft/models"
)

func at(hour int) time.Time { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC) }

func TestPostID(t *testing.T) {
	for _, c := range []struct{ native, want string }{
		{"Cx-9_Z", "weibo.Cx-9_Z"},
		{strings.Repeat("a", 48), "weibo." + strings.Repeat("a", 48)},
		{strings.Repeat("a", 49), "weibo.r6n6y2tc3uuoxu3ncitxivms3z"},
		{"a/b", "weibo.yfgn3qbt6zfz32ua5jtvz4uaua"},
		{"a.b", "weibo.fzztnxeoxkd66rzn6vumgvecvp"},
		{"", "weibo.4oymiquy7qobjgx36tejs35zeq"},
		{"图", "weibo.qajvpds6q4y2nakdnrugifnr33"},
	} {
		got := models.PostID("weibo", c.native)
		if got != c.want {
			t.Errorf("PostID(%q) = %s, want %s", c.native, got, c.want)
		}
		if id := strings.TrimPrefix(got, "weibo."); strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" || id == "" || len(id) > 48 {
			t.Errorf("PostID(%q) = %s: not fit for a task id or a path", c.native, got)
		}
	}
}

func TestPostIDsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if same := models.PostID("s", a) == models.PostID("s", b); same != (a == b) {
			t.Fatalf("%q and %q have the same id: %t", a, b, same)
		}
	})
}

func TestContentHash(t *testing.T) {
	base := func() models.Post {
		return models.Post{ID: "s.1", Text: "silk", Media: []models.Media{{URL: "blob:a"}, {URL: "blob:b"}}}
	}
	likes := int64(3)
	for _, c := range []struct {
		name   string
		alter  func(p *models.Post)
		edited bool
	}{
		{"nothing", func(*models.Post) {}, false},
		{"counts", func(p *models.Post) { p.Counts.Likes = &likes }, false},
		{"author", func(p *models.Post) { p.Author.Followers = 9 }, false},
		{"label", func(p *models.Post) { p.Labels = []models.Label{{Attribute: "color"}} }, false},
		{"fetched image", func(p *models.Post) { p.Media[0].State, p.Media[0].SHA256 = models.MediaOK, "ff" }, false},
		{"text", func(p *models.Post) { p.Text = "Silk" }, true},
		{"another image", func(p *models.Post) { p.Media[1].URL = "blob:c" }, true},
		{"an image less", func(p *models.Post) { p.Media = p.Media[:1] }, true},
		{"another order", func(p *models.Post) { p.Media[0], p.Media[1] = p.Media[1], p.Media[0] }, true},
		{"text that runs into the images", func(p *models.Post) { p.Text, p.Media = "silkblob:a", p.Media[1:] }, true},
	} {
		before, after := base(), base()
		c.alter(&after)
		if edited := before.ContentHash() != after.ContentHash(); edited != c.edited {
			t.Errorf("%s: edited %t, want %t", c.name, edited, c.edited)
		}
	}
}

func TestChangeMergesMedia(t *testing.T) {
	ok := func(url, sha string) models.Media { return models.Media{URL: url, State: models.MediaOK, SHA256: sha} }
	bad := func(url string) models.Media {
		return models.Media{URL: url, State: models.MediaFailed, Reason: "broken"}
	}
	for _, c := range []struct {
		name          string
		before, media models.Media
		want          models.Media
		changed       bool
	}{
		{"fetched", models.Media{URL: "a", State: models.MediaPending, Alt: "a coat"}, ok("a", "1"),
			models.Media{URL: "a", State: models.MediaOK, SHA256: "1", Alt: "a coat"}, true},
		{"failed", models.Media{URL: "a", State: models.MediaPending}, bad("a"), bad("a"), true},
		{"a failure never replaces a success", ok("a", "1"), bad("a"), ok("a", "1"), false},
		{"a success replaces a failure", bad("a"), ok("a", "1"), ok("a", "1"), true},
		{"an image that is no longer there", ok("a", "1"), ok("b", "2"), ok("a", "1"), false},
	} {
		p := models.Post{ID: "s.1", Rev: 7, Media: []models.Media{c.before}}
		changed := models.Change{Media: []models.Media{c.media}}.Apply(&p)
		if diff := cmp.Diff(c.want, p.Media[0]); diff != "" || changed != c.changed || (p.Rev == 8) != c.changed {
			t.Errorf("%s: changed %t, rev %d (-want +got):\n%s", c.name, changed, p.Rev, diff)
		}
	}
}

func TestChangeMergesLabels(t *testing.T) {
	label := func(attribute, taxonomy, value string, hour int) models.Label {
		return models.Label{Attribute: attribute, Taxonomy: taxonomy, Values: []string{value}, At: at(hour)}
	}
	old := label("color", "t1", "red", 10)
	for _, c := range []struct {
		name  string
		label models.Label
		want  []models.Label
	}{
		{"of another attribute", label("category", "t1", "coat", 9), []models.Label{old, label("category", "t1", "coat", 9)}},
		{"of another taxonomy", label("color", "t2", "navy", 9), []models.Label{old, label("color", "t2", "navy", 9)}},
		{"later", label("color", "t1", "navy", 11), []models.Label{label("color", "t1", "navy", 11)}},
		{"at the same time", label("color", "t1", "navy", 10), []models.Label{label("color", "t1", "navy", 10)}},
		{"earlier", label("color", "t1", "navy", 9), []models.Label{old}},
	} {
		shared := []models.Label{old}
		p := models.Post{Labels: shared}
		models.Change{Labels: []models.Label{c.label}}.Apply(&p)
		if diff := cmp.Diff(c.want, p.Labels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(old, shared[0]); diff != "" {
			t.Errorf("%s: altered what others hold:\n%s", c.name, diff)
		}
	}
}

func TestChangePublishes(t *testing.T) {
	published := map[string]models.Publication{"catalog": {Generation: 2}, "quality": {Generation: 1}}
	p := models.Post{Rev: 1, Published: published}
	for _, c := range []struct{ generation, want int }{{1, 2}, {3, 3}} {
		models.Change{Profile: "catalog", Publish: &models.Publication{Generation: c.generation}}.Apply(&p)
		if got := p.Published["catalog"].Generation; got != c.want {
			t.Errorf("after generation %d: %d, want %d", c.generation, got, c.want)
		}
	}
	if published["catalog"].Generation != 2 || p.Published["quality"].Generation != 1 {
		t.Errorf("it altered what others hold: %v, or another profile's: %v", published, p.Published)
	}
}

func TestChangeTakesANewerReading(t *testing.T) {
	likes := int64(9)
	p := models.Post{
		ID: "s.1", Source: "s", NativeID: "1", Rev: 4, CreatedAt: at(1), Text: "old",
		Media:     []models.Media{{URL: "a", State: models.MediaOK, SHA256: "1", Alt: "x"}, {URL: "b", State: models.MediaFailed, Reason: "gone"}},
		Labels:    []models.Label{{Attribute: "color"}},
		Published: map[string]models.Publication{"catalog": {Generation: 1}},
	}
	reading := models.Post{
		ID: "other", Rev: 99, CreatedAt: at(9), Text: "new", Counts: models.Counts{Likes: &likes}, EditedAt: at(5),
		Media: []models.Media{{URL: "b", State: models.MediaPending}, {URL: "a", State: models.MediaPending, Alt: "y"}},
	}
	if !(models.Change{Source: &reading}).Apply(&p) {
		t.Fatal("nothing changed")
	}
	want := models.Post{
		ID: "s.1", Source: "s", NativeID: "1", Rev: 5, CreatedAt: at(1), Text: "new", Counts: models.Counts{Likes: &likes}, EditedAt: at(5),
		Media:     []models.Media{{URL: "b", State: models.MediaPending}, {URL: "a", State: models.MediaOK, SHA256: "1", Alt: "y"}},
		Labels:    []models.Label{{Attribute: "color"}},
		Published: map[string]models.Publication{"catalog": {Generation: 1}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if (models.Change{Source: &reading}).Apply(&p) || p.Rev != 5 {
		t.Errorf("the same reading once more counts as a change: rev %d", p.Rev)
	}
	if reading.Media[1].State != models.MediaPending {
		t.Error("it altered the reading")
	}
}

func TestChangeDeletes(t *testing.T) {
	p := models.Post{ID: "s.1", Source: "s", Rev: 4, CreatedAt: at(1), Text: "secret", Author: models.Author{Name: "Ana"}, Raw: []byte(`{}`)}
	tomb := &models.Tombstone{At: at(2), By: "author"}
	if !(models.Change{Delete: tomb}).Apply(&p) {
		t.Fatal("nothing changed")
	}
	want := models.Post{ID: "s.1", Source: "s", Rev: 5, CreatedAt: at(1), Tombstone: tomb}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	late := models.Change{Source: &models.Post{Text: "back"}, Labels: []models.Label{{Attribute: "color"}}, Delete: &models.Tombstone{By: "other"}}
	if late.Apply(&p) || cmp.Diff(want, p) != "" {
		t.Error("a late change altered a deleted post")
	}
}

func TestChangeEmpty(t *testing.T) {
	if !(models.Change{Profile: "catalog"}).Empty() {
		t.Error("a change without content is not empty")
	}
	for i, c := range []models.Change{
		{Media: []models.Media{{}}}, {Labels: []models.Label{{}}}, {Publish: &models.Publication{}}, {Source: &models.Post{}}, {Delete: &models.Tombstone{}},
	} {
		if c.Empty() {
			t.Errorf("change %d is empty", i)
		}
	}
}

func TestEffective(t *testing.T) {
	found := []models.Attribute{
		{Name: "color", Value: "red", Confidence: 0.9}, {Name: "color", Value: "navy", Confidence: 0.4}, {Name: "brand", Value: "Acme", Confidence: 0.2},
	}
	labels := []models.Label{{Attribute: "color", Values: []string{"navy", "black"}}, {Attribute: "category"}}
	want := []models.Attribute{
		{Name: "brand", Value: "Acme", Confidence: 0.2},
		{Name: "color", Value: "navy", Confidence: 1, Evidence: models.FromLabel},
		{Name: "color", Value: "black", Confidence: 1, Evidence: models.FromLabel},
	}
	if diff := cmp.Diff(want, models.Effective(found, labels)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if found[0].Value != "red" || len(found) != 3 {
		t.Error("it altered its arguments")
	}
}

func TestProject(t *testing.T) {
	p := models.Post{
		ID: "s.1", Rev: 12, Source: "s", Text: "silk", Language: "fr",
		Media: []models.Media{{URL: "a", State: models.MediaFailed}, {URL: "b", State: models.MediaOK, Rendition: "renditions/b.jpg"}},
		Published: map[string]models.Publication{
			"tendencies": {Attributes: []models.Attribute{{Name: "color", Value: "red", Confidence: 0.4, Model: "b"}, {Name: "brand", Value: "Acme", Confidence: 0.3}}},
			"quality": {Unchecked: true, Attributes: []models.Attribute{
				{Name: "color", Value: "red", Confidence: 0.8, Model: "c"}, {Name: "color", Value: "navy", Confidence: 0.9}, {Name: "category", Value: "coat", Confidence: 0.9},
			}},
		},
		Labels: []models.Label{{Attribute: "category", Values: []string{"dress"}}},
	}
	want := models.SearchDoc{
		ID: "s.1", Version: 12, Source: "s", Text: "silk", Language: "fr",
		Profiles: []string{"quality", "tendencies"}, Unchecked: []string{"quality"}, Images: []string{"renditions/b.jpg"},
		Attributes: []models.Attribute{
			{Name: "brand", Value: "Acme", Confidence: 0.3},
			{Name: "category", Value: "dress", Confidence: 1, Evidence: models.FromLabel},
			{Name: "color", Value: "navy", Confidence: 0.9},
			{Name: "color", Value: "red", Confidence: 0.8, Model: "c"},
		},
	}
	for range 20 { // maps have no order
		got, ok := models.Project(&p)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Fatalf("visible %t (-want +got):\n%s", ok, diff)
		}
	}
	for _, hide := range []func(p *models.Post){
		func(p *models.Post) { p.Tombstone = &models.Tombstone{} },
		func(p *models.Post) { p.Published = nil },
	} {
		q := p
		hide(&q)
		if _, ok := models.Project(&q); ok {
			t.Errorf("a post without a place in search is projected: %+v", q)
		}
	}
}

func TestProjectTiesHaveAnOrder(t *testing.T) {
	p := models.Post{Published: map[string]models.Publication{
		"a": {Attributes: []models.Attribute{{Name: "color", Value: "red", Confidence: 0.5, Model: "m2"}, {Name: "color", Value: "navy", Confidence: 0.5}}},
		"b": {Attributes: []models.Attribute{{Name: "color", Value: "red", Confidence: 0.5, Model: "m1"}}},
	}}
	for range 20 {
		got, _ := models.Project(&p)
		if len(got.Attributes) != 2 || got.Attributes[0].Value != "navy" || got.Attributes[1].Model != "m1" {
			t.Fatalf("%+v", got.Attributes)
		}
	}
}

func TestJudge(t *testing.T) {
	answer := func(by string, hour int, values ...string) models.Answer {
		return models.Answer{By: by, At: at(hour), Values: map[string][]string{"color": values}}
	}
	for _, c := range []struct {
		name    string
		wanted  int
		answers []models.Answer
		verdict models.Verdict
		values  []string
	}{
		{"nobody", 1, nil, models.Unsettled, nil},
		{"one of one", 1, []models.Answer{answer("ana", 1, "red")}, models.Settled, []string{"red"}},
		{"there is none", 1, []models.Answer{answer("ana", 1)}, models.Settled, nil},
		{"only a skip", 1, []models.Answer{{By: "ana", Skip: "dark"}}, models.Unsettled, nil},
		{"one of two", 2, []models.Answer{answer("ana", 1, "red")}, models.Unsettled, nil},
		{"two agree, in another order", 2, []models.Answer{answer("ana", 1, "red", "navy"), answer("bea", 2, "navy", "red", "red")}, models.Settled, []string{"navy", "red"}},
		{"two differ", 2, []models.Answer{answer("ana", 1, "red"), answer("bea", 2, "navy")}, models.Disagree, nil},
		{"a part is not the same", 2, []models.Answer{answer("ana", 1, "red"), answer("bea", 2, "navy", "red")}, models.Disagree, nil},
		{"the third decides", 3, []models.Answer{answer("ana", 1, "red"), answer("bea", 2, "navy"), answer("cleo", 3, "navy")}, models.Settled, []string{"navy"}},
		{"a skip is no vote", 2, []models.Answer{answer("ana", 1, "red"), {By: "bea", Skip: "dark"}, answer("cleo", 3, "red")}, models.Settled, []string{"red"}},
		{"half is no majority", 4, []models.Answer{answer("a", 1, "red"), answer("b", 1, "red"), answer("c", 1, "navy"), answer("d", 1, "navy")}, models.Disagree, nil},
		{"none wanted means one", 0, nil, models.Unsettled, nil},
	} {
		it := models.Item{ID: "i1", Taxonomy: "t1", Wanted: c.wanted, Sample: true, Questions: []models.Question{{Attribute: "color"}}, Answers: c.answers}
		verdict, labels := it.Judge()
		if verdict != c.verdict || (len(labels) == 1) != (c.verdict == models.Settled) {
			t.Errorf("%s: %s, %d labels, want %s", c.name, verdict, len(labels), c.verdict)
			continue
		}
		if len(labels) == 0 {
			continue
		}
		l := labels[0]
		if strings.Join(l.Values, ",") != strings.Join(c.values, ",") || l.Item != "i1" || l.Taxonomy != "t1" || !l.Sample {
			t.Errorf("%s: label %+v, want %v", c.name, l, c.values)
		}
	}
}

func TestJudgeEachQuestion(t *testing.T) {
	both := func(by, color, category string) models.Answer {
		return models.Answer{By: by, At: at(len(by)), Values: map[string][]string{"color": {color}, "category": {category}}}
	}
	it := models.Item{Wanted: 2, Questions: []models.Question{{Attribute: "color"}, {Attribute: "category"}}}
	it.Answers = []models.Answer{both("ana", "red", "coat"), both("bea", "red", "dress")}
	if verdict, labels := it.Judge(); verdict != models.Disagree || labels != nil {
		t.Errorf("%s, %v; one question without a majority keeps the whole item open", verdict, labels)
	}
	it.Answers = append(it.Answers, both("cleo", "navy", "dress"))
	verdict, labels := it.Judge()
	if verdict != models.Settled || len(labels) != 2 || labels[0].Values[0] != "red" || labels[1].Values[0] != "dress" {
		t.Errorf("%s, %+v", verdict, labels)
	}
	if l := labels[0]; strings.Join(l.By, ",") != "ana,bea,cleo" || !l.At.Equal(at(4)) {
		t.Errorf("label by %v at %s", l.By, l.At)
	}
}

func TestWithAnswer(t *testing.T) {
	first := models.Item{}.WithAnswer(models.Answer{By: "ana", Skip: "dark"}).WithAnswer(models.Answer{By: "bea", Skip: "dark"})
	second := first.WithAnswer(models.Answer{By: "ana", Values: map[string][]string{"color": {"red"}}})
	if len(second.Answers) != 2 || second.Answers[0].Skip != "" || second.Answers[0].Values["color"][0] != "red" {
		t.Errorf("answers %+v; ana's second should stand in the place of her first", second.Answers)
	}
	if first.Answers[0].Skip != "dark" {
		t.Error("it altered the item it was called on")
	}
}

func TestItemIDs(t *testing.T) {
	ids := map[string]bool{}
	again := models.ItemID("p", "a", "t")
	for _, parts := range [][3]string{{"p", "a", "t"}, {"p", "a", "u"}, {"p", "b", "t"}, {"q", "a", "t"}, {"pa", "", "t"}} {
		ids[models.ItemID(parts[0], parts[1], parts[2])] = true
	}
	if len(ids) != 5 || !ids[again] {
		t.Errorf("%d ids for 5 questions", len(ids))
	}
}

func TestChecksumHasNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) models.Row {
			return models.Row{
				Post: rapid.StringMatching(`[a-z]{1,4}`).Draw(t, "post"), Profile: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "profile"),
				Generation: rapid.IntRange(1, 3).Draw(t, "generation"), Rev: rapid.Int64Range(1, 9).Draw(t, "rev"),
				Body: []byte(rapid.StringMatching(`\{"t":"[a-z]{0,5}"\}`).Draw(t, "body")),
			}
		}), 1, 8).Draw(t, "rows")
		sum := models.Checksum(rows)
		if got := models.Checksum(rapid.Permutation(rows).Draw(t, "shuffled")); got != sum {
			t.Fatalf("another order: %x, want %x", got, sum)
		}
		at := rapid.IntRange(0, len(rows)-1).Draw(t, "at")
		parts := models.Checksum(rows[:at]) + models.Checksum(rows[at:])
		if parts != sum {
			t.Fatalf("the sum of two parts is %x, want %x", parts, sum)
		}
		altered := append([]models.Row(nil), rows...)
		altered[at].Body = append(append([]byte(nil), altered[at].Body...), ' ')
		if models.Checksum(altered) == sum || models.Checksum(rows[1:]) == sum {
			t.Fatal("it doesn't see an altered or a missing row")
		}
		altered[at].Body, altered[at].Rev = rows[at].Body, rows[at].Rev+100
		if models.Checksum(altered) == sum {
			t.Fatal("it doesn't see another key")
		}
	})
}

func TestRow(t *testing.T) {
	r := models.Row{Post: "s.1", Profile: "catalog", Generation: 2, Rev: 7, CreatedAt: time.Date(2026, 3, 2, 1, 0, 0, 0, time.FixedZone("CET", 3*3600))}
	p := models.Part{ID: "x1", Day: r.Day(), Source: "weibo"}
	if r.Key() != "s.1/catalog/2/7" || p.Path() != "dt=2026-03-01/source=weibo/part-x1.parquet" {
		t.Errorf("key %s, path %s", r.Key(), p.Path())
	}
}

func TestResultKeys(t *testing.T) {
	r := models.Result{Input: "ff", Model: "m", Version: "1", Params: `{"k":4}`}
	if r.Key() != models.ResultKey("ff", "m", "1", `{"k":4}`) {
		t.Error("a result is not found under its own key")
	}
	keys := map[string]bool{r.Key(): true}
	for _, other := range []models.Result{
		{Input: "f", Model: "fm", Version: "1", Params: `{"k":4}`}, {Input: "ff", Model: "m", Version: "2", Params: `{"k":4}`}, {Input: "ff", Model: "m", Version: "1"},
	} {
		keys[other.Key()] = true
	}
	if len(keys) != 4 {
		t.Errorf("%d keys for 4 results", len(keys))
	}
}

func TestClassOf(t *testing.T) {
	for _, class := range []models.Class{models.Unavailable, models.Retryable, models.Permanent} {
		err := fmt.Errorf("step: %w", models.Faultf(class, "search: %w", models.ErrNotFound))
		if models.ClassOf(err) != class || err.Error() != "step: search: not found" {
			t.Errorf("%v is %s, want %s", err, models.ClassOf(err), class)
		}
	}
	if got := models.ClassOf(fmt.Errorf("odd")); got != models.Retryable {
		t.Errorf("an unclassified error is %s", got)
	}
}

func TestParamError(t *testing.T) {
	for want, err := range map[string]error{
		`model "m": is away`: &models.ParamError{Model: "m", Problem: "is away"},
		`parameter "k" of model "m": is too large; allowed: 1, 2`: &models.ParamError{Model: "m", Param: "k", Problem: "is too large", Allowed: []string{"1", "2"}},
	} {
		if err.Error() != want {
			t.Errorf("%s, want %s", err, want)
		}
	}
}

func TestMergeResults(t *testing.T) {
	a := models.Result{Input: "1", Model: "color", Version: "v1", Cost: 1}
	b := models.Result{Input: "1", Model: "color", Version: "v2"}
	again := a
	again.Cost = 0
	got := models.MergeResults([]models.Result{a}, []models.Result{again, b})
	if len(got) != 2 || got[0].Cost != 1 || got[1].Version != "v2" {
		t.Errorf("got %+v: a result never changes, and is there once", got)
	}
}
