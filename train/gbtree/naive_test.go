package gbtree

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/models/ensemble"
)

// naive is the slow, obvious trainer that the fast one is compared with. It
// knows depthwise growth without sampling, looks every value up by walking over
// the cuts, keeps the rows of a node in a list of their own, and spells weights
// and gains out at every candidate.
type naive struct {
	p     Params
	x     [][]float32 // by row
	y, w  []float32
	g, h  []float32
	tree  treeJSON
	sums  []naiveSums // by node
	lower []float32
	upper []float32
}

type naiveSums struct{ g, h float64 }

type naiveSplit struct {
	loss      float32
	feature   int
	threshold float32
	missLeft  bool
	l, r      naiveSums
}

func (n *naive) leafWeight(s naiveSums, node int) float32 {
	if s.h <= 0 {
		return n.bounded(0, node)
	}
	t := float64(0)
	if alpha := float64(n.p.Alpha); s.g > alpha {
		t = s.g - alpha
	} else if s.g < -alpha {
		t = s.g + alpha
	}
	w := -t / (s.h + float64(n.p.Lambda))
	if step := float64(n.p.MaxDeltaStep); step != 0 && math.Abs(w) > step {
		w = math.Copysign(step, w)
	}
	return n.bounded(float32(w), node)
}

func (n *naive) bounded(w float32, node int) float32 {
	if slices.IndexFunc(n.p.MonotoneConstraints, func(c int) bool { return c != 0 }) < 0 {
		return w
	}
	// Not min and max: they would turn -0 into 0.
	if w < n.lower[node] {
		return n.lower[node]
	} else if w > n.upper[node] {
		return n.upper[node]
	}
	return w
}

func (n *naive) gain(s naiveSums, w float32) float32 {
	if s.h <= 0 {
		return 0
	}
	square := w * w
	a := float64(2 * s.g * float64(w))
	b := float64((s.h + float64(n.p.Lambda)) * float64(square))
	c := float64(2 * float64(n.p.Alpha) * math.Abs(float64(w)))
	return float32(-(a + b + c))
}

// try keeps a candidate if it is better. node is the one that is divided, parent
// the one whose bounds its own gain was judged by.
func (n *naive) try(best *naiveSplit, node, parent, f int, threshold float32, missLeft bool, l, r naiveSums) {
	least := float64(n.p.MinChildWeight)
	if l.h <= 0 || r.h <= 0 || l.h < least || r.h < least {
		return
	}
	wl, wr := n.leafWeight(l, node), n.leafWeight(r, node)
	if f < len(n.p.MonotoneConstraints) {
		if c := n.p.MonotoneConstraints[f]; c > 0 && wl > wr || c < 0 && wl < wr {
			return
		}
	}
	own := n.gain(n.sums[node], n.leafWeight(n.sums[node], parent))
	loss := n.gain(l, wl) + n.gain(r, wr) - own
	if loss > best.loss && !math.IsInf(float64(loss), 0) {
		*best = naiveSplit{loss, f, threshold, missLeft, l, r}
	}
}

// train boosts and returns the trees and the margins.
func (n *naive) train(rounds int, base float32) ([]treeJSON, []float32) {
	margin := make([]float32, len(n.y))
	for i := range margin {
		margin[i] = base
		if n.p.Objective == BinaryLogistic {
			margin[i] = -ensemble.Logf(1/base - 1)
		}
	}
	var trees []treeJSON
	for range rounds {
		n.derive(margin)
		all := make([]int, len(n.y))
		for i := range all {
			all[i] = i
		}
		n.tree, n.sums = treeJSON{}, nil
		n.lower, n.upper = nil, nil
		if n.p.TreeMethod == Exact {
			n.growExact(all)
		} else {
			n.growHist(all)
		}
		for i := range margin {
			margin[i] += n.tree.SplitConditions[n.leafOf(n.x[i])]
		}
		trees = append(trees, n.tree)
	}
	return trees, margin
}

func (n *naive) derive(margin []float32) {
	n.g, n.h = make([]float32, len(n.y)), make([]float32, len(n.y))
	for i, m := range margin {
		w := float32(1)
		if n.w != nil {
			w = n.w[i]
		}
		if n.y[i] == 1 {
			w *= n.p.ScalePosWeight
		}
		if n.p.Objective == BinaryLogistic {
			p := ensemble.Sigmoid(m)
			n.g[i] = (p - n.y[i]) * w
			n.h[i] = max(p*(1-p), 1e-16) * w
		} else {
			n.g[i], n.h[i] = (m-n.y[i])*w, w
		}
	}
}

