package evaluation

import (
	"math"
	"strconv"
)

// percent is a share for a sentence: "80 %", "79.6 %".
func percent(x float64) string {
	if math.IsNaN(x) {
		return "undefined"
	}
	v := math.Round(x*1000) / 10
	if v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " %"
}

// finePercent is a share that may be small, for a sentence: "0.05 %".
func finePercent(x float64) string {
	if math.IsNaN(x) || x == 0 || math.Abs(x) >= 0.01 {
		return percent(x)
	}
	return strconv.FormatFloat(100*x, 'g', 2, 64) + " %"
}
