package rules

import (
	"context"
	"math"
	"slices"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/models/rules/bound"
)

// confidence is the one-sided confidence of the bound that the target fit is
// held to; the same as a model's operating point.
const confidence = 0.90

// Options steer a fit.
type Options struct {
	Aim     aim.Aim // the zero aim is a precision of 0.8
	Threads int     // 0 means all processors; the result does not depend on it
}

// Train fits both rules on labelled training rows: requestCount in requests
// and sizeMean in bytes, NaN where unknown; groups are addresses as any
// numbers. It needs rows of both classes.
//
// The rule of best F1 is exact: no pair of thresholds in any of the eight
// combinations has a greater F1 on these rows. The rule at the target serves
// the aim. For a precision, or a false-positive rate, it is the one of greatest
// recall whose precision has a lower bound >= the target, or whose
// false-positive rate has an upper bound <= the limit, on all rows and, found
// anew without each fold of addresses, on the folds; it is searched over up to
// gridSize thresholds a column (all of them where there are no more) and then
// refined by exact sweeps of one threshold at a time. For costs it is the
// cheapest, exactly; rules found without each fold must be cheaper on the folds
// than flagging nothing.
func Train(ctx context.Context, requestCount, sizeMean []float64, labels []bool, groups []int, opt Options) (Set, error) {
	n := len(labels)
	if len(requestCount) != n || len(sizeMean) != n || len(groups) != n {
		return Set{}, fault.New(fault.Invalid, "rules: %d labels, %d and %d values, %d groups: want equal lengths", n, len(requestCount), len(sizeMean), len(groups))
	}
	opt.Aim = opt.Aim.OrDefault()
	if err := opt.Aim.Check(); err != nil {
		return Set{}, err
	}
	d := newData(requestCount, sizeMean, labels, groups)
	if d.pos == 0 || d.pos == n {
		return Set{}, fault.New(fault.Invalid, "rules: %d of %d rows are labelled True: want rows of both classes", d.pos, n)
	}
	s := Set{SchemaVersion: SchemaVersion, Verdict: "abusive", Aim: opt.Aim, Rows: n, IPs: d.clusters}
	best, err := d.bestF1(ctx, opt.Threads)
	if err != nil {
		return Set{}, err
	}
	s.BestF1 = d.rule(best)
	search := d.atTarget
	if opt.Aim.Kind() == aim.Cost {
		search = d.leastCost
	}
	at, ok, err := search(ctx, opt.Aim, opt.Threads)
	if err != nil {
		return Set{}, err
	}
	if ok {
		s.AtTarget = d.rule(at)
		if b := newBar(opt.Aim, d); b.rate() {
			_, s.AtTarget.Fit.FalsePositiveUpper = d.sums(b, at).Interval(b.z)
		}
	} else {
		s.AtTarget = Rule{Abstains: true, Fit: Fit{TN: n - d.pos, FN: d.pos}}
	}
	return s, nil
}

// combination is one of the eight shapes of a rule.
type combination struct {
	op [2]Op
	or bool
}

func combinations() []combination {
	var out []combination
	for _, or := range []bool{false, true} {
		for _, a := range []Op{AtLeast, AtMost} {
			for _, b := range []Op{AtLeast, AtMost} {
				out = append(out, combination{[2]Op{a, b}, or})
			}
		}
	}
	return out
}

// candidate is a rule by how many distinct values, from the extreme one
// inwards, each condition takes in: k[f] >= 1.
type candidate struct {
	combination
	k [2]int
}

// data is the training rows with each column's distinct values ranked.
type data struct {
	labels   []bool
	groups   []int
	fold     []uint8 // of the row's address
	clusters int
	pos      int
	x        [2][]float64
	distinct [2][]float64 // ascending
	rank     [2][]int32   // of each row in distinct; -1 for NaN
	order    [2][]int32   // rows by ascending rank, those with NaN left out
}

