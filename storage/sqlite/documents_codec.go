package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	fastjson "github.com/goccy/go-json" // decodes our documents in a third of the time; encoding gains little

	"weft/models"
)

// micros is how a time stands in a column: microseconds, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// encodePost returns p's document. The source's raw response is kept beside
// it as it came, since parsing it on every load would cost more than the rest.
func encodePost(p *models.Post) (doc, raw []byte, err error) {
	q := *p
	raw, q.Raw = q.Raw, nil
	utcPost(&q)
	doc, err = json.Marshal(&q)
	if err != nil {
		return nil, nil, models.Faultf(models.Permanent, "encode post %s: %w", p.ID, err)
	}
	return doc, raw, nil
}

func decodePost(doc, raw []byte) (models.Post, error) {
	var p models.Post
	if err := fastjson.Unmarshal(doc, &p); err != nil {
		return p, models.Faultf(models.Permanent, "decode post: %w", err)
	}
	if len(raw) > 0 {
		p.Raw = raw
	}
	err := upgrade(&p, models.SchemaVersion, upgrades())
	return p, err
}

// upgrades has, for every version before the newest, the function that brings
// a document from it to the next.
func upgrades() map[int]func(*models.Post) { return map[int]func(*models.Post){} }

// upgrade brings a document of any earlier version to version want. The stored
// document follows with the next write to it.
func upgrade(p *models.Post, want int, steps map[int]func(*models.Post)) error {
	for p.SchemaVersion < want {
		step := steps[p.SchemaVersion]
		if step == nil {
			return models.Faultf(models.Permanent, "post %s has schema version %d, which this program can't upgrade", p.ID, p.SchemaVersion)
		}
		step(p)
		p.SchemaVersion++
	}
	if p.SchemaVersion > want {
		return models.Faultf(models.Permanent, "post %s has schema version %d, this program knows up to %d", p.ID, p.SchemaVersion, want)
	}
	return nil
}

// encode and decode are for all other documents.
func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "encode: %w", err)
	}
	return b, nil
}

func decode(doc []byte, v any) error {
	if err := fastjson.Unmarshal(doc, v); err != nil {
		return models.Faultf(models.Permanent, "decode: %w", err)
	}
	return nil
}

// facts is a fingerprint of what a new reading may change without an edit, so
// that a known post is recognised without decoding it.
func facts(p *models.Post) string {
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

// The utc functions make a copy's times UTC, whatever zone the caller had.

func utcPost(p *models.Post) {
	p.CreatedAt, p.CollectedAt, p.EditedAt = p.CreatedAt.UTC(), p.CollectedAt.UTC(), p.EditedAt.UTC()
	p.Labels = slices.Clone(p.Labels)
	for i := range p.Labels {
		p.Labels[i].At = p.Labels[i].At.UTC()
	}
	if len(p.Published) > 0 {
		published := make(map[string]models.Publication, len(p.Published))
		for k, v := range p.Published {
			v.At = v.At.UTC()
			published[k] = v
		}
		p.Published = published
	}
	if p.Tombstone != nil {
		t := *p.Tombstone
		t.At = t.At.UTC()
		p.Tombstone = &t
	}
}

func utcRun(r *models.Run) {
	r.AdmittedAt, r.MovedAt = r.AdmittedAt.UTC(), r.MovedAt.UTC()
	r.ProcessAt, r.Due = r.ProcessAt.UTC(), r.Due.UTC()
}

func utcItem(it *models.Item) {
	it.OpenedAt, it.Due = it.OpenedAt.UTC(), it.Due.UTC()
	it.Answers = slices.Clone(it.Answers)
	for i := range it.Answers {
		it.Answers[i].At = it.Answers[i].At.UTC()
	}
}
