// Package drift tells when what is found in posts changes: the shares of an
// attribute's values, and how sure models are of them, held against a reference.
// It can't tell why: fashion changes, sources do, and models go wrong.
package drift

import (
	"cmp"
	"math"
	"slices"
	"time"

	"weft/models"
)

// None is the value of a post in which nothing was found of an attribute.
const None = "(none)"

// Stats are counts of the posts of a window. They are small enough to keep:
// posts are purged, a reference must stay.
type Stats struct {
	From     time.Time           `json:"from"` // of the posts' creation, inclusive
	To       time.Time           `json:"to"`   // exclusive
	Profiles map[string]*Profile `json:"profiles"`
}

// Profile counts the posts that a profile published.
type Profile struct {
	Posts      int               `json:"posts"`
	Attributes map[string]*Found `json:"attributes"`
}

// Found counts what was found of one attribute.
type Found struct {
	Posts  int            `json:"posts"`  // in which anything was found
	Values map[string]int `json:"values"` // posts in which each was found
	// Of the surest finding in each post that no person gave:
	Told    int     `json:"told"`
	Sum     float64 `json:"sum"`
	Squares float64 `json:"squares"`
}

// NewStats begins a count.
func NewStats(from, to time.Time) *Stats {
	return &Stats{From: from.UTC(), To: to.UTC(), Profiles: map[string]*Profile{}}
}

// Add counts a post, if it is of the window. What models said counts, also
// where people said otherwise: labels would hide that a model fails.
func (s *Stats) Add(p *models.Post) {
	if p.Tombstone != nil || p.CreatedAt.Before(s.From) || !p.CreatedAt.Before(s.To) {
		return
	}
	for name, pub := range p.Published {
		prof := s.Profiles[name]
		if prof == nil {
			prof = &Profile{Attributes: map[string]*Found{}}
			s.Profiles[name] = prof
		}
		prof.Posts++
		prof.add(pub.Attributes)
	}
}

func (p *Profile) add(attributes []models.Attribute) {
	surest := map[string]float64{}
	seen := map[[2]string]bool{}
	for _, a := range attributes {
		if a.Evidence == models.FromLabel {
			continue
		}
		f := p.Attributes[a.Name]
		if f == nil {
			f = &Found{Values: map[string]int{}}
			p.Attributes[a.Name] = f
		}
		if _, again := surest[a.Name]; !again {
			f.Posts++
		}
		surest[a.Name] = max(surest[a.Name], a.Confidence)
		if key := [2]string{a.Name, a.Value}; !seen[key] {
			seen[key] = true
			f.Values[a.Value]++
		}
	}
	for name, c := range surest {
		f := p.Attributes[name]
		f.Told++
		f.Sum += c
		f.Squares += c * c
	}
}

// Limits say what counts as drift.
type Limits struct {
	Posts      int     `json:"min_posts"`  // fewer, on either side, tell nothing
	Index      float64 `json:"index"`      // population stability index, less what chance makes of it
	Confidence float64 `json:"confidence"` // change of the mean confidence, if it is no chance either
}

// Default are the usual limits: of the index, 0.1 is commonly called a small
// and 0.25 a large change.
func Default() Limits { return Limits{Posts: 200, Index: 0.2, Confidence: 0.05} }

// improbable is how many standard errors the mean confidence must have moved:
// with a hundred attributes a week, four come about by chance once in three years.
const improbable = 4

// Report holds a week against the reference.
type Report struct {
	Reference Window   `json:"reference"`
	Week      Window   `json:"week"`
	Limits    Limits   `json:"limits"`
	Beyond    bool     `json:"beyond"`
	Changes   []Change `json:"changes"` // by profile and attribute
}

// Window is a span of time, half open.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Change is how far one attribute is from the reference.
type Change struct {
	Profile    string   `json:"profile"`
	Attribute  string   `json:"attribute"`
	Posts      [2]int   `json:"posts"` // in the reference, and in the week
	Enough     bool     `json:"enough"`
	Index      float64  `json:"index"`
	Confidence *float64 `json:"confidence,omitempty"` // change of the mean; nil: nothing was found on one side
	Z          float64  `json:"z"`                    // the same in standard errors
	Beyond     bool     `json:"beyond"`
	Values     []Share  `json:"values"` // those that moved most first
}

// Share is how many of the posts have a value.
type Share struct {
	Value     string  `json:"value"`
	Reference float64 `json:"reference"`
	Week      float64 `json:"week"`
}

