package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SchemaVersion is the version that new documents are written with.
const SchemaVersion = 1

// Post is one post as it was collected, with what Weft learned of it. It holds
// no run: those are kept beside it, one per profile.
type Post struct {
	ID            string    `json:"id"` // see PostID
	SchemaVersion int       `json:"schema_version"`
	Rev           int64     `json:"rev"` // counts the writes that change what a reader of the post can see
	Source        string    `json:"source"`
	NativeID      string    `json:"native_id"`
	URL           string    `json:"url,omitempty"`
	CreatedAt     time.Time `json:"created_at"` // UTC; never changes, so a post keeps its monthly index and its day
	CollectedAt   time.Time `json:"collected_at"`
	EditedAt      time.Time `json:"edited_at,omitzero"`

	Author   Author   `json:"author"`
	Text     string   `json:"text"`
	Language string   `json:"language,omitempty"` // BCP 47, empty when unknown
	Hashtags []string `json:"hashtags,omitempty"` // without the sign, lower-cased
	Mentions []string `json:"mentions,omitempty"` // without the sign, as the source writes them
	Links    []string `json:"links,omitempty"`
	RepostOf string   `json:"repost_of,omitempty"` // id of the post that this one passes on
	Media    []Media  `json:"media,omitempty"`
	Counts   Counts   `json:"counts"`
	Flags    []Flag   `json:"flags,omitempty"`  // what its author or the network asks for; sorted
	Hidden   string   `json:"hidden,omitempty"` // why nobody may see it for now, such as a suspended account

	Labels    []Label                `json:"labels,omitempty"`    // people's answers; they outlive generations
	Published map[string]Publication `json:"published,omitempty"` // by profile: what readers see
	Tombstone *Tombstone             `json:"tombstone,omitempty"`
	Raw       json.RawMessage        `json:"raw,omitempty"` // the source's own response
}

// Author is who wrote a post, as far as the source tells.
type Author struct {
	ID        string   `json:"id,omitempty"`
	Handle    string   `json:"handle,omitempty"`
	Name      string   `json:"name,omitempty"`
	Followers int64    `json:"followers,omitempty"`
	Location  Location `json:"location,omitzero"`
}

// Location is where an author or post says to be. What can't be known stays
// empty. Confidence is how likely Raw means the place given, all its fields
// together; whether Raw is true is another question. Package gazetteer says how
// it comes about.
type Location struct {
	Raw        string  `json:"raw,omitempty"`
	Kind       string  `json:"kind,omitempty"`       // profile, post, ip, inferred or none
	Country    string  `json:"country,omitempty"`    // ISO 3166-1 alpha-2
	Region     string  `json:"region,omitempty"`     // ISO 3166-2, of the country's first level
	City       string  `json:"city,omitempty"`       // GeoNames' name, mostly English; as written when GeoNames lacks it
	Confidence float64 `json:"confidence,omitempty"` // 0 to 1
}

// Counts are a post's public counters. A change of them alone only projects
// the post again. A nil count is hidden or unknown, which is not zero.
type Counts struct {
	Likes    *int64 `json:"likes,omitempty"`
	Comments *int64 `json:"comments,omitempty"`
	Shares   *int64 `json:"shares,omitempty"`
}

// Flag is a wish or warning that comes with a post.
type Flag string

// The flags, each with what Weft does about it.
const (
	NoIndex  Flag = "no-index"  // its author doesn't want to be found: it has no author here, and is not searchable
	NoPublic Flag = "no-public" // only for people who are logged in
	Adult    Flag = "adult"     // never shown to labelers
)

// MediaState says how far an image has come.
type MediaState string

// The states of an image.
const (
	MediaPending MediaState = "pending" // not fetched yet
	MediaOK      MediaState = "ok"      // a rendition is stored
	MediaFailed  MediaState = "failed"  // see Reason
)

// Media is one image of a post.
type Media struct {
	ID     string     `json:"id,omitempty"` // what stays when the source signs URL anew; see Key
	URL    string     `json:"url"`          // "blob:<key>" when an importer stored the original already
	Alt    string     `json:"alt,omitempty"`
	State  MediaState `json:"state"`
	Reason string     `json:"reason,omitempty"` // why it failed, in words

	SHA256    string `json:"sha256,omitempty"` // of the original's bytes, hex
	PHash     string `json:"phash,omitempty"`  // perceptual hash, 16 hex digits: links near-duplicates, shares nothing
	Type      string `json:"type,omitempty"`   // image/jpeg, …
	Size      int64  `json:"size,omitempty"`   // of the original, in bytes
	Width     int    `json:"width,omitempty"`  // of the original, in pixels
	Height    int    `json:"height,omitempty"`
	Original  string `json:"original,omitempty"`  // blob key; gone after the profile's retention
	Rendition string `json:"rendition,omitempty"` // blob key; longest side 512 pixels
}

