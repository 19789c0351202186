package webrequest

import (
	"net/netip"
	"testing"
)

func TestClientIP(t *testing.T) {
	for _, tt := range []struct{ ip, xff, want string }{
		// Not a proxy: the header is the client's own tale.
		{"203.0.113.7", "198.51.100.1", "203.0.113.7"},
		{"203.0.113.7", "", "203.0.113.7"},
		// A proxy.
		{"10.1.2.3", "", "10.1.2.3"},
		{"10.1.2.3", "-", "10.1.2.3"},
		{"10.1.2.3", "198.51.100.1", "198.51.100.1"},
		{"10.1.2.3", " 198.51.100.1 ", "198.51.100.1"},
		{"10.1.2.3", "192.0.2.1, 198.51.100.1", "198.51.100.1"},
		{"10.1.2.3", "192.0.2.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"},
		{"10.1.2.3", "192.0.2.1,10.8.8.8,10.9.9.9", "192.0.2.1"},
		{"10.1.2.3", "10.8.8.8,10.9.9.9", "10.8.8.8"},
		{"10.1.2.3", "192.0.2.1, x, 10.9.9.9", "10.9.9.9"},
		{"10.1.2.3", "192.0.2.1, x", "10.1.2.3"},
		{"10.1.2.3", "unknown", "10.1.2.3"},
		{"10.1.2.3", "192.0.2.1,", "10.1.2.3"},
		{"10.1.2.3", "192.0.2.1,,10.9.9.9", "10.9.9.9"},
		{"10.1.2.3", "192.0.2.1:80", "10.1.2.3"},
		{"10.1.2.3", "192.0.2.01", "10.1.2.3"},
		{"10.1.2.3", "192.0.2", "10.1.2.3"},
		{"10.1.2.3", "2001:db8::1", "2001:db8::1"},
		{"10.1.2.3", "[2001:db8::1]", "10.1.2.3"},
		{"10.1.2.3", "fe80::1%eth0", "10.1.2.3"},
		{"10.1.2.3", "2001:DB8:0:0::0001", "2001:db8::1"},
		{"10.1.2.3", "192.0.2.1, ::ffff:10.4.4.4", "192.0.2.1"},
		{"::ffff:10.1.2.3", "192.0.2.1", "192.0.2.1"},
		{"10.1.2.3", "::ffff:192.0.2.1", "192.0.2.1"},
		// Each of Wikimedia's prefixes, first and last address, and beside them.
		{"91.198.174.0", "192.0.2.1", "192.0.2.1"},
		{"91.198.174.255", "192.0.2.1", "192.0.2.1"},
		{"91.198.175.0", "192.0.2.1", "91.198.175.0"},
		{"208.80.152.0", "192.0.2.1", "192.0.2.1"},
		{"208.80.155.255", "192.0.2.1", "192.0.2.1"},
		{"208.80.156.0", "192.0.2.1", "208.80.156.0"},
		{"2620:0:860::1", "192.0.2.1", "192.0.2.1"},
		{"2620:0:863:ffff::1", "192.0.2.1", "192.0.2.1"},
		{"2620:0:864::1", "192.0.2.1", "2620:0:864::1"},
		{"198.35.27.255", "192.0.2.1", "192.0.2.1"},
		{"198.35.28.0", "192.0.2.1", "198.35.28.0"},
		{"185.15.56.200", "192.0.2.1", "192.0.2.1"},
		{"185.15.57.1", "192.0.2.1", "185.15.57.1"},
		{"2a02:ec80:ffff::1", "192.0.2.1", "192.0.2.1"},
		{"2a02:ec81::1", "192.0.2.1", "2a02:ec81::1"},
		{"2001:df2:e500:1::1", "192.0.2.1", "192.0.2.1"},
		{"2001:df2:e501::1", "192.0.2.1", "2001:df2:e501::1"},
		{"103.102.166.1", "192.0.2.1", "192.0.2.1"},
		{"103.102.167.1", "192.0.2.1", "103.102.167.1"},
		{"11.0.0.0", "192.0.2.1", "11.0.0.0"},
	} {
		got := ClientIP(netip.MustParseAddr(tt.ip), tt.xff, WikimediaProxies())
		if got.String() != tt.want {
			t.Errorf("ClientIP(%s, %q) = %s, want %s", tt.ip, tt.xff, got, tt.want)
		}
	}
	if got := ClientIP(netip.Addr{}, "192.0.2.1", WikimediaProxies()); got.IsValid() {
		t.Errorf("no address gives %s", got)
	}
	if got := ClientIP(netip.MustParseAddr("10.1.2.3"), "192.0.2.1", nil); got.String() != "10.1.2.3" {
		t.Errorf("with no trusted proxy: %s", got)
	}
	o := DefaultOptions(Site)
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")}
	r := &Request{IP: netip.MustParseAddr("192.0.2.1"), XForwardedFor: "198.51.100.7"}
	if got := mustNew(t, o).ClientIP(r); got.String() != "198.51.100.7" {
		t.Errorf("Deriver.ClientIP = %s", got)
	}
}

func TestIPProvenance(t *testing.T) {
	for _, tt := range []struct{ ip, now, then string }{
		{"203.0.113.7", "internet", "internet"},
		{"10.1.2.3", "wikimedia", "wikimedia"},
		{"::ffff:10.1.2.3", "wikimedia", "wikimedia"},
		{"185.15.56.1", "wikimedia_labs", "wikimedia_labs"}, // in both lists: Cloud VPS first
		{"185.15.56.127", "wikimedia_labs", "wikimedia_labs"},
		{"185.15.56.128", "wikimedia", "wikimedia"},
		{"172.16.7.255", "wikimedia_labs", "wikimedia_labs"},
		{"172.16.8.0", "wikimedia_labs", "internet"},
		{"172.16.127.255", "wikimedia_labs", "internet"},
		{"172.16.128.255", "wikimedia_labs", "wikimedia_labs"},
		{"172.16.129.0", "wikimedia_labs", "internet"},
		{"172.17.0.0", "internet", "internet"},
		{"185.15.57.7", "wikimedia_labs", "wikimedia_labs"},
		{"185.15.57.8", "internet", "internet"},
		{"185.15.57.16", "wikimedia_labs", "internet"},
		{"185.15.57.23", "wikimedia_labs", "internet"},
		{"185.15.57.24", "internet", "internet"},
		{"2a02:ec80:a000::1", "wikimedia_labs", "wikimedia"},
		{"2a02:ec80:a000:ff::1", "wikimedia_labs", "wikimedia"},
		{"2a02:ec80:a000:100::1", "wikimedia", "wikimedia"},
		{"2a02:ec80:a100::1", "wikimedia_labs", "wikimedia"},
		{"2001:db8::1", "internet", "internet"},
	} {
		a := netip.MustParseAddr(tt.ip)
		if got := IPProvenance(a, false); got != tt.now {
			t.Errorf("IPProvenance(%s) = %s, want %s", tt.ip, got, tt.now)
		}
		if got := IPProvenance(a, true); got != tt.then {
			t.Errorf("IPProvenance(%s) before April 2025 = %s, want %s", tt.ip, got, tt.then)
		}
	}
	if got := IPProvenance(netip.Addr{}, false); got != "internet" {
		t.Errorf("no address: %s", got)
	}
	if n, m := len(CloudVPS(false)), len(CloudVPS(true)); n != 7 || m != 4 {
		t.Errorf("%d and %d prefixes of Cloud VPS", n, m)
	}
}
