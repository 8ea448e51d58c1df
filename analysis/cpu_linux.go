package analysis

import "golang.org/x/sys/unix"

// threadSeconds is the CPU time that the calling thread has used. The caller
// must be locked to its thread.
func threadSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
