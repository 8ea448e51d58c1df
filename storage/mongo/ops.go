package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/models"
)

// All calls to the server go through the few methods of this file: they give
// each its time-out, and take only filters that name a declared index.

// filter is a condition that a declared index covers.
type filter struct {
	coll   string
	cond   bson.D
	sort   bson.D
	fields bson.D // the projection; nil is all
	max    int    // 0 is all
	err    error
	ix     index
}

// where says which documents are meant, and which index finds them.
func (d *Documents) where(name string, cond bson.D) filter {
	ix, ok := d.indexes[name]
	f := filter{coll: ix.coll, cond: cond, ix: ix}
	if !ok {
		f.err = models.Faultf(models.Permanent, "there is no index %s", name)
	}
	if f.cond == nil {
		f.cond = bson.D{}
	}
	return f
}

// byID is the filter of one document.
func (d *Documents) byID(coll string, id any) filter {
	return d.where(coll+primary, bson.D{{Key: "_id", Value: id}})
}

func (f filter) sorted(by bson.D) filter { f.sort = by; return f }
func (f filter) only(fields bson.D) filter {
	f.fields = fields
	return f
}
func (f filter) limit(n int) filter { f.max = n; return f }

// check refuses a filter that its index does not cover, before it becomes a
// scan of the whole collection.
func (f filter) check() error {
	if f.err != nil {
		return f.err
	}
	return f.ix.covers(f.cond, f.sort)
}

func (d *Documents) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTime)
}

// each calls fn for every document; errEnough ends it early.
func (d *Documents) each(ctx context.Context, f filter, fn func(doc bson.Raw) error) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	opts := options.Find()
	if f.sort != nil {
		opts.SetSort(f.sort)
	}
	if f.fields != nil {
		opts.SetProjection(f.fields)
	}
	if f.max > 0 {
		opts.SetLimit(int64(f.max))
	}
	cur, err := d.db.Collection(f.coll).Find(ctx, f.cond, opts)
	if err != nil {
		return err
	}
	defer cur.Close(context.WithoutCancel(ctx))
	for cur.Next(ctx) {
		if err := fn(cur.Current); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return cur.Err()
}

// one decodes the first document that f finds; ErrNotFound if there is none.
func (d *Documents) one(ctx context.Context, f filter, v any) error {
	found := false
	err := d.each(ctx, f.limit(1), func(doc bson.Raw) error {
		found = true
		return unmarshal(doc, v)
	})
	if err == nil && !found {
		err = models.ErrNotFound
	}
	return err
}

// count counts what f finds.
func (d *Documents) count(ctx context.Context, f filter) (int64, error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	return d.db.Collection(f.coll).CountDocuments(ctx, f.cond)
}

// insert adds a document; false if one of its keys is there already. Not for
// transactions, which a duplicate ends: see put.
func (d *Documents) insert(ctx context.Context, coll string, doc any) (bool, error) {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	_, err := d.db.Collection(coll).InsertOne(ctx, doc)
	if mongo.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, err
}

// update alters the first document that f finds, and returns how many that are.
func (d *Documents) update(ctx context.Context, f filter, change any) (int64, error) {
	return d.updated(ctx, f, change, false)
}

// findAndUpdate alters the first document that f finds, and decodes what it then
// is; ErrNotFound if there is none.
func (d *Documents) findAndUpdate(ctx context.Context, f filter, change, v any) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	opts := options.FindOneAndUpdate().SetReturnDocument(options.After)
	if f.sort != nil {
		opts.SetSort(f.sort)
	}
	doc, err := d.db.Collection(f.coll).FindOneAndUpdate(ctx, f.cond, change, opts).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return models.ErrNotFound
	}
	if err != nil {
		return err
	}
	return unmarshal(doc, v)
}

// put is update, but adds the document if there is none.
// A key that another filter field keeps from matching is ErrConflict.
func (d *Documents) put(ctx context.Context, f filter, change any) error {
	_, err := d.updated(ctx, f, change, true)
	if mongo.IsDuplicateKeyError(err) {
		return models.ErrConflict
	}
	return err
}

func (d *Documents) updated(ctx context.Context, f filter, change any, upsert bool) (int64, error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	r, err := d.db.Collection(f.coll).UpdateOne(ctx, f.cond, change, options.UpdateOne().SetUpsert(upsert))
	if err != nil {
		return 0, err
	}
	return r.MatchedCount + r.UpsertedCount, nil
}

// updateAll alters every document that f finds.
func (d *Documents) updateAll(ctx context.Context, f filter, change any) (int64, error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	r, err := d.db.Collection(f.coll).UpdateMany(ctx, f.cond, change)
	if err != nil {
		return 0, err
	}
	return r.MatchedCount, nil
}

// remove deletes every document that f finds, and returns how many.
func (d *Documents) remove(ctx context.Context, f filter) (int64, error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	r, err := d.db.Collection(f.coll).DeleteMany(ctx, f.cond)
	if err != nil {
		return 0, err
	}
	return r.DeletedCount, nil
}

// next adds n to a counter of meta, and returns what it then is.
func (d *Documents) next(ctx context.Context, counter string, n int64) (int64, error) {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	var doc struct {
		N int64 `bson:"n"`
	}
	err := d.db.Collection(cMeta).FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: counter}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: n}}}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
	return doc.N, err
}

// bulk writes ws in any order. One that fails doesn't keep the others: see
// mongo.BulkWriteException.
func (d *Documents) bulk(ctx context.Context, coll string, ws []mongo.WriteModel) (*mongo.BulkWriteResult, error) {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	return d.db.Collection(coll).BulkWrite(ctx, ws, options.BulkWrite().SetOrdered(false))
}

// updateModel is update as one of a bulk.
func (f filter) updateModel(change any) (*mongo.UpdateOneModel, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return mongo.NewUpdateOneModel().SetFilter(f.cond).SetUpdate(change), nil
}

// distinct lists the values of an index's first field.
func (d *Documents) distinct(ctx context.Context, name, field string) ([]string, error) {
	ix, ok := d.indexes[name]
	if !ok || ix.keys[0].Key != field {
		return nil, models.Faultf(models.Permanent, "index %s does not list %s", name, field)
	}
	ctx, cancel := d.limited(ctx)
	defer cancel()
	r := d.db.Collection(ix.coll).Distinct(ctx, field, ix.all())
	var out []string
	err := r.Decode(&out)
	return out, err
}
