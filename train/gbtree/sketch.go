package gbtree

import (
	"math"
	"slices"
)

// rankEntry is one value of a quantile summary: the weight known to lie before
// it, the weight known to lie up to it, and its own weight.
type rankEntry struct {
	rmin, rmax, w, value float32
}

func (e *rankEntry) rminNext() float32 { return e.rmin + e.w }
func (e *rankEntry) rmaxPrev() float32 { return e.rmax - e.w }

// summary is a weighted quantile summary in ascending order of value, after
// Greenwald and Khanna (SIGMOD 2001) with weights.
type summary []rankEntry

// limitSize is the number of entries that a summary of n values keeps for the
// given number of bins.
func limitSize(n, maxBin int) int {
	if n == 0 {
		return 1
	}
	eps := 1 / float64(min(maxBin, n)) / 2
	for level := 1; ; level++ {
		limit := min(n, int(math.Ceil(float64(level)/eps))+1)
		if uint64(limit)<<level >= uint64(n) {
			return limit
		}
	}
}

// prune thins s in place to at most size entries, evenly spaced in rank.
func (s summary) prune(size int) summary {
	if len(s) <= size {
		return s
	}
	if size <= 1 {
		return s[:size]
	}
	last := len(s) - 1
	begin, span := s[0].rmax, s[last].rmin-s[0].rmax
	n := float32(size - 1)
	tail := s[last]
	left, right := s[1], s[2]
	kept, i, prev := 1, 1, 0
	for k := 1; k < size-1; k++ {
		d := 2 * (float32(float32(k)*span)/n + begin)
		for i < last && d >= right.rmax+right.rmin {
			i++
			left = right
			if i < last {
				right = s[i+1]
			}
		}
		if i == last {
			break
		}
		if d < left.rminNext()+right.rmaxPrev() {
			if i != prev {
				s[kept] = left
				kept++
				prev = i
			}
		} else if i+1 != prev {
			s[kept] = right
			kept++
			prev = i + 1
		}
	}
	if prev != last {
		s[kept] = tail
		kept++
	}
	return s[:kept]
}

// combine writes the union of a and b to dst, which must not overlap them.
func combine(dst, a, b summary) summary {
	if len(a) == 0 {
		return append(dst[:0], b...)
	}
	if len(b) == 0 {
		return append(dst[:0], a...)
	}
	dst = slices.Grow(dst[:0], len(a)+len(b))[:len(a)+len(b)]
	n, i, j := 0, 0, 0
	var aPrev, bPrev float32
	for i < len(a) && j < len(b) {
		x, y := &a[i], &b[j]
		switch {
		case x.value == y.value:
			dst[n] = rankEntry{x.rmin + y.rmin, x.rmax + y.rmax, x.w + y.w, x.value}
			aPrev, bPrev = x.rminNext(), y.rminNext()
			i++
			j++
		case x.value < y.value:
			dst[n] = rankEntry{x.rmin + bPrev, x.rmax + y.rmaxPrev(), x.w, x.value}
			aPrev = x.rminNext()
			i++
		default:
			dst[n] = rankEntry{y.rmin + aPrev, y.rmax + x.rmaxPrev(), y.w, y.value}
			bPrev = y.rminNext()
			j++
		}
		n++
	}
	for bMax := b[len(b)-1].rmax; i < len(a); i, n = i+1, n+1 {
		dst[n] = rankEntry{a[i].rmin + bPrev, a[i].rmax + bMax, a[i].w, a[i].value}
	}
	for aMax := a[len(a)-1].rmax; j < len(b); j, n = j+1, n+1 {
		dst[n] = rankEntry{b[j].rmin + aPrev, b[j].rmax + aMax, b[j].w, b[j].value}
	}
	dst = dst[:n]
	dst.settle()
	return dst
}

// settle makes the ranks non-decreasing again where float32 sums rounded.
func (s summary) settle() {
	var prevMin, prevMax float32
	for i := range s {
		e := &s[i]
		if e.rmin < prevMin {
			e.rmin = prevMin
		} else {
			prevMin = e.rmin
		}
		if e.rmax < prevMax {
			e.rmax = prevMax
		}
		if next := e.rminNext(); e.rmax < next {
			e.rmax = next
		}
		prevMax = e.rmax
	}
}

