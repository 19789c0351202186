package rules

import (
	"context"
	"math"

	"sluice/models/rules/aim"
)

// leastCost finds the rule of least cost, exactly; ok is false where flagging
// nothing is as cheap.
//
// The cost of a rule is that of flagging nothing less what its flagged rows
// save: a cost of a false negative for each labelled True, less one of a false
// positive for each labelled False. It is a sum of row weights over a quadrant,
// as a step of bestF1 is. Of all rules the cheapest looks cheaper than it is:
// rules found without each fold of addresses must save something on the folds,
// all counted together, as the scores behind a model's threshold must.
func (d *data) leastCost(ctx context.Context, a aim.Aim, threads int) (best candidate, ok bool, err error) {
	wPos, wNeg := costWeights(a, len(d.labels))
	best, value, err := d.heaviest(ctx, threads, wPos, -wNeg)
	if err != nil || value <= 0 {
		return candidate{}, false, err
	}
	var saved int64
	for f := range folds {
		part := d.without(f)
		if len(part.distinct[0]) == 0 || len(part.distinct[1]) == 0 {
			continue
		}
		c, value, err := part.heaviest(ctx, threads, wPos, -wNeg)
		if err != nil {
			return candidate{}, false, err
		}
		if value <= 0 {
			continue // nothing is flagged of this fold
		}
		r := part.spell(c)
		for i, y := range d.labels {
			switch {
			case d.fold[i] != uint8(f) || !r.Flag(d.x[0][i], d.x[1][i]):
			case y:
				saved += wPos
			default:
				saved -= wNeg
			}
		}
	}
	return best, saved > 0, nil
}

// costWeights are the two costs as whole numbers, so that sums of rows are
// exact: of a row labelled True that is missed, and of one labelled False that
// is flagged. Whole costs are taken as they are; others are scaled to as many
// digits as sums over n rows leave room for, 2^30 at the least up to 2^28 rows.
func costWeights(a aim.Aim, n int) (wPos, wNeg int64) {
	fn, fp := a.CostFalseNegative, a.CostFalsePositive
	room := math.Exp2(58) / float64(max(n, 1))
	if top := max(fn, fp); fn != math.Trunc(fn) || fp != math.Trunc(fp) || top > room {
		fn, fp = fn/top*room, fp/top*room
	}
	return max(1, int64(math.Round(fn))), max(1, int64(math.Round(fp)))
}
