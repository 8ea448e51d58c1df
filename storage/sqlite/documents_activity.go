package sqlite

import (
	"context"
	"time"

	"weft/models"
)

// AddActivity adds to what is kept of the same hour, profile, step and outcome.
// All of it is written, or nothing.
func (d *Documents) AddActivity(ctx context.Context, counts []models.Activity) error {
	if len(counts) == 0 {
		return nil
	}
	return fault("add activity", d.w.do(ctx, func(s *session) error {
		for _, c := range counts {
			if _, err := s.exec(`INSERT INTO activity(hour, profile, step, outcome, n, cost) VALUES(?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET n = n + excluded.n, cost = cost + excluded.cost`,
				micros(c.Hour), c.Profile, string(c.Step), string(c.Outcome), c.N, c.Cost); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Activity lists the counts of the hours that began at since or later and before
// until, of one profile or of all, by hour, profile, step and outcome.
func (d *Documents) Activity(ctx context.Context, since, until time.Time, profile string) ([]models.Activity, error) {
	var out []models.Activity
	err := d.r.each(ctx, `SELECT hour, profile, step, outcome, n, cost FROM activity
		WHERE hour >= ? AND hour < ? AND (? = '' OR profile = ?) ORDER BY hour, profile, step, outcome`,
		[]any{micros(since), micros(until), profile, profile}, func(scan scanner) error {
			var a models.Activity
			var hour int64
			err := scan(&hour, &a.Profile, &a.Step, &a.Outcome, &a.N, &a.Cost)
			a.Hour = fromMicros(hour)
			out = append(out, a)
			return err
		})
	return out, fault("activity", err)
}

// ForgetActivity removes the hours that began before a time, and says how many
// counts that were.
func (d *Documents) ForgetActivity(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := d.w.do(ctx, func(s *session) (err error) {
		n, err = s.exec(`DELETE FROM activity WHERE hour < ?`, micros(before))
		return err
	})
	return n, fault("forget activity", err)
}
