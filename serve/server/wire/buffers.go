package wire

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc/mem"
)

// Buffers holds messages in powers of two, from 256 bytes to 16 MiB; what is
// larger is not kept. gRPC's own pool has nothing between 32 kB and 1 MB, and
// clears a whole buffer before each use: 20 times the bytes of a message of
// 1,000 rows. A buffer of this pool holds what was there before, so whoever
// takes one writes it before reading it.
var Buffers mem.BufferPool = &buffers{}

const (
	leastPower = 8
	mostPower  = 24
)

type buffers struct {
	pools [mostPower + 1]sync.Pool // by the power of two
}

// Get gives a buffer of n bytes.
func (p *buffers) Get(n int) *[]byte {
	power := max(bits.Len(uint(max(n, 1)-1)), leastPower)
	if power > mostPower {
		b := make([]byte, n)
		return &b
	}
	if b, ok := p.pools[power].Get().(*[]byte); ok {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, 1<<power)
	return &b
}

// Put takes a buffer back. Its capacity says where it belongs, so that one of
// an odd size, which is not Get's, is let go.
func (p *buffers) Put(b *[]byte) {
	c := cap(*b)
	power := bits.Len(uint(c)) - 1
	if c == 0 || c != 1<<power || power < leastPower || power > mostPower {
		return
	}
	p.pools[power].Put(b)
}
