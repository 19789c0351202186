package server

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process and others have used of the processors.
func processorTime(pids ...int) time.Duration {
	var all time.Duration
	for _, pid := range append(pids, os.Getpid()) {
		var t unix.Timespec
		const perProcess = 2 // CPUCLOCK_SCHED of the kernel's clock ids
		if err := unix.ClockGettime(int32(^pid<<3|perProcess), &t); err == nil {
			all += time.Duration(t.Nano())
		}
	}
	return all
}

// machineTime is what all programs have used of the processors, and what
// others that share the machine beneath took of them.
func machineTime() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var ticks int64
	for i, f := range strings.Fields(line) { // cpu user nice system idle iowait irq softirq steal
		if n, err := strconv.ParseInt(f, 10, 64); err == nil && (i >= 1 && i <= 3 || i == 8) {
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / 100
}
