package gbtree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// sumRandom makes a block of n features with bins below limit, gradients, and
// a growing list of rows.
func sumRandom(r *rand.Rand, n, total, limit int, keep float64, wide bool) (binBlock, []gradientPair, []uint32) {
	b := binBlock{n: n}
	gpair := make([]gradientPair, total)
	var rows []uint32
	for i := range total {
		gpair[i] = gradientPair{float32(r.NormFloat64()), float32(r.Float64())}
		if r.Float64() < keep {
			rows = append(rows, uint32(i))
		}
		for range n {
			v := r.IntN(limit)
			if wide {
				b.wide = append(b.wide, uint16(v))
			} else {
				b.narrow = append(b.narrow, uint8(v))
			}
		}
	}
	return b, gpair, rows
}

// TestSumFast compares the processor's kernels with the plain loop.
func TestSumFast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, total := range []int{1, 23, 24, 25, 1000, 40000} {
		for n := 1; n <= blockWidth; n++ {
			for _, keep := range []float64{1, 0.6, 0.1} {
				for _, wide := range []bool{false, true} {
					limit := 256
					if wide {
						limit = narrowStride
					}
					b, gpair, rows := sumRandom(r, n, total, limit, keep, wide)
					if len(rows) == 0 {
						continue
					}
					got := make(histogram, 2*n*narrowStride)
					if !sumFast(got, &b, gpair, rows) {
						t.Skip("no kernel for this processor")
					}
					want := make(histogram, len(got))
					if wide {
						sumRows(want, b.wide, gpair, rows, n, narrowStride)
					} else {
						sumRows(want, b.narrow, gpair, rows, n, narrowStride)
					}
					if !slices.Equal(got, want) {
						t.Fatalf("%d rows of %d, %d features, wide %v: sums differ", len(rows), total, n, wide)
					}
				}
			}
		}
	}
}

func BenchmarkSum(b *testing.B) {
	const total = 1_000_000
	r := rand.New(rand.NewPCG(5, 5))
	for _, keep := range []float64{1, 0.5, 0.1, 0.02} {
		block, gpair, rows := sumRandom(r, 6, total, 256, keep, false)
		hist := make(histogram, 2*6*narrowStride)
		b.Run(fmt.Sprintf("fast/%v", keep), func(b *testing.B) {
			for b.Loop() {
				if !sumFast(hist, &block, gpair, rows) {
					b.Skip("no kernel for this processor")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(6*len(rows)), "ns/update")
		})
		b.Run(fmt.Sprintf("plain/%v", keep), func(b *testing.B) {
			for b.Loop() {
				sumRows(hist, block.narrow, gpair, rows, 6, narrowStride)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(6*len(rows)), "ns/update")
		})
	}
}
