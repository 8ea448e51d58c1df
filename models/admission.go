package models

// Admission asks for a post to be stored and sent through a profile.
type Admission struct {
	Post Post
	Run  Run // as NewRun made it
}

// AdmissionResult is what became of one Admission.
type AdmissionResult string

// The results of an admission.
const (
	Admitted AdmissionResult = "admitted" // new post or new profile for it: a run is queued
	Known    AdmissionResult = "known"    // nothing new
	Edited   AdmissionResult = "edited"   // text or images changed: a new generation is queued
	Recount  AdmissionResult = "recount"  // only counts and the like changed: it is projected again
	Refused  AdmissionResult = "refused"  // tombstoned
)

// Admittance is the answer to one Admission. Run is the run to enqueue for
// Admitted and Edited.
type Admittance struct {
	Result AdmissionResult
	Run    Run
}

// Count is how many passages (generations of runs) stand in a state.
type Count struct {
	Profile string `json:"profile"`
	State   State  `json:"state"`
	Step    Step   `json:"step,omitempty"` // where the live ones stand, and where the ended ones ended
	N       int64  `json:"n"`
}

// RunFilter selects runs. Empty fields select all.
type RunFilter struct {
	Post     string
	State    State
	Step     Step
	Profile  string
	Campaign string
	Error    string // a part of the run's error or reason
	After    string // cursor: "post/profile" of the last run seen
	Limit    int    // 0 means 1,000
}

// PostFilter selects posts for a scan in the order of their ids.
type PostFilter struct {
	Profile string // with a run in this profile
	After   string // cursor: id of the last post seen
	Limit   int    // 0 means 500
}
