package leavesadapter

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dmitryikh/leaves"

	"sluice/models/ensemble"
	"sluice/models/xgboost"
)

// lower writes m in the old binary layout that leaves reads, with what leaves
// gets wrong put right: base_score as a margin, and thresholds one float32 step
// down, for it compares <= where XGBoost compares <. Inputs must be rounded to
// float32 first.
func lower(t testing.TB, m *ensemble.Model) *leaves.Ensemble {
	base, err := m.BaseMargins()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	put := func(v ...any) {
		for _, x := range v {
			if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
				t.Fatal(err)
			}
		}
	}
	name := func(s string) { put(uint64(len(s)), []byte(s)) }
	put(base[0], uint32(m.NumFeature), [32]int32{}) // 136 bytes
	name(m.Objective)
	name(m.Booster)
	put(int32(len(m.Trees)), int32(1), int32(m.NumFeature), int32(0), int64(0), int32(m.Groups()), int32(0), [32]int32{})
	for i := range m.Trees {
		tree := &m.Trees[i]
		n := len(tree.LeftChildren)
		put(int32(1), int32(n), tree.NumDeleted, int32(0), int32(m.NumFeature), int32(0), [31]int32{})
		for k := range n {
			split := uint32(tree.SplitIndices[k]) & (1<<31 - 1)
			if tree.DefaultLeft[k] {
				split |= 1 << 31
			}
			v := tree.SplitConditions[k]
			if tree.LeftChildren[k] != -1 {
				v = math.Nextafter32(v, float32(math.Inf(-1)))
			}
			put(tree.Parents[k], tree.LeftChildren[k], tree.RightChildren[k], split, v)
		}
		put(make([]byte, 16*n))
	}
	put(m.TreeInfo)
	if m.Booster == "dart" {
		put(uint64(len(m.WeightDrop)), m.WeightDrop)
	}
	e, err := leaves.XGEnsembleFromReader(bufio.NewReader(&b), false)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestLeavesAgrees is a second opinion on the answers: of 3.4's golden models,
// whichever leaves can hold.
func TestLeavesAgrees(t *testing.T) {
	for _, name := range []string{"logistic", "missing", "dart", "exact_gamma", "lossguide_deep", "reg_squarederror", "gaps"} {
		t.Run(name, func(t *testing.T) {
			m := golden(t, name)
			for i := range m.Trees {
				for _, c := range m.Trees[i].SplitConditions {
					if math.IsInf(float64(c), -1) {
						t.Skip("leaves has no threshold below minus infinity")
					}
				}
			}
			p, err := ensemble.NewPredictor(m, ensemble.PredictorOptions{})
			if err != nil {
				t.Fatal(err)
			}
			e := lower(t, m)
			const rows = 2000
			x := rowsNear(m, rows)
			margin := make([]float32, rows)
			p.Margin(margin, x, rows, 1)
			wide := make([]float64, m.NumFeature)
			for r := range rows {
				for f := range wide {
					wide[f] = float64(x[r*m.NumFeature+f])
				}
				got := e.PredictSingle(wide, 0)
				if d := math.Abs(got - float64(margin[r])); !(d < 1e-5) {
					t.Fatalf("row %d: leaves says %v, Sluice %v", r, got, margin[r])
				}
			}
		})
	}
}

func golden(t testing.TB, name string) *ensemble.Model {
	data, err := zipped(filepath.Join("..", "xgboost", "testdata", "golden", "3.4.1", name+".zip"), "model.json")
	if os.IsNotExist(err) {
		t.Skip("the golden models are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := xgboost.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// rowsNear draws values on the model's thresholds, a step beside them, and
// missing ones.
func rowsNear(m *ensemble.Model, rows int) []float32 {
	r := rand.New(rand.NewPCG(7, 8))
	thresholds := make([][]float32, m.NumFeature)
	for i := range m.Trees {
		t := &m.Trees[i]
		for n, l := range t.LeftChildren {
			if l != -1 {
				f := t.SplitIndices[n]
				thresholds[f] = append(thresholds[f], t.SplitConditions[n])
			}
		}
	}
	x := make([]float32, rows*m.NumFeature)
	for i := range x {
		c := thresholds[i%m.NumFeature]
		switch {
		case r.IntN(8) == 0:
			x[i] = float32(math.NaN())
		case len(c) == 0:
			x[i] = float32(r.NormFloat64())
		default:
			v := c[r.IntN(len(c))]
			x[i] = [3]float32{v, math.Nextafter32(v, -1e38), math.Nextafter32(v, 1e38)}[r.IntN(3)]
		}
	}
	return x
}

// hundredTrees repeats the trees of a golden model up to a hundred.
func hundredTrees(b *testing.B) *ensemble.Model {
	m := golden(b, "defaults")
	few := m.Trees
	for i := len(few); i < 100; i++ {
		m.Trees = append(m.Trees, few[i%len(few)])
		m.TreeInfo = append(m.TreeInfo, 0)
	}
	m.IterationIndptr = nil
	return m
}

// BenchmarkAgainstLeaves answers the same rows with leaves and with Sluice in
// turn, one thread, a pair per iteration, and reports the median of the pairs'
// ratios: below 1 Sluice is faster. Seven pairs: -benchtime 7x.
func BenchmarkAgainstLeaves(b *testing.B) {
	m := hundredTrees(b)
	e := lower(b, m)
	p, err := ensemble.NewPredictor(m, ensemble.PredictorOptions{})
	if err != nil {
		b.Fatal(err)
	}
	const rows = 16384
	x := rowsNear(m, rows)
	wide := make([]float64, len(x)) // leaves takes float64
	for i, v := range x {
		wide[i] = float64(v)
	}
	dst, dst64 := make([]float32, rows), make([]float64, rows)
	var sink float64
	for _, c := range []struct {
		name         string
		leaves, ours func()
	}{
		{"batch", func() {
			if err := e.PredictDense(wide, rows, m.NumFeature, dst64, 0, 1); err != nil {
				b.Fatal(err)
			}
		}, func() { p.Margin(dst, x, rows, 1) }},
		{"row", func() {
			for r := range rows {
				sink += e.PredictSingle(wide[r*m.NumFeature:][:m.NumFeature], 0)
			}
		}, func() {
			for r := range rows {
				sink += float64(p.MarginRow(x[r*m.NumFeature:][:m.NumFeature]))
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ratios []float64
			var ours, theirs time.Duration
			for b.Loop() {
				start := time.Now()
				c.leaves()
				their := time.Since(start)
				start = time.Now()
				c.ours()
				our := time.Since(start)
				ratios = append(ratios, our.Seconds()/their.Seconds())
				ours, theirs = ours+our, theirs+their
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
			b.ReportMetric(ratios[len(ratios)-1], "worst-ratio")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(len(ratios)*rows), "sluice-ns/row")
			b.ReportMetric(float64(theirs.Nanoseconds())/float64(len(ratios)*rows), "leaves-ns/row")
			b.ReportMetric(0, "ns/op")
		})
	}
	_ = sink
}

// zipped is one file of a zip archive.
func zipped(path, name string) ([]byte, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
