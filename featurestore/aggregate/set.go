package aggregate

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"unsafe"
)

// inlineHashes is how many distinct values a set holds before it allocates.
// Most addresses send few requests with one agent.
const inlineHashes = 2

// set is a set of non-zero 64-bit hashes: a few in place, then an
// open-addressing table. The zero value is empty.
type set struct {
	inline [inlineHashes]uint64 // 0 is free
	table  *table               // of all, once they don't fit
}

type table struct {
	n     int
	slots []uint64 // a power of two long; 0 is free
}

const tableBytes = int(unsafe.Sizeof(table{}))

// tableSeed places hashes in tables. The hashes' key is public, so values can
// be crafted whose hashes agree in any 20 bits; without a secret they would
// all land on one place and make every look-up a walk. What is written is
// sorted, so the seed shows nowhere.
var tableSeed = rand.Uint64() | 1

func place(h uint64, size int) int {
	return int((h ^ h>>32) * tableSeed >> (64 - uint(bits.Len(uint(size-1)))))
}

// add puts h into the set and gives the bytes of memory that took.
func (s *set) add(h uint64) int {
	if s.table != nil {
		return s.table.add(h)
	}
	for i := range s.inline {
		switch s.inline[i] {
		case h:
			return 0
		case 0:
			s.inline[i] = h
			return 0
		}
	}
	s.table = &table{slots: make([]uint64, 8)}
	for _, x := range s.inline {
		s.table.add(x)
	}
	s.table.add(h)
	return tableBytes + 8*8
}

func (t *table) add(h uint64) int {
	mask := len(t.slots) - 1
	for i := place(h, len(t.slots)); ; i = (i + 1) & mask {
		switch t.slots[i] {
		case h:
			return 0
		case 0:
			t.slots[i] = h
			t.n++
			if t.n*4 > len(t.slots)*3 {
				return t.grow()
			}
			return 0
		}
	}
}

func (t *table) grow() int {
	old := t.slots
	size := 2 * len(old)
	t.slots = make([]uint64, size)
	for _, h := range old {
		if h == 0 {
			continue
		}
		i := place(h, size)
		for t.slots[i] != 0 {
			i = (i + 1) & (size - 1)
		}
		t.slots[i] = h
	}
	return 8 * (size - len(old))
}

// sorted appends the hashes to dst, ascending.
func (s *set) sorted(dst []uint64) []uint64 {
	from := len(dst)
	values := s.inline[:]
	if s.table != nil {
		values = s.table.slots
	}
	for _, h := range values {
		if h != 0 {
			dst = append(dst, h)
		}
	}
	if len(dst)-from > 1 {
		slices.Sort(dst[from:])
	}
	return dst
}
