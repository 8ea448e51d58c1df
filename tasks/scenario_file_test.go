package tasks_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"weft/models"
)

// scenario is one file of testdata/scenarios: a use case, what happens to it,
// and what must come of it. A new file needs no Go code.
type scenario struct {
	About    string               // what it shows, for people
	Profiles map[string]string    // by name; the line with the name is put in front
	Posts    map[string]*postSpec // by native id; their source is sim
	Events   []event              // in order; none: everything is imported
	Expect   *expectation         // at the end
}

// postSpec is a post as a source shows it, and what the models see in it.
type postSpec struct {
	Text     string
	Language string
	Hashtags []string
	Country  string
	Images   []string // good, broken (no image at all), gone (its original is not there), unread (the importer found nothing)
	Likes    int64
	Flags    []models.Flag
	Says     says
	Cost     map[string]float64 // CPU seconds by tier, light or heavy
}

// says is what the models of a tier answer: attribute: [value, confidence], or
// a list of such pairs. An attribute@2 is seen in the second image only.
type says map[string]map[string]any

// event is one thing that happens. Exactly one of its fields is set, beside
// Drain, which tells whether the queue is worked off afterwards.
type event struct {
	Import    *importEvent
	Edit      *editEvent // the same post, found again with another text or other images
	Recount   *editEvent // found again with other counts
	Says      *editEvent // from now on the models say something else
	Profile   *bodyEvent // another version of a profile comes into force
	Answer    *answerEvent
	Advance   string // time passes; the reconciler looks after whatever becomes due
	Reanalyze *chooseEvent
	Replay    *chooseEvent
	Fault     *fault
	LoseTask  *taskEvent `yaml:"lose_task"`
	Deliver   *taskEvent // a task comes once more: the current one, or an older seq
	Meanwhile *meanwhile
	Archive   bool   // the part builder makes a pass
	Purge     bool   // the purger makes a pass
	Project   bool   // the projector makes a pass
	Forget    string // the post is deleted
	Hide      string // the post is hidden
	Show      string // and shown again
	Expect    *expectation
	Drain     *bool // by default after whatever changes posts or runs
}

// drains reports whether the queue is worked off after e. What only prepares,
// looks or moves the clock leaves the queue alone.
func (e *event) drains() bool {
	if e.Drain != nil {
		return *e.Drain
	}
	return e.Advance == "" && e.Expect == nil && e.Deliver == nil && e.LoseTask == nil &&
		e.Fault == nil && e.Meanwhile == nil && e.Profile == nil && e.Says == nil
}

type importEvent struct {
	Posts    []string // none: all
	Profiles []string // none: all
	Version  string   // of the profile, if not the one in force
	Want     models.AdmissionResult
}

type editEvent struct {
	Post     string
	Profiles []string
	Text     string
	Images   []string
	Likes    int64
	Flags    []models.Flag
	Says     says
	Want     models.AdmissionResult
}

type bodyEvent struct{ Name, Body string }

type answerEvent struct {
	Post, Profile, By, Skip string
	Values                  map[string][]string
	Refused                 string // part of the error it must come to
}

type chooseEvent struct {
	Profile string
	Posts   []string // none: all
	State   models.State
}

type taskEvent struct {
	Post, Profile string
	Seq           int64  // 0: the current one; less than 0: so many before it
	Step          string // empty: where the run stands
	Ahead         bool   // the books show an older run than there is, once
}

// meanwhile are events that happen while a step works: after its work, before
// its outcome is saved.
type meanwhile struct {
	Step   models.Step
	Events []event
}

// fault lets something fail. At is a step, a port (search, books.load,
// books.move, queue) or a crash point.
type fault struct {
	At, Post string
	Class    string // unavailable, retryable, permanent, panic, death (of the worker)
	Times    int    // 0: once
	For      string // a time span instead
	until    time.Time
}

// expectation is what is looked at; whatever is not named is not looked at.
type expectation struct {
	Runs   map[string]wantRun // "post/profile"
	Posts  map[string]wantPost
	Items  map[string]wantItem // "post/profile"
	Counts map[models.State]int64
}

type wantRun struct {
	State      models.State
	Step       models.Step
	Path       []string       // of this generation: steps, with the outcome behind them unless it is advance
	Reasons    map[string]any // by step: what the timeline says of it, a part or a list of parts
	Generation int
	Seq        int64
	Attempts   *int
	Cost       *float64
	Error      string
	Version    string // "in force" or "older"
	Lane       models.Lane
	Sampled    *bool
	Absent     bool
}

type wantPost struct {
	Search    any // "absent", or attribute: [values]
	Unchecked []string
	Likes     *int64
	Text      string
	Labels    map[string][]string
	Published map[string]int // profile: generation
	Rows      *int           // keys that were ever staged for history
	Raw       *bool          // whether its rows keep the source's own response
	Images    []string       // states
	Stub      bool           // only a stub is left
	Deleted   bool
}

type wantItem struct {
	State   models.ItemState
	Answers *int
	Wanted  int
	Rule    *bool
	Sample  *bool
	Asks    []string // attributes
	Reason  string
	Absent  bool
}

// readScenario reads a file strictly: a misspelt expectation must not pass.
func readScenario(path string) (*scenario, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s scenario
	if err := yaml.NewDecoder(bytes.NewReader(body), yaml.Strict()).Decode(&s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(s.Events) == 0 {
		s.Events = []event{{Import: &importEvent{}}}
	}
	return &s, s.check(path)
}

// check refuses what would make a scenario empty.
func (s *scenario) check(path string) error {
	expects := s.Expect != nil
	for i := range s.Events {
		expects = expects || s.Events[i].Expect != nil
	}
	switch {
	case s.About == "":
		return fmt.Errorf("%s: about is missing", path)
	case len(s.Profiles) == 0 || len(s.Posts) == 0:
		return fmt.Errorf("%s: it needs profiles and posts", path)
	case !expects:
		return fmt.Errorf("%s: it expects nothing", path)
	}
	return nil
}

// saying is one finding of a scenario's models.
type saying struct {
	name, value string
	confidence  float64
	image       int // from 1; 0: of the whole post
}

// sayings returns what a tier says, in a fixed order.
func (s says) sayings(tier string) ([]saying, error) {
	var out []saying
	for _, key := range slices.Sorted(maps.Keys(s[tier])) {
		name, at, seen := strings.Cut(key, "@")
		image := 0
		if seen {
			n, err := strconv.Atoi(at)
			if err != nil {
				return nil, fmt.Errorf("says %s: %q: %w", tier, key, err)
			}
			image = n
		}
		list, ok := s[tier][key].([]any)
		if !ok || len(list) == 0 {
			return nil, fmt.Errorf("says %s: %s must be [value, confidence] or a list of these", tier, key)
		}
		if _, nested := list[0].([]any); !nested {
			list = []any{list}
		}
		for _, pair := range list {
			p, ok := pair.([]any)
			if !ok || len(p) != 2 {
				return nil, fmt.Errorf("says %s: %s: %v is no [value, confidence]", tier, key, pair)
			}
			confidence, err := strconv.ParseFloat(fmt.Sprint(p[1]), 64)
			if err != nil {
				return nil, fmt.Errorf("says %s: %s: %w", tier, key, err)
			}
			out = append(out, saying{name, fmt.Sprint(p[0]), confidence, image})
		}
	}
	return out, nil
}
