package aggregate

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"sluice/featurestore/attack"
)

// groupKey is a window's index and an address as 128 bits; canonical IPv4
// addresses stand in their mapped form, which no canonical IPv6 address has.
type groupKey struct {
	hi, lo uint64
	window int64
}

func keyOf(window int32, ip netip.Addr) groupKey {
	a := ip.As16()
	return groupKey{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:]), int64(window)}
}

func (k groupKey) is4() bool { return k.hi == 0 && k.lo>>32 == 0xffff }

func (k groupKey) addr() netip.Addr {
	var a [16]byte
	if k.is4() {
		return netip.AddrFrom4([4]byte{byte(k.lo >> 24), byte(k.lo >> 16), byte(k.lo >> 8), byte(k.lo)})
	}
	binary.BigEndian.PutUint64(a[:8], k.hi)
	binary.BigEndian.PutUint64(a[8:], k.lo)
	return netip.AddrFrom16(a).Unmap()
}

// compare is the order of row keys: window, IPv4 before IPv6, number.
func (k groupKey) compare(o groupKey) int {
	if c := cmp.Compare(k.window, o.window); c != 0 {
		return c
	}
	if a, b := k.is4(), o.is4(); a != b {
		if a {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo))
}

const (
	// States are allocated in chunks, so that none ever moves.
	chunkStates = 128
	firstIndex  = 64
)

// chunk holds states, and doings where behaviour is counted. The runtime puts 8
// bytes before what has pointers and is of this size: with the room in front
// states and doings begin where cache lines do.
type chunk struct {
	_      [64 - 8]byte
	states [chunkStates]state
	doings *doingsChunk
}

type doingsChunk struct {
	_  [64 - 8]byte
	of [chunkStates]doings
}

// pane is the groups of one attack window while requests come in. Logs are
// nearly in order of time, so with short windows nearly all requests go to one
// pane, which stays in the processor's cache however many groups there are.
type pane struct {
	window  int32
	index   []uint32 // a power of two long: number of a state and 1; 0 is free
	chunks  []*chunk
	n       int   // groups
	bytes   int64 // of memory beyond the chunks, about
	touched int64 // number of the request that was counted last
}

func (p *pane) at(i int) (*state, *doings) {
	c := p.chunks[i/chunkStates]
	if c.doings == nil {
		return &c.states[i%chunkStates], nil
	}
	return &c.states[i%chunkStates], &c.doings.of[i%chunkStates]
}

func (p *pane) slot(hi, lo uint64) int {
	h := lo ^ hi*0x9e3779b97f4a7c15
	return place(h, len(p.index))
}

// get finds or makes the state of an address.
func (p *pane) get(hi, lo uint64, s *shard) (*state, *doings) {
	mask := len(p.index) - 1
	at := p.slot(hi, lo)
	for ; p.index[at] != 0; at = (at + 1) & mask {
		if st, do := p.at(int(p.index[at] - 1)); st.lo == lo && st.hi == hi {
			return st, do
		}
	}
	if p.n == len(p.chunks)*chunkStates {
		p.chunks = append(p.chunks, s.chunk())
	}
	st, do := p.at(p.n)
	st.hi, st.lo = hi, lo
	p.n++
	p.index[at] = uint32(p.n)
	if 2*p.n > len(p.index) {
		p.grow()
	}
	return st, do
}

func (p *pane) grow() {
	p.bytes += 4 * int64(len(p.index))
	p.index = make([]uint32, 2*len(p.index))
	mask := len(p.index) - 1
	for i := range p.n {
		st, _ := p.at(i)
		at := p.slot(st.hi, st.lo)
		for p.index[at] != 0 {
			at = (at + 1) & mask
		}
		p.index[at] = uint32(i + 1)
	}
}

// sorted are the numbers of the pane's states in order of addresses.
func (p *pane) sorted(dst []uint64) []uint64 {
	dst = dst[:0]
	six := false
	for i := range p.n {
		st, _ := p.at(i)
		six = six || st.hi != 0 || st.lo>>32 != 0xffff
		dst = append(dst, st.lo<<32|uint64(i))
	}
	if !six {
		slices.Sort(dst)
		for i := range dst {
			dst[i] &= 1<<32 - 1
		}
		return dst
	}
	for i := range dst {
		dst[i] = uint64(i)
	}
	slices.SortFunc(dst, func(a, b uint64) int {
		x, _ := p.at(int(a))
		y, _ := p.at(int(b))
		return x.key(0).compare(y.key(0))
	})
	return dst
}

