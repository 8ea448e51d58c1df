// Package mongo keeps Weft's documents in MongoDB, for set-ups whose workers
// run on many machines. It is the same store as storage/sqlite, on a server.
//
// A post is one document with its runs, the timelines of their live
// generations and its counts, so that a move is one atomic write to one
// document. Every write to a post's document adds one to its counter w, which
// is the lock of those who read, decide and write. Work on several documents
// is a transaction that always writes the post's document too, so that two of
// them on one post conflict.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"weft/models"
	"weft/storage/document"
)

const (
	// callTime is how long one call to the server may take, besides what its
	// caller allows.
	callTime = 30 * time.Second
	// selectTime is how long a call waits for a primary. An election takes some
	// ten seconds; who waits longer is told, and comes again.
	selectTime = 15 * time.Second
	// database is where the documents are if the address names none.
	database = "weft"
)

// Documents is the document store in one database of MongoDB. Its methods may
// be called at the same time from anywhere. Errors of the server or the way to
// it are models.Unavailable.
type Documents struct {
	client  *mongo.Client
	db      *mongo.Database
	indexes map[string]index // by name
	salt    document.Salt    // of the hashes that stand for what was forgotten
	batch   *batcher
	closed  atomic.Bool
}

// OpenDocuments connects to the server or replica set at address, such as
// mongodb://user:secret@host1,host2/weft?replicaSet=rs0, and makes collections
// and indexes that are not there yet.
func OpenDocuments(ctx context.Context, address string) (*Documents, error) {
	opts, name, err := clientOptions(address)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, models.Faultf(models.Permanent, "open mongo: %s", hideSecret(err.Error()))
	}
	d := &Documents{client: client, db: client.Database(name), indexes: map[string]index{}}
	for _, ix := range indexes() {
		d.indexes[ix.name] = ix
	}
	if err := d.prepare(ctx); err != nil {
		gone, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = client.Disconnect(gone) // the first error is the one that tells
		return nil, fault("open mongo", err)
	}
	d.batch = newBatcher(d)
	return d, nil
}

// clientOptions reads the address, and says how sure reads and writes are.
//
// Writes are acknowledged by a majority, in their journals: a move that was
// answered is never rolled back by a change of primary, else its task, which is
// queued right after, would point to a seq that nobody stored.
//
// Reads go to the primary and see what a majority has. A secondary may lag
// behind the move whose task is being run, and what only the primary has may be
// taken back after a worker acted on it. The price of majority over local is
// that the last few milliseconds of others' writes are not seen; what is
// decided on them is a compare-and-set anyway.
func clientOptions(address string) (*options.ClientOptions, string, error) {
	cs, err := connstring.ParseAndValidate(address)
	if err != nil {
		return nil, "", models.Faultf(models.Permanent,
			"documents.url: %s; it looks like mongodb://user:password@host1,host2/DATABASE?replicaSet=NAME", hideSecret(err.Error()))
	}
	name := cs.Database
	if name == "" {
		name = database
	}
	journal := true
	majority := writeconcern.Majority()
	majority.Journal = &journal
	opts := options.Client().
		SetAppName("weft").
		SetTimeout(callTime).
		SetServerSelectionTimeout(selectTime).
		SetConnectTimeout(10 * time.Second).
		ApplyURI(address). // what the address says of times holds
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(majority).
		SetRetryReads(true).
		SetRetryWrites(true).
		SetRegistry(registry()).
		SetBSONOptions(&options.BSONOptions{UseJSONStructTags: true})
	return opts, name, nil
}

var secret = regexp.MustCompile(`://[^/\s]*@`)

// hideSecret takes user and password out of a message that may quote the address.
func hideSecret(s string) string { return secret.ReplaceAllString(s, "://…@") }

var errClosed = errors.New("the store is closed")

// Close ends the moves under way and closes the connections. Later calls are
// models.Unavailable.
func (d *Documents) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.batch.close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return fault("close documents", d.client.Disconnect(ctx))
}

// absent turns "no document" into ErrNotFound.
func absent(err error) error {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return models.ErrNotFound
	}
	return err
}

// What the server says of a document that it will never take.
const (
	codeBadValue      = 2
	codeTypeMismatch  = 14
	codeTooLarge      = 10334
	codeTooLargeAfter = 17419 // an update would make it so
	codeTooLargeOther = 17420
)

// fault classifies what the driver says: whatever is no answer to the question
// (refused, timed out, no primary, closed) is the other side's trouble.
func fault(what string, err error) error {
	err = absent(err)
	var f *models.Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f), errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrConflict):
		return fmt.Errorf("%s: %w", what, err)
	case tooBig(err):
		return models.Faultf(models.Permanent, "%s: the document is beyond the 16 MB that MongoDB takes: %w", what, err)
	}
	var se mongo.ServerError
	if errors.As(err, &se) && (se.HasErrorCode(codeBadValue) || se.HasErrorCode(codeTypeMismatch)) {
		return models.Faultf(models.Permanent, "%s: %w", what, err)
	}
	return models.Faultf(models.Unavailable, "%s: %w", what, err)
}

// tooBig reports whether a document is beyond what the server takes.
func tooBig(err error) bool {
	if errors.Is(err, driver.ErrDocumentTooLarge) {
		return true
	}
	var se mongo.ServerError
	return errors.As(err, &se) &&
		(se.HasErrorCode(codeTooLarge) || se.HasErrorCode(codeTooLargeAfter) || se.HasErrorCode(codeTooLargeOther))
}
