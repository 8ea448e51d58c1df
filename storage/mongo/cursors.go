package mongo

import (
	"context"
	"encoding/json"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// storedCursor is how far a query has come.
type storedCursor struct {
	Query  string   `bson:"_id"`
	Seq    int64    `bson:"seq"`
	Cursor bson.Raw `bson:"cursor"`
}

// Cursor returns how far a query has come, or ErrNotFound if it never ran.
func (d *Documents) Cursor(ctx context.Context, query string) (models.Cursor, error) {
	var s storedCursor
	var c models.Cursor
	err := d.one(ctx, d.byID(cCursors, query), &s)
	if err == nil {
		err = decode(s.Cursor, &c)
	}
	return c, fault("cursor of "+query, err)
}

// PutCursor writes a cursor whose Seq is one more than the stored one's (1:
// there is none yet); otherwise ErrConflict, and nothing is written.
func (d *Documents) PutCursor(ctx context.Context, c models.Cursor) error {
	return fault("put cursor of "+c.Query, d.putCursor(ctx, c))
}

func (d *Documents) putCursor(ctx context.Context, c models.Cursor) error {
	utcCursor(&c)
	if len(c.State) > 0 && !json.Valid(c.State) {
		return models.Faultf(models.Permanent, "the state is no JSON: %.40q", c.State)
	}
	doc, err := encode(&c)
	if err != nil {
		return err
	}
	if c.Seq == 1 {
		fresh, err := d.insert(ctx, cCursors, storedCursor{Query: c.Query, Seq: 1, Cursor: doc})
		if err == nil && !fresh {
			err = models.ErrConflict
		}
		return err
	}
	n, err := d.update(ctx, d.where(cCursors+primary, bson.D{{Key: "_id", Value: c.Query}, {Key: "seq", Value: c.Seq - 1}}),
		bson.D{{Key: "$set", Value: bson.D{{Key: "seq", Value: c.Seq}, {Key: "cursor", Value: doc}}}})
	if err == nil && n == 0 {
		err = models.ErrConflict
	}
	return err
}

// Cursors returns the cursors of all queries that ever ran, by name.
func (d *Documents) Cursors(ctx context.Context) ([]models.Cursor, error) {
	var out []models.Cursor
	err := d.each(ctx, d.where(cCursors+primary, nil).sorted(asc("_id")), func(doc bson.Raw) error {
		var s storedCursor
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		var c models.Cursor
		err := decode(s.Cursor, &c)
		out = append(out, c)
		return err
	})
	return out, fault("cursors", err)
}

// utcCursor makes a copy's times UTC, whatever zone the caller had.
func utcCursor(c *models.Cursor) {
	c.Success, c.Failed, c.Next, c.Held, c.Event = c.Success.UTC(), c.Failed.UTC(), c.Next.UTC(), c.Held.UTC(), c.Event.UTC()
	gaps := make([]models.Gap, len(c.Gaps))
	for i, g := range c.Gaps {
		gaps[i] = models.Gap{From: g.From.UTC(), To: g.To.UTC(), Reason: g.Reason}
	}
	c.Gaps = gaps
}
