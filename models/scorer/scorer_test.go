package scorer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/models/calibration"
	"sluice/models/ensemble"
	"sluice/models/registry"
	"sluice/models/rules/aim"
	"sluice/models/xgboost"
)

// stump is a model of two trees over the twelve columns: request_count below
// 10 speaks for a reader, spider_ratio of a half and more against.
func stump(names []string) *ensemble.Model {
	tree := func(feature int32, at, left, right float32) ensemble.Tree {
		return ensemble.Tree{
			LeftChildren: []int32{1, -1, -1}, RightChildren: []int32{2, -1, -1}, Parents: []int32{math.MaxInt32, 0, 0},
			SplitIndices: []int32{feature, 0, 0}, SplitConditions: []float32{at, left, right}, DefaultLeft: []bool{true, false, false},
			LossChanges: []float32{1, 0, 0}, SumHessian: []float32{4, 3, 1}, BaseWeights: []float32{0, left, right},
		}
	}
	return &ensemble.Model{
		Version: [3]int32{3, 4, 1}, Booster: "gbtree", Objective: "binary:logistic", BaseScore: []float32{0.5}, NumFeature: len(names), NumTarget: 1,
		FeatureNames: names, Trees: []ensemble.Tree{tree(columns.RequestCount, 10, -1, 0.75), tree(columns.SpiderRatio, 0.5, -0.25, 2)},
		TreeInfo: []int32{0, 0}, IterationIndptr: []int32{0, 1, 2}, NumParallelTree: 1,
	}
}

func ptr(f float64) *float64 { return &f }