// Key tells images of a post apart: the source's id of the image, else its URL.
func (m Media) Key() string {
	if m.ID != "" {
		return m.ID
	}
	return m.URL
}

// Publication is what one profile made visible of a post.
type Publication struct {
	Generation int         `json:"generation"`
	Version    string      `json:"version"` // of the profile
	Attributes []Attribute `json:"attributes,omitempty"`
	Embedding  *Embedding  `json:"embedding,omitempty"` // of the first image that has one
	Unchecked  bool        `json:"unchecked,omitempty"` // labels were wanted, but nobody answered in time
	Raw        bool        `json:"raw,omitempty"`       // the history row keeps the source's response
	At         time.Time   `json:"at"`
	Campaign   string      `json:"campaign,omitempty"` // the reanalysis that it came from
	Before     []Revision  `json:"before,omitempty"`   // what earlier generations had published, the oldest first
}

// Revision is what an earlier generation of a publication said. The history has
// it in full; this is kept beside the post so that anybody sees what changed.
type Revision struct {
	Generation int                 `json:"generation"`
	Version    string              `json:"version"`
	At         time.Time           `json:"at"`
	Values     map[string][]string `json:"values"` // by attribute, sorted
}

// mostRevisions bounds what a post keeps of its past.
const mostRevisions = 10

// Values returns the values that a publication says for each attribute, sorted.
func (p *Publication) Values() map[string][]string {
	out := map[string][]string{}
	for _, a := range p.Attributes {
		if !slices.Contains(out[a.Name], a.Value) {
			out[a.Name] = append(out[a.Name], a.Value)
		}
	}
	for _, v := range out {
		slices.Sort(v)
	}
	return out
}

// after returns p as it follows upon old.
func (p Publication) after(old Publication) Publication {
	p.Before = old.Before
	if old.Generation > 0 && old.Generation < p.Generation {
		p.Before = append(slices.Clone(old.Before), Revision{Generation: old.Generation, Version: old.Version, At: old.At, Values: old.Values()})
		p.Before = p.Before[max(0, len(p.Before)-mostRevisions):]
	}
	return p
}

// Tombstone marks a deleted post, so that a late write can't bring it back.
type Tombstone struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"` // author, platform, operator or request
	Reason string    `json:"reason,omitempty"`
}

// Stub is what stays of a purged post, so that a crawler doesn't take it for
// new and a reanalysis goes on counting where it stopped.
type Stub struct {
	Post     string             `json:"post"`
	Rev      int64              `json:"rev"`
	Content  string             `json:"content"` // ContentHash of the post
	Runs     map[string]StubRun `json:"runs"`    // by profile
	PurgedAt time.Time          `json:"purged_at"`

	Author    string    `json:"author,omitempty"` // the store's own hash of who wrote it
	CreatedAt time.Time `json:"created_at,omitzero"`
	EditedAt  time.Time `json:"edited_at,omitzero"`
}

