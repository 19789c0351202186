package gbtree

import (
	"container/heap"
	"context"
	"slices"

	"sluice/models/ensemble"
)

// maxBatch is how many nodes XGBoost expands at once at most. It shows: a level
// is cut where the batch is full, and a batch without a valid node ends the
// tree.
const maxBatch = 256

// histNode is a node of the tree that grows, while it may still be split.
type histNode struct {
	id, depth  int
	begin, end int // its rows, within the buffer of its depth
	sum        gradStats
	rootGain   float32
	bounds     bounds
	path       *path
	hist       histogram
	best       split
	leaf       float32 // value if it stays a leaf
	settled    bool    // its rows' margins have been written
}

// histGrower grows trees from histograms.
type histGrower struct {
	p        *Params
	q        *quantized
	reg      *regularizer
	sampler  *columnSampler
	inter    *interactions
	threads  int
	eta      float32
	dense    bool
	identity []uint32
	buffers  [2][]uint32 // rows of the nodes at even and odd depths
	aside    []uint32    // rows that go right, until their place is known
	free     []histogram

	tree   treeBuilder
	nodes  []*histNode // every node, by id
	leaves int
}

func newHistGrower(d *DMatrix, q *quantized, p *Params, sampler *columnSampler, eta float32, threads int) *histGrower {
	g := &histGrower{
		p: p, q: q, reg: newRegularizer(p, d.cols), sampler: sampler,
		inter: newInteractions(p, d.cols, d.cols), threads: threads, eta: eta, dense: d.dense(),
		identity: make([]uint32, d.rows), aside: make([]uint32, d.rows),
		buffers: [2][]uint32{make([]uint32, d.rows), make([]uint32, d.rows)},
	}
	for i := range g.identity {
		g.identity[i] = uint32(i)
	}
	return g
}

func (g *histGrower) rows(n *histNode) []uint32 {
	if n.depth == 0 {
		return g.identity[n.begin:n.end]
	}
	return g.buffers[n.depth&1][n.begin:n.end]
}

func (g *histGrower) takeHist() histogram {
	if n := len(g.free); n > 0 {
		h := g.free[n-1]
		g.free = g.free[:n-1]
		return h
	}
	return make(histogram, 2*g.q.stride*len(g.q.columns))
}

func (g *histGrower) dropHist(n *histNode) {
	if n.hist != nil {
		g.free = append(g.free, n.hist)
		n.hist = nil
	}
}

// grow grows one tree for the gradients and adds its leaf values to margin.
func (g *histGrower) grow(ctx context.Context, gpair []gradientPair, margin []float32) (ensemble.Tree, error) {
	g.tree = treeBuilder{}
	g.nodes = g.nodes[:0]
	g.leaves = 1
	g.sampler.startTree()

	queue := newNodeQueue(g.p.GrowPolicy)
	queue.push(g.plant(gpair))
	for {
		batch := g.pop(queue)
		if len(batch) == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			return ensemble.Tree{}, err
		}
		var inner, last []*histNode // whose children may be split, may not
		for _, n := range batch {
			g.apply(n)
		}
		for _, n := range batch {
			if g.mayHaveGrandchildren(n) {
				inner = append(inner, n)
			} else {
				last = append(last, n)
			}
		}
		g.settle(last, margin)
		g.partition(inner)
		for _, n := range g.build(inner, gpair) {
			if n.best.loss > rtEps {
				queue.push(n)
			} else {
				g.dropHist(n)
			}
		}
	}
	g.finish(margin)
	return g.tree.t, nil
}

// plant makes the root and looks for its split.
func (g *histGrower) plant(gpair []gradientPair) *histNode {
	root := &histNode{end: len(g.identity), bounds: unbounded, path: g.inter.root(), hist: g.takeHist()}
	g.sum([]sumTask{{built: root}}, gpair)
	if g.dense {
		for i := range g.q.nbins(0) {
			root.sum = root.sum.add(gradStats{root.hist[2*i], root.hist[2*i+1]})
		}
	} else {
		for _, p := range gpair {
			root.sum = root.sum.add(gradStats{float64(p.g), float64(p.h)})
		}
	}
	w := g.reg.weight(root.sum, root.bounds)
	root.rootGain = g.reg.gainAt(root.sum, w)
	root.leaf = w * g.eta
	g.tree.add(rootParent, root.leaf, float32(root.sum.h), w)
	g.nodes = append(g.nodes, root)
	g.evaluate([]*histNode{root})
	return root
}

