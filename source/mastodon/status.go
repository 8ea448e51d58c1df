package mastodon

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/source"
	"weft/source/extract"
)

// Bounds on what one status may hold; real ones are far below.
const (
	maxMedia = 40
	maxTags  = 200
)

// Why a post is not taken.
const (
	notPublic = "not public"
	noBots    = "the author wants no bots"
	isBot     = "an automatic account's post"
)

var (
	// saysNoBots and saysNoIndex find the words by which people opt out in
	// their profile, as text or as a link to a hashtag.
	saysNoBots  = regexp.MustCompile(`(?i)#(<[^>]*>)?no-?bots?\b`)
	saysNoIndex = regexp.MustCompile(`(?i)#(<[^>]*>)?(no-?index|no-?search)\b`)
	// otherMedia are the endings of what is no image.
	otherMedia = regexp.MustCompile(`(?i)^\.(mp4|m4v|mov|webm|ogv|mp3|m4a|ogg|oga|opus|wav|flac|aac|pdf)$`)
)

// reader turns statuses into posts.
type reader struct {
	instance string // who told; may be empty for a bare body
	now      time.Time
	skipBots bool
}

// add reads one status into b. Place is where it stands in the answer.
func (r reader) add(b *source.Batch, place string, raw json.RawMessage) {
	p, skip, err := r.post(place, raw)
	switch {
	case err != nil:
		b.Problems = append(b.Problems, err)
	case skip != "":
		b.Skip(skip)
	default:
		b.Posts = append(b.Posts, p)
	}
}

// post reads one status. A boost gives the post that it passes on.
func (r reader) post(place string, raw json.RawMessage) (p models.Post, skip string, err error) {
	o := asObject(raw)
	if o == nil {
		return p, "", fmt.Errorf("%s: a status is wanted here, an object", place)
	}
	if original := o.object("reblog"); original != nil {
		o, place = original, place+".reblog"
	}
	native := o.text("uri")
	if native == "" {
		return p, "", fmt.Errorf("%s.uri: it is missing or no text, and the post is not known by anything else", place)
	}
	created, ok := parseTime(o.text("created_at"))
	if !ok {
		return p, "", fmt.Errorf("%s.created_at: %q is no time like 2026-03-01T12:00:00.000Z", place, clip(o.text("created_at")))
	}
	account := o.object("account")
	switch {
	case o.text("visibility") != "public":
		return p, notPublic, nil
	case saysNoBots.MatchString(account.text("note")):
		return p, noBots, nil
	case r.skipBots && account.is("bot", true):
		return p, isBot, nil
	}
	p = models.Post{
		ID: models.PostID(Name, native), SchemaVersion: models.SchemaVersion, Source: Name, NativeID: native,
		URL: webAddress(o.text("url")), CreatedAt: bounded(created, r.now), CollectedAt: r.now.UTC(),
		Author: r.author(account), Text: text(o), Language: o.text("language"), Links: extract.HTMLLinks(o.text("content")), RepostOf: quoted(o),
		Counts: models.Counts{Likes: o.count("favourites_count"), Comments: o.count("replies_count"), Shares: o.count("reblogs_count")},
		Media:  media(o), Flags: flags(o, account),
	}
	if edited, ok := parseTime(o.text("edited_at")); ok {
		p.EditedAt = bounded(edited, r.now)
	}
	for _, raw := range o.list("tags", maxTags) {
		p.Hashtags = append(p.Hashtags, strings.ToLower(strings.TrimPrefix(asObject(raw).text("name"), "#")))
	}
	p.Hashtags = slices.DeleteFunc(p.Hashtags, func(tag string) bool { return tag == "" })
	for _, raw := range o.list("mentions", maxTags) {
		if acct := asObject(raw).text("acct"); acct != "" {
			p.Mentions = append(p.Mentions, acct)
		}
	}
	if p.Flagged(models.NoIndex) {
		p.Author = models.Author{Location: models.Location{Kind: "none"}}
		delete(o, "account")
	}
	withoutQuoted(o)
	extract.Fill(&p)
	p.Raw, err = json.Marshal(raws{Instance: r.instance, Status: o})
	return p, "", err
}

