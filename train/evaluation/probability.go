package evaluation

import (
	"cmp"
	"math"
	"slices"
)

// Brier is the weighted mean of (p - y)^2 (scikit-learn's brier_score_loss).
// NaN without rows. weights may be nil.
func Brier(labels []bool, p, weights []float64) Float {
	return weightedMean(len(labels), weights, func(i int) float64 {
		d := p[i] - truth(labels[i])
		return d * d
	})
}

// logLossEps keeps log loss finite: probabilities are clipped to [eps, 1-eps]
// with eps the machine epsilon of float64, as in scikit-learn.
const logLossEps = 0x1p-52

// LogLoss is the weighted mean of -log of the probability given to the label
// (scikit-learn's log_loss). NaN without rows. weights may be nil.
func LogLoss(labels []bool, p, weights []float64) Float {
	return weightedMean(len(labels), weights, func(i int) float64 {
		q := min(max(p[i], logLossEps), 1-logLossEps)
		if labels[i] {
			return -math.Log(q)
		}
		return -math.Log(1 - q)
	})
}

func truth(y bool) float64 {
	if y {
		return 1
	}
	return 0
}

func weightedMean(n int, weights []float64, f func(i int) float64) Float {
	var sum, total float64
	for i := range n {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		sum += w * f(i)
		total += w
	}
	return ratio(sum, total)
}

// BrierParts splits the Brier score: Brier = Reliability - Resolution +
// Uncertainty. Uncertainty is the variance of the label; Reliability how far
// forecasts lie from the shares seen in their bin (0 is best); Resolution how
// far the bins' shares differ from the overall one, with the spread of
// forecasts inside a bin counted in, so that the sum is exact (D. B.
// Stephenson, C. A. S. Coelho, I. T. Jolliffe, "Two extra components in the
// Brier score decomposition", Weather and Forecasting 23, 2008; without
// spread it is A. H. Murphy's of 1973).
type BrierParts struct {
	Reliability Float `json:"reliability"`
	Resolution  Float `json:"resolution"`
	Uncertainty Float `json:"uncertainty"`
	Bins        int   `json:"bins"`
}

// ReliabilityBin is one bin of a reliability curve: rows whose probability lies
// in [Low, High], their mean probability and the share labelled True.
type ReliabilityBin struct {
	Low       Float `json:"low"`
	High      Float `json:"high"`
	Rows      int   `json:"rows"`
	Predicted Float `json:"predicted"`
	Observed  Float `json:"observed"`
	ObservedL Float `json:"observed_low"`  // 95 % Wilson interval, clustered by IP
	ObservedH Float `json:"observed_high"` //
}

// quantileBins cuts the rows, ordered by p, into at most n runs of nearly
// equal size; equal probabilities stay together.
func quantileBins(p []float64, n int) [][]int32 {
	order := make([]int32, len(p))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if c := cmp.Compare(p[a], p[b]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	var bins [][]int32
	start := 0
	for b := 1; b <= n; b++ {
		end := len(order) * b / n
		if end <= start {
			continue
		}
		for end < len(order) && p[order[end]] == p[order[end-1]] {
			end++
		}
		bins = append(bins, order[start:end])
		start = end
	}
	return bins
}

// DecomposeBrier splits the Brier score of probabilities p over at most n bins
// of equal size.
func DecomposeBrier(labels []bool, p []float64, n int) BrierParts {
	bins := quantileBins(p, n)
	rows := float64(len(labels))
	var pos float64
	for _, y := range labels {
		pos += truth(y)
	}
	base := pos / rows
	var rel, res, within float64
	for _, b := range bins {
		var sp, sy float64
		for _, i := range b {
			sp += p[i]
			sy += truth(labels[i])
		}
		m := float64(len(b))
		mp, my := sp/m, sy/m
		rel += m * (mp - my) * (mp - my)
		res += m * (my - base) * (my - base)
		for _, i := range b {
			d := p[i] - mp
			within += d*d - 2*d*(truth(labels[i])-my)
		}
	}
	return BrierParts{
		Reliability: ratio(rel, rows),
		Resolution:  ratio(res-within, rows),
		Uncertainty: ratio(base*(1-base)*rows, rows),
		Bins:        len(bins),
	}
}