// apply writes a node's best split into the tree.
func (g *histGrower) apply(n *histNode) {
	s := &n.best
	sum := s.left.add(s.right)
	wl := g.reg.weight(s.left, n.bounds)
	wr := g.reg.weight(s.right, n.bounds)
	left := &histNode{depth: n.depth + 1, sum: s.left, rootGain: g.reg.gain(s.left, n.bounds), leaf: wl * g.eta}
	right := &histNode{depth: n.depth + 1, sum: s.right, rootGain: g.reg.gain(s.right, n.bounds), leaf: wr * g.eta}
	left.bounds, right.bounds = g.reg.children(n.bounds, s.feature, wl, wr)
	left.path = g.inter.child(n.path, s.feature)
	right.path = left.path
	l, r := g.tree.divide(int32(n.id), s,
		leafFacts{left.leaf, float32(s.left.h), left.leaf},
		leafFacts{right.leaf, float32(s.right.h), right.leaf})
	g.tree.t.BaseWeights[n.id] = g.reg.weight(sum, n.bounds)
	g.tree.t.SumHessian[n.id] = float32(sum.h)
	left.id, right.id = int(l), int(r)
	g.nodes = append(g.nodes, left, right)
}

// mayHaveGrandchildren says that the children of n can be split too.
func (g *histGrower) mayHaveGrandchildren(n *histNode) bool {
	return !(g.p.MaxDepth > 0 && n.depth+1 >= g.p.MaxDepth) && !(g.p.MaxLeaves > 0 && g.leaves >= g.p.MaxLeaves)
}

func (g *histGrower) children(n *histNode) (left, right *histNode) {
	return g.nodes[g.tree.t.LeftChildren[n.id]], g.nodes[g.tree.t.RightChildren[n.id]]
}

// build makes the histograms of the children of the nodes, the one with the
// smaller hessian from its rows and its sibling by subtraction, and looks for
// their splits. It returns them by id.
func (g *histGrower) build(parents []*histNode, gpair []gradientPair) []*histNode {
	if len(parents) == 0 {
		return nil
	}
	children := make([]*histNode, 0, 2*len(parents))
	tasks := make([]sumTask, len(parents))
	for i, n := range parents {
		l, r := g.children(n)
		children = append(children, l, r)
		tasks[i] = sumTask{built: l, rest: r}
		if n.best.right.h < n.best.left.h {
			tasks[i] = sumTask{built: r, rest: l}
		}
		tasks[i].built.hist = g.takeHist()
		tasks[i].rest.hist, n.hist = n.hist, nil
	}
	g.sum(tasks, gpair)
	g.evaluate(children)
	return children
}

// sumTask is a node whose histogram is made from its rows and, but for the
// root, its sibling, which holds the parent's histogram until the node's is
// taken from it.
type sumTask struct{ built, rest *histNode }

// sum does the tasks, the largest first. A node that would keep one goroutine
// busy for longer than its share is divided by blocks of features.
func (g *histGrower) sum(tasks []sumTask, gpair []gradientPair) {
	type part struct {
		sumTask
		blocks []binBlock
	}
	total := 0
	for _, t := range tasks {
		total += t.built.end - t.built.begin
	}
	var parts []part
	for _, t := range tasks {
		blocks := g.q.blocks
		if (t.built.end-t.built.begin)*2*g.threads <= total || g.threads == 1 {
			parts = append(parts, part{t, blocks})
			continue
		}
		for i := range blocks {
			parts = append(parts, part{t, blocks[i : i+1]})
		}
	}
	size := func(p part) int { return (p.built.end - p.built.begin) * len(p.blocks) }
	slices.SortStableFunc(parts, func(a, b part) int { return size(b) - size(a) })
	parallel(g.threads, len(parts), func(i int) {
		p := parts[i]
		g.q.sumBlocks(p.built.hist, p.blocks, gpair, g.rows(p.built))
		if p.rest != nil {
			first, last := &p.blocks[0], &p.blocks[len(p.blocks)-1]
			begin, end := 2*first.first*g.q.stride, 2*(last.first+last.n)*g.q.stride
			h := p.rest.hist[begin:end]
			subtract(h, h, p.built.hist[begin:end])
		}
	})
}

