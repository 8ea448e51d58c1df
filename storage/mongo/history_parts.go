package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// States of a part that only this package knows. Parts in them are in nobody's
// list, and MovePart does not find them.
const (
	partAssigning = "~assigning" // its rows are being assigned, some at a time
	partDissolved = "~dissolved" // a row of it was forgotten: the others are to wait again
)

// partDoc is a part. Its rows are staged under the ids in Holds: the part's own
// or, for one that took the place of others, theirs. So neither a merge nor a
// rewrite touches the rows, of which there may be a hundred thousand.
type partDoc struct {
	ID       string   `bson:"_id"`
	Day      string   `bson:"day"`
	Source   string   `bson:"source"`
	State    string   `bson:"state"`
	Rows     int      `bson:"rows"`
	Checksum int64    `bson:"checksum"` // BSON has no unsigned numbers
	Bytes    int64    `bson:"bytes"`
	MadeAt   int64    `bson:"made_at"`
	Load     string   `bson:"load"`
	Loads    int      `bson:"loads"`
	Replaces []string `bson:"replaces"`
	Holds    []string `bson:"holds"`
	Strip    bool     `bson:"strip"` // it is verified, and rows may still have their bodies
}

func newPartDoc(p *models.Part) partDoc {
	return partDoc{
		ID: p.ID, Day: p.Day, Source: p.Source, State: string(p.State), Rows: p.Rows, Checksum: int64(p.Checksum), Bytes: p.Bytes,
		MadeAt: micros(p.MadeAt), Load: p.Load, Loads: p.Loads, Replaces: p.Replaces, Holds: []string{p.ID},
	}
}

func (p *partDoc) model() models.Part {
	return models.Part{
		ID: p.ID, Day: p.Day, Source: p.Source, State: models.PartState(p.State), Rows: p.Rows, Checksum: uint64(p.Checksum), Bytes: p.Bytes,
		MadeAt: fromMicros(p.MadeAt), Load: p.Load, Loads: p.Loads, Replaces: p.Replaces,
	}
}

// known reports whether others than this package may see the part.
func (p *partDoc) known() bool { return p.State != partAssigning && p.State != partDissolved }

// knownStates are those that others see.
func knownStates() []string {
	return []string{string(models.PartStaged), string(models.PartWritten), string(models.PartLoading), string(models.PartLoaded), string(models.PartVerified)}
}

// part reads a part in any state, or ErrNotFound.
func (d *Documents) part(ctx context.Context, id string) (partDoc, error) {
	var p partDoc
	err := d.one(ctx, d.byID(cParts, id), &p)
	return p, err
}

