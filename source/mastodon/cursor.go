package mastodon

import (
	"encoding/json"
	"slices"
	"time"
)

// cursor is how far a query has come.
type cursor struct {
	Of     string    `json:"of"`              // the settings that it holds for: another instance has other ids
	Policy time.Time `json:"policy,omitzero"` // when the instance was last asked whether we may
	Marks  []mark    `json:"marks,omitempty"` // what is known to be complete up to the first of them, the newest first
	Pass   *pass     `json:"pass,omitempty"`  // what is being read
}

// mark is a post that was seen.
type mark struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// pass is a walk from the newest post down to a floor. Marks move only at its
// end, so a crash on the way loses nothing: it goes on below Resume.
type pass struct {
	Floor  string `json:"floor,omitempty"`  // read down to this id; empty: as far as backfill says
	Resume string `json:"resume,omitempty"` // everything from here up is stored; empty: nothing is
	Read   int    `json:"read"`
	Marks  []mark `json:"marks,omitempty"`
}

// maxMarks bounds a cursor's size.
const maxMarks = 40

// readCursor takes what was stored; nothing if it is another query's.
func readCursor(raw json.RawMessage, of string) cursor {
	var c cursor
	if len(raw) == 0 || json.Unmarshal(raw, &c) != nil || c.Of != of {
		return cursor{Of: of}
	}
	return c
}

func (c *cursor) encode() (json.RawMessage, error) { return json.Marshal(c) }

// begin starts a pass. Its floor lies `overlap` behind the newest post: an
// instance gives a post from elsewhere an id by the time it was written, not by
// the time it arrived, so late ones turn up below what was read already.
func (c *cursor) begin(overlap time.Duration) {
	c.Pass = &pass{}
	for _, m := range c.Marks {
		c.Pass.Floor = m.ID
		if !m.At.After(c.Marks[0].At.Add(-overlap)) {
			break
		}
	}
}

// end takes over what the pass saw, and forgets the marks that no floor needs.
func (c *cursor) end(overlap time.Duration) {
	all := slices.Concat(c.Pass.Marks, c.Marks)
	c.Pass = nil
	slices.SortStableFunc(all, func(a, b mark) int {
		switch {
		case below(b.ID, a.ID):
			return -1
		case below(a.ID, b.ID):
			return 1
		}
		return 0
	})
	c.Marks = nil
	for i, m := range all {
		last := len(c.Marks) - 1
		switch {
		case i == 0:
			c.Marks = append(c.Marks, m)
		case !c.Marks[last].At.After(c.Marks[0].At.Add(-overlap)):
			return // the last one is a floor already
		case i == len(all)-1 || c.Marks[last].At.Sub(m.At) >= overlap/(maxMarks/2):
			c.Marks = append(c.Marks, m)
		}
	}
}
