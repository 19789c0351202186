package feed

import (
	"math"
	"net/netip"
)

var missing = math.NaN()

// Cursor walks an index in the order of addresses.
type Cursor struct {
	x     *Index
	f     *family
	block int     // the one after d
	d     decoder // what is left of the present block
	key   []byte  // skip addresses below it; nil once reached
	err   error
}

// Cursor starts at the first address that is not below from; the zero address
// starts at the beginning.
func (x *Index) Cursor(from netip.Addr) *Cursor {
	c := &Cursor{x: x, f: &x.v4}
	from = from.Unmap()
	switch {
	case from.Is4():
		k := from.As4()
		c.key = k[:]
		c.block = max(0, c.f.blockOf(c.key))
	case from.Is6():
		k := from.As16()
		c.f, c.key = &x.v6, k[:]
		c.block = max(0, c.f.blockOf(c.key))
	}
	return c
}

// Next decodes the next line into l, whose slices it uses again. It returns
// false at the end and after an error, which Err tells.
func (c *Cursor) Next(l *Line) bool {
	ip, payload := c.next()
	if payload == nil {
		return false
	}
	c.err = c.x.decode(payload, ip, l)
	return c.err == nil
}

// next is the next record; payload is nil at the end.
func (c *Cursor) next() (netip.Addr, []byte) {
	for c.err == nil {
		if len(c.d.b) == 0 {
			if c.block*8 >= len(c.f.offsets) {
				if c.f == &c.x.v6 {
					return netip.Addr{}, nil
				}
				c.f, c.block, c.key = &c.x.v6, 0, nil
				continue
			}
			d, ok := c.f.block(c.block)
			if !ok || len(d.b) == 0 {
				c.err = corruptIndex(c.x.name, "block %d does not fit", c.block)
				break
			}
			c.d = d
			c.block++
		}
		k, payload := c.d.record(c.f.width)
		if c.d.bad || len(payload) == 0 {
			c.err = corruptIndex(c.x.name, "block %d does not fit", c.block-1)
			break
		}
		if c.key != nil && compareKeys(k, c.key) < 0 {
			continue
		}
		c.key = nil
		ip, _ := netip.AddrFromSlice(k)
		return ip, payload
	}
	return netip.Addr{}, nil
}

// Err is what ended the walk early, or nil.
func (c *Cursor) Err() error { return c.err }
