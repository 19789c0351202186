package gbtree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// sumRandom makes a block of n features in rows of n+2 bins below limit,
// gradients, and a growing list of rows.
func sumRandom(r *rand.Rand, n, total, limit int, keep float64, wide bool) (*quantized, []gradientPair, []uint32) {
	q := &quantized{stride: narrowStride, blocks: []binBlock{{n: n, offset: 1, wide: wide}}, narrowWidth: n + 2, wideWidth: n + 2}
	gpair := make([]gradientPair, total)
	var rows []uint32
	for i := range total {
		gpair[i] = gradientPair{float32(r.NormFloat64()), float32(r.Float64())}
		if r.Float64() < keep {
			rows = append(rows, uint32(i))
		}
		for range n + 2 {
			v := r.IntN(limit)
			q.wide = append(q.wide, uint16(v))
			q.narrow = append(q.narrow, uint8(v))
		}
	}
	return q, gpair, rows
}

func sumPlain(q *quantized, gpair []gradientPair, rows []uint32) histogram {
	b := q.blocks[0]
	want := make(histogram, 2*b.n*narrowStride)
	if b.wide {
		sumRows(want, q.wide[b.offset:], gpair, rows, b.n, q.wideWidth, narrowStride)
	} else {
		sumRows(want, q.narrow[b.offset:], gpair, rows, b.n, q.narrowWidth, narrowStride)
	}
	return want
}

// TestSumFast compares the processor's kernels with the plain loop.
func TestSumFast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, total := range []int{1, 47, 48, 49, 1000, rowsPerCallTest} {
		if testing.Short() && total > 1000 {
			continue
		}
		for n := 1; n <= blockWidth; n++ {
			for _, keep := range []float64{1, 0.6, 0.1} {
				for _, wide := range []bool{false, true} {
					limit := 256
					if wide {
						limit = narrowStride
					}
					q, gpair, rows := sumRandom(r, n, total, limit, keep, wide)
					if len(rows) == 0 {
						continue
					}
					got := make(histogram, 2*n*narrowStride)
					if !q.sumFast(got, &q.blocks[0], gpair, rows, len(rows), keep < 0.5) {
						t.Skip("no kernel for this processor")
					}
					if !slices.Equal(got, sumPlain(q, gpair, rows)) {
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
		q, gpair, rows := sumRandom(r, 6, total, 256, keep, false)
		hist := make(histogram, 2*6*narrowStride)
		b.Run(fmt.Sprintf("fast/%v", keep), func(b *testing.B) {
			for b.Loop() {
				if !q.sumFast(hist, &q.blocks[0], gpair, rows, len(rows), keep < 0.5) {
					b.Skip("no kernel for this processor")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(6*len(rows)), "ns/update")
		})
		b.Run(fmt.Sprintf("plain/%v", keep), func(b *testing.B) {
			for b.Loop() {
				sumPlain(q, gpair, rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(6*len(rows)), "ns/update")
		})
	}
}
