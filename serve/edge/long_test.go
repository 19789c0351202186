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
		{"half IPv6, in no order", func() *Builder {
			b := anywhere(3 << 30)()
			r := rand.New(rand.NewPCG(3, 4))
			b.v4 = b.v4[: n/2 : n/2]
			b.v6 = make([]item6, n/2)
			for i := range b.v6 { // sites of /48, in which some /64s have some addresses
				site := 0x2001_0db8_0000_0000 + r.Uint64N(1<<18)<<16
				b.v6[i] = item6{addr6: addr6{site + r.Uint64N(64), r.Uint64N(4)}, confidence: r.Float32()}
			}
			return b
		}},
	} {
		for _, c := range []struct {
			name string
			o    Options
		}{
			{"exact", Options{}},
			{"within 5 %", Options{IPv4: 24, IPv6: 48, MaxExtraShare: 0.05}},
			{"50000 entries", Options{IPv4: 16, IPv6: 48, MaxExtraShare: 1, MaxEntries: 50000}},
		} {
			t.Run(crowd.name+"/"+c.name, func(t *testing.T) { measure(t, crowd.make(), c.o) })
		}
	}
}

// measure builds a list and says what that took.
func measure(t *testing.T, b *Builder, o Options) {
	n := len(b.v4) + len(b.v6)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var peak atomic.Uint64
	done, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
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
	l, err := b.Build(context.Background(), o)
	took := time.Since(begun)
	close(done)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	s := l.Stats()
	if s.LeastEntries > s.Entries+s.DroppedEntries || float64(s.ExtraIPv4+s.ExtraIPv6) > float64(n)*o.MaxExtraShare {
		t.Errorf("%+v", s)
	}
	t.Logf("%.1f s, %d MB more than the %d MB held; %d entries of %d exact, at least %d, %d dropped, %d extra", took.Seconds(), (max(peak.Load(), before)-before)>>20, before>>20, s.Entries, s.ExactEntries, s.LeastEntries, s.DroppedEntries, s.ExtraIPv4+s.ExtraIPv6)
}
