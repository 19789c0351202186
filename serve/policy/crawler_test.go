package policy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

var _ Resolver = (*net.Resolver)(nil)

const googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

func addrs(ss ...string) (out []netip.Addr) {
	for _, s := range ss {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

var world = Hosts{
	Names: map[string][]string{
		"192.0.2.1":   {"crawl-192-0-2-1.googlebot.com."},
		"192.0.2.2":   {"crawl.googlebot.com.attacker.example."},
		"192.0.2.3":   {"evilgooglebot.com."},
		"192.0.2.4":   {"crawl-192-0-2-1.googlebot.com."}, // a lie: leads elsewhere
		"192.0.2.5":   {"gone.googlebot.com."},
		"192.0.2.6":   {"host.example.", "Crawl-Six.GoogleBot.com."},
		"2001:db8::1": {"crawl-v6.googlebot.com."},
	},
	Addrs: map[string][]netip.Addr{
		"crawl-192-0-2-1.googlebot.com": addrs("192.0.2.1"),
		"crawl-six.googlebot.com":       addrs("::ffff:192.0.2.6"),
		"crawl-v6.googlebot.com":        addrs("2001:db8::2", "2001:db8::1"),
	},
}

func TestVerify(t *testing.T) {
	crawlers := append(KnownCrawlers(), Crawler{Name: "Rangebot", Agents: []string{"Rangebot"}, Ranges: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, Date: time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC)}, Crawler{Name: "Nonebot", Agents: []string{"Nonebot"}})
	v := NewVerifier(crawlers, world)
	for _, c := range []struct {
		ip, agent string
		want      Verification
		reason    string
	}{
		{"192.0.2.1", googlebot, Verification{Crawler: "Googlebot", Claimed: true, Verified: true}, "crawl-192-0-2-1.googlebot.com leads back"},
		{"::ffff:192.0.2.1", strings.ToUpper(googlebot), Verification{Crawler: "Googlebot", Claimed: true, Verified: true}, "leads back"},
		{"192.0.2.2", googlebot, Verification{Crawler: "Googlebot", Claimed: true}, "only says it is Googlebot"},
		{"192.0.2.3", googlebot, Verification{Crawler: "Googlebot", Claimed: true}, "only says it is Googlebot"},
		{"192.0.2.4", googlebot, Verification{Crawler: "Googlebot", Claimed: true}, "only says it is Googlebot"},
		{"192.0.2.5", googlebot, Verification{Crawler: "Googlebot", Claimed: true}, "only says it is Googlebot"},
		{"192.0.2.6", googlebot, Verification{Crawler: "Googlebot", Claimed: true, Verified: true}, "crawl-six.googlebot.com"},
		{"192.0.2.9", googlebot, Verification{Crawler: "Googlebot", Claimed: true}, "no name of it in googlebot.com, google.com"},
		{"2001:db8::1", googlebot, Verification{Crawler: "Googlebot", Claimed: true, Verified: true}, "crawl-v6"},
		{"192.0.2.1", "Mozilla/5.0 Firefox/127.0", Verification{}, ""},
		{"198.51.100.7", "Rangebot/1.0", Verification{Crawler: "Rangebot", Claimed: true, Verified: true}, "in the published ranges of Rangebot of 2024-08-01"},
		{"198.51.100.7", "curl/8.0", Verification{Crawler: "Rangebot", Verified: true}, "in the published ranges"},
		{"192.0.2.1", "Rangebot/1.0", Verification{Crawler: "Rangebot", Claimed: true}, "not in its published ranges of 2024-08-01"},
		{"192.0.2.1", "Nonebot/1.0", Verification{Crawler: "Nonebot", Claimed: true}, "nothing to verify it by"},
	} {
		got, err := v.Verify(context.Background(), netip.MustParseAddr(c.ip), c.agent)
		reason := got.Reason
		got.Reason = ""
		if err != nil || got != c.want || !strings.Contains(reason, c.reason) || (c.reason == "") != (reason == "") {
			t.Errorf("%s %q: %+v %q, %v; want %+v %q", c.ip, c.agent, got, reason, err, c.want, c.reason)
		}
	}
	if _, err := v.Verify(context.Background(), netip.MustParseAddr("fe80::1%eth0"), googlebot); !fault.Is(err, fault.Invalid) {
		t.Errorf("a zone: %v", err)
	}
}

// broken is a resolver that has no answer at the moment.
type broken struct {
	Hosts
	forward bool
}

func (b broken) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	if b.forward {
		return b.Hosts.LookupAddr(ctx, addr)
	}
	return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
}

func (broken) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("i/o timeout")
}

// TestNoAnswerRefutesNothing: a resolver that fails is no proof of a lie.
func TestNoAnswerRefutesNothing(t *testing.T) {
	for _, forward := range []bool{false, true} {
		v := NewVerifier(KnownCrawlers(), broken{world, forward})
		got, err := v.Verify(context.Background(), netip.MustParseAddr("192.0.2.1"), googlebot)
		if !fault.Is(err, fault.Unavailable) || got.Reason != "" || got.Verified {
			t.Errorf("%+v, %v", got, err)
		}
	}
	v := NewVerifier(KnownCrawlers(), nil)
	if got, err := v.Verify(context.Background(), netip.MustParseAddr("192.0.2.1"), googlebot); err != nil || got.Verified || !strings.Contains(got.Reason, "nothing to verify it by") {
		t.Errorf("no resolver: %+v, %v", got, err)
	}
}

// counting counts forward lookups.
type counting struct {
	Hosts
	n *int
}

func (c counting) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	*c.n++
	return c.Hosts.LookupNetIP(ctx, network, host)
}

// TestManyNames: whoever owns an address may give it any number of names; they
// cost a bounded number of questions.
func TestManyNames(t *testing.T) {
	n := 0
	h := Hosts{Names: map[string][]string{"192.0.2.1": nil}}
	for range 1000 {
		h.Names["192.0.2.1"] = append(h.Names["192.0.2.1"], "x.googlebot.com.", "y.example.")
	}
	v := NewVerifier(KnownCrawlers(), counting{h, &n})
	got, err := v.Verify(context.Background(), netip.MustParseAddr("192.0.2.1"), googlebot)
	if err != nil || got.Verified || n != maxNames {
		t.Errorf("%+v, %v, %d lookups", got, err, n)
	}
}

// TestPolicyVerifier: the policy's files become the known crawlers' ranges.
func TestPolicyVerifier(t *testing.T) {
	p, err := New(Rules{Crawlers: []Ranges{ranges("googlebot", "2024-08-30", "203.0.113.0/24"), ranges("Examplebot", "", "198.51.100.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	v := p.Verifier(nil)
	for _, c := range []struct{ ip, agent, crawler, reason string }{
		{"203.0.113.7", googlebot, "Googlebot", "in the published ranges of Googlebot of 2024-08-30"},
		{"192.0.2.7", googlebot, "Googlebot", "not in its published ranges of 2024-08-30"},
		{"198.51.100.7", "examplebot/2", "Examplebot", "in the published ranges of Examplebot"},
		{"192.0.2.7", "Mozilla/5.0 (compatible; bingbot/2.0)", "Bingbot", "nothing to verify it by"},
	} {
		got, err := v.Verify(context.Background(), netip.MustParseAddr(c.ip), c.agent)
		if err != nil || !got.Claimed || got.Crawler != c.crawler || !strings.Contains(got.Reason, c.reason) || got.Verified != strings.HasPrefix(got.Reason, "in the") {
			t.Errorf("%s %s: %+v, %v", c.ip, c.agent, got, err)
		}
	}
}
