package ensemble

import (
	"math/bits"
	"unsafe"
)

// blockRows is the number of rows that walk a tree together: enough to keep a
// tree's nodes in the first-level cache while they are used, few enough that
// the rows' keys stay there too.
const blockRows = 64

// block is the working memory of one goroutine.
type block struct {
	keys []uint32  // slot-major: keys[slot*blockRows+row]
	x    []float32 // the rows themselves, for categorical splits
	at   [blockRows]int32
	sum  [][blockRows]float32 // by group
	nf   int

	explain *explainer // made when first needed
}

// row is row r of the block.
func (b *block) row(r int) []float32 { return b.x[r*b.nf:][:b.nf] }

func newBlock(p *Predictor) *block {
	return &block{
		keys: make([]uint32, len(p.slots)*blockRows),
		sum:  make([][blockRows]float32, p.groups),
		nf:   p.numFeature,
	}
}

// load transposes n rows into keys. The rest of the block keeps older rows,
// whose answers nobody reads.
func (b *block) load(p *Predictor, x []float32, n int) {
	b.x = x[:n*b.nf]
	for i, s := range p.slots {
		keys := b.keys[i*blockRows:][:blockRows]
		for r := range n {
			keys[r] = s.key(x[r*b.nf+int(s.feature)])
		}
	}
}

// margins adds the trees in file order and writes n*groups margins.
func (b *block) margins(p *Predictor, dst []float32, n int) {
	for g := range b.sum {
		for r := range b.sum[g] {
			b.sum[g][r] = p.base[g]
		}
	}
	for t := range p.trees {
		c := &p.trees[t]
		sum := &b.sum[c.group]
		if c.depth >= 0 {
			b.addPadded(c, sum)
			continue
		}
		b.walkLinked(c)
		for r, at := range b.at[:n] {
			sum[r] += c.leaves[at]
		}
	}
	for g := range b.sum {
		for r := range n {
			dst[r*p.groups+g] = b.sum[g][r]
		}
	}
}

// walk leaves each row's leaf position in at.
func (b *block) walk(c *compiled) {
	if c.depth < 0 {
		b.walkLinked(c)
		return
	}
	size := uint64(len(c.nodes))
	nodes, keys := unsafe.Pointer(unsafe.SliceData(c.nodes)), unsafe.Pointer(unsafe.SliceData(b.keys))
	for r := 0; r < blockRows; r += 4 {
		i0, i1, i2, i3 := walkFour(nodes, unsafe.Add(keys, 4*r), int(c.depth))
		at := (*[4]int32)(b.at[r:])
		at[0], at[1], at[2], at[3] = int32(i0-size), int32(i1-size), int32(i2-size), int32(i3-size)
	}
}

// addPadded adds a padded tree's leaves to the rows' sums.
func (b *block) addPadded(c *compiled, sum *[blockRows]float32) {
	size := uint64(len(c.nodes))
	nodes, keys := unsafe.Pointer(unsafe.SliceData(c.nodes)), unsafe.Pointer(unsafe.SliceData(b.keys))
	leaves := unsafe.Pointer(unsafe.SliceData(c.leaves))
	for r := 0; r < blockRows; r += 4 {
		i0, i1, i2, i3 := walkFour(nodes, unsafe.Add(keys, 4*r), int(c.depth))
		s := (*[4]float32)(sum[r:])
		s[0] += leafAt(leaves, i0-size)
		s[1] += leafAt(leaves, i1-size)
		s[2] += leafAt(leaves, i2-size)
		s[3] += leafAt(leaves, i3-size)
	}
}

func leafAt(leaves unsafe.Pointer, i uint64) float32 {
	return *(*float32)(unsafe.Add(leaves, 4*i))
}

// walkFour takes four neighbouring rows of a block down a padded tree, side by
// side so that their loads overlap, and gives the leaves as node numbers. keys
// points at the first row's key of slot 0.
//
// It reads through unsafe pointers: the bounds checks would cost a quarter of
// the time. compile has made every node's slot one of the block's, and depth
// steps down from node 1 of a complete tree end between 2^depth and
// 2^(depth+1)-1.
func walkFour(nodes, keys unsafe.Pointer, depth int) (i0, i1, i2, i3 uint64) {
	i0, i1, i2, i3 = 1, 1, 1, 1
	for ; depth > 0; depth-- {
		n0 := (*node)(unsafe.Add(nodes, 8*i0))
		n1 := (*node)(unsafe.Add(nodes, 8*i1))
		n2 := (*node)(unsafe.Add(nodes, 8*i2))
		n3 := (*node)(unsafe.Add(nodes, 8*i3))
		i0 = step(i0, *(*uint32)(unsafe.Add(keys, uintptr(n0.offset))), n0.threshold)
		i1 = step(i1, *(*uint32)(unsafe.Add(keys, uintptr(n1.offset)+4)), n1.threshold)
		i2 = step(i2, *(*uint32)(unsafe.Add(keys, uintptr(n2.offset)+8)), n2.threshold)
		i3 = step(i3, *(*uint32)(unsafe.Add(keys, uintptr(n3.offset)+12)), n3.threshold)
	}
	return i0, i1, i2, i3
}

