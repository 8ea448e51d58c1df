package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// SearchDoc is what search holds of a post: a pure projection of the whole
// post document. Its Version is the post's Rev, so a stale write loses.
type SearchDoc struct {
	ID         string      `json:"id"`
	Version    int64       `json:"version"`
	Source     string      `json:"source"`
	URL        string      `json:"url,omitempty"`
	CreatedAt  time.Time   `json:"created_at"`
	Text       string      `json:"text"`
	Language   string      `json:"language,omitempty"`
	Hashtags   []string    `json:"hashtags,omitempty"`
	Author     Author      `json:"author"`
	Counts     Counts      `json:"counts"`
	Profiles   []string    `json:"profiles"` // that published it, sorted
	Unchecked  []string    `json:"unchecked,omitempty"`
	Attributes []Attribute `json:"attributes,omitempty"` // of all publications, people's labels first
	Images     []string    `json:"images,omitempty"`     // rendition blob keys
	Flags      []Flag      `json:"flags,omitempty"`      // NoPublic is for whoever shows it to respect
	Point      *GeoPoint   `json:"point,omitempty"`      // where it was made, if its source says so exactly
	Embedding  Vector      `json:"embedding,omitempty"`  // of its first image that has one: what a search for look-alikes compares
	Space      string      `json:"space,omitempty"`      // of the embedding: only those of one space are compared
}

// Project returns what search shall hold of p. It is false when the post has
// no place in search: deleted, hidden, published by no profile, or its author
// doesn't want to be found.
func Project(p *Post) (SearchDoc, bool) {
	d := SearchDoc{
		ID: p.ID, Version: p.Rev, Source: p.Source, URL: p.URL, CreatedAt: p.CreatedAt, Text: p.Text,
		Language: p.Language, Hashtags: p.Hashtags, Author: p.Author, Counts: p.Counts,
		Flags: p.Flags,
	}
	if p.Tombstone != nil || p.Hidden != "" || p.Flagged(NoIndex) || len(p.Published) == 0 {
		return d, false
	}
	var found []Attribute
	var newest Publication
	for _, name := range slices.Sorted(maps.Keys(p.Published)) {
		pub := p.Published[name]
		if pub.Embedding != nil && (newest.Embedding == nil || pub.At.After(newest.At)) {
			newest = pub
		}
		d.Profiles = append(d.Profiles, name)
		if pub.Unchecked {
			d.Unchecked = append(d.Unchecked, name)
		}
		found = append(found, pub.Attributes...)
	}
	if e := newest.Embedding; e != nil {
		d.Embedding, d.Space = e.Vector, e.Space
	}
	d.Attributes = surest(Effective(found, p.Labels))
	for _, m := range p.Images() {
		d.Images = append(d.Images, m.Rendition)
	}
	return d, true
}

// surest keeps the most confident finding of each (name, value), in a fixed order.
func surest(found []Attribute) []Attribute {
	best := map[[2]string]Attribute{}
	for _, a := range found {
		k := [2]string{a.Name, a.Value}
		b, ok := best[k]
		if !ok || a.Confidence > b.Confidence || (a.Confidence == b.Confidence && a.Model < b.Model) {
			best[k] = a
		}
	}
	out := make([]Attribute, 0, len(best))
	for _, a := range best {
		out = append(out, a)
	}
	SortAttributes(out)
	return out
}

// SearchQuery asks search. Every field narrows; empty ones don't.
type SearchQuery struct {
	Text          string              // full text over caption, hashtags, author and attribute values; all words must occur
	Attributes    map[string][]string // any of the values for each of the names
	MinConfidence float64             // of those attributes
	Sources       []string
	Languages     []string
	Countries     []string // of the author
	Regions       []string `json:",omitempty"` // of the author, as ISO 3166-2: FR-IDF. What was asked before there were any keeps its cursors
	Profiles      []string
	Since, Until  time.Time // on CreatedAt: since inclusive, until exclusive
	MinLikes      int64
	Near          *GeoCircle // only documents with a Point in it
	Like          string     // id of a document: those whose embeddings point most nearly its way, nearest first, without itself. One page, no facets, no Sort
	Facets        []string   // "source", "language", "country", "profile", "hashtag", or an attribute's name
	Sort          string     // "newest" (default), "oldest", "relevance", "likes"
	After         string     // opaque cursor: Next of the page before
	Limit         int        // default 20, at most 1,000
	Uncounted     bool       `json:"-"` // the answer needs no Total: whoever pages through everything would have all of it counted at each page
}

// Check returns what is wrong with q that every search refuses alike.
func (q SearchQuery) Check() error {
	if n := q.Near; n != nil && !(n.Lat >= -90 && n.Lat <= 90 && n.Lon >= -180 && n.Lon <= 180 && n.Meters > 0 && n.Meters <= 21e6) {
		return fmt.Errorf("near %v, %v within %v m; allowed: latitudes up to 90, longitudes up to 180, and up to 21,000,000 m", n.Lat, n.Lon, n.Meters)
	}
	if q.Like != "" && (q.Sort != "" || q.After != "" || len(q.Facets) > 0) {
		return errors.New("what looks alike comes nearest first, on one page: sort, after and facets can't be asked for with it")
	}
	return nil
}

// Fingerprint tells queries apart whose cursors must not be mixed. The page's
// size and the facets may change on the way.
func (q SearchQuery) Fingerprint() string {
	q.After, q.Limit, q.Facets = "", 0, nil
	q.Since, q.Until = q.Since.UTC(), q.Until.UTC()
	b, _ := json.Marshal(q) // plain data
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// GeoPoint is a place on the earth, in degrees.
type GeoPoint struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// GeoCircle is what lies around a place, on a sphere of the earth's mean radius.
type GeoCircle struct {
	GeoPoint
	Meters float64 `json:"meters"`
}

// ErrNoEmbedding: a document has nothing to find look-alikes by.
var ErrNoEmbedding = errors.New("no embedding was made of its images")

// SearchAnswer is one page of hits, with the facets of all hits.
type SearchAnswer struct {
	Total  int64
	Hits   []SearchDoc
	Facets map[string][]FacetCount // the 20 most frequent values each, most frequent first, ties by value
	Next   string                  // empty at the end
}

// FacetCount says how many hits have a value.
type FacetCount struct {
	Value string `json:"value"`
	N     int64  `json:"n"`
}
