package bluesky_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/bluesky"
)

var received = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func connector() *bluesky.Connector {
	return bluesky.New(bluesky.Options{Now: func() time.Time { return received }})
}

// fixture reads a recorded answer from beside the repository.
func fixture(t testing.TB, name string) source.Exchange {
	t.Helper()
	dir := os.Getenv("WEFT_SHARED")
	for d, err := os.Getwd(); dir == "" && err == nil && d != filepath.Dir(d); d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "shared", "fixtures")); err == nil {
			dir = filepath.Join(d, "shared")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "fixtures", "bluesky", name))
	if dir == "" || err != nil {
		t.Skip("the recorded answers are not beside the repository (WEFT_SHARED)")
	}
	rec, err := source.ReadRecorded(data)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func fixtures() map[string][2]int { // posts, deletions
	return map[string][2]int{
		"getAuthorFeed_0.exchange.json": {8, 0}, "getPosts_0.exchange.json": {1, 0}, "getProfile_0.exchange.json": {0, 0},
		"jetstream_v1_golden.jsonl": {1, 1}, "jetstream_v1_prod_20260704.jsonl": {17, 2}, "searchPosts_0.exchange.json": {25, 0},
		"thread_view_post_with_embed_media.json": {1, 0},
	}
}

func TestFixtures(t *testing.T) {
	for name, want := range fixtures() {
		b, err := connector().Parse(fixture(t, name))
		if err != nil || len(b.Problems) > 0 {
			t.Errorf("%s: %v %v", name, err, b.Problems)
		}
		if got := [2]int{len(b.Posts), len(b.Deletions)}; got != want {
			t.Errorf("%s: %v posts and deletions, want %v", name, got, want)
		}
		for _, p := range b.Posts {
			if p.ID == "" || p.CreatedAt.IsZero() || p.Author.ID == "" || p.Author.Location.Kind != "none" || !json.Valid(p.Raw) || !strings.HasPrefix(p.NativeID, "at://did:plc:") {
				t.Errorf("%s: not whole: %+v", name, p)
			}
		}
	}
}

// TestFacetsAreBytes: the mentions and tags of all recorded posts stand where
// their facets say, counted in bytes of UTF-8.
func TestFacetsAreBytes(t *testing.T) {
	// Constructed: the emoji takes four bytes, two UTF-16 units, one character.
	b := parse(t, `{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","time_us":1783175888085434,"kind":"commit","commit":{"operation":"create","collection":"app.bsky.feed.post","rkey":"3mpt","record":{
		"text":"👗 @anna.example.com hi http…","createdAt":"2026-07-04T14:38:06Z","langs":["en"],"tags":["Hidden"],"facets":[
		{"index":{"byteStart":5,"byteEnd":22},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"}]},
		{"index":{"byteStart":1,"byteEnd":3},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:cccccccccccccccccccccccc"}]},
		{"index":{"byteStart":20,"byteEnd":2000},"features":[{"$type":"app.bsky.richtext.facet#link","uri":"https://shop.example/a"}]}]}}}`)
	p := b.Posts[0]
	if !slices.Contains(p.Mentions, "anna.example.com") {
		t.Errorf("mentions %q", p.Mentions)
	}
	if !slices.Contains(p.Hashtags, "hidden") || !slices.Contains(p.Links, "https://shop.example/a") {
		t.Errorf("tags %q, links %q", p.Hashtags, p.Links)
	}
}

func parse(t *testing.T, body string) source.Batch {
	t.Helper()
	b, err := connector().Parse(source.Exchange{Status: 200, Body: []byte(body)})
	if err != nil || len(b.Problems) > 0 {
		t.Fatalf("%v %v", err, b.Problems)
	}
	return b
}

const did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"

// commit makes an event of the old wire. Constructed.
func commit(op, rkey, record string) string {
	if record != "" {
		record = `,"record":` + record
	}
	return `{"did":"` + did + `","time_us":1783175888085434,"kind":"commit","commit":{"rev":"1","operation":"` + op + `","collection":"app.bsky.feed.post","rkey":"` + rkey + `"` + record + `}}`
}

// TestWiresAgree: an event reads the same on both wires, whatever the order of
// its members. Constructed.
func TestWiresAgree(t *testing.T) {
	record := `{"text":"a coat","createdAt":"2026-07-04T14:38:06.561858Z"}`
	v1 := parse(t, commit("create", "3mpt", record)).Posts[0]
	v2 := parse(t, `{"payload":{"rkey":"3mpt","record":`+record+`,"operation":"create","collection":"app.bsky.feed.post","time":"2026-07-04T14:38:08.085434Z","did":"`+did+`","seq":9007199254740993,
		"$type":"network.bsky.jetstream.subscribeEvents#commit"},"$type":"message"}`).Posts[0]
	v1.Raw, v2.Raw = nil, nil
	if !reflect.DeepEqual(v1, v2) {
		t.Errorf("they differ:\n%+v\n%+v", v1, v2)
	}
}

