package reddit_test

import (
	"slices"
	"strings"
	"testing"

	"weft/models"
	"weft/source"
)

// The constructed answers here have the shapes that the documentation tells.

func TestEscapedWithoutAnyParameter(t *testing.T) {
	rec := link(`,"selftext":"a &lt;3 b"`)
	rec.URL = "https://www.reddit.com/r/x/new.json"
	if p := one(t, rec); !strings.HasSuffix(p.Text, "a <3 b") {
		t.Errorf("text %q", p.Text)
	}
	rec = link(`,"selftext":"a &lt;3 b","selftext_html":"&lt;!-- SC_OFF --&gt;&lt;div"`) // a bare body
	if p := one(t, rec); !strings.HasSuffix(p.Text, "a <3 b") {
		t.Errorf("bare: text %q", p.Text)
	}
}

// A video's still is no image of the post.
func TestVideosAreLeftOut(t *testing.T) {
	const preview = `,"preview":{"images":[{"id":"P1","source":{"url":"https://external-preview.redd.it/x.jpg?s=1"}}]}`
	for _, video := range []string{`,"is_video":true`, `,"post_hint":"hosted:video"`, `,"post_hint":"rich:video"`} {
		if p := one(t, link(preview+video)); len(p.Media) != 0 {
			t.Errorf("%s: %+v", video, p.Media)
		}
	}
	if p := one(t, link(preview+`,"post_hint":"image"`)); len(p.Media) != 1 {
		t.Errorf("%+v", p.Media)
	}
}

func TestLinkOfAPost(t *testing.T) {
	for address, want := range map[string][]string{
		"https://shop.example/red-coat?a=1&amp;b=2": {"https://shop.example/red-coat?a=1&b=2"}, "https://i.redd.it/a.jpg": nil, "https://www.reddit.com/gallery/abc": nil,
		"https://v.redd.it/abc": nil, "/r/x": nil, "javascript:alert(1)": nil,
	} {
		if p := one(t, link(`,"url":"`+address+`"`)); !slices.Equal(p.Links, want) {
			t.Errorf("%s: %q", address, p.Links)
		}
	}
}

// When the original is deleted, no copy of it may stay in a crosspost.
func TestCrosspostKeepsNoCopy(t *testing.T) {
	p := one(t, link(`,"crosspost_parent_list":[{"name":"t3_orig","author":"other","title":"theirs"}]`))
	if p.RepostOf != models.PostID("reddit", "t3_orig") || strings.Contains(string(p.Raw), "theirs") || !strings.Contains(string(p.Raw), "t3_orig") {
		t.Errorf("%s %s", p.RepostOf, p.Raw)
	}
}

func TestKindsThatAreNone(t *testing.T) {
	for in, place := range map[string]string{
		`[{"kind":"x","data":{"children":[]}},{"kind":"Listing","data":{"children":[]}}]`:              "[0].kind",
		`{"kind":"Listing","data":{"children":[{"kind":"t9","data":{"name":"t3_abc"}}]}}`:              "data.children[0].kind",
		`[{"kind":"Listing","data":{"children":[{"kind":7,"data":{"name":"t3_abc"}}]}},{"kind":"t2"}]`: "[0].data.children[0].kind",
	} {
		b, err := parser().Parse(body("%s", in))
		if err != nil || len(b.Posts) != 0 || len(b.Problems) != 1 || !strings.HasPrefix(b.Problems[0].Error(), place+": ") {
			t.Errorf("%s: %v %v", in, b.Problems, err)
		}
	}
	if _, err := parser().Parse(body(`{"kind":"x","data":{"children":[{"kind":"t3"}]}}`)); err == nil {
		t.Error("a list of an unknown kind is taken for empty")
	}
}

func TestRefusedWithAPageForPeople(t *testing.T) {
	_, err := parser().Parse(source.Exchange{Status: 403, Body: []byte("<html><body>blocked</body></html>")})
	if trouble, ok := source.AsTrouble(err); !ok || trouble.Kind != source.Stopped {
		t.Errorf("%v", err)
	}
}
