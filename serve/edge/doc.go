// Package edge turns addresses that are to be stopped into the lists that load
// balancers, web servers, firewalls and caches read.
//
// A Builder collects the addresses, what is known to be innocent and what must
// never be hit; Build finds the fewest prefixes that cover the addresses within
// a stated error; Write puts them into one of the formats, and Read takes a
// list of any of them back.
//
//	var b edge.Builder
//	b.Add(ip, edge.Address{Confidence: 0.97, Reason: "request_count"})
//	list, err := b.Build(ctx, edge.Options{})
//	err = edge.Write(w, edge.HAProxyMap, edge.Header{Name: "sluice"}, list.All())
//
// # The error
//
// Without roll-up a list covers its addresses and nothing else, in the fewest
// prefixes that can. With roll-up it may cover more: at most MaxExtraIPv4
// addresses that were not meant and MaxExtraIPv6 networks of size /64 in which
// nothing was meant, no prefix wider than asked for (wider ones come about only
// where every part of them was rolled up), none that touches an allowed prefix,
// and at most MaxKnown addresses that were seen and not flagged. An IPv6 /64 is
// counted as one, since it is what one subscriber gets.
//
// The package decides nothing about addresses: scores come from serve/feed,
// exceptions from serve/policy. It imports neither.
package edge
