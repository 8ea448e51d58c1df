package profile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"weft/models"
)

// Profile is a use case, parsed and checked. It is never changed after Parse,
// so any number of goroutines may use it.
type Profile struct {
	Name    string
	Version string // content hash of Body, see Version
	Body    []byte // the file as it was given to Parse

	Match   Match
	Fetch   Fetch
	Light   []models.ModelRef
	Heavy   *Heavy // nil: the profile has no such section, and its posts skip the step
	Label   *Label // the same
	Index   Index
	Archive Archive
}

// Match says which discovered posts are for this profile. Each list that is
// not empty must hold one of the post's.
type Match struct {
	Sources   []string
	Hashtags  []string // without the sign, lower-cased
	Languages []string // "zh" takes zh-Hant as well
	Countries []string // of the author
}

// Fetch says what is kept of a post's images.
type Fetch struct {
	MaxImages  int
	Originals  time.Duration // how long
	Renditions time.Duration
}

// Heavy says when the costly models look at a post.
type Heavy struct {
	When    *Where // nil: always
	Models  []models.ModelRef
	Per1000 time.Duration // CPU time for each 1,000 posts of a day; 0: no budget
}

// Label says when people are asked, and what becomes of a post they don't answer.
type Label struct {
	When       *Where  // nil: never by rule
	Sample     float64 // the share of posts asked about whatever When says, without parking them
	Answers    int     // wanted before any adjudication
	Attributes []string
	Guidelines map[string]Guideline // by attribute; there may be none
	After      time.Duration
	Then       Then
}

// Guideline is what people are told who answer for one attribute.
type Guideline struct {
	Text     string
	Kind     models.Kind    // empty: the file doesn't say, so Single tells
	Single   bool           // one value at most
	Groups   []models.Group // of a tree, from the top
	Partial  bool           // of a tree: a group alone is an answer
	Examples []string       // addresses of images
}

// Then is what happens to a question that nobody answered in time.
type Then string

// What may happen then.
const (
	ThenEscalate Then = "escalate" // it goes to the front of the queue, and the post goes on waiting
	ThenDrop     Then = "drop"     // the run is dropped
	ThenIndex    Then = "index"    // the post goes on, marked unchecked
)

// Index says which posts become searchable, and for how long.
type Index struct {
	When      *Where // nil: always
	Retention time.Duration
}

// Archive says what the history keeps.
type Archive struct {
	Raw bool // the source's own response too
}

// AskedAttributes are those that an item of this profile asks for; none if the
// profile never asks.
func (p *Profile) AskedAttributes() []string {
	if p.Label == nil {
		return nil
	}
	return slices.Clone(p.Label.Attributes)
}

// Models returns what the profile runs at step.
func (p *Profile) Models(step models.Step) []models.ModelRef {
	switch {
	case step == models.AnalyzeLight:
		return slices.Clone(p.Light)
	case step == models.AnalyzeHeavy && p.Heavy != nil:
		return slices.Clone(p.Heavy.Models)
	default:
		return nil
	}
}

// Version names the content of a profile: the first 16 hex digits of the
// SHA-256 of its body. Line ends, a byte order mark and blank space at the end
// don't count, since editors and checkouts change them; everything else does,
// comments included.
func Version(body []byte) string {
	sum := sha256.Sum256(normalise(body))
	return hex.EncodeToString(sum[:])[:16]
}

func normalise(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	body = bytes.ReplaceAll(body, []byte("\r"), []byte("\n"))
	return append(bytes.TrimRight(body, " \t\n"), '\n')
}
