package bluesky

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"weft/source"
	"weft/source/loose"
)

// Answers are bounded here, not trusted. A post has 3,000 bytes of text, four
// images or a gallery of 20, and eight hidden tags.
const (
	maxText   = 64 << 10
	maxURL    = 8 << 10
	maxMedia  = 20
	maxFacets = 100
	maxTags   = 50
	maxItems  = 1000
	maxRecord = 1 << 20
	maxDepth  = 100 // of a thread
)

var (
	didPattern  = regexp.MustCompile(`^did:[a-z0-9]{1,20}:[A-Za-z0-9._:%-]{1,200}$`)
	rkeyPattern = regexp.MustCompile(`^[A-Za-z0-9._:~-]{1,512}$`)
	cidPattern  = regexp.MustCompile(`^[A-Za-z0-9]{8,128}$`)
	langPattern = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
)

// object is a JSON object that is read field by field. A field that is missing
// or of another type reads as nothing, so that it costs no more than itself.
type object map[string]json.RawMessage

func asObject(raw json.RawMessage) object { return loose.Object(raw) }

func (o object) object(name string) object { return asObject(o[name]) }

func (o object) list(name string, most int) []json.RawMessage {
	return loose.List(o[name], most)
}

func (o object) text(name string) string { return asText(o[name]) }

func asText(raw json.RawMessage) string {
	return strings.ReplaceAll(loose.Text(raw, maxText), "\x00", "")
}

// texts reads a list of texts, and leaves out what is none.
func (o object) texts(name string, most int) []string {
	var out []string
	for _, raw := range o.list(name, most) {
		if s := asText(raw); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// number reads a whole number, also one in quotes, without passing through a
// float: seqs and times in microseconds come near 2^53.
func (o object) number(name string) (int64, bool) {
	s := strings.Trim(string(bytes.TrimSpace(o[name])), `"`)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// count reads a public counter. Nil is unknown, which is not zero.
func (o object) count(name string) *int64 {
	n, ok := o.number(name)
	if !ok || n < 0 {
		return nil
	}
	return &n
}

func (o object) flag(name string) (value, ok bool) {
	err := json.Unmarshal(o[name], &value)
	return value, err == nil && len(o[name]) > 0 && !bytes.Equal(bytes.TrimSpace(o[name]), []byte("null"))
}

// time reads a moment; decimals and zones vary. Zero: none.
func (o object) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, o.text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func (o object) did() string {
	if s := o.text("did"); didPattern.MatchString(s) {
		return s
	}
	return ""
}

const postCollection = "app.bsky.feed.post"

// postURI is the address of a post within the network: its global identity.
func postURI(did, rkey string) string { return "at://" + did + "/" + postCollection + "/" + rkey }

// splitURI takes the address of a post apart. Those of other records are refused.
func splitURI(uri string) (did, rkey string, ok bool) {
	rest, found := strings.CutPrefix(uri, "at://")
	did, rest, more := strings.Cut(rest, "/")
	rkey, isPost := strings.CutPrefix(rest, postCollection+"/")
	return did, rkey, found && more && isPost && didPattern.MatchString(did) && rkeyPattern.MatchString(rkey)
}

// maxProblems bounds what a hostile answer can make us remember.
const maxProblems = 100

func problem(b *source.Batch, place, format string, args ...any) {
	if len(b.Problems) < maxProblems {
		b.Problem(place, format, args...)
	}
}
