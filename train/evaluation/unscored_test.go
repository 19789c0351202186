package evaluation

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

// Rows without a probability are left out: the rest is measured as if they had
// not been there, and the gate says so.
func TestUnscored(t *testing.T) {
	in := fixture(300, 6)
	in.Champion = in.RulesAtHalf
	in.Slices = []SliceInput{{"f", "n", in.Seen}}
	gone := func(i int) bool { return i%10 == 3 }
	want := in
	want.Labels, want.Scores, want.Calibrated, want.Groups = without(in.Labels, gone), without(in.Scores, gone), without(in.Calibrated, gone), without(in.Groups, gone)
	want.RequestCount, want.Seen, want.ListedBefore, want.Champion = without(in.RequestCount, gone), without(in.Seen, gone), without(in.ListedBefore, gone), without(in.Champion, gone)
	want.RulesAtHalf, want.RulesOperating = without(in.RulesAtHalf, gone), without(in.RulesOperating, gone)
	want.Slices = []SliceInput{{"f", "n", without(in.Seen, gone)}}
	a := mustEvaluate(t, want, Options{Draws: 20})

	in.Scores = append([]float64(nil), in.Scores...)
	for i := range in.Scores {
		if gone(i) {
			in.Scores[i] = math.NaN()
		}
	}
	b := mustEvaluate(t, in, Options{Draws: 20})
	if b.Rows.Unscored != 30 || len(b.Warnings) == 0 || !strings.Contains(b.Warnings[0], "30 of 300 labelled rows have no probability") {
		t.Errorf("%d rows, warnings %q", b.Rows.Unscored, b.Warnings)
	}
	if g := Judge(&b, GateConfig{}, Facts{}); g.Passed || g.Checks[0].Name != "scored" {
		t.Errorf("gate %+v", g)
	}
	b.Rows.Unscored, b.Warnings = a.Rows.Unscored, a.Warnings
	ja, _ := (&Evaluation{Splits: []Split{a}}).MarshalIndent()
	jb, _ := (&Evaluation{Splits: []Split{b}}).MarshalIndent()
	if !reflect.DeepEqual(ja, jb) {
		t.Error("rows without a probability change the figures of the others")
	}
}
