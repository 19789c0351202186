package build

import (
	"math"
	"runtime/debug"
	"testing"
)

// What groups, readers and the program take is never more than what was given,
// and the collector's limit goes as it came.
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	for _, c := range []struct{ bytes, mapped int64 }{{LeastMemory, 0}, {512 << 20, 0}, {512 << 20, 64 << 20}, {512 << 20, 2 << 30}, {64 << 30, 1 << 30}, {1, 0}} {
		for _, threads := range []int{1, 2, 64} {
			groups, fewer, restore := LimitMemory(c.bytes, threads, c.mapped)
			own := debug.SetMemoryLimit(-1)
			restore()
			if groups < 1 || fewer < 1 || fewer > threads || own > c.bytes {
				t.Errorf("%d bytes, %d threads: groups of %d, %d threads, %d for the collector", c.bytes, threads, groups, fewer, own)
			}
			if c.bytes >= LeastMemory && (groups+int64(fewer)*readerBytes > own || c.mapped <= c.bytes/2 && own+c.mapped+loadedBytes > c.bytes) {
				t.Errorf("%d bytes of which %d are mapped, %d threads: groups of %d, %d threads, %d for the collector", c.bytes, c.mapped, threads, groups, fewer, own)
			}
			if c.bytes == 64<<30 && fewer != threads {
				t.Errorf("%d of %d threads in %d bytes", fewer, threads, c.bytes)
			}
		}
	}
	if groups, threads, restore := LimitMemory(0, 3, 0); groups != 0 || threads != 3 {
		t.Errorf("without a limit: %d, %d", groups, threads)
	} else {
		restore()
	}
	if now := debug.SetMemoryLimit(-1); now != before || before != math.MaxInt64 {
		t.Errorf("a limit of %d, before %d", now, before)
	}
}