// TestAccounts: what an account event does to all posts of its author.
func TestAccounts(t *testing.T) {
	for status, want := range map[string]models.Act{
		`"active":true`: models.Show, `"active":false,"status":"deleted"`: models.Delete, `"active":false,"status":"takendown"`: models.Delete,
		`"active":false,"status":"suspended"`: models.Hide, `"active":false,"status":"deactivated"`: models.Hide,
		`"active":false,"status":"something new"`: models.Hide, `"active":false,"status":"desynchronized"`: "", `"active":false,"status":"throttled"`: "",
	} {
		for _, line := range []string{
			`{"did":"` + did + `","time_us":1783175888085434,"kind":"account","account":{` + status + `}}`,
			`{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#account","seq":1,"did":"` + did + `","time":"2026-07-04T14:38:08.085434Z","account":{` + status + `}}}`,
		} {
			b := parse(t, line)
			switch {
			case want == "" && len(b.Deletions) > 0:
				t.Errorf("%s: %v", status, b.Deletions)
			case want != "" && (len(b.Deletions) != 1 || b.Deletions[0].Act != want || b.Deletions[0].Author != did || b.Deletions[0].NativeID != ""):
				t.Errorf("%s: %v, want %s", status, b.Deletions, want)
			}
		}
	}
}

// TestDeleteUpdateSync: a delete has neither record nor cid, an update replaces
// the post, identity and sync bring no post.
func TestDeleteUpdateSync(t *testing.T) {
	b := parse(t, strings.Join([]string{
		commit("create", "a", `{"text":"one","createdAt":"2026-07-04T14:00:00Z"}`), commit("update", "a", `{"text":"two","createdAt":"2026-07-04T14:00:00Z"}`),
		commit("delete", "b", ""), `{"did":"` + did + `","time_us":1783175888085434,"kind":"identity","identity":{}}`,
		`{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#sync","seq":1,"did":"` + did + `","time":"2026-07-04T14:38:08.085434Z","sync":{}}}`,
		`{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","name":"OutdatedCursor"}}`,
	}, "\n"))
	if len(b.Posts) != 1 || b.Posts[0].Text != "two" || b.Posts[0].EditedAt.IsZero() {
		t.Errorf("posts %+v, want the updated one", b.Posts)
	}
	if len(b.Deletions) != 1 || b.Deletions[0].NativeID != "at://"+did+"/app.bsky.feed.post/b" || len(b.Skipped) != 1 {
		t.Errorf("deletions %+v, skipped %v", b.Deletions, b.Skipped)
	}
}

// TestDeletedInTheSameRecording: neither before nor behind its deletion is a post one.
func TestDeletedInTheSameRecording(t *testing.T) {
	one, gone := commit("create", "a", `{"text":"one","createdAt":"2026-07-04T14:00:00Z"}`), commit("delete", "a", "")
	other := commit("create", "b", `{"text":"two","createdAt":"2026-07-04T14:00:00Z"}`)
	for _, lines := range [][]string{{one, other, gone}, {gone, one, other}} {
		if b := parse(t, strings.Join(lines, "\n")); len(b.Posts) != 1 || b.Posts[0].Text != "two" || len(b.Deletions) != 1 {
			t.Errorf("%+v, %+v", b.Posts, b.Deletions)
		}
	}
}

// TestBrokenEventIsNamed: one event alone that lacks what tells its time isn't
// taken for an answer without posts.
func TestBrokenEventIsNamed(t *testing.T) {
	body := strings.Replace(commit("create", "a", `{"text":"one"}`), `"time_us"`, `"time"`, 1)
	if b, err := connector().Parse(source.Exchange{Status: 200, Body: []byte(body)}); err == nil && len(b.Problems) == 0 {
		t.Errorf("nothing came of %s", body)
	}
}

