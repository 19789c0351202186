package ensemble

import "slices"

// A compiled tree is a Tree laid out for walking. Two layouts share the arrays:
//
//   - padded: a complete binary tree of depth levels. The root is node 1; node
//     i has the right child 2i and the left child 2i+1; leaf k is node
//     2^depth+k. Shallow leaves are repeated below dummy nodes, so each row
//     takes the same number of steps and no step has a branch to mispredict.
//   - linked: for deep, thin trees and for categorical splits: nodes with
//     explicit children, walked until a leaf.
type compiled struct {
	nodes  []node
	leaves []float32 // by leaf position, dart's weight multiplied in
	ids    []int32   // node id in the file, by leaf position
	group  int32
	depth  int32 // levels of a padded tree, -1 for a linked one
	links  []linkedNode
	cats   []uint32 // bit sets of the categorical nodes
}

// node is a step of a padded tree: left iff the slot's key is below the
// threshold.
type node struct {
	threshold uint32
	offset    uint32 // in bytes, of the slot's column in a block
}

// columnSize is the length in bytes of a slot's column in a block. Two slots
// of each of MaxFeature features stay within node.offset.
const columnSize = 4 * blockRows

// linkedNode is a step of a linked tree. Children are positions in links, or
// ^position of a leaf.
type linkedNode struct {
	threshold   uint32
	slot        uint32
	left, right int32
	// A categorical node has its bit set in cats[cat:cat+words] and its
	// feature in slot; a missing value goes left iff threshold is 1.
	cat, words int32
}

// maxPadded is the deepest tree that is padded in any case; deeper ones are
// while at least one in eight of the padded leaves is real.
const maxPadded = 6

// compile fills slots and trees from m's trees [from, to), which were checked.
func (p *Predictor) compile(m *Model, from, to int) {
	used := map[slot]uint32{}
	for t := from; t < to; t++ {
		tree := &m.Trees[t]
		w := float32(1)
		if len(m.WeightDrop) > 0 {
			w = m.WeightDrop[t]
		}
		c := compiled{group: m.TreeInfo[t]}
		depth, leaves := tree.size()
		if !tree.categorical() && (depth <= maxPadded || depth <= 12 && 1<<depth <= 8*leaves) {
			c.pad(p, used, tree, depth, w)
		} else {
			c.link(p, used, tree, w)
		}
		p.trees = append(p.trees, c)
	}
	p.source = m.Trees[from:to]
	if len(m.WeightDrop) > 0 {
		p.weights = m.WeightDrop[from:to]
	}
}

// slotOf finds or makes the column of a node's feature and default direction.
func (p *Predictor) slotOf(used map[slot]uint32, t *Tree, n int32) uint32 {
	s := slot{t.SplitIndices[n], highKey}
	if t.DefaultLeft[n] {
		s.missing = lowKey
	}
	i, ok := used[s]
	if !ok {
		i = uint32(len(p.slots))
		used[s] = i
		p.slots = append(p.slots, s)
	}
	return i
}

// weighted is a leaf's value; dart's weight is multiplied in with one rounding,
// as XGBoost does before it adds.
func weighted(v, w float32) float32 { return float32(v * w) }

// pad lays t out as a complete tree of depth levels.
func (c *compiled) pad(p *Predictor, used map[slot]uint32, t *Tree, depth int, w float32) {
	c.depth = int32(depth)
	size := 1 << depth
	c.nodes = make([]node, size) // node 0 is not used
	c.leaves = make([]float32, size)
	c.ids = make([]int32, size)
	var fill func(at int, n int32, level int)
	fill = func(at int, n int32, level int) {
		if level == depth {
			c.leaves[at-size] = weighted(t.SplitConditions[n], w)
			c.ids[at-size] = n
			return
		}
		left, right := n, n
		if t.LeftChildren[n] != -1 {
			c.nodes[at] = node{orderedKey(t.SplitConditions[n]), columnSize * p.slotOf(used, t, n)}
			left, right = t.LeftChildren[n], t.RightChildren[n]
		}
		fill(2*at, right, level+1)
		fill(2*at+1, left, level+1)
	}
	fill(1, 0, 0)
	if len(p.slots) == 0 { // dummy nodes read slot 0
		p.slots = append(p.slots, slot{0, lowKey})
		used[p.slots[0]] = 0
	}
}

