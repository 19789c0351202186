package gbtree

import (
	"context"
	"math"

	"sluice/models/ensemble"
)

// sortedColumn is the values of one feature that are not missing, ascending.
type sortedColumn []keyed

// sortColumns is every feature sorted, made once and kept.
func (d *DMatrix) sortColumns(ctx context.Context, threads int) ([]sortedColumn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sorted != nil {
		return d.sorted, nil
	}
	sorted := make([]sortedColumn, d.cols)
	parallel(threads, d.cols, func(f int) {
		if ctx.Err() != nil {
			return
		}
		col := make(sortedColumn, 0, d.present[f])
		for r := range d.rows {
			if v := d.x[r*d.cols+f]; v == v {
				col = append(col, keyed{v, uint32(r)})
			}
		}
		introsort(col)
		sorted[f] = col
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.sorted = sorted
	return sorted, nil
}

// exactNode is a node of an exact tree.
type exactNode struct {
	sum      gradStats
	rootGain float32
	weight   float32
	bounds   bounds
	path     *path
	best     split
}

// exactGrower grows trees that try every midpoint between values, level by
// level, and prunes them afterwards.
type exactGrower struct {
	d       *DMatrix
	p       *Params
	reg     *regularizer
	sampler *columnSampler
	rng     *mt19937
	inter   *interactions
	columns []sortedColumn
	threads int
	eta     float32

	position []int32 // node of each row
	dropped  []bool  // rows left out by subsample; nil without
	tree     treeBuilder
	nodes    []exactNode
}

func newExactGrower(d *DMatrix, columns []sortedColumn, p *Params, rng *mt19937, sampler *columnSampler, eta float32, threads int) *exactGrower {
	return &exactGrower{
		d: d, p: p, reg: newRegularizer(p, d.cols), sampler: sampler, rng: rng,
		// As in XGBoost: features numbered from the row count on are not
		// allowed at the root.
		inter:   newInteractions(p, d.cols, min(d.cols, d.rows)),
		columns: columns, threads: threads, eta: eta,
		position: make([]int32, d.rows),
	}
}

// grow grows one tree for the gradients and adds its leaf values to margin.
func (g *exactGrower) grow(ctx context.Context, gpair []gradientPair, margin []float32) (ensemble.Tree, error) {
	clear(g.position)
	if g.p.Subsample < 1 {
		g.dropped = make([]bool, g.d.rows)
		for i := range g.dropped {
			g.dropped[i] = g.rng.canonical() >= float64(g.p.Subsample)
		}
	}
	g.sampler.startTree()
	g.tree = treeBuilder{}
	g.nodes = append(g.nodes[:0], exactNode{bounds: unbounded, path: g.inter.root()})
	g.tree.add(rootParent, 0, 0, 0)
	g.sumNodes([]int32{0}, gpair)
	root := &g.nodes[0]
	root.weight = g.reg.weight(root.sum, root.bounds)
	root.rootGain = g.reg.gainAt(root.sum, root.weight)

	level := []int32{0}
	for depth := 0; depth < g.p.MaxDepth && len(level) > 0; depth++ {
		if err := ctx.Err(); err != nil {
			return ensemble.Tree{}, err
		}
		level = g.growLevel(level, depth, gpair)
	}
	for _, id := range level {
		g.tree.t.SplitConditions[id] = g.nodes[id].weight * g.eta
	}
	for id := range g.nodes {
		n := &g.nodes[id]
		g.tree.t.LossChanges[id] = n.best.loss
		g.tree.t.BaseWeights[id] = n.weight
		g.tree.t.SumHessian[id] = float32(n.sum.h)
	}
	g.prune()
	g.addTo(margin)
	return g.tree.t, nil
}

// growLevel splits the nodes of one level and returns those of the next.
func (g *exactGrower) growLevel(level []int32, depth int, gpair []gradientPair) []int32 {
	g.findSplits(level, g.sampler.at(depth), gpair)
	t := &g.tree.t
	var next []int32
	for _, id := range level {
		n := &g.nodes[id]
		if !(n.best.loss > rtEps) {
			t.SplitConditions[id] = n.weight * g.eta
			continue
		}
		l, r := g.tree.divide(id, &n.best, leafFacts{}, leafFacts{})
		next = append(next, l, r)
	}
	g.nodes = append(g.nodes, make([]exactNode, len(t.Parents)-len(g.nodes))...)
	g.move()
	g.sumNodes(next, gpair)
	for _, id := range level {
		l, r := t.LeftChildren[id], t.RightChildren[id]
		if l < 0 {
			continue
		}
		n := &g.nodes[id]
		for _, c := range []int32{l, r} {
			child := &g.nodes[c]
			child.weight = g.reg.weight(child.sum, n.bounds)
			child.rootGain = g.reg.gain(child.sum, n.bounds)
		}
		f := n.best.feature
		g.nodes[l].bounds, g.nodes[r].bounds = g.reg.children(n.bounds, f, g.nodes[l].weight, g.nodes[r].weight)
		g.nodes[l].path = g.inter.child(n.path, f)
		g.nodes[r].path = g.nodes[l].path
	}
	return next
}

// sumNodes sums the gradients of the given nodes over their rows, in row order.
func (g *exactGrower) sumNodes(ids []int32, gpair []gradientPair) {
	if len(ids) == 0 {
		return
	}
	first := ids[0] // new nodes are the last ones
	for r, p := range gpair {
		if at := g.position[r]; at >= first && (g.dropped == nil || !g.dropped[r]) {
			s := &g.nodes[at].sum
			s.g += float64(p.g)
			s.h += float64(p.h)
		}
	}
}

// scan is where the walk over one column stands in one node.
type scan struct {
	sum  gradStats
	last float32
}

// findSplits walks over the sorted columns, for all nodes of a level at once.
func (g *exactGrower) findSplits(level, features []int32, gpair []gradientPair) {
	first := level[0]
	width := int(level[len(level)-1]-first) + 1
	open := make([]bool, width)
	for _, id := range level {
		open[id-first] = true
	}
	best := make([]split, len(features)*width)
	parallel(g.threads, len(features), func(i int) {
		w := columnWalk{
			g: g, first: first, open: open, f: features[i], gpair: gpair,
			scans: make([]scan, width), best: best[i*width : (i+1)*width],
		}
		w.run(level)
	})
	for _, id := range level {
		n := &g.nodes[id]
		for i := range features {
			if s := &best[i*width+int(id-first)]; n.best.replacedBy(s.loss) {
				n.best = *s
			}
		}
	}
}

// columnWalk looks for splits on one feature.
type columnWalk struct {
	g     *exactGrower
	first int32
	open  []bool // by node, counted from first: belongs to the level
	f     int32
	gpair []gradientPair
	scans []scan
	best  []split
}

func (w *columnWalk) run(level []int32) {
	col := w.g.columns[w.f]
	complete := w.g.d.present[w.f] == w.g.d.rows
	constant := len(col) > 0 && col[0].key == col[len(col)-1].key
	if !complete && !constant {
		for _, e := range col {
			w.step(e, false)
		}
		w.end(level, false)
	}
	for i := len(col) - 1; i >= 0; i-- {
		w.step(col[i], true)
	}
	w.end(level, true)
}

// step takes the next value; backward walks come from the largest.
func (w *columnWalk) step(e keyed, backward bool) {
	g := w.g
	id := g.position[e.aux]
	at := int(id - w.first)
	if at < 0 || at >= len(w.open) || !w.open[at] || g.dropped != nil && g.dropped[e.aux] {
		return
	}
	n := &g.nodes[id]
	if !n.path.allows(w.f) {
		return
	}
	s := &w.scans[at]
	v := e.key
	if s.sum.h != 0 && v != s.last {
		threshold := float32(float32(v+s.last) * 0.5)
		if threshold == v {
			threshold = s.last
		}
		w.try(n, at, s.sum, threshold, backward)
	}
	p := w.gpair[e.aux]
	s.sum.g += float64(p.g)
	s.sum.h += float64(p.h)
	s.last = v
}

// end tries to put all present values on one side and starts afresh.
func (w *columnWalk) end(level []int32, backward bool) {
	for _, id := range level {
		at := int(id - w.first)
		s := &w.scans[at]
		gap := abs32(s.last) + rtEps
		if backward {
			gap = -gap
		}
		w.try(&w.g.nodes[id], at, s.sum, s.last+gap, backward)
		s.sum = gradStats{}
	}
}

func (w *columnWalk) try(n *exactNode, at int, sum gradStats, threshold float32, backward bool) {
	r := w.g.reg
	other := n.sum.sub(sum)
	left, right := sum, other
	if backward {
		left, right = other, sum
	}
	loss := r.splitGain(w.f, n.bounds, left, right) - n.rootGain
	if b := &w.best[at]; b.replacedBy(loss) {
		*b = split{loss: loss, feature: w.f, defaultLeft: backward, threshold: threshold, left: left, right: right}
	}
}

// move sends every row of a node that was split to a child.
func (g *exactGrower) move() {
	t := &g.tree.t
	const chunk = 1 << 14
	parallel(g.threads, (g.d.rows+chunk-1)/chunk, func(i int) {
		for r := i * chunk; r < min((i+1)*chunk, g.d.rows); r++ {
			if id := g.position[r]; t.LeftChildren[id] >= 0 {
				g.position[r] = next(t, id, g.d.x[r*g.d.cols:(r+1)*g.d.cols])
			}
		}
	})
}

// next is the child that a row goes to.
func next(t *ensemble.Tree, id int32, row []float32) int32 {
	v := row[t.SplitIndices[id]]
	left := v < t.SplitConditions[id]
	if v != v {
		left = t.DefaultLeft[id]
	}
	if left {
		return t.LeftChildren[id]
	}
	return t.RightChildren[id]
}

// deletedSplit stands in the split index of a node that pruning removed.
const deletedSplit = math.MaxInt32

// prune turns parents of two leaves into leaves while their gain is below
// gamma, starting from the leaves in order of id. Removed nodes keep their ids.
func (g *exactGrower) prune() {
	t := &g.tree.t
	for id := range t.Parents {
		if t.LeftChildren[id] >= 0 || t.SplitIndices[id] == deletedSplit {
			continue
		}
		for at := int32(id); t.Parents[at] != rootParent; {
			at = t.Parents[at]
			l, r := t.LeftChildren[at], t.RightChildren[at]
			if t.LeftChildren[l] >= 0 || t.LeftChildren[r] >= 0 || !(t.LossChanges[at] < g.p.Gamma) {
				break
			}
			for _, c := range []int32{l, r} {
				t.LeftChildren[c], t.RightChildren[c] = -1, -1
				t.SplitIndices[c] = deletedSplit
				t.DefaultLeft[c] = true
				t.NumDeleted++
			}
			t.LeftChildren[at], t.RightChildren[at] = -1, -1
			t.SplitConditions[at] = g.eta * t.BaseWeights[at]
		}
	}
}

// addTo adds the leaf values of all rows to their margins.
func (g *exactGrower) addTo(margin []float32) {
	t := &g.tree.t
	for r, id := range g.position {
		for t.SplitIndices[id] == deletedSplit {
			id = t.Parents[id]
		}
		margin[r] += t.SplitConditions[id]
	}
}
