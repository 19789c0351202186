package featurestore

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
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

// A month whose further columns were kept as tuples is the month whose columns
// were kept one by one, byte for byte: over the ends of batches, windows and row
// groups, for values that have few or many words and are missing in several ways.
func TestTuples(t *testing.T) {
	names := append(columns.Stored(), furtherColumns()...)
	spans := spansOf(names)
	if n := 1 + len(columns.Further()); len(spans) != n || spans[0] != behaviourSpan || spans[1].from != len(columns.Stored()) || spans[n-1].to != len(names) {
		t.Fatalf("%v", spans)
	}
	if s := spansOf(append(columns.Stored(), "asn", "own", "country_code", "spur_known")); len(s) != 4 {
		t.Errorf("%v", s)
	}
	if s := spansOf(append(columns.Names(), "asn")); len(s) != 1 || s[0] == behaviourSpan {
		t.Errorf("%v", s)
	}
	odd := []float64{math.NaN(), math.Float64frombits(0x7ff8000000000123), math.Copysign(0, -1), 0, math.Inf(1), 1}
	write := func(spans []groupSpan, threads int) ([]byte, MonthInfo) {
		rng := rand.New(rand.NewPCG(10, 11))
		var out bytes.Buffer
		f, err := monthFileOf(&out, 24293, names, spans, threads)
		if err != nil {
			t.Fatal(err)
		}
		write, end := f.rowsInto()
		n := 0
		for w, rows := range []int{1, 4096, 5000, 40, 30_000, 47_000, 9} {
			records := []int{1, 3, 300, 1 << 20}[w%4] // the last one's columns don't pay as dictionaries
			for i := range rows {
				v := make([]float64, len(names))
				for c := range columns.NumFeatures {
					v[c] = float64(rng.IntN(4))
				}
				record := rng.IntN(records)
				for c := columns.NumFeatures; c < len(v); c++ {
					if v[c] = float64(record * c); record%5 < 2 || c%7 == 0 {
						v[c] = odd[(record+c)%len(odd)]
					}
				}
				r := row.Row{Key: row.Key{Month: 24293, Attack: string(rune('a' + w)), IP: netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})}, Values: v, First: int64(n), Last: int64(n)}
				n++
				if err := write(&r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		info, err := f.Close()
		if err != nil {
			t.Fatal(err)
		}
		return out.Bytes(), info
	}
	want, wantInfo := write(nil, 1)
	for _, threads := range []int{1, 3} {
		got, info := write(spans, threads)
		if !bytes.Equal(got, want) {
			t.Errorf("%d threads: %d bytes, want %d", threads, len(got), len(want))
		}
		if !reflect.DeepEqual(info, wantInfo) {
			t.Errorf("%+v\n%+v", info, wantInfo)
		}
	}
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
		record := rng.IntN(3000) // one in ten stands in a feed
		for c := range v {
			switch {
			case c == columns.RequestCount:
				v[c] = float64(n)
			case c == columns.ResponseSizeMean:
				v[c] = float64(rng.IntN(100_000)) / float64(n)
			case c < columns.NumFeatures+columns.NumBehaviour:
				v[c] = float64(rng.IntN(n+1)) / float64(n)
			case record >= 300:
				v[c] = math.NaN()
			default:
				v[c] = float64(record * c % 31)
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

// Row groups of few columns take less, and one goroutine always encodes.
func TestEncoders(t *testing.T) {
	all := append(columns.Stored(), furtherColumns()...)
	for _, c := range []struct {
		memory int64
		of     []string
		want   int
	}{{0, all, 8}, {1, all, 1}, {64 << 20, all, 2}, {64 << 20, columns.Names(), 6}, {1 << 30, all, 8}} {
		if got := encoders(8, c.memory, c.of); got != c.want {
			t.Errorf("%d columns in %d bytes: %d, want %d", len(c.of), c.memory, got, c.want)
		}
	}
}