func (n *naive) leafOf(row []float32) int32 {
	at := int32(0)
	for n.tree.LeftChildren[at] >= 0 {
		v := row[n.tree.SplitIndices[at]]
		left := v < n.tree.SplitConditions[at]
		if v != v {
			left = n.tree.DefaultLeft[at] == 1
		}
		if left {
			at = n.tree.LeftChildren[at]
		} else {
			at = n.tree.RightChildren[at]
		}
	}
	return at
}

func (n *naive) add(parent int32, s naiveSums, leaf, weight float32) int {
	t := &n.tree
	t.Parents = append(t.Parents, parent)
	t.LeftChildren = append(t.LeftChildren, -1)
	t.RightChildren = append(t.RightChildren, -1)
	t.SplitIndices = append(t.SplitIndices, 0)
	t.DefaultLeft = append(t.DefaultLeft, 0)
	t.LossChanges = append(t.LossChanges, 0)
	t.SplitConditions = append(t.SplitConditions, leaf)
	t.BaseWeights = append(t.BaseWeights, weight)
	t.SumHessian = append(t.SumHessian, float32(s.h))
	n.sums = append(n.sums, s)
	n.lower = append(n.lower, -math.MaxFloat32)
	n.upper = append(n.upper, math.MaxFloat32)
	return len(t.Parents) - 1
}

func (n *naive) sumOf(rows []int) (s naiveSums) {
	for _, i := range rows {
		s.g += float64(n.g[i])
		s.h += float64(n.h[i])
	}
	return s
}

// bind sets the bounds of the children of node.
func (n *naive) bind(node, l, r, f int, wl, wr float32) {
	n.lower[l], n.upper[l], n.lower[r], n.upper[r] = n.lower[node], n.upper[node], n.lower[node], n.upper[node]
	if f >= len(n.p.MonotoneConstraints) {
		return
	}
	mid := (wl + wr) / 2
	switch c := n.p.MonotoneConstraints[f]; {
	case c > 0:
		n.upper[l], n.lower[r] = mid, mid
	case c < 0:
		n.lower[l], n.upper[r] = mid, mid
	}
}

type naiveNode struct {
	id, parent int
	rows       []int
	hist       [][]naiveSums
}

