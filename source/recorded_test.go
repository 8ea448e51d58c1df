package source_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/source"
)

func TestReadRecorded(t *testing.T) {
	got, err := source.ReadRecorded([]byte(`{"request":{"method":"GET","url":"https://x.example/a"},"response":{"status":404,"headers":{"link":"<a>","set":["1","2"]},"body":{"error":"gone"}}}`))
	if err != nil || got.Status != 404 || got.URL != "https://x.example/a" || got.Header.Get("Link") != "<a>" || len(got.Header["Set"]) != 2 || string(got.Body) != `{"error":"gone"}` {
		t.Errorf("exchange: %+v, %v", got, err)
	}
	got, err = source.ReadRecorded([]byte(`{"request":{},"response":{"body":"<html>"}}`))
	if err != nil || string(got.Body) != "<html>" || got.Status != 200 {
		t.Errorf("text body: %s, %v", got.Body, err)
	}
	for _, bare := range []string{`{"data":[]}`, "<?xml version='1.0'?><rss/>", "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}\n{broken\n", "{broken\n{\"a\":1}\n\n{\"b\":2}\n", "{broken\n{\"a\":1}"} {
		got, err := source.ReadRecorded([]byte("\uFEFF" + bare))
		if err != nil || string(got.Body) != bare || got.Status != 200 {
			t.Errorf("bare %q: %q, %v", bare, got.Body, err)
		}
	}
	if _, err := source.ReadRecorded([]byte(" \n")); err == nil {
		t.Error("an empty file is no answer")
	}
}

// What comes before a broken place is kept, and the place is named.
func TestReadRecordedKeepsTheGoodPart(t *testing.T) {
	tests := []struct{ in, body, want string }{
		{"{\"data\":[{\"id\":\"1\"},\n {\"id\":\"2\"},{\"id\":", `{"data":[{"id":"1"},` + "\n" + ` {"id":"2"}]}`, "line 2, column 19: not valid JSON: it ends too early"},
		{`{"data":[{"id":"]1"},{"id":oops}]}`, `{"data":[{"id":"]1"}]}`, `line 1, column 28: not valid JSON: invalid character 'o' looking for beginning of value`},
		{`{"data":[{"id":"1","tags":[{"t":1}]},{"id":"2","tags":[{"t":1},{"t":`, `{"data":[{"id":"1","tags":[{"t":1}]}]}`, "line 1, column 69: not valid JSON: it ends too early"},
		{"{\n  \"data\": [\n    {}\n  ],\n  \"a\": oops\n}", "{\n  \"data\": [\n    {}]}", "line 5, column 8: not valid JSON: invalid character 'o' looking for beginning of value"},
		{`{"caption":"an album","children":{"data":[{"id":"1"},{"id":`, `{}`, "line 1, column 60: not valid JSON: it ends too early"},
		{`{"data":`, `{}`, "line 1, column 9: not valid JSON: it ends too early"},
	}
	for _, tc := range tests {
		got, err := source.ReadRecorded([]byte(tc.in))
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: error %v, want %s", tc.in, err, tc.want)
		}
		if d := cmp.Diff(tc.body, string(got.Body)); d != "" {
			t.Error(d)
		}
	}
	cut := `{"request":{"url":"u"},"response":{"status":200,"headers":{},"body":[{"id":1},{"id":2`
	got, err := source.ReadRecorded([]byte(cut))
	if err == nil || string(got.Body) != `[{"id":1}]` || got.URL != "u" {
		t.Errorf("cut exchange: %+v %v", got, err)
	}
}

// A body that was recorded as text is JSON all the same.
func TestReadRecordedTextBody(t *testing.T) {
	got, err := source.ReadRecorded([]byte(`{"response":{"status":200,"body":"[{\"id\":1},\n{\"id\":"}}`))
	if err == nil || err.Error() != "response.body: line 2, column 7: not valid JSON: it ends too early" || string(got.Body) != `[{"id":1}]` {
		t.Errorf("%s, %v", got.Body, err)
	}
	lines := "{broken\n{}\n"
	body, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	got, err = source.ReadRecorded([]byte(`{"request":{},"response":{"body":` + string(body) + `}}`))
	if err != nil || string(got.Body) != lines {
		t.Errorf("lines: %q, %v", got.Body, err)
	}
}

func FuzzReadRecorded(f *testing.F) {
	f.Add([]byte(`{"request":{},"response":{"body":[{"a":1},{`))
	f.Add([]byte(`[[],[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := source.ReadRecorded(data)
		if err != nil && strings.Contains(err.Error(), "JSON") && len(got.Body) > 0 && !json.Valid(got.Body) {
			t.Errorf("the good part of %q is not JSON: %q", data, got.Body)
		}
	})
}

func TestCheckQuery(t *testing.T) {
	params := []source.Param{{Name: "tag", Meaning: "a hashtag", Required: true}, {Name: "instance", Meaning: "a host"}}
	errs := source.CheckQuery(source.Query{Source: "mastodon", Params: map[string]string{"tga": "x"}}, params)
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	want := []string{"tag is missing: a hashtag", `unknown parameter "tga"; mastodon takes: tag, instance`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
