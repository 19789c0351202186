package evaluation

import (
	"math"
	"strings"
	"testing"

	"sluice/models/rules/aim"
)

// judged is a split of which the model flags flags, with the gates of an aim.
func judged(t *testing.T, a aim.Aim, abstains bool) (Split, Gate) {
	t.Helper()
	in := fixture(600, 21)
	in.Operating = OperatingChoice{Threshold: 0.6, Target: targetOf(a), Abstains: abstains}
	if abstains {
		in.Operating.Threshold = NaN()
	}
	s := mustEvaluate(t, in, Options{Seed: 5, Draws: 200, Aim: a})
	g := DefaultGates().For(a)
	g.NotWorseThanRules, g.NotWorseThanChampion = false, false
	return s, Judge(&s, g, Facts{MaxPSI: math.NaN(), Aim: a})
}

func checkOf(t *testing.T, g Gate, name string) Check {
	t.Helper()
	for _, c := range g.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no gate %s among %+v", name, g.Checks)
	return Check{}
}

// The gates follow the aim, and the usual precision stays beside it.
func TestGatesFollowTheAim(t *testing.T) {
	s, g := judged(t, aim.AtPrecision(0.7), false)
	if c := checkOf(t, g, "min_precision"); c.Required != 0.7 {
		t.Errorf("required precision %v, want the target", c.Required)
	}
	if len(g.Checks) != 3 {
		t.Errorf("gates of a target precision: %+v", g.Checks)
	}
	c := s.OperatingPoint.Confusion
	rate := float64(c.FalsePositiveRate())
	for _, limit := range []float64{rate * 0.9, rate, rate * 1.1} {
		_, g := judged(t, aim.AtFalsePositiveRate(limit), false)
		got := checkOf(t, g, "max_false_positive_rate")
		if got.Passed != (rate <= limit) || float64(got.Observed) != rate || float64(got.Required) != limit {
			t.Errorf("limit %v: %+v of rate %v", limit, got, rate)
		}
		if p := checkOf(t, g, "min_precision"); p.Required != 0.8 {
			t.Errorf("limit %v: required precision %v, want the usual one", limit, p.Required)
		}
	}
	// Flagging saves tp - fp * ratio missed rows.
	even := c.TP / c.FP
	for _, ratio := range []float64{even * 0.9, even * 1.1} {
		_, g := judged(t, aim.AtCosts(ratio, 1), false)
		got := checkOf(t, g, "cheaper_than_nothing")
		want := (c.TP - c.FP*ratio) / (c.TP + c.FN)
		if got.Passed != (want > 0) || math.Abs(float64(got.Observed)-want) > 1e-12 {
			t.Errorf("costs %v to 1: %+v, want a saving of %v", ratio, got, want)
		}
		if verb := map[bool]string{true: "saves", false: "loses"}[want > 0]; !strings.Contains(got.Reason, verb) {
			t.Errorf("costs %v to 1: %q, want %q", ratio, got.Reason, verb)
		}
	}
}

func TestAbstainingForAnAim(t *testing.T) {
	for a, want := range map[aim.Aim]string{
		aim.AtPrecision(0.9):         "no threshold gave precision 90 % with 90 % confidence",
		aim.AtFalsePositiveRate(0.1): "no threshold gave a false-positive rate of at most 10 % with 90 % confidence",
		aim.AtCosts(9, 1):            "flagging nothing was cheapest, a false positive costing 9 and a missed row 1",
	} {
		_, g := judged(t, a, true)
		if c := checkOf(t, g, "min_precision"); c.Passed || !strings.Contains(c.Reason, want) {
			t.Errorf("%s: %+v, want %q", a.Words(), c, want)
		}
	}
}

// With costs, what is saved decides, and rules that flag nothing are a rival
// that saves nothing.
func TestComparisonByCost(t *testing.T) {
	a := aim.AtCosts(2, 1)
	in := fixture(600, 22)
	in.Operating = OperatingChoice{Threshold: 0.6, Target: NaN()}
	s := mustEvaluate(t, in, Options{Seed: 5, Draws: 300, Aim: a})
	p := s.Comparison.Rules
	if p.Figure != "operating_point.saving" || p.Model != Saving(a, s.OperatingPoint.Confusion) || p.Other != Saving(a, s.Rules.OperatingPoint.Confusion) {
		t.Fatalf("compared by %+v", p)
	}
	if d := float64(p.Model - p.Other); math.Abs(float64(p.Difference.Estimate)-d) > 1e-12 || !(p.Difference.Low < p.Difference.High) {
		t.Errorf("difference %+v, want %v within an interval", p.Difference, d)
	}
	if !strings.Contains(p.Sentence, "of what flagging nothing costs, against") {
		t.Errorf("sentence %q", p.Sentence)
	}
	if iv, ok := s.Intervals.Of("operating_point.saving"); !ok || iv.Estimate != p.Model {
		t.Errorf("interval of the saving %+v, want around %v", iv, p.Model)
	}
	for i := range in.RulesOperating {
		in.RulesOperating[i] = false
	}
	in.RulesAbstain = true
	s = mustEvaluate(t, in, Options{Seed: 5, Draws: 300, Aim: a})
	if p := s.Comparison.Rules; p.Verdict == NoContest || p.Other != 0 {
		t.Errorf("rules that flag nothing: %+v", p)
	}
	// By recall they can't be compared, whatever the limit.
	s = mustEvaluate(t, in, Options{Seed: 5, Draws: 300, Aim: aim.AtFalsePositiveRate(0.1)})
	if p := s.Comparison.Rules; p.Verdict != NoContest || !strings.Contains(p.Sentence, "keeps to the greatest false-positive rate on the training months") {
		t.Errorf("rules that flag nothing under a limit: %+v", p)
	}
}

// In hindsight the month's own threshold keeps the limit, or is cheapest.
func TestHindsightOfOtherAims(t *testing.T) {
	in := fixture(600, 23)
	levels := append([]float64{}, in.Scores...)
	limit, costs := aim.AtFalsePositiveRate(0.1), aim.AtCosts(2, 1)
	bestRecall, bestSaving := 0.0, 0.0
	for _, t := range levels {
		flags := make([]bool, len(in.Scores))
		for i, s := range in.Scores {
			flags[i] = s >= t
		}
		c := Confuse(in.Labels, flags, nil)
		if Kept(limit, c) {
			bestRecall = max(bestRecall, float64(c.Metrics().Classes.True.Recall))
		}
		bestSaving = max(bestSaving, float64(Saving(costs, c)))
	}
	if h := mustEvaluate(t, in, Options{Draws: -1, Aim: limit}).Hindsight; !h.Reachable || float64(h.Recall) != bestRecall || *h.Rate > 0.1 || h.Saving != nil {
		t.Errorf("hindsight %+v, want recall %v", h, bestRecall)
	}
	if h := mustEvaluate(t, in, Options{Draws: -1, Aim: costs}).Hindsight; !h.Reachable || math.Abs(float64(*h.Saving)-bestSaving) > 1e-12 || h.Rate != nil {
		t.Errorf("hindsight %+v, want a saving of %v", h, bestSaving)
	}
}
