package featurestore

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestAddressSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() netip.Addr {
		if rng.IntN(4) == 0 {
			return netip.AddrFrom16([16]byte{0x20, 1, 15: byte(rng.IntN(200))})
		}
		return netip.AddrFrom4([4]byte{byte(rng.IntN(3)), 0, byte(rng.IntN(20)), byte(rng.IntN(256))})
	}
	var s AddressSet
	twin := map[netip.Addr]bool{}
	if s.Contains(random()) || s.Contains(netip.IPv4Unspecified()) {
		t.Error("an empty set has something")
	}
	twin[netip.IPv4Unspecified()] = true
	s.Add(netip.IPv4Unspecified())
	for range 20000 {
		ip := random()
		twin[ip] = true
		s.Add(ip)
		if ask := random(); s.Contains(ask) != twin[ask] {
			t.Fatalf("%s: %v", ask, s.Contains(ask))
		}
	}
	if s.Len() != len(twin) {
		t.Errorf("%d addresses, want %d", s.Len(), len(twin))
	}
	n := 0
	for ip := range s.All() {
		if n++; !twin[ip] {
			t.Fatalf("%s was not added", ip)
		}
	}
	if n != len(twin) {
		t.Errorf("%d of %d addresses", n, len(twin))
	}
}

// Sets that are joined hold what a map would, whichever is longer.
func TestAddressSetAddAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, sizes := range [][3]int{{0, 0, 0}, {0, 5000, 1}, {5000, 10, 9000}, {2000, 3000, 4000}} {
		var out AddressSet
		twin := map[netip.Addr]bool{}
		for i, n := range sizes {
			var s AddressSet
			for range n {
				ip := netip.AddrFrom4([4]byte{11, byte(rng.IntN(2)), byte(rng.IntN(256)), byte(rng.IntN(256))})
				if i == 1 && rng.IntN(9) == 0 {
					ip = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(rng.IntN(200))})
				}
				s.Add(ip)
				twin[ip] = true
			}
			out.AddAll(&s)
		}
		if out.Len() != len(twin) {
			t.Errorf("%v: %d addresses, want %d", sizes, out.Len(), len(twin))
		}
		for ip := range twin {
			if !out.Contains(ip) {
				t.Fatalf("%v: %s is lost", sizes, ip)
			}
		}
	}
}

// Joining takes time in proportion to the addresses, though a table's come out
// in the order of their places in the other.
func BenchmarkAddressSetAddAll(b *testing.B) {
	var s AddressSet
	for i := range uint32(300_000) {
		s.add4(11<<24 + i)
	}
	b.ReportAllocs()
	for b.Loop() {
		new(AddressSet).AddAll(&s)
	}
}
