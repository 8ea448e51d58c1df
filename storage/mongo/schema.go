package mongo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/models"
	"weft/storage/document"
)

// layout is the version of the collections below; meta keeps it. Documents
// carry their own schema version, see upgrade.
const layout = "1"

// The collections.
const (
	cPosts     = "posts"     // with runs, live timelines and passages, see stored
	cTimelines = "timelines" // lines of generations that ended
	cItems     = "items"
	cDrafts    = "drafts"
	cAnswers   = "answers" // the items' answers, one by one
	cBudgets   = "budgets"
	cActivity  = "activity"
	cResults   = "results"
	cProfiles  = "profiles"
	cStaging   = "staging"
	cParts     = "parts"
	cStubs     = "stubs"
	cForgotten = "forgotten"
	cErasures  = "erasures"
	cBuried    = "buried"
	cStrays    = "strays"
	cAudit     = "audit"
	cBlobRefs  = "blob_refs"
	cBlobs     = "blobs" // how many references each has, and what is to be deleted
	cLeases    = "leases"
	cCursors   = "cursors"
	cWindows   = "windows"
	cCampaigns = "campaigns"
	cExports   = "exports"
	cKeys      = "api_keys"
	cSessions  = "sessions"
	cLines     = "audit_lines"
	cReserved  = "reservations"
	cMeta      = "meta"
)

func collections() []string {
	return []string{cPosts, cTimelines, cItems, cDrafts, cAnswers, cBudgets, cActivity, cResults, cProfiles, cStaging, cParts, cStubs, cForgotten, cErasures,
		cBuried, cStrays, cAudit, cBlobRefs, cBlobs, cLeases, cCursors, cWindows, cCampaigns, cExports,
		cKeys, cSessions, cLines, cReserved, cMeta}
}

// The keys of meta that are the store's own. Meta and SetMeta never reach
// them, since theirs have a prefix.
const (
	layoutKey = "layout"
	saltKey   = "salt"
)

// meta is a document of the collection meta.
type meta struct {
	ID      string `bson:"_id"`
	Value   string `bson:"value"`
	Indexes string `bson:"indexes,omitempty"` // what was declared when they were made
}

// prepare makes collections and indexes unless the database has those of this
// program already, which costs one read, and takes its salt. A database of
// another layout is refused.
func (d *Documents) prepare(ctx context.Context) error {
	var have meta
	err := d.one(ctx, d.byID(cMeta, layoutKey), &have)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if have.Value != "" && have.Value != layout {
		return models.Faultf(models.Permanent, "the database has layout %s, this program knows layout %s", have.Value, layout)
	}
	if declared := declaration(); have.Indexes != declared {
		if err := d.build(ctx); err != nil {
			return err
		}
		if have.Value != "" && !strings.Contains(have.Indexes, itemsLane+" ") { // of a program before lanes
			if err := d.queueItems(ctx); err != nil {
				return err
			}
		}
		if err := d.put(ctx, d.byID(cMeta, layoutKey), bson.D{{Key: "$set",
			Value: bson.D{{Key: "value", Value: layout}, {Key: "indexes", Value: declared}}}}); err != nil {
			return err
		}
	}
	return d.readSalt(ctx)
}

// build makes what isn't there. Collections come first: a transaction may not
// make one on every server. An index that an earlier program declared and this
// one doesn't is left alone.
func (d *Documents) build(ctx context.Context) error {
	ctx, cancel := d.limited(ctx)
	defer cancel()
	there, err := d.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return err
	}
	for _, name := range collections() {
		if slices.Contains(there, name) {
			continue
		}
		if err := d.db.CreateCollection(ctx, name); err != nil && !exists(err) {
			return err
		}
	}
	for _, ix := range indexes() {
		if ix.own() {
			continue
		}
		opts := options.Index().SetName(ix.short())
		if ix.unique {
			opts.SetUnique(true)
		}
		if ix.partial != nil {
			opts.SetPartialFilterExpression(ix.partial)
		}
		if _, err := d.db.Collection(ix.coll).Indexes().CreateOne(ctx, mongo.IndexModel{Keys: ix.keys, Options: opts}); err != nil {
			return fmt.Errorf("index %s: %w", ix.name, err)
		}
	}
	return nil
}

// exists: another process made the collection at the same time.
func exists(err error) bool {
	const namespaceExists = 48
	var se mongo.ServerError
	return errors.As(err, &se) && se.HasErrorCode(namespaceExists)
}

// declaration is the list of indexes as text, to tell whether it changed.
func declaration() string {
	var b strings.Builder
	for _, ix := range indexes() {
		if !ix.own() {
			fmt.Fprintf(&b, "%s %v %v %v\n", ix.name, ix.keys, ix.partial, ix.unique)
		}
	}
	return b.String()
}

// readSalt takes the database's salt, which is made once.
func (d *Documents) readSalt(ctx context.Context) error {
	var salt meta
	err := d.one(ctx, d.byID(cMeta, saltKey), &salt)
	if errors.Is(err, models.ErrNotFound) {
		var fresh [32]byte
		_, _ = rand.Read(fresh[:]) // never fails, see crypto/rand
		if _, err := d.insert(ctx, cMeta, meta{ID: saltKey, Value: hex.EncodeToString(fresh[:])}); err != nil {
			return err
		}
		err = d.one(ctx, d.byID(cMeta, saltKey), &salt)
	}
	d.salt = document.Salt(salt.Value)
	return err
}
