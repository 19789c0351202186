package rules

import (
	"context"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/models/rules/bound"
)

// gridSize is how many thresholds a column offers to the joint search for the
// target; columns with more distinct values offer as many quantiles.
const gridSize = 256

// effectTries bounds how often the search is repeated with a stricter design
// effect, and effectStep is how much stricter it gets at least.
const (
	effectTries = 10
	effectStep  = 1.4
)

// folds is how many folds of addresses the target fit is validated on.
const folds = 5

// bar is what a rule's counts are held to.
type bar struct {
	aim aim.Aim
	z   float64
	neg int // rows labelled False
}

func newBar(a aim.Aim, d *data) bar {
	return bar{aim: a, z: bound.Z(confidence), neg: len(d.labels) - d.pos}
}

// rate tells an upper bound of the false-positive rate from a lower one of the
// precision.
func (b bar) rate() bool { return b.aim.Kind() == aim.FalsePositiveRate }

// may is a cheap test that no rule fails which holds: a bound is never on the
// better side of the share itself.
func (b bar) may(tp, n int) bool {
	if b.rate() {
		return float64(n-tp) <= b.aim.FalsePositiveRate*float64(b.neg)
	}
	return float64(tp) >= b.aim.Precision*float64(n)
}

// holds reports whether a rule that flags n rows, tp of them labelled True,
// keeps the promise if its design effect is this.
func (b bar) holds(tp, n int, effect float64) bool {
	if b.rate() {
		_, high := bound.Wilson(float64(n-tp)/effect, float64(b.neg)/effect, b.z)
		return high <= b.aim.FalsePositiveRate
	}
	low, _ := bound.Wilson(float64(tp)/effect, float64(n)/effect, b.z)
	return low >= b.aim.Precision
}

// kept is holds with the design effect of the rows themselves.
func (b bar) kept(s bound.Sums) bool {
	low, high := s.Interval(b.z)
	if b.rate() {
		return high <= b.aim.FalsePositiveRate
	}
	return low >= b.aim.Precision
}

// tally counts a row as the bound needs it: hits among flagged rows, or flags
// among rows labelled False.
func (b bar) tally(c *bound.Counter, group int, label, flag bool) {
	switch {
	case b.rate() && !label:
		c.Add(group, flag, 1)
	case !b.rate() && flag:
		c.Add(group, label, 1)
	}
}

// sums are the tallies of a rule's flags.
func (d *data) sums(b bar, c candidate) bound.Sums {
	counter := bound.NewCounter(d.clusters)
	for i, y := range d.labels {
		b.tally(counter, d.groups[i], y, d.flags(c, int32(i)))
	}
	return counter.Sums
}

// atTarget finds the rule of greatest recall whose precision has a lower bound
// >= the target, or whose false-positive rate has an upper bound <= the limit;
// ok is false where there is none.
//
// The bound needs the design effect of each rule's own rows, which no sum over
// a quadrant gives. The search therefore assumes one design effect for all
// rules, 1 at first, and checks the winner with its own. Of millions of rules,
// moreover, some look good by chance: rules found with the same assumption
// without a fold must hold the promise on that fold's rows, all folds counted
// together, as the scores behind a model's threshold must. Where either check
// fails the search is repeated with a stricter assumption.
func (d *data) atTarget(ctx context.Context, a aim.Aim, _ int) (best candidate, ok bool, err error) {
	b := newBar(a, d)
	all := newGrid(d)
	var parts [folds]*data
	var grids [folds]*grid
	for f := range parts {
		parts[f] = d.without(f)
		grids[f] = newGrid(parts[f])
	}
	effect := 1.0
	for range effectTries {
		if err := ctx.Err(); err != nil {
			return candidate{}, false, fault.As(fault.Interrupted, err)
		}
		best, ok := d.atEffect(all, a, effect)
		if !ok {
			return candidate{}, false, nil
		}
		next := effect * effectStep
		if sums := d.sums(b, best); !b.kept(sums) {
			effect = max(next, sums.DesignEffect())
			continue
		}
		held := bound.NewCounter(d.clusters)
		for f, part := range parts {
			c, ok := part.atEffect(grids[f], a, effect)
			r := Rule{Abstains: true}
			if ok {
				r = part.spell(c)
			}
			for i, y := range d.labels {
				if d.fold[i] == uint8(f) {
					b.tally(held, d.groups[i], y, r.Flag(d.x[0][i], d.x[1][i]))
				}
			}
		}
		if b.kept(held.Sums) {
			return best, true, nil
		}
		effect = next
	}
	return candidate{}, false, nil
}

// atEffect is the rule of greatest recall that keeps the promise if every rule
// had this design effect.
func (d *data) atEffect(g *grid, a aim.Aim, effect float64) (candidate, bool) {
	s := &search{bar: newBar(a, d), effect: effect}
	g.search(s)
	if s.found {
		d.refine(s)
	}
	return s.best, s.found
}

// search keeps the best feasible rule seen.
type search struct {
	bar
	effect float64
	found  bool
	best   candidate
	tp, n  int
}

// offer takes a rule that flags n rows, tp of them labelled True.
func (s *search) offer(c candidate, tp, n int) bool {
	if tp == 0 || s.found && (tp < s.tp || tp == s.tp && n >= s.n) {
		return false
	}
	if !s.may(tp, n) || !s.holds(tp, n, s.effect) {
		return false
	}
	s.found, s.best, s.tp, s.n = true, c, tp, n
	return true
}

