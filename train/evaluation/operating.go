package evaluation

import (
	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/models/rules/bound"
)

// boundConfidence is the one-sided confidence of the bound that a precision or
// a false-positive rate is held to.
const boundConfidence = 0.90

// OperatingChoice is a chosen threshold: a row is flagged when its raw
// probability is >= Threshold. With Abstains nothing is flagged and Threshold
// is NaN.
type OperatingChoice struct {
	Threshold Float   `json:"threshold"`
	Target    Float   `json:"target"`    // precision asked for; NaN with another aim
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
	// Rate and Cost say how another aim was served; nil where it is another.
	Rate *RateChoice `json:"false_positive_rate,omitempty"`
	Cost *CostChoice `json:"cost,omitempty"`
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

// RateChoice is how a limit on the false-positive rate was held on the rows
// that chose the threshold.
type RateChoice struct {
	Max   Float `json:"max"`      // asked for
	Rate  Float `json:"rate"`     // of the rows labelled False, the share that is flagged
	Upper Float `json:"upper_90"` // its upper 90 % bound, clustered by IP
	// Least is the lowest upper bound at which any row labelled True is flagged:
	// what the model could have promised.
	Least Float `json:"least_upper_90"`
}

// CostChoice is what the threshold costs on the rows that chose it.
type CostChoice struct {
	FalsePositive Float `json:"false_positive"`
	FalseNegative Float `json:"false_negative"`
	Cost          Float `json:"total"`            // of the mistakes, flagging from the threshold upwards
	Nothing       Float `json:"flagging_nothing"` // of flagging nothing
}

// Choose finds the threshold that serves an aim. scores are raw probabilities
// of rows that the scoring model was not trained on (folds of the training
// months, grouped by IP); groups are the rows' addresses as any numbers.
//
// For a target precision, or a greatest false-positive rate, it is the
// threshold of greatest recall of True among those whose precision has a lower
// 90 % bound >= the target, or whose false-positive rate has an upper 90 %
// bound <= the limit; for costs it is that of least cost. Among equals it is
// the highest. Where no threshold serves, the choice abstains and says how far
// the best one came.
func Choose(labels []bool, scores []float64, groups []int, a aim.Aim, chosenOn string) (OperatingChoice, error) {
	if err := a.Check(); err != nil {
		return OperatingChoice{}, err
	}
	if len(groups) != len(labels) {
		return OperatingChoice{}, fault.New(fault.Invalid, "operating point: %d groups for %d rows", len(groups), len(labels))
	}
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return OperatingChoice{}, err
	}
	o := noChoice(chosenOn, len(labels), "no training row is labelled True: no threshold can be chosen")
	switch a.Kind() {
	case aim.FalsePositiveRate:
		o.Rate = &RateChoice{Max: Float(a.FalsePositiveRate), Rate: NaN(), Upper: NaN(), Least: NaN()}
	case aim.Cost:
		o.Cost = &CostChoice{FalsePositive: Float(a.CostFalsePositive), FalseNegative: Float(a.CostFalseNegative), Cost: NaN(), Nothing: NaN()}
	default:
		o.Target = Float(a.Precision)
	}
	pos, neg := r.totals()
	if pos == 0 {
		return o, nil
	}
	if o.Rate != nil && neg == 0 {
		o.Reason = "no training row is labelled False: a false-positive rate has no value"
		return o, nil
	}
	c := newChooser(r, labels, scores, groups, o.Rate != nil)
	switch a.Kind() {
	case aim.FalsePositiveRate:
		c.byRate(&o, a.FalsePositiveRate)
	case aim.Cost:
		c.byCost(&o, a)
	default:
		c.byPrecision(&o, a.Precision)
	}
	return o, nil
}

// noChoice abstains for a reason.
func noChoice(chosenOn string, rows int, reason string) OperatingChoice {
	return OperatingChoice{
		Threshold: NaN(), Target: NaN(), ChosenOn: chosenOn, Abstains: true, Rows: rows, Reason: reason,
		Precision: NaN(), Lower: NaN(), Recall: NaN(), Best: NaN(), BestThreshold: NaN(),
	}
}

// chooser lowers a threshold over ranked rows and keeps the bounds.
type chooser struct {
	r      *Ranking
	labels []bool
	scores []float64
	groups []int
	z      float64
	pos    float64
	// flagged are the rows flagged so far, a hit being one labelled True;
	// innocent are all rows labelled False, a hit being one that is flagged. It
	// is nil where no rate is asked for.
	flagged, innocent *bound.Counter
}

