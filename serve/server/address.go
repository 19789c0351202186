package server

import (
	"net/netip"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// parseIP reads an address as a caller writes it. What is no address may be
// anything, so the error does not repeat it.
func parseIP(field, s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		if s == "" {
			return a, fault.Field(fault.Invalid, field, "%s: an IP address is missing", field)
		}
		return a, fault.Field(fault.Invalid, field, "%s: not an IP address; want IPv4 or IPv6, as in 192.0.2.1 or 2001:db8::1", field)
	}
	c, ok := row.Canonical(a)
	if !ok {
		return a, fault.Field(fault.Invalid, field, "%s: an address with a zone names an interface, not a host; leave out what follows the %%", field)
	}
	return c, nil
}

// parseIPName reads "ips/192.0.2.1".
func parseIPName(field, name string) (netip.Addr, error) {
	id, err := resource(field, name, ipsPrefix)
	if err != nil {
		return netip.Addr{}, fault.Field(fault.Invalid, field, `%s: want "ips/" and an IP address, as in ips/192.0.2.1`, field)
	}
	return parseIP(field, id)
}

// Prefixes wider than these are refused: a call must not walk the whole feed.
const (
	widestPrefix4 = 24
	widestPrefix6 = 48
)

// parsePrefix reads "192.0.2.0/24".
func parsePrefix(s string) (netip.Prefix, error) {
	const field = "prefix"
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fault.Field(fault.Invalid, field, "prefix: want CIDR form, as in 192.0.2.0/24 or 2001:db8:1::/48")
	}
	switch a := p.Addr(); {
	case a.Is4In6():
		return p, fault.Field(fault.Invalid, field, "prefix: write an IPv4 prefix as such, not IPv4-mapped")
	case a.Is4() && p.Bits() < widestPrefix4:
		return p, fault.Field(fault.Invalid, field, "prefix: /%d is too wide; want /24 to /32", p.Bits())
	case a.Is6() && p.Bits() < widestPrefix6:
		return p, fault.Field(fault.Invalid, field, "prefix: /%d is too wide; want /48 to /128", p.Bits())
	case p.Masked() != p:
		return p, fault.Field(fault.Invalid, field, "prefix: it has bits set beyond /%d", p.Bits())
	}
	return p, nil
}

// lastAddr is the last address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		fillHost(b[:], p.Bits())
		return netip.AddrFrom4(b)
	}
	b := p.Addr().As16()
	fillHost(b[:], p.Bits())
	return netip.AddrFrom16(b)
}

func fillHost(b []byte, bits int) {
	for i := bits; i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
}
