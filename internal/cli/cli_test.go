package cli

import (
	"errors"
	"fmt"
	"testing"

	"weft/internal/app"
	"weft/models"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("a broken record"), ExitBadInput},
		{models.Faultf(models.Permanent, "a broken image"), ExitBadInput},
		{Usage(errors.New("no such flag")), ExitUsage},
		{fmt.Errorf("app: redis.url: %w", app.ErrNotBuiltIn), ExitUsage},
		{fmt.Errorf("app: %w at 127.0.0.1:1", app.ErrRunning), ExitUsage},
		{fmt.Errorf("open: %w", app.ErrNotRunning), ExitUnavailable},
		{fmt.Errorf("open: %w", models.Faultf(models.Unavailable, "redis at a:1")), ExitUnavailable},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.want)
		}
	}
}
