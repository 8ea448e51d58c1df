package models

import "time"

// Forgotten counts what a batch of deletions did, or would do.
type Forgotten struct {
	Deleted  int `json:"deleted"`  // posts that were stored
	Purged   int `json:"purged"`   // posts that only the history still had
	Hidden   int `json:"hidden"`   // posts that nobody sees for now
	Shown    int `json:"shown"`    // posts that are seen again
	Authors  int `json:"authors"`  // authors whose future posts are refused, hidden, or taken again
	Unknown  int `json:"unknown"`  // deletions of what was never here: only a hash is kept, so that it doesn't come
	Repeated int `json:"repeated"` // deletions that had been done before

	Posts []string `json:"-"` // ids of the stored posts that changed
}

// Add adds what another batch did.
func (f *Forgotten) Add(g Forgotten) {
	f.Deleted += g.Deleted
	f.Purged += g.Purged
	f.Hidden += g.Hidden
	f.Shown += g.Shown
	f.Authors += g.Authors
	f.Unknown += g.Unknown
	f.Repeated += g.Repeated
	f.Posts = append(f.Posts, g.Posts...)
}

// Erasure is a forgotten post whose rows the history may still hold.
type Erasure struct {
	Post   string    `json:"post"`
	Source string    `json:"source"`
	Day    string    `json:"day"`  // the partition that its rows are in; empty: not known
	Firm   bool      `json:"firm"` // asked for by a person: it is not kept waiting
	At     time.Time `json:"at"`   // when it was forgotten
}

// Receipt says that the history holds nothing of a forgotten post any more.
type Receipt struct {
	At    time.Time `json:"at"`
	Rows  int       `json:"rows"`            // that were erased
	Parts []string  `json:"parts,omitempty"` // that held them, and are gone
}

// Audit is one line of the record of what was forgotten. It holds no content:
// the post or author is a hash that only this store can make.
type Audit struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Act     Act       `json:"act"`
	Kind    string    `json:"kind"` // post or author
	Hash    string    `json:"hash"`
	Reason  string    `json:"reason,omitempty"`
	Posts   int       `json:"posts,omitempty"`   // of an author
	Receipt *Receipt  `json:"receipt,omitempty"` // once the history is rewritten
}

// Firm reports whether a person asked for d: then it is kept for ever, and a
// network doesn't take it back.
func (d *Deletion) Firm() bool { return d.By == "operator" || d.By == "request" }

// Older reports whether p is an older reading than one edited at the given
// time: an old copy must not undo an edit.
func (p *Post) Older(edited time.Time) bool { return p.EditedAt.Before(edited) }