// evaluate finds the best split of every node.
func (g *histGrower) evaluate(nodes []*histNode) {
	features := make([][]int32, len(nodes))
	for i, n := range nodes {
		features[i] = g.sampler.at(n.depth)
	}
	parts := 1
	if len(nodes) < 4*g.threads {
		parts = g.threads
	}
	found := make([]split, len(nodes)*parts)
	parallel(g.threads, len(found), func(i int) {
		f := features[i/parts]
		part := f[i%parts*len(f)/parts : (i%parts+1)*len(f)/parts]
		n := nodes[i/parts]
		found[i] = g.q.findSplit(g.reg, n.hist, n, part)
	})
	for i, n := range nodes {
		for _, s := range found[i*parts : (i+1)*parts] {
			if n.best.replacedBy(s.loss) {
				n.best = s
			}
		}
	}
}

// finish adds the leaf values of all rows not settled yet.
func (g *histGrower) finish(margin []float32) {
	var open []*histNode
	for _, n := range g.nodes {
		if g.tree.t.LeftChildren[n.id] < 0 && !n.settled {
			open = append(open, n)
		}
		g.dropHist(n)
	}
	tasks := cutRows(open, g.threads)
	parallel(g.threads, len(tasks), func(i int) {
		t := tasks[i]
		v := t.node.leaf
		for _, r := range g.rows(t.node)[t.begin:t.end] {
			margin[r] += v
		}
	})
}

// pop takes the nodes to split next, if any may be.
func (g *histGrower) pop(q *nodeQueue) []*histNode {
	if q.Len() == 0 {
		return nil
	}
	if q.byLoss {
		n := heap.Pop(q).(*histNode)
		if !g.maySplit(n) {
			return nil
		}
		g.leaves++
		return []*histNode{n}
	}
	var batch []*histNode
	level := q.nodes[0].depth
	for q.Len() > 0 && q.nodes[0].depth == level && len(batch) < maxBatch {
		n := q.shift()
		if g.maySplit(n) {
			g.leaves++
			batch = append(batch, n)
		} else {
			g.dropHist(n)
		}
	}
	return batch
}

func (g *histGrower) maySplit(n *histNode) bool {
	return n.best.loss > rtEps && !(n.best.loss < g.p.Gamma) &&
		!(g.p.MaxDepth > 0 && n.depth == g.p.MaxDepth) &&
		!(g.p.MaxLeaves > 0 && g.leaves == g.p.MaxLeaves)
}

// nodeQueue holds the nodes that may be split: by id, or the largest loss
// first and of equals the lower id.
type nodeQueue struct {
	byLoss bool
	nodes  []*histNode
}

func newNodeQueue(policy string) *nodeQueue { return &nodeQueue{byLoss: policy == LossGuide} }

func (q *nodeQueue) push(n *histNode) {
	if q.byLoss {
		heap.Push(q, n)
		return
	}
	q.nodes = append(q.nodes, n) // ids only grow
}

func (q *nodeQueue) shift() *histNode {
	n := q.nodes[0]
	q.nodes = q.nodes[1:]
	return n
}

// Len, Less, Swap, Push and Pop make a heap.
func (q *nodeQueue) Len() int { return len(q.nodes) }

// Less puts the larger loss first.
func (q *nodeQueue) Less(i, j int) bool {
	a, b := q.nodes[i], q.nodes[j]
	if a.best.loss != b.best.loss {
		return a.best.loss > b.best.loss
	}
	return a.id < b.id
}

// Swap exchanges two nodes.
func (q *nodeQueue) Swap(i, j int) { q.nodes[i], q.nodes[j] = q.nodes[j], q.nodes[i] }

// Push appends a *histNode.
func (q *nodeQueue) Push(x any) { q.nodes = append(q.nodes, x.(*histNode)) }

// Pop takes the last node.
func (q *nodeQueue) Pop() any {
	last := len(q.nodes) - 1
	n := q.nodes[last]
	q.nodes = q.nodes[:last]
	return n
}