// Compare holds a week against the reference. What only one of them knows is
// compared with nothing found.
func Compare(reference, week *Stats, limits Limits) Report {
	r := Report{Reference: Window{reference.From, reference.To}, Week: Window{week.From, week.To}, Limits: limits}
	for name, ref := range reference.Profiles {
		now := week.Profiles[name]
		if now == nil {
			now = &Profile{}
		}
		attributes := map[string]bool{}
		for a := range ref.Attributes {
			attributes[a] = true
		}
		for a := range now.Attributes {
			attributes[a] = true
		}
		for a := range attributes {
			c := change(ref.of(a), now.of(a), ref.Posts, now.Posts, limits)
			c.Profile, c.Attribute = name, a
			r.Beyond = r.Beyond || c.Beyond
			r.Changes = append(r.Changes, c)
		}
	}
	slices.SortFunc(r.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Attribute, b.Attribute))
	})
	return r
}

func (p *Profile) of(attribute string) *Found {
	if f := p.Attributes[attribute]; f != nil {
		return f
	}
	return &Found{}
}

func change(ref, now *Found, refPosts, nowPosts int, limits Limits) Change {
	c := Change{Posts: [2]int{refPosts, nowPosts}, Enough: min(refPosts, nowPosts) >= limits.Posts}
	a, b := ref.counts(refPosts), now.counts(nowPosts)
	c.Index = index(a, b)
	c.Values = shares(a, b, refPosts, nowPosts)
	if ref.Told > 0 && now.Told > 0 {
		d := now.mean() - ref.mean()
		c.Confidence = &d
		if e := math.Sqrt(ref.variance()/float64(ref.Told) + now.variance()/float64(now.Told)); e > 0 {
			c.Z = d / e
		} else if d != 0 {
			c.Z = math.Copysign(1000, d) // every finding has one confidence: it can't be chance
		}
	}
	sure := c.Confidence != nil && math.Abs(*c.Confidence) >= limits.Confidence && math.Abs(c.Z) >= improbable
	c.Beyond = c.Enough && (c.Index >= limits.Index || sure)
	return c
}

// counts are posts by value, those without any among them.
func (f *Found) counts(posts int) map[string]int {
	out := map[string]int{None: posts - f.Posts}
	for v, n := range f.Values {
		out[v] = n
	}
	return out
}

func (f *Found) mean() float64 { return f.Sum / float64(f.Told) }

func (f *Found) variance() float64 {
	if f.Told < 2 {
		return 0
	}
	n := float64(f.Told)
	return max(0, (f.Squares-f.Sum*f.Sum/n)/(n-1))
}

// rare values are compared together: an index over bins of a handful is noise.
const rare = 10

// index is the population stability index of two counts, Σ (q-p)·ln(q/p), less
// its expectation when nothing has changed, (bins-1)·(1/n+1/m); never below 0.
func index(a, b map[string]int) float64 {
	var bins [][2]float64
	var other [2]float64
	for v := range union(a, b) {
		x, y := float64(a[v]), float64(b[v])
		if x+y < rare {
			other[0], other[1] = other[0]+x, other[1]+y
			continue
		}
		bins = append(bins, [2]float64{x, y})
	}
	if other[0]+other[1] > 0 {
		bins = append(bins, other)
	}
	var n, m float64
	for _, bin := range bins {
		n, m = n+bin[0], m+bin[1]
	}
	if n == 0 || m == 0 || len(bins) < 2 {
		return 0
	}
	k, sum := float64(len(bins)), 0.0
	for _, bin := range bins { // half a post more in each bin keeps an empty one finite
		p, q := (bin[0]+.5)/(n+.5*k), (bin[1]+.5)/(m+.5*k)
		sum += (q - p) * math.Log(q/p)
	}
	return max(0, sum-(k-1)*(1/n+1/m))
}

func union(a, b map[string]int) map[string]bool {
	out := map[string]bool{}
	for v := range a {
		out[v] = true
	}
	for v := range b {
		out[v] = true
	}
	return out
}

func shares(a, b map[string]int, n, m int) []Share {
	var out []Share
	for v := range union(a, b) {
		out = append(out, Share{Value: v, Reference: float64(a[v]) / float64(max(1, n)), Week: float64(b[v]) / float64(max(1, m))})
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Week-b.Reference), math.Abs(a.Week-a.Reference)), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(20, len(out))]
}
