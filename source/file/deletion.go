package file

import (
	"encoding/json"
	"slices"
	"strings"

	"weft/models"
)

// deleters are who may have deleted a post, the default first.
func deleters() []string { return []string{"platform", "author", "operator", "request"} }

// deletion reads a record that wants a post, or all posts of an author, to be
// gone; nil if it is none.
func (r *reader) deletion(object map[string]json.RawMessage) (*models.Deletion, *fieldError) {
	m := &members{object: object}
	v, ok := m.has("deleted")
	if !ok {
		return nil, nil
	}
	var deleted bool
	if err := json.Unmarshal(v, &deleted); err != nil {
		return nil, refuse("deleted", "true or false is wanted")
	}
	switch {
	case !deleted:
		return nil, nil
	case !r.opt.Deletions:
		return nil, refuse("deleted", "this record deletes; only posts are taken here")
	}
	d := &models.Deletion{
		Source: m.text("source"), NativeID: m.name("id"), Author: m.author().ID, Act: models.Delete,
		By: m.text("by"), Reason: m.text("reason"), At: r.opt.Now().UTC(),
	}
	if d.Source == "" {
		d.Source = r.opt.Source
	}
	if d.By == "" {
		d.By = deleters()[0]
	}
	if _, told := m.has("at"); told {
		at, err := parseTime(m.name("at"))
		if err != nil {
			m.refuse("at", "%v", err)
		}
		if at.Before(d.At) {
			d.At = at
		}
	}
	switch {
	case m.err != nil:
	case !sourcePattern.MatchString(d.Source):
		m.refuse("source", "%q is not 1 to 32 of a-z, 0-9 and -", d.Source)
	case !slices.Contains(deleters(), d.By):
		m.refuse("by", "%q is none of: %s", d.By, strings.Join(deleters(), ", "))
	case d.NativeID == "" && d.Author == "":
		m.refuse("id", "it is missing, and author.id as well: one says what to delete")
	case len(d.NativeID) > maxID || len(d.Author) > maxID || len(d.Reason) > maxID:
		m.refuse("id", "id, author.id or reason is longer than %d bytes", maxID)
	}
	if d.NativeID != "" {
		d.Author = "" // one post, whoever wrote it
	}
	return d, m.err
}
