package evaluation

import (
	"math"

	"sluice/featurestore/fault"
	"sluice/models/rules/bound"
)

// boundConfidence is the one-sided confidence of the bound that a precision is
// held to.
const boundConfidence = 0.90

// OperatingChoice is a chosen threshold: a row is flagged when its raw
// probability is >= Threshold. With Abstains nothing is flagged and Threshold
// is NaN.
type OperatingChoice struct {
	Threshold Float   `json:"threshold"`
	Target    Float   `json:"target"`    // precision asked for
	ChosenOn  string  `json:"chosen_on"` // what rows it was chosen on
	Abstains  bool    `json:"abstains"`
	Reason    string  `json:"reason"`          // one sentence
	Precision Float   `json:"precision"`       // on those rows
	Lower     Float   `json:"precision_lower"` // lower 90 % bound, clustered by IP
	Recall    Float   `json:"recall"`
	Flagged   float64 `json:"flagged"`
	Rows      int     `json:"rows"`
	// Best is the highest lower bound that any threshold reached: what the
	// model could have promised.
	Best          Float `json:"best_lower"`
	BestThreshold Float `json:"best_lower_threshold"`
}

// Flag reports whether a row of this raw probability is flagged.
func (o OperatingChoice) Flag(score float64) bool {
	return !o.Abstains && score >= float64(o.Threshold)
}

// Flags is Flag of each row.
func (o OperatingChoice) Flags(scores []float64) []bool {
	out := make([]bool, len(scores))
	for i, s := range scores {
		out[i] = o.Flag(s)
	}
	return out
}

// ChooseOperatingPoint finds the threshold with the greatest recall of True
// among those whose precision has a lower 90 % bound >= target. scores are raw
// probabilities of rows that the scoring model was not trained on (folds of
// the training months, grouped by IP); groups are the rows' addresses as any
// numbers. Where no threshold reaches the target the choice abstains, and says
// how far the best one came. target is in (0, 1).
func ChooseOperatingPoint(labels []bool, scores []float64, groups []int, target float64, chosenOn string) (OperatingChoice, error) {
	if !(target > 0 && target < 1) {
		return OperatingChoice{}, fault.Field(fault.Invalid, "target-precision", "target precision %v: want a number between 0 and 1, as in 0.8", target)
	}
	if len(groups) != len(labels) {
		return OperatingChoice{}, fault.New(fault.Invalid, "operating point: %d groups for %d rows", len(groups), len(labels))
	}
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return OperatingChoice{}, err
	}
	dense, clusters := denseGroups(groups)
	o := OperatingChoice{
		Threshold: NaN(), Target: Float(target), ChosenOn: chosenOn, Abstains: true, Rows: len(labels),
		Precision: NaN(), Lower: NaN(), Recall: NaN(), Best: NaN(), BestThreshold: NaN(),
	}
	pos, _ := r.totals()
	if pos == 0 {
		o.Reason = "no training row is labelled True: no threshold can be chosen"
		return o, nil
	}
	z := bound.Z(boundConfidence)
	count := bound.NewCounter(clusters)
	k := int32(0)
	for _, end := range r.ends {
		score := scores[r.order[k]]
		for ; k < end; k++ {
			i := r.order[k]
			count.Add(dense[i], labels[i], 1)
		}
		lower := count.Lower(z)
		if isNaN(o.Best) || lower > float64(o.Best) {
			o.Best, o.BestThreshold = Float(lower), Float(score)
		}
		if lower < target {
			continue
		}
		// A lower threshold never loses recall; it is taken even where it
		// gains none, so that ties in recall go to the simplest reading:
		// everything down to here may be flagged.
		if recall := count.Hits / pos; o.Abstains || recall > float64(o.Recall) {
			o.Abstains = false
			o.Threshold, o.Recall = Float(score), Float(recall)
			o.Precision, o.Lower, o.Flagged = Float(count.Hits/count.N), Float(lower), count.N
		}
	}
	if o.Abstains {
		o.Reason = "no threshold gives precision " + percent(target) + " with 90 % confidence: the best lower bound is " + percent(float64(o.Best))
	} else {
		o.Reason = "the greatest recall whose precision is at least " + percent(target) + " with 90 % confidence"
	}
	return o, nil
}

