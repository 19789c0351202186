package accesslog

import (
	"net/netip"
	"strings"

	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// parseIP reads an address as row.ParseIP does, without allocating for one
// that is good.
func parseIP(s string) (netip.Addr, bool) {
	var b [4]byte
	n, v, digits := 0, 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c-'0' <= 9:
			v = v*10 + int(c-'0')
			digits++
			if v > 255 || digits > 1 && v < 10 || digits > 3 {
				return parseIPv6(s)
			}
		case c == '.' && digits > 0 && n < 3:
			b[n] = byte(v)
			n++
			v, digits = 0, 0
		default:
			return parseIPv6(s)
		}
	}
	if n != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	b[3] = byte(v)
	return netip.AddrFrom4(b), true
}

// parseIPv6 is the slow way; what cannot be IPv6 is refused before netip makes
// an error of it, since logs hold names and rubbish in bulk.
func parseIPv6(s string) (netip.Addr, bool) {
	if len(s) < 2 || len(s) > 45 || strings.IndexByte(s, ':') < 0 || strings.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	return row.ParseIP(s)
}

// clientAddress reads the logged address and, if it is a trusted proxy's,
// walks X-Forwarded-For from right to left to the first one that is not.
func clientAddress(logged, forwarded string, trusted []netip.Prefix) (netip.Addr, Reason) {
	if logged == "" || logged == "-" || logged == "unknown" {
		return netip.Addr{}, MissingIP
	}
	a, ok := parseIP(logged)
	if !ok {
		return netip.Addr{}, BadIP
	}
	if len(trusted) > 0 {
		a = webrequest.ClientIP(a, forwarded, trusted)
	}
	return a, Accepted
}
