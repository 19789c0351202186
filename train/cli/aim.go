package cli

import (
	"errors"
	"flag"
	"math"
	"strconv"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
)

// aimFlags say what an operating point is chosen for.
type aimFlags struct {
	precision, rate, falsePositive, falseNegative amount
}

func declareAim(fs *flag.FlagSet) *aimFlags {
	a := &aimFlags{precision: amount{value: aim.DefaultPrecision}}
	fs.Var(&a.precision, "target-precision", "`P` that the operating point must hold, in (0, 1)")
	fs.Var(&a.rate, "max-false-positive-rate", "instead: the greatest `SHARE` of the rows labelled False that it may flag, as in 0.01")
	fs.Var(&a.falsePositive, "cost-false-positive", "instead, with --cost-false-negative: what a flagged row labelled False `COSTS`")
	fs.Var(&a.falseNegative, "cost-false-negative", "what a row labelled True `COSTS` that is not flagged")
	return a
}

// given reports whether any of the flags was, on the command line or in a
// config file.
func (a *aimFlags) given() bool {
	return a.precision.set || a.rate.set || a.falsePositive.set || a.falseNegative.set
}

// aim is what the flags say.
func (a *aimFlags) aim() (aim.Aim, error) {
	costs := a.falsePositive.set || a.falseNegative.set
	ways := 0
	for _, set := range []bool{a.precision.set, a.rate.set, costs} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return aim.Aim{}, fault.New(fault.Usage, "--target-precision, --max-false-positive-rate and the two costs are three aims of one threshold; give one (a --config file counts)")
	}
	share := func(name, example string, n amount) error {
		if !(n.value > 0 && n.value < 1) {
			return fault.Field(fault.Usage, name, "--%s %v: want a share between 0 and 1, as in %s", name, n.value, example)
		}
		return nil
	}
	switch {
	case a.rate.set:
		return aim.AtFalsePositiveRate(a.rate.value), share("max-false-positive-rate", "0.01", a.rate)
	case costs && !(a.falsePositive.set && a.falseNegative.set):
		return aim.Aim{}, fault.New(fault.Usage, "--cost-false-positive and --cost-false-negative go together, as only their ratio counts; give both")
	case costs:
		for _, c := range []struct {
			name string
			amount
		}{{"cost-false-positive", a.falsePositive}, {"cost-false-negative", a.falseNegative}} {
			if !(c.value > 0) || math.IsInf(c.value, 0) {
				return aim.Aim{}, fault.Field(fault.Usage, c.name, "--%s %v: want a number above 0", c.name, c.value)
			}
		}
		at := aim.AtCosts(a.falsePositive.value, a.falseNegative.value)
		return at, fault.As(fault.Usage, at.Check())
	}
	return aim.AtPrecision(a.precision.value), share("target-precision", "0.8", a.precision)
}

// amount is a flag that knows whether it was set.
type amount struct {
	value float64
	set   bool
}

func (n *amount) String() string {
	if n.value == 0 {
		return ""
	}
	return strconv.FormatFloat(n.value, 'g', -1, 64)
}

func (n *amount) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return errors.New("want a number")
	}
	n.value, n.set = v, true
	return nil
}
