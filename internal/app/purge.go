package app

import (
	"context"
	"time"

	"weft/storage/history"
)

// purger returns the purge of posts that are verified in history and older
// than their profiles keep them.
func (a *App) purger() *history.Purger {
	return history.NewPurger(history.PurgeParams{
		Posts: a.Documents, Marks: a.Documents, Marker: a.Documents, Search: a.Search, Clock: a.opt.Now, Log: a.Log,
		Retention: a.retention, Shortest: a.shortestRetention(),
		Crash: a.opt.Crash.Hit,
	})
}

// Purge removes what may go now, and returns how many posts left.
func (a *App) Purge(ctx context.Context) (int, error) {
	done, err := a.purger().Run(ctx)
	if err != nil || done.Purged == 0 {
		return done.Purged, err
	}
	return done.Purged, a.dropEmptyMonths(ctx)
}

// dropEmptyMonths spares a search that is cut by month the months that the
// purge has emptied. One that a crash here leaves goes with the next purge.
func (a *App) dropEmptyMonths(ctx context.Context) error {
	search, ok := a.Search.(interface {
		DropEmpty(ctx context.Context, before time.Time) ([]string, error)
	})
	if !ok {
		return nil
	}
	dropped, err := search.DropEmpty(ctx, a.opt.Now().Add(-a.shortestRetention()))
	if len(dropped) > 0 {
		a.Log.Info("dropped empty months of search", "indices", dropped)
	}
	return err
}

// retention returns how long a version of a profile keeps its posts; zero, for
// ever, if it is not known.
func (a *App) retention(_, version string) time.Duration {
	p, err := a.Library.Profile(context.Background(), version)
	if err != nil {
		return 0
	}
	return p.Index.Retention
}

// shortestRetention spares a look at posts that are younger than any profile lets go.
func (a *App) shortestRetention() time.Duration {
	shortest := time.Duration(0)
	for _, name := range a.Library.Names() {
		if r := a.Library.named[name].Index.Retention; r > 0 && (shortest == 0 || r < shortest) {
			shortest = r
		}
	}
	return shortest
}
