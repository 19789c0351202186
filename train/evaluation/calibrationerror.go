package evaluation

import (
	"fmt"
	"math"

	"sluice/models/rules/bound"
)

// CalibrationError says how far probabilities lie from the shares seen.
type CalibrationError struct {
	// Error is the expected calibration error: the mean over bins of equal
	// size of |mean probability - share labelled True|, weighted by rows (M.
	// P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015, whose bins are of
	// equal width). It is above 0 by chance even where probabilities are right.
	Error Float `json:"error"`
	Raw   Float `json:"error_raw"` // of the probability before calibration
	// Bias is the mean probability less the share labelled True, with its 95 %
	// interval by address: above 0, probabilities promise too much.
	Bias     Float `json:"bias"`
	BiasLow  Float `json:"bias_low"`
	BiasHigh Float `json:"bias_high"`
	// Outside counts the bins whose mean probability lies outside the 95 %
	// interval of the share seen, of Bins.
	Outside int    `json:"bins_outside"`
	Bins    int    `json:"bins"`
	Warning string `json:"warning"` // "" where the error is small or may be chance
}

// calibrationMuch is the error from which a warning is given, where chance
// does not explain it.
const calibrationMuch = 0.05

// MeasureCalibration compares calibrated and raw probabilities with labels;
// groups are dense, 0 … clusters-1. Every figure is NaN without rows.
func MeasureCalibration(labels []bool, calibrated, raw []float64, groups []int, clusters int) *CalibrationError {
	bins := Reliability(labels, calibrated, groups, clusters)
	c := &CalibrationError{
		Error: expectedError(bins), Raw: expectedError(Reliability(labels, raw, groups, clusters)),
		Bias: NaN(), BiasLow: NaN(), BiasHigh: NaN(), Bins: len(bins),
	}
	for _, b := range bins {
		if b.Predicted < b.ObservedL || b.Predicted > b.ObservedH {
			c.Outside++
		}
	}
	n := float64(len(labels))
	if n == 0 {
		return c
	}
	// The mean of p - y and its variance over addresses, linearised as for a
	// ratio of cluster totals.
	sum, rows := make([]float64, clusters), make([]float64, clusters)
	var total float64
	for i, g := range groups {
		d := calibrated[i] - truth(labels[i])
		sum[g] += d
		rows[g]++
		total += d
	}
	mean := total / n
	var v float64
	for g := range sum {
		d := sum[g] - mean*rows[g]
		v += d * d
	}
	half := bound.Z((1+intervalLevel)/2) * math.Sqrt(v) / n
	c.Bias, c.BiasLow, c.BiasHigh = Float(mean), Float(mean-half), Float(mean+half)
	// By chance one bin in twenty lies outside: three of ten do not.
	if c.Error >= calibrationMuch && 10*c.Outside >= 3*c.Bins {
		word := "too high"
		switch {
		case c.BiasHigh < 0:
			word = "too low"
		case c.BiasLow <= 0:
			word = "too high in places and too low in others"
		}
		c.Warning = fmt.Sprintf("probabilities are %s on these rows: they lie %s points from the shares seen on average, and in %d of %d bins outside the 95 %% interval; the order of addresses may still hold, what a probability promises does not",
			word, pointsAlone(c.Error), c.Outside, c.Bins)
	}
	return c
}

func expectedError(bins []ReliabilityBin) Float {
	var sum, n float64
	for _, b := range bins {
		sum += float64(b.Rows) * math.Abs(float64(b.Predicted-b.Observed))
		n += float64(b.Rows)
	}
	return ratio(sum, n)
}

func pointsAlone(d Float) string { return fmt.Sprintf("%.1f", math.Round(float64(d)*1000)/10) }
