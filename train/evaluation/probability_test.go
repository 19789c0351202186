package evaluation

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The parts add up to the Brier score, whatever the bins.
func TestBrierPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(t, "n")
		labels, p := make([]bool, n), make([]float64, n)
		for i := range n {
			labels[i] = rapid.Bool().Draw(t, "label")
			p[i] = float64(rapid.IntRange(0, 30).Draw(t, "p")) / 30
		}
		d := DecomposeBrier(labels, p, rapid.IntRange(1, 12).Draw(t, "bins"))
		sum := d.Reliability - d.Resolution + d.Uncertainty
		if want := Brier(labels, p, nil); math.Abs(float64(sum-want)) > 1e-12 {
			t.Fatalf("%+v sums to %v, the Brier score is %v", d, sum, want)
		}
		if d.Reliability < 0 || d.Uncertainty < 0 || d.Uncertainty > 0.25+1e-12 {
			t.Fatalf("%+v", d)
		}
		rows := 0
		last := Float(-1)
		g := make([]int, n)
		for i := range g {
			g[i] = i
		}
		for _, b := range Reliability(labels, p, g, n) {
			rows += b.Rows
			if b.Low <= last || b.High < b.Low || b.Observed < b.ObservedL || b.Observed > b.ObservedH {
				t.Fatalf("bin %+v after %v", b, last)
			}
			last = b.High
		}
		if rows != n {
			t.Fatalf("bins hold %d of %d rows", rows, n)
		}
	})
}

// Thinned curves are monotone, bounded, and end where the full ones end.
func TestCurves(t *testing.T) {
	in := fixture(20_000, 6)
	for i := range in.Scores {
		in.Scores[i] += 1e-7 * float64(i)
	}
	r, err := Rank(in.Labels, in.Scores, nil)
	if err != nil {
		t.Fatal(err)
	}
	roc, pr := r.ROC(), r.PR()
	if len(roc) > 402 || len(pr) > 202 || len(roc) < 100 || len(pr) < 100 {
		t.Fatalf("%d and %d points", len(roc), len(pr))
	}
	var area float64
	for i := 1; i < len(roc); i++ {
		if roc[i].FPR < roc[i-1].FPR || roc[i].TPR < roc[i-1].TPR {
			t.Fatalf("ROC falls at %+v", roc[i])
		}
		area += float64((roc[i].FPR - roc[i-1].FPR) * (roc[i].TPR + roc[i-1].TPR) / 2)
	}
	if math.Abs(area-float64(r.ROCAUC())) > 0.002 {
		t.Errorf("the thinned curve has area %v, the full one %v", area, r.ROCAUC())
	}
	if end := roc[len(roc)-1]; end.FPR != 1 || end.TPR != 1 {
		t.Errorf("ROC ends at %+v", end)
	}
	if end := pr[len(pr)-1]; end.Recall != 1 || int(end.Flagged) != r.Len() {
		t.Errorf("PR ends at %+v", end)
	}
}
