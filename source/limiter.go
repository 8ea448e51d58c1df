package source

import (
	"context"
	"fmt"
	"time"
)

// Key is what a rate limit counts: calls to a host of a source by an account.
// Account is no secret: a handle, or a hash of a token; empty is anonymous.
type Key struct {
	Source, Account, Host string
	// Token stands for what lets the account in, such as the start of a hash of it.
	// It is counted with its account, but a stop holds for it alone: a new one is tried at once.
	Token string
}

// String joins the parts.
func (k Key) String() string { return fmt.Sprintf("%s/%s/%s", k.Source, k.Account, k.Host) }

// Rate is how many calls are allowed in which time.
type Rate struct {
	N   int
	Per time.Duration
}

// Signal is what an answer told of its network's limit. The zero value is nothing.
type Signal struct {
	Known bool      // Left and Reset mean something
	Left  float64   // share of the budget that is left, 0 to 1
	Reset time.Time // when it is whole again; zero: unknown
	Until time.Time // no call before this moment (Retry-After)
	Stop  string    // no call before a person did this: a token problem
}

// Limiter paces calls over all processes.
type Limiter interface {
	// Wait returns when a call may be made. It returns a Trouble if that is too
	// long to wait for, or if the account is stopped.
	Wait(ctx context.Context, k Key, r Rate) error
	// Report tells what the network said.
	Report(ctx context.Context, k Key, s Signal) error
}
