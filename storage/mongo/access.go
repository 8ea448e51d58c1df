package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
)

// storedKey is a key; its marks are fields of their own, so that two of them can
// be set at the same time.
type storedKey struct {
	ID      string   `bson:"_id"`
	Created int64    `bson:"created"`
	Revoked int64    `bson:"revoked"`
	Used    int64    `bson:"used"`
	Key     bson.Raw `bson:"key"`
}

func (s storedKey) key() (models.APIKey, error) {
	var k models.APIKey
	err := decode(s.Key, &k)
	k.RevokedAt, k.UsedAt = fromMicros(s.Revoked), fromMicros(s.Used)
	return k, err
}

// AddKey keeps a new key; ErrConflict if its id is there.
func (d *Documents) AddKey(ctx context.Context, k models.APIKey) error {
	k.CreatedAt, k.ExpiresAt, k.RevokedAt, k.UsedAt = k.CreatedAt.UTC(), k.ExpiresAt.UTC(), k.RevokedAt.UTC(), k.UsedAt.UTC()
	doc, err := encode(&k)
	if err != nil {
		return fault("add key "+k.ID, err)
	}
	fresh, err := d.insert(ctx, cKeys, storedKey{ID: k.ID, Created: micros(k.CreatedAt), Revoked: micros(k.RevokedAt), Used: micros(k.UsedAt), Key: doc})
	if err == nil && !fresh {
		err = models.ErrConflict
	}
	return fault("add key "+k.ID, err)
}

// Key returns a key, revoked or not, or ErrNotFound.
func (d *Documents) Key(ctx context.Context, id string) (models.APIKey, error) {
	var s storedKey
	var k models.APIKey
	err := d.one(ctx, d.byID(cKeys, id), &s)
	if err == nil {
		k, err = s.key()
	}
	return k, fault("key "+id, err)
}

// Keys returns all keys, the newest first.
func (d *Documents) Keys(ctx context.Context) ([]models.APIKey, error) {
	var out []models.APIKey
	err := d.each(ctx, d.where(keysCreated, nil).sorted(bson.D{{Key: "created", Value: -1}, {Key: "_id", Value: 1}}), func(doc bson.Raw) error {
		var s storedKey
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		k, err := s.key()
		out = append(out, k)
		return err
	})
	return out, fault("keys", err)
}

// RevokeKey ends a key for ever; the first time counts. ErrNotFound if there is none.
func (d *Documents) RevokeKey(ctx context.Context, id string, at time.Time) error {
	first := d.where(cKeys+primary, bson.D{{Key: "_id", Value: id}, {Key: "revoked", Value: 0}})
	n, err := d.update(ctx, first, bson.D{{Key: "$set", Value: bson.D{{Key: "revoked", Value: micros(at)}}}})
	if err == nil && n == 0 { // it was revoked before, or there is none
		var s storedKey
		err = d.one(ctx, d.byID(cKeys, id), &s)
	}
	return fault("revoke key "+id, err)
}

// UseKey notes when a key was used last; an earlier time changes nothing.
// ErrNotFound if there is none.
func (d *Documents) UseKey(ctx context.Context, id string, at time.Time) error {
	n, err := d.update(ctx, d.byID(cKeys, id), bson.D{{Key: "$max", Value: bson.D{{Key: "used", Value: micros(at)}}}})
	if err == nil && n == 0 {
		err = models.ErrNotFound
	}
	return fault("use key "+id, err)
}

// storedUntil is a document that is forgotten some day.
type storedUntil struct {
	ID      string   `bson:"_id"`
	Expires int64    `bson:"expires"`
	Doc     bson.Raw `bson:"doc"`
}

// expired removes what has expired at a time.
func (d *Documents) expired(ctx context.Context, index string, at time.Time) error {
	_, err := d.remove(ctx, d.where(index, bson.D{{Key: "expires", Value: bson.D{{Key: "$lte", Value: micros(at)}}}}))
	return err
}

// AddSession keeps a login, and forgets those that ended before it began.
func (d *Documents) AddSession(ctx context.Context, v models.Session) error {
	v.CreatedAt, v.ExpiresAt = v.CreatedAt.UTC(), v.ExpiresAt.UTC()
	doc, err := encode(&v)
	if err == nil {
		err = d.expired(ctx, sessionsExpires, v.CreatedAt)
	}
	if err != nil {
		return fault("add session", err)
	}
	fresh, err := d.insert(ctx, cSessions, storedUntil{ID: v.ID, Expires: micros(v.ExpiresAt), Doc: doc})
	if err == nil && !fresh {
		err = models.ErrConflict
	}
	return fault("add session", err)
}

