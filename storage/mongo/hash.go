package mongo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"weft/models"
)

// hashSize is what is kept of a hash: with a thousand million of them, one
// look-up in 10^20 finds another's.
const hashSize = 12

// hash stands for a post or author that was forgotten. Only who has this database
// can make it, so it tells nobody else whom it stands for.
func (d *Documents) hash(kind, name string) []byte {
	h := hmac.New(sha256.New, d.salt)
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(name))
	return h.Sum(nil)[:hashSize]
}

// The kinds of what is forgotten.
const (
	kindPost   = "post"
	kindAuthor = "author"
)

func (d *Documents) postHash(id string) []byte { return d.hash(kindPost, id) }

// authorHash is empty for a post whose author isn't known.
func (d *Documents) authorHash(source, author string) []byte {
	if author == "" {
		return []byte{}
	}
	return d.hash(kindAuthor, source+"\x00"+author)
}

// authorOf names a post's author as deletions do: by the source's id, or by the
// handle where the source has no ids.
func authorOf(a models.Author) string {
	if a.ID != "" {
		return a.ID
	}
	return a.Handle
}

// How a post came to be hidden, as its field says.
const (
	hiddenByNetwork = 1
	hiddenByPeople  = 2 // the operator, or somebody who asked: no network shows it again
)

// hiddenBy reads the field's value off the reason, see hiddenReason.
func hiddenBy(reason string) int {
	by, _, _ := strings.Cut(reason, ":")
	switch {
	case reason == "":
		return 0
	case firm(by):
		return hiddenByPeople
	default:
		return hiddenByNetwork
	}
}

func hiddenReason(d *models.Deletion) string {
	if d.Reason == "" {
		return d.By + ": hidden"
	}
	return d.By + ": " + d.Reason
}

func firm(by string) bool { return (&models.Deletion{By: by}).Firm() }

// pendingURLs is a fingerprint of the addresses of images that may still have to
// be fetched; empty once all of them are there. Signed addresses expire, so
// the newest is the one to try.
func pendingURLs(media []models.Media) string {
	h := sha256.New()
	pending := false
	for _, m := range media {
		pending = pending || m.State != models.MediaOK
		h.Write([]byte(m.URL))
		h.Write([]byte{0})
	}
	if !pending {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:hashSize])
}

// day is the partition that a post's rows are in.
func day(created time.Time) string { return created.UTC().Format(time.DateOnly) }
