package report

import (
	"strings"
	"testing"

	"sluice/train/evaluation"
)

// The interval of the first sentence is that of the figures below it.
func TestVerdictsInterval(t *testing.T) {
	in := fixture(t, 300, 60, 1.9)
	e := in.Evaluation
	s := *e.Main()
	iv, ok := s.Intervals.Of("operating_point.classes.True.precision")
	if !ok || !e.Gate.Passed {
		t.Fatalf("%+v, %+v", s.Intervals, e.Gate)
	}
	e.Target = evaluation.Float(iv.Low + 0.001)
	want := "95 % interval, " + pct(float64(iv.Low)) + " to " + pct(float64(iv.High)) + ", reaches below the target"
	if got := Verdict(&e); !strings.Contains(got, want) {
		t.Errorf("%q does not say %q", got, want)
	}
	e.Target = iv.Low
	if got := Verdict(&e); strings.Contains(got, "reaches below") {
		t.Errorf("%q, though the interval does not", got)
	}
}

// Better by the aim and not by F1 is said in one breath.
func TestVerdictOfTwoAims(t *testing.T) {
	in := fixture(t, 300, 60, 1.9)
	e := in.Evaluation
	c := &e.Main().Comparison
	c.Rules = &evaluation.Paired{With: "the rules", Verdict: evaluation.Better}
	for verdict, want := range map[evaluation.Verdict]string{
		evaluation.Better:             "it is better than the rules",
		evaluation.Worse:              "it is better than the rules (both tuned for the best F1, worse than them)",
		evaluation.NotDistinguishable: "it is better than the rules (both tuned for the best F1, not distinguishable from them)",
	} {
		c.RulesF1 = &evaluation.Paired{Verdict: verdict}
		got := Verdict(&e)
		if !strings.Contains(got, want) || verdict == evaluation.Better && strings.Contains(got, "best F1") {
			t.Errorf("%s: %q", verdict, got)
		}
	}
}

// A share above a limit never reads as the limit.
func TestAboveTheLimit(t *testing.T) {
	for _, c := range []struct {
		x, limit float64
		want     string
	}{{0.021, 0.02, "2.1 %"}, {0.0203, 0.02, "2.03 %"}, {0.020004, 0.02, "2.0004 %"}, {0.0200000001, 0.02, "just above 2.0 %"}, {0.3, 0.02, "30.0 %"}} {
		if got := abovePct(evaluation.Float(c.x), c.limit); got != c.want {
			t.Errorf("%v above %v reads %q, want %q", c.x, c.limit, got, c.want)
		}
	}
}
