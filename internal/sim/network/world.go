// Package network is a made-up social network that answers like the real ones:
// a World of posts that are written, edited and deleted, served in each
// network's wire format over real HTTP and WebSocket, with paging, rate limits
// and faults. The connectors run against it unchanged; only the address differs.
//
// Everything follows from the seed. The World is also the oracle: it knows what
// must have been collected, so a test can say that nothing is missing, nothing
// is there twice and nothing deleted is left.
package network

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is what happens in an Event.
type Kind string

// The kinds of events.
const (
	Create  Kind = "create"
	Edit    Kind = "edit"
	Remove  Kind = "remove"
	Close   Kind = "close"   // an author deletes the account
	Suspend Kind = "suspend" // an author is suspended; posts are hidden
	Restore Kind = "restore" // and comes back
)

// Event is one thing that happens. Events happen in the order of their index.
type Event struct {
	N      int // index, from 0
	Kind   Kind
	Post   int // for Create, Edit, Remove
	Author int // for Close, Suspend, Restore, and the post's for the others
	At     time.Time
}

// Author writes posts.
type Author struct {
	N         int
	Handle    string
	Name      string
	Place     string // free text, as people write it; may be empty
	Followers int64
	State     Kind // empty, Close or Suspend
}

// Post is one post as it is at this moment.
type Post struct {
	N        int
	Author   *Author
	Created  time.Time
	EditedAt time.Time // zero: never
	Text     string    // with its hashtags
	Tags     []string
	Images   []int // numbers of images, see Image; shared ones are the same bytes
	Alt      string
	Likes    int64
	Language string
	Adult    bool
	NoIndex  bool
	Removed  bool
}

// Options say how a World is made.
type Options struct {
	Seed     uint64
	Posts    int       // how many are written in all
	Tag      string    // every post has it: what a query asks for
	Start    time.Time // of the first event
	Step     time.Duration
	Authors  int     // 0: one in 20 posts
	Edits    float64 // share of posts that are edited later
	Removals float64 // share of posts that are removed later
	Closures int     // authors who delete their account
	Suspends int     // authors who are suspended, half of whom come back
	Images   int     // how many different images there are; 0: none
}

// World is the network's state. Its methods may be called from anywhere.
type World struct {
	Opt    Options
	events []Event

	mu      sync.Mutex
	done    int // events that happened
	posts   []*Post
	authors []*Author
	wake    chan struct{} // closed when something happens
}

// NewWorld makes a world in which nothing has happened yet.
func NewWorld(opt Options) *World {
	if opt.Authors == 0 {
		opt.Authors = max(opt.Posts/20, 4)
	}
	if opt.Step == 0 {
		opt.Step = time.Second
	}
	w := &World{Opt: opt, wake: make(chan struct{})}
	rng := rand.New(rand.NewPCG(opt.Seed, 0x776f_726c_64))
	for i := range opt.Authors {
		w.authors = append(w.authors, newAuthor(i, rng))
	}
	w.plan(rng)
	return w
}

// plan lays down the order of events: creations at an even pace, and what
// happens to a post some time after it was written.
func (w *World) plan(rng *rand.Rand) {
	type moment struct {
		at float64
		ev Event
	}
	var all []moment
	n := float64(w.Opt.Posts)
	for i := range w.Opt.Posts {
		who := rng.IntN(len(w.authors))
		all = append(all, moment{float64(i), Event{Kind: Create, Post: i, Author: who}})
		after := func(k Kind) {
			all = append(all, moment{float64(i) + 0.5 + rng.Float64()*n/10, Event{Kind: k, Post: i, Author: who}})
		}
		switch d := rng.Float64(); {
		case d < w.Opt.Edits:
			after(Edit)
		case d < w.Opt.Edits+w.Opt.Removals:
			after(Remove)
		}
	}
	for i, who := range rng.Perm(len(w.authors)) {
		at := (0.3 + 0.6*rng.Float64()) * n
		switch {
		case i < w.Opt.Closures:
			all = append(all, moment{at, Event{Kind: Close, Author: who}})
		case i < w.Opt.Closures+w.Opt.Suspends:
			all = append(all, moment{at, Event{Kind: Suspend, Author: who}})
			if i%2 == 0 {
				all = append(all, moment{at + n/20, Event{Kind: Restore, Author: who}})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b moment) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	closed := map[int]bool{}
	for _, m := range all {
		// A closed account neither writes nor edits.
		if closed[m.ev.Author] {
			if m.ev.Kind != Create {
				continue
			}
			m.ev.Author = w.open(closed)
		}
		closed[m.ev.Author] = closed[m.ev.Author] || m.ev.Kind == Close
		m.ev.N = len(w.events)
		m.ev.At = w.Opt.Start.Add(time.Duration(m.ev.N) * w.Opt.Step)
		w.events = append(w.events, m.ev)
	}
}

// open returns an author whose account is never closed.
func (w *World) open(closed map[int]bool) int {
	for i := range w.authors {
		if !closed[i] {
			return i
		}
	}
	return 0
}

// Advance lets up to n more events happen, and returns how many did.
func (w *World) Advance(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = min(n, len(w.events)-w.done)
	for range n {
		w.happen(w.events[w.done])
		w.done++
	}
	if n > 0 {
		close(w.wake)
		w.wake = make(chan struct{})
	}
	return n
}

// Finish lets everything happen.
func (w *World) Finish() { w.Advance(len(w.events)) }

// Finished reports whether everything happened.
func (w *World) Finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done == len(w.events)
}

func (w *World) happen(e Event) {
	author := w.authors[e.Author]
	switch e.Kind {
	case Create:
		w.posts = append(w.posts, w.write(e, author))
	case Edit:
		if p := w.find(e.Post); p != nil && !p.Removed {
			p.Text, p.EditedAt = p.Text+" (edited)", e.At
		}
	case Remove:
		if p := w.find(e.Post); p != nil {
			p.Removed = true
		}
	case Close, Suspend:
		author.State = e.Kind
	case Restore:
		author.State = ""
	}
}

func (w *World) find(n int) *Post {
	i, ok := slices.BinarySearchFunc(w.posts, n, func(p *Post, n int) int { return p.N - n })
	if !ok {
		return nil
	}
	return w.posts[i]
}

// Now is the world's time: that of the last event.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == 0 {
		return w.Opt.Start
	}
	return w.events[w.done-1].At
}

