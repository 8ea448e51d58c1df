package crawl

import (
	"strings"
	"time"
	"unicode"

	"weft/models"
)

// farthest is how long a query is left alone at most because its network said
// so: an answer that means weeks is more likely a mistake, and one call a day is
// no burden. The limiter keeps what it was told for longer, and refuses the call.
const farthest = 24 * time.Hour

// watching is what a process knows of a query beside its cursor.
type watching struct {
	since time.Time // when it began to watch
	first bool      // it has not looked at the cursor yet
}

// due reports whether a query is to be read now; else done tells whether, with
// Once, it was read to its end since this process began, by whomever.
//
// A process that starts looks again at once at what failed or was stopped, since
// that is what a person does after a repair, and at a query that asks for
// something else than before. Only what a network asked for is waited for all
// the same.
func (c *Crawler) due(cur *models.Cursor, k task, w *watching) (due, done bool) {
	now, first := c.opt.Now(), w.first
	w.first = false
	// A moment that is further away than any we set is of a clock that was wrong.
	latest := now.Add(max(k.every(), farthest, c.opt.MaxPause) + time.Minute)
	if cur.Held.After(now) && !cur.Held.After(latest) {
		return false, false
	}
	if !cur.Next.After(now) || cur.Next.After(latest) {
		return true, false
	}
	_, hash := k.of()
	switch readNow := cur.Error == "" && !cur.Success.Before(w.since); {
	case c.opt.Once && readNow:
		return false, true
	case first:
		return c.opt.Once || cur.Error != "" || cur.Of != hash, false
	}
	return false, false
}

// longest is how much of a message is kept: much of it was said by strangers.
const longest = 1000

// clip makes a message one line of bounded length, which is safe to show in a terminal.
func clip(text string) string {
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
}
