package aim

import (
	"math"
	"strconv"

	"sluice/featurestore/fault"
)

// DefaultPrecision is the target precision where nothing is said.
const DefaultPrecision = 0.8

// Aim is one of three: a target precision, a greatest false-positive rate, or
// two costs. Fields of the other two are 0 and left out of JSON.
type Aim struct {
	// Precision is the least share of the flagged rows that is labelled True,
	// in (0, 1).
	Precision float64 `json:"target_precision,omitempty"`
	// FalsePositiveRate is the greatest share of the rows labelled False that
	// is flagged, in (0, 1).
	FalsePositiveRate float64 `json:"max_false_positive_rate,omitempty"`
	// CostFalsePositive and CostFalseNegative are what a flagged row labelled
	// False costs, and a row labelled True that is not flagged; above 0, in any
	// unit, as only their ratio counts.
	CostFalsePositive float64 `json:"cost_false_positive,omitempty"`
	CostFalseNegative float64 `json:"cost_false_negative,omitempty"`
}

// AtPrecision is the aim of a target precision.
func AtPrecision(p float64) Aim { return Aim{Precision: p} }

// AtFalsePositiveRate is the aim of a greatest false-positive rate.
func AtFalsePositiveRate(r float64) Aim { return Aim{FalsePositiveRate: r} }

// AtCosts is the aim of least cost.
func AtCosts(falsePositive, falseNegative float64) Aim {
	return Aim{CostFalsePositive: falsePositive, CostFalseNegative: falseNegative}
}

// OrDefault is the aim, or DefaultPrecision where nothing is set.
func (a Aim) OrDefault() Aim {
	if a == (Aim{}) {
		return AtPrecision(DefaultPrecision)
	}
	return a
}

// Kind tells the three aims apart.
type Kind int

// The kinds. None is the zero Aim.
const (
	None Kind = iota
	Precision
	FalsePositiveRate
	Cost
)

// Kind is what is aimed at.
func (a Aim) Kind() Kind {
	switch {
	case a.Precision != 0:
		return Precision
	case a.FalsePositiveRate != 0:
		return FalsePositiveRate
	case a.CostFalsePositive != 0 || a.CostFalseNegative != 0:
		return Cost
	}
	return None
}

// maxCostRatio bounds the ratio of the two costs either way. Beyond it one
// mistake would outweigh more rows than a month has.
const maxCostRatio = 1e6

// Check refuses what is no aim, or more than one; the error's field is the
// flag that says it.
func (a Aim) Check() error {
	only := Aim{}
	switch a.Kind() {
	case Precision:
		if !(a.Precision > 0 && a.Precision < 1) {
			return fault.Field(fault.Invalid, "target-precision", "target precision %v: want a number between 0 and 1, as in 0.8", a.Precision)
		}
		only.Precision = a.Precision
	case FalsePositiveRate:
		if !(a.FalsePositiveRate > 0 && a.FalsePositiveRate < 1) {
			return fault.Field(fault.Invalid, "max-false-positive-rate", "false-positive rate %v: want a number between 0 and 1, as in 0.01", a.FalsePositiveRate)
		}
		only.FalsePositiveRate = a.FalsePositiveRate
	case Cost:
		fp, fn := a.CostFalsePositive, a.CostFalseNegative
		if !(fp > 0 && fn > 0) || math.IsInf(fp+fn, 0) {
			return fault.Field(fault.Invalid, "cost-false-positive", "costs %v and %v: want two numbers above 0, of a false positive and of a false negative", fp, fn)
		}
		if r := fp / fn; r > maxCostRatio || r < 1/maxCostRatio {
			return fault.Field(fault.Invalid, "cost-false-positive", "costs %v and %v: one is more than a million times the other, which no month's rows can weigh", fp, fn)
		}
		only.CostFalsePositive, only.CostFalseNegative = fp, fn
	default:
		return fault.Field(fault.Invalid, "target-precision", "no aim: want a target precision, a greatest false-positive rate or two costs")
	}
	if a != only {
		return fault.Field(fault.Invalid, "target-precision", "several aims for one threshold: want a target precision, a greatest false-positive rate or two costs")
	}
	return nil
}

// number is a number as short as it can be said.
func number(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

func share(x float64) string { return number(100*x) + " %" }
