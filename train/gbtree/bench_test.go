package gbtree

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/featurestore/columns"
)

// madeUpRows is data in the shape of the twelve columns: counts with a long
// tail, a mean, shares that are often 0 or 1, and labels that depend on some.
func madeUpRows(rows int, seed uint64) (x, label []float32, names []string) {
	const cols = columns.NumFeatures
	for _, c := range columns.Twelve() {
		names = append(names, c.Name)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	x, label = make([]float32, rows*cols), make([]float32, rows)
	for i := range rows {
		row := x[i*cols : (i+1)*cols]
		n := math.Floor(math.Exp(1.6*r.NormFloat64()+2.2)) + 1
		share := func() float64 { return math.Round(r.Float64()*n) / n }
		size := math.Exp(r.NormFloat64() + 9.5)
		a, b, c := r.ExpFloat64()*2, r.ExpFloat64(), r.ExpFloat64()*0.3
		values := [cols]float64{
			n, size, 1 + math.Floor((n-1)*r.Float64()), share(), 1 + math.Floor(r.ExpFloat64()),
			math.Sqrt(r.Float64()), share(), a / (a + b + c), b / (a + b + c), c / (a + b + c), 0, 0,
		}
		values[10] = min(1, max(0, 0.8*values[3]+0.1*r.NormFloat64()))
		if r.IntN(7) == 0 {
			values[11] = r.Float64()
		}
		for f, v := range values {
			row[f] = float32(v)
		}
		z := 1.3*math.Log(n) - 2.4*values[3] + 2*values[6]*values[7] + math.Sin(size/4000) - 1.8
		if values[5] < 0.6 {
			z += 1.7
		}
		if r.Float64() < 1/(1+math.Exp(-1.5*z)) {
			label[i] = 1
		}
	}
	return x, label, names
}

func BenchmarkTrain(b *testing.B) {
	for _, rows := range []int{10_000, 200_000} {
		x, y, names := madeUpRows(rows, 1)
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("rows=%d/threads=%d", rows, threads), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					d, err := NewDMatrix(x, y, nil, names)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := Train(context.Background(), DefaultParams(), d, Options{Rounds: 20, Threads: threads}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(rows)*20*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows×trees/s")
			})
		}
	}
}

func BenchmarkQuantize(b *testing.B) {
	x, y, names := madeUpRows(200_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		d, err := NewDMatrix(x, y, nil, names)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.quantize(context.Background(), 256, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGradients(b *testing.B) {
	const rows = 100_000
	x, y, names := madeUpRows(rows, 1)
	d, err := NewDMatrix(x, y, nil, names)
	if err != nil {
		b.Fatal(err)
	}
	p := DefaultParams()
	o := newObjective(&p)
	margin := make([]float32, rows)
	for i := range margin {
		margin[i] = float32(i%4096)/256 - 8
	}
	gpair := make([]gradientPair, rows)
	b.ReportAllocs()
	for b.Loop() {
		o.gradients(d, margin, gpair, 0, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
