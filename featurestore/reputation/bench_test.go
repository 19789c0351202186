package reputation

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// lists writes exports of n random IPv4 addresses, one a day.
func lists(b *testing.B, exports, n int) []string {
	b.Helper()
	dir := b.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var files []string
	for i := range exports {
		buf := []byte{}
		for range n {
			buf = randomIP(r).AppendTo(buf)
			buf = append(buf, '\n')
		}
		f := filepath.Join(dir, time.Date(2024, 8, 1+i, 0, 0, 0, 0, time.UTC).Format("list-2006-01-02.txt"))
		if err := os.WriteFile(f, buf, 0o644); err != nil {
			b.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func randomIP(r *rand.Rand) netip.Addr {
	for {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], r.Uint32())
		if ip := netip.AddrFrom4(a); Public(ip) {
			return ip
		}
	}
}

func BenchmarkOpen500k(b *testing.B) {
	files := lists(b, 1, 500_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(context.Background(), files, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(500_000*float64(b.N)/b.Elapsed().Seconds(), "addresses/s")
}

func BenchmarkLookup(b *testing.B) {
	s, err := Open(context.Background(), lists(b, 3, 200_000), Options{})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	ips := make([]netip.Addr, 4096)
	for i := range ips {
		ips[i] = randomIP(r)
	}
	m := s.Months()[0]
	b.Run("Label", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			s.Label(ips[i&4095], m)
			i++
		}
	})
	b.Run("ListedBefore", func(b *testing.B) {
		b.ReportAllocs()
		at := m.End(time.UTC)
		i := 0
		for b.Loop() {
			s.ListedBefore(ips[i&4095], at)
			i++
		}
	})
}
