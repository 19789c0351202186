package row

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"sluice/featurestore/fault"
)

func TestMonth(t *testing.T) {
	for _, c := range []struct{ in, start, end string }{
		{"2024-08", "2024-08-01", "2024-09-01"},
		{"2024-12", "2024-12-01", "2025-01-01"},
		{"2024-02", "2024-02-01", "2024-03-01"},
		{"1970-01", "1970-01-01", "1970-02-01"},
	} {
		m, err := ParseMonth(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if m.String() != c.in || m.Start(time.UTC).Format(time.DateOnly) != c.start || m.End(time.UTC).Format(time.DateOnly) != c.end {
			t.Errorf("%s: %s, %s to %s", c.in, m, m.Start(time.UTC), m.End(time.UTC))
		}
		var n Month
		if b, _ := m.MarshalText(); n.UnmarshalText(b) != nil || n != m {
			t.Errorf("%s does not survive its text", c.in)
		}
	}
	for _, bad := range []string{"", "2024", "2024-13", "2024-8", "24-08", "2024-08-01", "1969-12", "aaaa-bb"} {
		if _, err := ParseMonth(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseMonth(%q): %v", bad, err)
		}
	}
	tashkent := time.FixedZone("", 5*3600)
	if got := MonthOf(time.Date(2024, 7, 31, 20, 0, 0, 0, time.UTC).In(tashkent)); got.String() != "2024-08" {
		t.Errorf("a month is taken in the time's own zone: %s", got)
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.77":        "192.0.2.xxx",
		"::ffff:192.0.2.77": "192.0.2.xxx",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"fe80::1%eth0":      "fe80::/64",
		"::1":               "::/64",
	} {
		if got := Mask(netip.MustParseAddr(in)); got != want {
			t.Errorf("Mask(%s) = %s, want %s", in, got, want)
		}
	}
	if Mask(netip.Addr{}) != "invalid" {
		t.Error("the zero address")
	}
}

func TestMaskText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"26/Jul/2024 20:00:00 +05:00":      "26/Jul/2024 20:00:00 +05:00",
		"2024-07-26T20:00:00Z":             "2024-07-26T20:00:00Z",
		"1.2.3, a:b, 1e39, 12:30:59, 4:5:": "1.2.3, a:b, 1e39, 12:30:59, 4:5:",
		"203.0.113.77":                     "203.0.113.xxx",
		"203.000.113.077":                  "203.000.113.xxx",
		`time "203.0.113.77:443": want`:    `time "203.0.113.xxx:443": want`,
		"a=203.0.113.77,198.51.100.1/32.":  "a=203.0.113.xxx,198.51.100.xxx/32.",
		"::ffff:203.0.113.77":              "203.0.113.xxx",
		"[2001:db8:1:2:3::4]:443":          "[2001:db8:1:2::/64]:443",
		"2001:DB8:1:2:3::4.":               "2001:db8:1:2::/64",
		"2001:db8:1:2:3::4: no number":     "2001:db8:1:2::/64 no number",
		"2001:db8:1:2:3:4:5:6:443":         "2001:db8:1:2::/64",
		"ip:2001:db8:1:2:3:4:5:6":          "ip2001:db8:1:2::/64",
		"fe80::1%eth0":                     "fe80::/64%eth0",
	} {
		if got := MaskText(in); got != want {
			t.Errorf("MaskText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseIP(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:DB8:0::1": "2001:db8::1",
	} {
		if got, ok := ParseIP(in); !ok || got.String() != want {
			t.Errorf("ParseIP(%s) = %v, %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "unknown", "fe80::1%eth0", "192.0.2.1:80", "192.0.2", "192.0.2.1, 192.0.2.2", "[::1]", "0192.0.2.1"} {
		if got, ok := ParseIP(bad); ok {
			t.Errorf("ParseIP(%q) = %v", bad, got)
		}
	}
}

func TestKeyOrder(t *testing.T) {
	a := netip.MustParseAddr
	keys := []Key{
		{24290, "a", a("2.0.0.0")}, {24290, "a", a("10.0.0.0")}, {24290, "a", a("::1")},
		{24290, "b", a("1.0.0.0")}, {24291, "a", a("1.0.0.0")},
	}
	if !slices.IsSortedFunc(keys, Key.Compare) {
		t.Error("month, attack, address; IPv4 before IPv6, by number")
	}
	if keys[0].Compare(keys[0]) != 0 {
		t.Error("a key differs from itself")
	}
}
