package evaluation

import "math"

// Addresses is a split measured by address instead of by row. A feed gives an
// address the highest score of its windows, so that is its score here; it is
// labelled True where any of its rows is, and flagged where any of its rows
// is. Where each address has one row the figures are those of the rows.
type Addresses struct {
	IPs   int `json:"ips"`   // with at least one labelled row
	True  int `json:"true"`  // labelled True
	False int `json:"false"` // labelled False
	// Several counts addresses with more than one row; Both those whose rows
	// have both labels, as when test months are several.
	Several int `json:"several_rows"`
	Both    int `json:"both_labels"`

	ROCAUC         Float  `json:"roc_auc"`
	PRAUC          Float  `json:"pr_auc"`
	AtHalf         Point  `json:"at_half"`
	OperatingPoint Point  `json:"operating_point"`
	Rules          *Point `json:"rules_operating_point"`
	ListedBefore   *Point `json:"listed_before"`
	Champion       *Point `json:"champion_operating_point"`
}

// addresses measures the split by address.
func (e *evaluator) addresses() *Addresses {
	in, n := e.in, e.clusters
	rows, pos := make([]int, n), make([]int, n)
	scores := make([]float64, n)
	for g := range scores {
		scores[g] = math.Inf(-1)
	}
	for i, g := range e.groups {
		rows[g]++
		if in.Labels[i] {
			pos[g]++
		}
		scores[g] = max(scores[g], in.Scores[i])
	}
	a := &Addresses{IPs: n}
	labels := make([]bool, n)
	for g := range labels {
		labels[g] = pos[g] > 0
		if labels[g] {
			a.True++
		} else {
			a.False++
		}
		if rows[g] > 1 {
			a.Several++
		}
		if pos[g] > 0 && pos[g] < rows[g] {
			a.Both++
		}
	}
	any := func(flags []bool) []bool {
		out := make([]bool, n)
		for i, f := range flags {
			out[e.groups[i]] = out[e.groups[i]] || f
		}
		return out
	}
	// An address is its own cluster.
	by := newEvaluator(&Input{Labels: labels, Scores: scores, Operating: in.Operating}, e.opt, identity(n), n)
	if r, err := Rank(labels, scores, nil); err == nil {
		a.ROCAUC, a.PRAUC = r.ROCAUC(), r.PRAUC()
	}
	a.AtHalf = e.asHalf(by.point(any(e.half), nil))
	a.OperatingPoint = e.asOperating(by.point(any(e.operating), nil))
	other := func(flags []bool, like *Point) *Point {
		if flags == nil || like == nil {
			return nil
		}
		p := by.point(any(flags), nil)
		p.Target, p.ChosenOn, p.Abstains = like.Target, like.ChosenOn, like.Abstains
		return &p
	}
	a.Rules = other(in.RulesOperating, e.rulesPoint())
	a.ListedBefore = other(in.ListedBefore, &Point{Target: NaN(), ChosenOn: chosenByList})
	a.Champion = other(in.Champion, &Point{Target: NaN(), ChosenOn: chosenByChampion})
	return a
}

func identity(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
