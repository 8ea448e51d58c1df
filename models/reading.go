package models

import "time"

// Standing says where a post is. One that was forgotten is nowhere and has none.
type Standing struct {
	Live   bool  // the documents have it, and search shows it if it may be seen
	Hidden bool  // nobody may see it for now
	Rev    int64 // of the document, or as it was when it was purged
}

// Watermark divides search from history: every post that left search for the
// history alone was created before this day (UTC, YYYY-MM-DD). Posts that were
// created before may still be in search.
type Watermark string

// Everything is the watermark of documents that don't say: any post may have left.
const Everything Watermark = "9999-12-31"

// Before is the moment that w divides at.
func (w Watermark) Before() time.Time {
	at, err := time.Parse(time.DateOnly, string(w))
	if err != nil {
		at, _ = time.Parse(time.DateOnly, string(Everything))
	}
	return at
}

// WatermarkBehind returns the least watermark that lets a post created at that
// moment leave. It is a whole day, so that it moves seldom, and parts of the
// history, which are of a day each, are on one side of it.
func WatermarkBehind(created time.Time) Watermark {
	return Watermark(created.UTC().AddDate(0, 0, 1).Format(time.DateOnly))
}

// HistoryScan asks the history for posts of some days, each as its newest row of
// any profile. Sources, Languages, Countries, MinLikes and Mentions narrow; who
// asks checks the rows' bodies all the same.
type HistoryScan struct {
	From, To     string // days (YYYY-MM-DD), both included; never empty
	Since, Until time.Time
	Sources      []string
	Languages    []string
	Countries    []string
	MinLikes     int64
	Mentions     [][]string // of each list, one must stand in the body, as JSON writes it

	// The order is that of creation, to the millisecond, and then of the ids.
	Oldest bool // first; else the newest
	After  Place
	Limit  int // 0: all
}

// Place is where a post stands in the order of creation.
type Place struct {
	Milli int64  `json:"t"`
	ID    string `json:"id"` // empty: before all others
}

// PlaceOf returns a post's place.
func PlaceOf(id string, created time.Time) Place { return Place{created.UnixMilli(), id} }

// Behind reports whether a comes after b, the newest or the oldest first.
func (a Place) Behind(b Place, oldest bool) bool {
	switch {
	case b.ID == "":
		return true
	case a.Milli != b.Milli:
		return a.Milli > b.Milli == oldest
	}
	return a.ID > b.ID
}
