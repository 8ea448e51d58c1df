// Command api measures the API against bare calls to its stores, and prints each
// figure as "name: value".
//
// It fills the stores with made-up posts, starts the API as it is run (bin/api, with
// keys) and asks it over HTTP, one call after the other, in turns with the store's
// own driver for the very same data: a post by its id, and a page of a search with
// its total. What the driver gets it doesn't even look at. The figures that count
// are get_claim and search_claim, the median over the runs of (API's p50 - 1 ms) /
// bare p50: at most 1.5 is wanted. Then many clients ask for a minute, while the
// memory of the API is watched; and with -export all posts are exported as Parquet.
//
// The servers are those of scripts/services. Elasticsearch is a real one there. What
// stands in for MongoDB is slow, so it holds fewer posts (-documents): of them, only
// timelines are asked for. An export asks the documents at every page where the history
// ends, so one of a million posts wants SQLite for them (-mongo=false).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

// setting is what to measure with.
type setting struct {
	posts, documents, told int
	runs, calls            int
	clients                int
	minute                 time.Duration
	exports                bool
	bin, dir               string
	keep, mongo            bool
}

func main() {
	var s setting
	stores := flag.String("stores", "production", "stores to measure on, one after the other: production, embedded")
	flag.IntVar(&s.posts, "posts", 1_000_000, "posts in the stores")
	flag.IntVar(&s.documents, "documents", 20_000, "the first of them that the document store gets as well: a stand-in for MongoDB bears no more in reasonable time")
	flag.BoolVar(&s.mongo, "mongo", true, "documents beside Elasticsearch in MongoDB; else in SQLite")
	flag.IntVar(&s.told, "timelines", 2_000, "posts with a whole timeline: those that timelines are asked of")
	flag.IntVar(&s.runs, "runs", 5, "runs; the medians over them count")
	flag.IntVar(&s.calls, "calls", 200, "pairs of calls in a run, for gets and for each kind of query")
	flag.IntVar(&s.clients, "clients", 200, "clients that ask at the same time")
	flag.DurationVar(&s.minute, "minute", time.Minute, "how long they ask; 0 skips it")
	flag.BoolVar(&s.exports, "export", false, "export all posts, too, and count them in the files with pandas, polars and DuckDB")
	flag.StringVar(&s.bin, "bin", "bin", "folder of the commands")
	flag.StringVar(&s.dir, "keep", "", "folder that keeps what was filled: it, and the servers' part if they stay up, is filled once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.all(ctx, strings.Split(*stores, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench-api:", err)
		os.Exit(1) //nolint:gocritic // there is nothing left to undo
	}
}

func (s setting) all(ctx context.Context, stores []string) (err error) {
	if s.keep = s.dir != ""; !s.keep {
		if s.dir, err = os.MkdirTemp("", "weft-bench-api"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	}
	s.documents = min(s.documents, s.posts)
	s.told = min(s.told, s.documents)
	c := newCorpus(s.posts)
	for _, name := range stores {
		st, err := openSet(ctx, s, name, c)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("stores: %s\nposts: %d\n", name, s.posts)
		err = s.measure(ctx, st, c)
		if err := errors.Join(err, st.bare.Close(), st.close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// measure measures one set of stores.
func (s setting) measure(ctx context.Context, st *set, c *corpus) error {
	key, err := s.adminKey(ctx, st)
	if err != nil {
		return err
	}
	served, err := s.start(ctx, st, true, "api", "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	admin := newClient(served.url, key)
	err = (&comparison{s: s, corpus: c, bare: st.bare, client: admin}).compare(ctx)
	if err == nil && s.minute > 0 {
		err = s.crowd(ctx, c, served, admin)
	}
	if err == nil && s.exports {
		err = s.withWorker(ctx, st, func(worker *program) error { return s.export(ctx, c, served, worker, admin) })
	}
	return errors.Join(err, served.stop())
}

// withWorker has somebody write exports: a worker, or, where one process is all
// there is, weft.
func (s setting) withWorker(ctx context.Context, st *set, do func(*program) error) error {
	name, args, serves := "worker", []string{}, false
	if st.name == "embedded" {
		name, args, serves = "weft", []string{"up", "--listen", "127.0.0.1:0"}, true
	}
	worker, err := s.start(ctx, st, serves, name, args...)
	if err != nil {
		return err
	}
	return errors.Join(do(worker), worker.stop())
}
