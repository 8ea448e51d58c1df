package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weft/models"
)

func access() []behaviour {
	return []behaviour{
		{"keys", keys},
		{"marks of a key don't overwrite each other", keyMarks},
		{"sessions", sessions},
		{"lines of the audit log", auditLines},
		{"a request is reserved by one", reservations},
		{"one of fifty racing requests is reserved", reservationRace},
	}
}

func aKey(id string, created time.Duration) models.APIKey {
	return models.APIKey{ID: id, Name: "丝绸", Role: models.Labeler, Hash: "ab12", CreatedAt: t0().Add(created), CreatedBy: "k0", ExpiresAt: t0().Add(90 * time.Hour)}
}

func keys(t *testing.T, s Store) {
	_, err := s.Key(t.Context(), "k1")
	wantErr(t, err, models.ErrNotFound)
	none, err := s.Keys(t.Context())
	must(t, err)
	same(t, "none", []models.APIKey(nil), none)
	a, b := aKey("k1", 0), aKey("k2", time.Second)
	a.ExpiresAt = a.ExpiresAt.In(time.FixedZone("", 3600))
	must(t, s.AddKey(t.Context(), a))
	must(t, s.AddKey(t.Context(), b))
	other := b
	other.Name = "a second one of that id"
	wantErr(t, s.AddKey(t.Context(), other), models.ErrConflict)
	a.ExpiresAt = a.ExpiresAt.UTC()
	got, err := s.Key(t.Context(), "k1")
	must(t, err)
	same(t, "key", a, got)
	all, err := s.Keys(t.Context())
	must(t, err)
	same(t, "all keys", []models.APIKey{b, a}, all)
}

func keyMarks(t *testing.T, s Store) {
	for _, err := range []error{s.RevokeKey(t.Context(), "k1", t0()), s.UseKey(t.Context(), "k1", t0())} {
		wantErr(t, err, models.ErrNotFound)
	}
	k := aKey("k1", 0)
	must(t, s.AddKey(t.Context(), k))
	must(t, s.UseKey(t.Context(), "k1", t0().Add(time.Minute)))
	must(t, s.UseKey(t.Context(), "k1", t0()))
	must(t, s.RevokeKey(t.Context(), "k1", t0().Add(time.Hour)))
	must(t, s.RevokeKey(t.Context(), "k1", t0().Add(2*time.Hour)))
	must(t, s.UseKey(t.Context(), "k1", t0().Add(3*time.Hour)))
	k.UsedAt, k.RevokedAt = t0().Add(3*time.Hour), t0().Add(time.Hour)
	got, err := s.Key(t.Context(), "k1")
	must(t, err)
	same(t, "key", k, got)
	all, err := s.Keys(t.Context())
	must(t, err)
	same(t, "all keys", []models.APIKey{k}, all)
}

func sessions(t *testing.T, s Store) {
	_, err := s.Session(t.Context(), "s1")
	wantErr(t, err, models.ErrNotFound)
	one := models.Session{ID: "s1", Name: "ana", Role: models.Admin, Key: "k1", CSRF: "c", CreatedAt: t0(), ExpiresAt: t0().Add(time.Hour)}
	must(t, s.AddSession(t.Context(), one))
	wantErr(t, s.AddSession(t.Context(), one), models.ErrConflict)
	got, err := s.Session(t.Context(), "s1")
	must(t, err)
	same(t, "session", one, got)
	two := one
	two.ID, two.CreatedAt, two.ExpiresAt = "s2", t0().Add(time.Hour), t0().Add(2*time.Hour)
	must(t, s.AddSession(t.Context(), two)) // the first one is over
	_, err = s.Session(t.Context(), "s1")
	wantErr(t, err, models.ErrNotFound)
	must(t, s.EndSession(t.Context(), "s2"))
	must(t, s.EndSession(t.Context(), "s2"))
	_, err = s.Session(t.Context(), "s2")
	wantErr(t, err, models.ErrNotFound)
}

func auditLines(t *testing.T, s Store) {
	var want []models.AuditLine
	for i := range 7 {
		l := models.AuditLine{
			ID: fmt.Sprintf("%03d", i), At: t0().Add(time.Duration(i) * time.Second), By: []string{"k1", "k2"}[i%2], Name: "ana", Role: models.Operator,
			Action: []string{"replay", "forget", "replay"}[i%3], Target: "/v1/x", Request: "r",
		}
		must(t, s.PutAuditLine(t.Context(), l))
		l.Status, l.Before, l.After = 200, `{"a":1}`, "水位"
		must(t, s.PutAuditLine(t.Context(), l))
		want = append([]models.AuditLine{l}, want...)
	}
	for _, c := range []struct {
		f    models.AuditFilter
		want []models.AuditLine
	}{
		{models.AuditFilter{}, want},
		{models.AuditFilter{Limit: 2}, want[:2]},
		{models.AuditFilter{Limit: 2, Before: "005"}, want[2:4]},
		{models.AuditFilter{By: "k2", Action: "forget"}, []models.AuditLine{want[5]}},
		{models.AuditFilter{Action: "replay", Before: "003"}, []models.AuditLine{want[4], want[6]}},
		{models.AuditFilter{By: "nobody"}, nil},
	} {
		got, err := s.AuditLines(t.Context(), c.f)
		must(t, err)
		same(t, fmt.Sprintf("lines of %+v", c.f), c.want, got)
	}
}

func reservations(t *testing.T, s Store) {
	r := models.Reservation{ID: "r1", Hash: "h1", At: t0(), Expires: t0().Add(time.Minute)}
	got, err := s.ReserveRequest(t.Context(), r)
	must(t, err)
	same(t, "reserved", r, got)
	late := r
	late.Hash, late.At, late.Expires = "h2", t0().Add(59*time.Second), t0().Add(time.Hour)
	got, err = s.ReserveRequest(t.Context(), late)
	wantErr(t, err, models.ErrConflict)
	same(t, "what is there", r, got)
	r.Status, r.Header, r.Body, r.Expires = 201, map[string]string{"Location": "/v1/x"}, []byte("{\x00\xff}"), t0().Add(time.Hour)
	must(t, s.SettleRequest(t.Context(), r))
	got, err = s.ReserveRequest(t.Context(), late)
	wantErr(t, err, models.ErrConflict)
	same(t, "what was answered", r, got)
	late.At, late.Expires = t0().Add(time.Hour), t0().Add(2*time.Hour)
	_, err = s.ReserveRequest(t.Context(), late) // the first has expired
	must(t, err)
	must(t, s.ReleaseRequest(t.Context(), "r1"))
	must(t, s.ReleaseRequest(t.Context(), "r1"))
	_, err = s.ReserveRequest(t.Context(), late)
	must(t, err)
}

func reservationRace(t *testing.T, s Store) {
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, err := s.ReserveRequest(t.Context(), models.Reservation{ID: "r", Hash: fmt.Sprint(i), At: t0(), Expires: t0().Add(time.Hour)})
			if err == nil {
				won.Add(1)
			} else {
				wantErr(t, err, models.ErrConflict)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won, want 1", won.Load())
	}
}
