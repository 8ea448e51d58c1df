package elastic

import (
	"context"
)

// write does a batch: one bulk request for the documents, one look at what was
// deleted meanwhile, and the deletions. It sets the outcome of each change.
func (s *Search) write(batch []*change) {
	ctx := context.Background() // callers may have left, and others wait; each call has its own time
	var puts, deletes []*change
	for _, c := range batch {
		if c.deleted {
			deletes = append(deletes, c)
		} else {
			puts = append(puts, c)
		}
	}
	if len(puts) > 0 {
		s.put(ctx, puts)
	}
	if len(deletes) > 0 {
		s.remove(ctx, deletes)
	}
}

// put stores documents. A conflict means that a newer version is there, which
// is what was wanted, with two exceptions to look after: a document may be
// deleted at the very version that comes now, and so come back; and one may be
// deleted that was in no month, which only the list of those knows. A deletion
// is listed before its documents are looked for, and here documents are stored
// before the list is read: so one of the two sees the other.
func (s *Search) put(ctx context.Context, puts []*change) {
	conflicted := s.store(ctx, puts, false)
	for {
		var live []*change
		for _, c := range puts {
			if c.err == nil {
				live = append(live, c)
			}
		}
		back, err := s.settle(ctx, live, conflicted)
		if err != nil {
			fail(live, err)
			return
		}
		if len(back) == 0 {
			return
		}
		s.store(ctx, back, true)
		puts, conflicted = back, nil
	}
}

// store sends documents to their months, made if need be. It returns those that
// met a version as new as theirs. With same, one of their own version is overtaken.
func (s *Search) store(ctx context.Context, puts []*change, same bool) map[*change]bool {
	conflicted := map[*change]bool{}
	m, err := s.seenMonths(ctx)
	if err != nil {
		fail(puts, err)
		return conflicted
	}
	for try := 0; ; try++ {
		var lost []*change
		ops, of := s.putOps(ctx, m, puts, same)
		for i, err := range s.bulk(ctx, ops) {
			c := of[i]
			switch {
			case err == nil, conflicts(err) && ops[i].same:
			case conflicts(err):
				conflicted[c] = true
			case noMonth(err) && try == 0: // dropped or replaced since it was seen
				lost = append(lost, c)
			default:
				c.err = err
			}
		}
		if len(lost) == 0 {
			return conflicted
		}
		if m, err = s.loadMonths(ctx); err != nil {
			fail(lost, err)
			return conflicted
		}
		puts = lost
	}
}

// putOps makes the months of puts and returns what to send, and for whom. What
// goes to a build under way may be there already, copied from the documents.
func (s *Search) putOps(ctx context.Context, m *months, puts []*change, same bool) (ops []op, of []*change) {
	broken := map[string]error{}
	for _, c := range puts {
		if _, tried := broken[c.month]; tried {
			continue
		}
		with, err := s.ensure(ctx, m, c.month)
		if err == nil {
			m = with
		}
		broken[c.month] = err
	}
	for _, c := range puts {
		if err := broken[c.month]; err != nil {
			c.err = err
			continue
		}
		ops = append(ops, op{index: s.writeAlias(c.month), alias: true, id: c.id, version: c.version, same: same, doc: c.doc})
		of = append(of, c)
		if m.next > 0 {
			ops = append(ops, op{index: s.nextAlias(c.month), alias: true, id: c.id, version: c.version, same: true, doc: c.doc})
			of = append(of, c)
		}
	}
	return ops, of
}

// settle looks at what was stored. It deletes again what a listed deletion is
// newer than, and returns the changes that met nothing but the deletion of
// their own version, or an older one, and so are to be stored after all.
func (s *Search) settle(ctx context.Context, live []*change, conflicted map[*change]bool) (back []*change, err error) {
	var looks []look
	for _, c := range live {
		looks = append(looks, look{index: s.goneIndex(), id: c.id, source: true})
		if conflicted[c] {
			looks = append(looks, look{index: s.writeAlias(c.month), id: c.id})
		}
	}
	got, err := s.mget(ctx, looks)
	if err != nil {
		return nil, err
	}
	var late []*change // deleted since, each with the version of its deletion
	var of []*change
	for i, next := 0, 0; i < len(live); i++ {
		c, listed := live[i], got[next].deletedAt()
		next++
		there := true
		if conflicted[c] {
			there = got[next].found
			next++
		}
		switch {
		case listed > c.version:
			late = append(late, &change{id: c.id, version: listed, month: c.month, deleted: true})
			of = append(of, c)
		case !there:
			back = append(back, c)
		}
	}
	s.removeFrom(ctx, late, false) // one of the deletion's own version came back since
	for i, c := range late {
		of[i].err = c.err
	}
	return back, nil
}

// remove deletes documents wherever they are. Those that are nowhere are listed
// as deleted, and then looked for once more; see put.
func (s *Search) remove(ctx context.Context, deletes []*change) {
	m, err := s.seenMonths(ctx)
	if err != nil {
		fail(deletes, err)
		return
	}
	missing := s.removeFound(ctx, m, deletes)
	if len(missing) == 0 {
		return
	}
	s.list(ctx, missing)
	var listed []*change
	for _, c := range missing {
		if c.err == nil {
			listed = append(listed, c)
		}
	}
	if m, err = s.loadMonths(ctx); err != nil {
		fail(listed, err)
		return
	}
	s.removeFound(ctx, m, listed)
	s.sweepGone(ctx)
}

// removeFound deletes the documents that are in a month, and returns the
// changes whose documents are in none.
func (s *Search) removeFound(ctx context.Context, m *months, deletes []*change) (missing []*change) {
	ids := make([]string, 0, len(deletes))
	for _, c := range deletes {
		ids = append(ids, c.id)
	}
	found, err := s.find(ctx, ids, false, m.serving, m.building) // the old build may lack what the new one has
	if err != nil {
		fail(deletes, err)
		return nil
	}
	var in, of []*change
	for _, c := range deletes {
		places := found[c.id]
		if len(places) == 0 {
			missing = append(missing, c)
		}
		for _, p := range places {
			in = append(in, &change{id: c.id, version: c.version, month: p.month, deleted: true})
			of = append(of, c)
		}
	}
	s.removeFrom(ctx, in, true)
	for i, c := range in {
		if c.err != nil {
			of[i].err = c.err
		}
	}
	return missing
}

// removeFrom deletes documents of known months. A build under way learns of the
// deletion even if it has no such document yet: one may be on its way there.
// With same, documents of the deletion's own version go too.
func (s *Search) removeFrom(ctx context.Context, deletes []*change, same bool) {
	if len(deletes) == 0 {
		return
	}
	m, err := s.seenMonths(ctx)
	if err != nil {
		fail(deletes, err)
		return
	}
	var ops []op
	var of []*change
	for _, c := range deletes {
		if m, err = s.ensure(ctx, m, c.month); err != nil {
			fail(deletes, err)
			return
		}
		for _, index := range []string{m.serving[c.month], m.building[c.month]} {
			if index != "" {
				ops = append(ops, op{index: index, id: c.id, version: c.version, same: same})
				of = append(of, c)
			}
		}
	}
	for i, err := range s.bulk(ctx, ops) {
		if err != nil && !conflicts(err) && !noMonth(err) {
			of[i].err = err
		}
	}
}

// fail gives all of them the same outcome.
func fail(changes []*change, err error) {
	for _, c := range changes {
		c.err = err
	}
}
