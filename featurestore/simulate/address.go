package simulate

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"sluice/featurestore/reputation"
)

// addresses hands out addresses over the whole public space, no two clients
// the same. Documentation and benchmark ranges are far too few for a month,
// so what is drawn belongs to someone; everything written says that it is
// simulated.
type addresses struct {
	taken map[netip.Addr]bool
	hosts []uint32 // /24 networks of hosting companies, where attackers cluster
	sites []uint64 // /48 networks with IPv6
}

func newAddresses(seed int64) *addresses {
	r := rand.New(rand.NewPCG(mix(uint64(seed)), 0xadd7e55e5))
	p := &addresses{taken: map[netip.Addr]bool{}}
	for range 300 {
		p.hosts = append(p.hosts, binary.BigEndian.Uint32(public4(r).AsSlice())&^0xff)
		p.sites = append(p.sites, 0x2400_0000_0000_0000|r.Uint64()>>6&0x0fff_ffff_ffff_0000)
	}
	return p
}

func public4(r *rand.Rand) netip.Addr {
	for {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], r.Uint32())
		if a := netip.AddrFrom4(b); reputation.Public(a) {
			return a
		}
	}
}

// draw is a free address of the sort that a kind has: residential anywhere,
// hosted in a few networks, IPv6 for a part of each.
func (p *addresses) draw(k Kind, r *rand.Rand) netip.Addr {
	hosted, six := .05, .12
	switch k {
	case Flood, Burst:
		hosted, six = .45, .05
	case Scanner, Crawler, APIClient, Mathoid:
		hosted, six = .80, .08
	}
	if k.slow() {
		hosted, six = .02, .08
	}
	for {
		var a netip.Addr
		switch {
		case r.Float64() < six:
			var b [16]byte
			binary.BigEndian.PutUint64(b[:8], p.sites[r.IntN(len(p.sites))]|uint64(r.IntN(1<<10)))
			binary.BigEndian.PutUint64(b[8:], r.Uint64())
			a = netip.AddrFrom16(b)
		case r.Float64() < hosted:
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], p.hosts[r.IntN(len(p.hosts))]|uint32(1+r.IntN(254)))
			a = netip.AddrFrom4(b)
			if p.taken[a] {
				a = public4(r) // the networks fill up in large worlds
			}
		default:
			a = public4(r)
		}
		if !p.taken[a] && reputation.Public(a) {
			p.taken[a] = true
			return a
		}
	}
}
