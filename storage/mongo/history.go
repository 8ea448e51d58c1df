package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
)

// stagedRow is a row that waits for a part, or whose key tells that a part has it.
type stagedRow struct {
	Key        string `bson:"_id"` // see models.Row.Key
	Post       string `bson:"post"`
	Profile    string `bson:"profile"`
	Generation int    `bson:"generation"`
	Rev        int64  `bson:"rev"`
	Source     string `bson:"source"`
	Day        string `bson:"day"`
	CreatedAt  int64  `bson:"created_at"` // µs, as all marks of time here
	ArchivedAt int64  `bson:"archived_at"`
	Sum        int64  `bson:"sum"`  // Row.Checksum, so that a part's is known without reading the bodies
	Part       string `bson:"part"` // one of partDoc.Holds; empty: it waits
	Body       []byte `bson:"body,omitempty"`
}

func newStagedRow(r *models.Row) stagedRow {
	return stagedRow{
		Key: r.Key(), Post: r.Post, Profile: r.Profile, Generation: r.Generation, Rev: r.Rev, Source: r.Source, Day: r.Day(),
		CreatedAt: micros(r.CreatedAt), ArchivedAt: micros(r.ArchivedAt), Sum: int64(r.Checksum()), Body: r.Body,
	}
}

func (s *stagedRow) row() models.Row {
	return models.Row{
		Post: s.Post, Profile: s.Profile, Generation: s.Generation, Rev: s.Rev, Source: s.Source,
		CreatedAt: fromMicros(s.CreatedAt), ArchivedAt: fromMicros(s.ArchivedAt), Body: s.Body,
	}
}

const (
	// stageRows are staged in one transaction: with bodies of some ten kilobytes
	// that is a megabyte or two.
	stageRows = 100
	// listed is how many values one $in has at most, where most of them are there.
	listed = 100
)

// Stage keeps rows until a part holds them. A row that was staged before, in a
// part or not, is left as it is; one of a deleted post is not taken. Beyond
// 100 rows an error may leave the first of them staged.
//
// Against Forget it is safe by the posts' locks, see lockLiving: whoever comes
// second is repeated, and then either Stage sees the tombstone or Forget the rows.
func (d *Documents) Stage(ctx context.Context, rows []models.Row) error {
	for batch := range slices.Chunk(rows, stageRows) {
		if err := d.tx(ctx, func(ctx context.Context) error { return d.stage(ctx, batch) }); err != nil {
			return fault("stage", err)
		}
	}
	return nil
}

func (d *Documents) stage(ctx context.Context, rows []models.Row) error {
	posts := map[string]bool{}
	for i := range rows {
		posts[rows[i].Post] = true
	}
	gone, err := d.lockLiving(ctx, posts)
	if err != nil {
		return err
	}
	fresh := map[string]stagedRow{}
	var keys []string
	for i := range rows {
		row := newStagedRow(&rows[i])
		if _, twice := fresh[row.Key]; !gone[row.Post] && !twice {
			fresh[row.Key] = row
			keys = append(keys, row.Key)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	err = d.each(ctx, d.where(cStaging+primary, among("_id", keys)).only(asc("_id")), func(doc bson.Raw) error {
		var row stagedRow
		err := unmarshal(doc, &row)
		delete(fresh, row.Key)
		return err
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	var ws []mongo.WriteModel
	for _, row := range fresh {
		ws = append(ws, mongo.NewInsertOneModel().SetDocument(row))
	}
	_, err = d.bulk(ctx, cStaging, ws)
	return err
}

// StagedCount returns how many rows are staged and in no part yet.
func (d *Documents) StagedCount(ctx context.Context) (int64, error) {
	err := d.settle(ctx)
	var n int64
	if err == nil {
		n, err = d.count(ctx, d.where(stagingPart, bson.D{{Key: "part", Value: ""}}))
	}
	return n, fault("count staged rows", err)
}

// PartRows returns the rows of a part in the order of their keys. Their bodies
// are empty once the part is verified.
func (d *Documents) PartRows(ctx context.Context, id string) ([]models.Row, error) {
	rows, err := d.partRows(ctx, id)
	return rows, fault("rows of part "+id, err)
}

func (d *Documents) partRows(ctx context.Context, id string) ([]models.Row, error) {
	part, err := d.part(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rows []models.Row
	for ids := range slices.Chunk(part.Holds, listed) {
		err := d.each(ctx, d.where(stagingPart, among("part", ids)), func(doc bson.Raw) error {
			var s stagedRow
			if err := unmarshal(doc, &s); err != nil {
				return err
			}
			if part.State == string(models.PartVerified) {
				s.Body = nil // they may not all be stripped yet, see settle
			}
			rows = append(rows, s.row())
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, func(a, b models.Row) int {
		return cmp.Or(strings.Compare(a.Post, b.Post), strings.Compare(a.Profile, b.Profile),
			cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.Rev, b.Rev))
	})
	return rows, nil
}

// unstage drops a post's staged rows. A part that holds one and is not verified
// is dissolved: its other rows wait for the next part, and its file, should it
// be there or come yet, is a stray. It is called in the transaction that
// deletes the post: the rows are its conflict with Assign, which writes them,
// and the part is its conflict with MovePart and with whoever else dissolves it.
func (d *Documents) unstage(ctx context.Context, post string) error {
	mine := bson.D{{Key: "post", Value: post}}
	rows, err := collect[stagedRow](ctx, d, d.where(stagingPost, mine).only(asc("part")))
	if err != nil || len(rows) == 0 {
		return err
	}
	ids := map[string]bool{}
	for i := range rows {
		if rows[i].Part != "" {
			ids[rows[i].Part] = true
		}
	}
	parts, err := d.holders(ctx, ids)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if part.State == string(models.PartVerified) || part.State == partDissolved {
			continue
		}
		p := part.model()
		if err := d.stray(ctx, p.Path(), true, time.Now()); err != nil {
			return err
		}
		if _, err := d.update(ctx, d.byID(cParts, part.ID), set("state", partDissolved)); err != nil {
			return err
		}
	}
	_, err = d.remove(ctx, d.where(stagingPost, mine))
	return err
}

// among is the condition that a field has one of the values.
func among[T any](field string, values []T) bson.D {
	if values == nil {
		values = []T{} // none, which is not null
	}
	return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: values}}}}
}

// set is the update that gives one field a value.
func set(field string, value any) bson.D {
	return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
}
