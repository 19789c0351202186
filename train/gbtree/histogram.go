package gbtree

// A histogram is, per feature and bin, the sums of the gradients and of the
// hessians of a node's rows: 2*stride numbers a feature, pairs in bin order.
// Every sum runs over the rows in ascending order in float64, whatever the
// number of threads, because a feature of a node is summed by one goroutine.
type histogram []float64

// sumChunk is how many rows go through one block after the other: what they
// bring into the second-level cache is used by all blocks.
const sumChunk = 2048

// sumBlocks fills the parts of the histogram that belong to the blocks.
func (q *quantized) sumBlocks(hist histogram, blocks []binBlock, gpair []gradientPair, rows []uint32) {
	first, last := &blocks[0], &blocks[len(blocks)-1]
	clear(hist[2*first.first*q.stride : 2*(last.first+last.n)*q.stride])
	if len(rows) == 0 {
		return
	}
	// Rows close together are fetched by the processor itself.
	sparse := int(rows[len(rows)-1]-rows[0]) > 2*len(rows)
	for len(rows) > 0 {
		chunk := rows[:min(sumChunk, len(rows))]
		for i := range blocks {
			b := &blocks[i]
			h := hist[2*b.first*q.stride : 2*(b.first+b.n)*q.stride]
			switch {
			case q.stride == narrowStride && q.sumFast(h, b, gpair, rows, len(chunk), sparse && i == 0):
			case b.wide:
				sumRows(h, q.wide[b.offset:], gpair, chunk, b.n, q.wideWidth, q.stride)
			default:
				sumRows(h, q.narrow[b.offset:], gpair, chunk, b.n, q.narrowWidth, q.stride)
			}
		}
		rows = rows[len(chunk):]
	}
}

// sumRows is the kernel for every layout and processor.
func sumRows[T uint8 | uint16](hist histogram, bins []T, gpair []gradientPair, rows []uint32, n, width, stride int) {
	for _, r := range rows {
		p := gpair[r]
		g, h := float64(p.g), float64(p.h)
		row := bins[int(r)*width:][:n]
		at := hist
		for k, b := range row {
			slot := at[2*(k*stride+int(b)):][:2]
			slot[0] += g
			slot[1] += h
		}
	}
}

// subtract sets dst = parent - built.
func subtract(dst, parent, built histogram) {
	parent = parent[:len(dst)]
	built = built[:len(dst)]
	for i := range dst {
		dst[i] = parent[i] - built[i]
	}
}

// findSplit looks through the features of a node, in order, for the split that
// removes most loss.
func (q *quantized) findSplit(r *regularizer, hist histogram, n *histNode, features []int32) split {
	var best split
	for _, f := range features {
		if !n.path.allows(f) {
			continue
		}
		nb := q.nbins(int(f))
		h := hist[2*int(f)*q.stride:][:2*nb]
		e := enumerator{r: r, node: n, f: f, best: &best, cuts: q.cuts.of(int(f))}
		var total gradStats
		if r.simple() {
			total = e.forwardSimple(h)
		} else {
			total = e.forward(h)
		}
		if total != n.sum {
			if r.simple() {
				e.backwardSimple(h)
			} else {
				e.backward(h)
			}
		}
	}
	return best
}
