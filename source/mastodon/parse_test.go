package mastodon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/mastodon"
)

func connector() *mastodon.Connector {
	return mastodon.New(mastodon.Options{Now: func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }})
}

// TestRecordedAnswers says what each recorded answer holds.
func TestRecordedAnswers(t *testing.T) {
	want := map[string]string{
		"account_0.exchange.json":                       "0 posts, 0 deletions, skipped map[]",
		"instance_v2_live_feeds_disabled.exchange.json": "0 posts, 0 deletions, skipped map[]",
		"media_attachment_0.exchange.json":              "0 posts, 0 deletions, skipped map[not public:1]",
		"media_attachment_1.exchange.json":              "0 posts, 0 deletions, skipped map[not public:1]",
		"public_timeline_instance_0.exchange.json":      "20 posts, 0 deletions, skipped map[]",
		"status_delete_v464_0.exchange.json":            "0 posts, 0 deletions, skipped map[not public:1]",
		"status_delete_v464_1.exchange.json":            "0 posts, 0 deletions, skipped map[not public:1]",
		"status_delete_v464_2.exchange.json":            "0 posts, 1 deletions, skipped map[]",
		"status_edit_v464_0.exchange.json":              "1 posts, 0 deletions, skipped map[]",
		"status_edit_v464_1.exchange.json":              "0 posts, 0 deletions, skipped map[]",
		"status_edit_v464_2.exchange.json":              "1 posts, 0 deletions, skipped map[]",
		"tag_timeline_anonymous_0.exchange.json":        "5 posts, 0 deletions, skipped map[]",
		"tag_timeline_v464_0.exchange.json":             "1 posts, 0 deletions, skipped map[]",
	}
	c := connector()
	for name, rec := range recorded(t) {
		for kind, x := range map[string]source.Exchange{"exchange": rec, "bare body": {Method: rec.Method, Status: 200, Body: rec.Body}} {
			b, err := c.Parse(x)
			if err != nil || len(b.Problems) > 0 {
				t.Errorf("%s as %s: %v, %v", name, kind, err, b.Problems)
			}
			if got := fmt.Sprintf("%d posts, %d deletions, skipped %v", len(b.Posts), len(b.Deletions), b.Skipped); got != want[name] {
				t.Errorf("%s as %s: %s; want %s", name, kind, got, want[name])
			}
		}
	}
}

// TestRecordedTimeline looks at the fields of recorded posts.
func TestRecordedTimeline(t *testing.T) {
	b, err := connector().Parse(recorded(t)["tag_timeline_anonymous_0.exchange.json"])
	if err != nil || len(b.Posts) != 5 {
		t.Fatalf("%d posts, %v", len(b.Posts), err)
	}
	p := b.Posts[0]
	if p.NativeID != "https://rstats.me/users/gcegghmiluw/statuses/770217210085453329" || p.Source != "mastodon" || !p.CreatedAt.Equal(time.Date(2025, 7, 17, 19, 7, 48, 0, time.UTC)) {
		t.Errorf("the post is %s of %s, %s", p.NativeID, p.Source, p.CreatedAt)
	}
	// Remote media: the copy is fetched, the original names it.
	if len(p.Media) != 1 || !strings.HasPrefix(p.Media[0].URL, "https://files.mastodon.social/cache/") || !strings.HasPrefix(p.Media[0].ID, "https://cdn.masto.host/") {
		t.Errorf("media: %+v", p.Media)
	}
	if !slices.Contains(p.Hashtags, "rstats") || p.Language != "en" || p.Counts.Likes == nil {
		t.Errorf("hashtags %v, language %q, likes %v", p.Hashtags, p.Language, p.Counts.Likes)
	}
	// Its author says indexable: false.
	if !p.Flagged(models.NoIndex) || p.Author != (models.Author{Location: models.Location{Kind: "none"}}) || bytes.Contains(p.Raw, []byte(`"account"`)) {
		t.Errorf("flags %v, author %+v, raw %.80s", p.Flags, p.Author, p.Raw)
	}
	// And this one's indexable is true.
	if p = b.Posts[4]; p.Flagged(models.NoIndex) || p.Author.ID == "" || p.Author.Handle == "" || p.Author.Location.Kind != "none" {
		t.Errorf("flags %v, author %+v", p.Flags, p.Author)
	}
	var raw struct {
		Instance string
		Status   struct{ ID string }
	}
	if err := json.Unmarshal(p.Raw, &raw); err != nil || raw.Instance != "mastodon.social" || raw.Status.ID != "169991692760622316" {
		t.Errorf("raw: %+v, %v", raw, err)
	}
}

