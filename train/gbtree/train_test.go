package gbtree

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/fault"
)

// TestThreads wants the same bytes from 1, 2 and 8 threads.
func TestThreads(t *testing.T) {
	rows := 60_000 // several chunks of every kind of work
	if testing.Short() {
		rows = 17_000 // two chunks are enough for the race detector
	}
	x, y, names := madeUpRows(rows, 7)
	r := rand.New(rand.NewPCG(7, 7))
	missing := slices.Clone(x)
	weight := make([]float32, rows)
	for i := range missing {
		if i%12 < 5 && r.IntN(4) == 0 {
			missing[i] = float32(math.NaN())
		}
	}
	for i := range weight {
		weight[i] = r.Float32() + 0.1
	}
	for name, c := range map[string]struct {
		params map[string]any
		x, w   []float32
		rounds int
	}{
		"default":   {nil, x, nil, 4},
		"missing":   {map[string]any{"max_bin": 256}, missing, weight, 3},
		"wide":      {map[string]any{"max_bin": 1000, "max_depth": 4}, x, nil, 2},
		"lossguide": {map[string]any{"grow_policy": LossGuide, "max_leaves": 40, "max_depth": 0}, missing, nil, 3},
		"sampled":   {map[string]any{"subsample": 0.7, "colsample_bytree": 0.7, "colsample_bylevel": 0.8, "colsample_bynode": 0.8, "num_parallel_tree": 2}, x, weight, 2},
		"exact":     {map[string]any{"tree_method": Exact, "max_depth": 4, "subsample": 0.8}, missing, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ParseParams(c.params)
			if err != nil {
				t.Fatal(err)
			}
			p.EvalMetric = []string{"auc", "logloss"}
			if testing.Short() {
				c.rounds = 1
			}
			var first *Result
			for _, threads := range []int{1, 2, 8} {
				d, err := NewDMatrix(c.x, y, c.w, names)
				if err != nil {
					t.Fatal(err)
				}
				res, err := Train(context.Background(), p, d, Options{Rounds: c.rounds, Threads: threads, Evals: []EvalSet{{"train", d}}})
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = res
					if want := margins(res.Model, d); len(res.Model.Trees) > 1 && len(want) != rows {
						t.Fatal("no margins")
					}
				} else if !reflect.DeepEqual(res, first) {
					t.Errorf("%d threads give another result than 1", threads)
				}
			}
		})
	}
}

// smallMatrix is a few rows of three features.
func smallMatrix(t testing.TB, rows int) *DMatrix {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	data := randomData(r, rows, []int{1, 3, 9}, 0, false, false, 0)
	return data.matrix(t, 3)
}