// link lays t out with explicit children, parents before children.
func (c *compiled) link(p *Predictor, used map[slot]uint32, t *Tree, w float32) {
	c.depth = -1
	place := make([]int32, len(t.LeftChildren))
	order := []int32{0}
	for i := 0; i < len(order); i++ {
		n := order[i]
		if t.LeftChildren[n] == -1 {
			place[n] = ^int32(len(c.leaves))
			c.leaves = append(c.leaves, weighted(t.SplitConditions[n], w))
			c.ids = append(c.ids, n)
			continue
		}
		place[n] = int32(len(c.links))
		l := p.decision(used, t, n, &c.cats)
		l.left, l.right = t.LeftChildren[n], t.RightChildren[n]
		c.links = append(c.links, l)
		order = append(order, l.left, l.right)
	}
	for i := range c.links {
		l := &c.links[i]
		l.left, l.right = place[l.left], place[l.right]
	}
}

// decision is inner node n of t without its children; a categorical split's
// set is appended to cats.
func (p *Predictor) decision(used map[slot]uint32, t *Tree, n int32, cats *[]uint32) linkedNode {
	set, categorical := t.CategoriesOf(n)
	if !categorical {
		return linkedNode{threshold: orderedKey(t.SplitConditions[n]), slot: p.slotOf(used, t, n), cat: -1}
	}
	l := linkedNode{slot: uint32(t.SplitIndices[n]), cat: int32(len(*cats))}
	if t.DefaultLeft[n] {
		l.threshold = 1
	}
	*cats = append(*cats, bitSet(set)...)
	l.words = int32(len(*cats)) - l.cat
	return l
}

// bitSet makes words of 32 categories each; there is always one word.
func bitSet(set []int32) []uint32 {
	top := int32(0)
	for _, c := range set {
		top = max(top, c)
	}
	words := make([]uint32, top/32+1)
	for _, c := range set {
		words[c/32] |= 1 << (c % 32)
	}
	return words
}

// goesLeft decides a categorical node: chosen categories go right; what is not
// a category (negative, too large) goes left; missing takes the default.
func (l *linkedNode) goesLeft(cats []uint32, v float32) bool {
	switch {
	case v != v:
		return l.threshold == 1
	case v < 0 || v >= maxCategory:
		return true
	}
	i := int32(v)
	return i/32 >= l.words || cats[l.cat+i/32]>>(i%32)&1 == 0
}

// maxCategory is the first number that a float32 category may not have.
const maxCategory = 1 << 24

// size gives the depth of the deepest leaf and the number of leaves.
func (t *Tree) size() (depth, leaves int) {
	type item struct {
		n int32
		d int
	}
	stack := []item{{0, 0}}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if t.LeftChildren[i.n] == -1 {
			depth = max(depth, i.d)
			leaves++
			continue
		}
		stack = append(stack, item{t.LeftChildren[i.n], i.d + 1}, item{t.RightChildren[i.n], i.d + 1})
	}
	return depth, leaves
}

func (t *Tree) categorical() bool { return len(t.CategoriesNodes) > 0 }

// CategoriesOf is the set of categories that node n sends right; ok is false for
// a node without a categorical split.
func (t *Tree) CategoriesOf(n int32) (set []int32, ok bool) {
	if int(n) >= len(t.SplitType) || t.SplitType[n] != 1 {
		return nil, false
	}
	if i, found := slices.BinarySearch(t.CategoriesNodes, n); found {
		from := t.CategoriesSegments[i]
		return t.Categories[from : from+t.CategoriesSizes[i]], true
	}
	return nil, true
}
