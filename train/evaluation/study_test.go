package evaluation

import (
	"math"
	"testing"
)

// A variant against itself gains nothing, in every draw; a better one gains,
// and its own figures are those of an evaluation of its own.
func TestMeasureParts(t *testing.T) {
	in := fixture(500, 9)
	better := make([]float64, len(in.Scores))
	for i, s := range in.Scores {
		better[i] = s/2 + truth(in.Labels[i])*0.4
	}
	flags := in.Operating.Flags(in.Scores)
	part := PartInput{Part: PartAll, Labels: in.Labels, Scores: in.Scores, Flags: flags, Groups: in.Groups, Unknown: 7}
	other := part
	other.Scores = better
	plain := part
	plain.Scores = nil
	opt := Options{Seed: 3, Draws: 200}
	got, err := MeasureParts(t.Context(), [][]PartInput{{part}, {part}, {other}, {plain}}, true, opt)
	if err != nil {
		t.Fatal(err)
	}
	if g := got[1][0].ROCAUCGain; g.Estimate != 0 || g.Low != 0 || g.High != 0 {
		t.Errorf("against itself: %+v", g)
	}
	if g := got[2][0].ROCAUCGain; !(g.Low > 0) {
		t.Errorf("a better ranking: %+v", g)
	}
	if got[3][0].ROCAUC.Estimate.Defined() || got[3][0].ROCAUCGain.Estimate.Defined() {
		t.Errorf("flags have a ranking: %+v", got[3][0].ROCAUC)
	}
	if got[0][0].ROCAUCGain != nil {
		t.Error("the first variant gains over itself")
	}
	s := mustEvaluate(t, in, opt)
	p := got[0][0]
	for name, iv := range map[string]Interval{"roc_auc": p.ROCAUC, "pr_auc": p.PRAUC, "operating_point.classes.True.precision": p.Precision, "operating_point.classes.True.recall": p.Recall} {
		want, _ := s.Intervals.Of(name)
		if math.Abs(float64(iv.Estimate-want.Estimate)) > 1e-15 || iv.Low != want.Low || iv.High != want.High {
			t.Errorf("%s: %+v, the evaluation has %+v", name, iv, want)
		}
	}
	if p.Unknown != 7 || p.Rows != 500 || p.True != s.Rows.True || p.Confusion != s.OperatingPoint.Confusion {
		t.Errorf("part %+v", p)
	}
	v := Variant{Parts: got[0]}
	if v.Part(PartAll) == nil || v.Part(PartNew) != nil {
		t.Error("parts are not found by name")
	}
	unpaired, err := MeasureParts(t.Context(), [][]PartInput{{part}, {other}}, false, opt)
	if err != nil || unpaired[1][0].ROCAUCGain != nil {
		t.Errorf("gain of other rows: %+v, %v", unpaired[1][0].ROCAUCGain, err)
	}
}

// Against every threshold by hand.
func TestChooseBestF1(t *testing.T) {
	in := fixture(200, 10)
	o, err := ChooseBestF1(in.Labels, in.Scores, "rows")
	if err != nil {
		t.Fatal(err)
	}
	best := Float(0)
	for _, th := range in.Scores {
		c := OperatingChoice{Threshold: Float(th)}
		if f := Confuse(in.Labels, c.Flags(in.Scores), nil).Metrics().Classes.True.F1; f.Defined() && f > best {
			best = f
		}
	}
	got := Confuse(in.Labels, o.Flags(in.Scores), nil).Metrics().Classes.True
	if got.F1 != best || got.Precision != o.Precision || got.Recall != o.Recall {
		t.Errorf("F1 %v, best %v; %+v", got.F1, best, o)
	}
	if o, err := ChooseBestF1([]bool{false, false}, []float64{0.1, 0.2}, "rows"); err != nil || !o.Abstains {
		t.Errorf("no positives: %+v, %v", o, err)
	}
}
