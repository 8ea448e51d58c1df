package models

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Deletion is what a source, its author or an operator wants to be gone: one
// post, or all posts of an author.
type Deletion struct {
	Source   string    `json:"source"`
	NativeID string    `json:"native_id,omitempty"` // of the post
	Author   string    `json:"author,omitempty"`    // id of the author: all of their posts
	Act      Act       `json:"act"`
	By       string    `json:"by"` // author, platform, operator or request
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// Act is what a Deletion does.
type Act string

// The acts.
const (
	Delete Act = "delete" // for ever: a tombstone stays
	Hide   Act = "hide"   // nobody may see it for now: a suspended account
	Show   Act = "show"   // it may be seen again
)

// Cursor is how far the collection of one query has come, and how it fares.
// It is saved after the posts that it stands behind.
type Cursor struct {
	Query   string          `json:"query"` // its name
	Source  string          `json:"source,omitempty"`
	Of      string          `json:"of,omitempty"` // a hash of what the query asked for when it was read last
	Seq     int64           `json:"seq"`          // grows by one with each save: of two crawlers at one query, one loses
	State   json.RawMessage `json:"state,omitempty"`
	Success time.Time       `json:"success,omitzero"` // when it was last read to its end, or a stream's last batch
	Failed  time.Time       `json:"failed,omitzero"`
	Error   string          `json:"error,omitempty"` // of the last failure; empty after a success
	Errors  int             `json:"errors"`          // failures since the last success
	Next    time.Time       `json:"next,omitzero"`   // when it is read again
	Held    time.Time       `json:"held,omitzero"`   // not before, because the network wants us to wait
	Event   time.Time       `json:"event,omitzero"`  // the newest moment of the source that was read
	Posts   int64           `json:"posts"`           // read so far
	Deleted int64           `json:"deleted"`         // deletions so far

	Hours   map[string]int64 `json:"hours,omitempty"`   // posts read per hour, such as 2026-03-01T14; the last 48
	Skipped map[string]int64 `json:"skipped,omitempty"` // posts that were not taken, by reason
	Gaps    []Gap            `json:"gaps,omitempty"`    // the last 20
	Paused  string           `json:"paused,omitempty"`  // why it waits, in words
}

// Gap is a stretch of time that a source no longer gives.
type Gap struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// keptHours and keptGaps bound a cursor's document.
const (
	keptHours = 48
	keptGaps  = 20
	hourForm  = "2006-01-02T15"
)

// Count adds n posts that were read at now.
func (c *Cursor) Count(n int, now time.Time) {
	c.Posts += int64(n)
	if n == 0 {
		return
	}
	hours := maps.Clone(c.Hours)
	if hours == nil {
		hours = map[string]int64{}
	}
	hours[now.UTC().Format(hourForm)] += int64(n)
	oldest := now.UTC().Add(-keptHours * time.Hour).Format(hourForm)
	maps.DeleteFunc(hours, func(h string, _ int64) bool { return h <= oldest })
	c.Hours = hours
}

// PerHour returns how many posts were read in the 60 minutes before now, as far
// as whole hours tell: this hour and its share of the one before.
func (c *Cursor) PerHour(now time.Time) float64 {
	now = now.UTC()
	gone := float64(now.Sub(now.Truncate(time.Hour))) / float64(time.Hour)
	return float64(c.Hours[now.Format(hourForm)]) + (1-gone)*float64(c.Hours[now.Add(-time.Hour).Format(hourForm)])
}

// AddGap notes a gap, and forgets the oldest when there are too many.
func (c *Cursor) AddGap(g Gap) {
	c.Gaps = append(slices.Clone(c.Gaps), g)
	if n := len(c.Gaps) - keptGaps; n > 0 {
		c.Gaps = c.Gaps[n:]
	}
}
