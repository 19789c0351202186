package edge

import (
	"context"
	"math"
	"math/bits"
	"slices"
)

// A cover is found on the binary tree of the sorted keys (the upper bits of
// addresses, one key a unit: an IPv4 address or an IPv6 /64). Whether an inner
// node stands as one entry for all beneath it is a trade: entries saved against
// units hit that were not meant. That is the trade of pruning a decision tree
// by its weakest links (Breiman, Friedman, Olshen, Stone, Classification and
// Regression Trees, 1984, 3.3), with entries for leaves and units hit for the
// error: each node keeps the lower convex hull of what its subtree can offer,
// as steps with rising price, and taking the cheapest steps of all trees gives
// at every point the fewest entries for the error reached.

// step is the replacing of what lies beneath a node by the node itself, given
// that all cheaper steps beneath it are taken.
type step struct {
	extra uint64 // units hit that were not meant, in addition
	saved uint32 // entries saved; at least 1
	known uint32 // known units or addresses hit, in addition
	first uint32 // index of the node's first key
	group uint32 // steps of different groups are independent
	bits  uint8  // length of the node's prefix
}

// compare orders steps by price, extra/saved, exactly.
func (s *step) compare(o *step) int {
	ah, al := bits.Mul64(s.extra, uint64(o.saved))
	bh, bl := bits.Mul64(o.extra, uint64(s.saved))
	switch {
	case ah != bh:
		if ah < bh {
			return -1
		}
		return 1
	case al < bl:
		return -1
	case al > bl:
		return 1
	}
	return 0
}

// order is compare and then, so that the choice is the same everywhere and a
// node comes after those beneath it, by length and place.
func order(a, b step) int {
	if c := a.compare(&b); c != 0 {
		return c
	}
	if a.bits != b.bits {
		return int(b.bits) - int(a.bits)
	}
	if a.first < b.first {
		return -1
	}
	return 1
}

// node is a subtree on the stack.
type node struct {
	first, last uint32 // its keys
	begin, end  int    // its open steps
	known       uint32 // hit when it stands as one entry
	bits        uint8
	ok          bool // may stand as one entry
	full        bool // stands as one entry and hits nothing that was not meant
	complete    bool // each prefix of the widest length in it has a key
}

// cover finds the entries for sorted, distinct keys.
type cover struct {
	n     int
	width int // bits of a key
	key   func(i int) uint64
	// leaf says how many entries key i takes by itself and whether it may be
	// hit as a whole; nil: one, and it is hit as a whole anyway.
	leaf func(i int) (entries int, ok bool)

	lossy    bool
	widest   int // no lossy prefix is shorter, save where complete
	budget   uint64
	maxKnown int
	// knownIn counts what must be spared within a prefix; free says that no
	// forbidden prefix touches it.
	knownIn func(prefix uint64, bits int) int
	free    func(prefix uint64, bits int) bool

	// length[i] is, after run, the length of the entry that begins at key i,
	// where one does; entries hold the keys that share their prefix.
	length []uint8
	// exact is the number of entries without loss, entries with the steps
	// taken; least is what no choice within the budget can go below.
	exact, entries, least int
	extra                 uint64
	known                 int

	steps   []step
	scratch []step
	groups  uint32
	stack   []node
	joins   []uint8
}

func (c *cover) run(ctx context.Context) error {
	c.length = make([]uint8, c.n)
	var prev uint64
	for i := range c.n {
		if i&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k := c.key(i)
		join := 0
		if i > 0 {
			join = bits.LeadingZeros64(prev^k) - (64 - c.width)
			for len(c.stack) > 1 && int(c.joins[len(c.joins)-1]) > join {
				c.join()
			}
		}
		prev = k
		x := node{first: uint32(i), last: uint32(i), begin: len(c.steps), end: len(c.steps), bits: uint8(c.width), ok: true, full: true}
		entries := 1
		if c.leaf != nil {
			entries, x.ok = c.leaf(i)
			x.full = false
		}
		x.complete = c.width <= c.widest
		c.exact += entries
		c.length[i] = uint8(c.width)
		c.stack = append(c.stack, x)
		c.joins = append(c.joins, uint8(join))
	}
	for len(c.stack) > 1 {
		c.join()
	}
	if len(c.stack) == 1 {
		c.settle(&c.stack[0])
	}
	c.take()
	return nil
}

