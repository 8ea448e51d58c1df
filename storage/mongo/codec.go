package mongo

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// errEnough ends an each early without an error.
var errEnough = errors.New("enough")

// registry is BSON as the driver has it, but for strings that are no UTF-8,
// which a server may refuse: what is wrong in them is replaced, as JSON does.
func registry() *bson.Registry {
	r := bson.NewRegistry()
	r.RegisterKindEncoder(reflect.String, bson.ValueEncoderFunc(func(_ bson.EncodeContext, w bson.ValueWriter, v reflect.Value) error {
		s := v.String()
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "\ufffd")
		}
		return w.WriteString(s)
	}))
	return r
}

// encode makes a model's document: its fields are named as in its JSON, times
// are dates (UTC, milliseconds), and what is empty is left out, so that people
// can read it.
func encode(v any) (bson.Raw, error) {
	var b bytes.Buffer
	e := bson.NewEncoder(bson.NewDocumentWriter(&b))
	e.SetRegistry(registry())
	e.UseJSONStructTags()
	e.OmitEmpty()
	e.OmitZeroStruct()
	if err := e.Encode(v); err != nil {
		return nil, models.Faultf(models.Permanent, "encode: %w", err)
	}
	return bson.Raw(b.Bytes()), nil
}

// decode reads what encode wrote.
func decode(doc bson.Raw, v any) error {
	d := bson.NewDecoder(bson.NewDocumentReader(bytes.NewReader(doc)))
	d.UseJSONStructTags()
	if err := d.Decode(v); err != nil {
		return models.Faultf(models.Permanent, "decode: %w", err)
	}
	return nil
}

// unmarshal reads one of this package's own documents, models within it by
// their JSON names.
func unmarshal(doc bson.Raw, v any) error { return decode(doc, v) }

// micros is how a mark of time stands in a field that is only compared:
// microseconds, 0 for none.
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

// never is the date of what has none, so that it sorts behind all others.
func never() time.Time { return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }

// limit is n, or what holds if the caller names none.
func limit(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// utcMove makes a copy's times UTC, whatever zone the caller had.
func utcMove(m *models.Move) {
	document.UTCRun(&m.Run)
	if m.Entry != nil {
		e := *m.Entry
		e.At = e.At.UTC()
		m.Entry = &e
	}
}

// inMillis is c with its times as a stored document will have them, so that the
// same change again is no change.
func inMillis(c models.Change) models.Change {
	c.Labels = slices.Clone(c.Labels)
	for i := range c.Labels {
		c.Labels[i].At = c.Labels[i].At.Truncate(time.Millisecond)
	}
	if c.Publish != nil {
		pub := *c.Publish
		pub.At = pub.At.Truncate(time.Millisecond)
		c.Publish = &pub
	}
	if c.Source != nil {
		src := *c.Source
		src.EditedAt = src.EditedAt.Truncate(time.Millisecond)
		c.Source = &src
	}
	return c
}
