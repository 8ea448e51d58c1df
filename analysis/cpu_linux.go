package analysis

import "golang.org/x/sys/unix"

// ThreadSeconds is the CPU time that the calling thread has used. The caller
// must be locked to its thread. (Getrusage counts in clock ticks on some
// systems, which are longer than a light model takes.)
func ThreadSeconds() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return float64(t.Nano()) / 1e9
}
