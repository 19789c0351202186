package accesslog

import "net/netip"

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}
