package app

import "context"

// SweepBlobs is one pass of the housekeeping job.
func (a *App) SweepBlobs(ctx context.Context) error { return a.sweepBlobs(ctx) }
