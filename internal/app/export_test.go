package app

import (
	"context"
	"io"
)

// SweepBlobs is one pass of the housekeeping job.
func (a *App) SweepBlobs(ctx context.Context) error { return a.sweepBlobs(ctx) }

// DriveCampaigns is one pass of the housekeeping job.
func (a *App) DriveCampaigns(ctx context.Context) error { return a.driveCampaigns(ctx) }

// Changes compares what a campaign published with what was there before.
func (a *App) Changes(ctx context.Context, id string) (posts, changed int, err error) {
	c, err := ports{a}.Changes(ctx, id, 1000)
	return c.Posts, c.Changed, err
}

// Pieces reads r in blocks of some size.
func Pieces(r io.ReaderAt, size int64) io.ReaderAt { return &pieces{r: r, size: size} }
