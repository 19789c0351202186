package webrequest

import "hash/maphash"

// Bounds of a Deriver's memory: sets of two slots, each holding one key of at
// most maxKey bytes. A key is any distinct agent, referer or host; longer ones
// are worked out each time.
const (
	agentSlots   = 1 << 14
	refererSlots = 1 << 14
	hostSlots    = 1 << 11
	maxKey       = 512
)

// cache remembers what was worked out for a text. It never grows beyond its
// slots: a new text takes the place of the less recently used one of its set.
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
	i := int(h) & (c.size - 1) &^ 1
	a, b := &c.slots[i], &c.slots[i+1]
	if a.hash == h && a.key != nil && string(a.key) == key {
		return &a.val, true
	}
	// The first slot of a set is the last one used.
	*a, *b = *b, *a
	if a.hash == h && a.key != nil && string(a.key) == key {
		return &a.val, true
	}
	if a.key == nil {
		a.key = make([]byte, 0, max(len(key), 64))
	}
	a.hash = h
	a.key = append(a.key[:0], key...)
	return &a.val, false
}
