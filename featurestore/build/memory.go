package build

import "runtime/debug"

// LimitMemory has the program stay within bytes of memory, as far as its work
// lets it: it tells Go's collector, and gives the Config.Memory for that, half
// of it, since months are merged and encoded in the other half. 0 changes
// nothing. restore takes the limit off again.
func LimitMemory(bytes int64) (groups int64, restore func()) {
	if bytes <= 0 {
		return 0, func() {}
	}
	before := debug.SetMemoryLimit(bytes)
	return max(1, bytes/2), func() { debug.SetMemoryLimit(before) }
}
