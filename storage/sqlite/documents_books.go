package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"weft/models"
)

// Spent returns the state of a budget; zero if nothing was spent.
func (d *Documents) Spent(ctx context.Context, profile string, step models.Step, day string) (models.Spent, error) {
	var sp models.Spent
	err := d.r.one(ctx, `SELECT posts, seconds FROM budgets WHERE profile = ? AND step = ? AND day = ?`,
		[]any{profile, string(step), day}, &sp.Posts, &sp.Seconds)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return sp, fault("spent", err)
}

// Results returns those of the results that are there, by key.
func (d *Documents) Results(ctx context.Context, keys []string) (map[string]models.Result, error) {
	out := make(map[string]models.Result, len(keys))
	for _, key := range keys {
		var doc []byte
		err := d.r.one(ctx, `SELECT doc FROM results WHERE key = ?`, []any{key}, &doc)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		var res models.Result
		if err == nil {
			err = decode(doc, &res)
		}
		if err != nil {
			return nil, fault("result "+key, err)
		}
		out[key] = res
	}
	return out, nil
}

// PutResults keeps results. One that is there already stays as it is: a result never changes.
func (d *Documents) PutResults(ctx context.Context, results []models.Result) error {
	docs := make([][]byte, len(results))
	for i := range results {
		doc, err := encode(&results[i])
		if err != nil {
			return fault("put results", err)
		}
		docs[i] = doc
	}
	return fault("put results", d.w.do(ctx, func(s *session) error {
		for i := range results {
			if _, err := s.exec(`INSERT OR IGNORE INTO results(key, doc) VALUES(?, ?)`, results[i].Key(), docs[i]); err != nil {
				return err
			}
		}
		return nil
	}))
}

// PutProfile keeps the body of a profile's version. Putting a version again
// makes it the newest.
func (d *Documents) PutProfile(ctx context.Context, name, version string, body []byte) error {
	return fault("put profile "+name, d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`INSERT OR REPLACE INTO profiles(version, name, body) VALUES(?, ?, ?)`, version, name, append([]byte{}, body...))
		return err
	}))
}

// Profile returns the body of a version, or ErrNotFound.
func (d *Documents) Profile(ctx context.Context, version string) ([]byte, error) {
	var body []byte
	err := d.r.one(ctx, `SELECT body FROM profiles WHERE version = ?`, []any{version}, &body)
	return body, fault("profile "+version, absent(err))
}

// Profiles returns every version of every profile, by name, the newest of each first.
func (d *Documents) Profiles(ctx context.Context) ([]models.ProfileVersion, error) {
	var out []models.ProfileVersion
	err := d.r.each(ctx, `SELECT name, version FROM profiles ORDER BY name, put DESC`, nil, func(scan scanner) error {
		var v models.ProfileVersion
		err := scan(&v.Name, &v.Version)
		out = append(out, v)
		return err
	})
	return out, fault("profiles", err)
}

// Lease takes or prolongs a lease until now+ttl, and reports whether holder
// has it. A ttl of zero or less gives it back.
func (d *Documents) Lease(ctx context.Context, name, holder string, ttl time.Duration, now time.Time) (bool, error) {
	var n int64
	err := d.w.do(ctx, func(s *session) (err error) {
		n, err = s.exec(`INSERT INTO leases(name, holder, until) VALUES(?, ?, ?) ON CONFLICT DO UPDATE
			SET holder = excluded.holder, until = excluded.until WHERE holder = excluded.holder OR until <= ?`,
			name, holder, now.Add(ttl).UnixMicro(), now.UnixMicro())
		return err
	})
	return n > 0 && err == nil, fault("lease "+name, err)
}

// metaPrefix keeps callers' keys apart from the store's own.
const metaPrefix = "app/"

// Meta returns a value that SetMeta kept, "" if there is none.
func (d *Documents) Meta(ctx context.Context, key string) (string, error) {
	var value string
	err := d.r.one(ctx, `SELECT value FROM meta WHERE key = ?`, []any{metaPrefix + key}, &value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, fault("meta "+key, err)
}

// SetMeta keeps a value under a key.
func (d *Documents) SetMeta(ctx context.Context, key, value string) error {
	return fault("set meta "+key, d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)`, metaPrefix+key, value)
		return err
	}))
}

// PutCampaign writes a campaign, whether it is there or not.
func (d *Documents) PutCampaign(ctx context.Context, c models.Campaign) error {
	c.Since, c.Until, c.StartedAt, c.EndedAt = c.Since.UTC(), c.Until.UTC(), c.StartedAt.UTC(), c.EndedAt.UTC()
	doc, err := encode(c)
	if err != nil {
		return fault("put campaign "+c.ID, err)
	}
	return fault("put campaign "+c.ID, d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`INSERT OR REPLACE INTO campaigns(id, started_at, doc) VALUES(?, ?, ?)`, c.ID, micros(c.StartedAt), doc)
		return err
	}))
}

// MoveCampaign writes a campaign whose Rev is one more than the stored one's (1:
// there is none yet); otherwise ErrConflict, and nothing is written.
func (d *Documents) MoveCampaign(ctx context.Context, c models.Campaign) error {
	c.Since, c.Until, c.StartedAt, c.EndedAt = c.Since.UTC(), c.Until.UTC(), c.StartedAt.UTC(), c.EndedAt.UTC()
	doc, err := encode(c)
	if err != nil {
		return fault("move campaign "+c.ID, err)
	}
	return fault("move campaign "+c.ID, d.w.do(ctx, func(s *session) error {
		var there []byte
		var have models.Campaign
		err := s.one(`SELECT doc FROM campaigns WHERE id = ?`, []any{c.ID}, &there)
		if err == nil {
			err = decode(there, &have)
		}
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		if err == nil && (have.Rev != c.Rev-1 || (have.ID == "") != (c.Rev == 1)) {
			err = models.ErrConflict
		}
		if err == nil {
			_, err = s.exec(`INSERT OR REPLACE INTO campaigns(id, started_at, doc) VALUES(?, ?, ?)`, c.ID, micros(c.StartedAt), doc)
		}
		return err
	}))
}

// Campaign returns a campaign, or ErrNotFound.
func (d *Documents) Campaign(ctx context.Context, id string) (models.Campaign, error) {
	var c models.Campaign
	var doc []byte
	err := d.r.one(ctx, `SELECT doc FROM campaigns WHERE id = ?`, []any{id}, &doc)
	if err == nil {
		err = decode(doc, &c)
	}
	return c, fault("campaign "+id, absent(err))
}

// CampaignCounts counts the runs whose live generation is of a campaign.
func (d *Documents) CampaignCounts(ctx context.Context, id string) (map[models.State]int64, error) {
	out := map[models.State]int64{}
	err := d.r.each(ctx, `SELECT state, count(*) FROM runs WHERE campaign <> '' AND campaign = ? GROUP BY state`, []any{id}, func(scan scanner) error {
		var state string
		var n int64
		err := scan(&state, &n)
		out[models.State(state)] = n
		return err
	})
	return out, fault("counts of campaign "+id, err)
}

// Campaigns returns all campaigns, the newest first.
func (d *Documents) Campaigns(ctx context.Context) ([]models.Campaign, error) {
	var out []models.Campaign
	err := d.r.each(ctx, `SELECT doc FROM campaigns ORDER BY started_at DESC, id`, nil, func(scan scanner) error {
		var doc []byte
		if err := scan(&doc); err != nil {
			return err
		}
		var c models.Campaign
		err := decode(doc, &c)
		out = append(out, c)
		return err
	})
	return out, fault("campaigns", err)
}