// join puts the two uppermost subtrees under their common node.
func (c *cover) join() {
	top := len(c.stack) - 1
	l, r := &c.stack[top-1], &c.stack[top]
	x := node{first: l.first, last: r.last, bits: c.joins[top]}
	b := int(x.bits)
	extra := c.extraOf(&x)
	halves := int(l.bits) == b+1 && int(r.bits) == b+1
	switch {
	case b >= c.widest:
		x.complete = b == c.widest
	case b+1 == c.widest:
		x.complete = true
	default:
		x.complete = halves && l.complete && r.complete
	}
	switch {
	case extra == 0 && l.full && r.full:
		x.ok, x.full = true, true
		x.begin, x.end = len(c.steps), len(c.steps)
		c.exact--
		c.length[x.first] = x.bits
	case c.may(&x, l, r, extra):
		c.merge(&x, l, r, extra)
	default:
		c.settle(l)
		c.settle(r)
	}
	c.stack[top-1] = x
	c.stack = c.stack[:top]
	c.joins = c.joins[:top]
}

// extraOf is the number of units in a node that have no key.
func (c *cover) extraOf(x *node) uint64 {
	size := uint64(math.MaxUint64)
	if w := c.width - int(x.bits); w < 64 {
		size = 1 << w
	}
	return size - uint64(x.last-x.first) - 1
}

// may says whether a node may stand as one entry, and counts the known in it.
// What holds for a node holds for all beneath it.
func (c *cover) may(x, l, r *node, extra uint64) bool {
	if !c.lossy || !l.ok || !r.ok || extra > c.budget || int(x.bits) < c.widest && !x.complete {
		return false
	}
	prefix := c.key(int(x.first)) &^ (1<<(c.width-int(x.bits)) - 1)
	if c.knownIn != nil {
		k := c.knownIn(prefix, int(x.bits))
		if k > c.maxKnown {
			return false
		}
		x.known = uint32(k)
	}
	x.ok = c.free == nil || c.free(prefix, int(x.bits))
	return x.ok
}

// merge makes a node's hull of those of its halves and its own step.
func (c *cover) merge(x, l, r *node, extra uint64) {
	x.begin = l.begin
	if l.begin < l.end && r.begin < r.end && order(c.steps[l.end-1], c.steps[r.begin]) > 0 {
		c.scratch = append(c.scratch[:0], c.steps[l.begin:l.end]...)
		a, b, out := c.scratch, c.steps[r.begin:r.end], c.steps[l.begin:l.begin]
		for len(a) > 0 && len(b) > 0 {
			if order(a[0], b[0]) <= 0 {
				out, a = append(out, a[0]), a[1:]
			} else {
				out, b = append(out, b[0]), b[1:]
			}
		}
		// What is left of b lies in its place already.
		copy(c.steps[l.begin+len(out):], a)
	}
	own := step{extra: extra - c.whole(l) - c.whole(r), saved: 1, known: x.known - l.known - r.known, first: x.first, bits: x.bits}
	// Dearer steps beneath are not worth taking by themselves.
	for len(c.steps) > x.begin {
		s := &c.steps[len(c.steps)-1]
		if s.compare(&own) <= 0 {
			break
		}
		own.extra += s.extra
		own.saved += s.saved
		own.known += s.known
		c.steps = c.steps[:len(c.steps)-1]
	}
	c.steps = append(c.steps, own)
	x.end = len(c.steps)
}

// whole is what a node hits that was not meant when it stands as one entry.
func (c *cover) whole(x *node) uint64 {
	if x.first == x.last {
		return 0
	}
	return c.extraOf(x)
}

// settle closes a hull: no wider node can change it.
func (c *cover) settle(x *node) {
	if !x.ok || x.begin == x.end {
		return
	}
	for i := x.begin; i < x.end; i++ {
		c.steps[i].group = c.groups
	}
	c.groups++
}

// take takes the cheapest steps that the budgets allow.
func (c *cover) take() {
	slices.SortFunc(c.steps, order)
	c.entries, c.least = c.exact, c.exact
	refused := make([]uint64, (c.groups+63)/64)
	open, left := true, c.budget
	for i := range c.steps {
		s := &c.steps[i]
		if open {
			// The relaxed problem, without the known and with fractions of a
			// step, bounds every choice.
			if s.extra <= left {
				left -= s.extra
				c.least -= int(s.saved)
			} else {
				h, l := bits.Mul64(left, uint64(s.saved))
				q, _ := bits.Div64(h, l, s.extra)
				c.least -= int(q)
				open = false
			}
		}
		word, bit := s.group/64, uint64(1)<<(s.group%64)
		if refused[word]&bit != 0 {
			continue
		}
		if s.extra > c.budget-c.extra || int(s.known) > c.maxKnown-c.known {
			refused[word] |= bit
			continue
		}
		c.extra += s.extra
		c.known += int(s.known)
		c.entries -= int(s.saved)
		c.length[s.first] = min(c.length[s.first], s.bits)
	}
	c.steps, c.scratch, c.stack, c.joins = nil, nil, nil, nil
}