// holders finds the parts that now hold the rows staged under the given ids.
func (d *Documents) holders(ctx context.Context, ids map[string]bool) ([]partDoc, error) {
	var out []partDoc
	for list := range slices.Chunk(slices.Collect(maps.Keys(ids)), listed) {
		parts, err := collect[partDoc](ctx, d, d.where(partsHolds, among("holds", list)))
		if err != nil {
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

// collect decodes all that f finds.
func collect[T any](ctx context.Context, d *Documents, f filter) ([]T, error) {
	var out []T
	err := d.each(ctx, f, func(doc bson.Raw) error {
		var v T
		err := unmarshal(doc, &v)
		out = append(out, v)
		return err
	})
	return out, err
}

// Parts returns parts in a state, or all, the oldest first.
func (d *Documents) Parts(ctx context.Context, state models.PartState, max int) ([]models.Part, error) {
	f := d.where(partsMade, among("state", knownStates()))
	if state != "" {
		f = d.where(partsState, bson.D{{Key: "state", Value: string(state)}})
	}
	docs, err := collect[partDoc](ctx, d, f.sorted(asc("made_at", "_id")).limit(limit(max, 1000)))
	var out []models.Part
	for i := range docs {
		if docs[i].known() {
			out = append(out, docs[i].model())
		}
	}
	return out, fault("parts", err)
}

// MovePart writes a part whose stored state is from, and whose Loads are part's,
// or one less if part is booked for a load (it becomes loading, or stays where it
// is); otherwise ErrConflict, or ErrNotFound. A part goes round when a load went wrong: without its Loads, who comes late
// would take the second round for the first. When a part becomes verified, its
// rows lose their bodies, at once for those who ask PartRows, and on the disk
// some at a time; they keep their keys, which tell that a part holds them.
func (d *Documents) MovePart(ctx context.Context, part models.Part, from models.PartState) error {
	what := "move part " + part.ID
	loads := part.Loads
	if part.State == models.PartLoading || part.State == from {
		loads--
	}
	verified := part.State == models.PartVerified
	p := newPartDoc(&part)
	cond := bson.D{{Key: "_id", Value: p.ID}, {Key: "state", Value: string(from)}, {Key: "loads", Value: loads}}
	n, err := d.update(ctx, d.where(cParts+primary, cond), bson.D{{Key: "$set", Value: bson.D{
		{Key: "day", Value: p.Day}, {Key: "source", Value: p.Source}, {Key: "state", Value: p.State}, {Key: "rows", Value: p.Rows},
		{Key: "checksum", Value: p.Checksum}, {Key: "bytes", Value: p.Bytes}, {Key: "made_at", Value: p.MadeAt}, {Key: "load", Value: p.Load},
		{Key: "loads", Value: p.Loads}, {Key: "replaces", Value: p.Replaces}, {Key: "strip", Value: verified},
	}}})
	if err != nil {
		return fault(what, err)
	}
	if n == 0 {
		stored, err := d.part(ctx, part.ID)
		switch {
		case err != nil:
			return fault(what, err)
		case !stored.known():
			return fault(what, models.ErrNotFound)
		}
		return fault(what, fmt.Errorf("%w: it is %s after %d loads", models.ErrConflict, stored.State, stored.Loads))
	}
	if verified {
		return fault(what, d.strip(ctx, part.ID))
	}
	return nil
}

const (
	// settled are the rows that one update of settle takes.
	settledRows = 1000
	// abandoned is how long a part may be in the making.
	abandoned = 10 * time.Minute
)

// settle finishes what a crash, or a deletion, left to be done: rows of
// dissolved parts wait again, those of verified ones lose their bodies, and a
// part that nobody assigns rows to any more is as it is. Whoever counts or
// assigns rows calls it first. All of it may be done by several at once.
func (d *Documents) settle(ctx context.Context) error {
	dissolved, err := collect[partDoc](ctx, d, d.where(partsState, bson.D{{Key: "state", Value: partDissolved}}))
	if err != nil {
		return err
	}
	for _, p := range dissolved {
		if err := d.free(ctx, p.Holds); err != nil {
			return err
		}
		if _, err := d.remove(ctx, d.where(cParts+primary, bson.D{{Key: "_id", Value: p.ID}, {Key: "state", Value: partDissolved}})); err != nil {
			return err
		}
	}
	_, err = d.updateAll(ctx, d.where(partsState, bson.D{{Key: "state", Value: partAssigning},
		{Key: "made_at", Value: bson.D{{Key: "$lt", Value: micros(time.Now().Add(-abandoned))}}}}), set("state", string(models.PartStaged)))
	if err != nil {
		return err
	}
	heavy, err := collect[partDoc](ctx, d, d.where(partsStrip, bson.D{{Key: "strip", Value: true}}))
	if err != nil {
		return err
	}
	for _, p := range heavy {
		if err := d.strip(ctx, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// free lets the rows staged under the given ids wait again.
func (d *Documents) free(ctx context.Context, ids []string) error {
	return d.page(ctx, bson.D{{Key: "part", Value: bson.D{{Key: "$in", Value: ids}}}}, set("part", ""))
}

// strip takes the bodies off a verified part's rows.
func (d *Documents) strip(ctx context.Context, id string) error {
	p, err := d.part(ctx, id)
	if errors.Is(err, models.ErrNotFound) { // replaced meanwhile, and the one in its place is to be stripped
		return nil
	}
	if err != nil {
		return err
	}
	rows := bson.D{{Key: "part", Value: bson.D{{Key: "$in", Value: p.Holds}}}, {Key: "body", Value: bson.D{{Key: "$exists", Value: true}}}}
	if err := d.page(ctx, rows, bson.D{{Key: "$unset", Value: bson.D{{Key: "body", Value: ""}}}}); err != nil {
		return err
	}
	_, err = d.update(ctx, d.byID(cParts, id), set("strip", false))
	return err
}

// page makes a change that takes rows out of a condition, some at a time, so
// that each call ends within its time. It needs no transaction: rows that are
// changed twice are as if changed once.
func (d *Documents) page(ctx context.Context, cond bson.D, change bson.D) error {
	for {
		rows, err := collect[stagedRow](ctx, d, d.where(stagingPart, cond).only(asc("_id")).limit(settledRows))
		if err != nil || len(rows) == 0 {
			return err
		}
		for batch := range slices.Chunk(rows, listed) {
			again := append(among("_id", keysOf(batch)), cond...)
			if _, err := d.updateAll(ctx, d.where(cStaging+primary, again), change); err != nil {
				return err
			}
		}
	}
}

func keysOf(rows []stagedRow) []string {
	var keys []string
	for i := range rows {
		keys = append(keys, rows[i].Key)
	}
	return keys
}
