package gbtree

import "math/bits"

// mt19937 is the 32-bit Mersenne Twister of Matsumoto and Nishimura, seeded as
// the C++ standard library seeds it.
type mt19937 struct {
	state [624]uint32
	next  int
}

func newMT19937(seed uint32) *mt19937 {
	m := &mt19937{next: 624}
	m.state[0] = seed
	for i := 1; i < len(m.state); i++ {
		prev := m.state[i-1]
		m.state[i] = 1812433253*(prev^prev>>30) + uint32(i)
	}
	return m
}

// Uint32 is the next draw.
func (m *mt19937) Uint32() uint32 {
	if m.next == len(m.state) {
		m.refill()
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *mt19937) refill() {
	const n, half = 624, 397
	for i := range m.state {
		y := m.state[i]&0x80000000 | m.state[(i+1)%n]&0x7fffffff
		v := m.state[(i+half)%n] ^ y>>1
		if y&1 != 0 {
			v ^= 0x9908b0df
		}
		m.state[i] = v
	}
	m.next = 0
}

// below is a uniform draw from [0, n) by Lemire's method, as libstdc++ draws
// it from a 32-bit generator.
func (m *mt19937) below(n uint32) uint32 {
	hi, lo := bits.Mul32(m.Uint32(), n)
	if lo < n {
		for threshold := -n % n; lo < threshold; {
			hi, lo = bits.Mul32(m.Uint32(), n)
		}
	}
	return hi
}

// canonical is a double in [0, 1) from two draws, as
// std::generate_canonical<double, 53> makes it.
func (m *mt19937) canonical() float64 {
	lo := float64(m.Uint32())
	hi := float64(m.Uint32())
	v := (lo + float64(hi*0x1p32)) / 0x1p64
	if v >= 1 {
		return 1 - 0x1p-53
	}
	return v
}

// shuffle permutes s as libstdc++'s std::shuffle does for fewer than 65,536
// elements: it spends one draw on two swaps.
func (m *mt19937) shuffle(s []int32) {
	if len(s) == 0 {
		return
	}
	i := 1
	if len(s)%2 == 0 {
		j := m.below(2)
		s[i], s[j] = s[j], s[i]
		i++
	}
	for i < len(s) {
		b := uint32(i) + 1
		v := m.below(b * (b + 1))
		x, y := v/(b+1), v%(b+1)
		s[i], s[x] = s[x], s[i]
		i++
		s[i], s[y] = s[y], s[i]
		i++
	}
}

// sampleRows clears the gradient pairs of the rows that a subsample of the
// given fraction leaves out. It spends one draw of rng unless every row stays.
// Each row has its own step of a Lehmer generator modulo 2^63.
func sampleRows(rng *mt19937, gpair []gradientPair, subsample float32) {
	n := len(gpair)
	if int(float32(n)*subsample) >= n {
		return
	}
	x := uint64(rng.Uint32())
	if x == 0 {
		x = 1
	}
	keep := float64(subsample)
	for i := range gpair {
		x = x * 16807 & (1<<63 - 1)
		if float64(x-1)/0x1p63 >= keep {
			gpair[i] = gradientPair{}
		}
	}
}

// columnSampler answers which features may be used, per tree, level and node.
type columnSampler struct {
	rng                     *mt19937
	bytree, bylevel, bynode float32
	all                     []int32
	tree                    []int32
	levels                  map[int][]int32
}

func newColumnSampler(rng *mt19937, cols int, p *Params) *columnSampler {
	s := &columnSampler{rng: rng, bytree: p.ColsampleByTree, bylevel: p.ColsampleByLevel, bynode: p.ColsampleByNode}
	s.all = make([]int32, cols)
	for i := range s.all {
		s.all[i] = int32(i)
	}
	return s
}

// startTree draws the tree's features.
func (s *columnSampler) startTree() {
	s.levels = nil
	s.tree = s.sample(s.all, s.bytree)
}

// at is the ascending list of features of one node at the given depth. It must
// be called once per evaluated node, in order: it may draw.
func (s *columnSampler) at(depth int) []int32 {
	if s.bylevel == 1 && s.bynode == 1 {
		return s.tree
	}
	level, ok := s.levels[depth]
	if !ok {
		level = s.sample(s.tree, s.bylevel)
		if s.levels == nil {
			s.levels = map[int][]int32{}
		}
		s.levels[depth] = level
	}
	return s.sample(level, s.bynode)
}

func (s *columnSampler) sample(from []int32, fraction float32) []int32 {
	if fraction == 1 {
		return from
	}
	n := max(1, int(fraction*float32(len(from))))
	rng := newMT19937(s.rng.Uint32())
	out := append([]int32(nil), from...)
	rng.shuffle(out)
	out = out[:n]
	sortInt32(out)
	return out
}
