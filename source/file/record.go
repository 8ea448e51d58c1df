package file

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	neturl "net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/source/extract"
)

// record is one post as a file tells it, checked field by field.
type record struct {
	id, source, url, text, language string
	created                         time.Time // zero: not told
	hashtags                        []string
	author                          models.Author
	images                          []image
	counts                          models.Counts
	raw                             json.RawMessage
}

type image struct{ ref, alt string }

// fieldError names the field that a record is refused for.
type fieldError struct{ field, reason string }

func (e *fieldError) Error() string { return e.field + ": " + e.reason }

func refuse(field, format string, args ...any) *fieldError {
	return &fieldError{field: field, reason: fmt.Sprintf(format, args...)}
}

// digest is the id of a record that has none.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:20])
}

var (
	languagePattern = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	countryPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// The most that a record may have. Lists are searched for equal entries, so
// endless ones would cost their square.
const (
	maxID     = 1000
	maxImages = 100
	maxTags   = 200
)

// check refuses what no post may have, and brings the rest into form.
func (rec *record) check() *fieldError {
	rec.text = strings.ReplaceAll(rec.text, "\x00", "")
	if len(rec.id) > maxID {
		return refuse("id", "longer than %d bytes", maxID)
	}
	if rec.source != "" && !sourcePattern.MatchString(rec.source) {
		return refuse("source", "%q is not 1 to 32 of a-z, 0-9 and -", rec.source)
	}
	if rec.url != "" {
		if u, err := neturl.Parse(rec.url); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return refuse("url", "%q is not an http or https URL", rec.url)
		}
	}
	if rec.language != "" && !languagePattern.MatchString(rec.language) {
		return refuse("language", "%q is not a language tag, such as en or zh-Hans", rec.language)
	}
	if len(rec.images) > maxImages {
		return refuse("images", "%d are over the limit of %d", len(rec.images), maxImages)
	}
	loc := &rec.author.Location
	loc.Country = strings.ToUpper(loc.Country)
	if loc.Country != "" && !countryPattern.MatchString(loc.Country) {
		return refuse("author.location.country", "%q is not a country code of two letters, such as FR", loc.Country)
	}
	if loc.Kind == "" && *loc != (models.Location{}) {
		loc.Kind = "profile"
	}
	if rec.author.Followers < 0 {
		return refuse("author.followers", "below zero")
	}
	for name, n := range map[string]*int64{"likes": rec.counts.Likes, "comments": rec.counts.Comments, "shares": rec.counts.Shares} {
		if n != nil && *n < 0 {
			return refuse(name, "below zero")
		}
	}
	rec.hashtags = tidyTags(rec.hashtags)
	return nil
}

// tidyTags drops the sign, lower-cases, and keeps the first of equal ones.
func tidyTags(tags []string) []string {
	var out []string
	for _, t := range tags {
		t = strings.ToLower(strings.Trim(strings.TrimSpace(t), "#＃"))
		if t != "" && len(out) < maxTags && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// item turns a record into a post with its images.
func (r *reader) item(rec record, line int, raw string) Item {
	if err := rec.check(); err != nil {
		return r.bad(line, err.field, raw, "%s", err.reason)
	}
	if strings.TrimSpace(rec.text) == "" && len(rec.images) == 0 {
		return r.bad(line, "text", raw, "there is neither text nor an image")
	}
	now := r.opt.Now().UTC()
	if rec.created.After(now.Add(24 * time.Hour)) {
		return r.bad(line, "created_at", raw, "%s is in the future", rec.created.Format(time.RFC3339))
	}
	it := Item{Line: line, Post: r.post(rec, now)}
	for _, im := range rec.images {
		m, path, err := r.media(im)
		if err != nil {
			return r.bad(line, "images", raw, "%v", err)
		}
		if slices.ContainsFunc(it.Post.Media, func(o models.Media) bool { return o.URL == m.URL }) {
			continue // the same image twice
		}
		if path != "" {
			it.Images = append(it.Images, LocalImage{MediaIndex: len(it.Post.Media), Path: path})
		}
		it.Post.Media = append(it.Post.Media, m)
	}
	extract.Fill(&it.Post)
	return it
}

func (r *reader) post(rec record, now time.Time) models.Post {
	source := rec.source
	if source == "" {
		source = r.opt.Source
	}
	created := rec.created
	if created.IsZero() {
		created = now
	}
	return models.Post{
		ID: models.PostID(source, rec.id), SchemaVersion: models.SchemaVersion, Source: source, NativeID: rec.id, URL: rec.url,
		CreatedAt: created.UTC(), CollectedAt: now, Author: rec.author, Text: rec.text, Language: rec.language,
		Hashtags: rec.hashtags, Counts: rec.counts, Raw: rec.raw,
	}
}

// parseTime reads RFC 3339 or Unix seconds (milliseconds from 10^11 on). Zero
// and what lies before 1970 is refused: it is always a conversion gone wrong.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		n, nerr := strconv.ParseFloat(s, 64)
		if nerr != nil || !(n > -1e15 && n < 1e15) {
			return time.Time{}, fmt.Errorf("%q is neither RFC 3339 (2026-01-31T18:00:00Z) nor Unix seconds", s)
		}
		if n < 1e11 {
			n *= 1000
		}
		t = time.UnixMilli(int64(n))
	}
	if t.Unix() <= 0 {
		return time.Time{}, fmt.Errorf("%q is not after 1970", s)
	}
	return t.UTC(), nil
}

// columns lists what a column of CSV may be called; others are kept in raw only.
func columns() []string {
	return []string{
		"id", "source", "url", "created_at", "text", "language", "hashtags", "images",
		"author", "author_id", "author_handle", "author_name", "author_followers", "author_location", "author_country", "author_region", "author_city",
		"likes", "comments", "shares",
	}
}

// decodeCells reads a row of CSV. Empty cells are not there.
func decodeCells(cells map[string]string) (record, *fieldError) {
	get := func(name string) string { return strings.TrimSpace(cells[name]) }
	rec := record{
		id: get("id"), source: get("source"), url: get("url"), text: cells["text"], language: get("language"),
		author: models.Author{ID: get("author_id"), Handle: get("author_handle"), Name: get("author_name"), Location: models.Location{
			Raw: get("author_location"), Country: get("author_country"), Region: get("author_region"), City: get("author_city"),
		}},
	}
	if rec.author.Handle == "" {
		rec.author.Handle = strings.TrimPrefix(get("author"), "@")
	}
	if s := get("created_at"); s != "" {
		t, err := parseTime(s)
		if err != nil {
			return rec, refuse("created_at", "%v", err)
		}
		rec.created = t
	}
	if s := get("hashtags"); s != "" {
		rec.hashtags = splitTags(s)
	}
	for ref := range strings.SplitSeq(cells["images"], "|") {
		if ref = strings.TrimSpace(ref); ref != "" {
			rec.images = append(rec.images, image{ref: ref})
		}
	}
	for name, set := range map[string]func(*int64){
		"likes": func(n *int64) { rec.counts.Likes = n }, "comments": func(n *int64) { rec.counts.Comments = n },
		"shares": func(n *int64) { rec.counts.Shares = n }, "author_followers": func(n *int64) { rec.author.Followers = *n },
	} {
		if s := get(name); s != "" {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return rec, refuse(name, "%q is not a whole number", s)
			}
			set(&n)
		}
	}
	return rec, nil
}

// splitTags takes hashtags apart that are written into one text.
func splitTags(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(" ,;|#＃\t\n", c) })
}
