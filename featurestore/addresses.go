package featurestore

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/aggregate"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// AddressSet is a set of addresses in some six bytes each, IPv6 in some fifty.
type AddressSet struct {
	four []uint32 // open addressing, a power of two long; 0 is free
	n    int
	zero bool // 0.0.0.0
	six  map[netip.Addr]struct{}
}

// Add puts an address into the set.
func (s *AddressSet) Add(ip netip.Addr) {
	if !ip.Is4() {
		if s.six == nil {
			s.six = map[netip.Addr]struct{}{}
		}
		s.six[ip] = struct{}{}
		return
	}
	a := ip.As4()
	s.add4(binary.BigEndian.Uint32(a[:]))
}

func (s *AddressSet) add4(ip uint32) {
	if ip == 0 {
		s.zero = true
		return
	}
	if 3*len(s.four) <= 4*s.n {
		s.resize(max(1024, 2*len(s.four)))
	}
	if at := s.slot(ip); s.four[at] == 0 {
		s.four[at] = ip
		s.n++
	}
}

// resize makes the table longer; size is a power of two.
func (s *AddressSet) resize(size int) {
	old := s.four
	s.four = make([]uint32, size)
	for _, x := range old {
		if x != 0 {
			s.four[s.slot(x)] = x
		}
	}
}

// AddAll adds the addresses of another set. A table's addresses come out in the
// order of their places in any shorter one, where they would pile up: so the
// table is as long as the other's first.
func (s *AddressSet) AddAll(o *AddressSet) {
	if len(s.four) < len(o.four) {
		s.resize(len(o.four))
	}
	for ip := range o.All() {
		s.Add(ip)
	}
}

// slot is where an address stands, or would.
func (s *AddressSet) slot(ip uint32) uint32 {
	mask := uint32(len(s.four) - 1)
	at := ip * 0x9e3779b1 >> (32 - bits.Len32(mask))
	for s.four[at] != 0 && s.four[at] != ip {
		at = (at + 1) & mask
	}
	return at
}

// Contains reports whether an address is in the set.
func (s *AddressSet) Contains(ip netip.Addr) bool {
	if !ip.Is4() {
		_, ok := s.six[ip]
		return ok
	}
	a := ip.As4()
	x := binary.BigEndian.Uint32(a[:])
	if x == 0 {
		return s.zero
	}
	return len(s.four) > 0 && s.four[s.slot(x)] == x
}

// Len is the number of addresses.
func (s *AddressSet) Len() int {
	n := s.n + len(s.six)
	if s.zero {
		n++
	}
	return n
}

// All are the addresses, in no order.
func (s *AddressSet) All() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		if s.zero && !yield(netip.IPv4Unspecified()) {
			return
		}
		for _, x := range s.four {
			if x != 0 && !yield(netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)})) {
				return
			}
		}
		for ip := range s.six {
			if !yield(ip) {
				return
			}
		}
	}
}

// addressRuns gathers addresses that come in ascending runs, one for each
// window, most of them known from the runs before: each is looked for a few steps
// behind the last one.
type addressRuns struct {
	known, fresh []uint32 // IPv4; known ascending
	at           int      // in known, of the last one
	last         uint32
	others       AddressSet // IPv6
}

func (r *addressRuns) add(ip netip.Addr) {
	if !ip.Is4() {
		r.others.Add(ip)
		return
	}
	a := ip.As4()
	x := binary.BigEndian.Uint32(a[:])
	if x < r.last {
		r.at = 0
	}
	r.last = x
	lo := r.at
	for step := 1; lo < len(r.known) && r.known[lo] < x; step *= 2 {
		r.at = lo + 1
		lo += step
	}
	for hi := min(lo, len(r.known)); r.at < hi; {
		if mid := int(uint(r.at+hi) >> 1); r.known[mid] < x {
			r.at = mid + 1
		} else {
			hi = mid
		}
	}
	if r.at < len(r.known) && r.known[r.at] == x {
		return
	}
	if r.fresh = append(r.fresh, x); len(r.fresh) > 1<<14+len(r.known)/4 {
		r.join()
	}
}

// join makes fresh addresses known.
func (r *addressRuns) join() {
	r.known = append(r.known, r.fresh...)
	slices.Sort(r.known)
	r.known = slices.Compact(r.known)
	r.fresh, r.at = r.fresh[:0], 0
}

// Addresses are those with rows in the store as it is after a change of files
// and sources: those of months that the change merges from their partials, which
// several goroutines read, those of other months from their rows. Errors:
// Corrupt, Interrupted, those of Apply's check of a change.
func (s *Store) Addresses(ctx context.Context, c *Change) (*AddressSet, error) {
	next := s.Manifest().clone()
	if err := next.apply(c); err != nil {
		return nil, err
	}
	want := next.partialsByMonth()
	out := new(AddressSet)
	merged := map[row.Month]bool{}
	for _, m := range next.pending(want) {
		merged[m] = true
		paths := make([]string, len(want[m]))
		for i, p := range want[m] {
			paths[i] = s.PartialPath(p)
		}
		runs := make([]addressRuns, max(1, c.Threads))
		if err := aggregate.ScanAddresses(ctx, paths, m, len(runs), func(goroutine int, ip netip.Addr) { runs[goroutine].add(ip) }); err != nil {
			return nil, err
		}
		for i := range runs {
			runs[i].join()
			for _, x := range runs[i].known {
				out.add4(x)
			}
			out.AddAll(&runs[i].others)
		}
	}
	for _, m := range s.Months() {
		if merged[m] {
			continue
		}
		if ctx.Err() != nil {
			return nil, fault.As(fault.Interrupted, ctx.Err())
		}
		if err := s.addressesOf(m, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addressesOf adds the addresses of a month's rows, reading their column alone.
func (s *Store) addressesOf(m row.Month, out *AddressSet) error {
	x, err := s.OpenMonth(m)
	if err != nil {
		return err
	}
	defer x.Close()
	rows := int64(0)
	for _, g := range x.groups {
		pages := g.ColumnChunks()[ipColumn].Pages()
		for range g.NumRows() {
			page, err := pages.ReadPage()
			if err != nil {
				break // the end; what is missing shows below
			}
			if page.Type().Kind() == parquet.ByteArray {
				data := page.Data()
				b, ends := data.ByteArray()
				rows += int64(len(ends) - 1)
				for i := 1; i < len(ends); i++ {
					if ip, err := netip.ParseAddr(string(b[ends[i-1]:ends[i]])); err == nil {
						out.Add(ip)
					}
				}
			}
			parquet.Release(page)
		}
		if err := pages.Close(); err != nil {
			return x.corrupt(err)
		}
	}
	if rows != x.Info.Rows {
		return x.corrupt(errors.New("addresses are missing"))
	}
	return nil
}
