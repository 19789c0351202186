package gbtree

import (
	"math"
	"slices"
)

// radixSorter sorts by key in three passes of 11 bits. It is stable, so it may
// stand in for introsort wherever the order of equal keys cannot show.
type radixSorter struct {
	other  []keyed
	counts [3][2048]uint32
}

// sort returns q sorted; the slice returned may be the sorter's own, which then
// keeps q in exchange.
func (r *radixSorter) sort(q []keyed) []keyed {
	if len(q) < 256 {
		slices.SortStableFunc(q, func(a, b keyed) int {
			switch {
			case a.key < b.key:
				return -1
			case a.key > b.key:
				return 1
			}
			return 0
		})
		return q
	}
	r.other = slices.Grow(r.other[:0], cap(q))[:len(q)]
	clear(r.counts[0][:])
	clear(r.counts[1][:])
	clear(r.counts[2][:])
	for i := range q {
		k := ordered(q[i].key)
		r.counts[0][k&2047]++
		r.counts[1][k>>11&2047]++
		r.counts[2][k>>22]++
	}
	src, dst := q, r.other
	for pass := range r.counts {
		c := &r.counts[pass]
		shift := uint(11 * pass)
		if c[ordered(src[0].key)>>shift&2047] == uint32(len(src)) {
			continue // every key has the same digit
		}
		sum := uint32(0)
		for d, n := range c {
			c[d] = sum
			sum += n
		}
		for _, e := range src {
			d := ordered(e.key) >> shift & 2047
			dst[c[d]] = e
			c[d]++
		}
		src, dst = dst, src
	}
	r.other = dst
	return src
}

// ordered maps a float32 that is not NaN to an integer of the same order.
// Positive and negative zero stay apart, in this order.
func ordered(v float32) uint32 {
	b := math.Float32bits(v)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}
