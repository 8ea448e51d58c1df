package sqlite

import (
	"context"
	"errors"
	"slices"
	"time"

	"weft/models"
	"weft/storage/document"
)

// endClaims removes the claims and drafts that an item's answers ended; of a
// withdrawn item, all claims.
func (s *session) endClaims(it *models.Item) error {
	if it.State == models.ItemWithdrawn {
		_, err := s.exec(`DELETE FROM claims WHERE item = ?`, it.ID)
		return err
	}
	for _, a := range it.Answers {
		at := micros(a.At)
		if _, err := s.exec(`DELETE FROM claims WHERE item = ? AND by = ? AND at <= ?`, it.ID, a.By, at); err != nil {
			return err
		}
		if _, err := s.exec(`DELETE FROM drafts WHERE item = ? AND by = ? AND saved <= ?`, it.ID, a.By, at); err != nil {
			return err
		}
	}
	return nil
}

// relane brings the columns by which an item is found up to date.
func (s *session) relane(it *models.Item) error {
	held, err := s.holds(it.ID)
	if err != nil {
		return err
	}
	var hidden bool
	if err := absent(s.one(`SELECT hidden > 0 FROM posts WHERE id = ?`, []any{it.Post}, &hidden)); err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	var lane any // NULL keeps it out of the indexes
	if l := document.Lane(it, held, hidden); l != "" {
		lane = l
	}
	_, err = s.exec(`UPDATE items SET lane = ?, contested = ?, gold = ? WHERE id = ?`,
		lane, it.Contested() && !hidden, document.IsGold(it) && !hidden, it.ID)
	return err
}

// relaneAbout does so for all items about a post.
func (s *session) relaneAbout(post string) error {
	var items []models.Item
	err := s.each(`SELECT doc FROM items WHERE post = ?`, []any{post}, func(scan scanner) (err error) {
		items, err = appendItem(items, scan)
		return err
	})
	for i := range items {
		err = errors.Join(err, s.relane(&items[i]))
	}
	return err
}

func (s *session) relaneID(id string) (models.Item, error) {
	it, err := s.item(id)
	if err == nil {
		err = s.relane(&it)
	}
	return it, err
}

func (s *session) item(id string) (models.Item, error) {
	var doc []byte
	var it models.Item
	err := absent(s.one(`SELECT doc FROM items WHERE id = ?`, []any{id}, &doc))
	if err == nil {
		err = decode(doc, &it)
	}
	return it, err
}

func (s *session) holds(item string) ([]models.Claim, error) {
	var out []models.Claim
	err := s.each(`SELECT item, by, token, at, expires FROM claims WHERE item = ?`, []any{item}, func(scan scanner) (err error) {
		out, err = appendClaim(out, scan)
		return err
	})
	return out, err
}

func appendClaim(out []models.Claim, scan scanner) ([]models.Claim, error) {
	var c models.Claim
	var at, expires int64
	err := scan(&c.Item, &c.By, &c.Token, &at, &expires)
	c.At, c.Expires = fromMicros(at), fromMicros(expires)
	return append(out, c), err
}

// mostExpired is how many claims that ran out one call puts back: whoever asks
// next does the rest.
const mostExpired = 100

// expire puts back what claims held that have run out.
func (s *session) expire(now time.Time) error {
	var items []string
	err := s.each(`SELECT item FROM claims WHERE expires <= ? ORDER BY expires LIMIT ?`, []any{micros(now), mostExpired}, func(scan scanner) error {
		var id string
		err := scan(&id)
		items = append(items, id)
		return err
	})
	if err != nil || len(items) == 0 {
		return err
	}
	slices.Sort(items)
	for _, id := range slices.Compact(items) {
		if _, err := s.exec(`DELETE FROM claims WHERE item = ? AND expires <= ?`, id, micros(now)); err != nil {
			return err
		}
		if _, err := s.relaneID(id); err != nil {
			return err
		}
	}
	return nil
}

// ClaimItems leases up to n items to who until a time, the highest priority
// first, then the oldest: such as want answers that nobody is about to give, and
// that who has neither seen nor holds.
func (d *Documents) ClaimItems(ctx context.Context, who models.Asker, profile string, n int, now, until time.Time) ([]models.Claimed, error) {
	var out []models.Claimed
	err := d.w.do(ctx, func(s *session) error {
		out = nil
		if err := s.expire(now); err != nil {
			return err
		}
		for len(out) < n {
			id, err := s.nextItem(who, profile)
			if err != nil || id == "" {
				return err
			}
			c, err := s.claim(id, who.Name, now, until)
			if err != nil {
				return err
			}
			out = append(out, c)
		}
		return nil
	})
	return out, fault("claim items", err)
}

// nextItem finds the best item for who: the first of each lane that is open to
// them is looked at.
func (s *session) nextItem(who models.Asker, profile string) (id string, err error) {
	lanes, err := s.lanes(who, profile)
	if err != nil {
		return "", err
	}
	var priority float64
	var opened int64
	for _, lane := range lanes {
		var i string
		var p float64
		var o int64
		err := absent(s.one(`SELECT id, priority, opened_at FROM items WHERE lane = ? ORDER BY priority DESC, opened_at, id LIMIT 1`, []any{lane}, &i, &p, &o))
		if err != nil {
			return "", err
		}
		if id == "" || p > priority || p == priority && (o < opened || o == opened && i < id) {
			id, priority, opened = i, p, o
		}
	}
	return id, nil
}

