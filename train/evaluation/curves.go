package evaluation

import "sluice/models/rules/bound"

// Curves are a score's curves, thinned to a bounded number of points. JSON
// holds at most curvePoints points a curve.
type Curves struct {
	ROC         []ROCPoint       `json:"roc"`
	PR          []PRPoint        `json:"pr"`
	Reliability []ReliabilityBin `json:"reliability"` // of the calibrated probability
	RawBins     []ReliabilityBin `json:"reliability_raw"`
	Score       []int            `json:"score_histogram"` // rows per 0.05 of the raw probability, labelled False
	ScoreTrue   []int            `json:"score_histogram_true"`
}

// ROCPoint is what a threshold gives: rates of flagged rows.
type ROCPoint struct {
	Threshold Float `json:"threshold"` // null at the origin, where nothing is flagged
	FPR       Float `json:"fpr"`
	TPR       Float `json:"tpr"`
}

// PRPoint is what a threshold gives: precision and recall of True.
type PRPoint struct {
	Threshold Float `json:"threshold"`
	Recall    Float `json:"recall"`
	Precision Float `json:"precision"`
	Flagged   Float `json:"flagged"` // rows
}

const curveStep = 0.005 // a point is kept when a coordinate moved by this much

// ROC is the ROC curve from (0, 0) to (1, 1), thinned so that neighbours lie
// at least curveStep apart in one coordinate: at most 2/curveStep + 2 points.
// Empty with one class.
func (r *Ranking) ROC() []ROCPoint {
	pos, neg := r.totals()
	if pos == 0 || neg == 0 {
		return []ROCPoint{}
	}
	out := []ROCPoint{{NaN(), 0, 0}}
	var last ROCPoint
	r.walk(func(score, tp, fp float64) {
		last = ROCPoint{Float(score), Float(fp / neg), Float(tp / pos)}
		prev := out[len(out)-1]
		if last.FPR-prev.FPR >= curveStep || last.TPR-prev.TPR >= curveStep {
			out = append(out, last)
		}
	})
	if end := out[len(out)-1]; end.FPR != 1 || end.TPR != 1 {
		out = append(out, last)
	}
	return out
}

// PR is the precision-recall curve by rising recall, thinned to one point per
// curveStep of recall: at most 1/curveStep + 2 points. Empty without rows
// labelled True.
func (r *Ranking) PR() []PRPoint {
	pos, _ := r.totals()
	if pos == 0 {
		return []PRPoint{}
	}
	out := []PRPoint{}
	var last PRPoint
	prev := Float(-1)
	r.walk(func(score, tp, fp float64) {
		last = PRPoint{Float(score), Float(tp / pos), ratio(tp, tp+fp), Float(tp + fp)}
		if last.Recall-prev >= curveStep {
			out = append(out, last)
			prev = last.Recall
		}
	})
	if len(out) == 0 || out[len(out)-1].Threshold != last.Threshold {
		out = append(out, last)
	}
	return out
}

const reliabilityBins = 10

// Reliability is the reliability curve over at most reliabilityBins bins of
// equal size. groups are cluster numbers 0 … clusters-1, for the intervals.
func Reliability(labels []bool, p []float64, groups []int, clusters int) []ReliabilityBin {
	z := bound.Z(0.975)
	count := bound.NewCounter(clusters)
	out := []ReliabilityBin{}
	for _, b := range quantileBins(p, reliabilityBins) {
		var sp float64
		count.Reset()
		for _, i := range b {
			sp += p[i]
			count.Add(groups[i], labels[i], 1)
		}
		low, high := count.Interval(z)
		m := float64(len(b))
		out = append(out, ReliabilityBin{
			Low: Float(p[b[0]]), High: Float(p[b[len(b)-1]]), Rows: len(b),
			Predicted: Float(sp / m), Observed: Float(count.Hits / m),
			ObservedL: Float(low), ObservedH: Float(high),
		})
	}
	return out
}

const scoreBins = 20

// scoreHistogram counts rows per 1/scoreBins of the probability by label.
func scoreHistogram(labels []bool, p []float64) (no, yes []int) {
	no, yes = make([]int, scoreBins), make([]int, scoreBins)
	for i, y := range labels {
		b := min(max(int(p[i]*scoreBins), 0), scoreBins-1)
		if y {
			yes[b]++
		} else {
			no[b]++
		}
	}
	return no, yes
}
