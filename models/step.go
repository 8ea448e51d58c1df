package models

import "slices"

// Step names one step of the chain. Each step has one queue of the same name,
// and a second one for its bulk lane.
type Step string

// The steps, in the order a post meets them.
const (
	Fetch        Step = "fetch"
	AnalyzeLight Step = "analyze-light"
	AnalyzeHeavy Step = "analyze-heavy"
	LabelStep    Step = "label"
	Index        Step = "index"
	Archive      Step = "archive"
)

// Steps returns every step in the order of the chain.
func Steps() []Step {
	return []Step{Fetch, AnalyzeLight, AnalyzeHeavy, LabelStep, Index, Archive}
}

// Position returns where s stands in the chain, from 0, or -1 for an unknown step.
func (s Step) Position() int { return slices.Index(Steps(), s) }

// Lane says how urgent a run's tasks are.
type Lane string

// A campaign's tasks go to the bulk lane, which gets a tenth of a worker's
// attention, so that old posts never delay new ones.
const (
	Normal Lane = "normal"
	Bulk   Lane = "bulk"
)

// Task is what travels in the queue: an intent, never content. The run in the
// document store decides what it means, and Seq whether it still means anything.
type Task struct {
	Post    string `json:"post"`
	Profile string `json:"profile"`
	Step    Step   `json:"step"`
	Seq     int64  `json:"seq"`
}
