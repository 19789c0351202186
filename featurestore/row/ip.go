package row

import (
	"net/netip"
	"strings"
)

// Canonical is the form under which an address is a key: IPv4-mapped IPv6
// becomes IPv4. An address with a zone names an interface, not a host on the
// network: ok is false.
func Canonical(a netip.Addr) (_ netip.Addr, ok bool) {
	if !a.IsValid() || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// ParseIP reads an address in its canonical form.
func ParseIP(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return Canonical(a)
}

// Mask is the address as it may be shown: IPv4 without its last octet
// ("192.0.2.xxx"), IPv6 as its /64 ("2001:db8::/64").
func Mask(a netip.Addr) string {
	a = a.Unmap()
	if !a.IsValid() {
		return "invalid"
	}
	if a.Is4() {
		s := a.String()
		return s[:strings.LastIndexByte(s, '.')+1] + "xxx"
	}
	p, _ := a.WithZone("").Prefix(64)
	return p.String()
}