func TestEarlyStopping(t *testing.T) {
	for _, c := range []struct {
		name     string
		rounds   int
		maximize bool
		scores   []float64
		best     int
		seen     int // rounds that were run
	}{
		{"lower is better", 2, false, []float64{3, 2, 2.5, 2.4, 1}, 1, 4},
		{"ties do not count", 2, false, []float64{3, 3, 3, 1}, 0, 3},
		{"larger is better", 1, true, []float64{1, 2, 2}, 1, 3},
		{"never", 3, true, []float64{1, 2, 3, 4}, 3, 4},
		{"NaN first", 2, true, []float64{math.NaN(), 1, 2}, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := stopping{rounds: c.rounds, maximize: c.maximize}
			seen := 0
			for i, v := range c.scores {
				seen++
				if s.stop(i, v) {
					break
				}
			}
			if s.best != c.best || seen != c.seen {
				t.Errorf("best %d after %d rounds, want %d after %d", s.best, seen, c.best, c.seen)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	d := smallMatrix(t, 200)
	var rounds []Round
	p := DefaultParams()
	p.EvalMetric = []string{"error", "auc"}
	res, err := Train(context.Background(), p, d, Options{Rounds: 3, Evals: []EvalSet{{"train", d}}, Progress: func(r Round) { rounds = append(rounds, r) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(rounds) != 3 || rounds[2].Index != 2 || rounds[2].Total != 3 {
		t.Fatalf("progress %+v", rounds)
	}
	for i, r := range rounds {
		if r.Metrics["train"]["auc"] != res.Evals["train"]["auc"][i] {
			t.Errorf("round %d reports %v", i, r.Metrics)
		}
	}
	if res.BestIteration != 2 || res.BestScore != res.Evals["train"]["auc"][2] || len(res.Model.Attributes) != 0 {
		t.Errorf("without early stopping: best %d %v, attributes %v", res.BestIteration, res.BestScore, res.Model.Attributes)
	}
	if !slices.Equal(res.EvalNames, []string{"train"}) || !slices.Equal(res.Metrics, p.EvalMetric) {
		t.Errorf("names %v %v", res.EvalNames, res.Metrics)
	}
}

// TestCancel stops before, between and within rounds.
func TestCancel(t *testing.T) {
	d := smallMatrix(t, 500)
	for _, method := range []string{Hist, Exact} {
		p := DefaultParams()
		p.TreeMethod = method
		ctx, cancel := context.WithCancel(context.Background())
		seen := 0
		res, err := Train(ctx, p, d, Options{Rounds: 1000, Progress: func(Round) {
			if seen++; seen == 3 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Interrupted || res != nil || seen != 3 {
			t.Errorf("%s: %v after %d rounds", method, err, seen)
		}
		if _, err := Train(ctx, p, d, Options{Rounds: 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a cancelled context trains: %v", method, err)
		}
		fresh := smallMatrix(t, 500)
		if _, err := fresh.quantize(ctx, 16, 2); !errors.Is(err, context.Canceled) || fresh.bins != nil {
			t.Errorf("binning goes on or keeps half: %v", err)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	d := smallMatrix(t, 20)
	other, err := NewDMatrix([]float32{1, 2}, []float32{0}, nil, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	renamed, err := NewDMatrix([]float32{1, 2, 3}, []float32{0}, nil, []string{"f0", "x", "f2"})
	if err != nil {
		t.Fatal(err)
	}
	reals, err := NewDMatrix([]float32{1, 2, 3}, []float32{1.5}, nil, []string{"f0", "f1", "f2"})
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Params)) Params {
		p := DefaultParams()
		change(&p)
		return p
	}
	for _, c := range []struct {
		want string
		p    Params
		d    *DMatrix
		o    Options
	}{
		{"at least 1", DefaultParams(), d, Options{}},
		{"evaluation set to watch", DefaultParams(), d, Options{Rounds: 1, EarlyStoppingRounds: 2}},
		{"early_stopping_rounds is -1", DefaultParams(), d, Options{Rounds: 1, EarlyStoppingRounds: -1}},
		{"has no name", DefaultParams(), d, Options{Rounds: 1, Evals: []EvalSet{{"", d}}}},
		{"two evaluation sets", DefaultParams(), d, Options{Rounds: 1, Evals: []EvalSet{{"a", d}, {"a", d}}}},
		{"has no data", DefaultParams(), d, Options{Rounds: 1, Evals: []EvalSet{{"a", nil}}}},
		{"has 2 features", DefaultParams(), d, Options{Rounds: 1, Evals: []EvalSet{{"a", other}}}},
		{"feature 1 is x", DefaultParams(), d, Options{Rounds: 1, Evals: []EvalSet{{"a", renamed}}}},
		{"row 0: label 1.5", DefaultParams(), reals, Options{Rounds: 1}},
		{"row 0: label 1.5", DefaultParams(), d, Options{Rounds: 1, Evals: []EvalSet{{"a", reals}}}},
		{"4 constraints for 3 features", with(func(p *Params) { p.MonotoneConstraints = []int{0, 0, 0, 1} }), d, Options{Rounds: 1}},
		{"names feature 3", with(func(p *Params) { p.InteractionConstraints = [][]int{{0, 3}} }), d, Options{Rounds: 1}},
		{"subsample is 2", with(func(p *Params) { p.Subsample = 2 }), d, Options{Rounds: 1}},
	} {
		_, err := Train(context.Background(), c.p, c.d, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("want an error with %q, got %v", c.want, err)
		}
	}
}

func TestNewDMatrixRefuses(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		want    string
		x, y, w []float32
		names   []string
	}{
		{"no rows", nil, nil, nil, nil},
		{"3 values do not make 2 rows", []float32{1, 2, 3}, []float32{0, 1}, nil, []string{"a"}},
		{"never an input", []float32{1, 2}, []float32{0}, nil, []string{"a", "abuseipdb_isReported"}},
		{"used twice", []float32{1, 2}, []float32{0}, nil, []string{"a", "a"}},
		{"empty name", []float32{1, 2}, []float32{0}, nil, []string{"a", ""}},
		{"row 1: b is +Inf", []float32{1, 2, 3, inf}, []float32{0, 0}, nil, []string{"a", "b"}},
		{"row 0: label NaN", []float32{1}, []float32{nan}, nil, nil},
		{"row 1: weight -1", []float32{1, 2}, []float32{0, 1}, []float32{1, -1}, nil},
		{"row 0: weight NaN", []float32{1, 2}, []float32{0, 1}, []float32{nan, 1}, nil},
		{"1 weights for 2 rows", []float32{1, 2}, []float32{0, 1}, []float32{1}, nil},
		{"every weight is 0", []float32{1, 2}, []float32{0, 1}, []float32{0, 0}, nil},
	} {
		_, err := NewDMatrix(c.x, c.y, c.w, c.names)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("want an error with %q, got %v", c.want, err)
		}
	}
	if d, err := NewDMatrix([]float32{nan, 2}, []float32{1}, nil, nil); err != nil || d.Rows() != 1 || d.Cols() != 2 || d.FeatureName(1) != "f1" {
		t.Errorf("two features without names: %v %v", d, err)
	}
}

// TestOneClass trains where there is nothing to tell apart.
func TestOneClass(t *testing.T) {
	for _, label := range []float32{0, 1} {
		d, err := NewDMatrix([]float32{1, 2, 3, 4}, filled(4, label), nil, []string{"a"})
		if err != nil {
			t.Fatal(err)
		}
		res, err := Train(context.Background(), DefaultParams(), d, Options{Rounds: 2})
		if err != nil {
			t.Fatal(err)
		}
		if res.Model.BaseScore[0] != label || len(res.Model.Trees[1].Parents) != 1 {
			t.Errorf("label %v: base score %v, %d nodes", label, res.Model.BaseScore[0], len(res.Model.Trees[1].Parents))
		}
	}
}

func TestFingerprint(t *testing.T) {
	a, b := DefaultParams(), DefaultParams()
	b.NThread = 7
	if a.Fingerprint() != b.Fingerprint() || len(a.Fingerprint()) != 64 {
		t.Error("threads change the fingerprint")
	}
	b.Eta = 0.31
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("eta does not change the fingerprint")
	}
	js, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(js, &m); err != nil {
		t.Fatal(err)
	}
	again, err := ParseParams(m)
	if err != nil || again.Fingerprint() != b.Fingerprint() {
		t.Errorf("parameters do not survive JSON: %v\n%s", err, js)
	}
}
