package ensemble

import (
	"math"
	"math/rand/v2"
	"testing"
)

// benchModel is a forest of full-depth trees with missing values in use.
func benchModel(trees, depth, features int) *Model {
	r := rand.New(rand.NewPCG(1, 2))
	m := &Model{Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.5},
		NumFeature: features, NumTarget: 1, NumParallelTree: 1}
	for range trees {
		m.Trees = append(m.Trees, randomTree(r, depth, features, 0.05))
		m.TreeInfo = append(m.TreeInfo, 0)
	}
	return m
}

// randomTree grows a tree in which a node above depth is a leaf with
// probability stop.
func randomTree(r *rand.Rand, depth, features int, stop float64) Tree {
	var t Tree
	var grow func(parent int32, level int, cover float32) int32
	grow = func(parent int32, level int, cover float32) int32 {
		n := int32(len(t.LeftChildren))
		t.LeftChildren = append(t.LeftChildren, -1)
		t.RightChildren = append(t.RightChildren, -1)
		t.Parents = append(t.Parents, parent)
		t.SplitIndices = append(t.SplitIndices, 0)
		t.SplitConditions = append(t.SplitConditions, float32(r.NormFloat64()))
		t.DefaultLeft = append(t.DefaultLeft, r.IntN(2) == 0)
		t.SumHessian = append(t.SumHessian, cover)
		t.LossChanges = append(t.LossChanges, float32(r.Float64()))
		t.BaseWeights = append(t.BaseWeights, 0)
		if level == depth || level > 0 && r.Float64() < stop {
			return n
		}
		t.SplitIndices[n] = int32(r.IntN(features))
		share := float32(0.1 + 0.8*r.Float64())
		left := grow(n, level+1, cover*share)
		right := grow(n, level+1, cover*(1-share))
		t.LeftChildren[n], t.RightChildren[n] = left, right
		return n
	}
	grow(noParent, 0, 1000)
	return t
}

func benchRows(rows, features int) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, rows*features)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if r.IntN(20) == 0 {
			x[i] = float32(math.NaN())
		}
	}
	return x
}

func mustPredictor(tb testing.TB, m *Model) *Predictor {
	tb.Helper()
	p, err := NewPredictor(m, PredictorOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func BenchmarkMargin(b *testing.B) {
	const rows = 10000
	p := mustPredictor(b, benchModel(100, 6, 12))
	x, dst := benchRows(rows, 12), make([]float32, rows)
	b.ReportAllocs()
	for b.Loop() {
		p.Margin(dst, x, rows, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func BenchmarkMarginRow(b *testing.B) {
	p := mustPredictor(b, benchModel(100, 6, 12))
	x := benchRows(64, 12)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.MarginRow(x[i%64*12:][:12])
	}
}

func BenchmarkContributions(b *testing.B) {
	const rows = 256
	p := mustPredictor(b, benchModel(100, 6, 12))
	x, dst := benchRows(rows, 12), make([]float32, rows*13)
	b.ReportAllocs()
	for b.Loop() {
		p.Contributions(dst, x, rows, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
