package monitor

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func link(id string) string { return "http://weft/posts/" + id }

func TestFormatPayload(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{"post":"weibo.1","profile":"quality","step":"index","seq":7}`, "post weibo.1 · quality · seq 7 → http://weft/posts/weibo.1"},
		{`{"post":"a\u0000\u202eb","seq":1}`, "post a��b ·  · seq 1 → http://weft/posts/a��b"},
		{`{"post":7}`, `{"post":7}`},
		{`{}`, `{}`},
		{`null`, `null`},
		{"", ""},
		{"\x00\xff\x1b[31m", "���[31m"},
	} {
		if got := formatPayload([]byte(c.payload), link); got != c.want {
			t.Errorf("formatPayload(%q) = %q, want %q", c.payload, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	if got, want := lines("a\n\tb\x1b[31m\u202ec红"), "a\n\tb\uFFFD[31m\uFFFDc红"; got != want {
		t.Errorf("lines = %q, want %q", got, want)
	}
}

func FuzzFormatPayload(f *testing.F) {
	f.Add([]byte(`{"post":"x","seq":1}`))
	f.Add([]byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := formatPayload(payload, link)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxShown+1 || strings.ContainsAny(got, "\n\x00\x1b") {
			t.Errorf("formatPayload(%q) = %q", payload, got)
		}
	})
}