// step is 2*i, plus 1 if key < threshold, without a branch: the comparison's
// borrow is the addition's carry, two instructions where the machine has them.
func step(i uint64, key, threshold uint32) uint64 {
	_, below := bits.Sub64(uint64(key), uint64(threshold), 0)
	i, _ = bits.Add64(i, i, below)
	return i
}

func (b *block) walkLinked(c *compiled) {
	rows := blockRows
	if b.nf > 0 {
		rows = len(b.x) / b.nf
	}
	for r := range rows {
		i := int32(-1)
		if len(c.links) > 0 {
			i = 0
		}
		for i >= 0 {
			l := &c.links[i]
			if l.cat >= 0 {
				if l.goesLeft(c.cats, b.x[r*b.nf+int(l.slot)]) {
					i = l.left
				} else {
					i = l.right
				}
				continue
			}
			if b.keys[l.slot*blockRows+uint32(r)] < l.threshold {
				i = l.left
			} else {
				i = l.right
			}
		}
		b.at[r] = ^i
	}
}

// sumRow is the margin of one row given its keys, four trees at a time so that
// their loads overlap.
func (p *Predictor) sumRow(keys []uint32, row []float32) float32 {
	sum := p.base[0]
	trees := p.trees
	k := unsafe.Pointer(unsafe.SliceData(keys))
	for len(trees) >= 4 {
		a, b, c, d := &trees[0], &trees[1], &trees[2], &trees[3]
		depth := a.depth
		if depth < 0 || b.depth != depth || c.depth != depth || d.depth != depth {
			sum += a.leaves[a.walkRow(keys, row)]
			trees = trees[1:]
			continue
		}
		i0, i1, i2, i3 := walkFourTrees(a, b, c, d, k)
		sum += leafAt(unsafe.Pointer(unsafe.SliceData(a.leaves)), i0)
		sum += leafAt(unsafe.Pointer(unsafe.SliceData(b.leaves)), i1)
		sum += leafAt(unsafe.Pointer(unsafe.SliceData(c.leaves)), i2)
		sum += leafAt(unsafe.Pointer(unsafe.SliceData(d.leaves)), i3)
		trees = trees[4:]
	}
	for t := range trees {
		sum += trees[t].leaves[trees[t].walkRow(keys, row)]
	}
	return sum
}

// walkFourTrees takes one row down four padded trees of the same depth, and
// gives the leaf positions; see walkFour.
func walkFourTrees(a, b, c, d *compiled, keys unsafe.Pointer) (i0, i1, i2, i3 uint64) {
	na, nb := unsafe.Pointer(unsafe.SliceData(a.nodes)), unsafe.Pointer(unsafe.SliceData(b.nodes))
	nc, nd := unsafe.Pointer(unsafe.SliceData(c.nodes)), unsafe.Pointer(unsafe.SliceData(d.nodes))
	i0, i1, i2, i3 = 1, 1, 1, 1
	for depth := a.depth; depth > 0; depth-- {
		n0 := (*node)(unsafe.Add(na, 8*i0))
		n1 := (*node)(unsafe.Add(nb, 8*i1))
		n2 := (*node)(unsafe.Add(nc, 8*i2))
		n3 := (*node)(unsafe.Add(nd, 8*i3))
		i0 = step(i0, *(*uint32)(unsafe.Add(keys, n0.offset/blockRows)), n0.threshold)
		i1 = step(i1, *(*uint32)(unsafe.Add(keys, n1.offset/blockRows)), n1.threshold)
		i2 = step(i2, *(*uint32)(unsafe.Add(keys, n2.offset/blockRows)), n2.threshold)
		i3 = step(i3, *(*uint32)(unsafe.Add(keys, n3.offset/blockRows)), n3.threshold)
	}
	size := uint64(len(a.nodes))
	return i0 - size, i1 - size, i2 - size, i3 - size
}

// walkRow is the leaf position of one row.
func (c *compiled) walkRow(keys []uint32, row []float32) int32 {
	if c.depth >= 0 {
		i := uint64(1)
		for range c.depth {
			n := c.nodes[i]
			i = step(i, keys[n.offset/columnSize], n.threshold)
		}
		return int32(i) - int32(len(c.nodes))
	}
	i := int32(-1)
	if len(c.links) > 0 {
		i = 0
	}
	for i >= 0 {
		l := &c.links[i]
		var left bool
		if l.cat >= 0 {
			left = l.goesLeft(c.cats, row[l.slot])
		} else {
			left = keys[l.slot] < l.threshold
		}
		if left {
			i = l.left
		} else {
			i = l.right
		}
	}
	return ^i
}
