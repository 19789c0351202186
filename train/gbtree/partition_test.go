package gbtree

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDivide compares the processor's kernels with the plain loop, and that
// with its meaning.
func TestDivide(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, n := range []int{0, 1, 31, 32, 33, 64, 1000, rowsPerCallTest} {
		for _, wide := range []bool{false, true} {
			bins := 256
			col := &binColumn{narrow: make([]uint8, 2*n+1)}
			if wide {
				bins = 1000
				col = &binColumn{wide: make([]uint16, 2*n+1)}
			}
			binOf := make([]int, 2*n+1)
			for i := range binOf {
				binOf[i] = r.IntN(bins)
				if wide {
					col.wide[i] = uint16(binOf[i])
				} else {
					col.narrow[i] = uint8(binOf[i])
				}
			}
			table := make([]uint8, bins)
			for i := range table {
				table[i] = uint8(r.IntN(2))
			}
			var rows, wantLeft, wantRight []uint32
			for i := range n {
				row := uint32(2*i + r.IntN(2))
				rows = append(rows, row)
				if table[binOf[row]] != 0 {
					wantLeft = append(wantLeft, row)
				} else {
					wantRight = append(wantRight, row)
				}
			}
			plain := func(rows []uint32, col *binColumn, table []uint8, left, right []uint32) int {
				if wide {
					return divideRows(rows, col.wide, table, left, right)
				}
				return divideRows(rows, col.narrow, table, left, right)
			}
			for name, f := range map[string]func([]uint32, *binColumn, []uint8, []uint32, []uint32) int{"fast": divide, "plain": plain} {
				left, right := make([]uint32, n), make([]uint32, n)
				l := f(rows, col, table, left, right)
				if !slices.Equal(left[:l], wantLeft) || !slices.Equal(right[:n-l], wantRight) {
					t.Fatalf("%s, %d rows, wide %v: divided wrongly", name, n, wide)
				}
			}
		}
	}
}

// rowsPerCallTest is more rows than one call of a kernel takes.
const rowsPerCallTest = 40_000

func BenchmarkDivide(b *testing.B) {
	const n = 1_000_000
	r := rand.New(rand.NewPCG(9, 9))
	col := &binColumn{narrow: make([]uint8, n)}
	rows, left, right := make([]uint32, n), make([]uint32, n), make([]uint32, n)
	for i := range rows {
		rows[i] = uint32(i)
		col.narrow[i] = uint8(r.IntN(256))
	}
	table := make([]uint8, 256)
	for i := range 100 {
		table[i] = 1
	}
	b.Run("fast", func(b *testing.B) {
		for b.Loop() {
			divide(rows, col, table, left, right)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	})
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			divideRows(rows, col.narrow, table, left, right)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	})
}
