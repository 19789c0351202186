package rules

import (
	"context"
	"runtime"
	"sync"

	"sluice/featurestore/fault"
)

// bestF1 finds the pair of thresholds with the greatest F1, exactly.
//
// F1 = 2 tp / (flagged + positives) is a ratio of two linear functions, so W.
// Dinkelbach's method ("On nonlinear fractional programming", Management
// Science 13, 1967) applies: with the best ratio a/b so far, maximise
// 2 b tp - a (flagged + positives); a greater value than 0 is a better rule,
// 0 proves the last one best. Each step is a sum of integer row weights over
// a quadrant, maximised over all quadrants by sweeping one threshold while a
// segment tree keeps the best prefix over the other: O(n log n) for each of
// the eight combinations, in integers, so that nothing is rounded.
func (d *data) bestF1(ctx context.Context, threads int) (candidate, error) {
	if len(d.distinct[0]) == 0 || len(d.distinct[1]) == 0 {
		return candidate{}, fault.New(fault.Invalid, "rules: request_count or response_size_mean is missing in every training row: want logs that have both")
	}
	num, den := int64(0), int64(1)
	var best candidate
	for step := 0; ; step++ {
		c, value, err := d.heaviest(ctx, threads, 2*den-num, -num)
		if err != nil {
			return best, err
		}
		// In the first step any rule with a true positive is better than
		// none, so a rule is always found.
		if step > 0 && value-num*int64(d.pos) <= 0 {
			return best, nil
		}
		best = c
		_, fit := d.count(best)
		num, den = 2*int64(fit.TP), 2*int64(fit.TP)+int64(fit.FP)+int64(fit.FN)
	}
}

// heaviest is the rule of the greatest sum of weights of flagged rows, wPos for
// a row labelled True and wNeg for one labelled False, among all pairs of
// thresholds in all eight combinations; among equals the first combination's.
// Both columns have values.
func (d *data) heaviest(ctx context.Context, threads int, wPos, wNeg int64) (candidate, int64, error) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	type answer struct {
		c     candidate
		value int64
	}
	combos := combinations()
	answers := make([]answer, len(combos))
	gate := make(chan struct{}, threads)
	var wg sync.WaitGroup
	for i, c := range combos {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if ctx.Err() != nil {
				return
			}
			k, v := d.bestQuadrant(c, wPos, wNeg)
			answers[i] = answer{candidate{c, k}, v}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return candidate{}, 0, fault.As(fault.Interrupted, err)
	}
	top := answers[0]
	for _, a := range answers[1:] {
		if a.value > top.value {
			top = a
		}
	}
	return top.c, top.value, nil
}

// bestQuadrant maximises the sum of weights of flagged rows, wPos for a row
// labelled True and wNeg for one labelled False, over both thresholds.
func (d *data) bestQuadrant(c combination, wPos, wNeg int64) (k [2]int, value int64) {
	weight := func(i int32) int64 {
		if d.labels[i] {
			return wPos
		}
		return wNeg
	}
	t := newPrefixTree(len(d.distinct[1]))
	var base int64
	if c.or {
		// What the second condition can add is the rows that the first does
		// not flag: all of them before the sweep.
		for i := range d.labels {
			if at := d.depth(1, c.op[1], int32(i)); at > 0 {
				t.leaf(at-1, weight(int32(i)))
			}
		}
		t.build()
	}
	order := d.order[0]
	found := false
	step := func(p int) int32 {
		if c.op[0] == AtMost {
			return order[p]
		}
		return order[len(order)-1-p]
	}
	for p := 0; p < len(order); {
		depth := d.depth(0, c.op[0], step(p))
		for ; p < len(order); p++ {
			i := step(p)
			if d.depth(0, c.op[0], i) != depth {
				break
			}
			w := weight(i)
			at := d.depth(1, c.op[1], i)
			switch {
			case c.or:
				base += w
				if at > 0 {
					t.add(at-1, -w)
				}
			case at > 0:
				t.add(at-1, w)
			}
		}
		if sum, upTo := t.best(); !found || base+sum > value {
			found = true
			value = base + sum
			k = [2]int{depth, upTo + 1}
		}
	}
	return k, value
}

// prefixTree keeps the greatest sum over non-empty prefixes of an array under
// point updates, each in O(log n).
type prefixTree struct {
	size  int
	nodes []prefixNode // node 1 the root, leaves from size on
}

type prefixNode struct {
	sum  int64
	best int64 // greatest sum over non-empty prefixes of the node's leaves
	end  int32 // last index of that prefix, the first such
}

// unreachable is less than any sum and can still be added to.
const unreachable = -1 << 61

func newPrefixTree(n int) *prefixTree {
	size := 1
	for size < n {
		size *= 2
	}
	t := &prefixTree{size: size, nodes: make([]prefixNode, 2*size)}
	for i := range size {
		t.nodes[size+i].end = int32(i)
		if i >= n {
			t.nodes[size+i].best = unreachable
		}
	}
	t.build()
	return t
}

func (t *prefixTree) leaf(i int, w int64) {
	n := &t.nodes[t.size+i]
	n.sum += w
	n.best = n.sum
}

func (t *prefixTree) build() {
	for i := t.size - 1; i >= 1; i-- {
		t.pull(i)
	}
}

func (t *prefixTree) pull(i int) {
	l, r := &t.nodes[2*i], &t.nodes[2*i+1]
	n := &t.nodes[i]
	n.sum = l.sum + r.sum
	n.best, n.end = l.best, l.end
	if v := l.sum + r.best; v > n.best {
		n.best, n.end = v, r.end
	}
}

func (t *prefixTree) add(i int, w int64) {
	t.leaf(i, w)
	for i = (t.size + i) / 2; i >= 1; i /= 2 {
		t.pull(i)
	}
}

func (t *prefixTree) best() (sum int64, end int) { return t.nodes[1].best, int(t.nodes[1].end) }
