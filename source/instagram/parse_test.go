package instagram_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
)

func TestEveryRecordedAnswerParses(t *testing.T) {
	want := map[string]int{
		"discovery_medias_p1.json": 2, "discovery_medias_p2.json": 2, "discovery_user_fields.json": 0,
		"hashtags_hashtag_info.json": 0, "hashtags_hashtag_recent_medias_p1.json": 5, "hashtags_hashtag_recent_medias_p2.json": 5,
		"hashtags_hashtag_top_medias_p1.json": 25, "medias_children.json": 2, "medias_media_default.json": 1,
		"medias_medias_fields.json": 2, "users_hashtag_search.json": 0, "users_mentioned_media.json": 1,
		"users_recently_searched_hashtags.json": 0, "users_tagged_medias.json": 5,
	}
	files, err := os.ReadDir(fixtures(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := parser().Parse(recorded(t, f.Name()))
		if f.Name() == "error_100.json" {
			continue // see TestErrorTable
		}
		if err != nil || len(b.Problems) > 0 {
			t.Errorf("%s: %v %v", f.Name(), err, b.Problems)
		}
		if n, ok := want[f.Name()]; !ok || len(b.Posts) != n {
			t.Errorf("%s: %d posts, want %d", f.Name(), len(b.Posts), n)
		}
		for _, p := range b.Posts {
			if p.Author.Location.Kind != "none" || p.SchemaVersion != models.SchemaVersion || p.CreatedAt.IsZero() || len(p.Raw) == 0 {
				t.Errorf("%s: %+v", f.Name(), p)
			}
		}
	}
}

func TestTimestampWithoutColonInZone(t *testing.T) {
	b, err := parser().Parse(recorded(t, "discovery_medias_p1.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Posts[0].CreatedAt, time.Date(2021, 8, 17, 19, 0, 42, 0, time.UTC); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("created %v, want %v", got, want)
	}
}

func TestIDsStayStrings(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":17840000000000001,"media_type":"IMAGE"},{"id":"178400000000000012","caption":"x"}]}`)) // constructed
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(b.Posts); !slices.Equal(got, []string{"17840000000000001", "178400000000000012"}) {
		t.Errorf("ids %v", got)
	}
}

func TestTopMediaWithoutTimestamp(t *testing.T) {
	b, err := parser().Parse(recorded(t, "hashtags_hashtag_top_medias_p1.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Posts {
		if !p.CreatedAt.Equal(now()) || p.Author.ID != "" || p.Author.Handle != "" || !strings.HasPrefix(p.URL, "https://www.instagram.com/p/") {
			t.Errorf("post %s: created %v by %+v at %s", p.NativeID, p.CreatedAt, p.Author, p.URL)
		}
	}
	if !b.At.IsZero() {
		t.Errorf("no post told its time, but the batch is as of %v", b.At)
	}
}

func TestFutureTimestampIsReplaced(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":"1","timestamp":"2033-01-01T00:00:00+0000"},{"id":"2","timestamp":"1970-01-01T00:00:00+0000"}]}`)) // constructed
	if err != nil || len(b.Posts) != 2 || !b.Posts[0].CreatedAt.Equal(now()) || !b.Posts[1].CreatedAt.Equal(now()) {
		t.Errorf("%+v %v", b, err)
	}
}

func TestAlbumUsesItsChildren(t *testing.T) {
	b, err := parser().Parse(recorded(t, "medias_media_default.json"))
	if err != nil {
		t.Fatal(err)
	}
	m := b.Posts[0].Media
	if len(m) != 2 || m[0].ID != "81268453944724220" || m[1].ID != "52339351177323246" { // the third is a video
		t.Fatalf("media %+v", m)
	}
}

func TestVideoHasNoMedia(t *testing.T) {
	b, err := parser().Parse(recorded(t, "discovery_medias_p2.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Posts[0].Media) != 1 || len(b.Posts[1].Media) != 0 {
		t.Errorf("media %+v and %+v", b.Posts[0].Media, b.Posts[1].Media)
	}
}

func TestSignedAddressesDontChangeTheContent(t *testing.T) {
	read := func(sig string) string {
		b, err := parser().Parse(body(`{"data":[{"id":"1","caption":"a","media_type":"IMAGE","media_url":"https://x.example/i.jpg?oe=%s"}]}`, sig)) // constructed
		if err != nil || len(b.Posts) != 1 {
			t.Fatal(b, err)
		}
		return b.Posts[0].ContentHash()
	}
	if read("61218964") != read("71218964") {
		t.Error("a new signature makes a new content")
	}
}

func TestMediaURLMissingForCopyright(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":"1","media_type":"IMAGE","caption":"a"}]}`)) // constructed
	if err != nil || len(b.Posts) != 1 || len(b.Posts[0].Media) != 1 {
		t.Fatalf("%+v %v", b, err)
	}
	if m := b.Posts[0].Media[0]; m.State != models.MediaFailed || m.Reason == "" || m.ID != "1" {
		t.Errorf("media %+v", m)
	}
}

func TestHiddenLikesAndMissingCaption(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":"1","media_type":"IMAGE","comments_count":0}]}`)) // constructed
	if err != nil || len(b.Posts) != 1 {
		t.Fatal(b, err)
	}
	p := b.Posts[0]
	if p.Counts.Likes != nil || p.Counts.Comments == nil || *p.Counts.Comments != 0 || p.Text != "" {
		t.Errorf("likes %v, comments %v, text %q", p.Counts.Likes, p.Counts.Comments, p.Text)
	}
}

func TestBusinessDiscoveryAuthor(t *testing.T) {
	b, err := parser().Parse(body(`{"business_discovery":{"id":"17841400000000001","username":"Brand.x","name":"Brand X","followers_count":64976,"media":{"data":[{"id":"1","timestamp":"2026-02-01T00:00:00+0000"}]}},"id":"9"}`)) // constructed
	if err != nil || len(b.Posts) != 1 {
		t.Fatal(b, err)
	}
	if a := b.Posts[0].Author; a.ID != "17841400000000001" || a.Handle != "brand.x" || a.Name != "Brand X" || a.Followers != 64976 || a.Location.Kind != "none" {
		t.Errorf("author %+v", a)
	}
}

func TestUnreadableEntryNamesItsPlace(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":"1","caption":"good"},{"id":"2","timestamp":"yesterday"},{"caption":"no id"},7]}`)) // constructed
	if err != nil || len(b.Posts) != 1 || len(b.Problems) != 3 {
		t.Fatalf("%+v %v", b, err)
	}
	for i, place := range []string{"data[1].timestamp: ", "data[2].id: ", "data[3]: "} {
		if !strings.HasPrefix(b.Problems[i].Error(), place) {
			t.Errorf("problem %q, want %s", b.Problems[i], place)
		}
	}
}

func TestNoSecretInRaw(t *testing.T) {
	b, err := parser().Parse(body(`{"data":[{"id":"17840000000000001","caption":"a","children":{"data":[{"id":"2","media_type":"IMAGE","media_url":"https://x.example/a.jpg"}],"paging":{"next":"https://graph.facebook.com/x?access_token=%s"}}}]}`, token)) // constructed
	if err != nil || len(b.Posts) != 1 {
		t.Fatal(b, err)
	}
	if raw := string(b.Posts[0].Raw); strings.Contains(raw, token) || strings.Contains(raw, "access_token") || !strings.Contains(raw, `"caption":"a"`) {
		t.Errorf("raw %s", raw)
	}
	if len(b.Posts[0].Media) != 1 {
		t.Errorf("media %+v", b.Posts[0].Media)
	}
}

func TestErrorTable(t *testing.T) {
	tests := []struct {
		code, sub int
		kind      source.Kind  // or
		class     models.Class // one of both
		says      string
	}{
		{1, 0, "", models.Unavailable, ""}, {2, 0, "", models.Unavailable, ""},
		{4, 0, source.Throttled, "", ""}, {17, 0, source.Throttled, "", ""}, {32, 0, source.Throttled, "", ""},
		{613, 0, source.Throttled, "", ""}, {80002, 0, source.Throttled, "", ""}, {341, 0, source.Throttled, "", ""},
		{18, 2207034, source.Throttled, "", ""},
		{368, 0, source.Stopped, "", "App Dashboard"}, {10, 0, source.Stopped, "", "App Review"}, {200, 0, source.Stopped, "", "App Review"}, {299, 0, source.Stopped, "", "App Review"},
		{190, 458, source.Stopped, "", "connect it again"}, {190, 459, source.Stopped, "", "log in"}, {190, 460, source.Stopped, "", "password"},
		{190, 463, source.Stopped, "", "expired"}, {190, 464, source.Stopped, "", "confirm"}, {190, 467, source.Stopped, "", "sources.instagram.token"}, {190, 0, source.Stopped, "", "sources.instagram.token"},
		{100, 0, "", models.Permanent, "parameters"}, {24, 2207024, "", models.Permanent, "hashtag"}, {24, 2207013, "", models.Permanent, "account"},
	}
	for _, tc := range tests {
		rec := body(`{"error":{"message":"made up","type":"OAuthException","code":%d,"error_subcode":%d}}`, tc.code, tc.sub) // constructed
		rec.Status = 400
		_, err := parser().Parse(rec)
		if err == nil {
			t.Errorf("%d: no error", tc.code)
			continue
		}
		trouble, ok := source.AsTrouble(err)
		if tc.kind != "" && (!ok || trouble.Kind != tc.kind || (tc.kind == source.Throttled) == trouble.Until.IsZero()) {
			t.Errorf("%d/%d: %v, want %s", tc.code, tc.sub, err, tc.kind)
		}
		if tc.class != "" && (ok || models.ClassOf(err) != tc.class) {
			t.Errorf("%d/%d: %v, want %s", tc.code, tc.sub, err, tc.class)
		}
		if !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%d/%d: %q doesn't say %q", tc.code, tc.sub, err, tc.says)
		}
	}
	_, err := parser().Parse(recorded(t, "error_100.json"))
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped || !strings.Contains(trouble.Do, "Public Content Access") {
		t.Errorf("the recorded error: %v", err)
	}
}

func TestOddAnswersAreErrors(t *testing.T) {
	html := source.Exchange{Status: 200, Body: []byte("<!DOCTYPE html><html><body>Sorry, something went wrong")}
	for _, rec := range []source.Exchange{html, body(`{"data":`), body(`7`), body(`{}`), {Status: 500, Body: []byte(`{}`)}} {
		if b, err := parser().Parse(rec); err == nil {
			t.Errorf("%s: %+v", rec.Body, b)
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
		raw := recorded(t, filepath.Base(f)).Body
		n := places(t, raw)
		for i := range n {
			for _, with := range []string{"", `null`, `5`, `"x"`, `[]`, `[3]`, `{}`, `{"a":1}`} {
				changed := mutate(t, raw, i, with)
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

// places counts the fields in a JSON document.
func places(t *testing.T, raw []byte) int {
	n := -1
	visit(decode(t, raw), &n, "")
	return -1 - n
}

// mutate replaces field i, or takes it out if with is empty.
func mutate(t *testing.T, raw []byte, i int, with string) []byte {
	out, err := json.Marshal(visit(decode(t, raw), &i, with))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t *testing.T, raw []byte) any {
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// visit counts i down at each field, in order, and changes the one where it is 0.
func visit(v any, i *int, with string) any {
	switch v := v.(type) {
	case []any:
		for k := range v[:min(len(v), 12)] { // the eleventh of the top media is an album
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
	f.Add([]byte(`{"data":[{"id":"1","caption":"a","media_type":"CAROUSEL_ALBUM","children":{"data":[{"id":"2"}]}}],"paging":{"next":"https://x?after=1"}}`))
	f.Add([]byte(`{"business_discovery":{"id":"1","media":{"data":[{"id":"1","timestamp":"2021-08-17T19:00:42+0000"}]}}}`))
	f.Add([]byte(`{"error":{"code":190}}`))
	f.Add([]byte(`{"12":{"id":"12","media_url":"https://x.example/a.mp4"}}`))
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
