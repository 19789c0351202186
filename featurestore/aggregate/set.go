package aggregate

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// inlineHashes is how many distinct values a set holds before it allocates.
// Most addresses send few requests with one agent.
const inlineHashes = 2

// set is a set of non-zero 64-bit hashes: a few in place, then an
// open-addressing table. The zero value is empty.
type set struct {
	n      int32
	inline [inlineHashes]uint64
	table  []uint64 // a power of two long, or nil; 0 is free
}

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
	if s.table == nil {
		for i := range s.inline {
			switch {
			case i == int(s.n):
				s.inline[i] = h
				s.n++
				return 0
			case s.inline[i] == h:
				return 0
			}
		}
		return s.grow(8) + s.add(h)
	}
	mask := len(s.table) - 1
	for i := place(h, len(s.table)); ; i = (i + 1) & mask {
		switch s.table[i] {
		case h:
			return 0
		case 0:
			s.table[i] = h
			s.n++
			if int(s.n)*4 > len(s.table)*3 {
				return s.grow(2 * len(s.table))
			}
			return 0
		}
	}
}

func (s *set) grow(size int) int {
	old, from := s.table, len(s.table)
	s.table = make([]uint64, size)
	mask := size - 1
	put := func(h uint64) {
		i := place(h, size)
		for s.table[i] != 0 {
			i = (i + 1) & mask
		}
		s.table[i] = h
	}
	if old == nil {
		for _, h := range s.inline[:s.n] {
			put(h)
		}
	}
	for _, h := range old {
		if h != 0 {
			put(h)
		}
	}
	return 8 * (size - from)
}

// sorted appends the hashes to dst, ascending.
func (s *set) sorted(dst []uint64) []uint64 {
	from := len(dst)
	if s.table == nil {
		dst = append(dst, s.inline[:s.n]...)
	} else {
		for _, h := range s.table {
			if h != 0 {
				dst = append(dst, h)
			}
		}
	}
	slices.Sort(dst[from:])
	return dst
}

// hourCount is requests in one hour, counted from 1970.
type hourCount struct {
	hour     int32
	requests uint32
}

// hours counts requests per hour, ascending; the first hour in place. An hour
// stands twice where its count overflows 32 bits. The zero value is empty.
type hours struct {
	first hourCount
	rest  []hourCount
}

// add counts one request and gives the bytes of memory that took. Logs are
// nearly in order of time, so the hour is mostly the last one.
func (h *hours) add(hour int32) int {
	if h.first.requests == 0 {
		h.first = hourCount{hour, 1}
		return 0
	}
	if len(h.rest) == 0 && h.first.hour == hour && h.first.requests != 1<<32-1 {
		h.first.requests++
		return 0
	}
	if n := len(h.rest); n > 0 {
		if last := &h.rest[n-1]; last.hour == hour && last.requests != 1<<32-1 {
			last.requests++
			return 0
		}
	}
	return h.insert(hour)
}

func (h *hours) insert(hour int32) int {
	if hour == h.first.hour && h.first.requests != 1<<32-1 {
		h.first.requests++
		return 0
	}
	i, found := slices.BinarySearchFunc(h.rest, hour, func(c hourCount, hour int32) int { return int(c.hour) - int(hour) })
	if found && h.rest[i].requests != 1<<32-1 {
		h.rest[i].requests++
		return 0
	}
	c := hourCount{hour, 1}
	if hour < h.first.hour {
		c, h.first = h.first, c
		i = 0
	}
	from := cap(h.rest)
	h.rest = slices.Insert(h.rest, i, c)
	return 8 * (cap(h.rest) - from)
}
