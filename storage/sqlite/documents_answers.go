package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"weft/models"
	"weft/storage/document"
)

// listAnswers brings the list of all answers up to date with an item's.
func (s *session) listAnswers(it *models.Item) error {
	had := map[string]int64{}
	err := s.each(`SELECT by, checked, at FROM answers WHERE item = ?`, []any{it.ID}, func(scan scanner) error {
		var by, checked string
		var at int64
		err := scan(&by, &checked, &at)
		had[checked+by] = at
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range it.Answers {
		key := "0" + a.By
		if a.Check {
			key = "1" + a.By
		}
		at, there := had[key]
		delete(had, key)
		if there && at == micros(a.At) {
			continue
		}
		doc, err := encode(&a)
		if err != nil {
			return err
		}
		if _, err := s.exec(`INSERT OR REPLACE INTO answers(item, by, checked, at, profile, skipped, doc) VALUES(?, ?, ?, ?, ?, ?, ?)`,
			it.ID, a.By, a.Check, micros(a.At), it.Profile, a.Skip != "", doc); err != nil {
			return err
		}
	}
	for key := range had {
		if _, err := s.exec(`DELETE FROM answers WHERE item = ? AND by = ? AND checked = ?`, it.ID, key[1:], key[:1] == "1"); err != nil {
			return err
		}
	}
	return nil
}

// Given lists answers, the newest first.
func (d *Documents) Given(ctx context.Context, f models.GivenFilter) ([]models.Given, error) {
	where, args := []string{"1"}, []any{}
	and := func(cond string, values ...any) { where, args = append(where, cond), append(args, values...) }
	if f.By != "" {
		and("by = ?", f.By)
	}
	if f.Profile != "" {
		and("profile = ?", f.Profile)
	}
	if !f.Since.IsZero() {
		and("at >= ?", micros(f.Since))
	}
	if !f.Until.IsZero() {
		and("at < ?", micros(f.Until))
	}
	if !f.Before.IsZero() {
		and("(at, item) < (?, ?)", micros(f.Before), f.BeforeItem)
	}
	query := "SELECT item, profile, doc FROM answers WHERE " + strings.Join(where, " AND ") + " ORDER BY at DESC, item DESC LIMIT ?"
	var out []models.Given
	err := d.r.each(ctx, query, append(args, limit(f.Limit, 100)), func(scan scanner) error {
		var g models.Given
		var doc []byte
		err := scan(&g.Item, &g.Profile, &doc)
		if err == nil {
			err = decode(doc, &g.Answer)
		}
		out = append(out, g)
		return err
	})
	return out, fault("answers", err)
}

// ItemsByID returns the items of these ids that are there, in the order of the ids.
func (d *Documents) ItemsByID(ctx context.Context, ids []string) ([]models.Item, error) {
	list, err := encode(ids)
	if err != nil {
		return nil, err
	}
	out, err := d.items(ctx, `SELECT i.doc FROM json_each(?) j JOIN items i ON i.id = j.value ORDER BY j.key`, []any{string(list)})
	return out, fault("items by id", err)
}

// GoldItem returns the id of an item that tests people, and that by has neither
// answered nor holds; ErrNotFound if there is none.
func (d *Documents) GoldItem(ctx context.Context, by, profile string) (string, error) {
	var id string
	err := d.r.one(ctx, `SELECT i.id FROM items i WHERE i.gold = 1 AND (? = '' OR i.profile = ?)
		AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.item = i.id AND a.by = ?)
		AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.item = i.id AND c.by = ?) ORDER BY i.id LIMIT 1`, []any{profile, profile, by, by}, &id)
	return id, fault("gold item", absent(err))
}

// PutDraft keeps a draft, in the place of an earlier one of the same person. The
// item must be there and asked.
func (d *Documents) PutDraft(ctx context.Context, dr models.Draft) error {
	return fault("put draft", d.w.do(ctx, func(s *session) error {
		it, err := s.item(dr.Item)
		if err != nil {
			return err
		}
		if it.State == models.ItemWithdrawn {
			return models.ErrNotFound
		}
		dr.SavedAt = dr.SavedAt.UTC()
		doc, err := encode(&dr)
		if err != nil {
			return err
		}
		_, err = s.exec(`INSERT OR REPLACE INTO drafts(item, by, saved, doc) VALUES(?, ?, ?, ?)`, dr.Item, dr.By, micros(dr.SavedAt), doc)
		return err
	}))
}

// Waiting counts what else there is for who.
func (d *Documents) Waiting(ctx context.Context, who models.Asker, profile string, now time.Time) (models.Waiting, error) {
	var w models.Waiting
	err := d.w.do(ctx, func(s *session) error {
		w = models.Waiting{}
		lanes, err := s.lanes(who, profile)
		if err != nil {
			return err
		}
		for _, lane := range lanes {
			var n int
			if err := s.one(`SELECT count(*) FROM (SELECT 1 FROM items WHERE lane = ? LIMIT ?)`, []any{lane, models.MostCounted - w.Open}, &n); err != nil {
				return err
			}
			if w.Open += n; w.Open >= models.MostCounted {
				break
			}
		}
		var next sql.NullInt64
		err = s.one(`SELECT count(*), min(expires) FROM claims WHERE expires > ? AND by <> ? AND (? = '' OR profile = ?)`,
			[]any{micros(now), who.Name, profile, profile}, &w.Others, &next)
		w.Next = fromMicros(next.Int64)
		return err
	})
	return w, fault("waiting", err)
}

// LabelProgress tells how labeling in a profile gets on; "" is all profiles.
func (d *Documents) LabelProgress(ctx context.Context, profile string, now time.Time) (models.LabelProgress, error) {
	p := models.LabelProgress{Hours: document.LastHours(now)}
	args := []any{profile, profile}
	if err := d.r.one(ctx, `SELECT count(*) FROM items WHERE lane IS NOT NULL AND (? = '' OR profile = ?)`, args, &p.Open); err != nil {
		return p, fault("label progress", err)
	}
	if err := d.r.one(ctx, `SELECT count(*) FROM claims WHERE expires > ? AND (? = '' OR profile = ?)`, append([]any{micros(now)}, args...), &p.Held); err != nil {
		return p, fault("label progress", err)
	}
	if err := d.r.one(ctx, `SELECT count(*) FROM items WHERE contested = 1 AND (? = '' OR profile = ?)`, args, &p.Disputed); err != nil {
		return p, fault("label progress", err)
	}
	var oldest int64
	err := absent(d.r.one(ctx, `SELECT opened_at FROM items WHERE lane IS NOT NULL AND (? = '' OR profile = ?) ORDER BY opened_at LIMIT 1`, args, &oldest))
	if err == nil {
		at := fromMicros(oldest)
		p.Oldest = &at
	} else if !errors.Is(err, models.ErrNotFound) {
		return p, fault("label progress", err)
	}
	query, first := `SELECT (at - ?) / 3600000000, skipped, count(*) FROM answers WHERE at >= ? AND at < ? GROUP BY 1, 2`, micros(p.Hours[0].From)
	args = []any{first, first, first + int64(len(p.Hours))*time.Hour.Microseconds()}
	if profile != "" {
		query, args = strings.Replace(query, "WHERE", "WHERE profile = ? AND", 1), slices.Insert(args, 1, any(profile))
	}
	err = d.r.each(ctx, query, args, func(scan scanner) error {
		var hour, n int
		var skipped bool
		if err := scan(&hour, &skipped, &n); err != nil {
			return err
		}
		if skipped {
			p.Hours[hour].Skips += n
		} else {
			p.Hours[hour].Answers += n
		}
		return nil
	})
	return p, fault("label progress", err)
}
