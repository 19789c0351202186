package edge

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestTenMillion says how long ten million addresses take and how much memory
// beyond the addresses themselves, for crowds of different shapes.
func TestTenMillion(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("ten million addresses: only with SLUICE_LONG=1")
	}
	const n = 10_000_000
	anywhere := func(space uint64) func() *Builder {
		return func() *Builder {
			r := rand.New(rand.NewPCG(1, 2))
			b := &Builder{v4: make([]item4, n), reasons: []string{""}}
			for i := range b.v4 {
				b.v4[i] = item4{ip: 1<<24 + uint32(r.Uint64N(space)), confidence: r.Float32()}
			}
			return b
		}
	}
	for _, crowd := range []struct {
		name string
		make func() *Builder
	}{
		{"clustered, in order", func() *Builder { return crowd(n) }},
		{"anywhere, in no order", anywhere(3 << 30)},
		{"in one /8, in no order", anywhere(1 << 24)},
	} {
		for _, c := range []struct {
			name string
			o    Options
		}{{"exact", Options{}}, {"/24, 5 %", Options{IPv4: 24, MaxExtraShare: 0.05}}, {"/16, 100 %, 50000 entries", Options{IPv4: 16, MaxExtraShare: 1, MaxEntries: 50000}}} {
			b := crowd.make()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			before := m.HeapAlloc
			var peak atomic.Uint64
			done := make(chan bool)
			go func() {
				var m runtime.MemStats
				for {
					select {
					case <-done:
						return
					case <-time.After(50 * time.Millisecond):
						runtime.ReadMemStats(&m)
						peak.Store(max(peak.Load(), m.HeapAlloc))
					}
				}
			}()
			begun := time.Now()
			l, err := b.Build(context.Background(), c.o)
			took := time.Since(begun)
			close(done)
			if err != nil {
				t.Fatal(err)
			}
			s := l.Stats()
			if s.LeastEntries > s.Entries+s.DroppedEntries || s.ExtraIPv4 > uint64(float64(n)*c.o.MaxExtraShare) {
				t.Errorf("%+v", s)
			}
			t.Logf("%-24s %-26s %6.1f s, %4d MB more than the %d MB held; %d entries of %d exact, at least %d, %d dropped, %d extra", crowd.name, c.name, took.Seconds(), (max(peak.Load(), before)-before)>>20, before>>20, s.Entries, s.ExactEntries, s.LeastEntries, s.DroppedEntries, s.ExtraIPv4)
		}
	}
}
