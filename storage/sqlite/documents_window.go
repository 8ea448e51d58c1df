package sqlite

import (
	"context"
	"time"

	"weft/models"
)

// Take takes a place for item in a budget of limit different items within any
// stretch of window, such as the 30 hashtags in seven days that Instagram
// allows. A zero time says that item has a place: it was in the window already,
// which doesn't prolong its stay, or a place was free. Otherwise nothing is
// written, and free is the moment when the oldest item leaves.
//
// It is here and not with the fast limits, since what took days to use up must
// outlive a lost Redis.
func (d *Documents) Take(ctx context.Context, budget, item string, limit int, window time.Duration, now time.Time) (free time.Time, err error) {
	if limit <= 0 || window <= 0 {
		return free, models.Faultf(models.Permanent, "take from %s: %d items in %v is no budget", budget, limit, window)
	}
	err = d.w.do(ctx, func(s *session) error {
		free = time.Time{}
		if _, err := s.exec(`DELETE FROM windows WHERE budget = ? AND taken <= ?`, budget, now.Add(-window).UnixMicro()); err != nil {
			return err
		}
		var here, held int
		var oldest int64
		if err := s.one(`SELECT COUNT(*), COALESCE(SUM(item = ?), 0), COALESCE(MIN(taken), 0) FROM windows WHERE budget = ?`,
			[]any{item, budget}, &held, &here, &oldest); err != nil {
			return err
		}
		if here > 0 {
			return nil
		}
		if held >= limit {
			free = time.UnixMicro(oldest).Add(window).UTC()
			return nil
		}
		_, err := s.exec(`INSERT INTO windows(budget, item, taken) VALUES(?, ?, ?)`, budget, item, now.UnixMicro())
		return err
	})
	return free, fault("take from "+budget, err)
}
