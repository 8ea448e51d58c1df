package source

import (
	"errors"
	"fmt"
	"time"
)

// Trouble is an error that tells the crawler what to do. Everything else that
// goes wrong is a models fault: Unavailable is tried again with growing pauses,
// Retryable as well, Permanent is not tried before the query's next turn.
type Trouble struct {
	Kind  Kind
	Until time.Time // Throttled: when to come back
	Do    string    // Stopped: what a person must do
	Err   error     // what the network said, without secrets
}

// Kind is what kind of trouble it is.
type Kind string

// The kinds.
const (
	// Throttled: the network, or our own limit before it, wants us to wait. No failure is counted.
	Throttled Kind = "throttled"
	// Stopped: no call with this account makes sense before a person did something.
	Stopped Kind = "stopped"
)

// Error says what happened and what to do.
func (t *Trouble) Error() string {
	switch t.Kind {
	case Throttled:
		return fmt.Sprintf("throttled until %s: %v", t.Until.UTC().Format(time.RFC3339), t.Err)
	default:
		return fmt.Sprintf("%v; %s", t.Err, t.Do)
	}
}

// Unwrap gives what the network said.
func (t *Trouble) Unwrap() error { return t.Err }

// AsTrouble finds a Trouble in err.
func AsTrouble(err error) (*Trouble, bool) { return errors.AsType[*Trouble](err) }
