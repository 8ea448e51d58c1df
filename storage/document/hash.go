package document

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"weft/models"
)

// HashSize is what is kept of a hash: with a thousand million of them, one
// look-up in 10^20 finds another's.
const HashSize = 12

// Salt is a store's secret for the hashes that stand for a post or author that
// was forgotten. Only who has that store can make them, so they tell nobody else
// whom they stand for.
type Salt []byte

func (s Salt) hash(kind, name string) []byte {
	h := hmac.New(sha256.New, s)
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(name))
	return h.Sum(nil)[:HashSize]
}

// The kinds of what is forgotten.
const (
	KindPost   = "post"
	KindAuthor = "author"
)

// Post is the hash of a post's id.
func (s Salt) Post(id string) []byte { return s.hash(KindPost, id) }

// Author is the hash of an author, empty for one who isn't known.
func (s Salt) Author(source, author string) []byte {
	if author == "" {
		return []byte{}
	}
	return s.hash(KindAuthor, source+"\x00"+author)
}

// AuthorOf names a post's author as deletions do: by the source's id, or by the
// handle where the source has no ids.
func AuthorOf(a models.Author) string {
	if a.ID != "" {
		return a.ID
	}
	return a.Handle
}

// How a post came to be hidden, as a store keeps it.
const (
	HiddenByNetwork = 1
	HiddenByPeople  = 2 // the operator, or somebody who asked: no network shows it again
)

// HiddenBy reads who hid a post off the reason, see HiddenReason; 0 is nobody.
func HiddenBy(reason string) int {
	by, _, _ := strings.Cut(reason, ":")
	switch {
	case reason == "":
		return 0
	case Firm(by):
		return HiddenByPeople
	default:
		return HiddenByNetwork
	}
}

// HiddenReason is what a hidden post says of its being hidden.
func HiddenReason(d *models.Deletion) string {
	if d.Reason == "" {
		return d.By + ": hidden"
	}
	return d.By + ": " + d.Reason
}

// Firm reports whether by is a person, see models.Deletion.Firm.
func Firm(by string) bool { return (&models.Deletion{By: by}).Firm() }

// PendingURLs is a fingerprint of the addresses of images that may still have to
// be fetched; empty once all of them are there. Signed addresses expire, so
// the newest is the one to try.
func PendingURLs(media []models.Media) string {
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
	return hex.EncodeToString(h.Sum(nil)[:HashSize])
}

// Day is the partition that a post's rows are in.
func Day(created time.Time) string { return created.UTC().Format(time.DateOnly) }

// Facts is a fingerprint of what a new reading may change without an edit, so
// that a known post is recognised without decoding it.
func Facts(p *models.Post) string {
	b, err := json.Marshal(struct {
		Counts models.Counts
		Author models.Author
		URL    string
		Flags  []models.Flag `json:",omitempty"`
	}{p.Counts, p.Author, p.URL, p.Flags})
	if err != nil { // a number that JSON can't hold: always news
		return err.Error()
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}
