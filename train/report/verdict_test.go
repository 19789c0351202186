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
