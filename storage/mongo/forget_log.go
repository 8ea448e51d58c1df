package mongo

import (
	"context"
	"encoding/hex"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"weft/models"
	"weft/storage/document"
)

// auditDoc is one line of the record of what was forgotten.
type auditDoc struct {
	ID      int64         `bson:"_id"`
	Hash    []byte        `bson:"hash"`
	At      time.Time     `bson:"at"`
	By      string        `bson:"by"`
	Act     string        `bson:"act"`
	Kind    string        `bson:"kind"`
	Reason  string        `bson:"reason"`
	Posts   int           `bson:"posts"`
	Receipt *auditReceipt `bson:"receipt,omitempty"`
}

type auditReceipt struct {
	At    time.Time `bson:"at"`
	Rows  int       `bson:"rows"`
	Parts []string  `bson:"parts"`
}

func (a *auditDoc) model() models.Audit {
	out := models.Audit{
		ID: a.ID, At: a.At.UTC(), By: a.By, Act: models.Act(a.Act), Kind: a.Kind, Hash: hex.EncodeToString(a.Hash), Reason: a.Reason, Posts: a.Posts,
	}
	if r := a.Receipt; r != nil {
		out.Receipt = &models.Receipt{At: r.At.UTC(), Rows: r.Rows, Parts: r.Parts}
	}
	return out
}

// auditCounter is where meta keeps the id of the audit's last line.
const auditCounter = "audit"

// audit writes the transaction's lines. Their ids are taken outside of it, or
// any two deletions would be in each other's way; a transaction that is
// repeated leaves a gap.
func (f *forgetting) audit(ctx context.Context) error {
	if len(f.lines) == 0 {
		return nil
	}
	last, err := f.d.countBy(f.outer, auditCounter, len(f.lines))
	if err != nil {
		return err
	}
	var ws []mongo.WriteModel
	for i := range f.lines {
		f.lines[i].ID = last - int64(len(f.lines)-1-i)
		ws = append(ws, mongo.NewInsertOneModel().SetDocument(f.lines[i]))
	}
	_, err = f.d.bulk(ctx, cAudit, ws)
	return err
}

// ForgetLog returns the lines of the audit, the newest first; of one post if it
// is given.
func (d *Documents) ForgetLog(ctx context.Context, post string, max int) ([]models.Audit, error) {
	f := d.where(cAudit+primary, nil)
	if post != "" {
		f = d.where(auditHash, bson.D{{Key: "hash", Value: d.salt.Post(post)}})
	}
	lines, err := collect[auditDoc](ctx, d, f.sorted(bson.D{{Key: "_id", Value: -1}}).limit(limit(max, 100)))
	var out []models.Audit
	for i := range lines {
		out = append(out, lines[i].model())
	}
	return out, fault("log of what was forgotten", err)
}

// Foresee counts what Forget would do, without doing it.
func (d *Documents) Foresee(ctx context.Context, deletions []models.Deletion) (models.Forgotten, error) {
	var sum models.Forgotten
	for i := range deletions {
		del := &deletions[i]
		if err := document.CheckDeletion(del); err != nil {
			return sum, err
		}
		posts, stubs, err := d.subjects(ctx, del, 0)
		if err != nil {
			return sum, fault("foresee", err)
		}
		document.Foresee(&sum, del, posts, stubs)
	}
	return sum, nil
}

// subjects counts the posts that a deletion is about, stored and purged, each
// up to most if that is not 0.
func (d *Documents) subjects(ctx context.Context, del *models.Deletion, most int) (posts, stubs int, err error) {
	id := models.PostID(del.Source, del.NativeID)
	stored := append(among("_id", []string{id}), bson.E{Key: "tomb", Value: false})
	here, purged := d.where(cPosts+primary, stored), d.byID(cStubs, id)
	if del.Author != "" { // a tombstone has no author
		hash := d.salt.Author(del.Source, del.Author)
		here, purged = d.where(postsAuthor, byAuthor(hash)), d.where(stubsAuthor, byAuthor(hash))
	}
	n := func(f filter) (n int, err error) {
		err = d.each(ctx, f.only(asc("_id")).limit(most), func(bson.Raw) error { n++; return nil })
		return n, err
	}
	if posts, err = n(here); err != nil {
		return 0, 0, err
	}
	if stubs, err = n(purged); err == nil && del.Author == "" && stubs > 0 {
		tombs, err := n(d.byID(cPosts, id))
		if err != nil || tombs > 0 { // it came back
			stubs = 0
		}
		return posts, stubs, err
	}
	return posts, stubs, err
}

// byAuthor is the condition of an author's posts or stubs.
func byAuthor(hash []byte) bson.D { return bson.D{{Key: "author", Value: hex.EncodeToString(hash)}} }

// unset is the update that takes one field away.
func unset(field string) bson.D {
	return bson.D{{Key: "$unset", Value: bson.D{{Key: field, Value: ""}}}}
}

// countBy adds n to a counter of meta, and returns what it then is.
func (d *Documents) countBy(ctx context.Context, counter string, n int) (int64, error) {
	return d.next(ctx, counter, int64(n))
}
