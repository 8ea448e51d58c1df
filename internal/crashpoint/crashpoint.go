// Package crashpoint names the gaps between two durable writes. A test kills
// the process in one of them and then checks that recovery brings everything
// back.
//
// Production passes a nil *Points, so a point costs one comparison. The kill is
// SIGKILL and nothing gentler: no deferred function runs, no buffer is flushed,
// as in a power cut.
package crashpoint

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// The points, each with what recovery must do when the process dies there.
const (
	// AdmitStored: posts and runs are stored, no task is enqueued. The reconciler enqueues the queued runs' tasks.
	AdmitStored = "admit.stored"
	// RunLoaded: a delivery read its run, nothing was done. The task comes back when its lease ends and is done again.
	RunLoaded = "run.loaded"
	// StepDone: the step's work is done, its results are not saved. The task comes back and the work is repeated, or its stored results are reused.
	StepDone = "step.done"
	// MoveSaved: results and move are saved, the next task is not enqueued. The redelivered task finds a greater seq and enqueues the run's current task.
	MoveSaved = "move.saved"
	// TaskEnqueued: the next task is enqueued, the current one is not acked. The redelivered task finds a greater seq, meets an id conflict or the fence, and acks.
	TaskEnqueued = "task.enqueued"
	// AttemptRecorded: a failed try is recorded, asynq was not told. The task comes back; the attempt stays counted and asynq's count of deaths is not taken for another.
	AttemptRecorded = "attempt.recorded"
	// ItemOpened: the question is written, its run is not parked. The repeated label step finds the item under the same id and parks; no second question.
	ItemOpened = "item.opened"
	// AnswerSaved: the answer is in the item, its run is still parked. The sweep of answered items wakes the run.
	AnswerSaved = "answer.saved"
	// WakeSaved: the run is queued again, its task is not enqueued. The reconciler enqueues it.
	WakeSaved = "wake.saved"
	// PartAssigned: staged rows belong to a part, the file is not there. The part builder writes the file from exactly those rows.
	PartAssigned = "part.assigned"
	// PartWritten: the file is there, the part still says staged. The builder finds the file and goes on; it doesn't write a second one.
	PartWritten = "part.written"
	// PartUnloaded: what a load that went wrong left of a part is removed from the table, the part is not booked for a new load. The next pass finds the removal done under its name, and books.
	PartUnloaded = "part.unloaded"
	// PartBooked: the part belongs to a load job that has not begun. The next pass begins the job under the booked name, or waits for it.
	PartBooked = "part.booked"
	// PartLoaded: the warehouse has the parts, they still say loading (written, without a warehouse). The next pass finds the job done under its name; rows don't double.
	PartLoaded = "part.loaded"
	// PartVerified: counts and checksum agreed, nothing is marked. Verification is repeated.
	PartVerified = "part.verified"
	// EraseReserved: the file of a part that loses forgotten rows is announced, not written. It is swept as a stray after its time, and the pass begins anew with another id.
	EraseReserved = "erase.reserved"
	// EraseWritten: the new file of a part that loses forgotten rows is there, the manifest knows the old parts only. The file is a stray; the pass begins anew.
	EraseWritten = "erase.written"
	// EraseLoaded: the table has the rows of the old parts and of a part that loses forgotten rows. The new ones are removed with their stray; until then readers that take the newest by key see no difference.
	EraseLoaded = "erase.loaded"
	// EraseReplaced: the manifest has a part that loses forgotten rows in the place of the old ones. The old files and rows are strays, which the eraser sweeps.
	EraseReplaced = "erase.replaced"
	// CompactReserved: the file of a merged part is announced, not written. It is swept as a stray after its time, and the pass begins anew with another id.
	CompactReserved = "compact.reserved"
	// CompactWritten: the new file of a merged part is there, the manifest knows the old parts only. The file is a stray; the pass begins anew.
	CompactWritten = "compact.written"
	// CompactLoaded: the table has the rows of the old parts and of a merged part. The new ones are removed with their stray; until then readers that take the newest by key see no difference.
	CompactLoaded = "compact.loaded"
	// CompactReplaced: the manifest has a merged part in the place of the old ones. The old files and rows are strays, which the eraser sweeps.
	CompactReplaced = "compact.replaced"
	// ReconcileMoved: the reconciler saved seq+1, the new task is not enqueued. The run is due again after its horizon and gets its task then.
	ReconcileMoved = "reconcile.moved"
	// ReconcileEnqueued: the reconciler enqueued, the new due time is not saved. The next round meets an id conflict and leaves the task alone.
	ReconcileEnqueued = "reconcile.enqueued"
	// EpochBumped: some runs have moved after Redis was emptied, the marker is not set. The next reconciler starts over; a run that moved twice is fenced by its seq.
	EpochBumped = "epoch.bumped"
	// Projected: search is written, the post's flag is not cleaned. The post is projected again; the same version changes nothing.
	Projected = "projected"
	// PurgeUnsearched: the post has left search, not the document store. The purge is repeated from there.
	PurgeUnsearched = "purge.unsearched"
	// CrawlStored: collected posts are stored, their cursor isn't moved. They are read again, and known.
	CrawlStored = "crawl.stored"
	// CrawlCursor: the cursor is moved. Reading goes on behind it.
	CrawlCursor = "crawl.cursor"
)

// All lists every point, in the order a post may meet them.
func All() []string {
	return []string{
		AdmitStored, RunLoaded, StepDone, MoveSaved, TaskEnqueued, AttemptRecorded,
		ItemOpened, AnswerSaved, WakeSaved,
		PartAssigned, PartWritten, PartUnloaded, PartBooked, PartLoaded, PartVerified,
		EraseReserved, EraseWritten, EraseLoaded, EraseReplaced,
		CompactReserved, CompactWritten, CompactLoaded, CompactReplaced,
		ReconcileMoved, ReconcileEnqueued, EpochBumped, Projected, PurgeUnsearched,
		CrawlStored, CrawlCursor,
	}
}

// Points is armed at one point. A nil *Points is never hit.
type Points struct {
	name string
	nth  int64
	hits atomic.Int64
	kill func()
}

// New arms the point name: the process dies at its nth hit, counted from 1 over
// all goroutines. A nil kill means SIGKILL to the own process.
func New(name string, nth int, kill func()) (*Points, error) {
	if !slices.Contains(All(), name) {
		return nil, fmt.Errorf("crashpoint: no point %q; there are: %s", name, strings.Join(All(), ", "))
	}
	if nth < 1 {
		return nil, fmt.Errorf("crashpoint: hit %d of %s: hits are counted from 1", nth, name)
	}
	if kill == nil {
		kill = sigkill
	}
	return &Points{name: name, nth: int64(nth), kill: kill}, nil
}

// Hit says that the process has come by the point name. At the armed hit it
// doesn't return, unless New was given a kill that does.
func (p *Points) Hit(name string) {
	if p == nil || name != p.name {
		return
	}
	if p.hits.Add(1) == p.nth {
		p.kill()
	}
}

// sigkill ends the process at once. The signal may arrive a moment after the
// call returns, and nothing more may happen in that moment.
func sigkill() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) // our own process: it can't be refused
	select {}
}
