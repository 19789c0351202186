package featurestore

import (
	"math/rand/v2"
	"net/netip"
	"slices"
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

// Runs of addresses give what a map would, in whatever order they come.
func TestAddressRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, space := range []int{1, 300, 1 << 17} {
		var r addressRuns
		twin := map[netip.Addr]bool{}
		for range 60 {
			run := make([]uint32, rng.IntN(3000))
			for i := range run {
				run[i] = uint32(rng.IntN(space))
			}
			if rng.IntN(4) > 0 {
				slices.Sort(run)
			}
			for _, x := range run {
				ip := netip.AddrFrom4([4]byte{0, byte(x >> 16), byte(x >> 8), byte(x)})
				if x%50 == 1 {
					ip = netip.AddrFrom16([16]byte{0x20, 1, 14: byte(x >> 8), 15: byte(x)})
				}
				twin[ip] = true
				r.add(ip)
			}
		}
		r.join()
		if n := len(r.known) + r.others.Len(); n != len(twin) || !slices.IsSorted(r.known) {
			t.Errorf("%d addresses, want %d", n, len(twin))
		}
		for _, x := range r.known {
			if ip := netip.AddrFrom4([4]byte{0, byte(x >> 16), byte(x >> 8), byte(x)}); !twin[ip] {
				t.Fatalf("%s did not come", ip)
			}
		}
		for ip := range twin {
			if ip.Is6() && !r.others.Contains(ip) {
				t.Fatalf("%s is lost", ip)
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
