package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"time"

	"weft/api"
	"weft/internal/bench/quantile"
)

// pair is a call of the API and a bare one for the same data.
type pair struct{ api, bare func() error }

// figures are the milliseconds that both sides took, run by run.
type figures struct{ api, bare [][]float64 }

// run makes the calls, one by one in turns. Who goes first changes: what the first
// brings into the store's memory, the second finds there.
func (f *figures) run(pairs []pair) error {
	var a, b []float64
	for i, p := range pairs {
		sides := []func() error{p.api, p.bare}
		var took [2]float64
		for j := range sides {
			side := (i + j) % 2
			began := time.Now()
			if err := sides[side](); err != nil {
				return err
			}
			took[side] = float64(time.Since(began)) / float64(time.Millisecond)
		}
		a, b = append(a, took[0]), append(b, took[1])
	}
	f.api, f.bare = append(f.api, a), append(f.bare, b)
	return nil
}

// report prints the medians over the runs, and the quantiles over all calls.
// claim is what may be 1.5 at most: how many times the bare call's time the API's
// takes beyond a millisecond.
func (f *figures) report(name string) {
	var a, b, ratios, claims []float64
	for i := range f.api {
		x, y := quantile.Median(f.api[i]), quantile.Median(f.bare[i])
		a, b, ratios, claims = append(a, x), append(b, y), append(ratios, x/y), append(claims, (x-1)/y)
	}
	fmt.Printf("api_%s_p50_ms: %.3f\nbare_%s_p50_ms: %.3f\n", name, quantile.Median(a), name, quantile.Median(b))
	fmt.Printf("api_%s_p99_ms: %.3f\nbare_%s_p99_ms: %.3f\n", name, quantile.Of(slices.Concat(f.api...), .99), name, quantile.Of(slices.Concat(f.bare...), .99))
	fmt.Printf("%s_p50_ratio: %.2f\n%s_claim: %.2f\n", name, quantile.Median(ratios), name, quantile.Median(claims))
}

// comparison measures the API against bare calls.
type comparison struct {
	s      setting
	corpus *corpus
	bare   bare
	client client
}

// getting measures reading posts by key.
func (c *comparison) getting(ctx context.Context, r *rand.Rand) ([]pair, error) {
	var out []pair
	for n := range c.s.calls {
		i := r.IntN(c.corpus.n)
		get := func() ([]byte, error) { return c.client.get(ctx, "/v1/posts/"+postID(i)) }
		if n == 0 { // both find it
			var got api.Post
			answer, err := get()
			if err == nil {
				err = errors.Join(json.Unmarshal(answer, &got), c.bare.get(ctx, i))
			}
			if err != nil {
				return nil, err
			}
			if got.ID != postID(i) {
				return nil, fmt.Errorf("asked for %s, got %s", postID(i), got.ID)
			}
		}
		out = append(out, pair{api: func() error { _, err := get(); return err }, bare: func() error { return c.bare.get(ctx, i) }})
	}
	return out, nil
}

// searching makes queries of a kind ready, and sees that both sides find the same.
// So both have been asked everything once before.
func (c *comparison) searching(ctx context.Context, kind string, r *rand.Rand) ([]pair, error) {
	var out []pair
	for range c.s.calls {
		p, ids, total, err := c.bare.prepare(ctx, c.corpus.query(kind, r))
		if err != nil {
			return nil, err
		}
		answer, err := c.client.get(ctx, "/v1/search?"+p.params)
		if err != nil {
			return nil, err
		}
		var got struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
			Total int64 `json:"total"`
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			return nil, err
		}
		var same []string
		for _, it := range got.Items {
			same = append(same, it.ID)
		}
		if total != got.Total || !slices.Equal(ids, same) {
			return nil, fmt.Errorf("%s: the API finds %d posts, %v; the store %d, %v", p.params, got.Total, same, total, ids)
		}
		out = append(out, pair{
			api:  func() error { _, err := c.client.get(ctx, "/v1/search?"+p.params); return err },
			bare: func() error { return c.bare.search(ctx, p) },
		})
	}
	return out, nil
}

// compare measures both, and all kinds of queries together as "search".
func (c *comparison) compare(ctx context.Context) error {
	r := rand.New(rand.NewPCG(2, uint64(c.corpus.n))) //nolint:gosec // what is asked is always the same
	var got, all figures
	by := map[string]*figures{}
	for run := range c.s.runs {
		pairs, err := c.getting(ctx, r)
		if err == nil {
			err = got.run(pairs)
		}
		if err != nil {
			return err
		}
		var a, b []float64
		for _, kind := range kinds() {
			if by[kind] == nil {
				by[kind] = &figures{}
			}
			pairs, err := c.searching(ctx, kind, r)
			if err == nil {
				err = by[kind].run(pairs)
			}
			if err != nil {
				return err
			}
			a, b = append(a, by[kind].api[run]...), append(b, by[kind].bare[run]...)
		}
		all.api, all.bare = append(all.api, a), append(all.bare, b)
		fmt.Fprintf(os.Stderr, "run %d of %d: get %.2f and %.2f ms, search %.2f and %.2f ms\n", run+1, c.s.runs, quantile.Median(got.api[run]), quantile.Median(got.bare[run]), quantile.Median(a), quantile.Median(b))
	}
	got.report("get")
	all.report("search")
	for _, kind := range kinds() {
		by[kind].report("search_" + kind)
	}
	return nil
}

// timeline is the path of a post's timeline.
func timeline(i int) string { return "/v1/posts/" + url.PathEscape(postID(i)) + "/timeline" }
