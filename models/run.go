package models

import (
	"fmt"
	"time"
)

// State is where a run stands.
type State string

// The states of a run.
const (
	Queued     State = "queued" // a task for Step is, or soon will be, in the queue
	Parked     State = "parked" // waits for people, without a task
	Done       State = "done"
	Dropped    State = "dropped"
	Failed     State = "failed"
	Superseded State = "superseded" // overtaken by a newer generation
)

// States returns every state, the living first.
func States() []State { return []State{Queued, Parked, Done, Dropped, Failed, Superseded} }

// Ended reports whether s is final.
func (s State) Ended() bool { return s != Queued && s != Parked }

// Run is one passage of one post through one profile. Its Seq is the fence:
// every move adds one, and a move is accepted only where the Seq is still the
// expected one.
type Run struct {
	Post       string    `json:"post"`
	Profile    string    `json:"profile"`
	Version    string    `json:"version"` // content hash of the profile
	Generation int       `json:"generation"`
	Seq        int64     `json:"seq"`
	State      State     `json:"state"`
	Step       Step      `json:"step"`
	Lane       Lane      `json:"lane"`
	Campaign   string    `json:"campaign,omitempty"`
	Trace      string    `json:"trace,omitempty"` // W3C traceparent of the discovery
	AdmittedAt time.Time `json:"admitted_at"`
	MovedAt    time.Time `json:"moved_at"`
	ProcessAt  time.Time `json:"process_at,omitzero"` // a wait's end: the task is not to run before
	Due        time.Time `json:"due,omitzero"`        // when the reconciler looks at it; zero: never

	Attempts int    `json:"attempts,omitempty"` // failed tries of this step that were recorded
	Tried    int    `json:"tried,omitempty"`    // those of them under this seq: what the queue counted too
	Deaths   int    `json:"deaths,omitempty"`   // workers lost while they held it at this step, as far as found
	Trials   int    `json:"trials,omitempty"`   // times it was then begun alone and did not come back
	Waits    int    `json:"waits,omitempty"`    // waits in a row, for the backoff
	Error    string `json:"error,omitempty"`    // the last error
	Reason   string `json:"reason,omitempty"`   // why it stands where it stands, in words

	Results    []Result    `json:"results,omitempty"`    // what this generation's models said
	Attributes []Attribute `json:"attributes,omitempty"` // the results, fused
	Item       string      `json:"item,omitempty"`       // the question it opened
	Unchecked  bool        `json:"unchecked,omitempty"`  // nobody answered in time
	Sampled    bool        `json:"sampled,omitempty"`    // part of the profile's uniform sample
	Cost       float64     `json:"cost,omitempty"`       // CPU seconds of this generation
}

// Task returns the one task that stands for r now.
func (r *Run) Task() Task {
	return Task{Post: r.Post, Profile: r.Profile, Step: r.Step, Seq: r.Seq}
}

// Outcome says what a (run, seq) came to.
type Outcome string

// The outcomes.
const (
	OutAdmitted   Outcome = "admitted"
	OutAdvance    Outcome = "advance"
	OutWait       Outcome = "wait"
	OutPark       Outcome = "park"
	OutWake       Outcome = "wake"
	OutDone       Outcome = "done"
	OutDropped    Outcome = "dropped"
	OutFailed     Outcome = "failed"
	OutSuperseded Outcome = "superseded" // the next generation took over
	OutRequeued   Outcome = "requeued"   // the reconciler replaced a lost task
	OutReplayed   Outcome = "replayed"
)

