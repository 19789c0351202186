package webrequest

import "hash/maphash"

// Bounds of a Deriver's memory: sets of four slots, each holding one key of at
// most maxKey bytes. A key is any distinct agent, referer or host; longer ones
// are worked out each time.
const (
	agentSlots   = 1 << 14
	refererSlots = 1 << 14
	hostSlots    = 1 << 11
	maxKey       = 512
)

// ways is the number of slots that a text may be kept in.
const ways = 4

// cache remembers what was worked out for a text. It never grows beyond its
// slots: a new text takes the place of the least recently used one of its set.
// The memory of a slot's key is used again, so that a cache that has been full
// once allocates no more.
type cache[V any] struct {
	seed  maphash.Seed
	slots []slot[V] // made at first use
	size  int
}

type slot[V any] struct {
	hash uint64
	key  []byte // nil: free
	val  V
}

func newCache[V any](size int) *cache[V] {
	return &cache[V]{seed: maphash.MakeSeed(), size: size}
}

// get returns the value of key. If ok is false the value is to be worked out
// and stored in *v, which is nil for a key too long to be kept. *v is valid
// until the next call.
func (c *cache[V]) get(key string) (v *V, ok bool) {
	if len(key) > maxKey {
		return nil, false
	}
	if c.slots == nil {
		c.slots = make([]slot[V], c.size)
	}
	h := maphash.String(c.seed, key)
	i := int(h) & (c.size - 1) &^ (ways - 1)
	set := c.slots[i : i+ways : i+ways]
	for w := range set {
		if s := &set[w]; s.hash == h && s.key != nil && string(s.key) == key {
			if w > 0 {
				toFront(set[:w+1])
			}
			return &set[0].val, true
		}
	}
	toFront(set)
	s := &set[0]
	if s.key == nil {
		s.key = make([]byte, 0, max(len(key), 64))
	}
	s.hash = h
	s.key = append(s.key[:0], key...)
	return &s.val, false
}

// toFront moves the last slot before the others: the slots of a set stand in
// the order of their last use.
func toFront[V any](set []slot[V]) {
	last := len(set) - 1
	s := set[last]
	copy(set[1:], set[:last])
	set[0] = s
}
