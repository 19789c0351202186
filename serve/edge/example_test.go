package edge_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"sluice/serve/edge"
	"sluice/serve/policy"
)

// A HAProxy map from addresses of one's own.
func Example() {
	var b edge.Builder
	for _, s := range []string{"192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "198.51.100.9"} {
		b.Add(netip.MustParseAddr(s), edge.Address{Confidence: 0.97, Reason: "request_count"})
	}
	b.Allow(netip.MustParsePrefix("198.51.100.0/24")) // a partner
	list, err := b.Build(context.Background(), edge.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := edge.Header{Name: "abuse", Source: "my own rules", Appeal: "abuse@example.org", Stats: list.Stats()}
	if err := edge.Write(os.Stdout, edge.HAProxyMap, h, list.All()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// # abuse: addresses to stop, for haproxy-map
	// # source: my own rules
	// # count: 1 entries (1 IPv4, 0 IPv6) for 4 addresses
	// # hit without being meant: at most 0 IPv4 addresses and 0 IPv6 networks of size /64, 0 of them seen and not flagged
	// # appeal: abuse@example.org
	// 192.0.2.4/30 abuse
}

// Fewer entries for a stated error: 14 of the 16 addresses are listed, so the
// prefix hits two that were not meant, and none that was seen and not flagged.
func ExampleBuilder_Build() {
	var b edge.Builder
	for i := range 16 {
		if i != 3 && i != 9 {
			b.Add(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), edge.Address{Confidence: 0.9})
		}
	}
	b.Known(netip.MustParseAddr("192.0.2.16"))
	list, err := b.Build(context.Background(), edge.Options{IPv4: 24, MaxExtraIPv4: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e := range list.All() {
		fmt.Println(e.Prefix, e.Addresses)
	}
	s := list.Stats()
	fmt.Printf("%d entries in place of %d, hitting %d addresses more\n", s.Entries, s.ExactEntries, s.ExtraIPv4)
	// Output:
	// 192.0.2.0/28 14
	// 1 entries in place of 6, hitting 2 addresses more
}

// Another program's list, without what people and crawlers' operators vouch for,
// as decisions for CrowdSec.
func ExampleWrite() {
	listed, _, err := edge.Read(strings.NewReader("192.0.2.7\n198.51.100.0/31\n203.0.113.9\n"), "mine.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	overrides, err := policy.ParseOverrides(strings.NewReader("192.0.2.7 allow never alice our own monitoring\n"), "allow.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	crawler, err := policy.ParseRanges(strings.NewReader(`{"prefixes": [{"ipv4Prefix": "203.0.113.0/27"}]}`), "bot.json", "Examplebot")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := policy.New(policy.Rules{Overrides: overrides, Crawlers: []policy.Ranges{crawler}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var b edge.Builder
	for _, prefix := range listed {
		b.Force(prefix, "my own rules")
	}
	for _, keep := range p.Regions(time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)).Keep {
		for _, prefix := range edge.Subtract([]netip.Prefix{keep.Prefix}, keep.Except) {
			b.Allow(prefix)
		}
	}
	list, err := b.Build(context.Background(), edge.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := edge.Header{Name: "mine", Lifetime: 36 * time.Hour}
	if err := edge.Write(os.Stdout, edge.CrowdSecCSV, h, list.All()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// duration,reason,scope,type,value
	// 36h,mine (my own rules),Range,ban,198.51.100.0/31
}

// Any list back into prefixes, in the fewest that cover it.
func ExampleRead() {
	prefixes, format, err := edge.Read(strings.NewReader("# mine\n192.0.2.0/25 abuse\n192.0.2.128/25 abuse\n"), "abuse.map")
	fmt.Println(prefixes, format, err)
	// Output:
	// [192.0.2.0/24] haproxy-map <nil>
}
