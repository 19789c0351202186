package webrequest

import (
	"net/netip"
	"slices"
	"strings"

	"sluice/featurestore/row"
)

// Values of ip_provenance.
const (
	ProvenanceWikimedia = "wikimedia"
	ProvenanceLabs      = "wikimedia_labs"
	ProvenanceInternet  = "internet"
)

func prefixes(list ...string) []netip.Prefix {
	p := make([]netip.Prefix, len(list))
	for i, s := range list {
		p[i] = netip.MustParsePrefix(s)
	}
	return p
}

var (
	wikimediaProxies = prefixes(
		"91.198.174.0/24", "208.80.152.0/22", "2620:0:860::/46", "198.35.26.0/23",
		"185.15.56.0/24", "2a02:ec80::/32", "2001:df2:e500::/48", "103.102.166.0/24",
		"10.0.0.0/8",
	)
	cloudNow = prefixes(
		"172.16.0.0/17", "185.15.56.0/25", "2a02:ec80:a000::/56", "172.16.128.0/17",
		"185.15.57.0/29", "185.15.57.16/29", "2a02:ec80:a100::/56",
	)
	cloudThen = prefixes("172.16.0.0/21", "185.15.56.0/25", "172.16.128.0/24", "185.15.57.0/29")
)

// WikimediaProxies are the prefixes whose X-Forwarded-For Wikimedia trusts.
func WikimediaProxies() []netip.Prefix { return slices.Clone(wikimediaProxies) }

// CloudVPS are the prefixes of Wikimedia's Cloud VPS, as of before April 2025
// or since.
func CloudVPS(before2025April bool) []netip.Prefix {
	if before2025April {
		return slices.Clone(cloudThen)
	}
	return slices.Clone(cloudNow)
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// ClientIP is the client behind trusted proxies: ip itself unless it is one of
// them; else the addresses of X-Forwarded-For from right to left up to and
// including the first that is none. What is not an address ends the walk, and
// the last good address stands. The result is canonical; it is the zero Addr
// if ip is no address.
func ClientIP(ip netip.Addr, xForwardedFor string, trusted []netip.Prefix) netip.Addr {
	client, ok := row.Canonical(ip)
	if !ok {
		return netip.Addr{}
	}
	for end := len(xForwardedFor); end >= 0 && within(client, trusted); {
		start := strings.LastIndexByte(xForwardedFor[:end], ',')
		entry := trimControl(xForwardedFor[start+1 : end])
		if absent(entry) {
			break
		}
		a, ok := row.ParseIP(entry)
		if !ok {
			break
		}
		client, end = a, start
	}
	return client
}

// IPProvenance is Wikimedia's ip_provenance of an address: Cloud VPS is looked
// for first, then the trusted proxies.
func IPProvenance(ip netip.Addr, before2025April bool) string {
	a, ok := row.Canonical(ip)
	cloud := cloudNow
	if before2025April {
		cloud = cloudThen
	}
	switch {
	case !ok:
		return ProvenanceInternet
	case within(a, cloud):
		return ProvenanceLabs
	case within(a, wikimediaProxies):
		return ProvenanceWikimedia
	}
	return ProvenanceInternet
}
