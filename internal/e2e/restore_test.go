package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// restoreFromBackup tries what docs/operations.md says of a restore: the
// documents go back to a backup of an hour ago, so to speak, while search and the
// history's bucket have what came after it. Collected again, everything is as if
// nothing had happened. The backup is a copy by the driver, since there is no
// mongodump for the stand-in.
func restoreFromBackup(t *testing.T) { //nolint:thelper // a test
	r := newFilesRig(t, 40, "8760h")
	db := r.database()
	carry := func(file string) {
		r.start(child{Import: file, Label: true})
		r.wait("everything to settle", settle, r.settled)
		r.stopAll() // killed ones leave connections that the stand-in is busy with for minutes
	}
	r.posts = 20
	carry(r.firstPosts(20))
	backup := dump(t, db)
	r.posts = 40
	carry(r.importFile())

	if err := db.Drop(r.ctx); err != nil {
		t.Fatal(err)
	}
	restore(t, db, backup)
	r.flush()
	carry(r.importFile()) // "what came after it is collected again"
	rep, err := r.app.Reindexer(func(string, int64, int64) {}).Run(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("reindexed: %+v", rep)
	r.check(0)
}

// firstPosts writes an import file of the first n posts.
func (r *rig) firstPosts(n int) string {
	r.t.Helper()
	all, err := os.ReadFile(r.importFile())
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.dir, "first.ndjson")
	lines := bytes.SplitAfterN(all, []byte("\n"), n+1)
	if err := os.WriteFile(file, bytes.Join(lines[:n], nil), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// database opens that of the rig's documents.
func (r *rig) database() *mongo.Database {
	r.t.Helper()
	for _, o := range r.stores {
		if o.Key != "documents.url" {
			continue
		}
		client, err := mongo.Connect(options.Client().SetTimeout(2 * time.Minute).ApplyURI(o.Value))
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(r.ctx)) })
		address, _, _ := strings.Cut(o.Value, "?")
		return client.Database(address[strings.LastIndexByte(address, '/')+1:])
	}
	r.t.Fatal("the rig has no MongoDB")
	return nil
}

// saved is a collection's documents and indexes.
type saved struct {
	documents []bson.Raw
	indexes   []bson.D
}

func dump(t *testing.T, db *mongo.Database) map[string]saved {
	t.Helper()
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]saved{}
	for _, name := range names {
		var s saved
		cursor, err := db.Collection(name).Find(t.Context(), bson.D{})
		if err == nil {
			err = cursor.All(t.Context(), &s.documents)
		}
		if err != nil {
			t.Fatal(err)
		}
		if cursor, err = db.Collection(name).Indexes().List(t.Context()); err == nil {
			err = cursor.All(t.Context(), &s.indexes)
		}
		if err != nil {
			t.Fatal(err)
		}
		all[name] = s
	}
	return all
}

func restore(t *testing.T, db *mongo.Database, from map[string]saved) {
	t.Helper()
	for name, s := range from {
		indexes := bson.A{}
		for _, index := range s.indexes {
			indexes = append(indexes, index)
		}
		if err := db.CreateCollection(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := db.RunCommand(t.Context(), bson.D{{Key: "createIndexes", Value: name}, {Key: "indexes", Value: indexes}}).Err(); err != nil {
			t.Fatal(err)
		}
		if len(s.documents) == 0 {
			continue
		}
		if _, err := db.Collection(name).InsertMany(t.Context(), s.documents); err != nil {
			t.Fatal(err)
		}
	}
}
