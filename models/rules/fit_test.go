package rules

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/models/rules/bound"

	"pgregory.net/rapid"
)

// brute tries every pair of thresholds in every combination.
func brute(x, y []float64, labels []bool, offer func(r Rule, f Fit)) {
	for _, c := range combinations() {
		for _, a := range x {
			for _, b := range y {
				r := Rule{RequestCount: Condition{"request_count", c.op[0], a}, ResponseSizeMean: Condition{"response_size_mean", c.op[1], b}, Combine: And}
				if c.or {
					r.Combine = Or
				}
				if math.IsNaN(a) || math.IsNaN(b) {
					continue
				}
				var f Fit
				for i, l := range labels {
					switch flag := r.Flag(x[i], y[i]); {
					case l && flag:
						f.TP++
					case l:
						f.FN++
					case flag:
						f.FP++
					default:
						f.TN++
					}
				}
				offer(r, f)
			}
		}
	}
}

func drawRows(t *rapid.T) (x, y []float64, labels []bool, groups []int) {
	n := rapid.IntRange(4, 28).Draw(t, "n")
	value := rapid.Custom(func(t *rapid.T) float64 {
		if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
			return math.NaN()
		}
		return float64(rapid.IntRange(0, 8).Draw(t, "value"))
	})
	for i := range n {
		x = append(x, value.Draw(t, "x"))
		y = append(y, value.Draw(t, "y"))
		labels = append(labels, i == 0 || i > 1 && rapid.Bool().Draw(t, "label"))
		groups = append(groups, i)
	}
	x[0], y[0] = 3, 3
	return x, y, labels, groups
}

func TestTrainAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, labels, groups := drawRows(t)
		target := rapid.Float64Range(0.2, 0.9).Draw(t, "target")
		s, err := Train(context.Background(), x, y, labels, groups, Options{Aim: aim.AtPrecision(target)})
		if err != nil {
			t.Fatal(err)
		}
		z := bound.Z(confidence)
		var bestF1 float64
		bestTP, found := 0, false
		d := newData(x, y, labels, groups)
		at, ok := d.atEffect(newGrid(d), aim.AtPrecision(target), 1)
		brute(x, y, labels, func(r Rule, f Fit) {
			bestF1 = max(bestF1, f.F1())
			if low, _ := bound.Wilson(float64(f.TP), float64(f.TP+f.FP), z); f.TP > 0 && low >= target {
				found = true
				bestTP = max(bestTP, f.TP)
			}
		})
		if got := s.BestF1.Fit.F1(); got != bestF1 {
			t.Fatalf("best F1 %v by %v, brute force finds %v", got, s.BestF1, bestF1)
		}
		if ok != found || found && d.rule(at).Fit.TP != bestTP {
			t.Fatalf("at target %v: %v %v, brute force %d (found %v)", target, ok, at, bestTP, found)
		}
		if !s.AtTarget.Abstains && s.AtTarget.Fit.PrecisionLower < target {
			t.Fatalf("at target %v: %+v", target, s.AtTarget)
		}
		for _, r := range []Rule{s.BestF1, s.AtTarget} {
			var f Fit
			for i, l := range labels {
				switch flag := r.Flag(x[i], y[i]); {
				case l && flag:
					f.TP++
				case l:
					f.FN++
				case flag:
					f.FP++
				default:
					f.TN++
				}
			}
			f.PrecisionLower = r.Fit.PrecisionLower
			if f != r.Fit {
				t.Fatalf("rule %v says %+v of itself, its flags give %+v", r, r.Fit, f)
			}
		}
	})
}

// Labels without any relation to the columns give no rule, although some of
// millions look good by chance.
func TestChanceFindsNoRule(t *testing.T) {
	found, sets, rows := 0, uint64(10), 800
	if testing.Short() {
		sets, rows = 3, 300
	}
	for seed := range sets {
		x, y, labels, groups := sample(rows, seed)
		rng := rand.New(rand.NewPCG(seed, 99))
		for i := range labels {
			labels[i] = rng.Float64() < 0.5
		}
		s, err := Train(context.Background(), x, y, labels, groups, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !s.AtTarget.Abstains {
			found++
		}
	}
	if found > 1 {
		t.Errorf("%d of %d sets of random labels gave a rule of precision 0.8", found, sets)
	}
}

// The promise is kept on fresh rows of the same kind in most draws.
func TestPromiseIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("short: 8 fits")
	}
	kept, abstained := 0, 0
	const draws = 8
	for seed := range uint64(draws) {
		x, y, labels, groups := sample(2000, seed)
		s, err := Train(context.Background(), x, y, labels, groups, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.AtTarget.Abstains {
			abstained++
			continue
		}
		x, y, labels, _ = sample(10_000, seed+1000)
		tp, n := 0.0, 0.0
		for i, f := range s.AtTarget.Flags(x, y) {
			if f {
				n++
				if labels[i] {
					tp++
				}
			}
		}
		if tp >= 0.8*n {
			kept++
		}
	}
	t.Logf("%d kept, %d abstained of %d", kept, abstained, draws)
	if kept < (draws-abstained)*7/10 || abstained > draws/4 {
		t.Errorf("%d kept, %d abstained of %d", kept, abstained, draws)
	}
}

