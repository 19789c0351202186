package build

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// LeastMemory is the least that LimitMemory keeps to: a month's rows are encoded
// 65,536 at a time, and tables are read by row groups.
const LeastMemory = 128 << 20

// What a build takes beside groups of requests, about: of each goroutine that
// reads, of the program itself once all of it that is used has been loaded.
const (
	readerBytes = 16 << 20
	loadedBytes = 24 << 20
)

// LimitMemory has the program stay within bytes of memory, as far as its work
// lets it: it tells Go's collector, and gives what Config.Memory and
// Config.Threads are for that. Groups get half of what readers leave, since
// months are merged and encoded in as much, and no more than threads goroutines
// read as half of it has room for. mapped are the bytes of files that will be
// mapped into memory, which the collector knows nothing of. 0 bytes change
// nothing. restore takes the limit off again.
func LimitMemory(bytes int64, threads int, mapped int64) (groups int64, fewer int, restore func()) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if bytes <= 0 {
		return 0, threads, func() {}
	}
	own := max(bytes/4, bytes-max(loadedBytes, resident()+loadedBytes/2)-mapped)
	fewer = int(max(1, min(int64(threads), own/2/readerBytes)))
	before := debug.SetMemoryLimit(own)
	return max(1, own/4, (own-int64(fewer)*readerBytes)/2), fewer, func() { debug.SetMemoryLimit(before) }
}

// resident are the bytes of files, most of them the program's own, that are in
// memory, where the system tells.
func resident() int64 {
	status, err := os.ReadFile("/proc/self/statm")
	if f := bytes.Fields(status); err == nil && len(f) > 2 {
		if pages, err := strconv.ParseInt(string(f[2]), 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	return 0
}