// shard holds the groups of one worker: panes, and what was sealed of them.
type shard struct {
	panes     map[int32]*pane
	last      *pane // where the last request went
	behaviour bool
	requests  int64
	segments  []segment
	free      []*chunk
	spare     spares
	order     []uint64
	scratch   Group
	word      uint64 // of fetch, so that it is not left out
	buf       blocks

	// Bytes of memory, about: of chunks, free ones among them; of panes beyond
	// their chunks; of segments in memory.
	held, open, sealed int64
}

func (s *shard) memory() int64 { return s.held + s.open + s.sealed + s.spare.bytes }

// chunk gives an empty chunk.
func (s *shard) chunk() *chunk {
	if n := len(s.free); n > 0 {
		c := s.free[n-1]
		s.free = s.free[:n-1]
		return c
	}
	c := new(chunk)
	s.held += chunkStates * stateBytes
	if s.behaviour {
		c.doings = new(doingsChunk)
		s.held += chunkStates * doingsBytes
	}
	return c
}

func (s *shard) pane(window int32) *pane {
	if p := s.last; p != nil && p.window == window {
		return p
	}
	p := s.panes[window]
	if p == nil {
		if s.panes == nil {
			s.panes = map[int32]*pane{}
		}
		p = &pane{window: window, index: make([]uint32, firstIndex), bytes: 4 * firstIndex}
		s.panes[window] = p
		s.open += p.bytes
	}
	s.last = p
	return p
}

// add counts one request in a window.
func (s *shard) add(window int32, hi, lo uint64, c *counted, f *facts) {
	p := s.pane(window)
	p.touched = s.requests
	from := p.bytes
	st, do := p.get(hi, lo, s)
	p.bytes += int64(st.add(c, f, do, &s.spare))
	s.open += p.bytes - from
}

// fetched is how many states are asked of memory at once.
const fetched = 16

// fetch reads a word of each cache line of some states, which lie anywhere:
// together they wait for memory once.
func (s *shard) fetch(p *pane, of []uint64) {
	for _, i := range of {
		st, do := p.at(int(i))
		s.word ^= st.lo ^ st.queries.inline[1]
		if do != nil {
			s.word ^= do.path[0]
		}
	}
	if !s.behaviour {
		return
	}
	for _, i := range of { // what the few have that doesn't fit
		_, do := p.at(int(i))
		if do.paths != nil {
			s.word ^= do.paths.slots[0].Hash
		}
		if do.moments != nil {
			s.word ^= uint64(do.moments.seconds[0])
		}
	}
}

// seal turns a pane into a segment.
func (s *shard) seal(p *pane, start int64) {
	s.order = p.sorted(s.order)
	s.buf.reset(start)
	for k, i := range s.order {
		if k%fetched == 0 {
			s.fetch(p, s.order[k:min(k+fetched, len(s.order))])
		}
		st, do := p.at(int(i))
		st.group(&s.scratch, do)
		s.buf.add(st.key(0).addr(), &s.scratch)
		if do != nil {
			s.spare.take(do)
		}
	}
	s.buf.close()
	data := slices.Clone(s.buf.out)
	s.segments = append(s.segments, segment{window: p.window, records: int64(p.n), data: data, n: int64(len(data))})
	s.sealed += int64(len(data))
	s.open -= p.bytes
	for _, c := range p.chunks {
		c.states = [chunkStates]state{}
		if c.doings != nil {
			c.doings.of = [chunkStates]doings{}
		}
	}
	s.free = append(s.free, p.chunks...)
	delete(s.panes, p.window)
	s.last = nil
}

// sealAll seals the panes for which want is true, in order of windows.
func (s *shard) sealAll(set *attack.Set, want func(*pane) bool) {
	var ps []*pane
	for _, p := range s.panes {
		if want(p) {
			ps = append(ps, p)
		}
	}
	slices.SortFunc(ps, func(a, b *pane) int { return cmp.Compare(a.window, b.window) })
	for _, p := range ps {
		s.seal(p, set.Window(p.window).Start)
	}
}

// coldAfter is how many requests of a worker later a pane that got none of them
// is sealed: its window is over, as far as the log is in order of time.
const coldAfter = 1 << 15

func (s *shard) cold(p *pane) bool { return p.touched < s.requests-coldAfter }

// relieve seals panes, cold ones if that is enough, once limit bytes are used
// up; it is true where segments should go to disk.
func (s *shard) relieve(set *attack.Set, limit int64) bool {
	if s.memory() <= limit || len(s.free) > 0 && s.open+s.sealed <= limit/2 {
		return false
	}
	if s.sealAll(set, s.cold); len(s.free) == 0 || s.open > limit/2 {
		s.sealAll(set, func(*pane) bool { return true })
	}
	return s.sealed > limit/4
}
