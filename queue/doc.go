// Package queue is the only part of Weft that knows asynq. It turns a run into
// a task of the right queue, serves the queues with one asynq server each, and
// reconciles the queue with the documents.
//
// The queue carries intent and may be lost at any moment. What asynq decides
// elsewhere (when a task has failed, what to archive) it does not decide here:
// tasks have a practically unlimited MaxRetry and Retention 0, and the handler
// keeps the books. Facts about asynq that this package rests on:
//
//   - A task id is unique per queue while the task exists in any state. Weft's
//     ids hold the run's seq, so an id is never used for two intents.
//   - IsFailure decides whether a returned error counts as a retry. Only a
//     recorded attempt and a lost worker count; so the retry count less the
//     recorded attempts is the number of deaths.
//   - Three scripts per task, one round trip each. New posts are emitted through
//     an auto-pipelining client, which merges the round trips of concurrent
//     callers: half as much again in posts per second. The servers don't use it:
//     their few commands at a time would only wait for each other.
//   - Scripts are sent by their hash, and as text where a server doesn't know them,
//     such as after a failover. That holds for merged round trips too, where each
//     caller sees its own answer; in a pipeline of one's own nobody would.
//   - All keys of a queue have the hash tag {queue}, so a queue lies on one member
//     of a cluster. asynq:queues and the marker have none: they lie anywhere.
package queue
