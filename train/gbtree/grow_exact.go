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
	rows     []exactRow
	dropped  []bool // rows left out by subsample; nil without
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

// exactRow is what a walk over a column needs of a row: its node, counted from
// the first of the level and negative if that cannot be split any more, and its
// gradients.
type exactRow struct {
	at   int32
	g, h float32
}

// scan is where the walk over one column stands in one node.
type scan struct {
	sum, node gradStats // of the values passed, of the node
	last      float32   // the value passed last
	rootGain  float32
	closed    bool // the feature may not be used here
}

// findSplits walks over the sorted columns, for all nodes of a level at once.
func (g *exactGrower) findSplits(level, features []int32, gpair []gradientPair) {
	first := level[0]
	width := int(level[len(level)-1]-first) + 1
	if g.rows == nil {
		g.rows = make([]exactRow, g.d.rows)
	}
	for r, p := range gpair {
		g.rows[r] = exactRow{max(-1, g.position[r]-first), p.g, p.h}
		if g.dropped != nil && g.dropped[r] {
			g.rows[r].at = -1
		}
	}
	best := make([]split, len(features)*width)
	parallel(g.threads, len(features), func(i int) {
		w := columnWalk{g: g, first: first, f: features[i], scans: make([]scan, width), best: best[i*width : (i+1)*width]}
		for at := range w.scans {
			n := &g.nodes[int(first)+at]
			w.scans[at] = scan{node: n.sum, rootGain: n.rootGain, closed: !n.path.allows(w.f)}
		}
		w.run()
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
	first int32 // node of the first scan
	f     int32
	scans []scan
	best  []split
}

func (w *columnWalk) run() {
	col := w.g.columns[w.f]
	complete := w.g.d.present[w.f] == w.g.d.rows
	constant := len(col) > 0 && col[0].key == col[len(col)-1].key
	if !complete && !constant {
		for i := range col {
			w.step(&col[i], false)
		}
		w.end(false)
	}
	for i := len(col) - 1; i >= 0; i-- {
		w.step(&col[i], true)
	}
	w.end(true)
}

// step takes the next value; backward walks come from the largest.
func (w *columnWalk) step(e *keyed, backward bool) {
	row := &w.g.rows[e.aux]
	if row.at < 0 {
		return
	}
	s := &w.scans[row.at]
	if s.closed {
		return
	}
	if s.sum.h != 0 && e.key != s.last {
		if loss := w.loss(s, row.at, backward); w.best[row.at].replacedBy(loss) {
			threshold := float32(float32(e.key+s.last) * 0.5)
			if threshold == e.key {
				threshold = s.last
			}
			w.keep(s, row.at, loss, threshold, backward)
		}
	}
	s.sum.g += float64(row.g)
	s.sum.h += float64(row.h)
	s.last = e.key
}

// end tries to put all present values on one side and starts afresh.
func (w *columnWalk) end(backward bool) {
	for i := range w.scans {
		s, at := &w.scans[i], int32(i)
		if loss := w.loss(s, at, backward); w.best[at].replacedBy(loss) {
			gap := abs32(s.last) + rtEps
			if backward {
				gap = -gap
			}
			w.keep(s, at, loss, s.last+gap, backward)
		}
		s.sum = gradStats{}
	}
}

// sides are the sums to the left and right of where a walk stands.
func (s *scan) sides(backward bool) (left, right gradStats) {
	if backward {
		return s.node.sub(s.sum), s.sum
	}
	return s.sum, s.node.sub(s.sum)
}

// loss is what a split where the walk stands would remove.
func (w *columnWalk) loss(s *scan, at int32, backward bool) float32 {
	r := w.g.reg
	left, right := s.sides(backward)
	if !r.simple() {
		return r.splitGain(w.f, w.g.nodes[w.first+at].bounds, left, right) - s.rootGain
	}
	if !(left.h > 0 && right.h > 0 && left.h >= r.minChildWeight && right.h >= r.minChildWeight) {
		return float32(math.Inf(-1))
	}
	return pairGain(left.g, left.h, right.g, right.h, r.lambda) - s.rootGain
}

func (w *columnWalk) keep(s *scan, at int32, loss, threshold float32, backward bool) {
	left, right := s.sides(backward)
	w.best[at] = split{loss: loss, feature: w.f, defaultLeft: backward, threshold: threshold, left: left, right: right}
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