// lanes lists the lanes that have items for who, by jumping from one to the next.
func (s *session) lanes(who models.Asker, profile string) ([]string, error) {
	var out []string
	at, end := "", ""
	if profile != "" {
		at, end = document.LanesOf(profile), document.LanesEnd(profile)
	}
	for {
		var lane string
		err := absent(s.one(`SELECT lane FROM items WHERE lane > ? ORDER BY lane LIMIT 1`, []any{at}, &lane))
		if errors.Is(err, models.ErrNotFound) || err == nil && end != "" && lane >= end {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if document.OpenTo(lane, who) {
			out = append(out, lane)
		}
		at = lane
	}
}

// claim writes a claim, in the place of an earlier one of the same person.
func (s *session) claim(id, by string, now, until time.Time) (models.Claimed, error) {
	it, err := s.item(id)
	if err != nil {
		return models.Claimed{}, err
	}
	c := document.NewClaim(id, by, now, until)
	if _, err := s.exec(`INSERT OR REPLACE INTO claims(item, by, token, at, expires, profile) VALUES(?, ?, ?, ?, ?, ?)`,
		id, by, c.Token, micros(c.At), micros(c.Expires), it.Profile); err != nil {
		return models.Claimed{}, err
	}
	draft, err := s.draft(id, by)
	if err != nil {
		return models.Claimed{}, err
	}
	return models.Claimed{Claim: c, Item: it, Draft: draft}, s.relane(&it)
}

func (s *session) draft(item, by string) (*models.Draft, error) {
	var doc []byte
	err := absent(s.one(`SELECT doc FROM drafts WHERE item = ? AND by = ?`, []any{item, by}, &doc))
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	var out models.Draft
	if err == nil {
		err = decode(doc, &out)
	}
	return &out, err
}

// TakeItem leases a certain item to who, if they may have it: see
// document.MayTake. Else it is ErrConflict.
func (d *Documents) TakeItem(ctx context.Context, who models.Asker, id string, now, until time.Time) (models.Claimed, error) {
	var out models.Claimed
	err := d.w.do(ctx, func(s *session) error {
		if err := s.expire(now); err != nil {
			return err
		}
		it, err := s.item(id)
		if err != nil {
			return err
		}
		held, err := s.holds(id)
		if err != nil {
			return err
		}
		others := document.Without(document.Live(&it, held, now), who.Name)
		if !document.MayTake(&it, others, who) {
			return models.ErrConflict
		}
		out, err = s.claim(id, who.Name, now, until)
		return err
	})
	return out, fault("take item "+id, err)
}

// ExtendClaims makes by's claims of these tokens last until a time, and returns
// those that lived.
func (d *Documents) ExtendClaims(ctx context.Context, by string, tokens []string, now, until time.Time) ([]models.Claim, error) {
	var out []models.Claim
	err := d.w.do(ctx, func(s *session) error {
		out = nil
		for _, token := range tokens {
			n, err := s.exec(`UPDATE claims SET expires = max(expires, ?) WHERE item = ? AND by = ? AND token = ? AND expires > ?`,
				micros(until.Truncate(time.Millisecond)), models.ClaimedItem(token), by, token, micros(now))
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if err := s.each(`SELECT item, by, token, at, expires FROM claims WHERE item = ? AND by = ?`, []any{models.ClaimedItem(token), by},
				func(scan scanner) (err error) { out, err = appendClaim(out, scan); return err }); err != nil {
				return err
			}
		}
		return nil
	})
	return out, fault("extend claims", err)
}

// ReleaseClaims gives back what by holds under these tokens.
func (d *Documents) ReleaseClaims(ctx context.Context, by string, tokens []string) error {
	return fault("release claims", d.w.do(ctx, func(s *session) error {
		for _, token := range tokens {
			id := models.ClaimedItem(token)
			n, err := s.exec(`DELETE FROM claims WHERE item = ? AND by = ? AND token = ?`, id, by, token)
			if err == nil && n > 0 {
				_, err = s.relaneID(id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// HeldClaims lists what by holds at a time, the oldest claim first.
func (d *Documents) HeldClaims(ctx context.Context, by string, now time.Time) ([]models.Claimed, error) {
	var out []models.Claimed
	err := d.r.each(ctx, `SELECT c.item, c.by, c.token, c.at, c.expires, i.doc, d.doc FROM claims c JOIN items i ON i.id = c.item
		LEFT JOIN drafts d ON d.item = c.item AND d.by = c.by WHERE c.by = ? AND c.expires > ? ORDER BY c.at, c.item`, []any{by, micros(now)},
		func(scan scanner) error {
			var c models.Claimed
			var doc, draft []byte
			claims, err := appendClaim(nil, func(dest ...any) error { return scan(append(dest, &doc, &draft)...) })
			if err == nil {
				c.Claim = claims[0]
				err = decode(doc, &c.Item)
			}
			if err == nil && draft != nil {
				c.Draft = &models.Draft{}
				err = decode(draft, c.Draft)
			}
			out = append(out, c)
			return err
		})
	return out, fault("claims of "+by, err)
}
