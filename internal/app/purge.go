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
		Posts: a.Documents, Marker: a.Documents, Search: a.Search, Clock: a.opt.Now, Log: a.Log,
		Retention: a.retention, Shortest: a.shortestRetention(),
		Crash: a.opt.Crash.Hit,
	})
}

// Purge removes what may go now, and returns how many posts left.
func (a *App) Purge(ctx context.Context) (int, error) {
	done, err := a.purger().Run(ctx)
	return done.Purged, err
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