// sketch summarises one column as its values arrive in row order. Summaries of
// full queues are merged like the digits of a binary counter.
type sketch struct {
	maxBin int
	limit  int
	count  int // values of non-zero weight
	queue  []keyed
	full   int // capacity of the queue
	levels []summary
	temp   summary
	spare  summary
	radix  radixSorter
	// fractional says that queued weights are not all small integers, or that a
	// zero of either sign is queued: then the order of equals matters.
	fractional bool
}

func newSketch(n, maxBin int) *sketch {
	s := &sketch{maxBin: maxBin, limit: limitSize(n, maxBin)}
	s.full = 2 * s.limit
	return s
}

// push adds one value that is not missing.
func (s *sketch) push(v, w float32) {
	if w == 0 {
		return
	}
	s.count++
	if w != 1 || v == 0 && math.Signbit(float64(v)) {
		s.fractional = true
	}
	if n := len(s.queue); n > 0 && s.queue[n-1].key == v {
		q := &s.queue[n-1]
		q.aux = math.Float32bits(math.Float32frombits(q.aux) + w)
		return
	}
	if len(s.queue) == s.full {
		s.flush()
	}
	s.queue = append(s.queue, keyed{v, math.Float32bits(w)})
}

func (s *sketch) flush() {
	if s.fractional {
		introsort(s.queue)
	} else {
		s.queue = s.radix.sort(s.queue)
	}
	s.temp = fromSorted(s.temp, s.queue)
	s.queue = s.queue[:0]
	for l := 0; ; l++ {
		if l == len(s.levels) {
			s.levels = append(s.levels, nil)
		}
		s.temp = s.temp.prune(s.limit)
		if len(s.levels[l]) > 0 {
			s.spare = combine(s.spare, s.temp, s.levels[l])
			s.temp, s.spare = s.spare, s.temp
			s.levels[l] = s.levels[l][:0]
		}
		if len(s.temp) <= s.limit {
			s.levels[l] = append(s.levels[l][:0], s.temp...)
			return
		}
	}
}

// fromSorted writes the exact summary of a sorted queue to dst.
func fromSorted(dst summary, queue []keyed) summary {
	dst = slices.Grow(dst[:0], len(queue))[:len(queue)]
	n := 0
	var sum float32
	for i := 0; i < len(queue); {
		v, w := queue[i].key, math.Float32frombits(queue[i].aux)
		for i++; i < len(queue) && queue[i].key == v; i++ {
			w += math.Float32frombits(queue[i].aux)
		}
		dst[n] = rankEntry{sum, sum + w, w, v}
		n++
		sum += w
	}
	return dst[:n]
}

// summary ends the sketch.
func (s *sketch) summary() summary {
	s.flush()
	size := limitSize(s.count, s.maxBin)
	var out summary
	for _, level := range s.levels {
		if len(level) == 0 {
			continue
		}
		s.spare = combine(s.spare, out, level)
		out = append(out[:0], s.spare.prune(max(size, s.limit))...)
	}
	return out.prune(size)
}

// cuts are the upper bounds of the column's bins, ascending; the last lies
// above every value.
func (s *sketch) cuts() []float32 {
	sum := s.summary()
	n := len(sum)
	if n == 0 {
		return []float32{1e-5}
	}
	last := sum[0].value
	next := sum.above(1, last)
	bins := min(n, s.maxBin)
	cuts := make([]float32, 0, bins+1)
	if n <= bins {
		for next < n {
			last = sum[next].value
			cuts = append(cuts, last)
			next = sum.above(next+1, last)
		}
	} else {
		total := float64(sum[n-1].rmax)
		q := 0
		for i := 1; i < bins; i++ {
			rank := 2 * (float64(i) * total / float64(bins))
			for q < n-2 && rank >= float64(sum[q+1].rmin+sum[q+1].rmax) {
				q++
			}
			at := q + 1
			if rank < float64(sum[q].rminNext()+sum[q+1].rmaxPrev()) {
				at = q
			}
			v := sum[at].value
			if v <= last {
				if next = sum.above(next, last); next == n {
					break
				}
				v = sum[next].value
			} else if next < n && sum[next].value <= v {
				next = sum.above(next+1, v)
			}
			cuts = append(cuts, v)
			last = v
		}
	}
	top := sum[n-1].value
	return append(cuts, top+(abs32(top)+1e-5))
}

// above is the first position at or after from whose value is larger than v.
func (s summary) above(from int, v float32) int {
	for from < len(s) && s[from].value <= v {
		from++
	}
	return from
}

func abs32(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
