package policy

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

// told holds an error of a policy file against what one may say: which file,
// one line, no address of it.
func told(t *testing.T, err error, in []byte) {
	t.Helper()
	text := err.Error()
	if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(text, "f:") || strings.ContainsAny(text, "\n\r\x00") {
		t.Fatalf("%q", text)
	}
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, `",;:()`)
		if _, err := netip.ParseAddr(word); err == nil && !strings.Contains(text, "as in "+word) && !strings.Contains(text, " or "+word) && bytes.Contains(in, []byte(word)) {
			t.Fatalf("an address in %q", text)
		}
	}
}

// FuzzParseOverrides: whatever stands in the file, it is refused with its line,
// or makes a policy in which each line decides about its prefix.
func FuzzParseOverrides(f *testing.F) {
	f.Add([]byte(overrides))
	f.Add([]byte("192.0.2.7 allow 2024-08-03..2025-01-31 alice a reason\n::/0 flag never b c\n0.0.0.0/0 abstain 2024-09-01T12:00:00+14:00 x y"))
	f.Add([]byte("192.0.2.7/32 allow never a b\n192.0.2.7 allow never a b\n"))
	f.Add([]byte("::ffff:192.0.2.7 allow 9999-12-31 a b\r\n::ffff:0:0/96 flag never a b\n"))
	f.Add([]byte("fe80::1%eth0 flag never a \xff\n1.2.3.4/33 flag 0000-01-01..0000-01-02 a b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		os, err := ParseOverrides(bytes.NewReader(in), "f")
		if err != nil {
			told(t, err, in)
			return
		}
		p, err := New(Rules{Overrides: os})
		if err != nil {
			t.Fatalf("parsed, but %v", err)
		}
		for _, o := range os {
			if o.Author == "" || o.Reason == "" || !strings.HasPrefix(o.Where, "f:") || !o.Until.IsZero() && !o.Since.Before(o.Until) && !o.Since.IsZero() ||
				o.Since.Year() > 9999 || o.Until.Year() > 9999 {
				t.Fatalf("%+v", o)
			}
			// At its first instant, the last address of the prefix is its own unless
			// something more specific speaks of it.
			at := o.Since
			if at.IsZero() {
				at = o.Until.Add(-time.Nanosecond)
			}
			if o.Until.IsZero() && o.Since.IsZero() {
				at = now
			}
			d := p.Decide(o.Prefix.Addr(), NotAbusive, at)
			more := slices.ContainsFunc(os, func(x Override) bool { return x.Prefix.Bits() > o.Prefix.Bits() && x.Prefix.Contains(o.Prefix.Addr()) })
			if d.Source != FromOverride || !more && d.Where != o.Where {
				t.Fatalf("%+v decides %+v", o, d)
			}
		}
		if n := len(p.InForce(now)) + len(p.Expired(now)); n > len(os) {
			t.Fatalf("%d in force or over, of %d", n, len(os))
		}
	})
}

// FuzzParseRanges: whatever a publisher writes is refused, or gives prefixes
// that make a policy.
func FuzzParseRanges(f *testing.F) {
	f.Add([]byte(`{"creationTime": "2024-08-30T22:00:27.000000", "prefixes": [{"ipv6Prefix": "2001:db8::/64"}, {"ipv4Prefix": "192.0.2.0/27"}]}`))
	f.Add([]byte("# date: 2024-08-01\n192.0.2.0/24\n2001:db8::1 # one\n"))
	f.Add([]byte(" \n{\"prefixes\": [{\"ipv4Prefix\": \"192.0.2.1/24\", \"ipv6Prefix\": 7}]}"))
	f.Add([]byte("#date:\n# date: never\n::ffff:1.2.3.4\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseRanges(bytes.NewReader(in), "f", "Examplebot")
		if err != nil {
			told(t, err, in)
			return
		}
		p, err := New(Rules{Crawlers: []Ranges{r}, Shared: []Ranges{r}})
		if err != nil {
			t.Fatalf("parsed, but %v", err)
		}
		if y := r.Date.Year(); y > 9999 || y < 1970 && !r.Date.IsZero() {
			t.Fatalf("published in %d", y)
		}
		for _, x := range r.Prefixes {
			if d := p.Decide(x.Addr(), Abusive, now); d.Source != FromCrawler || d.Shared != "Examplebot" || d.Verdict != NotAbusive {
				t.Fatalf("%v: %+v", x, d)
			}
		}
	})
}