func sample(n int, seed uint64) (x, y []float64, labels []bool, groups []int) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for i := range n {
		abusive := rng.Float64() < 0.4
		a, b := math.Floor(math.Exp(rng.NormFloat64()*2+3)), math.Exp(rng.NormFloat64()+9)
		if abusive {
			a, b = a*12, b*0.35
		}
		x, y = append(x, a), append(y, b)
		labels, groups = append(labels, abusive), append(groups, i/2)
	}
	return x, y, labels, groups
}

func TestThreadsAndRowOrderChangeNothing(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 2000
	}
	x, y, labels, groups := sample(n, 5)
	var want []byte
	for _, threads := range []int{1, 3} {
		s, err := Train(context.Background(), x, y, labels, groups, Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.MarshalIndent()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = b
		} else if string(want) != string(b) {
			t.Fatalf("%d threads give other rules:\n%s\n%s", threads, want, b)
		}
		if s.AtTarget.Abstains || s.AtTarget.Fit.PrecisionLower < 0.8 {
			t.Fatalf("rule at target %+v", s.AtTarget)
		}
		back, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if back != s {
			t.Fatalf("read back %+v, wrote %+v", back, s)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	x, y, labels, groups := sample(50, 1)
	ctx := context.Background()
	if _, err := Train(ctx, x, y, make([]bool, 50), groups, Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("one class: %v", err)
	}
	if _, err := Train(ctx, x[1:], y, labels, groups, Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("short column: %v", err)
	}
	if _, err := Train(ctx, x, y, labels, groups, Options{Aim: aim.AtPrecision(80)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("target 80: %v", err)
	}
	nan := make([]float64, 50)
	for i := range nan {
		nan[i] = math.NaN()
	}
	if _, err := Train(ctx, nan, y, labels, groups, Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("missing column: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Train(done, x, y, labels, groups, Options{}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFlag(t *testing.T) {
	nan := math.NaN()
	and := Rule{RequestCount: Condition{"request_count", AtLeast, 10}, ResponseSizeMean: Condition{"response_size_mean", AtMost, 500}, Combine: And}
	or := and
	or.Combine = Or
	for _, c := range []struct {
		a, b    float64
		and, or bool
	}{
		{10, 500, true, true}, {9, 500, false, true}, {10, 501, false, true}, {9, 501, false, false},
		{nan, 500, false, true}, {10, nan, false, true}, {nan, nan, false, false},
	} {
		if got := and.Flag(c.a, c.b); got != c.and {
			t.Errorf("%v on %v, %v = %v", and, c.a, c.b, got)
		}
		if got := or.Flag(c.a, c.b); got != c.or {
			t.Errorf("%v on %v, %v = %v", or, c.a, c.b, got)
		}
	}
	if (Rule{}).Flag(1, 1) || (Rule{Abstains: true, Combine: Or}).Flag(1, 1) {
		t.Error("a rule that abstains flags")
	}
}

func FuzzParse(f *testing.F) {
	x, y, labels, groups := sample(60, 2)
	s, err := Train(context.Background(), x, y, labels, groups, Options{})
	if err != nil {
		f.Fatal(err)
	}
	b, _ := s.MarshalIndent()
	f.Add(b)
	f.Add([]byte(`{"schema_version":2}`))
	f.Add([]byte(`{"schema_version":1,"best_f1":{"combine":"XOR"}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			if fault.KindOf(err) == fault.Unknown {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Parse(again); err != nil || back != s {
			t.Fatalf("read back %+v, %v; wrote %+v", back, err, s)
		}
	})
}

func BenchmarkTrain100k(b *testing.B) {
	x, y, labels, groups := sample(100_000, 9)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Train(context.Background(), x, y, labels, groups, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