// cutsOf is every distinct value but the smallest, and the sentinel: what the
// sketch comes to for columns of at most max_bin distinct values.
func (n *naive) cutsOf(f int) []float32 {
	var values []float32
	for i, row := range n.x {
		if v := row[f]; v == v && (n.w == nil || n.w[i] > 0) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return []float32{1e-5}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	last := values[len(values)-1]
	return append(values[1:], last+(float32(math.Abs(float64(last)))+1e-5))
}

func (n *naive) growHist(rows []int) {
	cols := len(n.x[0])
	cuts := make([][]float32, cols)
	dense := true
	for f := range cuts {
		cuts[f] = n.cutsOf(f)
		for _, row := range n.x {
			dense = dense && row[f] == row[f]
		}
	}
	binOf := func(f int, v float32) int {
		for b, c := range cuts[f] {
			if v < c {
				return b
			}
		}
		return len(cuts[f]) - 1
	}
	histOf := func(rows []int) [][]naiveSums {
		hist := make([][]naiveSums, cols)
		for f := range hist {
			hist[f] = make([]naiveSums, len(cuts[f]))
			for _, i := range rows {
				if v := n.x[i][f]; v == v {
					s := &hist[f][binOf(f, v)]
					s.g += float64(n.g[i])
					s.h += float64(n.h[i])
				}
			}
		}
		return hist
	}
	root := naiveNode{rows: rows, hist: histOf(rows)}
	sum := n.sumOf(rows)
	if dense {
		sum = naiveSums{}
		for _, s := range root.hist[0] {
			sum = naiveSums{sum.g + s.g, sum.h + s.h}
		}
	}
	n.add(math.MaxInt32, sum, 0, 0)
	w := n.leafWeight(sum, 0)
	n.tree.SplitConditions[0], n.tree.BaseWeights[0] = w*n.p.Eta, w
	level := []naiveNode{root}
	for depth := 0; depth < n.p.MaxDepth; depth++ {
		var nextLevel []naiveNode
		for _, node := range level {
			s := n.bestOfHist(node, cuts)
			if s.loss <= 1e-6 || s.loss < n.p.Gamma {
				continue
			}
			l, r := n.split(node, s)
			l.hist, r.hist = histOf(l.rows), histOf(r.rows)
			if s.r.h < s.l.h { // the smaller is summed, the larger what remains
				l.hist = minus(node.hist, r.hist)
			} else {
				r.hist = minus(node.hist, l.hist)
			}
			nextLevel = append(nextLevel, l, r)
		}
		level = nextLevel
	}
}

func minus(a, b [][]naiveSums) [][]naiveSums {
	out := make([][]naiveSums, len(a))
	for f := range a {
		for k := range a[f] {
			out[f] = append(out[f], naiveSums{a[f][k].g - b[f][k].g, a[f][k].h - b[f][k].h})
		}
	}
	return out
}

func (n *naive) bestOfHist(node naiveNode, cuts [][]float32) (best naiveSplit) {
	whole := n.sums[node.id]
	for f, hist := range node.hist {
		var s naiveSums
		for b := range hist {
			s = naiveSums{s.g + hist[b].g, s.h + hist[b].h}
			n.try(&best, node.id, node.parent, f, cuts[f][b], false, s, naiveSums{whole.g - s.g, whole.h - s.h})
		}
		if s == whole {
			continue
		}
		s = naiveSums{}
		for b := len(hist) - 1; b >= 0; b-- {
			s = naiveSums{s.g + hist[b].g, s.h + hist[b].h}
			threshold := float32(math.Inf(-1))
			if b > 0 {
				threshold = cuts[f][b-1]
			}
			n.try(&best, node.id, node.parent, f, threshold, true, naiveSums{whole.g - s.g, whole.h - s.h}, s)
		}
	}
	return best
}

// split writes a split of a histogram tree and divides the rows.
func (n *naive) split(node naiveNode, s naiveSplit) (l, r naiveNode) {
	wl, wr := n.leafWeight(s.l, node.id), n.leafWeight(s.r, node.id)
	sum := naiveSums{s.l.g + s.r.g, s.l.h + s.r.h}
	n.tree.BaseWeights[node.id] = n.leafWeight(sum, node.id)
	n.tree.SumHessian[node.id] = float32(sum.h)
	l.id = n.add(int32(node.id), s.l, wl*n.p.Eta, wl*n.p.Eta)
	r.id = n.add(int32(node.id), s.r, wr*n.p.Eta, wr*n.p.Eta)
	n.write(node.id, s, l.id, r.id)
	n.bind(node.id, l.id, r.id, s.feature, wl, wr)
	l.parent, r.parent = node.id, node.id
	l.rows, r.rows = n.divide(node.rows, s)
	return l, r
}

func (n *naive) write(node int, s naiveSplit, l, r int) {
	t := &n.tree
	t.LeftChildren[node], t.RightChildren[node] = int32(l), int32(r)
	t.SplitIndices[node], t.SplitConditions[node] = int32(s.feature), s.threshold
	t.LossChanges[node] = s.loss
	if s.missLeft {
		t.DefaultLeft[node] = 1
	}
}

func (n *naive) divide(rows []int, s naiveSplit) (l, r []int) {
	for _, i := range rows {
		v := n.x[i][s.feature]
		if v < s.threshold || v != v && s.missLeft {
			l = append(l, i)
		} else {
			r = append(r, i)
		}
	}
	return l, r
}

// growExact grows the tree that tries every midpoint, without pruning.
func (n *naive) growExact(rows []int) {
	sum := n.sumOf(rows)
	n.add(math.MaxInt32, sum, 0, 0)
	n.tree.BaseWeights[0] = n.leafWeight(sum, 0)
	level := []naiveNode{{rows: rows}}
	for depth := 0; depth < n.p.MaxDepth; depth++ {
		var nextLevel []naiveNode
		for _, node := range level {
			s := n.bestExact(node)
			n.tree.LossChanges[node.id] = s.loss
			if s.loss <= 1e-6 {
				continue
			}
			lr, rr := n.divide(node.rows, s)
			l := naiveNode{parent: node.id, rows: lr}
			r := naiveNode{parent: node.id, rows: rr}
			l.id = n.add(int32(node.id), n.sumOf(lr), 0, 0)
			r.id = n.add(int32(node.id), n.sumOf(rr), 0, 0)
			n.write(node.id, s, l.id, r.id)
			for _, c := range []int{l.id, r.id} {
				n.tree.BaseWeights[c] = n.leafWeight(n.sums[c], node.id)
			}
			n.bind(node.id, l.id, r.id, s.feature, n.tree.BaseWeights[l.id], n.tree.BaseWeights[r.id])
			nextLevel = append(nextLevel, l, r)
		}
		level = nextLevel
	}
	for id := range n.tree.Parents {
		if n.tree.LeftChildren[id] < 0 {
			n.tree.SplitConditions[id] = n.tree.BaseWeights[id] * n.p.Eta
		}
	}
}

func (n *naive) bestExact(node naiveNode) (best naiveSplit) {
	whole := n.sums[node.id]
	for f := range n.x[0] {
		var rows []int
		complete, least, most := true, float32(math.Inf(1)), float32(math.Inf(-1))
		for i := range n.x {
			v := n.x[i][f]
			if v != v {
				complete = false
				continue
			}
			least, most = min(least, v), max(most, v)
		}
		for _, i := range node.rows {
			if v := n.x[i][f]; v == v {
				rows = append(rows, i)
			}
		}
		slices.SortStableFunc(rows, func(a, b int) int {
			switch {
			case n.x[a][f] < n.x[b][f]:
				return -1
			case n.x[a][f] > n.x[b][f]:
				return 1
			}
			return 0
		})
		walk := func(up bool) {
			var s naiveSums
			last := float32(0)
			try := func(threshold float32) {
				rest := naiveSums{whole.g - s.g, whole.h - s.h}
				if up {
					n.try(&best, node.id, node.parent, f, threshold, false, s, rest)
				} else {
					n.try(&best, node.id, node.parent, f, threshold, true, rest, s)
				}
			}
			for k := range rows {
				i := rows[k]
				if !up {
					i = rows[len(rows)-1-k]
				}
				v := n.x[i][f]
				if s.h != 0 && v != last {
					mid := (v + last) * 0.5
					if mid == v {
						mid = last
					}
					try(mid)
				}
				s = naiveSums{s.g + float64(n.g[i]), s.h + float64(n.h[i])}
				last = v
			}
			gap := float32(math.Abs(float64(last))) + 1e-6
			if !up {
				gap = -gap
			}
			try(last + gap)
		}
		if !complete && least != most {
			walk(true)
		}
		walk(false)
	}
	return best
}

// TestAgainstNaive compares made-up runs with the slow trainer, bit for bit.
func TestAgainstNaive(t *testing.T) {
	cases := uint64(60)
	if testing.Short() {
		cases = 15
	}
	for seed := range cases {
		r := rand.New(rand.NewPCG(seed, 99))
		cols := 1 + r.IntN(5)
		rows := 2 + r.IntN(250)
		kinds := make([]int, cols)
		for f := range kinds {
			kinds[f] = r.IntN(6)
		}
		p := DefaultParams()
		p.TreeMethod = []string{Hist, Exact}[r.IntN(2)]
		p.Objective = []string{BinaryLogistic, RegSquaredError}[r.IntN(2)]
		p.MaxDepth = 1 + r.IntN(5)
		p.MaxBin = 65535 // every value has a bin
		p.Lambda = []float32{0, 1, 3}[r.IntN(3)]
		p.Alpha = []float32{0, 0, 0.4}[r.IntN(3)]
		p.MaxDeltaStep = []float32{0, 0, 0.3}[r.IntN(3)]
		p.MinChildWeight = []float32{0, 0.5, 1}[r.IntN(3)]
		p.ScalePosWeight = []float32{1, 2.5}[r.IntN(2)]
		base := float32(0.4)
		p.BaseScore = &base
		if p.TreeMethod == Hist {
			p.Gamma = []float32{0, 0.5}[r.IntN(2)]
		}
		if r.IntN(3) == 0 {
			for range cols {
				p.MonotoneConstraints = append(p.MonotoneConstraints, r.IntN(3)-1)
			}
		}
		data := randomData(r, rows, kinds, r.Float64(), p.Objective == RegSquaredError, r.IntN(2) == 0, 0)
		for i := range data.x {
			data.x[i] += 0 // which of two zeros becomes a cut is introsort's affair
		}
		slow := naive{p: p, y: data.y, w: data.w}
		for i := range rows {
			slow.x = append(slow.x, data.x[i*cols:(i+1)*cols])
		}
		trees, margin := slow.train(3, base)
		d := data.matrix(t, cols)
		res, err := Train(context.Background(), p, d, Options{Rounds: 3, Threads: 1 + int(seed%3)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range trees {
			trees[i].TreeParam = map[string]string{"num_deleted": "0"}
			if diff := diffTree(&res.Model.Trees[i], &trees[i]); diff != "" {
				t.Fatalf("seed %d: tree %d: %s\n%d rows, %d features, %+v", seed, i, diff, rows, cols, p)
			}
		}
		if got := margins(res.Model, d); !slices.Equal(got, margin) {
			t.Fatalf("seed %d: margins differ", seed)
		}
	}
}
