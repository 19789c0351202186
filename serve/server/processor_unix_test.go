//go:build unix

package server

import (
	"syscall"
	"time"
)

// processorTime is what this process has used of the processors; 0 where that
// is not known.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
