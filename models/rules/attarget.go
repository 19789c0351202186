package rules

import (
	"context"

	"sluice/featurestore/fault"
	"sluice/models/rules/bound"
)

// gridSize is how many thresholds a column offers to the joint search for the
// target; columns with more distinct values offer as many quantiles.
const gridSize = 1024

// effectTries bounds how often the search is repeated with a stricter design
// effect.
const effectTries = 12

// atTarget finds the rule of greatest recall whose precision has a lower bound
// >= target; ok is false where there is none.
//
// The bound needs the design effect of each rule's own flagged rows, which no
// sum over a quadrant gives. The search therefore assumes one design effect
// for all rules, 1 at first, checks the winner with its own, and repeats with
// that one until the winner holds.
func (d *data) atTarget(ctx context.Context, target float64) (best candidate, ok bool, err error) {
	g := newGrid(d)
	z := bound.Z(confidence)
	effect := 1.0
	for range effectTries {
		if err := ctx.Err(); err != nil {
			return candidate{}, false, fault.As(fault.Interrupted, err)
		}
		s := &search{target: target, z: z, effect: effect}
		g.search(s)
		if !s.found {
			return candidate{}, false, nil
		}
		d.refine(s)
		sums, _ := d.count(s.best)
		if sums.Lower(z) >= target {
			return s.best, true, nil
		}
		effect = max(effect*1.02, sums.DesignEffect())
	}
	return candidate{}, false, nil
}

// search keeps the best feasible rule seen.
type search struct {
	target, z, effect float64
	found             bool
	best              candidate
	tp, n             int
}

// offer takes a rule that flags n rows, tp of them labelled True.
func (s *search) offer(c candidate, tp, n int) bool {
	if tp == 0 || s.found && (tp < s.tp || tp == s.tp && n >= s.n) {
		return false
	}
	// The bound is never above the share itself: a cheap first test.
	if float64(tp) < s.target*float64(n) {
		return false
	}
	if low, _ := bound.Wilson(float64(tp)/s.effect, float64(n)/s.effect, s.z); low < s.target {
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

// rect sums cells (a, b) with a0 <= a < a1 and b0 <= b < b1.
func (g *grid) rect(t []int32, a0, a1, b0, b1 int) int {
	w := g.cols + 1
	return int(t[a1*w+b1] - t[a0*w+b1] - t[a1*w+b0] + t[a0*w+b0])
}

// search offers every rule of the grid.
func (g *grid) search(s *search) {
	m := [2]int{len(g.upper[0]), len(g.upper[1])}
	// span is the bins that a condition ending at bin e takes in, and the
	// rank depth it has.
	span := func(f int, op Op, e int) (lo, hi, k int) {
		if op == AtMost {
			return 0, e + 1, g.upper[f][e] + 1
		}
		first := 0
		if e > 0 {
			first = g.upper[f][e-1] + 1
		}
		return e, m[f], len(g.d.distinct[f]) - first
	}
	for _, c := range combinations() {
		for e0 := range m[0] {
			a0, a1, k0 := span(0, c.op[0], e0)
			var n0, p0 int
			if c.or {
				n0, p0 = g.rect(g.all, a0, a1, 0, m[1]+1), g.rect(g.pos, a0, a1, 0, m[1]+1)
			}
			for e1 := range m[1] {
				b0, b1, k1 := span(1, c.op[1], e1)
				n, p := g.rect(g.all, a0, a1, b0, b1), g.rect(g.pos, a0, a1, b0, b1)
				if c.or {
					n = n0 + g.rect(g.all, 0, m[0]+1, b0, b1) - n
					p = p0 + g.rect(g.pos, 0, m[0]+1, b0, b1) - p
				}
				s.offer(candidate{c, [2]int{k0, k1}}, p, n)
			}
		}
	}
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
