package evaluation

import (
	"sluice/models/rules/aim"
)

// Saving is the share of the cost of flagging nothing that flagging saves: 1
// where nothing is mistaken, 0 where flagging costs as much as it saves, below
// 0 where it costs more. NaN where no row is labelled True.
func Saving(a aim.Aim, c Confusion) Float {
	return 1 - ratio(c.FP*a.CostFalsePositive+c.FN*a.CostFalseNegative, (c.FN+c.TP)*a.CostFalseNegative)
}

// Kept reports whether verdicts kept what the aim asks: the target precision,
// the limit on the false-positive rate, or a cost below that of flagging
// nothing. Verdicts of which that can't be told did not.
func Kept(a aim.Aim, c Confusion) bool {
	switch a.Kind() {
	case aim.FalsePositiveRate:
		return float64(c.FalsePositiveRate()) <= a.FalsePositiveRate
	case aim.Cost:
		return Saving(a, c) > 0
	}
	return float64(c.Metrics().Classes.True.Precision) >= a.Precision
}

// decides is the figure by which two verdicts are compared under an aim.
func decides(a aim.Aim) string {
	if a.Kind() == aim.Cost {
		return "operating_point.saving"
	}
	return "operating_point.classes.True.recall"
}
