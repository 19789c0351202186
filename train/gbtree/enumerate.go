package gbtree

import "math"

// enumerator walks over the bins of one feature of one node.
type enumerator struct {
	r    *regularizer
	node *histNode
	f    int32
	cuts []float32
	best *split
}

// forward tries the upper end of every bin, missing values to the right. It
// returns the sum over the bins.
func (e *enumerator) forward(h []float64) gradStats {
	var left gradStats
	for i := 0; i < len(h); i += 2 {
		if h[i] == 0 && h[i+1] == 0 {
			continue // the same candidate as before: not better
		}
		left = gradStats{left.g + h[i], left.h + h[i+1]}
		right := e.node.sum.sub(left)
		loss := e.r.splitGain(e.f, e.node.bounds, left, right) - e.node.rootGain
		if e.best.replacedBy(loss) {
			*e.best = split{loss, e.f, false, e.cuts[i/2], int32(i / 2), left, right}
		}
	}
	return left
}

// backward tries the lower end of every bin, missing values to the left.
func (e *enumerator) backward(h []float64) {
	var right gradStats
	for i := len(h) - 2; i >= 0; i -= 2 {
		if h[i] == 0 && h[i+1] == 0 {
			continue
		}
		right = gradStats{right.g + h[i], right.h + h[i+1]}
		left := e.node.sum.sub(right)
		loss := e.r.splitGain(e.f, e.node.bounds, left, right) - e.node.rootGain
		if e.best.replacedBy(loss) {
			*e.best = split{loss, e.f, true, e.lower(i / 2), int32(i/2) - 1, left, right}
		}
	}
}

func (e *enumerator) lower(bin int) float32 {
	if bin == 0 {
		return float32(math.Inf(-1))
	}
	return e.cuts[bin-1]
}

// forwardSimple is forward where regularizer.simple holds.
func (e *enumerator) forwardSimple(h []float64) gradStats {
	var (
		g, hs         float64
		sum           = e.node.sum
		lambda        = e.r.lambda
		atLeast       = e.r.minChildWeight
		root, bestYet = e.node.rootGain, e.best.loss
		at            = -1
		bg, bh        float64
	)
	for i := 0; i+1 < len(h); i += 2 {
		if h[i] == 0 && h[i+1] == 0 {
			continue
		}
		g += h[i]
		hs += h[i+1]
		og, oh := sum.g-g, sum.h-hs
		if !(hs > 0 && oh > 0 && hs >= atLeast && oh >= atLeast) {
			continue
		}
		loss := pairGain(g, hs, og, oh, lambda) - root
		if loss > bestYet && loss <= math.MaxFloat32 {
			bestYet, at, bg, bh = loss, i/2, g, hs
		}
	}
	if at >= 0 {
		left := gradStats{bg, bh}
		*e.best = split{bestYet, e.f, false, e.cuts[at], int32(at), left, sum.sub(left)}
	}
	return gradStats{g, hs}
}

// backwardSimple is backward where regularizer.simple holds.
func (e *enumerator) backwardSimple(h []float64) {
	var (
		g, hs         float64
		sum           = e.node.sum
		lambda        = e.r.lambda
		atLeast       = e.r.minChildWeight
		root, bestYet = e.node.rootGain, e.best.loss
		at            = -1
		bg, bh        float64
	)
	for i := len(h) - 2; i >= 0; i -= 2 {
		if h[i] == 0 && h[i+1] == 0 {
			continue
		}
		g += h[i]
		hs += h[i+1]
		og, oh := sum.g-g, sum.h-hs
		if !(hs > 0 && oh > 0 && hs >= atLeast && oh >= atLeast) {
			continue
		}
		loss := pairGain(og, oh, g, hs, lambda) - root
		if loss > bestYet && loss <= math.MaxFloat32 {
			bestYet, at, bg, bh = loss, i/2, g, hs
		}
	}
	if at >= 0 {
		right := gradStats{bg, bh}
		*e.best = split{bestYet, e.f, true, e.lower(at), int32(at) - 1, sum.sub(right), right}
	}
}

// pairGain is the sum of two gains without L1 term, step limit or bounds.
func pairGain(lg, lh, rg, rh, lambda float64) float32 {
	lh += lambda
	rh += lambda
	lw := float32(-lg / lh)
	rw := float32(-rg / rh)
	l := float64(float64(2*lg)*float64(lw)) + float64(lh*float64(float32(lw*lw)))
	r := float64(float64(2*rg)*float64(rw)) + float64(rh*float64(float32(rw*rw)))
	return float32(-l) + float32(-r)
}