func newChooser(r *Ranking, labels []bool, scores []float64, groups []int, rate bool) *chooser {
	dense, clusters := denseGroups(groups)
	c := &chooser{r: r, labels: labels, scores: scores, groups: dense, z: bound.Z(boundConfidence), flagged: bound.NewCounter(clusters)}
	c.pos, _ = r.totals()
	if rate {
		c.innocent = bound.NewCounter(clusters)
		for i, y := range labels {
			if !y {
				c.innocent.Add(dense[i], false, 1)
			}
		}
	}
	return c
}

// lower visits the thresholds from the highest down.
func (c *chooser) lower(visit func(score float64)) {
	k := int32(0)
	for _, end := range c.r.ends {
		score := c.scores[c.r.order[k]]
		for ; k < end; k++ {
			i := c.r.order[k]
			g := c.groups[i]
			c.flagged.Add(g, c.labels[i], 1)
			if c.innocent != nil && !c.labels[i] {
				c.innocent.Add(g, false, -1)
				c.innocent.Add(g, true, 1)
			}
		}
		visit(score)
	}
}

// take makes the threshold reached the choice.
func (c *chooser) take(o *OperatingChoice, score float64) {
	o.Abstains = false
	o.Threshold, o.Recall = Float(score), Float(c.flagged.Hits/c.pos)
	o.Precision, o.Lower, o.Flagged = Float(c.flagged.Hits/c.flagged.N), Float(c.flagged.Lower(c.z)), c.flagged.N
}

// gains reports whether the threshold reached finds more than the choice. A
// lower threshold never loses recall; one that gains none is not taken.
func (c *chooser) gains(o *OperatingChoice) bool {
	return c.flagged.Hits > 0 && (o.Abstains || c.flagged.Hits/c.pos > float64(o.Recall))
}

func (c *chooser) byPrecision(o *OperatingChoice, target float64) {
	c.lower(func(score float64) {
		lower := c.flagged.Lower(c.z)
		if isNaN(o.Best) || lower > float64(o.Best) {
			o.Best, o.BestThreshold = Float(lower), Float(score)
		}
		if lower >= target && c.gains(o) {
			c.take(o, score)
		}
	})
	if o.Abstains {
		o.Reason = "no threshold gives precision " + percent(target) + " with 90 % confidence: the best lower bound is " + percent(float64(o.Best))
	} else {
		o.Reason = "the greatest recall whose precision is at least " + percent(target) + " with 90 % confidence"
	}
}

func (c *chooser) byRate(o *OperatingChoice, limit float64) {
	c.lower(func(score float64) {
		if c.flagged.Hits == 0 {
			return
		}
		_, upper := c.innocent.Interval(c.z)
		if isNaN(o.Rate.Least) || upper < float64(o.Rate.Least) {
			o.Rate.Least = Float(upper)
		}
		if upper <= limit && c.gains(o) {
			c.take(o, score)
			o.Rate.Rate, o.Rate.Upper = Float(c.innocent.Hits/c.innocent.N), Float(upper)
		}
	})
	if o.Abstains {
		o.Reason = "no threshold gives " + aim.AtFalsePositiveRate(limit).Words() + " with 90 % confidence: the lowest upper bound is " + finePercent(float64(o.Rate.Least))
	} else {
		o.Reason = "the greatest recall at " + aim.AtFalsePositiveRate(limit).Words() + " with 90 % confidence"
	}
}

func (c *chooser) byCost(o *OperatingChoice, a aim.Aim) {
	o.Cost.Nothing = Float(c.pos * a.CostFalseNegative)
	best := float64(o.Cost.Nothing)
	c.lower(func(score float64) {
		tp := c.flagged.Hits
		if cost := (c.flagged.N-tp)*a.CostFalsePositive + (c.pos-tp)*a.CostFalseNegative; cost < best {
			best = cost
			c.take(o, score)
		}
	})
	o.Cost.Cost = Float(best)
	if o.Abstains {
		o.Reason = "flagging nothing is cheapest, " + a.Costs()
	} else {
		o.Reason = "the least cost, " + percent(best/float64(o.Cost.Nothing)) + " of that of flagging nothing, " + a.Costs()
	}
}

// ChooseBestF1 finds the threshold of greatest F1 of True; among equals the
// highest. It abstains where no row is labelled True.
func ChooseBestF1(labels []bool, scores []float64, chosenOn string) (OperatingChoice, error) {
	r, err := Rank(labels, scores, nil)
	if err != nil {
		return OperatingChoice{}, err
	}
	pos, _ := r.totals()
	o := noChoice(chosenOn, len(labels), "no training row is labelled True: no threshold can be chosen")
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
