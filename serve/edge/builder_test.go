package edge

import (
	"context"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

func TestBuilderRefuses(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.7")
	for want, add := range map[string]func(*Builder){
		"an address to list is none":               func(b *Builder) { b.Add(netip.Addr{}, Address{}) },
		"or has a zone":                            func(b *Builder) { b.Add(netip.MustParseAddr("fe80::1%eth0"), Address{}) },
		"confidence 1.5 of 192.0.2.xxx":            func(b *Builder) { b.Add(ip, Address{Confidence: 1.5}) },
		"confidence NaN of 192.0.2.xxx":            func(b *Builder) { b.Add(ip, Address{Confidence: math.NaN()}) },
		"a known address is none":                  func(b *Builder) { b.Known(netip.Addr{}) },
		"a prefix to spare is none":                func(b *Builder) { b.Allow(netip.Prefix{}) },
		"a prefix to list is none":                 func(b *Builder) { b.Force(netip.Prefix{}, "") },
		"a prefix to spare is none, or has a zone": func(b *Builder) { b.Share(netip.MustParsePrefix("::ffff:0:0/90")) },
	} {
		var b Builder
		add(&b)
		b.Add(ip, Address{Confidence: 1})
		if _, err := b.Build(context.Background(), Options{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for want, o := range map[string]Options{
		"roll-up of IPv4 to /32":        {IPv4: 32},
		"roll-up of IPv4 to /-1":        {IPv4: -1},
		"roll-up of IPv6 to /65":        {IPv6: 65},
		"a bound above":                 {MaxExtraIPv4: 1 << 63},
		"a share of NaN":                {MaxExtraShare: math.NaN()},
		"-1 known addresses":            {MaxKnown: -1},
		"-1 entries: want 0 (no bound)": {MaxEntries: -1},
	} {
		var b Builder
		b.Add(ip, Address{Confidence: 1})
		if _, err := b.Build(context.Background(), o); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFacts: what is said of an address reaches its entry, and a share is a
// bound.
func TestFacts(t *testing.T) {
	var b Builder
	first := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC)
	for i := range 20 {
		if i%5 == 4 {
			continue
		}
		b.Add(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Address{Confidence: float64(i) / 20, Since: first.AddDate(0, 0, i), Reason: string(rune('a' + i))})
	}
	b.Add(netip.MustParseAddr("::ffff:192.0.2.3"), Address{Confidence: 0.99, Since: first.AddDate(0, 0, 9), Reason: "twice"})
	l, err := b.Build(context.Background(), Options{IPv4: 24, MaxExtraShare: 0.125}) // two of sixteen
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range l.All() {
		got = append(got, e.Prefix.String())
		if e.Prefix.Contains(netip.AddrFrom4([4]byte{192, 0, 2, 3})) && (e.Confidence != float64(float32(0.99)) || e.Reason != "twice" || !e.Since.Equal(first)) {
			t.Errorf("%+v", e)
		}
	}
	if s := l.Stats(); s.ExtraIPv4 != 2 || s.Addresses != 16 || s.Entries != len(got) {
		t.Errorf("%+v: %v", s, got)
	}
	// A Builder is empty after Build.
	if l, err := b.Build(context.Background(), Options{}); err != nil || l.Len() != 0 {
		t.Errorf("%v, %v", l, err)
	}
}

// TestWholeSpace: the widest prefixes there are.
func TestWholeSpace(t *testing.T) {
	var b Builder
	b.Force(netip.MustParsePrefix("0.0.0.0/0"), "all")
	b.Force(netip.MustParsePrefix("::/0"), "all")
	b.Add(netip.MustParseAddr("255.255.255.255"), Address{Confidence: 1})
	b.Add(netip.MustParseAddr("0.0.0.0"), Address{Confidence: 1})
	b.Add(netip.MustParseAddr("::"), Address{Confidence: 1})
	b.Add(netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Address{Confidence: 1})
	b.Allow(netip.MustParsePrefix("128.0.0.0/1"))
	l, err := b.Build(context.Background(), Options{IPv4: 1, IPv6: 1, MaxExtraIPv4: maxBudget, MaxExtraIPv6: maxBudget})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range l.All() {
		got = append(got, e.Prefix.String())
	}
	if strings.Join(got, " ") != "0.0.0.0/1 ::/0" {
		t.Errorf("%v", got)
	}
	// Roll-up at the ends of the space, without what is forced.
	for _, a := range []string{"0.0.0.0", "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::"} {
		b.Add(netip.MustParseAddr(a), Address{Confidence: 1})
	}
	l, err = b.Build(context.Background(), Options{IPv4: 1, IPv6: 1, MaxExtraIPv4: maxBudget, MaxExtraIPv6: maxBudget})
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for e := range l.All() {
		got = append(got, e.Prefix.String())
	}
	if strings.Join(got, " ") != "0.0.0.0/0 ::/128 ffff:ffff:ffff:ffff::/64" {
		t.Errorf("%v, %+v", got, l.Stats())
	}
}
