package gbtree

import (
	"math"
	"math/rand/v2"
	"testing"

	"sluice/models/ensemble"
)

// TestLogisticGradients compares the two fast forms with the plain formula.
func TestLogisticGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{1, 3, 4, 5, 100_003} {
		margin, label := make([]float32, n), make([]float32, n)
		for i := range margin {
			margin[i] = float32(r.NormFloat64() * math.Exp(3*r.NormFloat64()))
			if i%1000 == 7 {
				margin[i] = []float32{32.564632, 63.09946, -32.564632, -88.7, 87.5, 103, -104, 1e30, -1e30, float32(math.Inf(1)), float32(math.Inf(-1))}[i/1000%11]
			}
			label[i] = float32(r.IntN(2))
			if i%5 == 0 {
				label[i] = r.Float32()
			}
		}
		fast, plain := make([]gradientPair, n), make([]gradientPair, n)
		done := logisticFast(margin, label, fast)
		logisticGradients(margin[done:], label[done:], fast[done:])
		logisticGradients(margin, label, plain)
		for i, m := range margin {
			p := ensemble.Sigmoid(m)
			want := gradientPair{p - label[i], max(p*(1-p), 1e-16)}
			if fast[i] != want || plain[i] != want {
				t.Fatalf("margin %v, label %v: %v, %v, want %v", m, label[i], fast[i], plain[i], want)
			}
		}
	}
}