// TestOtherAnswersWithPosts: bodies are constructed from the documented shapes.
func TestOtherAnswersWithPosts(t *testing.T) {
	view := func(rkey string) string {
		return `{"uri":"at://` + did + `/app.bsky.feed.post/` + rkey + `","author":{"did":"` + did + `","handle":"handle.invalid"},"indexedAt":"2026-07-04T14:00:00Z","likeCount":0,"record":{"text":"` + rkey + `"}}`
	}
	lost := `"at://` + did + `/app.bsky.feed.post/lost"`
	for name, tt := range map[string]struct {
		body                      string
		posts, deletions, skipped int
	}{
		"notifications": {`{"notifications":[{"uri":"at://` + did + `/app.bsky.feed.like/z","reason":"like"},` + view("a") + `]}`, 1, 0, 0},
		"flat thread": {`{"hasOtherReplies":false,"thread":[{"uri":"x","depth":0,"value":{"$type":"app.bsky.unspecced.defs#threadItemPost","post":` + view("a") + `}},
			{"uri":` + lost + `,"value":{"$type":"app.bsky.unspecced.defs#threadItemNotFound"}},{"uri":` + lost + `,"value":{"$type":"app.bsky.unspecced.defs#threadItemBlocked"}}]}`, 1, 1, 1},
		"bookmarks":    {`{"bookmarks":[{"item":` + view("a") + `},{"item":{"uri":` + lost + `,"notFound":true}},{"item":{"uri":` + lost + `,"blocked":true}}]}`, 1, 1, 1},
		"timeline":     {`{"feed":[{"post":` + view("a") + `,"reason":{"$type":"app.bsky.feed.defs#reasonRepost"},"reply":{"parent":` + view("p") + `}},{"post":` + view("b") + `,"reason":{"$type":"app.bsky.feed.defs#reasonPin"}},{"post":` + view("b") + `}]}`, 2, 0, 0},
		"nothing new":  {`{"notifications":[]}`, 0, 0, 0},
		"empty search": {`{"posts":[],"hitsTotal":0}`, 0, 0, 0},
	} {
		b := parse(t, tt.body)
		skipped := 0
		for _, n := range b.Skipped {
			skipped += n
		}
		if len(b.Posts) != tt.posts || len(b.Deletions) != tt.deletions || skipped != tt.skipped || len(b.Problems) > 0 {
			t.Errorf("%s: %d posts, %d deletions, skipped %v, problems %v", name, len(b.Posts), len(b.Deletions), b.Skipped, b.Problems)
		}
		for _, p := range b.Posts {
			if p.Author.Handle != "" || p.Counts.Likes == nil || p.Counts.Shares != nil {
				t.Errorf("%s: %+v %+v", name, p.Author, p.Counts)
			}
		}
	}
}

// TestCreatedAtIsBounded: clients write any date; the network's moment bounds it.
func TestCreatedAtIsBounded(t *testing.T) {
	seen := time.UnixMicro(1783175888085434).UTC()
	for created, want := range map[string]time.Time{
		`"2026-07-04T14:38:06.561858Z"`: time.Date(2026, 7, 4, 14, 38, 6, 561858000, time.UTC), `"2026-07-04T16:38:02+02:00"`: time.Date(2026, 7, 4, 14, 38, 2, 0, time.UTC),
		`"2099-01-01T00:00:00Z"`: seen, `"1970-01-01T00:00:00Z"`: seen, `"yesterday"`: seen, `12`: seen, `null`: seen,
	} {
		if got := parse(t, commit("create", "a", `{"text":"x","createdAt":`+created+`}`)).Posts[0].CreatedAt; !got.Equal(want) {
			t.Errorf("createdAt %s gives %s, want %s", created, got, want)
		}
	}
}

// TestImages: the address is made of author and blob, alone, beside a quote and
// in a gallery; a link's preview is no image.
func TestImages(t *testing.T) {
	img := `{"alt":"red coat","image":{"$type":"blob","ref":{"$link":"bafkreiabc"},"mimeType":"image/jpeg"}}`
	quote := `{"record":{"uri":"at://did:plc:bbbbbbbbbbbbbbbbbbbbbbbb/app.bsky.feed.post/3k"}}`
	for embed, repost := range map[string]bool{
		`{"$type":"app.bsky.embed.images","images":[` + img + `]}`: false, `{"$type":"app.bsky.embed.gallery","items":[` + img + `]}`: false,
		`{"$type":"app.bsky.embed.recordWithMedia","record":` + quote + `,"media":{"$type":"app.bsky.embed.images","images":[` + img + `]}}`: true,
	} {
		p := parse(t, commit("create", "a", `{"text":"","createdAt":"2026-07-04T14:00:00Z","embed":`+embed+`}`)).Posts[0]
		want := models.Media{ID: "bafkreiabc", URL: "https://cdn.bsky.app/img/feed_fullsize/plain/" + did + "/bafkreiabc@jpeg", Alt: "red coat", State: models.MediaPending}
		if len(p.Media) != 1 || p.Media[0] != want || (p.RepostOf != "") != repost {
			t.Errorf("%s gives %+v, repost %q", embed, p.Media, p.RepostOf)
		}
	}
	p := parse(t, commit("create", "a", `{"text":"","embed":{"$type":"app.bsky.embed.external","external":{"uri":"https://shop.example/x","thumb":{"$type":"blob","ref":{"$link":"bafkreiabc"}}}}}`)).Posts[0]
	if len(p.Media) != 0 || !slices.Contains(p.Links, "https://shop.example/x") {
		t.Errorf("media %v, links %v", p.Media, p.Links)
	}
}

