// Command labeling measures what it costs to claim the next item, with few items
// waiting and with many, and prints each figure as "name: value".
//
// Its main figure is labeling_claim_ratio: the median time of a claim with the
// most items over that with the fewest, on one store. Fifty people hold items
// meanwhile, and a tenth of the items want two blind answers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weft/models"
	"weft/storage/mongo"
	"weft/storage/sqlite"
)

// store is what of a document store is measured.
type store interface {
	PutItem(ctx context.Context, it models.Item) error
	ClaimItems(ctx context.Context, who models.Asker, profile string, n int, now, until time.Time) ([]models.Claimed, error)
	Close() error
}

const (
	profile = "bench"
	people  = 50
	lease   = time.Hour // nothing runs out while it is measured
)

func main() {
	items := flag.String("items", "1000,1000000", "open items in SQLite, from few to many")
	inMongo := flag.String("mongo-items", "200,1000", "open items over the MongoDB protocol, if WEFT_TEST_MONGO_URL names a server; empty skips it. Few by default: the stand-in reads all that a filter finds before it sorts")
	claims := flag.Int("claims", 300, "claims that are timed at each number of items")
	mongoClaims := flag.Int("mongo-claims", 20, "the same over the MongoDB protocol")
	flag.Parse()
	ctx := context.Background()
	err := run(ctx, "sqlite", *items, *claims, openSQLite)
	if address := os.Getenv("WEFT_TEST_MONGO_URL"); err == nil && address != "" && *inMongo != "" {
		err = run(ctx, "mongo", *inMongo, *mongoClaims, func(ctx context.Context) (store, func() error, error) { return openMongo(ctx, address) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures one store at each number of items, each in a database of its own.
func run(ctx context.Context, name, sizes string, claims int, open func(context.Context) (store, func() error, error)) error {
	var medians []float64
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 4*people {
			return fmt.Errorf("%q: give numbers of items, of %d or more", text, 4*people)
		}
		s, remove, err := open(ctx)
		if err != nil {
			return err
		}
		took, err := measure(ctx, s, name, n, min(claims, n/4))
		if err := errors.Join(err, s.Close(), remove()); err != nil {
			return err
		}
		slices.Sort(took)
		medians = append(medians, took[len(took)/2])
		fmt.Printf("labeling_claim_ms_%s_%d: %.3f\n", name, n, took[len(took)/2])
		fmt.Printf("labeling_claim_p95_ms_%s_%d: %.3f\n", name, n, took[len(took)*95/100])
	}
	fmt.Printf("labeling_claim_ratio_%s: %.2f\n", name, slices.Max(medians[1:])/medians[0])
	return nil
}

// measure opens n items and times claims, in milliseconds.
func measure(ctx context.Context, s store, name string, n, claims int) ([]float64, error) {
	began := time.Now()
	for i := range n {
		if err := s.PutItem(ctx, item(i)); err != nil {
			return nil, err
		}
	}
	fmt.Printf("labeling_open_per_s_%s_%d: %.0f\n", name, n, float64(n)/time.Since(began).Seconds())
	var took []float64
	now := time.Now()
	warm := min(people, claims)
	for i := range claims + warm {
		began := time.Now()
		got, err := s.ClaimItems(ctx, models.Asker{Name: fmt.Sprint("p", i%people)}, profile, 1, now, now.Add(lease))
		if err != nil {
			return nil, err
		}
		if len(got) != 1 {
			return nil, fmt.Errorf("%s: claim %d of %d items found nothing", name, i, n)
		}
		if i >= warm { // the first of each person warm up
			took = append(took, float64(time.Since(began))/float64(time.Millisecond))
		}
	}
	return took, nil
}

// item is the i-th: priorities are spread, and many are alike.
func item(i int) models.Item {
	post := fmt.Sprintf("bench.%09d", i)
	wanted := 1
	if i%10 == 0 {
		wanted = 2
	}
	return models.Item{
		ID: models.ItemID(post, profile, "t"), Rev: 1, Post: post, Profile: profile, Taxonomy: "t", State: models.ItemOpen, Wanted: wanted,
		Questions: []models.Question{{Attribute: "category", Options: []string{"dress", "shirt", "shoes"}, Suggestion: []string{"dress"}, Confidence: .4}},
		Reason:    "category 0.40 < 0.50", Priority: float64(i*7919%10_000) / 10_000, OpenedAt: time.Unix(1_700_000_000+int64(i), 0).UTC(),
	}
}

func openSQLite(ctx context.Context) (store, func() error, error) {
	dir, err := os.MkdirTemp("", "weft-bench")
	if err != nil {
		return nil, nil, err
	}
	docs, err := sqlite.OpenDocuments(ctx, filepath.Join(dir, "documents.db"))
	return docs, func() error { return os.RemoveAll(dir) }, err
}

// openMongo opens a database of its own. It is left there, for the server to be
// thrown away with it: no driver's types leave the adapter.
func openMongo(ctx context.Context, address string) (store, func() error, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, fmt.Errorf("WEFT_TEST_MONGO_URL: %w", err)
	}
	u.Path = fmt.Sprintf("/bench%d", time.Now().UnixNano())
	docs, err := mongo.OpenDocuments(ctx, u.String())
	return docs, func() error { return nil }, err
}
