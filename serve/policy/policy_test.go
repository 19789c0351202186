package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/fault"
)

var now = time.Date(2024, 9, 1, 12, 0, 0, 0, time.UTC)

const overrides = `# what people said
192.0.2.0/24    flag    never                alice  rented for an attack
192.0.2.7       allow   2024-09-01           bob    our own monitoring
192.0.2.128/25  abstain 2024-09-01T12:00:01Z carol  being looked into

2001:db8::/32	allow	never	bob	 partner,  asked
198.51.100.0/24 flag 2024-08-31 dan long over
198.51.100.77 flag 2024-09-01T12:00:01Z..2024-09-03 dan not yet
`

func parsed(t testing.TB, s string) []Override {
	t.Helper()
	os, err := ParseOverrides(strings.NewReader(s), "f")
	if err != nil {
		t.Fatal(err)
	}
	return os
}

func ranges(name, date string, prefixes ...string) Ranges {
	r := Ranges{Name: name}
	if date != "" {
		r.Date, _ = time.Parse(time.DateOnly, date)
	}
	for _, p := range prefixes {
		r.Prefixes = append(r.Prefixes, netip.MustParsePrefix(p))
	}
	return r
}

func samplePolicy(t testing.TB) *Policy {
	t.Helper()
	p, err := New(Rules{
		Overrides: parsed(t, overrides),
		Crawlers:  []Ranges{ranges("Examplebot", "2024-08-30", "203.0.113.0/24", "192.0.2.64/26")},
		Shared:    []Ranges{ranges("carrier", "", "192.0.2.0/28", "100.64.0.0/10")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecide(t *testing.T) {
	p := samplePolicy(t)
	for _, c := range []struct {
		ip     string
		scored Verdict
		want   Decision
	}{
		{"8.8.8.8", Abusive, Decision{Verdict: Abusive, Scored: Abusive, Source: FromModel}},
		{"192.0.2.1", NotAbusive, Decision{Verdict: Abusive, Scored: NotAbusive, Source: FromOverride, Reason: "rented for an attack", Author: "alice", Where: "f:2", Shared: "carrier"}},
		// The more specific one wins, to the end of its last day.
		{"192.0.2.7", Abusive, Decision{Verdict: NotAbusive, Scored: Abusive, Source: FromOverride, Reason: "our own monitoring", Author: "bob", Where: "f:3", Until: time.Date(2024, 9, 2, 0, 0, 0, 0, time.UTC), Shared: "carrier"}},
		{"::ffff:192.0.2.7", Abusive, Decision{Verdict: NotAbusive, Scored: Abusive, Source: FromOverride, Reason: "our own monitoring", Author: "bob", Where: "f:3", Until: time.Date(2024, 9, 2, 0, 0, 0, 0, time.UTC), Shared: "carrier"}},
		{"192.0.2.200", Abusive, Decision{Verdict: Abstain, Scored: Abusive, Source: FromOverride, Reason: "being looked into", Author: "carol", Where: "f:4", Until: now.Add(time.Second)}},
		{"2001:db8:1::1", Abusive, Decision{Verdict: NotAbusive, Scored: Abusive, Source: FromOverride, Reason: "partner, asked", Author: "bob", Where: "f:6"}},
		// One that ran out does not count.
		{"198.51.100.9", NotAbusive, Decision{Verdict: NotAbusive, Scored: NotAbusive, Source: FromModel}},
		{"203.0.113.9", Abusive, Decision{Verdict: NotAbusive, Scored: Abusive, Source: FromCrawler, Reason: "in the published ranges of Examplebot of 2024-08-30", Since: time.Date(2024, 8, 30, 0, 0, 0, 0, time.UTC)}},
		// An override goes before a crawler.
		{"192.0.2.65", Abusive, Decision{Verdict: Abusive, Scored: Abusive, Source: FromOverride, Reason: "rented for an attack", Author: "alice", Where: "f:2"}},
		{"100.64.1.1", Abusive, Decision{Verdict: Abusive, Scored: Abusive, Source: FromModel, Shared: "carrier"}},
	} {
		if got := p.Decide(netip.MustParseAddr(c.ip), c.scored, now); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.ip, got, c.want)
		}
	}
	// Two seconds later the abstention is over, and the wider override counts.
	if got := p.Decide(netip.MustParseAddr("192.0.2.200"), NotAbusive, now.Add(2*time.Second)); got.Verdict != Abusive || got.Author != "alice" {
		t.Errorf("%+v", got)
	}
	later := Decision{
		Verdict: Abusive, Scored: NotAbusive, Source: FromOverride, Reason: "not yet", Author: "dan", Where: "f:8",
		Since: now.Add(time.Second), Until: time.Date(2024, 9, 4, 0, 0, 0, 0, time.UTC),
	}
	begins := netip.MustParseAddr("198.51.100.77")
	if got := p.Decide(begins, NotAbusive, now); got.Source != FromModel {
		t.Errorf("before its time: %+v", got)
	}
	if got := p.Decide(begins, NotAbusive, now.Add(time.Second)); got != later {
		t.Errorf("%+v, want %+v", got, later)
	}
	if in, want := p.InForce(now.Add(time.Second)), []string{"f:2", "f:3", "f:8", "f:6"}; !slices.EqualFunc(in, want, func(o Override, w string) bool { return o.Where == w }) {
		t.Errorf("%+v, want %v", in, want)
	}
	if got := p.Decide(netip.Addr{}, Abusive, now); got.Verdict != Abusive || got.Source != FromModel {
		t.Errorf("no address: %+v", got)
	}
	if got := p.Expired(now); len(got) != 1 || got[0].Where != "f:7" {
		t.Errorf("%+v", got)
	}
	if n := testing.AllocsPerRun(100, func() { p.Decide(netip.AddrFrom4([4]byte{192, 0, 2, 7}), Abusive, now) }); n != 0 {
		t.Errorf("%v allocations a decision", n)
	}
}

// TestDecideAgainstLines holds Decide and Regions against a walk over all
// lines, on random policies over 256 addresses.
func TestDecideAgainstLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := netip.MustParseAddr("192.0.2.0").As4()
		prefix := func() netip.Prefix {
			base[3] = rapid.Byte().Draw(t, "host")
			return netip.PrefixFrom(netip.AddrFrom4(base), rapid.IntRange(24, 32).Draw(t, "bits")).Masked()
		}
		var r Rules
		seen := map[netip.Prefix]bool{}
		for range rapid.IntRange(0, 12).Draw(t, "overrides") {
			o := Override{Prefix: prefix(), Action: rapid.SampledFrom([]Action{Allow, Flag, Undecided}).Draw(t, "action"), Author: "a", Reason: "r"}
			if rapid.Bool().Draw(t, "expires") {
				o.Until = now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "hours")) * time.Hour)
			}
			if rapid.Bool().Draw(t, "begins") {
				o.Since = now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "since")) * time.Hour)
			}
			if !seen[o.Prefix] {
				seen[o.Prefix] = true
				r.Overrides = append(r.Overrides, o)
			}
		}
		crawler := Ranges{Name: "c"}
		for range rapid.IntRange(0, 3).Draw(t, "ranges") {
			crawler.Prefixes = append(crawler.Prefixes, prefix())
		}
		r.Crawlers = []Ranges{crawler}
		p, err := New(r)
		if err != nil {
			t.Fatal(err)
		}
		regions := p.Regions(now)
		for host := range 256 {
			base[3] = byte(host)
			ip := netip.AddrFrom4(base)
			want, source := Abusive, FromModel
			if slices.ContainsFunc(crawler.Prefixes, func(p netip.Prefix) bool { return p.Contains(ip) }) {
				want, source = NotAbusive, FromCrawler
			}
			bits := -1
			for _, o := range r.Overrides {
				if o.Prefix.Contains(ip) && o.Prefix.Bits() > bits && (o.Until.IsZero() || o.Until.After(now)) && !o.Since.After(now) {
					bits, want, source = o.Prefix.Bits(), verdictOf(o.Action), FromOverride
				}
			}
			if d := p.Decide(ip, Abusive, now); d.Verdict != want || d.Source != source {
				t.Fatalf("host %d: %+v, want %s by %s", host, d, want, source)
			}
			in := func(rs []Region) (hit bool) {
				for _, r := range rs {
					hit = hit || r.Prefix.Contains(ip) && !slices.ContainsFunc(r.Except, func(p netip.Prefix) bool { return p.Contains(ip) })
				}
				return hit
			}
			keep, flag := in(regions.Keep), in(regions.Flagged)
			if keep != (source != FromModel && want != Abusive) || flag != (source == FromOverride && want == Abusive) {
				t.Fatalf("host %d: kept out %v, flagged %v; decided %s by %s", host, keep, flag, want, source)
			}
		}
	})
}