// grid counts rows by cell of both columns' candidate thresholds.
type grid struct {
	d     *data
	upper [2][]int // last rank of each bin, ascending
	// all and pos are sums over cells (a, b) with a < i and b < j at index
	// i*(cols+1)+j; bin len(upper[f]) holds the rows without a value.
	all, pos []int32
	cols     int
}

func newGrid(d *data) *grid {
	g := &grid{d: d}
	var bin [2][]int32
	for f := range 2 {
		m := len(d.distinct[f])
		binOf := make([]int32, m)
		if m <= gridSize {
			for r := range m {
				binOf[r] = int32(r)
				g.upper[f] = append(g.upper[f], r)
			}
		} else {
			counts := make([]int, m)
			for _, i := range d.order[f] {
				counts[d.rank[f][i]]++
			}
			seen, total := 0, len(d.order[f])
			for r, c := range counts {
				binOf[r] = int32(len(g.upper[f]))
				seen += c
				if r == m-1 || seen*gridSize >= total*(len(g.upper[f])+1) {
					g.upper[f] = append(g.upper[f], r)
				}
			}
		}
		bin[f] = make([]int32, len(d.labels))
		for i, r := range d.rank[f] {
			bin[f][i] = int32(len(g.upper[f]))
			if r >= 0 {
				bin[f][i] = binOf[r]
			}
		}
	}
	rows, cols := len(g.upper[0])+1, len(g.upper[1])+1
	g.cols = cols
	g.all = make([]int32, (rows+1)*(cols+1))
	g.pos = make([]int32, (rows+1)*(cols+1))
	for i, y := range d.labels {
		at := (int(bin[0][i])+1)*(cols+1) + int(bin[1][i]) + 1
		g.all[at]++
		if y {
			g.pos[at]++
		}
	}
	for _, t := range [][]int32{g.all, g.pos} {
		for i := 1; i <= rows; i++ {
			for j := 1; j <= cols; j++ {
				at := i*(cols+1) + j
				t[at] += t[at-1] + t[at-cols-1] - t[at-cols-2]
			}
		}
	}
	return g
}

// search offers every rule of the grid.
func (g *grid) search(s *search) {
	m := [2]int{len(g.upper[0]), len(g.upper[1])}
	w := g.cols + 1
	// Sums over the second column's bins below j: of the rows that the first
	// condition takes in, and of all rows.
	all, pos := make([]int32, w), make([]int32, w)
	totalAll, totalPos := g.all[(m[0]+1)*w:], g.pos[(m[0]+1)*w:]
	for _, c := range combinations() {
		for e0 := range m[0] {
			lo, hi := 0, e0+1
			if c.op[0] == AtLeast {
				lo, hi = e0, m[0]
			}
			for j := range w {
				all[j] = g.all[hi*w+j] - g.all[lo*w+j]
				pos[j] = g.pos[hi*w+j] - g.pos[lo*w+j]
			}
			if !c.or && int(pos[m[1]]) < s.tp {
				continue
			}
			k0 := g.depth(0, c.op[0], e0)
			for e1 := range m[1] {
				b0, b1 := 0, e1+1
				if c.op[1] == AtLeast {
					b0, b1 = e1, m[1]
				}
				p := int(pos[b1] - pos[b0])
				n := int(all[b1] - all[b0])
				if c.or {
					p = int(pos[w-1]) + int(totalPos[b1]-totalPos[b0]) - p
					n = int(all[w-1]) + int(totalAll[b1]-totalAll[b0]) - n
				}
				if p < s.tp {
					continue
				}
				s.offer(candidate{c, [2]int{k0, g.depth(1, c.op[1], e1)}}, p, n)
			}
		}
	}
}

// depth is the rank depth of a condition whose last bin is e.
func (g *grid) depth(f int, op Op, e int) int {
	switch {
	case op == AtMost:
		return g.upper[f][e] + 1
	case e == 0:
		return len(g.d.distinct[f])
	}
	return len(g.d.distinct[f]) - g.upper[f][e-1] - 1
}

// refine sweeps one threshold over all its values while the other stays, in
// turn, until neither gains.
func (d *data) refine(s *search) {
	for gained := true; gained; {
		gained = false
		for f := range 2 {
			if d.sweep(s, s.best, f) {
				gained = true
			}
		}
	}
}

// sweep offers c with every value of threshold f.
func (d *data) sweep(s *search, c candidate, f int) bool {
	other := 1 - f
	holds := func(i int32) bool {
		depth := d.depth(other, c.op[other], i)
		return depth > 0 && depth <= c.k[other]
	}
	var tp, n int
	count := func(i int32) {
		n++
		if d.labels[i] {
			tp++
		}
	}
	if c.or {
		for i := range d.labels {
			if holds(int32(i)) {
				count(int32(i))
			}
		}
	}
	order := d.order[f]
	gained := false
	for p := 0; p < len(order); {
		at := func(p int) int32 {
			if c.op[f] == AtMost {
				return order[p]
			}
			return order[len(order)-1-p]
		}
		depth := d.depth(f, c.op[f], at(p))
		for ; p < len(order) && d.depth(f, c.op[f], at(p)) == depth; p++ {
			if i := at(p); holds(i) != c.or {
				count(i)
			}
		}
		next := c
		next.k[f] = depth
		if s.offer(next, tp, n) {
			gained = true
		}
	}
	return gained
}
