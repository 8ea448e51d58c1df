package reddit

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"

	"weft/models"
)

// images lists a post's images: a gallery in its own order, the images within a
// text, the linked image, or the preview of what is linked.
func images(o object) []models.Media {
	if out := gallery(o); len(out) > 0 {
		return out
	}
	if out := inline(o); len(out) > 0 {
		return out
	}
	for _, name := range []string{"url_overridden_by_dest", "url"} {
		if direct := o.link(name); isImage(direct) {
			return []models.Media{{URL: direct, State: models.MediaPending}}
		}
	}
	if o.truth("is_video") || strings.HasSuffix(o.text("post_hint"), ":video") {
		return nil // the preview is a video's still
	}
	return previews(o)
}

// gallery reads media in the order of gallery_data; media_metadata has none.
func gallery(o object) []models.Media {
	meta := o.object("media_metadata")
	var out []models.Media
	for _, raw := range o.object("gallery_data").list("items") {
		item := asObject(raw)
		if m, ok := uploaded(item.text("media_id"), meta); ok && len(out) < maxMedia {
			m.Alt = item.text("caption")
			out = append(out, m)
		}
	}
	return out
}

// inline reads the images within a text, in the order in which it names them.
func inline(o object) []models.Media {
	meta, text := o.object("media_metadata"), o.text("selftext")
	ids := make([]string, 0, min(len(meta), maxItems))
	for id := range meta {
		ids = append(ids, id)
	}
	place := func(id string) int {
		if i := strings.Index(text, id); i >= 0 {
			return i
		}
		return len(text)
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
	})
	var out []models.Media
	for _, id := range ids {
		if m, ok := uploaded(id, meta); ok && len(out) < maxMedia {
			out = append(out, m)
		}
	}
	return out
}

// uploaded reads one image of media_metadata. One that is still being processed
// isn't there yet; videos are left out.
func uploaded(id string, meta object) (models.Media, bool) {
	m := meta.object(id)
	if id == "" || m == nil || (m.text("status") != "valid" && m["status"] != nil) || m.text("e") == "RedditVideo" {
		return models.Media{}, false
	}
	source := m.object("s")
	link := source.link("u")
	if link == "" {
		link = source.link("gif")
	}
	return models.Media{ID: id, URL: link, State: models.MediaPending}, link != ""
}

// previews reads Reddit's own copies of what is linked. Their addresses are
// signed; the id stays.
func previews(o object) []models.Media {
	var out []models.Media
	for _, raw := range o.object("preview").list("images") {
		img := asObject(raw)
		link := img.object("source").link("url")
		if link == "" || len(out) == maxMedia {
			continue
		}
		id := img.text("id")
		if id == "" {
			u, _ := url.Parse(link) // link has done it before
			id = u.Host + u.Path
		}
		out = append(out, models.Media{ID: id, URL: link, State: models.MediaPending})
	}
	return out
}

// isImage knows an address of an image by its ending. Such addresses aren't
// signed, and they are there before the preview is.
func isImage(address string) bool {
	u, err := url.Parse(address)
	if err != nil || address == "" || u.Host == "preview.redd.it" || u.Host == "external-preview.redd.it" {
		return false
	}
	return slices.Contains([]string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic"}, strings.ToLower(path.Ext(u.Path)))
}
