package ensemble

// blockRows is the number of rows that walk a tree together: enough to keep a
// tree's nodes in the first-level cache while they are used, few enough that
// the rows' keys stay there too.
const blockRows = 64

// block is the working memory of one goroutine.
type block struct {
	keys []int32   // slot-major: keys[slot*blockRows+row]
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
		keys: make([]int32, len(p.slots)*blockRows),
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
		b.walk(c)
		sum := &b.sum[c.group]
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
	nodes, keys := c.nodes, b.keys
	inner := uint32(len(nodes))
	for r := uint32(0); r < blockRows; r += 4 {
		var i0, i1, i2, i3 uint32
		for range c.depth {
			n0, n1, n2, n3 := nodes[i0], nodes[i1], nodes[i2], nodes[i3]
			i0 = 2*i0 + 1 + notLess(keys[n0.slot*blockRows+r], n0.threshold)
			i1 = 2*i1 + 1 + notLess(keys[n1.slot*blockRows+r+1], n1.threshold)
			i2 = 2*i2 + 1 + notLess(keys[n2.slot*blockRows+r+2], n2.threshold)
			i3 = 2*i3 + 1 + notLess(keys[n3.slot*blockRows+r+3], n3.threshold)
		}
		at := b.at[r : r+4 : r+4]
		at[0], at[1], at[2], at[3] = int32(i0-inner), int32(i1-inner), int32(i2-inner), int32(i3-inner)
	}
}

// notLess is 1 if key >= threshold, without a branch.
func notLess(key, threshold int32) uint32 {
	var b uint32
	if key >= threshold {
		b = 1
	}
	return b
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
func (p *Predictor) sumRow(keys []int32, row []float32) float32 {
	sum := p.base[0]
	trees := p.trees
	for len(trees) >= 4 && trees[0].depth >= 0 && trees[0].depth == trees[1].depth &&
		trees[0].depth == trees[2].depth && trees[0].depth == trees[3].depth {
		a, b, c, d := trees[0].nodes, trees[1].nodes, trees[2].nodes, trees[3].nodes
		var i0, i1, i2, i3 uint32
		for range trees[0].depth {
			n0, n1, n2, n3 := a[i0], b[i1], c[i2], d[i3]
			i0 = 2*i0 + 1 + notLess(keys[n0.slot], n0.threshold)
			i1 = 2*i1 + 1 + notLess(keys[n1.slot], n1.threshold)
			i2 = 2*i2 + 1 + notLess(keys[n2.slot], n2.threshold)
			i3 = 2*i3 + 1 + notLess(keys[n3.slot], n3.threshold)
		}
		inner := uint32(len(a))
		sum += trees[0].leaves[i0-inner]
		sum += trees[1].leaves[i1-inner]
		sum += trees[2].leaves[i2-inner]
		sum += trees[3].leaves[i3-inner]
		trees = trees[4:]
		if len(trees) == 0 {
			return sum
		}
	}
	for t := range trees {
		sum += trees[t].leaves[trees[t].walkRow(keys, row)]
	}
	return sum
}

// walkRow is the leaf position of one row.
func (c *compiled) walkRow(keys []int32, row []float32) int32 {
	if c.depth >= 0 {
		i := uint32(0)
		for range c.depth {
			n := c.nodes[i]
			i = 2*i + 1 + notLess(keys[n.slot], n.threshold)
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