// StubRun is what stays of a run.
type StubRun struct {
	Seq        int64         `json:"seq"`
	Generation int           `json:"generation"`
	Past       map[State]int `json:"past"` // how its generations ended, the last one included
	Part       string        `json:"part"` // the newest history part that holds it, or one that replaced it; see Part.Holds
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,48}$`)

// PostID builds a post's id from its source and the source's own id. Ids with
// other characters, or longer ones, are replaced by 26 characters of base32
// SHA-256; the native id stays a field of the post.
func PostID(source, native string) string {
	if plainID.MatchString(native) {
		return source + "." + native
	}
	sum := sha256.Sum256([]byte(native))
	return source + "." + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26])
}

// ContentHash tells whether a post's text or images changed: the edits that
// start a new generation. Counts, labels and fetch results don't take part.
func (p *Post) ContentHash() string {
	h := sha256.New()
	h.Write([]byte(p.Text))
	for _, m := range p.Media {
		h.Write([]byte{0})
		h.Write([]byte(m.Key()))
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// Images returns the post's usable images, in order.
func (p *Post) Images() []Media {
	var ok []Media
	for _, m := range p.Media {
		if m.State == MediaOK {
			ok = append(ok, m)
		}
	}
	return ok
}

// Flagged reports whether the post carries f.
func (p *Post) Flagged(f Flag) bool { return slices.Contains(p.Flags, f) }

// LabelledOn reports whether people said something of an attribute.
func (p *Post) LabelledOn(attribute string) bool {
	return slices.ContainsFunc(p.Labels, func(l Label) bool { return l.Attribute == attribute })
}

// Change is what a move or an outside event alters in a post. The adapter
// applies it to the newest document within the same atomic write, so changes of
// two runs never overwrite each other.
type Change struct {
	Media   []Media      `json:"media,omitempty"`  // fetched images, merged by Media.Key
	Labels  []Label      `json:"labels,omitempty"` // merged by attribute and taxonomy
	Publish *Publication `json:"publish,omitempty"`
	Profile string       `json:"profile,omitempty"` // whose publication Publish is, or was Checked
	Checked bool         `json:"checked,omitempty"` // people answered after all: the publication is no longer unchecked
	Source  *Post        `json:"source,omitempty"`  // a newer reading of the same post: text, media, counts, author, raw
	Hidden  *string      `json:"hidden,omitempty"`  // why nobody may see it for now; empty: it may be seen
	Delete  *Tombstone   `json:"delete,omitempty"`
}

// Empty reports whether c alters nothing.
func (c Change) Empty() bool {
	return len(c.Media) == 0 && len(c.Labels) == 0 && c.Publish == nil && !c.Checked && c.Source == nil && c.Hidden == nil && c.Delete == nil
}

// Apply alters p and reports whether anything changed; it then adds one to
// p.Rev. A tombstoned post takes no change.
func (c Change) Apply(p *Post) bool {
	if p.Tombstone != nil {
		return false
	}
	before := p.visible()
	if c.Source != nil {
		c.applySource(p)
	}
	for _, m := range c.Media {
		mergeMedia(p.Media, m)
	}
	for _, l := range c.Labels {
		p.Labels = mergeLabel(p.Labels, l)
	}
	if c.Publish != nil && c.Publish.Generation >= p.Published[c.Profile].Generation {
		p.publish(c.Profile, c.Publish.after(p.Published[c.Profile]))
	}
	if pub := p.Published[c.Profile]; c.Checked && pub.Unchecked {
		pub.Unchecked = false
		p.publish(c.Profile, pub)
	}
	if c.Hidden != nil {
		p.Hidden = *c.Hidden
	}
	if c.Delete != nil {
		*p = Post{ID: p.ID, SchemaVersion: p.SchemaVersion, Rev: p.Rev, Source: p.Source, CreatedAt: p.CreatedAt, Tombstone: c.Delete}
	}
	if bytes.Equal(before, p.visible()) {
		return false
	}
	p.Rev++
	return true
}

// publish replaces a profile's publication in a map of p's own.
func (p *Post) publish(profile string, pub Publication) {
	published := maps.Clone(p.Published)
	if published == nil {
		published = map[string]Publication{}
	}
	published[profile] = pub
	p.Published = published
}

// visible serialises all of p but its rev.
func (p *Post) visible() []byte {
	q := *p
	q.Rev = 0
	b, err := json.Marshal(&q)
	if err != nil { // only an invalid Raw can do this; treat it as a change of its own
		return []byte(p.ID + err.Error())
	}
	return b
}

func (c Change) applySource(p *Post) {
	s := c.Source
	p.Text, p.Language, p.Hashtags, p.Mentions, p.Links = s.Text, s.Language, s.Hashtags, s.Mentions, s.Links
	p.RepostOf, p.Flags = s.RepostOf, s.Flags
	p.Author, p.Counts, p.URL, p.EditedAt, p.Raw = s.Author, s.Counts, s.URL, s.EditedAt, s.Raw
	media := slices.Clone(s.Media)
	for i, m := range media {
		for _, old := range p.Media {
			if old.Key() == m.Key() && old.State == MediaOK {
				media[i] = old
				media[i].Alt, media[i].URL = m.Alt, m.URL
			}
		}
	}
	p.Media = media
}

// mergeMedia puts a fetched image in its place. A failure never replaces a
// success: another profile's fetch may have been luckier.
func mergeMedia(media []Media, fetched Media) {
	for i := range media {
		if media[i].Key() == fetched.Key() && (media[i].State != MediaOK || fetched.State == MediaOK) {
			fetched.Alt = media[i].Alt
			media[i] = fetched
		}
	}
}

func mergeLabel(labels []Label, l Label) []Label {
	for i, old := range labels {
		if old.Attribute == l.Attribute && old.Taxonomy == l.Taxonomy {
			if old.At.After(l.At) {
				return labels
			}
			labels = slices.Clone(labels)
			labels[i] = l
			return labels
		}
	}
	return append(slices.Clone(labels), l)
}
