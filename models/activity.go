package models

import "time"

// Activity is what a step did with the posts of one profile in one hour, as far
// as it came to one outcome. It is a count of deliveries: a post that waited, or
// was tried again, is in it once for each time.
type Activity struct {
	Hour    time.Time `json:"hour"` // when it begins, in UTC
	Profile string    `json:"profile"`
	Step    Step      `json:"step"`
	Outcome Outcome   `json:"outcome"` // or OutRetry, which leaves no timeline entry
	N       int64     `json:"n"`
	Cost    float64   `json:"cost"` // CPU seconds
}

// OutRetry is the outcome of a delivery that failed and will come again. Its run
// doesn't move, so it is counted and has no entry of its own.
const OutRetry Outcome = "retry"
