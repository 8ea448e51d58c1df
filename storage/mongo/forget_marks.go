package mongo

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"weft/models"
	"weft/storage/document"
)

// What a forgotten hash means. A greater one replaces a smaller.
const (
	markHide = 1 // admitted hidden
	markGone = 2 // refused: the network deleted it
	markFirm = 3 // refused: a person asked for it
)

// remembered is how long the hash of what a network deleted, and what was
// never here, is kept: longer than any source looks back.
const remembered = 90 * 24 * time.Hour

// markDoc says what becomes of a post or author that comes later.
type markDoc struct {
	Hash   []byte `bson:"_id"`
	Act    int    `bson:"act"`
	Until  int64  `bson:"until"` // a day number; 0: for ever
	Reason string `bson:"reason"`
}

// mark is what marked finds.
type mark struct {
	act    int
	reason string
}

// newMark is the mark that a deletion or hiding leaves.
func newMark(hash []byte, d *models.Deletion, ever bool) markDoc {
	m := markDoc{Hash: hash, Act: markGone}
	if d.Firm() {
		m.Act = markFirm
	}
	if !ever {
		m.Until = dayNumber(time.Now().Add(remembered))
	}
	if d.Act == models.Hide {
		m.Act, m.Reason = markHide, document.HiddenReason(d)
	}
	return m
}

// mark remembers what is to become of a post or author that comes later, and
// reports whether that is new. A Show takes the mark away. It is called in a
// transaction: who marks the same hash at the same time writes the same document.
func (d *Documents) mark(ctx context.Context, hash []byte, del *models.Deletion, ever bool) (fresh bool, err error) {
	if del.Act == models.Show {
		return d.unmark(ctx, hash, del)
	}
	var have markDoc
	err = d.one(ctx, d.byID(cForgotten, hash), &have)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return false, err
	}
	m := newMark(hash, del, ever)
	if m.Act <= have.Act {
		return false, nil
	}
	err = d.put(ctx, d.byID(cForgotten, hash), m.change())
	return true, err
}

func (m *markDoc) change() bson.D {
	return bson.D{{Key: "$set", Value: bson.D{{Key: "act", Value: m.Act}, {Key: "until", Value: m.Until}, {Key: "reason", Value: m.Reason}}}}
}

// unmark takes a mark away. An account that a network deleted may come back; a
// post never does. What a person wanted, only a person takes back.
func (d *Documents) unmark(ctx context.Context, hash []byte, del *models.Deletion) (bool, error) {
	cond := bson.D{{Key: "_id", Value: hash}}
	if !del.Firm() {
		strongest := markHide
		if del.Author != "" {
			strongest = markGone
		}
		cond = append(cond, bson.E{Key: "act", Value: bson.D{{Key: "$lte", Value: strongest}}},
			bson.E{Key: "$nor", Value: bson.A{bson.D{{Key: "act", Value: markHide}, {Key: "reason", Value: bson.Regex{Pattern: byPeople().String()}}}}})
	}
	n, err := d.remove(ctx, d.where(cForgotten+primary, cond))
	return n > 0, err
}

// byPeople is how the reason of a hiding begins that a person asked for.
func byPeople() *regexp.Regexp { return regexp.MustCompile(`^(operator|request):`) }

// dayNumber counts days: all that an expiry needs.
func dayNumber(t time.Time) int64 { return t.Unix() / 86400 }

// marked says what is to become of a post: the stronger of its own mark and its author's.
func (d *Documents) marked(ctx context.Context, p *models.Post) (act int, reason string, err error) {
	found, err := d.markedAny(ctx, []*models.Post{p})
	return found[p.ID].act, found[p.ID].reason, err
}

// markedAny is marked for many posts, by post id; posts without a mark are not in it.
func (d *Documents) markedAny(ctx context.Context, posts []*models.Post) (map[string]mark, error) {
	whose := map[string][]string{} // posts by hash
	for _, p := range posts {
		whose[string(d.salt.Post(p.ID))] = []string{p.ID}
	}
	for _, p := range posts {
		if h := d.salt.Author(p.Source, document.AuthorOf(p.Author)); h != nil {
			whose[string(h)] = append(whose[string(h)], p.ID)
		}
	}
	return d.strongest(ctx, whose)
}

