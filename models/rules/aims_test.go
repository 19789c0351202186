package rules

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"sluice/models/rules/aim"
	"sluice/models/rules/bound"

	"pgregory.net/rapid"
)

// A limit on the false-positive rate is held as brute force would, and by the
// bound that is clustered by address.
func TestFalsePositiveRateAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, labels, groups := drawRows(t)
		a := aim.AtFalsePositiveRate(rapid.Float64Range(0.05, 0.6).Draw(t, "limit"))
		d := newData(x, y, labels, groups)
		neg := float64(len(labels) - d.pos)
		if neg == 0 {
			t.Skip("no row is labelled False")
		}
		at, ok := d.atEffect(newGrid(d), a, 1)
		bestTP := 0
		brute(x, y, labels, func(_ Rule, f Fit) {
			if _, high := bound.Wilson(float64(f.FP), neg, bound.Z(confidence)); high <= a.FalsePositiveRate {
				bestTP = max(bestTP, f.TP)
			}
		})
		if ok != (bestTP > 0) || ok && d.rule(at).Fit.TP != bestTP {
			t.Fatalf("%s: %v %v, brute force finds %d", a.Words(), ok, at, bestTP)
		}
		s, err := Train(context.Background(), x, y, labels, groups, Options{Aim: a})
		if err != nil {
			t.Fatal(err)
		}
		if s.AtTarget.Abstains {
			return
		}
		// From scratch: the rows labelled False by address.
		n, hits := map[int]float64{}, map[int]float64{}
		for i, l := range labels {
			if l {
				continue
			}
			n[groups[i]]++
			if s.AtTarget.Flag(x[i], y[i]) {
				hits[groups[i]]++
			}
		}
		var sums bound.Sums
		for g, k := range n {
			h := hits[g]
			sums.N, sums.Hits = sums.N+k, sums.Hits+h
			sums.NN, sums.HN, sums.HH = sums.NN+k*k, sums.HN+k*h, sums.HH+h*h
		}
		_, high := sums.Interval(bound.Z(confidence))
		if got := s.AtTarget.Fit.FalsePositiveUpper; got > a.FalsePositiveRate || math.Abs(got-high) > 1e-12 {
			t.Fatalf("%s: upper bound %v, from scratch %v", a.Words(), got, high)
		}
	})
}

// The rule of least cost is exactly that, or there is none.
func TestLeastCostAgreesWithBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, labels, groups := drawRows(t)
		a := aim.AtCosts(float64(rapid.IntRange(1, 9).Draw(t, "fp"))/4, float64(rapid.IntRange(1, 9).Draw(t, "fn"))/4)
		d := newData(x, y, labels, groups)
		if d.pos == len(labels) {
			t.Skip("no row is labelled False")
		}
		cost := func(f Fit) float64 { return a.CostFalsePositive*float64(f.FP) + a.CostFalseNegative*float64(f.FN) }
		nothing := a.CostFalseNegative * float64(d.pos)
		least := nothing
		brute(x, y, labels, func(_ Rule, f Fit) { least = min(least, cost(f)) })
		s, err := Train(context.Background(), x, y, labels, groups, Options{Aim: a})
		if err != nil {
			t.Fatal(err)
		}
		if got := cost(s.AtTarget.Fit); !s.AtTarget.Abstains && math.Abs(got-least) > 1e-6 {
			t.Fatalf("%s: cost %v by %v, brute force finds %v", a.Words(), got, s.AtTarget, least)
		}
		if !s.AtTarget.Abstains && cost(s.AtTarget.Fit) >= nothing {
			t.Fatalf("%s: %v costs as much as flagging nothing", a.Words(), s.AtTarget)
		}
	})
}

// The promise is kept on fresh rows of the same kind, and labels without any
// relation to the columns are no reason to flag.
func TestOtherAimsOnFreshRows(t *testing.T) {
	if testing.Short() {
		t.Skip("shares of eight draws: not with -short")
	}
	const draws = 8
	rate, costs := aim.AtFalsePositiveRate(0.1), aim.AtCosts(3, 1)
	over, dear, chance := 0, 0, 0
	for seed := range uint64(draws) {
		x, y, labels, groups := sample(2000, seed)
		fresh := func(r Rule) (fpr, saved float64) {
			x, y, labels, _ := sample(10_000, seed+1000)
			var fp, neg float64
			for i, flag := range r.Flags(x, y) {
				switch {
				case labels[i] && flag:
					saved += costs.CostFalseNegative
				case !labels[i]:
					neg++
					if flag {
						fp++
						saved -= costs.CostFalsePositive
					}
				}
			}
			return fp / neg, saved
		}
		s, err := Train(context.Background(), x, y, labels, groups, Options{Aim: rate})
		if err != nil {
			t.Fatal(err)
		}
		if fpr, _ := fresh(s.AtTarget); s.AtTarget.Abstains || fpr > rate.FalsePositiveRate {
			over++
		}
		if s, err = Train(context.Background(), x, y, labels, groups, Options{Aim: costs}); err != nil {
			t.Fatal(err)
		}
		if _, saved := fresh(s.AtTarget); saved <= 0 {
			dear++
		}
		rng := rand.New(rand.NewPCG(seed, 99))
		for i := range labels {
			labels[i] = rng.Float64() < 0.5
		}
		if s, err = Train(context.Background(), x, y, labels, groups, Options{Aim: costs}); err != nil {
			t.Fatal(err)
		}
		if !s.AtTarget.Abstains {
			chance++
		}
	}
	t.Logf("of %d: %d above the rate, %d dearer than nothing, %d rules of chance", draws, over, dear, chance)
	if over > draws*3/10 || dear > 0 || chance > draws*3/10 {
		t.Errorf("of %d: %d above the rate, %d dearer than nothing, %d rules of chance", draws, over, dear, chance)
	}
}

func TestCostWeights(t *testing.T) {
	for _, c := range []struct {
		a          aim.Aim
		n          int
		wPos, wNeg int64
	}{
		{aim.AtCosts(3, 1), 1000, 1, 3},
		{aim.AtCosts(10, 250), 1 << 28, 250, 10},
		{aim.AtCosts(0.5, 0.25), 1 << 28, 1 << 29, 1 << 30},
		{aim.AtCosts(1e6, 1), 1 << 28, 1, 1e6},
	} {
		if wPos, wNeg := costWeights(c.a, c.n); wPos != c.wPos || wNeg != c.wNeg {
			t.Errorf("%s: weights %d and %d, want %d and %d", c.a.Words(), wPos, wNeg, c.wPos, c.wNeg)
		}
	}
}
