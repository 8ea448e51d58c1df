// Package source holds what all networks have in common: the interface behind
// which their connectors live, and the words they use with the crawler.
//
// A connector is a small package named after its network. It turns answers of
// the network into models.Post and nothing else: it keeps no state, stores
// nothing and never sleeps. The crawler (package crawl) keeps its cursor, the
// web client (package web) its manners, and package extract finds hashtags,
// mentions, links and language in the text, the same way for all.
package source

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"weft/models"
)

// Query is one thing to collect, as the configuration names it.
type Query struct {
	Name   string            // unique; its cursor goes by it
	Source string            // the connector
	Every  time.Duration     // how often a query that has an end is read again
	Params map[string]string // what the connector wants to know, see Connector.Params
}

// Param is one thing that a query may say.
type Param struct {
	Name     string
	Meaning  string
	Required bool
	Check    func(value string) error // nil: any text
}

// Connector reads one network.
type Connector interface {
	// Params lists what a query may say.
	Params() []Param
	// Collect reads q from cursor on (nil at the first time), in batches. What
	// it yields is consumed before it goes on, so a slow consumer slows it down.
	// The sequence ends when nothing more is there for now; streams go on until
	// ctx ends. An error ends the sequence; see Trouble for those with meaning.
	Collect(ctx context.Context, q Query, cursor json.RawMessage) iter.Seq2[Batch, error]
}

// Parser reads recorded answers, without a network.
type Parser interface {
	// Parse returns what is in rec. What can't be read is in Batch.Problems, and
	// the good posts beside it are there. The error means that rec is no answer
	// of this network at all, or one that tells of an error.
	Parse(rec Exchange) (Batch, error)
}

// Resolver reads one known post again: its images' addresses expired.
type Resolver interface {
	// Resolve returns the post as it is now; models.ErrNotFound if it is gone.
	Resolve(ctx context.Context, post models.Post) (models.Post, error)
}

// Rechecker looks which of some known posts were deleted or changed, on
// networks that don't tell.
type Rechecker interface {
	// Recheck takes up to RecheckSize posts of its source. The batch holds their
	// deletions, and those that are still there as they are now.
	Recheck(ctx context.Context, posts []models.Post) (Batch, error)
}

// RecheckSize is how many posts Recheck is given at most.
const RecheckSize = 40

// Batch is what one step of a collection brought.
type Batch struct {
	Posts     []models.Post
	Deletions []models.Deletion
	Cursor    json.RawMessage   // from where to go on once this batch is stored; nil: as before
	At        time.Time         // how far the source's time has come; zero: the newest post's
	Gap       *models.Gap       // what the source no longer gives
	Skipped   map[string]int    // posts that may not be taken, by reason
	Problems  []error           // entries that can't be read, each with its place, such as "data[3].timestamp: …"
	Files     map[string]string // image files to be stored first: path by blob key
}

// Skip counts a post that is not taken.
func (b *Batch) Skip(reason string) {
	if b.Skipped == nil {
		b.Skipped = map[string]int{}
	}
	b.Skipped[reason]++
}

// Problem notes an entry that can't be read. Place is a path in the answer.
func (b *Batch) Problem(place, format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...)))
}

// Exchange is one HTTP exchange, live or recorded. A bare body has no URL and
// status 200.
type Exchange struct {
	Method string // GET when empty
	URL    string // without secrets
	Status int
	Header http.Header
	Body   []byte
}

// CheckQuery tells everything that is wrong with q's parameters.
func CheckQuery(q Query, params []Param) []error {
	var errs []error
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
		v, ok := q.Params[p.Name]
		switch {
		case p.Required && v == "":
			errs = append(errs, fmt.Errorf("%s is missing: %s", p.Name, p.Meaning))
		case ok && v != "" && p.Check != nil:
			if err := p.Check(v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
			}
		}
	}
	for name := range q.Params {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("unknown parameter %q; %s takes: %s", name, q.Source, strings.Join(names, ", ")))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}
