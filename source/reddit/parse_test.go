package reddit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weft/models"
	"weft/source"
)

func TestEveryRecordedAnswerParses(t *testing.T) {
	want := map[string][2]int{ // posts, deletions
		"comments_gallery_2020.exchange.json": {1, 0}, "domain_new_0.exchange.json": {6, 0}, "image_posts_preview_2021.exchange.json": {3, 0},
		"listing_best_images_2018.exchange.json": {6, 0}, "submission_deleted_0.exchange.json": {0, 1},
	}
	files, err := os.ReadDir(fixtures(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := parser().Parse(recorded(t, f.Name()))
		if err != nil || len(b.Problems) > 0 {
			t.Errorf("%s: %v %v", f.Name(), err, b.Problems)
		}
		if got := [2]int{len(b.Posts), len(b.Deletions)}; got != want[f.Name()] {
			t.Errorf("%s: %v posts and deletions, want %v", f.Name(), got, want[f.Name()])
		}
		for _, p := range b.Posts {
			if p.Author.Location.Kind != "none" || p.Text == "" || p.URL == "" || p.CreatedAt.IsZero() || len(p.Raw) == 0 {
				t.Errorf("%s: %+v", f.Name(), p)
			}
		}
	}
}

func TestRecordedPost(t *testing.T) {
	b, err := parser().Parse(recorded(t, "image_posts_preview_2021.exchange.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := b.Posts[2]
	if p.NativeID != "t3_pgxqyb" || p.URL != "https://www.reddit.com/r/test484/comments/pgxqyb/gfok_bhw_cjij/" ||
		!p.CreatedAt.Equal(time.Unix(1640158205, 0)) || p.Author.Handle != "xmcw401" || p.Author.ID != "x2_6j9defq4" || *p.Counts.Likes != 1 {
		t.Errorf("%+v", p)
	}
	// The address itself isn't signed: it is taken, not the preview's.
	if d := cmp.Diff([]models.Media{{URL: "https://i.redd.it/jp7uxfnpo4986.jpg", State: models.MediaPending}}, p.Media); d != "" {
		t.Error(d)
	}
}

func TestGalleryInItsOwnOrder(t *testing.T) {
	b, err := parser().Parse(recorded(t, "comments_gallery_2020.exchange.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range b.Posts[0].Media {
		got = append(got, m.ID+" "+m.Alt)
		if m.URL == "" || m.State != models.MediaPending {
			t.Errorf("media %+v", m)
		}
	}
	want := []string{"yb7tugd8o6m11 ", "36okjih0t9j05 hcpv.vgb", "opo12fa3y0m67 ", "gzm23lv9l5k34 hcpv.pwp"} // opo… is an animated image
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestGalleryLeavesOutWhatIsntThere(t *testing.T) {
	p := one(t, link(`,"gallery_data":{"items":[{"media_id":"a"},{"media_id":"b"},{"media_id":"c"},{"media_id":"d"}]},"media_metadata":{
		"a":{"status":"processing"},"b":{"status":"valid","e":"RedditVideo","s":{"u":"https://x.example/v"}},"c":{"status":"failed","e":"Image"},
		"d":{"status":"valid","e":"Image","s":{"u":"https://preview.redd.it/d.jpg?s=1"}}}`))
	if len(p.Media) != 1 || p.Media[0].ID != "d" {
		t.Errorf("media %+v", p.Media)
	}
}

func TestInlineImagesInTheOrderOfTheText(t *testing.T) {
	p := one(t, link(`,"selftext":"one ![img](zz) two ![img](aa)","media_metadata":{
		"aa":{"status":"valid","e":"Image","s":{"u":"https://preview.redd.it/aa.jpg"}},"zz":{"status":"valid","e":"Image","s":{"u":"https://preview.redd.it/zz.jpg"}}}`))
	if len(p.Media) != 2 || p.Media[0].ID != "zz" || p.Media[1].ID != "aa" {
		t.Errorf("media %+v", p.Media)
	}
}

func TestSignedPreviewsDontChangeTheContent(t *testing.T) {
	read := func(sig string) models.Post {
		return one(t, link(`,"url":"https://shop.example/x","preview":{"images":[{"id":"P1","source":{"url":"https://external-preview.redd.it/x.jpg?s=`+sig+`"}}]}`))
	}
	a, b := read("1"), read("2")
	if a.ContentHash() != b.ContentHash() || len(a.Media) != 1 || a.Media[0].ID != "P1" {
		t.Errorf("%+v and %+v", a.Media, b.Media)
	}
}

func TestEscapedAddresses(t *testing.T) {
	rec := link(`,"selftext":"a &lt;3 b","preview":{"images":[{"id":"P1","source":{"url":"https://external-preview.redd.it/x.jpg?auto=webp&amp;s=1"}}]}`)
	p := one(t, rec)
	if p.Media[0].URL != "https://external-preview.redd.it/x.jpg?auto=webp&s=1" || !strings.HasSuffix(p.Text, "a <3 b") {
		t.Errorf("%s, text %q", p.Media[0].URL, p.Text)
	}
	rec = link(`,"selftext":"a &lt;3 b"`)
	rec.URL = "https://oauth.reddit.com/r/x/new?limit=100"
	if p := one(t, rec); !strings.HasSuffix(p.Text, "a <3 b") {
		t.Errorf("asked without raw_json: text %q", p.Text)
	}
	rec.URL += "&raw_json=1"
	if p := one(t, rec); !strings.HasSuffix(p.Text, "a &lt;3 b") {
		t.Errorf("asked with raw_json, that is what the author wrote: text %q", p.Text)
	}
}

func TestDeletedAndRemoved(t *testing.T) {
	b, err := parser().Parse(recorded(t, "submission_deleted_0.exchange.json"))
	if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "t3_2p6anv" || b.Deletions[0].By != "author" || b.Deletions[0].Act != models.Delete {
		t.Fatalf("%+v %v", b, err)
	}
	for fields, by := range map[string]string{
		`,"removed_by_category":"deleted"`: "author", `,"removed_by_category":"moderator"`: "platform", `,"removed_by_category":"reddit"`: "platform",
		`,"selftext":"[removed]"`: "platform", `,"selftext":"[deleted]"`: "author", `,"author":"[deleted]"`: "author",
	} {
		b, err := parser().Parse(link(fields))
		if err != nil || len(b.Posts) != 0 || len(b.Deletions) != 1 || b.Deletions[0].By != by {
			t.Errorf("%s: %+v %v", fields, b, err)
		}
	}
	if p := one(t, link(`,"removed_by_category":null`)); p.NativeID != "t3_abc" {
		t.Error(p.NativeID)
	}
}

func TestMissingPostIsADeletion(t *testing.T) {
	rec := source.Exchange{URL: "https://oauth.reddit.com/comments/2p6anv/?raw_json=1", Status: 404, Body: []byte(`{"message":"Not Found","error":404}`)}
	b, err := parser().Parse(rec)
	if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "t3_2p6anv" {
		t.Errorf("%+v %v", b, err)
	}
	rec.URL = "https://oauth.reddit.com/r/nothing/new"
	if _, err := parser().Parse(rec); err == nil || models.ClassOf(err) != models.Permanent {
		t.Errorf("a subreddit that isn't there: %v", err)
	}
}

func TestCommentsArentPosts(t *testing.T) {
	b, err := parser().Parse(body(`{"kind":"Listing","data":{"after":"t1_x","children":[{"kind":"t1","data":{"name":"t1_x","body":"a"}},{"kind":"more","data":{}}]}}`)) // constructed
	if err != nil || len(b.Posts)+len(b.Deletions)+len(b.Problems) != 0 {
		t.Errorf("%+v %v", b, err)
	}
}

func TestCrosspostHasNoImagesOfTheOriginal(t *testing.T) {
	p := one(t, link(`,"crosspost_parent":"t3_orig","crosspost_parent_list":[{"name":"t3_orig"}],"url":"https://i.redd.it/a.jpg"`))
	if p.RepostOf != models.PostID("reddit", "t3_orig") || len(p.Media) != 0 || p.Text != "T" {
		t.Errorf("%+v", p)
	}
}

func TestFlagsAndCounts(t *testing.T) {
	p := one(t, link(`,"over_18":true,"hide_score":true,"score":7,"num_comments":0,"edited":1600000100.0`))
	if !p.Flagged(models.Adult) || p.Counts.Likes != nil || p.Counts.Comments == nil || !p.EditedAt.Equal(time.Unix(1600000100, 0)) {
		t.Errorf("%+v", p)
	}
	p = one(t, link(`,"is_robot_indexable":false,"over_18":true`))
	if !slices.Equal(p.Flags, []models.Flag{models.Adult, models.NoIndex}) || p.Author.Handle != "" || strings.Contains(string(p.Raw), "t2_a") {
		t.Errorf("who doesn't want to be found has no name: %+v %s", p.Author, p.Raw)
	}
	b, err := parser().Parse(link(`,"subreddit_type":"private"`))
	if err != nil || len(b.Posts) != 0 || b.Skipped["not public"] != 1 {
		t.Errorf("%+v %v", b, err)
	}
}

func TestTimesAreFloats(t *testing.T) {
	for _, v := range []string{"1600000000.0", "1600000000", `"1600000000.0"`, "1.6e9"} {
		p := one(t, body(`{"kind":"t3","data":{"id":"abc","title":"T","created_utc":%s}}`, v)) // constructed
		if !p.CreatedAt.Equal(time.Unix(1600000000, 0)) || p.NativeID != "t3_abc" {
			t.Errorf("%s: %v", v, p.CreatedAt)
		}
	}
	p := one(t, body(`{"kind":"t3","data":{"id":"abc","title":"T","created_utc":4000000000.0}}`))
	if !p.CreatedAt.Equal(now()) {
		t.Errorf("the future: %v", p.CreatedAt)
	}
}

func TestErrorAnswers(t *testing.T) {
	tests := []struct {
		status     int
		body, says string
		stopped    bool
		class      models.Class
	}{
		{401, `{"message":"Unauthorized","error":401}`, "client_id", true, ""},
		{403, `{"message":"Forbidden","error":403}`, "approval", true, ""},
		{403, `{"message":"Forbidden","error":403,"reason":"private"}`, "private", false, models.Permanent},
		{404, `{"message":"Not Found","error":404,"reason":"banned"}`, "banned", false, models.Permanent},
		{503, `{"message":"Service Unavailable","error":503}`, "503", false, models.Unavailable},
		{0, `{"message":"Not Found","error":404}`, "404", false, models.Permanent}, // a bare body
		{200, `<!doctype html><html>`, "page for people", false, models.Unavailable},
		{200, `{"kind":"Listing"`, "JSON", false, models.Permanent},
		{200, `{"posts":[]}`, "no answer that is known", false, models.Permanent},
	}
	for _, tc := range tests {
		_, err := parser().Parse(source.Exchange{Status: tc.status, Body: []byte(tc.body)}) // constructed
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v doesn't say %q", tc.body, err, tc.says)
			continue
		}
		trouble, ok := source.AsTrouble(err)
		if ok != tc.stopped || (ok && trouble.Kind != source.Stopped) || (!ok && models.ClassOf(err) != tc.class) {
			t.Errorf("%s: %v", tc.body, err)
		}
	}
}

func TestUnreadableEntryNamesItsPlace(t *testing.T) {
	b, err := parser().Parse(body(`{"kind":"Listing","data":{"children":[{"kind":"t3","data":{"name":"t3_a","created_utc":1}},{"kind":"t3","data":{"name":"t3_b"}},{"kind":"t3"},7]}}`)) // constructed
	if err != nil || len(b.Posts) != 1 || len(b.Problems) != 3 {
		t.Fatalf("%+v %v", b, err)
	}
	for i, place := range []string{"data.children[1].data.created_utc: ", "data.children[2].data.name: ", "data.children[3].kind: "} {
		if !strings.HasPrefix(b.Problems[i].Error(), place) {
			t.Errorf("problem %q, want %s", b.Problems[i], place)
		}
	}
}

// Any field may be missing or of another type: posts, problems or an error come
// of it, and never a panic.
func TestAnyFieldMissingOrRetyped(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixtures(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		rec := recorded(t, filepath.Base(f))
		n := -1
		visit(decode(t, rec.Body), &n, "")
		for i := range -1 - n {
			for _, with := range []string{"", `null`, `5`, `"x"`, `[3]`, `{"a":1}`} {
				k := i
				changed, err := json.Marshal(visit(decode(t, rec.Body), &k, with))
				if err != nil {
					t.Fatal(err)
				}
				b, err := parser().Parse(source.Exchange{Status: 200, Body: changed})
				if err != nil && len(b.Posts) > 0 {
					t.Errorf("%s, place %d as %q: posts beside the error %v", f, i, with, err)
				}
				for _, p := range b.Posts {
					if p.NativeID == "" || p.CreatedAt.IsZero() {
						t.Errorf("%s, place %d as %q: a post without identity or time", f, i, with)
					}
				}
			}
		}
	}
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// visit counts i down at each field, in order, and changes the one where it is
// 0. Of lists only the first entry is visited: the others are alike.
func visit(v any, i *int, with string) any {
	switch v := v.(type) {
	case []any:
		for k := range v[:min(len(v), 1)] {
			v[k] = visit(v[k], i, with)
		}
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			*i--
			switch {
			case *i == -1 && with == "":
				delete(v, name)
			case *i == -1:
				v[name] = json.RawMessage(with)
			default:
				v[name] = visit(v[name], i, with)
			}
		}
	}
	return v
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"kind":"Listing","data":{"after":"t3_a","children":[{"kind":"t3","data":{"name":"t3_a","created_utc":1.0,"gallery_data":{"items":[{"media_id":"x"}]},"media_metadata":{"x":{"s":{"u":"https://x.example/a"}}}}}]}}`))
	f.Add([]byte(`[{"kind":"Listing","data":{"children":[]}},{"kind":"t3","data":{"id":"a","created_utc":"1","preview":{"images":[{"source":{"url":"https://x.example/a?b&amp;c"}}]}}}]`))
	f.Add([]byte(`{"message":"Forbidden","error":403}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parser().Parse(source.Exchange{Status: 200, Body: data})
		if err != nil && len(b.Posts) > 0 {
			t.Error("posts beside an error")
		}
		for _, p := range b.Posts {
			if p.NativeID == "" || p.CreatedAt.IsZero() || p.CreatedAt.After(now()) || !json.Valid(p.Raw) {
				t.Errorf("post %+v", p)
			}
		}
	})
}