func newData(requestCount, sizeMean []float64, labels []bool, groups []int) *data {
	d := &data{labels: labels, x: [2][]float64{requestCount, sizeMean}}
	ids := make(map[int]int, len(groups))
	d.groups, d.fold = make([]int, len(groups)), make([]uint8, len(groups))
	for i, g := range groups {
		d.fold[i] = uint8(mix(uint64(g)) % folds)
		id, ok := ids[g]
		if !ok {
			id = len(ids)
			ids[g] = id
		}
		d.groups[i] = id
		if labels[i] {
			d.pos++
		}
	}
	d.clusters = len(ids)
	for f, x := range d.x {
		v := make([]float64, 0, len(x))
		for i, a := range x {
			if !math.IsNaN(a) && !math.IsInf(a, 0) {
				v = append(v, a)
				d.order[f] = append(d.order[f], int32(i))
			}
		}
		slices.Sort(v)
		d.distinct[f] = slices.Compact(v)
		d.rank[f] = make([]int32, len(x))
		for i, a := range x {
			d.rank[f][i] = -1
			if !math.IsNaN(a) && !math.IsInf(a, 0) {
				r, _ := slices.BinarySearch(d.distinct[f], a)
				d.rank[f][i] = int32(r)
			}
		}
		slices.SortStableFunc(d.order[f], func(a, b int32) int { return int(d.rank[f][a] - d.rank[f][b]) })
	}
	return d
}

// without is the rows outside one fold.
func (d *data) without(fold int) *data {
	var x, y []float64
	var labels []bool
	var groups []int
	for i, f := range d.fold {
		if int(f) != fold {
			x, y = append(x, d.x[0][i]), append(y, d.x[1][i])
			labels, groups = append(labels, d.labels[i]), append(groups, d.groups[i])
		}
	}
	return newData(x, y, labels, groups)
}

// mix spreads an address's number over 64 bits: the finaliser of SplitMix64
// (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// depth is how many distinct values a condition of this side must take in to
// hold for row i: 1 for the extreme value; 0 means it never holds.
func (d *data) depth(f int, op Op, i int32) int {
	r := int(d.rank[f][i])
	switch {
	case r < 0:
		return 0
	case op == AtMost:
		return r + 1
	}
	return len(d.distinct[f]) - r
}

func (d *data) threshold(f int, op Op, k int) float64 {
	if op == AtMost {
		return d.distinct[f][k-1]
	}
	return d.distinct[f][len(d.distinct[f])-k]
}

func (d *data) flags(c candidate, i int32) bool {
	var hold [2]bool
	for f := range hold {
		depth := d.depth(f, c.op[f], i)
		hold[f] = depth > 0 && depth <= c.k[f]
	}
	if c.or {
		return hold[0] || hold[1]
	}
	return hold[0] && hold[1]
}

// spell writes a candidate as a rule.
func (d *data) spell(c candidate) Rule {
	names := columns.Names()
	r := Rule{
		RequestCount:     Condition{names[columns.RequestCount], c.op[0], d.threshold(0, c.op[0], c.k[0])},
		ResponseSizeMean: Condition{names[columns.ResponseSizeMean], c.op[1], d.threshold(1, c.op[1], c.k[1])},
		Combine:          And,
	}
	if c.or {
		r.Combine = Or
	}
	return r
}

// rule is a candidate with its counts and the clustered bound.
func (d *data) rule(c candidate) Rule {
	r := d.spell(c)
	sums, fit := d.count(c)
	r.Fit = fit
	if sums.N > 0 {
		r.Fit.PrecisionLower = sums.Lower(bound.Z(confidence))
	}
	return r
}

func (d *data) count(c candidate) (bound.Sums, Fit) {
	counter := bound.NewCounter(d.clusters)
	var fit Fit
	for i, y := range d.labels {
		flag := d.flags(c, int32(i))
		if flag {
			counter.Add(d.groups[i], y, 1)
		}
		switch {
		case y && flag:
			fit.TP++
		case y:
			fit.FN++
		case flag:
			fit.FP++
		default:
			fit.TN++
		}
	}
	return counter.Sums, fit
}