// TestEditsChangeTheContent: the recorded post, before and after its edit.
func TestEditsChangeTheContent(t *testing.T) {
	rec := recorded(t)
	before, err := connector().Parse(rec["status_edit_v464_0.exchange.json"])
	after, err2 := connector().Parse(rec["status_edit_v464_2.exchange.json"])
	if err != nil || err2 != nil || len(before.Posts) != 1 || len(after.Posts) != 1 {
		t.Fatal(err, err2)
	}
	a, b := before.Posts[0], after.Posts[0]
	if a.ID != b.ID || a.ContentHash() == b.ContentHash() || !a.EditedAt.IsZero() || b.EditedAt.IsZero() {
		t.Errorf("before %s %s edited %s, after %s %s edited %s", a.ID, a.ContentHash(), a.EditedAt, b.ID, b.ContentHash(), b.EditedAt)
	}
}

// TestDeletedStatusIsNoPost: the answer to a deletion holds the whole status.
func TestDeletedStatusIsNoPost(t *testing.T) {
	b, err := connector().Parse(recorded(t)["status_delete_v464_2.exchange.json"])
	if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "http://localhost:3000/vl/users/294593581269641022/statuses/373645646710711315" || b.Deletions[0].Act != models.Delete {
		t.Errorf("%+v, %v", b, err)
	}
}

// status is constructed from the documented shape; with replaces fields.
func status(with map[string]any) []byte {
	s := map[string]any{
		"id": "114870142363288789", "created_at": "2026-03-01T12:00:00.123Z", "visibility": "public", "sensitive": false, "spoiler_text": "",
		"uri": "https://a.example/users/x/statuses/1", "url": "https://a.example/@x/1", "content": "<p>Hello</p>", "reblog": nil, "favourites_count": 0,
		"account":           map[string]any{"id": "1", "username": "x", "acct": "x@a.example", "uri": "https://a.example/users/x", "note": "", "indexable": true, "followers_count": 3},
		"media_attachments": []any{}, "tags": []any{}, "mentions": []any{},
	}
	maps.Copy(s, with)
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return b
}

func parseOne(t *testing.T, with map[string]any) (models.Post, source.Batch) {
	t.Helper()
	b, err := connector().Parse(source.Exchange{URL: "https://b.example/api/v1/statuses/1", Status: 200, Body: status(with)})
	if err != nil || len(b.Problems) > 0 {
		t.Fatal(err, b.Problems)
	}
	if len(b.Posts) == 0 {
		return models.Post{}, b
	}
	return b.Posts[0], b
}

// TestSamePostSeenFromTwoInstances has one id and one content, whatever copies
// of its images each instance has.
func TestSamePostSeenFromTwoInstances(t *testing.T) {
	origin := "https://a.example/media/1.jpg"
	home, _ := parseOne(t, map[string]any{"media_attachments": []any{map[string]any{"type": "image", "url": origin, "remote_url": nil}}})
	copied, _ := parseOne(t, map[string]any{"id": "99", "media_attachments": []any{map[string]any{"type": "image", "url": "https://files.b.example/cache/9.jpg", "remote_url": origin}}})
	bare, _ := parseOne(t, map[string]any{"id": "98", "media_attachments": []any{map[string]any{"type": "unknown", "url": nil, "remote_url": origin}}})
	for _, p := range []models.Post{copied, bare} {
		if p.ID != home.ID || p.ContentHash() != home.ContentHash() {
			t.Errorf("%+v differs from %+v", p.Media, home.Media)
		}
	}
	if bare.Media[0].URL != origin || copied.Media[0].URL == origin {
		t.Errorf("fetched from %s and %s", bare.Media[0].URL, copied.Media[0].URL)
	}
}

// TestOnlyImages: no video, audio or moving picture.
func TestOnlyImages(t *testing.T) {
	var list []any
	for _, kind := range []string{"video", "gifv", "audio", "image"} {
		list = append(list, map[string]any{"type": kind, "url": "https://a.example/" + kind, "description": "alt of " + kind})
	}
	list = append(list, map[string]any{"type": "unknown", "url": nil, "remote_url": "https://a.example/x.mp4?y"}, map[string]any{"type": "image", "url": "javascript:1"})
	p, _ := parseOne(t, map[string]any{"media_attachments": list})
	if len(p.Media) != 1 || p.Media[0].URL != "https://a.example/image" || p.Media[0].Alt != "alt of image" || p.Media[0].State != models.MediaPending {
		t.Errorf("%+v", p.Media)
	}
}

