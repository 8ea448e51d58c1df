package bluesky

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"weft/models"
)

// TestFilter: hidden tags, marked tags and tags in the text all count, words are
// whole words, and scripts without spaces are searched as they are.
func TestFilter(t *testing.T) {
	for _, c := range []struct {
		tags, words, record string
		want                bool
	}{
		{"ootd", "", `{"text":"nothing","tags":["OOTD"]}`, true},
		{"#Ootd", "", `{"text":"x #ootd!"}`, true},
		{"ootd", "", `{"text":"x #ootdoor"}`, false},
		{"ootd", "", `{"text":"x #ootdoor #ootd"}`, true},
		{"ootd", "", `{"text":"ootd without the sign"}`, false},
		{"穿搭", "", `{"text":"今天 ＃穿搭＃"}`, true},
		{"ootd", "", `{"text":"x","facets":[{"index":{"byteStart":0,"byteEnd":1},"features":[{"$type":"app.bsky.richtext.facet#tag","tag":"OOTD"}]}]}`, true},
		{"", "hat", `{"text":"that is it"}`, false},
		{"", "hat", `{"text":"that hat."}`, true},
		{"", "大衣", `{"text":"我的大衣很好"}`, true},
		{"", "rain coat", `{"text":"My Rain Coat"}`, true},
		{"ootd", "coat", `{"text":"a coat"}`, true},
		{"", "", `{"text":"anything"}`, true},
	} {
		f := newFilter(split(c.tags), split(c.words), nil, false)
		if got := f.record(asObject(json.RawMessage(c.record))); got != c.want {
			t.Errorf("tags %q words %q: %s gives %v", c.tags, c.words, c.record, got)
		}
	}
}

// TestFilterLanguage: all languages that a post names count, by their base.
func TestFilterLanguage(t *testing.T) {
	for _, c := range []struct {
		langs, raw, found string
		want              bool
	}{
		{"en", `{"commit":{"record":{"langs":["es","en-GB"]}}}`, "es", true},
		{"pt-BR", `{"record":{"langs":["pt"]}}`, "pt", true},
		{"fr", `{"record":{"langs":["en"]}}`, "en", false},
		{"fr", `{"record":{}}`, "fr", true},
		{"fr", `{"record":{}}`, "", false},
	} {
		p := models.Post{Language: c.found, Raw: json.RawMessage(c.raw)}
		if got := newFilter(nil, nil, split(c.langs), false).post(p); got != c.want {
			t.Errorf("langs %q: %s gives %v", c.langs, c.raw, got)
		}
	}
	if newFilter(nil, nil, nil, true).post(models.Post{}) {
		t.Error("a post without images passed images: only")
	}
}

// TestFacetOffsets: offsets count bytes of UTF-8; those that cut a character or
// leave the text cover nothing, and the mention falls back to its identifier.
func TestFacetOffsets(t *testing.T) {
	text := "👗 @Anna Müller hi"
	mention := func(start, end string) string {
		return `{"index":{"byteStart":` + start + `,"byteEnd":` + end + `},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:bbb"}]}`
	}
	for at, want := range map[[2]string]string{
		{"5", "18"}: "Anna Müller", {"1", "3"}: "did:plc:bbb", {"5", "2000"}: "did:plc:bbb", {"-1", "4"}: "did:plc:bbb", {"9", "5"}: "did:plc:bbb", {"5.5", "18"}: "did:plc:bbb", {`"5"`, `"18"`}: "Anna Müller",
	} {
		mentions, _ := faceted(asObject(json.RawMessage(`{"facets":[`+mention(at[0], at[1])+`]}`)), text)
		if len(mentions) != 1 || mentions[0] != want {
			t.Errorf("bytes %s to %s of %q give %q, want %q", at[0], at[1], text, mentions, want)
		}
	}
}

// TestSlippedPage: when none of the posts that two pages share is there again,
// so many were deleted that others slipped past: the window is read anew.
func TestSlippedPage(t *testing.T) {
	page := func(from, to int) []json.RawMessage {
		var out []json.RawMessage
		for n := from; n < to; n++ {
			out = append(out, fmt.Appendf(nil, `{"uri":"at://x/%d"}`, n))
		}
		return out
	}
	now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	w := searchAt{Until: now, Window: now}
	w.turn(page(0, 100), true, nil)
	if w.Offset != 90 {
		t.Fatalf("offset %d, want 90: pages overlap", w.Offset)
	}
	good, slipped := w, w
	good.turn(page(95, 195), true, nil)
	slipped.turn(page(100, 200), false, nil)
	if good.Offset != 180 || slipped.Offset != 0 || slipped.Until.IsZero() {
		t.Errorf("offsets %d and %d, want 180 and 0 of the same pass", good.Offset, slipped.Offset)
	}
	good.turn(page(185, 200), false, nil)
	if !good.High.Equal(now) || !good.Until.IsZero() {
		t.Errorf("after the last page: %+v, want the mark at %s", good, now)
	}
}