// quotedIn is the status that o quotes: Mastodon (since 4.4) wraps it together
// with whether its author agrees, Akkoma does not.
func quotedIn(o object) object {
	q := o.object("quote")
	if inner := q.object("quoted_status"); inner != nil {
		return inner
	}
	return q
}

// quoted is the id of the post that o quotes.
func quoted(o object) string {
	if uri := quotedIn(o).text("uri"); uri != "" {
		return models.PostID(Name, uri)
	}
	return ""
}

// withoutQuoted takes what o quotes out of it, but for its address: it is a post
// of its own, whose author may not want it to be kept, or may delete it.
func withoutQuoted(o object) {
	q := quotedIn(o)
	if q.text("uri") == "" {
		return
	}
	short, err := json.Marshal(map[string]json.RawMessage{"uri": q["uri"]})
	if err != nil {
		return
	}
	o["quote"] = short
}

// raws is the form of Post.Raw: a status says nowhere which instance gave it
// its local id.
type raws struct {
	Instance string `json:"instance"`
	Status   object `json:"status"`
}

// text is the content as plain text, after its warning.
func text(o object) string {
	body := strings.TrimSpace(extract.HTMLLines(o.text("content")))
	warning := strings.TrimSpace(o.text("spoiler_text"))
	switch {
	case warning == "":
		return body
	case body == "":
		return warning
	}
	return warning + "\n\n" + body
}

// author is the account, under the name by which other instances know it.
func (r reader) author(a object) models.Author {
	who := models.Author{
		ID: a.text("uri"), Handle: a.text("acct"), Name: a.text("display_name"),
		Location: models.Location{Kind: "none"},
	}
	if who.ID == "" {
		who.ID = a.text("url")
	}
	if who.Handle == "" {
		who.Handle = a.text("username")
	}
	home := r.instance
	if home == "" {
		home = instanceOf(a.text("url"))
	}
	if who.Handle != "" && !strings.Contains(who.Handle, "@") && home != "" {
		who.Handle += "@" + home
	}
	if n := a.count("followers_count"); n != nil {
		who.Followers = *n
	}
	return who
}

// flags are what the author asks for. An author of whom nothing is known is
// treated like one who wants not to be found; servers that never heard of these
// wishes (null, or no such field) say nothing either way.
func flags(o, account object) []models.Flag {
	var out []models.Flag
	if o.is("sensitive", true) {
		out = append(out, models.Adult)
	}
	note := account.text("note")
	if account == nil || account.is("indexable", false) || account.is("discoverable", false) || account.is("noindex", true) || saysNoIndex.MatchString(note) {
		out = append(out, models.NoIndex)
	}
	slices.Sort(out)
	return out
}

// media are the images. Where an instance keeps no copy of its own, url is null
// and the type unknown; the original is then fetched where it was posted. That
// address is also the image's identity: copies have another on each instance.
func media(o object) []models.Media {
	var out []models.Media
	for _, raw := range o.list("media_attachments", maxMedia) {
		m := asObject(raw)
		here, origin := webAddress(m.text("url")), webAddress(m.text("remote_url"))
		if here == "" {
			here = origin
		}
		if origin == "" {
			origin = here
		}
		switch m.text("type") {
		case "image":
		case "unknown":
			if kind := m.object("pleroma").text("mime_type"); kind != "" && !strings.HasPrefix(kind, "image/") {
				continue
			}
			if otherMedia.MatchString(path.Ext(strings.SplitN(origin, "?", 2)[0])) {
				continue
			}
		default:
			continue
		}
		if here == "" || slices.ContainsFunc(out, func(other models.Media) bool { return other.ID == origin }) {
			continue
		}
		out = append(out, models.Media{ID: origin, URL: here, Alt: m.text("description"), State: models.MediaPending})
	}
	return out
}

// webAddress is s if it can be opened.
func webAddress(s string) string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return s
	}
	return ""
}

// bounded replaces a time that can't be: servers take over what others claim.
func bounded(t, now time.Time) time.Time {
	if t.After(now) || t.Year() < 1990 {
		return now.UTC()
	}
	return t
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
