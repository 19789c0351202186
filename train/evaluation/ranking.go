package evaluation

import (
	"cmp"
	"math"
	"slices"

	"sluice/featurestore/fault"
)

// Ranking is the rows in falling order of score, with ties found: what every
// curve and every choice of a threshold walks. Build it once per set of rows.
type Ranking struct {
	labels  []bool
	scores  []float64
	weights []float64 // nil: 1 each
	order   []int32   // rows by falling score; equal scores by row number
	ends    []int32   // end (exclusive) in order of each run of equal scores
}

// Rank sorts the rows. scores are probabilities or any other numbers where
// more means likelier True; NaN is refused. weights may be nil.
func Rank(labels []bool, scores, weights []float64) (*Ranking, error) {
	if len(labels) != len(scores) || weights != nil && len(weights) != len(labels) {
		return nil, fault.New(fault.Invalid, "evaluation: %d labels, %d scores and %d weights: want equal lengths",
			len(labels), len(scores), len(weights))
	}
	if len(labels) > math.MaxInt32 {
		return nil, fault.New(fault.Exhausted, "evaluation: %d rows: at most %d are ranked", len(labels), math.MaxInt32)
	}
	bad := 0
	for _, s := range scores {
		if math.IsNaN(s) {
			bad++
		}
	}
	if bad > 0 {
		return nil, fault.Field(fault.Invalid, "scores", "%d of %d scores are NaN: want numbers; check the model and its columns", bad, len(scores))
	}
	r := &Ranking{labels: labels, scores: scores, weights: weights, order: make([]int32, len(labels))}
	for i := range r.order {
		r.order[i] = int32(i)
	}
	slices.SortFunc(r.order, func(a, b int32) int {
		if c := cmp.Compare(scores[b], scores[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	for k := range r.order {
		if k+1 == len(r.order) || scores[r.order[k]] != scores[r.order[k+1]] {
			r.ends = append(r.ends, int32(k+1))
		}
	}
	return r, nil
}

// Len is the number of rows.
func (r *Ranking) Len() int { return len(r.order) }

// walk calls step at the end of each run of equal scores with the weights so
// far: tp and fp are what a threshold at that score flags.
func (r *Ranking) walk(step func(score, tp, fp float64)) {
	var tp, fp float64
	k := int32(0)
	for _, end := range r.ends {
		score := r.scores[r.order[k]]
		for ; k < end; k++ {
			i := r.order[k]
			w := 1.0
			if r.weights != nil {
				w = r.weights[i]
			}
			if r.labels[i] {
				tp += w
			} else {
				fp += w
			}
		}
		step(score, tp, fp)
	}
}

func (r *Ranking) totals() (pos, neg float64) {
	for i, y := range r.labels {
		w := 1.0
		if r.weights != nil {
			w = r.weights[i]
		}
		if y {
			pos += w
		} else {
			neg += w
		}
	}
	return pos, neg
}

// ROCAUC is the area under the ROC curve by the trapezoid rule, ties counting
// one half (scikit-learn's roc_auc_score). NaN with one class.
func (r *Ranking) ROCAUC() Float {
	var area, tp0, fp0 float64
	r.walk(func(_, tp, fp float64) {
		area += (fp - fp0) * (tp + tp0) / 2
		tp0, fp0 = tp, fp
	})
	return ratio(area, tp0*fp0)
}

// PRAUC is the average precision, sum over thresholds of (R_n - R_n-1) P_n
// (scikit-learn's average_precision_score, not the trapezoid area). NaN
// without rows labelled True.
func (r *Ranking) PRAUC() Float {
	var sum, tp0 float64
	r.walk(func(_, tp, fp float64) {
		if tp != tp0 {
			sum += (tp - tp0) * tp / (tp + fp)
		}
		tp0 = tp
	})
	return ratio(sum, tp0)
}

// ROCAUC is Rank and Ranking.ROCAUC in one call.
func ROCAUC(labels []bool, scores, weights []float64) (Float, error) {
	r, err := Rank(labels, scores, weights)
	if err != nil {
		return NaN(), err
	}
	return r.ROCAUC(), nil
}

// PRAUC is Rank and Ranking.PRAUC in one call.
func PRAUC(labels []bool, scores, weights []float64) (Float, error) {
	r, err := Rank(labels, scores, weights)
	if err != nil {
		return NaN(), err
	}
	return r.PRAUC(), nil
}
