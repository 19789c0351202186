package server

import (
	"os"
	"runtime/debug"
)

// relaxedGC is how much garbage, in percent of what is in use, there may be
// before it is collected.
const relaxedGC = 400

// relaxCollector makes collections rarer, unless the environment says how often
// they are wanted. What the service keeps is a few megabytes, the feed's mapped
// index not among them, so that by Go's own measure a busy service collects
// dozens of times a second, and the calls that are made meanwhile are its
// slowest.
func relaxCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(relaxedGC)
	}
}
