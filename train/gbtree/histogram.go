package gbtree

// A histogram is, per feature and bin, the sums of the gradients and of the
// hessians of a node's rows: 2*stride numbers a feature, pairs in bin order.
// Every sum runs over the rows in ascending order in float64, whatever the
// number of threads, because a feature of a node is summed by one goroutine.
type histogram []float64

// sumBlock adds the rows to the block's part of the histogram.
func (q *quantized) sumBlock(hist histogram, b *binBlock, gpair []gradientPair, rows []uint32) {
	hist = hist[2*b.first*q.stride : 2*(b.first+b.n)*q.stride]
	clear(hist)
	switch {
	case len(rows) == 0:
	case q.stride == narrowStride && sumFast(hist, b, gpair, rows):
	case b.narrow != nil:
		sumRows(hist, b.narrow, gpair, rows, b.n, q.stride)
	default:
		sumRows(hist, b.wide, gpair, rows, b.n, q.stride)
	}
}

// sumRows is the kernel for every layout and processor.
func sumRows[T uint8 | uint16](hist histogram, bins []T, gpair []gradientPair, rows []uint32, n, stride int) {
	for _, r := range rows {
		p := gpair[r]
		g, h := float64(p.g), float64(p.h)
		row := bins[int(r)*n:][:n]
		at := hist
		for _, b := range row {
			slot := at[2*int(b):][:2]
			slot[0] += g
			slot[1] += h
			at = at[2*stride:]
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