// TestLabels: the author's own labels and the network's, but not those taken
// back or expired.
func TestLabels(t *testing.T) {
	for labels, want := range map[string][]models.Flag{
		`[{"val":"porn"},{"val":"nudity"}]`: {models.Adult}, `[{"val":"!no-unauthenticated"},{"val":"graphic-media"}]`: {models.Adult, models.NoPublic},
		`[{"val":"sexual"},{"val":"sexual","neg":true}]`: nil, `[{"val":"sexual","exp":"2020-01-01T00:00:00Z"}]`: nil, `[{"val":"spoiler"}]`: nil, `[{"src":"a","val":"porn"},{"src":"b","val":"porn","neg":true}]`: {models.Adult}, `"x"`: nil,
	} {
		record := `{"text":"x","createdAt":"2026-07-04T14:00:00Z"`
		bodies := []string{`{"posts":[{"uri":"at://` + did + `/app.bsky.feed.post/a","indexedAt":"2026-07-04T14:00:00Z","labels":` + labels + `,"record":` + record + `}}]}`,
			`{"posts":[{"uri":"at://` + did + `/app.bsky.feed.post/a","author":{"labels":` + labels + `},"record":` + record + `}}]}`,
			commit("create", "a", record+`,"labels":{"values":`+labels+`}}`)}
		for _, body := range bodies {
			if got := parse(t, body).Posts[0].Flags; !slices.Equal(got, want) {
				t.Errorf("%s gives %v, want %v", body, got, want)
			}
		}
	}
}

// TestViewAndStreamAgree: the same post by both ways has one id and one content.
func TestViewAndStreamAgree(t *testing.T) {
	record := `{"text":"x #a","createdAt":"2026-07-04T14:00:00Z","embed":{"$type":"app.bsky.embed.images","images":[{"alt":"","image":{"ref":{"$link":"bafkreiabc"}}}]}}`
	stream := parse(t, commit("create", "a", record)).Posts[0]
	view := parse(t, `{"posts":[{"uri":"at://`+did+`/app.bsky.feed.post/a","author":{"handle":"a.test","displayName":"A"},"likeCount":3,"indexedAt":"2026-07-04T14:00:01Z","record":`+record+`,
		"embed":{"$type":"app.bsky.embed.images#view","images":[{"fullsize":"https://cdn.bsky.app/img/feed_fullsize/plain/x/y@jpeg"}]}}]}`).Posts[0]
	if stream.ID != view.ID || stream.ContentHash() != view.ContentHash() || !stream.CreatedAt.Equal(view.CreatedAt) || *view.Counts.Likes != 3 || stream.Counts.Likes != nil || view.Author.Handle != "a.test" {
		t.Errorf("they differ:\n%+v\n%+v", stream, view)
	}
}