// strongest returns by post the strongest mark on any of its hashes, of which
// whose tells the posts; posts without a mark are not in it.
func (d *Documents) strongest(ctx context.Context, whose map[string][]string) (map[string]mark, error) {
	found := map[string]mark{}
	marks, err := d.marks(ctx, slices.Collect(maps.Keys(whose)))
	for _, m := range marks {
		for _, id := range whose[string(m.Hash)] {
			if m.Act > found[id].act {
				found[id] = mark{m.Act, m.Reason}
			}
		}
	}
	return found, err
}

// marks reads those of the hashes that are marked.
func (d *Documents) marks(ctx context.Context, hashes []string) ([]markDoc, error) {
	var out []markDoc
	for some := range slices.Chunk(hashes, looked) {
		var list bson.A
		for _, h := range some {
			list = append(list, []byte(h))
		}
		marks, err := collect[markDoc](ctx, d, d.where(cForgotten+primary, among("_id", list)))
		if err != nil {
			return nil, err
		}
		out = append(out, marks...)
	}
	return out, nil
}

// looked is how many ids one look-up takes of which hardly any is there.
const looked = 1000

// gone reports whether a post was deleted, be it a tombstone or only a hash: a
// late write about it is not taken.
func (d *Documents) gone(ctx context.Context, post string) (bool, error) {
	var s stored
	err := d.one(ctx, d.byID(cPosts, post).only(with("tomb")), &s)
	if !errors.Is(err, models.ErrNotFound) {
		return s.Tomb, err
	}
	marks, err := d.marks(ctx, []string{string(d.salt.Post(post))})
	return len(marks) > 0 && marks[0].Act >= markGone, err
}

// lockLiving writes the counters of those of the posts that live, and returns
// which were deleted. It is how a transaction that adds something about a post
// conflicts with one that deletes it: whichever is second is repeated, and finds
// what the first did. A post that isn't here has no counter; there the two meet
// at the hash, see lockHash.
func (d *Documents) lockLiving(ctx context.Context, posts map[string]bool) (gone map[string]bool, err error) {
	ids := slices.Sorted(maps.Keys(posts))
	living := append(among("_id", ids), bson.E{Key: "tomb", Value: false})
	n, err := d.updateAll(ctx, d.where(cPosts+primary, living), incW())
	if err != nil || int(n) == len(ids) {
		return nil, err
	}
	gone, here := map[string]bool{}, map[string]bool{}
	err = d.each(ctx, d.where(cPosts+primary, among("_id", ids)).only(with("tomb")), func(doc bson.Raw) error {
		var s stored
		err := unmarshal(doc, &s)
		here[s.ID], gone[s.ID] = true, s.Tomb
		return err
	})
	for _, id := range ids {
		if err == nil && !here[id] {
			gone[id], err = d.lockHash(ctx, d.salt.Post(id))
		}
	}
	return gone, err
}

// lockHash writes the hash of a post that isn't here, or of its author, and
// takes it back at once, unless it is marked: nothing stays, yet a transaction
// that marks it meanwhile conflicts, as any two do that write the same key.
func (d *Documents) lockHash(ctx context.Context, hash []byte) (gone bool, err error) {
	if err := d.put(ctx, d.byID(cForgotten, hash), bson.D{
		{Key: "$inc", Value: bson.D{{Key: "w", Value: 1}}}, {Key: "$setOnInsert", Value: bson.D{{Key: "act", Value: 0}}},
	}); err != nil {
		return false, err
	}
	n, err := d.remove(ctx, d.where(cForgotten+primary, bson.D{{Key: "_id", Value: hash}, {Key: "act", Value: 0}}))
	if err != nil || n > 0 {
		return false, err
	}
	var m markDoc
	err = d.one(ctx, d.byID(cForgotten, hash), &m)
	return m.Act >= markGone, err
}

// expired are the hashes that one call of Expire forgets at most.
const expired = 10_000

// Expire forgets hashes whose time is over, up to 10,000 in a call.
func (d *Documents) Expire(ctx context.Context, now time.Time) (int64, error) {
	var n int64
	over := bson.D{{Key: "until", Value: bson.D{{Key: "$gt", Value: 0}, {Key: "$lt", Value: dayNumber(now)}}}}
	docs, err := collect[markDoc](ctx, d, d.where(forgottenUntil, over).only(asc("_id")).limit(expired))
	for list := range slices.Chunk(docs, listed) {
		var ids bson.A
		for i := range list {
			ids = append(ids, list[i].Hash)
		}
		var some int64
		if err == nil { // one that was marked anew meanwhile stays
			some, err = d.remove(ctx, d.where(cForgotten+primary, append(among("_id", ids), over...)))
		}
		n += some
	}
	return n, fault("expire hashes", err)
}
