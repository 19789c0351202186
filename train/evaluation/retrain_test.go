package evaluation

import (
	"strings"
	"testing"

	"sluice/models/rules/aim"
)

// By hand: two months; in the second the old model loses beyond chance, and
// the month that shifted missed its target.
func TestNewRetrain(t *testing.T) {
	part := func(auc, precision Float, gain *Interval) []VariantPart {
		return []VariantPart{{Part: PartAll, Rows: 100, True: 30, ROCAUC: Interval{Estimate: auc}, Precision: Interval{Estimate: precision}, Confusion: Confusion{TP: 20 * float64(precision), FP: 20 * float64(1-precision), TN: 70, FN: 10}, ROCAUCGain: gain}}
	}
	loss := &Interval{Estimate: -0.1, Low: -0.15, High: -0.05}
	studies := []Study{
		{Name: StudyAge, Variants: []Variant{{Age: 1, MaxPSI: 0.1, Parts: part(0.9, 0.85, nil)}}},
		{Name: StudyAge, Variants: []Variant{{Age: 1, MaxPSI: 0.4, Parts: part(0.8, 0.6, nil)}, {Age: 2, MaxPSI: 0.6, Parts: part(0.7, 0.5, loss)}}},
		{Name: StudyColumns, Variants: []Variant{{Age: 9, Parts: part(0.1, 0.1, nil)}}},
	}
	r := NewRetrain(studies, aim.AtPrecision(0.8))
	if len(r.Ages) != 2 || r.Ages[0].Tests != 2 || r.Ages[0].ROCAUC < 0.8499 || r.Ages[0].ROCAUC > 0.8501 || r.Ages[1].Worse != 1 || r.Ages[1].Gain != -0.1 {
		t.Errorf("%+v", r.Ages)
	}
	if r.Calm != 1 || r.CalmKept != 1 || r.Shifted != 2 || r.ShiftedKept != 0 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"of 1 older ones, 1 rank", "−0.100 on average", "held in 1 of 1 tests; where one is, in 0 of 2", "train again when a PSI passes 0.25", "a hint, no law"} {
		if !strings.Contains(r.Sentence, want) {
			t.Errorf("the sentence lacks %q: %s", want, r.Sentence)
		}
	}
	studies[1].Variants = studies[1].Variants[:1]
	if r := NewRetrain(studies, aim.AtPrecision(0.8)); !strings.Contains(r.Sentence, "too few months to tell") {
		t.Errorf("%s", r.Sentence)
	}
	if NewRetrain(studies[2:], aim.AtPrecision(0.8)) != nil {
		t.Error("advice from nothing")
	}
}