func TestBadOverrides(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1 allow never alice":                            "f:1: 4 words: want prefix, action, until, author and a reason",
		"# x\n\n192.0.2.1 alow never a b":                        `f:3: action "alow": want allow, flag or abstain`,
		"192.0.2.1 allow soon a b":                               `f:1: until "soon": want a day`,
		"192.0.2.1 allow soon..never a b":                        `f:1: since "soon": want a day`,
		"192.0.2.1 allow never..never a b":                       `f:1: since "never": want a day`,
		"192.0.2.1 allow 2024-08-02..2024-08-01 a b":             `f:1: "2024-08-02..2024-08-01" ends before it begins`,
		"192.0.2.1 192.0.2.7 never a b":                          "f:1: action with an address in it: want allow, flag or abstain",
		"192.0.2.1 allow 192.0.2.7..never a b":                   "f:1: since with an address in it: want a day",
		"192.0.2.1 allow 0000-12-31 a b":                         `f:1: until "0000-12-31" lies before 1970`,
		"192.0.2.1 allow 2024-02-30 a b":                         "f:1: until",
		"192.0.2.1/24 allow never a b":                           "f:1: the prefix has bits beyond its length",
		"192.0.2.256 allow never a b":                            "f:1: want an address or a prefix",
		"fe80::1%eth0 allow never a b":                           "f:1: want an address or a prefix",
		"::ffff:192.0.2.0/120 allow never a b":                   "f:1: a prefix in IPv4-mapped space",
		"192.0.2.1 allow never a b\n192.0.2.1/32 flag never a b": "f:2: the prefix stands in line 1 already",
		"192.0.2.1 allow never a b\x00":                          "f:1: the line holds control characters",
		"192.0.2.1 allow never a \xff":                           "f:1: the line holds control characters or is no UTF-8",
		"192.0.2.1 allow never a " + strings.Repeat("x", 5000):   "f:1: bufio.Scanner: token too long; a line has at most 4095 bytes",
	} {
		_, err := ParseOverrides(strings.NewReader(in), "f")
		if err == nil || !strings.HasPrefix(err.Error(), want) || !fault.Is(err, fault.Invalid) {
			t.Errorf("%.40q: %v, want %q", in, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "192.0.2.") && !strings.Contains(err.Error(), "as in 192.0.2.7") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%.40q: an address or a second line in %v", in, err)
		}
	}
	dup := Override{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Where: "a:1"}
	if _, err := New(Rules{Overrides: []Override{dup, dup}}); err == nil {
		t.Error("one prefix twice was taken")
	}
	if _, err := New(Rules{Shared: []Ranges{{Prefixes: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("192.0.2.1"), 24)}}}}); err == nil {
		t.Error("host bits were taken")
	}
}