// TestBoostGivesTheOriginal, with the original's id.
func TestBoostGivesTheOriginal(t *testing.T) {
	original := json.RawMessage(status(map[string]any{"uri": "https://c.example/2", "id": "55"}))
	p, _ := parseOne(t, map[string]any{"content": "", "reblog": original})
	if p.NativeID != "https://c.example/2" || !bytes.Contains(p.Raw, []byte(`"id":"55"`)) || p.RepostOf != "" {
		t.Errorf("%s, %s", p.NativeID, p.Raw)
	}
	if p, b := parseOne(t, map[string]any{"reblog": json.RawMessage(status(map[string]any{"visibility": "private"}))}); p.ID != "" || b.Skipped["not public"] != 1 {
		t.Errorf("a boost of a private post gave %+v", b)
	}
}

// TestLinksComeFromTheirTargets: what people see of a link is often shortened.
// Bodies are constructed.
func TestLinksComeFromTheirTargets(t *testing.T) {
	p, _ := parseOne(t, map[string]any{"content": "<p><a class=\"hashtag\" href=\"https://bsky.app/search?q=%23ootd\">#ootd</a>\n\n" +
		"<a href=\"https://shop.example/coat?a=1&amp;b=2\">shop.example/coat</a> https://shop.example/co… <a href=\"https://m.example/@bo\">@bo</a></p>",
		"tags": []any{}, "mentions": []any{}})
	if want := []string{"https://shop.example/coat?a=1&b=2"}; !slices.Equal(p.Links, want) {
		t.Errorf("links %q, want %q", p.Links, want)
	}
	if want := "#ootd\n\nshop.example/coat https://shop.example/co… @bo"; p.Text != want {
		t.Errorf("text %q, want %q", p.Text, want)
	}
}

// TestQuotes: Mastodon 4.4 and Akkoma each name what a post quotes; it is not kept within it.
func TestQuotes(t *testing.T) {
	quoted := json.RawMessage(status(map[string]any{"uri": "https://c.example/9", "content": "somebody else's words"}))
	for name, quote := range map[string]any{"mastodon": map[string]any{"state": "accepted", "quoted_status": quoted}, "akkoma": quoted} {
		p, _ := parseOne(t, map[string]any{"quote": quote})
		if p.RepostOf != models.PostID("mastodon", "https://c.example/9") || bytes.Contains(p.Raw, []byte("somebody")) {
			t.Errorf("%s: %q, %s", name, p.RepostOf, p.Raw)
		}
	}
	if p, _ := parseOne(t, map[string]any{"quote": map[string]any{"state": "pending", "quoted_status": nil}}); p.RepostOf != "" {
		t.Errorf("a quote that nobody may see: %q", p.RepostOf)
	}
}