// TestErrorBodies: each says what it means; a post that isn't found is deleted.
func TestErrorBodies(t *testing.T) {
	uri := "at://" + did + "/app.bsky.feed.post/a"
	for _, c := range []struct {
		status    int
		url, body string
		kind      source.Kind
		says      string
	}{
		{403, "", "<html><body>403 Forbidden</body></html>", source.Stopped, "app_password"},
		{200, "", "<!DOCTYPE html><html></html>", "", "page for people"},
		{429, "", `{"error":"RateLimitExceeded","message":"Rate Limit Exceeded"}`, source.Throttled, "wait"},
		{400, "", `{"error":"ExpiredToken","message":"Token has expired"}`, "", "refreshes"},
		{401, "", `{"error":"AuthMissing","message":"x"}`, source.Stopped, "app password"},
		{400, "", `{"error":"InvalidRequest","message":"bad q"}`, "", "bad q"},
		{502, "", `{"error":"UpstreamFailure"}`, "", "later"},
		{200, "", `{"some":"thing"}`, "", "no answer of Bluesky"},
		{200, "", ``, "", "empty"},
		{200, "", "not json\nat all", "", "line 1"},
	} {
		_, err := connector().Parse(source.Exchange{Status: c.status, URL: c.url, Body: []byte(c.body)})
		tr, ok := source.AsTrouble(err)
		if err == nil || !strings.Contains(err.Error(), c.says) || ok != (c.kind != "") || (ok && tr.Kind != c.kind) {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
	for _, rec := range []source.Exchange{
		{Status: 400, URL: "https://x/xrpc/app.bsky.feed.getPostThread?uri=" + uri, Body: []byte(`{"error":"NotFound","message":"Post not found"}`)},
		{Status: 400, Body: []byte(`{"error":"NotFound","message":"Post not found: ` + uri + `"}`)},
		{Status: 400, URL: "https://x/xrpc/com.atproto.repo.getRecord?repo=" + did + "&collection=app.bsky.feed.post&rkey=a", Body: []byte(`{"error":"RecordNotFound","message":"Could not locate record"}`)},
		{Status: 200, Body: []byte(`{"thread":{"$type":"app.bsky.feed.defs#notFoundPost","uri":"` + uri + `","notFound":true}}`)},
	} {
		b, err := connector().Parse(rec)
		if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != uri || b.Deletions[0].Act != models.Delete {
			t.Errorf("%s: %+v %v", rec.Body, b.Deletions, err)
		}
	}
}

// TestMutations removes each field of each recorded answer in turn, and gives it
// another type: posts, problems or an error must come of it, and no panic.
func TestMutations(t *testing.T) {
	others := []any{nil, "text", 12.0, map[string]any{"a": 1.0}, []any{"a"}}
	for name := range fixtures() {
		rec := fixture(t, name)
		whole := string(rec.Body)
		docs := []string{whole}
		if strings.HasSuffix(name, ".jsonl") {
			docs = slices.DeleteFunc(strings.Split(strings.TrimSpace(whole), "\n"), func(line string) bool {
				return strings.Contains(line, `"collection":"app.bsky.feed.like"`) // most lines, and all of one shape
			})
		}
		n := 0
		for _, doc := range docs {
			var v any
			if err := json.Unmarshal([]byte(doc), &v); err != nil {
				t.Fatal(err)
			}
			trim(v)
			mutate(v, others, func() {
				n++
				body, _ := json.Marshal(v)
				b, err := connector().Parse(source.Exchange{Status: rec.Status, URL: rec.URL, Header: rec.Header, Body: body})
				for _, p := range b.Posts {
					if p.NativeID == "" || p.CreatedAt.IsZero() || p.Author.ID == "" {
						t.Fatalf("%s: a post without identity or time: %+v of %s", name, p, body)
					}
				}
				if err != nil && errors.Is(err, models.ErrNotFound) {
					t.Fatal(err)
				}
			})
		}
		if n < 20 {
			t.Errorf("%s: only %d mutations", name, n)
		}
	}
}

// trim keeps two entries of each list at the top: all are of one shape.
func trim(v any) {
	o, _ := v.(map[string]any)
	for k, e := range o {
		if list, ok := e.([]any); ok {
			o[k] = list[:min(len(list), 2)]
		}
	}
}

// mutate calls f with each member of v changed.
func mutate(v any, others []any, f func()) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			old := v[k]
			delete(v, k)
			f()
			for _, o := range others {
				v[k] = o
				f()
			}
			v[k] = old
			mutate(old, others, f)
		}
	case []any:
		for i := range v[:min(len(v), 2)] {
			old := v[i]
			for _, o := range others {
				v[i] = o
				f()
			}
			v[i] = old
			mutate(old, others, f)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(commit("create", "a", `{"text":"x #a","createdAt":"2026-07-04T14:00:00Z","langs":["en"],"facets":[{"index":{"byteStart":2,"byteEnd":4},"features":[{"$type":"app.bsky.richtext.facet#mention"}]}]}`)))
	f.Add([]byte(`{"posts":[{"uri":"at://` + did + `/app.bsky.feed.post/a","record":{"text":"x"}}]}`))
	f.Add([]byte(`{"thread":{"post":{},"replies":[{"parent":{"notFound":true}}]}}`))
	f.Add([]byte(`{"$type":"error","error":"ConsumerTooSlow"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		b, _ := connector().Parse(source.Exchange{Status: 200, Body: body})
		for _, p := range b.Posts {
			if p.ID == "" || p.NativeID == "" || p.CreatedAt.IsZero() || p.CreatedAt.After(received) {
				t.Errorf("%+v", p)
			}
			if _, err := json.Marshal(p); err != nil {
				t.Error(err)
			}
		}
	})
}
