package gbtree

import "math/bits"

// keyed is a number with something that travels along when it is sorted: the
// bits of a weight, or a row.
type keyed struct {
	key float32
	aux uint32
}

// introsort orders s by key exactly as libstdc++'s std::sort does. That sort is
// not stable, and where equal keys carry different weights the order in which
// it leaves them decides the last bit of their float32 sum, so its steps are
// followed one by one: median-of-three quicksort down to 16 elements with a
// depth limit, heap sort beyond it, one insertion sort at the end.
func introsort(s []keyed) {
	if len(s) < 2 {
		return
	}
	introsortLoop(s, 0, len(s), 2*(bits.Len(uint(len(s)))-1))
	const threshold = 16
	if len(s) <= threshold {
		insertionSort(s)
		return
	}
	insertionSort(s[:threshold])
	for i := threshold; i < len(s); i++ {
		linearInsert(s, i)
	}
}

func introsortLoop(s []keyed, first, last, depth int) {
	for last-first > 16 {
		if depth == 0 {
			heapSort(s[first:last])
			return
		}
		depth--
		cut := partitionPivot(s, first, last)
		introsortLoop(s, cut, last, depth)
		last = cut
	}
}

func partitionPivot(s []keyed, first, last int) int {
	mid := first + (last-first)/2
	medianToFirst(s, first, first+1, mid, last-1)
	pivot := s[first].key
	i, j := first+1, last
	for {
		for s[i].key < pivot {
			i++
		}
		j--
		for pivot < s[j].key {
			j--
		}
		if i >= j {
			return i
		}
		s[i], s[j] = s[j], s[i]
		i++
	}
}

func medianToFirst(s []keyed, result, a, b, c int) {
	m := a
	if s[a].key < s[b].key {
		switch {
		case s[b].key < s[c].key:
			m = b
		case s[a].key < s[c].key:
			m = c
		}
	} else {
		switch {
		case s[a].key < s[c].key:
		case s[b].key < s[c].key:
			m = c
		default:
			m = b
		}
	}
	s[result], s[m] = s[m], s[result]
}

func insertionSort(s []keyed) {
	for i := 1; i < len(s); i++ {
		if s[i].key < s[0].key {
			v := s[i]
			copy(s[1:i+1], s[:i])
			s[0] = v
			continue
		}
		linearInsert(s, i)
	}
}

// linearInsert moves s[i] left to its place; some element to the left is not
// larger.
func linearInsert(s []keyed, i int) {
	v := s[i]
	for v.key < s[i-1].key {
		s[i] = s[i-1]
		i--
	}
	s[i] = v
}

func heapSort(s []keyed) {
	n := len(s)
	for parent := (n - 2) / 2; parent >= 0; parent-- {
		adjustHeap(s, parent, n, s[parent])
	}
	for last := n - 1; last > 0; last-- {
		v := s[last]
		s[last] = s[0]
		adjustHeap(s, 0, last, v)
	}
}

// adjustHeap sinks a hole to the bottom and lifts v from there.
func adjustHeap(s []keyed, hole, n int, v keyed) {
	top, child := hole, hole
	for child < (n-1)/2 {
		child = 2*child + 2
		if s[child].key < s[child-1].key {
			child--
		}
		s[hole] = s[child]
		hole = child
	}
	if n%2 == 0 && child == (n-2)/2 {
		child = 2*child + 1
		s[hole] = s[child]
		hole = child
	}
	for hole > top {
		parent := (hole - 1) / 2
		if !(s[parent].key < v.key) {
			break
		}
		s[hole] = s[parent]
		hole = parent
	}
	s[hole] = v
}