// Session returns a login, be it over or not, or ErrNotFound.
func (d *Documents) Session(ctx context.Context, id string) (models.Session, error) {
	var s storedUntil
	var v models.Session
	err := d.one(ctx, d.byID(cSessions, id), &s)
	if err == nil {
		err = decode(s.Doc, &v)
	}
	return v, fault("session", err)
}

// EndSession forgets a login; it is no error when there is none.
func (d *Documents) EndSession(ctx context.Context, id string) error {
	_, err := d.remove(ctx, d.byID(cSessions, id))
	return fault("end session", err)
}

// storedLine is a line of the audit log.
type storedLine struct {
	ID     string   `bson:"_id"`
	By     string   `bson:"by"`
	Action string   `bson:"action"`
	Line   bson.Raw `bson:"line"`
}

// PutAuditLine writes a line of the audit log, in the place of the one of its id.
func (d *Documents) PutAuditLine(ctx context.Context, l models.AuditLine) error {
	l.At = l.At.UTC()
	doc, err := encode(&l)
	if err == nil {
		err = d.put(ctx, d.byID(cLines, l.ID), bson.D{{Key: "$set", Value: bson.D{
			{Key: "by", Value: l.By}, {Key: "action", Value: l.Action}, {Key: "line", Value: doc}}}})
	}
	return fault("audit", err)
}

// AuditLines returns lines of the audit log, the newest first.
func (d *Documents) AuditLines(ctx context.Context, f models.AuditFilter) ([]models.AuditLine, error) {
	var cond bson.D
	if f.Before != "" {
		cond = append(cond, bson.E{Key: "_id", Value: bson.D{{Key: "$lt", Value: f.Before}}})
	}
	if f.By != "" {
		cond = append(cond, bson.E{Key: "by", Value: f.By})
	}
	if f.Action != "" {
		cond = append(cond, bson.E{Key: "action", Value: f.Action})
	}
	n := f.Limit
	if n <= 0 {
		n = 100
	}
	var out []models.AuditLine
	err := d.each(ctx, d.where(cLines+primary, cond).sorted(bson.D{{Key: "_id", Value: -1}}).limit(n), func(doc bson.Raw) error {
		var s storedLine
		if err := unmarshal(doc, &s); err != nil {
			return err
		}
		var l models.AuditLine
		err := decode(s.Line, &l)
		out = append(out, l)
		return err
	})
	return out, fault("audit lines", err)
}

// ReserveRequest keeps a request that must not be done twice. If one of its id is
// there already and not yet expired at r.At, that one is returned with ErrConflict.
func (d *Documents) ReserveRequest(ctx context.Context, r models.Reservation) (models.Reservation, error) {
	r.At, r.Expires = r.At.UTC(), r.Expires.UTC()
	doc, err := encode(&r)
	if err == nil {
		err = d.expired(ctx, reservedExpires, r.At)
	}
	if err != nil {
		return r, fault("reserve", err)
	}
	const tries = 3 // what is in the way may be released meanwhile
	for range tries {
		fresh, err := d.insert(ctx, cReserved, storedUntil{ID: r.ID, Expires: micros(r.Expires), Doc: doc})
		if err != nil || fresh {
			return r, fault("reserve", err)
		}
		var s storedUntil
		err = d.one(ctx, d.byID(cReserved, r.ID), &s)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		var there models.Reservation
		if err == nil {
			err = decode(s.Doc, &there)
		}
		if err == nil {
			err = models.ErrConflict
		}
		return there, fault("reserve", err)
	}
	return r, fault("reserve", models.Faultf(models.Unavailable, "it comes and goes"))
}

// SettleRequest keeps what a reserved request was answered.
func (d *Documents) SettleRequest(ctx context.Context, r models.Reservation) error {
	r.At, r.Expires = r.At.UTC(), r.Expires.UTC()
	doc, err := encode(&r)
	if err == nil {
		err = d.put(ctx, d.byID(cReserved, r.ID), bson.D{{Key: "$set", Value: bson.D{{Key: "expires", Value: micros(r.Expires)}, {Key: "doc", Value: doc}}}})
	}
	return fault("settle", err)
}

// ReleaseRequest gives a reservation back: the request was not done.
func (d *Documents) ReleaseRequest(ctx context.Context, id string) error {
	_, err := d.remove(ctx, d.byID(cReserved, id))
	return fault("release", err)
}
