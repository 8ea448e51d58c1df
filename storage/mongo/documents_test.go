package mongo_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/internal/servers"
	"weft/storage/mongo"
	"weft/storage/storagetest"
)

// place is a database of a test's own, which goes with the test.
type place struct {
	address string
	db      *driver.Database
}

func newPlace(t *testing.T) place {
	t.Helper()
	address := servers.Database(t, servers.URL(t, servers.Mongo))
	client, err := driver.Connect(options.Client().SetTimeout(2 * time.Minute).ApplyURI(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return place{address: address, db: client.Database(u.Path[1:])}
}

// empty takes every document out, but leaves collections and indexes: to make
// those costs more than most behaviours do.
func (p place) empty(t *testing.T) {
	t.Helper()
	names, err := p.db.ListCollectionNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		keep := bson.D{{Key: "_id", Value: bson.D{{Key: "$nin", Value: bson.A{"layout"}}}}}
		if _, err := p.db.Collection(name).DeleteMany(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
	}
}

func (p place) open(t *testing.T) *mongo.Documents {
	t.Helper()
	d, err := mongo.OpenDocuments(t.Context(), p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestDocuments(t *testing.T) {
	p := newPlace(t)
	storagetest.Documents(t, func(t *testing.T) storagetest.Store {
		p.empty(t)
		return p.open(t)
	})
}
