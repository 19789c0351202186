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
