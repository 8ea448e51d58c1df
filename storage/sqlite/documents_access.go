package sqlite

import (
	"context"
	"time"

	"weft/models"
)

// AddKey keeps a new key; ErrConflict if its id is there.
func (d *Documents) AddKey(ctx context.Context, k models.APIKey) error {
	k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.UsedAt = k.CreatedAt.UTC(), k.ExpiresAt.UTC(), k.RevokedAt.UTC(), k.UsedAt.UTC()
	doc, err := encode(&k)
	if err != nil {
		return fault("add key "+k.ID, err)
	}
	return fault("add key "+k.ID, d.w.do(ctx, func(s *session) error {
		n, err := s.exec(`INSERT INTO api_keys(id, created, revoked, used, doc) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			k.ID, micros(k.CreatedAt), micros(k.RevokedAt), micros(k.UsedAt), doc)
		if err == nil && n == 0 {
			err = models.ErrConflict
		}
		return err
	}))
}

// Key returns a key, revoked or not, or ErrNotFound.
func (d *Documents) Key(ctx context.Context, id string) (models.APIKey, error) {
	var doc []byte
	var revoked, used int64
	err := d.r.one(ctx, `SELECT revoked, used, doc FROM api_keys WHERE id = ?`, []any{id}, &revoked, &used, &doc)
	if err != nil {
		return models.APIKey{}, fault("key "+id, absent(err))
	}
	k, err := keyOf(revoked, used, doc)
	return k, fault("key "+id, err)
}

// keyOf puts a key together: its marks are columns, so that two of them can be
// set at the same time.
func keyOf(revoked, used int64, doc []byte) (models.APIKey, error) {
	var k models.APIKey
	err := decode(doc, &k)
	k.RevokedAt, k.UsedAt = fromMicros(revoked), fromMicros(used)
	return k, err
}

// Keys returns all keys, the newest first.
func (d *Documents) Keys(ctx context.Context) ([]models.APIKey, error) {
	var out []models.APIKey
	err := d.r.each(ctx, `SELECT revoked, used, doc FROM api_keys ORDER BY created DESC, id`, nil, func(scan scanner) error {
		var doc []byte
		var revoked, used int64
		if err := scan(&revoked, &used, &doc); err != nil {
			return err
		}
		k, err := keyOf(revoked, used, doc)
		out = append(out, k)
		return err
	})
	return out, fault("keys", err)
}

// RevokeKey ends a key for ever; the first time counts. ErrNotFound if there is none.
func (d *Documents) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return fault("revoke key "+id, d.markKey(ctx, `UPDATE api_keys SET revoked = CASE revoked WHEN 0 THEN ? ELSE revoked END WHERE id = ?`, id, at))
}

// UseKey notes when a key was used last; an earlier time changes nothing.
// ErrNotFound if there is none.
func (d *Documents) UseKey(ctx context.Context, id string, at time.Time) error {
	return fault("use key "+id, d.markKey(ctx, `UPDATE api_keys SET used = max(used, ?) WHERE id = ?`, id, at))
}

func (d *Documents) markKey(ctx context.Context, query, id string, at time.Time) error {
	return d.w.do(ctx, func(s *session) error {
		n, err := s.exec(query, micros(at), id)
		if err == nil && n == 0 {
			err = models.ErrNotFound
		}
		return err
	})
}

// AddSession keeps a login, and forgets those that ended before it began.
func (d *Documents) AddSession(ctx context.Context, v models.Session) error {
	v.CreatedAt, v.ExpiresAt = v.CreatedAt.UTC(), v.ExpiresAt.UTC()
	doc, err := encode(&v)
	if err != nil {
		return fault("add session", err)
	}
	return fault("add session", d.w.do(ctx, func(s *session) error {
		if _, err := s.exec(`DELETE FROM sessions WHERE expires <= ?`, micros(v.CreatedAt)); err != nil {
			return err
		}
		n, err := s.exec(`INSERT INTO sessions(id, expires, doc) VALUES(?, ?, ?) ON CONFLICT DO NOTHING`, v.ID, micros(v.ExpiresAt), doc)
		if err == nil && n == 0 {
			err = models.ErrConflict
		}
		return err
	}))
}

// Session returns a login, be it over or not, or ErrNotFound.
func (d *Documents) Session(ctx context.Context, id string) (models.Session, error) {
	var v models.Session
	var doc []byte
	err := d.r.one(ctx, `SELECT doc FROM sessions WHERE id = ?`, []any{id}, &doc)
	if err == nil {
		err = decode(doc, &v)
	}
	return v, fault("session", absent(err))
}

// EndSession forgets a login; it is no error when there is none.
func (d *Documents) EndSession(ctx context.Context, id string) error {
	return fault("end session", d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`DELETE FROM sessions WHERE id = ?`, id)
		return err
	}))
}

// PutAuditLine writes a line of the audit log, in the place of the one of its id.
func (d *Documents) PutAuditLine(ctx context.Context, l models.AuditLine) error {
	l.At = l.At.UTC()
	doc, err := encode(&l)
	if err != nil {
		return fault("audit", err)
	}
	return fault("audit", d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`INSERT OR REPLACE INTO audit_lines(id, by, action, doc) VALUES(?, ?, ?, ?)`, l.ID, l.By, l.Action, doc)
		return err
	}))
}

// AuditLines returns lines of the audit log, the newest first.
func (d *Documents) AuditLines(ctx context.Context, f models.AuditFilter) ([]models.AuditLine, error) {
	var out []models.AuditLine
	err := d.r.each(ctx, `SELECT doc FROM audit_lines WHERE (? = '' OR id < ?) AND (? = '' OR by = ?) AND (? = '' OR action = ?) ORDER BY id DESC LIMIT ?`,
		[]any{f.Before, f.Before, f.By, f.By, f.Action, f.Action, limit(f.Limit, 100)}, func(scan scanner) error {
			var doc []byte
			if err := scan(&doc); err != nil {
				return err
			}
			var l models.AuditLine
			err := decode(doc, &l)
			out = append(out, l)
			return err
		})
	return out, fault("audit lines", err)
}

// ReserveRequest keeps a request that must not be done twice. If one of its id is there
// already and not yet expired at r.At, that one is returned with ErrConflict.
func (d *Documents) ReserveRequest(ctx context.Context, r models.Reservation) (models.Reservation, error) {
	r.At, r.Expires = r.At.UTC(), r.Expires.UTC()
	doc, err := encode(&r)
	if err != nil {
		return r, fault("reserve", err)
	}
	err = d.w.do(ctx, func(s *session) error {
		if _, err := s.exec(`DELETE FROM reservations WHERE expires <= ?`, micros(r.At)); err != nil {
			return err
		}
		n, err := s.exec(`INSERT INTO reservations(id, expires, doc) VALUES(?, ?, ?) ON CONFLICT DO NOTHING`, r.ID, micros(r.Expires), doc)
		if err != nil || n > 0 {
			return err
		}
		var there []byte
		if err := s.one(`SELECT doc FROM reservations WHERE id = ?`, []any{r.ID}, &there); err != nil {
			return err
		}
		r = models.Reservation{}
		if err := decode(there, &r); err != nil {
			return err
		}
		return models.ErrConflict
	})
	return r, fault("reserve", err)
}

// SettleRequest keeps what a reserved request was answered.
func (d *Documents) SettleRequest(ctx context.Context, r models.Reservation) error {
	r.At, r.Expires = r.At.UTC(), r.Expires.UTC()
	doc, err := encode(&r)
	if err != nil {
		return fault("settle", err)
	}
	return fault("settle", d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`INSERT OR REPLACE INTO reservations(id, expires, doc) VALUES(?, ?, ?)`, r.ID, micros(r.Expires), doc)
		return err
	}))
}

// ReleaseRequest gives a reservation back: the request was not done.
func (d *Documents) ReleaseRequest(ctx context.Context, id string) error {
	return fault("release", d.w.do(ctx, func(s *session) error {
		_, err := s.exec(`DELETE FROM reservations WHERE id = ?`, id)
		return err
	}))
}