func newScorer(t testing.TB, threshold *float64) *Scorer {
	t.Helper()
	names := columns.Names()
	s, err := New("2024-07-0123456789ab", stump(names), NewSchema(names, OperatingPoint{Threshold: threshold, Aim: aim.AtPrecision(0.8)}), &calibration.Calibrator{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rowOf(requests, spider float64) []float64 {
	v := make([]float64, columns.NumFeatures)
	v[columns.RequestCount], v[columns.SpiderRatio] = requests, spider
	return v
}

func TestScore(t *testing.T) {
	s := newScorer(t, ptr(0.6))
	for _, c := range []struct {
		requests, spider float64
		margin           float32
		verdict          Verdict
	}{
		{1, 0, -1.25, NotAbusive},
		{10, 0, 0.5, Abusive}, // a value on the threshold goes right
		{9.999999, 0.5, 1, Abusive},
		{10, 1, 2.75, Abusive},
		{math.NaN(), math.NaN(), -1.25, NotAbusive}, // missing goes left
	} {
		got, err := s.Score(rowOf(c.requests, c.spider))
		if err != nil {
			t.Fatal(err)
		}
		p := float64(ensemble.Sigmoid(c.margin))
		if got.Margin != c.margin || got.Probability != p || got.Confidence != p || got.Verdict != c.verdict {
			t.Errorf("requests %v, spider %v: %+v, want margin %v, %s", c.requests, c.spider, got, c.margin, c.verdict)
		}
	}
	if _, err := s.Score(make([]float64, 11)); !fault.Is(err, fault.Invalid) {
		t.Errorf("eleven values: %v", err)
	}
	abstains := newScorer(t, nil)
	if got, _ := abstains.Score(rowOf(1000, 1)); got.Verdict != Abstain {
		t.Errorf("without a threshold: %s", got.Verdict)
	}
	if _, ok := abstains.Threshold(); ok {
		t.Error("a threshold where there is none")
	}
}

// One row at a time and a batch are two ways to one answer, and so are two
// versions of the same file formats.
func TestBatchIsTheSame(t *testing.T) {
	s := newScorer(t, ptr(0.6))
	r := rand.New(rand.NewPCG(5, 6))
	const n = 300
	x := make([]float32, 0, n*columns.NumFeatures)
	var want []Score
	for range n {
		v := rowOf(math.Floor(r.Float64()*20), r.Float64())
		if r.IntN(5) == 0 {
			v[columns.SpiderRatio] = math.NaN()
		}
		for _, f := range v {
			x = append(x, float32(f))
		}
		sc, err := s.Score(v)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, sc)
	}
	for _, threads := range []int{1, 2, 8} {
		if got := s.ScoreFloat32(x, n, threads); !slices.Equal(got, want) {
			t.Errorf("%d threads: the batch differs from single rows", threads)
		}
	}
	reasons, bias := s.Explain(x, n, 2)
	for i := range n {
		sum := bias[i]
		for k, reason := range reasons[i] {
			sum += reason.Contribution
			if k > 0 && math.Abs(reasons[i][k-1].Contribution) < math.Abs(reason.Contribution) {
				t.Fatalf("row %d: reasons are not ordered by size", i)
			}
		}
		if math.Abs(sum-float64(want[i].Margin)) > 1e-5 {
			t.Fatalf("row %d: contributions add up to %v, the margin is %v", i, sum, want[i].Margin)
		}
	}
}

func TestScoreAllocatesNothing(t *testing.T) {
	s := newScorer(t, ptr(0.6))
	v := rowOf(12, 0.2)
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Score(v) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

// Answers are appended, whatever stands before them, and the memory that they
// take is used again.
func TestAppendScores(t *testing.T) {
	s := newScorer(t, ptr(0.6))
	const n = 1000
	x := make([]float32, 0, n*columns.NumFeatures)
	for i := range n {
		for _, v := range rowOf(float64(i), float64(i%7)/7) {
			x = append(x, float32(v))
		}
	}
	want := s.ScoreFloat32(x, n, 1)
	for _, threads := range []int{1, 2} {
		got := s.AppendScores([]Score{{Confidence: 9}}, x, n, threads)
		if got[0].Confidence != 9 || !slices.Equal(got[1:], want) {
			t.Errorf("%d threads: other scores than ScoreFloat32's", threads)
		}
	}
	if testing.Short() {
		return // the race detector's pools forget on purpose
	}
	dst := make([]Score, 0, n)
	if allocs := testing.AllocsPerRun(50, func() { s.AppendScores(dst, x, n, 1) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := newScorer(t, ptr(0.6))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				if sc, err := s.Score(rowOf(float64(i%20), 0)); err != nil || (sc.Verdict == Abusive) != (i%20 >= 10) {
					t.Errorf("requests %d: %v %v", i%20, sc.Verdict, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestColumnsByName(t *testing.T) {
	s := newScorer(t, nil)
	have := append([]string{"path_entropy"}, columns.Names()...)
	slices.Reverse(have)
	at, err := s.Columns(have)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range s.FeatureNames() {
		if have[at[i]] != n {
			t.Errorf("feature %s is taken from %s", n, have[at[i]])
		}
	}
	if _, err := s.Columns(columns.Names()[1:]); !fault.Is(err, fault.Invalid) {
		t.Errorf("a missing column: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	names := columns.Names()
	reversed := slices.Clone(names)
	slices.Reverse(reversed)
	wrongHash := NewSchema(names, OperatingPoint{})
	wrongHash.Hash = "000000000000"
	newer := NewSchema(names, OperatingPoint{})
	newer.SchemaVersion++
	for _, c := range []struct {
		name   string
		schema Schema
		kind   fault.Kind
	}{
		{"columns in another order", NewSchema(reversed, OperatingPoint{}), fault.Invalid},
		{"fewer columns", NewSchema(names[:11], OperatingPoint{}), fault.Invalid},
		{"a hash of other definitions", wrongHash, fault.Version},
		{"a newer schema", newer, fault.Version},
		{"a threshold that is no probability", NewSchema(names, OperatingPoint{Threshold: ptr(1.5)}), fault.Invalid},
	} {
		if _, err := New("v", stump(names), c.schema, &calibration.Calibrator{}); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", c.name, err, c.kind)
		}
	}
}

// A version written and read back answers as the parts did.
func TestLoad(t *testing.T) {
	r := registry.Open(t.TempDir())
	names := columns.Names()
	cal, err := calibration.FitPlatt([]bool{false, true, false, true, true}, []float64{.1, .4, .5, .8, .9})
	if err != nil {
		t.Fatal(err)
	}
	want, err := New("x", stump(names), NewSchema(names, OperatingPoint{Threshold: ptr(0.6)}), cal)
	if err != nil {
		t.Fatal(err)
	}
	write := func(seed string, schema any) registry.Version {
		d, err := r.Create(registry.VersionName(row.Month(2024*12+6), sha256.Sum256([]byte(seed))))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := xgboost.WriteJSON(&b, stump(names)); err != nil {
			t.Fatal(err)
		}
		cj, err := cal.MarshalIndent()
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{d.WriteFile(registry.ModelFile, b.Bytes()), d.WriteFile(registry.CalibrationFile, cj), d.WriteJSON(registry.SchemaFile, schema)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		v, err := d.Commit(registry.Manifest{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	s, err := Load(write("a", NewSchema(names, OperatingPoint{Threshold: ptr(0.6)})))
	if err != nil {
		t.Fatal(err)
	}
	v := rowOf(30, 0.1)
	a, _ := s.Score(v)
	b, _ := want.Score(v)
	if a != b || a.Confidence == a.Probability {
		t.Errorf("loaded %+v, made of parts %+v", a, b)
	}
	if _, err := Load(write("b", json.RawMessage(`{"names": 7}`))); !fault.Is(err, fault.Corrupt) {
		t.Errorf("a schema of another shape: %v", err)
	}
}

func BenchmarkScore(b *testing.B) {
	s := newScorer(b, ptr(0.6))
	v := rowOf(12, 0.2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Score(v); err != nil {
			b.Fatal(err)
		}
	}
}
