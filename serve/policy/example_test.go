package policy_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sluice/serve/policy"
)

func Example() {
	overrides, err := policy.ParseOverrides(strings.NewReader(`
203.0.113.0/24 flag  never      bob   rented for an attack
203.0.113.9    allow 2024-12-31 alice our own monitoring
`), "overrides.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := policy.New(policy.Rules{Overrides: overrides})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)
	for _, ip := range []string{"203.0.113.9", "203.0.113.10", "198.51.100.1"} {
		d := p.Decide(netip.MustParseAddr(ip), policy.NotAbusive, now)
		fmt.Printf("%s: %s by %s %s\n", ip, d.Verdict, d.Source, d.Where)
	}
	// Output:
	// 203.0.113.9: not_abusive by override overrides.txt:3
	// 203.0.113.10: abusive by override overrides.txt:2
	// 198.51.100.1: not_abusive by model
}

func ExampleVerifier() {
	// net.DefaultResolver asks the real domain name system.
	v := policy.NewVerifier(policy.KnownCrawlers(), policy.Hosts{
		Names: map[string][]string{"192.0.2.1": {"crawl-1.googlebot.com."}},
		Addrs: map[string][]netip.Addr{"crawl-1.googlebot.com": {netip.MustParseAddr("192.0.2.1")}},
	})
	for _, ip := range []string{"192.0.2.1", "198.51.100.1"} {
		got, err := v.Verify(context.Background(), netip.MustParseAddr(ip), "Mozilla/5.0 (compatible; Googlebot/2.1)")
		fmt.Println(got.Verified, got.Reason, err)
	}
	// Output:
	// true its name crawl-1.googlebot.com leads back to it <nil>
	// false only says it is Googlebot: no name of it in googlebot.com, google.com leads back to it <nil>
}