// Entry is one line of a run's timeline. There is one for each Seq a run has left.
type Entry struct {
	Seq        int64     `json:"seq"`
	Generation int       `json:"generation"`
	Step       Step      `json:"step"`
	Outcome    Outcome   `json:"outcome"`
	Next       Step      `json:"next,omitempty"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
	Duration   float64   `json:"duration,omitempty"` // seconds
	Cost       float64   `json:"cost,omitempty"`     // CPU seconds
	Attempts   int       `json:"attempts,omitempty"`
	Models     []string  `json:"models,omitempty"` // name@version
	Spent      *Spent    `json:"spent,omitempty"`  // the budget the router was shown
	Error      string    `json:"error,omitempty"`
}

// Spent is the state of a profile's budget for one step on one UTC day: what
// the router is shown, and what its decision is recorded with.
type Spent struct {
	Posts   int64   `json:"posts"`   // that came by the decision
	Seconds float64 `json:"seconds"` // CPU seconds the step took for them
}

// Spend is what a move adds to a budget.
type Spend struct {
	Profile string `json:"profile"`
	Step    Step   `json:"step"`
	Day     string `json:"day"` // YYYY-MM-DD, UTC
	Spent
}

// Passage is how an earlier generation of a run ended.
type Passage struct {
	Generation int   `json:"generation"`
	State      State `json:"state"`
}

// Move is one compare-and-set write: the run goes from seq From to Run.Seq,
// together with everything that must be true at the same moment.
type Move struct {
	From   int64    // the seq the stored run must have; else ErrConflict
	Run    Run      // the run as it shall be. Seq equal to From records an attempt or a new due time, no move
	Entry  *Entry   // for the timeline; nil if Seq stays
	Past   *Passage // set when a new generation takes over
	Change Change   // to the post
	Spend  *Spend   // to the budget
	Dirty  bool     // the post must be projected again although its run may not come by index
}

// NewRun returns the first generation of a run, queued for its first step.
func NewRun(post, profile, version string, lane Lane, now time.Time, horizon time.Duration) Run {
	return Run{
		Post: post, Profile: profile, Version: version, Generation: 1, Seq: 1, State: Queued, Step: Fetch,
		Lane: lane, AdmittedAt: now, MovedAt: now, Due: now.Add(horizon),
	}
}

// move is the part that all moves share: seq+1, an entry for the seq that is left.
func (r Run) move(out Outcome, reason string, now time.Time) Move {
	e := &Entry{
		Seq: r.Seq, Generation: r.Generation, Step: r.Step, Outcome: out, Reason: reason,
		At: now, Attempts: r.Attempts,
	}
	from := r.Seq
	r.Seq++
	r.MovedAt, r.ProcessAt, r.Due, r.Reason = now, time.Time{}, time.Time{}, reason
	r.Tried = 0
	return Move{From: from, Run: r, Entry: e}
}

// fresh forgets what was counted for the step that is left.
func (r *Run) fresh() { r.Attempts, r.Deaths, r.Trials, r.Waits, r.Error = 0, 0, 0, 0, "" }

// Advance moves r on to the step next.
func (r Run) Advance(next Step, reason string, now time.Time, horizon time.Duration) Move {
	m := r.move(OutAdvance, reason, now)
	m.Run.fresh()
	m.Run.Step, m.Run.State, m.Run.Due = next, Queued, now.Add(horizon)
	m.Entry.Next = next
	return m
}

// Wait keeps r at its step until now+d.
func (r Run) Wait(d time.Duration, reason string, now time.Time, horizon time.Duration) Move {
	m := r.move(OutWait, reason, now)
	m.Run.Waits++
	m.Run.State, m.Run.ProcessAt, m.Run.Due = Queued, now.Add(d), now.Add(d).Add(horizon)
	m.Entry.Next = r.Step
	return m
}

// Park takes r out of the queue until it is woken, at the latest at until (zero: never by itself).
func (r Run) Park(until time.Time, reason string, now time.Time) Move {
	m := r.move(OutPark, reason, now)
	m.Run.fresh()
	m.Run.State, m.Run.Due = Parked, until
	return m
}

// Wake queues a parked run again for the step it parked at.
func (r Run) Wake(reason string, now time.Time, horizon time.Duration) Move {
	m := r.move(OutWake, reason, now)
	m.Run.State, m.Run.Due = Queued, now.Add(horizon)
	m.Entry.Next = r.Step
	return m
}

// End ends r in state, which is Done, Dropped or Failed. Only a failed run
// keeps its error: what passed in the end was none.
func (r Run) End(state State, reason string, now time.Time) Move {
	m := r.move(Outcome(state), reason, now)
	if state != Failed {
		m.Run.fresh()
	}
	m.Run.State = state
	return m
}

// Requeue gives r a new task in the place of one that was lost. died tells
// that a worker was lost with it.
func (r Run) Requeue(reason string, died bool, now time.Time, horizon time.Duration) Move {
	m := r.move(OutRequeued, reason, now)
	m.Run.Due = now.Add(horizon)
	if r.ProcessAt.After(now) { // a wait goes on
		m.Run.ProcessAt, m.Run.Due = r.ProcessAt, r.ProcessAt.Add(horizon)
	}
	if died {
		m.Run.Deaths++
	}
	m.Entry.Next = r.Step
	return m
}

// Replay queues an ended run again, from step. From label or before it, a
// question that expired is asked anew.
func (r Run) Replay(step Step, reason string, now time.Time, horizon time.Duration) Move {
	m := r.move(OutReplayed, reason, now)
	m.Run.fresh()
	m.Run.State, m.Run.Step, m.Run.Due = Queued, step, now.Add(horizon)
	if step.Position() <= LabelStep.Position() {
		m.Run.Item, m.Run.Unchecked = "", false
	}
	m.Entry.Next = step
	return m
}

// Regenerate starts the next generation of r under the given version of its
// profile, at step. The overtaken generation ends superseded if it was alive.
func (r Run) Regenerate(step Step, version, campaign string, lane Lane, reason string, now time.Time, horizon time.Duration) Move {
	state := r.State
	if !state.Ended() {
		state = Superseded
	}
	m := r.move(OutSuperseded, reason, now)
	m.Past = &Passage{Generation: r.Generation, State: state}
	m.Run.fresh()
	m.Run.Generation, m.Run.Version, m.Run.Campaign, m.Run.Lane = r.Generation+1, version, campaign, lane
	m.Run.State, m.Run.Step, m.Run.AdmittedAt, m.Run.Due = Queued, step, now, now.Add(horizon)
	m.Run.Results, m.Run.Attributes, m.Run.Item, m.Run.Unchecked, m.Run.Sampled, m.Run.Cost = nil, nil, "", false, false, 0
	m.Entry.Next = step
	return m
}

// Note records something about r without a move: an attempt, a new due time.
func (r Run) Note() Move { return Move{From: r.Seq, Run: r} }

// String names a run in logs.
func (r Run) String() string {
	return fmt.Sprintf("%s/%s#%d seq %d %s at %s", r.Post, r.Profile, r.Generation, r.Seq, r.State, r.Step)
}