// ChooseByFalsePositiveRate finds the lowest threshold at which the upper 90 %
// bound of the false-positive rate stays <= limit; it abstains where none does.
func ChooseByFalsePositiveRate(labels []bool, scores []float64, groups []int, limit float64, chosenOn string) (OperatingChoice, error) {
	if !(limit > 0 && limit < 1) {
		return OperatingChoice{}, fault.Field(fault.Invalid, "max-fpr", "false-positive rate %v: want a number between 0 and 1, as in 0.01", limit)
	}
	if len(groups) != len(labels) {
		return OperatingChoice{}, fault.New(fault.Invalid, "operating point: %d groups for %d rows", len(groups), len(labels))
	}
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return OperatingChoice{}, err
	}
	dense, clusters := denseGroups(groups)
	pos, neg := r.totals()
	o := OperatingChoice{
		Threshold: NaN(), Target: NaN(), ChosenOn: chosenOn, Abstains: true, Rows: len(labels),
		Precision: NaN(), Lower: NaN(), Recall: NaN(), Best: NaN(), BestThreshold: NaN(),
		Reason: "no threshold keeps the false-positive rate below " + percent(limit) + " with 90 % confidence",
	}
	// All rows labelled False are in the count from the start; a hit is one
	// that is flagged.
	z := bound.Z(boundConfidence)
	count := bound.NewCounter(clusters)
	for i, y := range labels {
		if !y {
			count.Add(dense[i], false, 1)
		}
	}
	if neg == 0 || pos == 0 {
		o.Reason = "the rows hold one class only: no threshold can be chosen"
		return o, nil
	}
	var tp float64
	k := int32(0)
	for _, end := range r.ends {
		score := scores[r.order[k]]
		for ; k < end; k++ {
			i := r.order[k]
			if labels[i] {
				tp++
				continue
			}
			count.Add(dense[i], false, -1)
			count.Add(dense[i], true, 1)
		}
		if _, high := count.Interval(z); high <= limit {
			o.Abstains = false
			o.Threshold, o.Recall = Float(score), Float(tp/pos)
			o.Precision, o.Flagged = ratio(tp, tp+count.Hits), tp+count.Hits
			o.Reason = "the greatest recall whose false-positive rate is at most " + percent(limit) + " with 90 % confidence"
		}
	}
	return o, nil
}

// ChooseByCost finds the threshold of least cost, a flagged row labelled False
// costing falsePositive and a missed row labelled True costing falseNegative.
// Flagging nothing is a choice too; it abstains then.
func ChooseByCost(labels []bool, scores []float64, falsePositive, falseNegative float64, chosenOn string) (OperatingChoice, error) {
	if !(falsePositive > 0 && falseNegative > 0) || math.IsInf(falsePositive+falseNegative, 0) {
		return OperatingChoice{}, fault.Field(fault.Invalid, "costs", "costs %v and %v: want two positive numbers, of a false positive and of a false negative", falsePositive, falseNegative)
	}
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return OperatingChoice{}, err
	}
	pos, _ := r.totals()
	o := OperatingChoice{
		Threshold: NaN(), Target: NaN(), ChosenOn: chosenOn, Abstains: true, Rows: len(labels),
		Precision: NaN(), Lower: NaN(), Recall: NaN(), Best: NaN(), BestThreshold: NaN(),
		Reason: "flagging nothing is cheapest at these costs",
	}
	best := pos * falseNegative
	r.walk(func(score, tp, fp float64) {
		if cost := fp*falsePositive + (pos-tp)*falseNegative; cost < best {
			best = cost
			o.Abstains = false
			o.Threshold, o.Recall, o.Precision, o.Flagged = Float(score), ratio(tp, pos), ratio(tp, tp+fp), tp+fp
			o.Reason = "the least cost"
		}
	})
	return o, nil
}

// ChooseBestF1 finds the threshold of greatest F1 of True; among equals the
// highest. It abstains where no row is labelled True.
func ChooseBestF1(labels []bool, scores []float64, chosenOn string) (OperatingChoice, error) {
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return OperatingChoice{}, err
	}
	pos, _ := r.totals()
	o := OperatingChoice{
		Threshold: NaN(), Target: NaN(), ChosenOn: chosenOn, Abstains: true, Rows: len(labels),
		Precision: NaN(), Lower: NaN(), Recall: NaN(), Best: NaN(), BestThreshold: NaN(),
		Reason: "no training row is labelled True: no threshold can be chosen",
	}
	best := 0.0
	r.walk(func(score, tp, fp float64) {
		if f1 := 2 * tp / (tp + fp + pos); pos > 0 && f1 > best {
			best = f1
			o.Abstains = false
			o.Threshold, o.Recall, o.Precision, o.Flagged = Float(score), ratio(tp, pos), ratio(tp, tp+fp), tp+fp
			o.Reason = "the greatest F1"
		}
	})
	return o, nil
}

// denseGroups renames groups to 0 … n-1 in order of first appearance.
func denseGroups(groups []int) (dense []int, n int) {
	dense = make([]int, len(groups))
	seen := make(map[int]int, len(groups)/2+1)
	for i, g := range groups {
		d, ok := seen[g]
		if !ok {
			d = len(seen)
			seen[g] = d
		}
		dense[i] = d
	}
	return dense, len(seen)
}
