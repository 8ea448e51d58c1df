package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// storedExport is an export.
type storedExport struct {
	ID     string   `bson:"_id"`
	Rev    int64    `bson:"rev"`
	Export bson.Raw `bson:"export"`
}

// PutExport writes an export whose Rev is one more than the stored one's (1:
// there is none yet); otherwise ErrConflict.
func (d *Documents) PutExport(ctx context.Context, e models.Export) error {
	return fault("put export "+e.ID, d.putExport(ctx, e))
}

func (d *Documents) putExport(ctx context.Context, e models.Export) error {
	e.CreatedAt, e.EndedAt, e.ExpiresAt = e.CreatedAt.UTC(), e.EndedAt.UTC(), e.ExpiresAt.UTC()
	e.Query.Since, e.Query.Until = e.Query.Since.UTC(), e.Query.Until.UTC()
	doc, err := encode(&e)
	if err != nil {
		return err
	}
	if e.Rev == 1 {
		fresh, err := d.insert(ctx, cExports, storedExport{ID: e.ID, Rev: 1, Export: doc})
		if err == nil && !fresh {
			err = models.ErrConflict
		}
		return err
	}
	n, err := d.update(ctx, d.where(cExports+primary, bson.D{{Key: "_id", Value: e.ID}, {Key: "rev", Value: e.Rev - 1}}),
		bson.D{{Key: "$set", Value: bson.D{{Key: "rev", Value: e.Rev}, {Key: "export", Value: doc}}}})
	if err == nil && n == 0 {
		err = models.ErrConflict
	}
	return err
}

// Export returns one export, or ErrNotFound.
func (d *Documents) Export(ctx context.Context, id string) (models.Export, error) {
	var s storedExport
	var e models.Export
	err := d.one(ctx, d.byID(cExports, id), &s)
	if err == nil {
		err = decode(s.Export, &e)
	}
	return e, fault("export "+id, err)
}

// Exports returns exports in the order of their ids, after the cursor.
func (d *Documents) Exports(ctx context.Context, after string, max int) ([]models.Export, error) {
	var out []models.Export
	err := d.each(ctx, d.where(cExports+primary, behind(after)).sorted(asc("_id")).limit(limit(max, 500)), func(doc bson.Raw) error {
		var s storedExport
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		var e models.Export
		err := decode(s.Export, &e)
		out = append(out, e)
		return err
	})
	return out, fault("exports", err)
}

// DeleteExport removes an export at this rev, which ErrConflict says it has no
// longer. One that is not there is a success.
func (d *Documents) DeleteExport(ctx context.Context, id string, rev int64) error {
	n, err := d.remove(ctx, d.where(cExports+primary, bson.D{{Key: "_id", Value: id}, {Key: "rev", Value: rev}}))
	if err == nil && n == 0 {
		var s storedExport
		switch err = d.one(ctx, d.byID(cExports, id), &s); {
		case errors.Is(err, models.ErrNotFound):
			err = nil
		case err == nil:
			err = models.ErrConflict
		}
	}
	return fault("delete export "+id, err)
}
