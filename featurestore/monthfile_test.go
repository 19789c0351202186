package featurestore

import (
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// furtherColumns are the names of all columns from elsewhere than the logs.
func furtherColumns() (names []string) {
	for _, g := range columns.Further() {
		names = append(names, g.Names()...)
	}
	return names
}

// BenchmarkMonthFile makes a month's file of rows as hours have them: most
// addresses send one request, few are in a feed.
func BenchmarkMonthFile(b *testing.B) {
	const rows, window = 128 << 10, 14000
	rng := rand.New(rand.NewPCG(8, 9))
	all := append(columns.Stored(), furtherColumns()...)
	given := make([][]float64, rows)
	for i := range given {
		v := make([]float64, len(all))
		n := 1 + rng.IntN(2)*rng.IntN(3)
		for c := range v {
			switch {
			case c == columns.RequestCount:
				v[c] = float64(n)
			case c == columns.ResponseSizeMean:
				v[c] = float64(rng.IntN(100_000)) / float64(n)
			case c < columns.NumFeatures+columns.NumBehaviour:
				v[c] = float64(rng.IntN(n+1)) / float64(n)
			case rng.IntN(40) > 0:
				v[c] = math.NaN()
			default:
				v[c] = float64(rng.IntN(30))
			}
		}
		given[i] = v
	}
	for _, names := range [][]string{columns.Names(), columns.Stored(), all} {
		b.Run(map[int]string{columns.NumFeatures: "twelve", len(columns.Stored()): "behaviour", len(all): "all"}[len(names)], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := newMonthFile(io.Discard, row.Month(24293), names, 1)
				if err != nil {
					b.Fatal(err)
				}
				write, end := f.rowsInto()
				for i, v := range given {
					ip := netip.AddrFrom4([4]byte{11, 0, byte(i % window >> 8), byte(i % window)})
					r := row.Row{Key: row.Key{Month: 24293, Attack: string(rune('a' + i/window)), IP: ip}, Values: v[:len(names)], First: 1720000000, Last: 1720000000}
					if err := write(&r); err != nil {
						b.Fatal(err)
					}
				}
				if err := end(); err != nil {
					b.Fatal(err)
				}
				if _, err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
