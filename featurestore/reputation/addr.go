package reputation

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// reserved are the blocks of the IANA special-purpose registries that netip's
// own predicates do not cover. No verdict about them is possible.
var reserved = func() []netip.Prefix {
	var ps []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"100::/64", "2001:db8::/32", "3fff::/20", "fec0::/10",
	} {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}()

// Public reports whether AbuseIPDB can have a verdict on ip: a global unicast
// address outside the private, documentation, benchmark and other reserved
// blocks.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" {
		return false
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

type v6 [16]byte

func compareV6(a, b v6) int {
	if c := cmp.Compare(binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])); c != 0 {
		return c
	}
	return cmp.Compare(binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:]))
}

func key4(ip netip.Addr) uint32 {
	b := ip.As4()
	return binary.BigEndian.Uint32(b[:])
}

// list is what one export holds for one month: its addresses, ascending and
// distinct, with their scores where the export has any.
type list struct {
	known  int64 // Unix seconds from which the export can have been known
	sha    string
	v4     []uint32
	v6     []v6
	score4 []uint8 // parallel to v4, or nil
	score6 []uint8
}

// page holds up to 64 exports of one month. Bit i of an address's mask says
// that it stood on export i; a nil mask means that there is one export.
type page struct {
	known  []int64 // ascending; Unix seconds
	v4     []uint32
	v6     []v6
	mask4  []uint64
	mask6  []uint64
	score4 []uint8 // highest score over the exports, or nil
	score6 []uint8
	with6  uint64 // exports that hold any IPv6 address
}

const pageExports = 64

// add merges one more export; its known time is not before the page's last.
func (p *page) add(l *list) {
	if len(l.v6) > 0 {
		p.with6 |= 1 << len(p.known)
	}
	if len(p.known) == 0 {
		p.known = append(p.known, l.known)
		p.v4, p.v6, p.score4, p.score6 = l.v4, l.v6, l.score4, l.score6
		return
	}
	if p.mask4 == nil && p.mask6 == nil {
		p.mask4, p.mask6 = ones(len(p.v4)), ones(len(p.v6))
	}
	bit := uint64(1) << len(p.known)
	p.known = append(p.known, l.known)
	p.v4, p.mask4, p.score4 = merge(p.v4, p.mask4, p.score4, l.v4, bit, l.score4, cmp.Compare[uint32])
	p.v6, p.mask6, p.score6 = merge(p.v6, p.mask6, p.score6, l.v6, bit, l.score6, compareV6)
}

func ones(n int) []uint64 {
	m := make([]uint64, n)
	for i := range m {
		m[i] = 1
	}
	return m
}

func at(s []uint8, i int) uint8 {
	if s == nil {
		return 0
	}
	return s[i]
}

func merge[T any](a []T, am []uint64, as []uint8, b []T, bit uint64, bs []uint8, compare func(T, T) int) ([]T, []uint64, []uint8) {
	keys := make([]T, 0, max(len(a), len(b)))
	masks := make([]uint64, 0, max(len(a), len(b)))
	var scores []uint8
	scored := as != nil || bs != nil
	put := func(k T, m uint64, s uint8) {
		keys = append(keys, k)
		masks = append(masks, m)
		if scored {
			scores = append(scores, s)
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		c := 0
		switch {
		case j == len(b):
			c = -1
		case i == len(a):
			c = 1
		default:
			c = compare(a[i], b[j])
		}
		switch {
		case c < 0:
			put(a[i], am[i], at(as, i))
			i++
		case c > 0:
			put(b[j], bit, at(bs, j))
			j++
		default:
			put(a[i], am[i]|bit, max(at(as, i), at(bs, j)))
			i++
			j++
		}
	}
	return keys, masks, scores
}

// find gives the mask of exports that ip stood on (0: none) and its score.
func (p *page) find(ip netip.Addr) (mask uint64, score uint8) {
	if ip.Is4() {
		i, ok := slices.BinarySearch(p.v4, key4(ip))
		if !ok {
			return 0, 0
		}
		return maskAt(p.mask4, i), at(p.score4, i)
	}
	i, ok := slices.BinarySearchFunc(p.v6, v6(ip.As16()), compareV6)
	if !ok {
		return 0, 0
	}
	return maskAt(p.mask6, i), at(p.score6, i)
}

func maskAt(m []uint64, i int) uint64 {
	if m == nil {
		return 1
	}
	return m[i]
}

// before is the mask of the page's exports known strictly before t.
func (p *page) before(t int64) uint64 {
	n, _ := slices.BinarySearch(p.known, t)
	if n >= 64 {
		return ^uint64(0)
	}
	return uint64(1)<<n - 1
}

func unix(s int64) time.Time { return time.Unix(s, 0).UTC() }