func TestParseRanges(t *testing.T) {
	for name, c := range map[string]struct {
		in, date string
		want     []string
	}{
		"google":   {`{"creationTime": "2024-08-30T22:00:27.000000", "prefixes": [{"ipv6Prefix": "2001:db8::/64"}, {"ipv4Prefix": "192.0.2.0/27"}]}`, "2024-08-30", []string{"2001:db8::/64", "192.0.2.0/27"}},
		"no date":  {`{"prefixes": []}`, "", nil},
		"plain":    {"# date: 2024-08-01\n192.0.2.0/24\n2001:db8::1 # one\n", "2024-08-01", []string{"192.0.2.0/24", "2001:db8::1/128"}},
		"no lines": {"", "", nil},
	} {
		r, err := ParseRanges(strings.NewReader(c.in), "f", "Examplebot")
		var got []string
		for _, p := range r.Prefixes {
			got = append(got, p.String())
		}
		date := ""
		if !r.Date.IsZero() {
			date = r.Date.Format(time.DateOnly)
		}
		if err != nil || !slices.Equal(got, c.want) || date != c.date || r.Name != "Examplebot" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for in, want := range map[string]string{
		`{"prefixes": [{"ipv4Prefix": "192.0.2.1/24"}]}`: "f: prefixes[0]: the prefix has bits",
		`{"prefixes": [{}]}`:                             "f: prefixes[0]: want an address",
		`{}`:                                             `f: JSON without "prefixes"`,
		`{"prefixes": 7}`:                                "f: no JSON of the shape",
		`{"prefixes": [], "creationTime": "yesterday"}`: "f: creationTime",
		"192.0.2.0/24 Googlebot\n":                      "f:1: 2 words: want one prefix",
		"192.0.2.0/24\nx\n":                             "f:2: want an address",
	} {
		if _, err := ParseRanges(strings.NewReader(in), "f", "x"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p := samplePolicy(b)
	ip := netip.MustParseAddr("192.0.2.7")
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(ip, Abusive, now)
	}
}
