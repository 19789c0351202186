package edge

import (
	"net/netip"
	"slices"
)

// comparePrefix orders prefixes by family, address, then the wider first.
func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// canonical is a prefix without host bits and with IPv4-mapped IPv6 as IPv4.
func canonical(p netip.Prefix) (netip.Prefix, bool) {
	if !p.IsValid() || p.Addr().Zone() != "" {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// Merge gives the fewest prefixes that cover the same addresses as ps, sorted
// by address, IPv4 first. Invalid prefixes are left out; ps is not changed.
func Merge(ps []netip.Prefix) []netip.Prefix {
	sorted := make([]netip.Prefix, 0, len(ps))
	for _, p := range ps {
		if p, ok := canonical(p); ok {
			sorted = append(sorted, p)
		}
	}
	slices.SortFunc(sorted, comparePrefix)
	out := sorted[:0]
	for _, p := range sorted {
		if n := len(out); n > 0 && out[n-1].Overlaps(p) {
			continue // the wider came first
		}
		out = append(out, p)
		for n := len(out); n > 1; n-- {
			up, ok := parent(out[n-1])
			if !ok || out[n-2].Bits() != out[n-1].Bits() || !up.Contains(out[n-2].Addr()) {
				break
			}
			out[n-2] = up
			out = out[:n-1]
		}
	}
	return out
}

func parent(p netip.Prefix) (netip.Prefix, bool) {
	if p.Bits() == 0 {
		return p, false
	}
	return netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked(), true
}

// Subtract gives the fewest prefixes that cover what ps covers and minus does
// not, sorted as by Merge.
func Subtract(ps, minus []netip.Prefix) []netip.Prefix {
	ps, minus = Merge(ps), Merge(minus)
	var out []netip.Prefix
	for _, p := range ps {
		// Merged prefixes are disjoint: those within p follow one another.
		i, _ := slices.BinarySearchFunc(minus, p, comparePrefix)
		if i > 0 && minus[i-1].Overlaps(p) {
			i--
		}
		j := i
		for j < len(minus) && minus[j].Overlaps(p) {
			j++
		}
		out = subtract(out, p, minus[i:j])
	}
	return out
}

// subtract appends what is left of p; all of minus overlap it.
func subtract(out []netip.Prefix, p netip.Prefix, minus []netip.Prefix) []netip.Prefix {
	if len(minus) == 0 {
		return append(out, p)
	}
	if minus[0].Bits() <= p.Bits() {
		return out
	}
	lower := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	n := 0
	for n < len(minus) && lower.Overlaps(minus[n]) {
		n++
	}
	out = subtract(out, lower, minus[:n])
	return subtract(out, upperHalf(p), minus[n:])
}

func upperHalf(p netip.Prefix) netip.Prefix {
	b := p.Addr().AsSlice()
	b[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, p.Bits()+1)
}
