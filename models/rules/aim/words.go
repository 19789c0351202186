package aim

import "strconv"

// Words name the aim, as in "chosen for …".
func (a Aim) Words() string {
	switch a.Kind() {
	case Precision:
		return "precision " + share(a.Precision)
	case FalsePositiveRate:
		return "a false-positive rate of at most " + share(a.FalsePositiveRate)
	case Cost:
		return "the least cost, " + a.Costs()
	}
	return "nothing"
}

// Costs are the two costs in words.
func (a Aim) Costs() string {
	return "a false positive costing " + number(a.CostFalsePositive) + " and a missed row " + number(a.CostFalseNegative)
}

// Held is what a threshold did that serves the aim, as in "no threshold …";
// whose is "its" or "the".
func (a Aim) Held(whose string) string {
	switch a.Kind() {
	case FalsePositiveRate:
		return "kept " + whose + " limit on the false-positive rate"
	case Cost:
		return "was cheaper than flagging nothing"
	}
	return "held " + whose + " target precision"
}

// Reaches is Held in the present tense.
func (a Aim) Reaches() string {
	switch a.Kind() {
	case FalsePositiveRate:
		return "keeps to the greatest false-positive rate"
	case Cost:
		return "is cheaper than flagging nothing"
	}
	return "reaches the target precision"
}

// Flags are the flags of train run that ask for the aim; none for the default.
func (a Aim) Flags() string {
	switch a.Kind() {
	case Precision:
		if a.Precision == DefaultPrecision {
			return ""
		}
		return "--target-precision " + exact(a.Precision)
	case FalsePositiveRate:
		return "--max-false-positive-rate " + exact(a.FalsePositiveRate)
	case Cost:
		return "--cost-false-positive " + exact(a.CostFalsePositive) + " --cost-false-negative " + exact(a.CostFalseNegative)
	}
	return ""
}

// exact is a number that reads back as the same.
func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
