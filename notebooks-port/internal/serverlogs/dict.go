package serverlogs

import (
	"slices"
	"sync"
)

// dict numbers the distinct values of a column. Where they take more than
// limit bytes, all are replaced by coarser ones: the same, whatever the order
// of arrival, because each grain is a function of the one before. It may be
// used from several goroutines.
type dict[K comparable] struct {
	size   func(K) int
	coarse func(K, int) K // the value at a grain of 1 or more
	clone  func(K) K
	grains int
	limit  int

	mu     sync.RWMutex
	ids    map[K]uint32
	keys   []K
	parent []uint32
	mark   []uint16 // a set of flags by value, united when values are
	bytes  int
	grain  int
}

// perEntry is what an entry takes beside its value: map, slices, header.
const perEntry = 72

func newDict[K comparable](limit, grains int, size func(K) int, coarse func(K, int) K, clone func(K) K) *dict[K] {
	return &dict[K]{size: size, coarse: coarse, clone: clone, grains: grains, limit: limit, ids: map[K]uint32{}}
}

// at is the value at the present grain.
func (d *dict[K]) at(k K, from int) K {
	for g := from + 1; g <= d.grain; g++ {
		k = d.coarse(k, g)
	}
	return k
}

// id is the number of a value. mark is called for one that is new.
func (d *dict[K]) id(k K, mark func(K) uint16) uint32 {
	d.mu.RLock()
	id, ok := d.ids[d.at(k, 0)]
	d.mu.RUnlock()
	if ok {
		return id
	}
	var flags uint16
	if mark != nil {
		flags = mark(k)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id = d.insert(d.clone(d.at(k, 0)), flags)
	for d.bytes > d.limit && d.grain < d.grains {
		d.coarsen()
		id = d.root(id)
	}
	return id
}

func (d *dict[K]) insert(k K, flags uint16) uint32 {
	if id, ok := d.ids[k]; ok {
		d.mark[id] |= flags
		return id
	}
	id := uint32(len(d.keys))
	d.ids[k] = id
	d.keys = append(d.keys, k)
	d.parent = append(d.parent, id)
	d.mark = append(d.mark, flags)
	d.bytes += d.size(k) + perEntry
	return id
}

func (d *dict[K]) coarsen() {
	old := d.ids
	d.grain++
	d.ids = make(map[K]uint32, len(old)/2)
	d.bytes = 4 * len(d.keys)
	var none K
	for k, id := range old {
		to := d.insert(d.clone(d.coarse(k, d.grain)), d.mark[id])
		d.parent[id] = to
		d.keys[id] = none
	}
}

func (d *dict[K]) root(id uint32) uint32 {
	for d.parent[id] != id {
		id = d.parent[id]
	}
	return id
}

// settle orders the values and gives, for each number handed out, the place of
// its value in that order.
func (d *dict[K]) settle(less func(a, b K) int) (values []K, marks []uint16, place []uint32) {
	live := make([]uint32, 0, len(d.ids))
	for _, id := range d.ids {
		live = append(live, id)
	}
	slices.SortFunc(live, func(a, b uint32) int { return less(d.keys[a], d.keys[b]) })
	place = make([]uint32, len(d.keys))
	values, marks = make([]K, len(live)), make([]uint16, len(live))
	for n, id := range live {
		values[n], marks[n] = d.keys[id], d.mark[id]
		place[id] = uint32(n)
	}
	for id := range d.keys {
		place[id] = place[d.root(uint32(id))]
	}
	d.ids, d.keys, d.parent, d.mark = nil, nil, nil, nil
	return values, marks, place
}
