//go:build !linux

package analysis

import "time"

// ThreadSeconds is wall time where the system can't tell a thread's CPU time.
// Models work on one thread, so on an idle machine it comes to the same.
func ThreadSeconds() float64 { return float64(time.Now().UnixNano()) / 1e9 }
