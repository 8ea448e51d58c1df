package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"weft/internal/servers"
	"weft/storage/elastic"
	"weft/storage/mongo"
	"weft/storage/sqlite"
)

// bare asks a store by its driver alone, for the very data that the API answers.
// What it gets it reads to the end, and doesn't look at.
type bare interface {
	// get reads one post.
	get(ctx context.Context, i int) error
	// search does a query that prepare made ready.
	search(ctx context.Context, q *prepared) error
	// prepare makes a query ready, and returns what it finds: the ids of the hits and
	// how many there are in all.
	prepare(ctx context.Context, q query) (p *prepared, ids []string, total int64, err error)
	Close() error
}

// prepared is a query as a driver takes it.
type prepared struct {
	query
	body []byte  // of Elasticsearch's request
	sql  [2]text // the statements of SQLite: the count with the facets, the page
}

type text struct {
	sql  string
	args []any
}

// set is a set of stores, filled.
type set struct {
	name  string
	env   []string // of the programs that run on it
	bare  bare
	close func() error
}

// openSet opens the stores of a name and fills them.
func openSet(ctx context.Context, s setting, name string, c *corpus) (out *set, err error) {
	switch name {
	case "production":
		return openProduction(ctx, s, c)
	case "embedded":
		return openEmbedded(ctx, s, c)
	}
	return nil, fmt.Errorf("-stores %q; allowed: production, embedded", name)
}

// fill fills both stores, and closes them: the programs open them themselves.
func fill(ctx context.Context, s setting, c *corpus, d documents, f search) error {
	began := time.Now()
	err := fillSearch(ctx, f, c)
	if err == nil {
		err = fillDocuments(ctx, d, c, s.documents, s.told)
	}
	if err == nil {
		fmt.Fprintf(os.Stderr, "filled in %s\n", time.Since(began).Round(time.Second))
	}
	return errors.Join(err, f.Close(), d.Close())
}

func openEmbedded(ctx context.Context, s setting, c *corpus) (*set, error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("embedded%d", s.posts))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	docs, err := sqlite.OpenDocuments(ctx, filepath.Join(dir, "documents.db"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "search.db")
	found, err := sqlite.OpenSearch(ctx, path)
	if err != nil {
		return nil, errors.Join(err, docs.Close())
	}
	if err := fill(ctx, s, c, docs, found); err != nil {
		return nil, err
	}
	b, err := openSQL(ctx, path)
	return &set{name: "embedded", env: []string{"WEFT_DATA=" + dir}, bare: b, close: func() error { return nil }}, err
}

// openProduction has posts in Elasticsearch, and documents in MongoDB or, where its
// stand-in would be what is measured, in SQLite.
func openProduction(ctx context.Context, s setting, c *corpus) (*set, error) {
	at, err := server(servers.Elastic)
	if err != nil {
		return nil, err
	}
	prefix := fmt.Sprintf("benchapi%d", s.posts)
	docs, where, drop, err := s.openDocuments(ctx, prefix)
	if err != nil {
		return nil, err
	}
	found, err := elastic.Open(ctx, at+"/"+prefix, elastic.Options{Refresh: true})
	if err != nil {
		return nil, errors.Join(err, docs.Close())
	}
	if err := fill(ctx, s, c, docs, found); err != nil {
		return nil, err
	}
	b, err := openElastic(ctx, at, prefix, c)
	if err != nil {
		return nil, err
	}
	env := []string{"WEFT_DATA=" + filepath.Join(s.dir, "production"), "WEFT_DOCUMENTS_URL=" + where, "WEFT_SEARCH_URL=" + at + "/" + prefix}
	if redis := os.Getenv(servers.Redis); redis != "" {
		env = append(env, "WEFT_REDIS_URL="+redis)
	}
	return &set{name: "production", env: env, bare: b, close: func() error {
		if s.keep {
			return nil
		}
		ctx := context.WithoutCancel(ctx)
		return errors.Join(b.drop(ctx), drop(ctx))
	}}, nil
}

// openDocuments opens the documents beside Elasticsearch. It returns their URL and
// what deletes them.
func (s setting) openDocuments(ctx context.Context, prefix string) (documents, string, func(context.Context) error, error) {
	name := fmt.Sprintf("%sx%d", prefix, s.documents)
	if !s.mongo {
		path := filepath.Join(s.dir, name+".db")
		docs, err := sqlite.OpenDocuments(ctx, path)
		return docs, "sqlite:" + path, func(context.Context) error { return nil }, err // it goes with the folder
	}
	where, err := server(servers.Mongo)
	if err != nil {
		return nil, "", nil, err
	}
	database, err := url.Parse(where)
	if err != nil {
		return nil, "", nil, fmt.Errorf("%s: %w", servers.Mongo, err)
	}
	database.Path = "/" + name
	docs, err := mongo.OpenDocuments(ctx, database.String())
	return docs, database.String(), func(ctx context.Context) error { return dropDatabase(ctx, database) }, err
}

// server is the address that the variable name holds.
func server(name string) (string, error) {
	if at := os.Getenv(name); at != "" {
		return strings.TrimSuffix(at, "/"), nil
	}
	return "", fmt.Errorf(`%s is not set: make bench-api starts the servers, or eval "$(scripts/services start --env)"`, name)
}

// dropDatabase drops the database that a URL names.
func dropDatabase(ctx context.Context, at *url.URL) error {
	client, err := driver.Connect(options.Client().ApplyURI(at.String()))
	if err != nil {
		return err
	}
	err = client.Database(strings.TrimPrefix(at.Path, "/")).Drop(ctx)
	return errors.Join(err, client.Disconnect(ctx))
}
