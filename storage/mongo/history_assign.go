package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// assigned is how many rows one transaction puts into a part. Of 50,000 rows,
// the most that a builder asks for, each such transaction takes some
// milliseconds; all of them in one would hold up whoever forgets a post of
// theirs, and might outlast the minute that a transaction has.
const assigned = 500

// assignLock is the document that every assignment writes first. Two builders
// would pick the same rows, since both begin with the oldest: so they take turns.
const assignLock = "assign"

// errNothing: no row waits.
var errNothing = errors.New("no row waits")

// Assign makes the part partID of up to maxRows rows that are in no part yet,
// were archived by before, and share day and source: those of the row that
// waits longest. It is false when no row waits. A part that exists already is
// returned as it is, so a repeated call is harmless.
//
// A big part takes several transactions. Each adds to the part's rows and
// checksum what it assigns, so the part is right after every one of them, and
// if this process ends before the last, the part is finished with what it has.
// Forget may take a row in between: it writes the row and dissolves the part,
// so that the next of the transactions finds it gone: ErrConflict.
func (d *Documents) Assign(ctx context.Context, partID string, maxRows int, before time.Time) (models.Part, bool, error) {
	part, err := d.assign(ctx, partID, max(1, maxRows), before)
	if errors.Is(err, errNothing) {
		return models.Part{}, false, nil
	}
	return part, err == nil, fault("assign part "+partID, err)
}

func (d *Documents) assign(ctx context.Context, id string, maxRows int, before time.Time) (models.Part, error) {
	if err := d.settle(ctx); err != nil {
		return models.Part{}, err
	}
	for {
		var p partDoc
		err := d.tx(ctx, func(ctx context.Context) (err error) {
			p, err = d.claim(ctx, id, maxRows, before)
			return err
		})
		if err != nil || p.known() {
			return p.model(), err
		}
	}
}

// claim assigns the next rows to a part, the first of them to a new one.
func (d *Documents) claim(ctx context.Context, id string, maxRows int, before time.Time) (partDoc, error) {
	if err := d.put(ctx, d.byID(cMeta, assignLock), bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}}); err != nil {
		return partDoc{}, err
	}
	p, err := d.part(ctx, id)
	switch {
	case errors.Is(err, models.ErrNotFound):
		if p, err = d.begin(ctx, id, before); err != nil {
			return p, err
		}
	case err != nil || p.known():
		return p, err
	case p.State == partDissolved:
		return p, fmt.Errorf("%w: a post of it was forgotten meanwhile", models.ErrConflict)
	}
	free := bson.D{{Key: "part", Value: ""}, {Key: "day", Value: p.Day}, {Key: "source", Value: p.Source},
		{Key: "archived_at", Value: by(before)}}
	want := min(assigned, maxRows-p.Rows)
	rows, err := collect[stagedRow](ctx, d, d.where(stagingFree, free).only(asc("sum")).sorted(asc("archived_at", "_id")).limit(want))
	if err != nil {
		return p, err
	}
	if len(rows) > 0 {
		if _, err := d.updateAll(ctx, d.where(cStaging+primary, among("_id", keysOf(rows))), set("part", id)); err != nil {
			return p, err
		}
	}
	for i := range rows {
		p.Checksum += rows[i].Sum
	}
	if p.Rows += len(rows); len(rows) < want || p.Rows == maxRows || want < assigned {
		p.State = string(models.PartStaged)
	}
	err = d.put(ctx, d.byID(cParts, id), bson.D{
		{Key: "$set", Value: bson.D{{Key: "state", Value: p.State}, {Key: "rows", Value: p.Rows}, {Key: "checksum", Value: p.Checksum}}},
		{Key: "$setOnInsert", Value: bson.D{{Key: "day", Value: p.Day}, {Key: "source", Value: p.Source}, {Key: "made_at", Value: p.MadeAt},
			{Key: "bytes", Value: int64(0)}, {Key: "load", Value: ""}, {Key: "loads", Value: 0}, {Key: "holds", Value: p.Holds}, {Key: "strip", Value: false}}},
	})
	return p, err
}

// begin is a part for the row that waits longest, and those that share its day and source.
func (d *Documents) begin(ctx context.Context, id string, before time.Time) (partDoc, error) {
	var first stagedRow
	waiting := bson.D{{Key: "part", Value: ""}, {Key: "archived_at", Value: by(before)}}
	err := d.one(ctx, d.where(stagingWaits, waiting).only(asc("day", "source")).sorted(asc("archived_at", "day", "source")), &first)
	if errors.Is(err, models.ErrNotFound) {
		return partDoc{}, errNothing
	}
	return partDoc{ID: id, Day: first.Day, Source: first.Source, State: partAssigning, MadeAt: micros(time.Now()), Holds: []string{id}}, err
}

// by is the condition of a mark of time that is not after t. Marks are whole
// numbers, so it may be said without $lte, which a stand-in server takes for $lt
// where the index goes on behind the field.
func by(t time.Time) bson.D { return bson.D{{Key: "$lt", Value: micros(t) + 1}} }
