package sqlite

import (
	"encoding/json"
	"time"

	fastjson "github.com/goccy/go-json" // decodes our documents in a third of the time; encoding gains little

	"weft/models"
	"weft/storage/document"
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
	document.UTCPost(&q)
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
	err := document.Upgrade(&p, models.SchemaVersion, document.Upgrades())
	return p, err
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
