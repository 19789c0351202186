package evaluation

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/featurestore/fault"
)

// fixture is a split of n rows over addresses with one to three rows each.
func fixture(n int, seed uint64) Input {
	rng := rand.New(rand.NewPCG(seed, 7))
	in := Input{Name: "test", Months: Months{Train: []string{"2024-06", "2024-07"}, Test: []string{"2024-08"}}, Unknown: n / 50}
	ip, left, abusive := -1, 0, false
	for range n {
		if left == 0 {
			ip++
			left = 1 + rng.IntN(3)
			abusive = rng.Float64() < 0.45
		}
		left--
		s := 0.5 + rng.NormFloat64()*0.18
		if abusive {
			s += 0.22
		} else {
			s -= 0.15
		}
		s = math.Round(min(max(s, 0.001), 0.999)*1000) / 1000
		count := math.Floor(math.Exp(rng.NormFloat64()*2.5 + 4))
		in.Labels = append(in.Labels, abusive)
		in.Scores = append(in.Scores, s)
		in.Calibrated = append(in.Calibrated, s*0.9+0.03)
		in.Groups = append(in.Groups, ip*17+3)
		in.RequestCount = append(in.RequestCount, count)
		in.Seen = append(in.Seen, ip%3 == 0)
		in.ListedBefore = append(in.ListedBefore, abusive && ip%2 == 0)
		in.RulesAtHalf = append(in.RulesAtHalf, s+rng.NormFloat64()*0.1 > 0.5)
		in.RulesOperating = append(in.RulesOperating, s+rng.NormFloat64()*0.1 > 0.7)
	}
	in.Operating = OperatingChoice{Threshold: 0.6, Target: 0.8, ChosenOn: "training folds"}
	return in
}

func mustEvaluate(t testing.TB, in Input, opt Options) Split {
	t.Helper()
	s, err := Evaluate(context.Background(), in, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestThreadsChangeNothing(t *testing.T) {
	in := fixture(700, 1)
	var want string
	for _, threads := range []int{1, 2, 5} {
		b, err := json.Marshal(mustEvaluate(t, in, Options{Seed: 42, Draws: 60, Threads: threads}))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(b)
		} else if string(b) != want {
			t.Fatalf("%d threads give other bytes than one", threads)
		}
	}
	b, _ := json.Marshal(mustEvaluate(t, in, Options{Seed: 43, Draws: 60}))
	if string(b) == want {
		t.Fatal("another seed gives the same intervals")
	}
}

func TestEvaluateRoundTrip(t *testing.T) {
	s := mustEvaluate(t, fixture(500, 2), Options{Draws: 40})
	b, err := json.Marshal(Evaluation{SchemaVersion: SchemaVersion, Splits: []Split{s}})
	if err != nil {
		t.Fatal(err)
	}
	var back Evaluation
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(b) {
		t.Fatal("evaluation.json changes when read and written again")
	}
	if len(s.Slices) < 6 || s.Slices[0].Coverage != 1 {
		t.Fatalf("slices %+v", s.Slices)
	}
	for i := 1; i < 6; i++ {
		if s.Slices[i].Rows > s.Slices[i-1].Rows {
			t.Errorf("slice %s holds more rows than %s", s.Slices[i].Name, s.Slices[i-1].Name)
		}
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		name   string
		break_ func(*Input)
	}{
		{"no rows", func(in *Input) { *in = Input{} }},
		{"no score", func(in *Input) {
			for i := range in.Scores {
				in.Scores[i] = math.NaN()
			}
		}},
		{"score above 1", func(in *Input) { in.Scores[3] = 1.5 }},
		{"short groups", func(in *Input) { in.Groups = in.Groups[1:] }},
		{"one rule", func(in *Input) { in.RulesOperating = nil }},
		{"short slice", func(in *Input) { in.Slices = []SliceInput{{"a", "b", []bool{true}}} }},
	} {
		in := fixture(50, 3)
		c.break_(&in)
		_, err := Evaluate(context.Background(), in, Options{Draws: 5})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: error %v, want kind INVALID", c.name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Evaluate(ctx, fixture(50, 3), Options{Draws: 5}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("cancelled: error %v, want kind INTERRUPTED", err)
	}
}

// One class, an abstaining model and constant scores give figures or null,
// never a panic or a wrong number.
func TestDegenerate(t *testing.T) {
	in := fixture(80, 4)
	for i := range in.Labels {
		in.Labels[i] = false
		in.Scores[i] = 0.25
	}
	in.Calibrated = nil
	in.Operating = OperatingChoice{Abstains: true, Threshold: NaN(), Target: 0.8}
	s := mustEvaluate(t, in, Options{Draws: 20})
	if !isNaN(s.ROCAUC) || !isNaN(s.PRAUC) || s.OperatingPoint.Confusion.Flagged() != 0 || s.Brier != 0.0625 {
		t.Errorf("one class: %v %v %v %v", s.ROCAUC, s.PRAUC, s.OperatingPoint.Confusion, s.Brier)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	g := Judge(&s, DefaultGates(), Facts{MaxPSI: math.NaN()})
	if g.Passed || len(g.Failed()) < 2 {
		t.Errorf("gate %+v", g)
	}
	if Judge(&s, GateConfig{}, Facts{}).Passed != true {
		t.Error("no gates, yet held back")
	}
}