// Seen reports whether p can be seen by strangers.
func (p *Post) Seen() bool { return !p.Removed && p.Author.State == "" }

// Post returns a copy of post n, and whether it was ever written.
func (w *World) Post(n int) (Post, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(n)
	if p == nil {
		return Post{}, false
	}
	return p.copy(), true
}

func (p *Post) copy() Post {
	c, who := *p, *p.Author
	c.Author = &who
	return c
}

// Page returns copies of up to limit posts that can be seen and that keep
// (nil: all) takes, the newest first, with after < N < before. A negative
// bound is none.
func (w *World) Page(after, before, limit int, keep func(*Post) bool) []Post {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Post
	for _, p := range slices.Backward(w.posts) {
		if before >= 0 && p.N >= before {
			continue
		}
		if p.N <= after || len(out) == limit {
			break
		}
		if p.Seen() && (keep == nil || keep(p)) {
			out = append(out, p.copy())
		}
	}
	return out
}

// Oldest is Page the other way round: the posts right after `after`, the newest of them first.
func (w *World) Oldest(after, limit int, keep func(*Post) bool) []Post {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Post
	for _, p := range w.posts {
		if len(out) == limit {
			break
		}
		if p.N > after && p.Seen() && (keep == nil || keep(p)) {
			out = append(out, p.copy())
		}
	}
	slices.Reverse(out)
	return out
}

// Happened is an event as a stream tells it. Body is the post as it is now, but
// for its text.
type Happened struct {
	Event
	Text string // the post's text at that moment, for Create and Edit
	Body Post
}

// Events returns up to limit events from index on, and a channel that is closed
// when more happen.
func (w *World) Events(from, limit int) ([]Happened, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Happened
	for i := max(from, 0); i < w.done && len(out) < limit; i++ {
		h := Happened{Event: w.events[i]}
		if h.Kind == Create || h.Kind == Edit || h.Kind == Remove {
			h.Body = w.find(h.Post).copy()
			h.Text = strings.TrimSuffix(h.Body.Text, " (edited)")
			if h.Kind == Edit {
				h.Text += " (edited)"
			}
		} else {
			who := *w.authors[h.Author]
			h.Body.Author = &who
		}
		out = append(out, h)
	}
	return out, w.wake
}

// AuthorPosts returns the numbers of all posts that an author ever wrote.
func (w *World) AuthorPosts(author int) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int
	for _, p := range w.posts {
		if p.Author.N == author {
			out = append(out, p.N)
		}
	}
	return out
}

// Authors returns copies of all authors.
func (w *World) Authors() []Author {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Author, len(w.authors))
	for i, a := range w.authors {
		out[i] = *a
	}
	return out
}

// Truth is what must be known of a post at the end.
type Truth struct {
	Post
	Gone   bool // removed, or its author closed the account
	Hidden bool // its author is suspended
}

// Truths returns the truth about every post that was ever written.
func (w *World) Truths() []Truth {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Truth, len(w.posts))
	for i, p := range w.posts {
		out[i] = Truth{Post: p.copy(), Gone: p.Removed || p.Author.State == Close, Hidden: p.Author.State == Suspend}
	}
	return out
}

func newAuthor(n int, rng *rand.Rand) *Author {
	places := []string{"", "", "Paris, France", "Shanghai", "広州 / 广州", "Berlin", "somewhere over the rainbow", "São Paulo, Brasil", "NYC", "London, UK", "上海 黄浦区"}
	return &Author{
		N: n, Handle: fmt.Sprintf("author%04d", n), Name: fmt.Sprintf("Author %d", n),
		Place: places[rng.IntN(len(places))], Followers: int64(rng.IntN(1_000_000)),
	}
}

// write makes a post out of its number alone, so that it is the same in whatever order.
func (w *World) write(e Event, author *Author) *Post {
	rng := rand.New(rand.NewPCG(w.Opt.Seed, uint64(e.Post)+1))
	garments := []string{"coat", "dress", "jeans", "hat", "boots", "Mantel", "robe", "连衣裙", "zapatos"}
	colors := []string{"navy", "red", "black", "green", "schwarz", "rouge", "红色", "amarillo"}
	p := &Post{N: e.Post, Author: author, Created: e.At, Language: "en", Likes: int64(rng.IntN(5000))}
	p.Tags = []string{w.Opt.Tag}
	p.Text = fmt.Sprintf("%s %s no. %d & more <3", colors[rng.IntN(len(colors))], garments[rng.IntN(len(garments))], e.Post)
	if rng.IntN(4) == 0 {
		p.Tags = append(p.Tags, "streetstyle")
	}
	p.Adult, p.NoIndex = rng.IntN(50) == 0, rng.IntN(40) == 0
	for k := 0; w.Opt.Images > 0 && k < 1+rng.IntN(3); k++ {
		p.Images = append(p.Images, rng.IntN(w.Opt.Images))
	}
	p.Alt = fmt.Sprintf("a photo of no. %d", e.Post)
	return p
}
