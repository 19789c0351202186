package edge

import (
	"context"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// crowd fills a Builder with n IPv4 addresses, in order as a feed gives them:
// half of them alone, half in /24s of which some addresses, or nearly all, are
// listed.
func crowd(n int) *Builder {
	r := rand.New(rand.NewPCG(1, 2))
	b := &Builder{v4: make([]item4, 0, n), reasons: []string{"request_count"}}
	for net := uint32(1 << 16); net < 223<<16 && len(b.v4) < n; net++ {
		share := 0
		switch r.IntN(100) {
		case 0:
			share = 250
		case 1, 2, 3, 4, 5:
			share = 20 + r.IntN(80)
		default:
			if r.IntN(2) == 0 {
				share = 1
			}
		}
		for k := range uint32(256) {
			if r.IntN(256) < share && len(b.v4) < n {
				b.v4 = append(b.v4, item4{ip: net<<8 | k, confidence: 0.9})
			}
		}
	}
	return b
}

// BenchmarkBuild makes lists of a million addresses; times ten is what ten
// millions take.
func BenchmarkBuild(b *testing.B) {
	const n = 1_000_000
	from := crowd(n)
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"exact", Options{}},
		{"rollup24", Options{IPv4: 24, MaxExtraIPv4: n / 20}},
		{"rollup20", Options{IPv4: 20, MaxExtraIPv4: n / 20}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var s Stats
			for b.Loop() {
				l, err := (&Builder{v4: from.v4, reasons: from.reasons}).Build(context.Background(), c.o)
				if err != nil {
					b.Fatal(err)
				}
				s = l.Stats()
			}
			b.ReportMetric(float64(len(from.v4))*float64(b.N)/b.Elapsed().Seconds(), "addresses/s")
			b.ReportMetric(float64(s.Entries), "entries")
			b.ReportMetric(float64(s.LeastEntries), "least")
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	var x Builder
	a := Address{Confidence: 0.9, Reason: "request_count"}
	i := uint32(0)
	for b.Loop() {
		if i++; len(x.v4) == 1<<20 {
			x.v4 = x.v4[:0]
		}
		x.Add(addr4(i), a)
	}
}

func BenchmarkWrite(b *testing.B) {
	l, err := crowd(100_000).Build(context.Background(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Write(io.Discard, f, sampleHeader(), l.All()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(l.Len())*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	ps := make([]netip.Prefix, 100_000)
	for i := range ps {
		ps[i] = netip.PrefixFrom(addr4(r.Uint32()), 8+r.IntN(25)).Masked()
	}
	b.ReportAllocs()
	for b.Loop() {
		Merge(ps)
	}
}
