package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weft/models"
	"weft/storage/document"
)

// Item returns one item, or ErrNotFound.
func (d *Documents) Item(ctx context.Context, id string) (models.Item, error) {
	var doc []byte
	var it models.Item
	err := d.r.one(ctx, `SELECT doc FROM items WHERE id = ?`, []any{id}, &doc)
	if err == nil {
		err = decode(doc, &it)
	}
	return it, fault("item "+id, absent(err))
}

// PutItem writes an item whose Rev is one more than the stored one's (1: there
// is none yet); otherwise ErrConflict. A new item about a tombstoned post is
// ErrNotFound, so that a late one asks nobody about a deleted post.
func (d *Documents) PutItem(ctx context.Context, it models.Item) error {
	return fault("put item "+it.ID, d.w.do(ctx, func(s *session) error { return s.putItem(it) }))
}

func (s *session) putItem(it models.Item) error {
	document.UTCItem(&it)
	doc, err := encode(&it)
	if err != nil {
		return err
	}
	open := it.State == models.ItemOpen || it.State == models.ItemEscalated
	verdict, _ := it.Judge()
	waiting := 0
	switch {
	case open && it.Parking && verdict != models.Unsettled,
		it.State == models.ItemClosed && it.Parking && verdict == models.Settled: // its labels may not have come to the post
		waiting = waitsForRun
	case it.State == models.ItemWithdrawn && it.Parking:
		waiting = waitsForRun
	case open && !it.Parking && verdict == models.Settled:
		waiting = waitsForPost
	}
	if open || it.Rev == 1 {
		if err := s.mayAsk(&it); err != nil {
			return err
		}
	}
	var n int64
	if it.Rev == 1 {
		n, err = s.exec(`INSERT INTO items(id, rev, post, profile, state, waiting, priority, opened_at, doc)
			VALUES(?, 1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			it.ID, it.Post, it.Profile, string(it.State), waiting, it.Priority, micros(it.OpenedAt), doc)
	} else {
		n, err = s.exec(`UPDATE items SET rev = ?, state = ?, waiting = ?, priority = ?, opened_at = ?, doc = ? WHERE id = ? AND rev = ?`,
			it.Rev, string(it.State), waiting, it.Priority, micros(it.OpenedAt), doc, it.ID, it.Rev-1)
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return models.ErrConflict
	}
	if err := s.endClaims(&it); err != nil {
		return err
	}
	if err := s.listAnswers(&it); err != nil {
		return err
	}
	return s.relane(&it)
}

// mayAsk refuses a question about a deleted post, which would stay for ever, and
// one about a post that nobody is to look at: whoever opens it read an older post.
func (s *session) mayAsk(it *models.Item) error {
	gone, err := s.gone(it.Post)
	if err != nil {
		return err
	}
	if gone {
		return models.ErrNotFound
	}
	var adult bool
	err = absent(s.one(`SELECT adult FROM posts WHERE id = ?`, []any{it.Post}, &adult))
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err == nil && adult {
		err = fmt.Errorf("%w: the post is for adults", models.ErrConflict)
	}
	return err
}

// withdraw takes back the questions about a post. If the post lives, those that
// are settled stay as they are, and the runs that wait for the others are to be
// woken; else what people said is forgotten too.
func (s *session) withdraw(post string, lives bool) error {
	var items []models.Item
	err := s.each(`SELECT doc FROM items i WHERE post = ? AND (state <> ? OR ? AND EXISTS (SELECT 1 FROM answers a WHERE a.item = i.id))`,
		[]any{post, string(models.ItemWithdrawn), !lives},
		func(scan scanner) (err error) {
			items, err = appendItem(items, scan)
			return err
		})
	if err != nil {
		return err
	}
	for _, it := range items {
		if lives && it.State != models.ItemOpen && it.State != models.ItemEscalated {
			continue
		}
		it.Rev++
		it.State = models.ItemWithdrawn
		if !lives {
			it = emptied(it)
			if _, err := s.exec(`DELETE FROM drafts WHERE item = ?`, it.ID); err != nil {
				return err
			}
		}
		if err := s.putItem(it); err != nil {
			return err
		}
	}
	return nil
}

// emptied is an item of a deleted post: what it asked for, without what anybody said.
func emptied(it models.Item) models.Item {
	it.Parking, it.Answers, it.Gold, it.Reason = false, nil, nil, ""
	it.Questions = slices.Clone(it.Questions)
	for i := range it.Questions {
		it.Questions[i].Suggestion, it.Questions[i].Boxes = nil, nil
	}
	return it
}

func appendItem(items []models.Item, scan scanner) ([]models.Item, error) {
	var doc []byte
	if err := scan(&doc); err != nil {
		return items, err
	}
	var it models.Item
	err := decode(doc, &it)
	return append(items, it), err
}

// Items returns items, the highest priority first, then the oldest. Open ones
// about posts that are hidden, or for adults, are left out.
func (d *Documents) Items(ctx context.Context, f models.ItemFilter) ([]models.Item, error) {
	where, args := []string{"1"}, []any{}
	if len(f.States) > 0 {
		where = append(where, "state IN (?"+strings.Repeat(",?", len(f.States)-1)+")")
		for _, st := range f.States {
			args = append(args, string(st))
		}
	}
	if slices.Contains(f.States, models.ItemOpen) || slices.Contains(f.States, models.ItemEscalated) {
		where = append(where, "NOT EXISTS (SELECT 1 FROM posts p WHERE p.id = items.post AND (p.hidden > 0 OR p.adult > 0))")
	}
	if f.Contested {
		where = append(where, "contested = 1")
	}
	if f.Profile != "" {
		where, args = append(where, "profile = ?"), append(args, f.Profile)
	}
	if a := f.After; a != nil {
		where = append(where, "priority <= ? AND (priority < ? OR opened_at > ? OR (opened_at = ? AND id > ?))")
		args = append(args, a.Priority, a.Priority, micros(a.OpenedAt), micros(a.OpenedAt), a.ID)
	}
	query := "SELECT doc FROM items WHERE " + strings.Join(where, " AND ") + " ORDER BY priority DESC, opened_at, id LIMIT ?"
	out, err := d.items(ctx, query, append(args, limit(f.Limit, 100)))
	return out, fault("items", err)
}

// What an answered item waits for, as its column says.
const (
	waitsForRun  = 1 // its run is to be woken
	waitsForPost = 2 // its labels are to be put on the post
)

// Answered returns open and escalated items whose answers suffice (or call for
// another person) and that nobody is at work on: a parked or ended run's, and
// settled ones that no run waits for. Withdrawn ones that a run still waits for
// are among them. The oldest come first.
func (d *Documents) Answered(ctx context.Context, max int) ([]models.Item, error) {
	out, err := d.items(ctx, `SELECT i.doc FROM items i LEFT JOIN runs r ON r.post = i.post AND r.profile = i.profile
		WHERE i.waiting = ? OR (i.waiting = ? AND (r.state IS NULL OR r.state <> ?)) ORDER BY i.opened_at LIMIT ?`,
		[]any{waitsForPost, waitsForRun, string(models.Queued), limit(max, 100)})
	return out, fault("answered items", err)
}

func (d *Documents) items(ctx context.Context, query string, args []any) ([]models.Item, error) {
	var out []models.Item
	err := d.r.each(ctx, query, args, func(scan scanner) (err error) {
		out, err = appendItem(out, scan)
		return err
	})
	return out, err
}