// TestHandleOfABareBody: without an address, the account's own tells its server.
func TestHandleOfABareBody(t *testing.T) {
	body := status(map[string]any{"account": map[string]any{"id": "1", "acct": "ana", "url": "https://g.example/@ana"}})
	b, err := connector().Parse(source.Exchange{Status: 200, Body: body})
	if err != nil || len(b.Posts) != 1 || b.Posts[0].Author.Handle != "ana@g.example" || b.Posts[0].Author.ID != "https://g.example/@ana" {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestLines: a status or an event of the streaming API a line (constructed).
func TestLines(t *testing.T) {
	one, two := string(status(nil)), status(map[string]any{"uri": "https://c.example/2"})
	update, err := json.Marshal(map[string]any{"stream": []string{"hashtag"}, "event": "update", "payload": string(two)})
	if err != nil {
		t.Fatal(err)
	}
	body := one + "\n{broken\n\n" + string(update) + "\n" + `{"event":"delete","payload":"123"}` + "\n" + `{"event":"update","payload":"{"}` + "\n"
	b, err := connector().Parse(source.Exchange{Status: 200, Body: []byte(body)})
	if err != nil || len(b.Posts) != 2 || len(b.Problems) != 2 || len(b.Deletions) != 0 {
		t.Fatalf("%d posts, problems %v, %v", len(b.Posts), b.Problems, err)
	}
	if got := b.Problems[0].Error() + "; " + b.Problems[1].Error(); !strings.HasPrefix(got, "line 2: ") || !strings.Contains(got, "line 6: ") {
		t.Error(got)
	}
	if b, err = connector().Parse(source.Exchange{Status: 200, Body: update}); err != nil || len(b.Posts) != 1 {
		t.Errorf("one event: %+v, %v", b, err)
	}
}

// TestConsent: each way of opting out, and what is no opting out.
func TestConsent(t *testing.T) {
	account := func(with map[string]any) map[string]any {
		a := map[string]any{"uri": "https://a.example/users/x", "acct": "x", "indexable": true, "discoverable": true, "noindex": false, "note": ""}
		maps.Copy(a, with)
		return map[string]any{"account": a}
	}
	tests := []struct {
		name  string
		with  map[string]any
		flags []models.Flag
		skip  string
	}{
		{"indexable", account(nil), nil, ""},
		{"says nothing", account(map[string]any{"indexable": nil, "discoverable": nil}), nil, ""},
		{"not indexable", account(map[string]any{"indexable": false}), []models.Flag{models.NoIndex}, ""},
		{"not discoverable", account(map[string]any{"discoverable": false}), []models.Flag{models.NoIndex}, ""},
		{"noindex", account(map[string]any{"noindex": true}), []models.Flag{models.NoIndex}, ""},
		{"#noindex", account(map[string]any{"note": "<p>hi #NoIndex</p>"}), []models.Flag{models.NoIndex}, ""},
		{"#nobot", account(map[string]any{"note": `<p>hi <a href="https://a.example/tags/nobot">#<span>NoBot</span></a></p>`}), nil, "the author wants no bots"},
		{"a word that begins so", account(map[string]any{"note": "#nobotany"}), nil, ""},
		{"no account", map[string]any{"account": nil}, []models.Flag{models.NoIndex}, ""},
		{"sensitive", map[string]any{"sensitive": true}, []models.Flag{models.Adult}, ""},
		{"unlisted", map[string]any{"visibility": "unlisted"}, nil, "not public"},
		{"visibility unknown", map[string]any{"visibility": nil}, nil, "not public"},
	}
	for _, tt := range tests {
		p, b := parseOne(t, tt.with)
		if tt.skip != "" {
			if b.Skipped[tt.skip] != 1 || len(b.Posts) != 0 {
				t.Errorf("%s: %+v", tt.name, b)
			}
			continue
		}
		if !slices.Equal(p.Flags, tt.flags) || (p.Author.ID == "") != p.Flagged(models.NoIndex) {
			t.Errorf("%s: flags %v, author %+v", tt.name, p.Flags, p.Author)
		}
	}
}

// TestFieldsInOtherForms: numbers as text and ids as numbers, missing counts,
// times that can't be, content warnings.
func TestFieldsInOtherForms(t *testing.T) {
	p, _ := parseOne(t, map[string]any{"id": json.Number("114870142363288789"), "favourites_count": "12", "reblogs_count": nil, "spoiler_text": "food", "created_at": "2031-01-01T00:00:00Z"})
	if !bytes.Contains(p.Raw, []byte("114870142363288789")) || *p.Counts.Likes != 12 || p.Counts.Shares != nil || !strings.HasPrefix(p.Text, "food\n\n") {
		t.Errorf("%+v", p)
	}
	if !p.CreatedAt.Equal(p.CollectedAt) {
		t.Errorf("written in the future: %s", p.CreatedAt)
	}
	if p.Author.Handle != "x@a.example" {
		t.Errorf("handle %q", p.Author.Handle)
	}
	local, _ := parseOne(t, map[string]any{"account": map[string]any{"acct": "y", "uri": "https://b.example/users/y"}})
	if local.Author.Handle != "y@b.example" {
		t.Errorf("the handle of a local account is %q", local.Author.Handle)
	}
}

// TestErrorAnswers say what they mean.
func TestErrorAnswers(t *testing.T) {
	tests := []struct {
		name string
		rec  source.Exchange
		want string
	}{
		{"gone", source.Exchange{URL: "https://b.example/api/v1/statuses/7", Status: 404, Body: []byte(`{"error":"Record not found"}`)}, "the post is gone from b.example"},
		{"no token", source.Exchange{URL: "https://b.example/api/v1/timelines/tag/x", Status: 401, Body: []byte(`{"error":"This method requires an authenticated user"}`)}, "access token"},
		{"limit", source.Exchange{Status: 429, Body: []byte(`{"error":"Too many requests"}`)}, "too many calls"},
		{"an error without its status", source.Exchange{Status: 200, Body: []byte(`{"error":"Record not found"}`)}, "Record not found"},
		{"page", source.Exchange{Status: 200, Body: []byte("<!DOCTYPE html><html></html>")}, "a page for people"},
		{"broken", source.Exchange{Status: 200, Body: []byte(`[{"id":`)}, "byte 7"},
		{"value", source.Exchange{Status: 200, Body: []byte(`"hello"`)}, "neither a list nor an object"},
	}
	for _, tt := range tests {
		if _, err := connector().Parse(tt.rec); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
	if _, err := connector().Parse(tests[0].rec); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("a status that is gone: %v", err)
	}
	b, err := connector().Parse(source.Exchange{URL: "https://a.example/users/x/statuses/1", Status: 404, Body: []byte(`{"error":"Not Found"}`)})
	if err != nil || len(b.Deletions) != 1 || b.Deletions[0].NativeID != "https://a.example/users/x/statuses/1" {
		t.Errorf("asked for by its own address: %+v, %v", b, err)
	}
	if b, err := connector().Parse(source.Exchange{Status: 200, Body: []byte(`[]`)}); err != nil || len(b.Problems)+len(b.Posts) > 0 {
		t.Errorf("empty is no error: %+v, %v", b, err)
	}
}

// TestGoodPostsBesideBadOnes: a problem names its place.
func TestGoodPostsBesideBadOnes(t *testing.T) {
	body := fmt.Sprintf(`[%s, 3, %s, %s]`, status(nil), status(map[string]any{"created_at": "soon"}), status(map[string]any{"uri": nil}))
	b, err := connector().Parse(source.Exchange{URL: "https://b.example/api/v1/timelines/tag/x", Status: 200, Body: []byte(body)})
	if err != nil || len(b.Posts) != 1 || len(b.Problems) != 3 {
		t.Fatalf("%+v, %v", b, err)
	}
	for i, want := range []string{"[1]", "[2].created_at", "[3].uri"} {
		if !strings.HasPrefix(b.Problems[i].Error(), want) {
			t.Errorf("problem %q; want its place, %s", b.Problems[i], want)
		}
	}
}

// TestAnyFieldMissingOrRetyped gives posts, problems or an error.
func TestAnyFieldMissingOrRetyped(t *testing.T) {
	c := connector()
	n := 0
	for name, rec := range recorded(t) {
		var v any
		if err := json.Unmarshal(rec.Body, &v); err != nil {
			t.Fatal(name, err)
		}
		if list, ok := v.([]any); ok && len(list) > 1 {
			v = list[:1]
		}
		mutate(&v, func(what string) {
			body, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			n++
			for _, x := range []source.Exchange{{Method: rec.Method, URL: rec.URL, Status: rec.Status, Body: body}, {Status: 200, Body: body}} {
				b, err := c.Parse(x)
				if err != nil {
					continue
				}
				for _, p := range b.Posts {
					if p.NativeID == "" || p.CreatedAt.IsZero() || !json.Valid(p.Raw) {
						t.Errorf("%s, %s: post %+v", name, what, p)
					}
				}
			}
		})
	}
	if n < 1000 {
		t.Errorf("only %d changes were tried", n)
	}
}

// mutate calls try with each field in *v removed and retyped in turn.
func mutate(v *any, try func(what string)) {
	kinds := []any{nil, 7.5, "text", map[string]any{}, []any{}}
	switch x := (*v).(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			old := x[k]
			delete(x, k)
			try("without " + k)
			for _, kind := range kinds {
				x[k] = kind
				try(fmt.Sprintf("%s is %T", k, kind))
			}
			x[k] = old
			mutate(&old, try)
			x[k] = old
		}
	case []any:
		for i, old := range x {
			for _, kind := range kinds {
				x[i] = kind
				try(fmt.Sprintf("[%d] is %T", i, kind))
			}
			x[i] = old
			mutate(&old, try)
			x[i] = old
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("https://b.example/api/v1/timelines/tag/x", 200, []byte(`[{"uri":"a","created_at":"2026-01-01T00:00:00Z","visibility":"public","account":{"note":"#nobot"},"reblog":{}}]`))
	f.Add("", 404, []byte(`{"error":{}}`))
	f.Add("https://b.example/users/x/statuses/1", 410, status(nil))
	c := connector()
	f.Fuzz(func(t *testing.T, address string, code int, body []byte) {
		b, err := c.Parse(source.Exchange{URL: address, Status: code, Body: body})
		for _, p := range b.Posts {
			if p.NativeID == "" || p.CreatedAt.IsZero() || !json.Valid(p.Raw) || err != nil {
				t.Errorf("post %+v, %v", p, err)
			}
		}
	})
}
