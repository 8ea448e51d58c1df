package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"weft/models"
)

const (
	admitted = 500   // posts that are stored in one write
	putters  = 2_000 // who put posts into search at the same time: two full bulks under way, and two that wait
	movers   = 64    // who move runs at the same time
)

// documents is what is asked of a document store.
type documents interface {
	Admit(ctx context.Context, admissions []models.Admission) ([]models.Admittance, error)
	Move(ctx context.Context, m models.Move) error
	Admitted(ctx context.Context) (int64, error)
	Close() error
}

// search is what is asked of a store of search.
type search interface {
	Put(ctx context.Context, doc models.SearchDoc) error
	Search(ctx context.Context, q models.SearchQuery) (models.SearchAnswer, error)
	Count(ctx context.Context) (int64, error)
	Close() error
}

// progress tells on the standard error how far something is.
type progress struct {
	what  string
	all   int
	done  atomic.Int64
	began time.Time
}

func newProgress(what string, all int) *progress {
	return &progress{what: what, all: all, began: time.Now()}
}

func (p *progress) add(n int) {
	step := int64(max(p.all/10, 1))
	if now := p.done.Add(int64(n)); now/step != (now-int64(n))/step {
		fmt.Fprintf(os.Stderr, "%s: %d of %d, %.0f a second\n", p.what, now, p.all, float64(now)/time.Since(p.began).Seconds())
	}
}

// fillSearch puts all posts into search, unless they are there.
func fillSearch(ctx context.Context, s search, c *corpus) error {
	if n, err := s.Count(ctx); err != nil || n == int64(c.n) {
		return err
	}
	p := newProgress("search", c.n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(putters)
	for i := range c.n {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			err := s.Put(ctx, c.doc(i))
			p.add(1)
			return err
		})
	}
	return group.Wait()
}

// fillDocuments stores n posts, unless they are there. The first ones, as many as
// told, are moved through all steps, so that their timelines tell something.
func fillDocuments(ctx context.Context, d documents, c *corpus, n, told int) error {
	if have, err := d.Admitted(ctx); err != nil || have == int64(n) {
		return err
	}
	p := newProgress("documents", n)
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for from := 0; from < n && within.Err() == nil; from += admitted {
		group.Go(func() error {
			var batch []models.Admission
			for i := from; i < min(from+admitted, n); i++ {
				a := c.admission(i)
				if i < told {
					a.Run = models.NewRun(a.Post.ID, profile, "v1", models.Normal, a.Post.CollectedAt, time.Minute)
				}
				batch = append(batch, a)
			}
			_, err := d.Admit(within, batch)
			p.add(len(batch))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return tell(ctx, d, c, told)
}

// tell moves the first runs to their ends.
func tell(ctx context.Context, d documents, c *corpus, told int) error {
	p := newProgress("timelines", told)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(movers)
	for i := range told {
		group.Go(func() error {
			at := c.created(i).Add(time.Hour)
			run := models.NewRun(postID(i), profile, "v1", models.Normal, at, time.Minute)
			for _, next := range []models.Step{models.AnalyzeLight, models.Index, models.Archive} {
				at = at.Add(time.Second)
				m := run.Advance(next, "it is as the profile wants it", at, time.Minute)
				if err := d.Move(ctx, m); err != nil {
					return err
				}
				run = m.Run
			}
			p.add(1)
			return d.Move(ctx, run.End(models.Done, "archived", at.Add(time.Second)))
		})
	}
	return group.Wait()
}
