package exports_test

import (
	"os"
	"syscall"
)

// maxRSS is the most memory that a process had, in kB.
func maxRSS(s *os.ProcessState) int64 {
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss
	}
	return 0
}
